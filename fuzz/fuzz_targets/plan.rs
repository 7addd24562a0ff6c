//! Any text as a fault plan, in TOML, JSON and YAML: fragments of a plan with every key, and edits of valid ones.
//!
//! Reading never panics and takes bounded time, every error has its line, and an accepted plan reads back as it is written, in
//! each format, also from a set that it was applied to.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::{Corpus, fuzz_target};
use waylay_fault::{FaultPlan, FaultSet, PlanFormat};

/// Every injector and every key once.
const ALL: &str = include_str!("../../fault/tests/plan/data/all.toml");

const FORMATS: [PlanFormat; 3] = [PlanFormat::Toml, PlanFormat::Json, PlanFormat::Yaml];

/// Texts that have a meaning in one of the formats.
const PIECES: [&str; 32] = [
    "\n",
    "[",
    "]",
    "{",
    "}",
    "\"",
    "'",
    ":",
    ",",
    "=",
    "#",
    "- ",
    "  ",
    "\\u0000",
    "[[fault]]\n",
    "&a ",
    "*a",
    "<<: ",
    "null",
    "true",
    "~",
    "nan",
    "-1",
    "1e400",
    "0x1",
    "18446744073709551616",
    "\"\"\"",
    "|\n",
    "!!str ",
    "\\",
    "1ms",
    "%",
];

/// Valid plans of one fault each, by format, and their lines.
static PLANS: LazyLock<[Vec<String>; 3]> = LazyLock::new(|| {
    let (head, faults) = ALL.split_once("\n[[fault]]").expect("faults follow the head");
    let plans = faults.split("\n[[fault]]").map(|fault| {
        FaultPlan::from_toml(&format!("{head}\n[[fault]]{fault}")).expect("the plan of the tests is valid")
    });
    let plans: Vec<_> = plans.collect();
    FORMATS.map(|format| plans.iter().map(|plan| written(plan, format)).collect())
});

static LINES: LazyLock<[Vec<&str>; 3]> =
    LazyLock::new(|| PLANS.each_ref().map(|plans| plans.iter().flat_map(|plan| plan.lines()).collect()));

fn written(plan: &FaultPlan, format: PlanFormat) -> String {
    match format {
        PlanFormat::Json => plan.to_json(),
        PlanFormat::Yaml => plan.to_yaml(),
        _ => plan.to_toml(),
    }
}

/// Replaces bytes that are not ASCII by pieces, or by lines of valid plans.
fn with_fragments(data: &[u8], lines: &[&str]) -> Vec<u8> {
    let mut text = Vec::new();
    let mut data = data.iter();
    while let Some(byte) = data.next() {
        match byte {
            0..128 => text.push(*byte),
            128..160 => text.extend_from_slice(PIECES[usize::from(byte - 128)].as_bytes()),
            160..250 => {
                let number = usize::from(byte - 160) * 256 + usize::from(*data.next().unwrap_or(&0));
                text.extend_from_slice(lines[number % lines.len()].as_bytes());
                text.push(b'\n');
            }
            _ => text.push(*byte),
        }
    }
    text
}

/// Edits a valid plan: each edit has a place, a length and a text.
fn edited(data: &[u8], plan: &str, lines: &[&str]) -> Vec<u8> {
    let mut text = plan.as_bytes().to_vec();
    for edit in data.chunks(5).take(64) {
        let &[high, low, length, kind, ref piece @ ..] = edit else { break };
        let from = (usize::from(high) * 256 + usize::from(low)) % (text.len() + 1);
        let to = from.saturating_add(length.into()).min(text.len());
        let new = match kind % 4 {
            0 => Vec::new(),
            1 => with_fragments(piece, lines),
            2 => text[from..to].repeat(2),
            _ => vec![kind],
        };
        let to = if kind % 4 == 3 { from } else { to };
        text.splice(from..to, new);
    }
    text
}

fuzz_target!(|data: &[u8]| -> Corpus {
    let [kind, which, data @ ..] = data else { return Corpus::Reject };
    let index = usize::from(kind % 3);
    let (format, lines) = (FORMATS[index], &LINES[index]);
    let text = match kind / 3 % 4 {
        0 => data.to_vec(),
        1 => with_fragments(data, lines),
        _ => edited(data, &PLANS[index][usize::from(*which) % PLANS[index].len()], lines),
    };
    let Ok(text) = String::from_utf8(text) else { return Corpus::Reject };
    match FaultPlan::parse(&text, format) {
        Err(errors) => {
            let lines = text.split('\n').count();
            assert!((1..=100).contains(&errors.iter().len()));
            for error in &errors {
                assert!((1..=lines + 1).contains(&error.line()) && error.column() > 0, "{error}");
                assert!(text.get(error.span()).is_some() && !error.message().is_empty(), "{error:?}");
            }
            let shown = errors.to_string();
            assert!(shown.len() <= 100_000, "{} bytes of errors", shown.len());
            assert!(shown.chars().all(|c| c == '\n' || !c.is_control()), "{shown:?}");
        }
        Ok(plan) => {
            for format in FORMATS {
                let again = written(&plan, format);
                let read = FaultPlan::parse(&again, format);
                assert_eq!(read.as_ref(), Ok(&plan), "{again}");
            }
            assert!(plan.summary().chars().all(|c| c == '\n' || !c.is_control()), "{:?}", plan.summary());
            apply(&plan);
        }
    }
    Corpus::Keep
});

/// Applies a plan twice: the set has the plan, or is left as it was.
fn apply(plan: &FaultPlan) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let runtime = runtime.expect("a runtime");
    runtime.block_on(async {
        let environment = plan.environments().next().unwrap_or_default().to_owned();
        let set = FaultSet::builder().environment(environment).build();
        match set.apply(plan) {
            Ok(()) => {
                assert_eq!(set.plan().as_ref(), Some(plan));
                assert_eq!(set.apply(plan), Ok(()));
                set.clear();
            }
            Err(error) => {
                assert!(!error.to_string().is_empty());
                assert_eq!((set.plan(), set.revision()), (None, 0));
            }
        }
    });
}
