//! Writers of a plan's data in the three formats.

use std::fmt::Write;

use crate::plan::data::{Data, Table};

/// One line for each key, and a section for each fault.
pub(crate) fn toml(plan: &Table) -> String {
    let mut text = String::new();
    for (key, data) in &plan.0 {
        match data {
            Data::List(items) if *key == "fault" && !items.is_empty() => {
                for item in items {
                    text.push_str("\n[[fault]]\n");
                    if let Data::Table(fault) = item {
                        lines(fault, &mut text);
                    }
                }
            }
            _ => line(key, data, &mut text),
        }
    }
    text
}

fn lines(table: &Table, text: &mut String) {
    table.0.iter().for_each(|(key, data)| line(key, data, text));
}

fn line(key: &str, data: &Data, text: &mut String) {
    let _ = write!(text, "{key} = ");
    inline(data, text);
    text.push('\n');
}

fn inline(data: &Data, text: &mut String) {
    match data {
        Data::List(items) => {
            text.push('[');
            for (index, item) in items.iter().enumerate() {
                text.push_str(if index == 0 { "" } else { ", " });
                inline(item, text);
            }
            text.push(']');
        }
        Data::Table(table) => {
            text.push_str("{ ");
            for (index, (key, data)) in table.0.iter().enumerate() {
                let _ = write!(text, "{}{key} = ", if index == 0 { "" } else { ", " });
                inline(data, text);
            }
            text.push_str(" }");
        }
        scalar => scalar_text(scalar, text),
    }
}

/// One line for the plan and its guards, and one for each fault.
pub(crate) fn summary(plan: &Table) -> String {
    const IN_TITLE: [&str; 6] = ["version", "id", "environments", "owner", "reason", "fault"];
    let environments: Vec<_> = plan.texts("environments").collect();
    let mut text =
        format!("plan {} for {}", plan.text("id").unwrap_or("without id"), environments.join(", "));
    for (key, data) in plan.0.iter().filter(|(key, _)| !IN_TITLE.contains(key)) {
        let _ = write!(text, ", {key} = ");
        inline(data, &mut text);
    }
    for fault in plan.tables("fault") {
        let name = fault.text("name").unwrap_or_default();
        let placement = fault.text("placement").unwrap_or("server");
        let share = fault.number("participation").unwrap_or_default() * 100.0;
        let is_disabled = fault.bool("enabled") == Some(false);
        let state = if is_disabled { ", disabled" } else { "" };
        let _ = write!(text, "\n{name} ({placement}{state}): {share} %");
        let is_shown = |key: &str| !["name", "placement", "participation", "enabled"].contains(&key);
        for (key, data) in fault.0.iter().filter(|(key, _)| is_shown(key)) {
            let _ = write!(text, ", {key} = ");
            inline(data, &mut text);
        }
    }
    text
}

/// Indented by two spaces.
pub(crate) fn json(data: &Data, depth: usize, text: &mut String) {
    let indent = |text: &mut String, depth: usize| {
        text.push('\n');
        (0..depth).for_each(|_| text.push_str("  "));
    };
    match data {
        Data::List(items) if !items.is_empty() => {
            text.push('[');
            for (index, item) in items.iter().enumerate() {
                text.push_str(if index == 0 { "" } else { "," });
                indent(text, depth + 1);
                json(item, depth + 1, text);
            }
            indent(text, depth);
            text.push(']');
        }
        Data::Table(table) if !table.0.is_empty() => {
            text.push('{');
            for (index, (key, data)) in table.0.iter().enumerate() {
                text.push_str(if index == 0 { "" } else { "," });
                indent(text, depth + 1);
                let _ = write!(text, "\"{key}\": ");
                json(data, depth + 1, text);
            }
            indent(text, depth);
            text.push('}');
        }
        Data::List(_) => text.push_str("[]"),
        Data::Table(_) => text.push_str("{}"),
        scalar => scalar_text(scalar, text),
    }
}

/// In blocks, with every text in quotes, so that none is taken for something else.
pub(crate) fn yaml(data: &Data, depth: usize, text: &mut String) {
    let indent = |text: &mut String| (0..depth).for_each(|_| text.push_str("  "));
    match data {
        Data::Table(table) if !table.0.is_empty() => {
            for (key, data) in &table.0 {
                indent(text);
                let _ = write!(text, "{key}:");
                yaml_value(data, depth, text);
            }
        }
        Data::List(items) if !items.is_empty() => {
            for item in items {
                indent(text);
                text.push('-');
                yaml_value(item, depth, text);
            }
        }
        Data::List(_) => text.push_str("[]"),
        Data::Table(_) => text.push_str("{}"),
        scalar => scalar_text(scalar, text),
    }
}

fn yaml_value(data: &Data, depth: usize, text: &mut String) {
    let is_block = match data {
        Data::List(items) => !items.is_empty(),
        Data::Table(table) => !table.0.is_empty(),
        _ => false,
    };
    text.push_str(if is_block { "\n" } else { " " });
    yaml(data, depth + 1, text);
    text.push_str(if is_block { "" } else { "\n" });
}

fn scalar_text(data: &Data, text: &mut String) {
    let _ = match data {
        Data::Bool(value) => write!(text, "{value}"),
        Data::Integer(value) => write!(text, "{value}"),
        // With a point or an exponent, so that it stays a number of that kind.
        Data::Number(value) => write!(text, "{value:?}"),
        Data::Text(value) => {
            quoted(value, text);
            Ok(())
        }
        Data::List(_) | Data::Table(_) => Ok(()),
    };
}

/// Quotes as all three formats read them.
fn quoted(value: &str, text: &mut String) {
    text.push('"');
    for character in value.chars() {
        match character {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            // What YAML does not take as it is, beyond what JSON does not.
            c if c.is_control()
                || matches!(c, '\u{feff}' | '\u{2028}' | '\u{2029}' | '\u{fffe}' | '\u{ffff}') =>
            {
                let _ = write!(text, "\\u{:04x}", u32::from(c));
            }
            c => text.push(c),
        }
    }
    text.push('"');
}
