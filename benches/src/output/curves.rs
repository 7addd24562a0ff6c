//! Curves: a chart of lines over two logarithmic axes.

use super::svg::{Svg, grouped, number};
use crate::report::Curves;

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 380.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 200.0;
const TOP: f64 = 58.0;
const BOTTOM: f64 = 44.0;

/// Least distance of two labels.
const SPACING: f64 = 15.0;

/// Number of colors in the style.
const COLORS: usize = 5;

/// A logarithmic axis.
struct Axis {
    least: f64,
    most: f64,
    from: f64,
    to: f64,
}

impl Axis {
    fn new(values: impl Iterator<Item = f64> + Clone, from: f64, to: f64) -> Self {
        let least = values.clone().fold(f64::INFINITY, f64::min).max(1e-9);
        let most = values.fold(least * 1.01, f64::max);
        Self { least: least.log10(), most: most.log10(), from, to }
    }

    fn place(&self, value: f64) -> f64 {
        let share = (value.max(1e-9).log10() - self.least) / (self.most - self.least);
        self.from + share * (self.to - self.from)
    }

    /// Returns powers of ten, and in a short range their double and fivefold.
    fn ticks(&self) -> Vec<f64> {
        let steps: &[f64] = if self.most - self.least < 2.5 { &[1.0, 2.0, 5.0] } else { &[1.0] };
        let powers = self.least.floor() as i32..=self.most.ceil() as i32;
        let all = powers.flat_map(|power| steps.iter().map(move |step| step * 10f64.powi(power)));
        all.filter(|tick| (self.least - 1e-6..=self.most + 1e-6).contains(&tick.log10())).collect()
    }
}

/// Draws a chart.
pub fn draw(chart: &Curves) -> String {
    let points = || chart.series.iter().flat_map(|(_, points)| points.iter().copied());
    let xs = Axis::new(points().map(|(x, _)| x), LEFT, WIDTH - RIGHT);
    let ys = Axis::new(points().map(|(_, y)| y), HEIGHT - BOTTOM, TOP);
    let mut svg = Svg::new(WIDTH, HEIGHT, &chart.title);
    svg.text("quiet", 16.0, 44.0, "start", &format!("{}; both axes logarithmic", chart.y));
    for tick in xs.ticks() {
        let x = xs.place(tick);
        svg.line((x, TOP), (x, HEIGHT - BOTTOM));
        svg.text("quiet", x, HEIGHT - BOTTOM + 16.0, "middle", &grouped(tick.round() as u64));
    }
    for tick in ys.ticks() {
        let y = ys.place(tick);
        svg.line((LEFT, y), (WIDTH - RIGHT, y));
        svg.text("quiet", LEFT - 8.0, y + 4.0, "end", &number(tick));
    }
    svg.text("quiet", (LEFT + WIDTH - RIGHT) / 2.0, HEIGHT - 10.0, "middle", &chart.x);
    let mut labels = Vec::new();
    let mut contenders = Vec::new();
    for (name, points) in &chart.series {
        // The variants of one contender have one color.
        let contender = name.split(',').next();
        let color = contenders.iter().position(|other| *other == contender).unwrap_or(contenders.len());
        if color == contenders.len() {
            contenders.push(contender);
        }
        let dashed = if name.contains("cold") { " dashed" } else { "" };
        let class = format!("stroke-{}{dashed}", color % COLORS);
        let line: Vec<_> = points.iter().map(|(x, y)| (xs.place(*x), ys.place(*y))).collect();
        svg.polyline(&class, &line);
        if let Some((x, y)) = line.last() {
            labels.push((*y, *x, class, name));
        }
    }
    labels.sort_by(|one, other| one.0.total_cmp(&other.0));
    let mut free = TOP;
    for (y, x, class, name) in labels {
        let place = y.max(free);
        free = place + SPACING;
        svg.polyline(&class, &[(x + 4.0, y), (WIDTH - RIGHT + 22.0, place), (WIDTH - RIGHT + 34.0, place)]);
        svg.text("", WIDTH - RIGHT + 40.0, place + 4.0, "start", name);
    }
    svg.finish()
}
