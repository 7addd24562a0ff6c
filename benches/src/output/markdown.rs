//! Tables in Markdown: one page for each group, the goals, and the headlines.

use std::fmt::Write;

use super::Results;
use crate::report::{Goal, Line, Report};

/// Figures of the README: group, label, and what the README calls it.
const HEADLINES: [(&str, &str, &str); 17] = [
    ("lookup", "GET, captures / matchit 0.9", "look-up with method and captures / matchit 0.9, path only"),
    ("lookup", "GET, captures read / matchit 0.9, params read", "the same, captures read by both"),
    ("lookup", "GET, exact paths / matchit 0.9", "exact paths / matchit 0.9"),
    ("lookup", "GET + 1 header guard / matchit 0.9", "with a header condition / matchit 0.9, path only"),
    ("lookup", "GET, exact host / matchit 0.9", "with an exact host / matchit 0.9, path only"),
    ("lookup", "GET, host variable / matchit 0.9", "with a host variable / matchit 0.9, path only"),
    ("mixed", "all / best peer with manual code", "all kinds of conditions / best peer with manual code"),
    ("mixed", "worst kind / best peer with manual code", "the worst kind of them"),
    (
        "large",
        "hits / best peer with manual methods",
        "3,500 routes of a REST API / best peer with manual methods",
    ),
    ("dispatch", "no argument: overhead / axum's overhead", "what a router adds to its endpoint / axum 0.8"),
    ("dispatch", "captures read: overhead / axum's overhead", "the same, captures read"),
    ("dispatch", "no argument, 1 layer: overhead / axum's overhead", "the same, one layer"),
    ("extract", "in a handler: struct adds / axum's adds", "eight scalars in a handler / axum's extractors"),
    ("extract", "json / serde_json", "JSON body as a struct / serde_json"),
    ("idle", "fault adds / chaos adds", "a disabled fault / tower-resilience-chaos"),
    ("socket", "waylay / bare hyper, CPU per request", "CPU per request over sockets / bare hyper"),
    ("scale", "100,000 routes: bytes per route without its text", "bytes per route, of 100,000"),
];

/// Chart of the README: the file in `benches/report`.
const HEADLINE_CHART: (&str, &str) =
    ("mixed.svg", "Time of a look-up in a table with all kinds of conditions");

/// Returns the file of a chart of bars.
pub fn bars_file(report: &Report, number: usize) -> String {
    file(&report.group, "", number)
}

/// Returns the file of a chart of lines.
pub fn curves_file(report: &Report, number: usize) -> String {
    file(&report.group, "-lines", number)
}

fn file(group: &str, kind: &str, number: usize) -> String {
    let number = if number == 0 { String::new() } else { format!("-{}", number + 1) };
    format!("{group}{kind}{number}.svg")
}

/// Returns the page of a group.
pub fn page(report: &Report) -> String {
    let mut text = format!("# {}\n\n{}\n", report.title, report.note);
    let _ = writeln!(text, "\nMedians of {} processes.\n", report.processes);
    text.push_str("| figure | median | range | goal | | from |\n|---|---|---|---|---|---|\n");
    for line in &report.lines {
        let Line { label, goal, note, .. } = line;
        let (median, range) = (median(line), range(line));
        let _ = writeln!(text, "| {label} | {median} | {range} | {goal} | {} | {note} |", verdict(line));
    }
    if !report.remarks.is_empty() {
        let _ = write!(text, "\n```text\n{}\n```\n", report.remarks.join("\n"));
    }
    for (number, chart) in report.bars.iter().enumerate() {
        let _ = write!(text, "\n![{}]({})\n", chart.title, bars_file(report, number));
    }
    for (number, chart) in report.curves.iter().enumerate() {
        let _ = write!(text, "\n![{}]({})\n\n| {} |", chart.title, curves_file(report, number), chart.x);
        let mut columns: Vec<f64> =
            chart.series.iter().flat_map(|(_, points)| points.iter().map(|point| point.0)).collect();
        columns.sort_by(f64::total_cmp);
        columns.dedup();
        for x in &columns {
            let _ = write!(text, " {x} |");
        }
        let _ = write!(text, "\n|---|{}\n", "---|".repeat(columns.len()));
        for (name, points) in &chart.series {
            let _ = write!(text, "| {name} |");
            for x in &columns {
                let y = points.iter().find(|point| point.0 == *x).map(|point| super::svg::number(point.1));
                let _ = write!(text, " {} |", y.unwrap_or_default());
            }
            text.push('\n');
        }
    }
    text
}

/// Returns all figures that have a goal, and where they were measured.
pub fn goals(results: &Results) -> String {
    let all =
        || results.reports.iter().flat_map(|report| report.lines.iter().map(move |line| (report, line)));
    let with_goal = || all().filter(|(_, line)| line.goal != Goal::None);
    let met = with_goal().filter(|(_, line)| line.goal.is_met(line.spread.median) == Some(true)).count();
    let mut text = format!("{}\n\n{met} of {} goals are met.\n\n", machine(results), with_goal().count());
    text.push_str("| group | figure | median | range | goal | |\n|---|---|---|---|---|---|\n");
    for (report, line) in with_goal() {
        let (group, label, goal) = (&report.group, &line.label, line.goal);
        let (median, range, verdict) = (median(line), range(line), verdict(line));
        let _ = writeln!(
            text,
            "| [`{group}`](report/{group}.md) | {label} | {median} | {range} | {goal} | {verdict} |"
        );
    }
    text
}

/// Returns the figures of the README.
pub fn headlines(results: &Results) -> String {
    let (file, title) = HEADLINE_CHART;
    let mut text = format!("![{title}](benches/report/{file})\n\n{}\n\n", machine(results));
    text.push_str("| work | ratio | goal | |\n|---|---|---|---|\n");
    for (group, label, name) in HEADLINES {
        let lines =
            results.reports.iter().filter(|report| report.group == group).flat_map(|report| &report.lines);
        match lines.clone().find(|line| line.label == label) {
            Some(line) => {
                let _ = writeln!(text, "| {name} | {} | {} | {} |", median(line), line.goal, verdict(line));
            }
            None => eprintln!("not measured: {group}, {label}"),
        }
    }
    text
}

fn machine(results: &Results) -> String {
    let machine = &results.machine;
    let processes = results.reports.iter().map(|report| report.processes).min().unwrap_or_default();
    format!(
        "Medians of {processes} processes on {} cores of {} ({}, {}), load average {}.",
        machine.cores, machine.processor, machine.system, machine.rustc, machine.load
    )
}

fn median(line: &Line) -> String {
    let decimals = line.spread.decimals();
    format!("{:.decimals$}", line.spread.median)
}

fn range(line: &Line) -> String {
    let decimals = line.spread.decimals();
    format!("{:.decimals$} to {:.decimals$}", line.spread.least, line.spread.most)
}

fn verdict(line: &Line) -> &'static str {
    match line.goal.is_met(line.spread.median) {
        None => "",
        Some(true) => "met",
        Some(false) => "**missed**",
    }
}
