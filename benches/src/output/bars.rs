//! Bars: a chart of medians, the shortest first.

use super::svg::{Svg, number, width};
use crate::report::Bars;

const WIDTH: f64 = 760.0;
const ROW: f64 = 24.0;
const TOP: f64 = 42.0;

/// A bar longer than the shortest one by this factor is cut.
const LONGEST: f64 = 12.0;

/// Draws a chart.
pub fn draw(chart: &Bars) -> String {
    let mut bars = chart.bars.clone();
    bars.sort_by(|(_, one), (_, other)| one.total_cmp(other));
    let least = bars.first().map_or(1.0, |(_, value)| value.max(1e-9));
    let is_cut = |value: f64| value > least * LONGEST;
    let most = bars.iter().map(|(_, value)| *value).filter(|value| !is_cut(*value)).fold(least, f64::max);
    let left = 24.0 + bars.iter().map(|(name, _)| width(name)).fold(0.0, f64::max);
    let full = WIDTH - left - 130.0;
    let height = TOP + ROW * bars.len() as f64 + 14.0;
    let mut svg = Svg::new(WIDTH, height, &format!("{} ({})", chart.title, chart.unit));
    for (row, (name, value)) in bars.iter().enumerate() {
        let y = TOP + ROW * row as f64;
        let class = if name.starts_with("waylay") { "fill-0" } else { "fill-1" };
        svg.text("", left - 8.0, y + 14.0, "end", name);
        // Cut bars end in two short pieces.
        let length = if is_cut(*value) { full } else { (full * value / most).max(1.0) };
        svg.rectangle(class, left, y + 3.0, length, ROW - 9.0);
        let mut end = left + length;
        if is_cut(*value) {
            svg.rectangle(class, end + 4.0, y + 3.0, 8.0, ROW - 9.0);
            svg.rectangle(class, end + 16.0, y + 3.0, 4.0, ROW - 9.0);
            end += 20.0;
        }
        svg.text("quiet", end + 8.0, y + 14.0, "start", &format!("{} {}", number(*value), chart.unit));
    }
    svg.finish()
}
