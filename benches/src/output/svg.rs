//! Svg: a document whose colors follow the color scheme of the reader.

use std::fmt::Write;

/// Width of a character of the labels, on average.
const CHARACTER: f64 = 6.7;

const STYLE: &str = "\
  <style>
    text { font: 12px system-ui, sans-serif; fill: #1f2328; }
    .title { font-size: 14px; font-weight: 600; }
    .quiet { fill: #59636e; }
    .line { stroke: #d1d9e0; stroke-width: 1; }
    .fill-0 { fill: #0969da; } .fill-1 { fill: #818b98; }
    .stroke-0 { stroke: #0969da; } .stroke-1 { stroke: #bc4c00; } .stroke-2 { stroke: #1a7f37; }
    .stroke-3 { stroke: #8250df; } .stroke-4 { stroke: #59636e; }
    polyline { fill: none; stroke-width: 2; stroke-linejoin: round; }
    .dashed { stroke-dasharray: 5 4; }
    .page { fill: #ffffff; }
    @media (prefers-color-scheme: dark) {
      text { fill: #f0f6fc; }
      .quiet { fill: #9198a1; }
      .line { stroke: #3d444d; }
      .fill-0 { fill: #4493f8; } .fill-1 { fill: #656c76; }
      .stroke-0 { stroke: #4493f8; } .stroke-1 { stroke: #f0883e; } .stroke-2 { stroke: #3fb950; }
      .stroke-3 { stroke: #ab7df8; } .stroke-4 { stroke: #9198a1; }
      .page { fill: #0d1117; }
    }
  </style>
";

/// A document that is written from top to bottom.
#[derive(Debug)]
pub struct Svg {
    text: String,
}

impl Svg {
    /// Starts a document; the title is also the text for screen readers.
    pub fn new(width: f64, height: f64, title: &str) -> Self {
        let (title, plain) = (escape(title), title);
        let mut text = String::new();
        let _ = writeln!(
            text,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
             height=\"{height}\" role=\"img\" aria-label=\"{title}\">\n  <title>{title}</title>"
        );
        text.push_str(STYLE);
        let _ = writeln!(text, "  <rect class=\"page\" width=\"{width}\" height=\"{height}\" rx=\"6\"/>");
        let mut svg = Self { text };
        svg.text("title", 16.0, 26.0, "start", plain);
        svg
    }

    /// Writes a text; `anchor` is `start`, `middle` or `end`.
    pub fn text(&mut self, class: &str, x: f64, y: f64, anchor: &str, text: &str) {
        let text = escape(text);
        let _ = writeln!(
            self.text,
            "  <text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{text}</text>"
        );
    }

    /// Draws a rectangle.
    pub fn rectangle(&mut self, class: &str, x: f64, y: f64, width: f64, height: f64) {
        let _ = writeln!(
            self.text,
            "  <rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" rx=\"2\"/>"
        );
    }

    /// Draws a straight line.
    pub fn line(&mut self, from: (f64, f64), to: (f64, f64)) {
        let ((x1, y1), (x2, y2)) = (from, to);
        let _ = writeln!(
            self.text,
            "  <line class=\"line\" x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\"/>"
        );
    }

    /// Draws a line through points.
    pub fn polyline(&mut self, class: &str, points: &[(f64, f64)]) {
        let points: Vec<String> = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        let _ = writeln!(self.text, "  <polyline class=\"{class}\" points=\"{}\"/>", points.join(" "));
    }

    /// Returns the document.
    pub fn finish(self) -> String {
        self.text + "</svg>\n"
    }
}

/// Returns the width that a label takes, roughly.
pub fn width(label: &str) -> f64 {
    label.chars().count() as f64 * CHARACTER
}

/// Returns a number with three digits and its unit; large ones with separators.
pub fn number(value: f64) -> String {
    match value {
        value if value >= 1000.0 => grouped(value.round() as u64),
        value if value >= 100.0 => format!("{value:.0}"),
        value if value >= 10.0 => format!("{value:.1}"),
        value => format!("{value:.2}"),
    }
}

/// Returns a number with a comma after each three digits.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
