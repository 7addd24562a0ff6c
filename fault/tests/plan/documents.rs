//! Documents that are broken or hostile, and good ones that were mutated.

use waylay_fault::{FaultPlan, PlanFormat};

/// Every injector and every key once.
pub(crate) const ALL: &str = include_str!("data/all.toml");

pub(crate) const SAMPLE: &str = include_str!("../../../examples/plan.toml");

/// A generator that needs no seed from outside: the same documents in every run.
struct Draws(u64);

impl Draws {
    fn next(&mut self, below: usize) -> usize {
        // Marsaglia's xorshift.
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % below.max(1) as u64) as usize
    }
}

const FORMATS: [PlanFormat; 3] = [PlanFormat::Toml, PlanFormat::Json, PlanFormat::Yaml];

fn in_format(plan: &FaultPlan, format: PlanFormat) -> String {
    match format {
        PlanFormat::Json => plan.to_json(),
        PlanFormat::Yaml => plan.to_yaml(),
        _ => plan.to_toml(),
    }
}

/// Truncated, mutated and spliced forms of good plans.
pub(crate) fn mutated() -> Vec<(String, PlanFormat)> {
    let mut draws = Draws(0x9e37_79b9_7f4a_7c15);
    let mut documents = Vec::new();
    for source in [ALL, SAMPLE] {
        let plan = FaultPlan::from_toml(source).unwrap();
        for format in FORMATS {
            let text = in_format(&plan, format);
            for _ in 0..20 {
                let cut = draws.next(text.len());
                documents.push((String::from_utf8_lossy(&text.as_bytes()[..cut]).into_owned(), format));
            }
            for _ in 0..40 {
                let mut bytes = text.clone().into_bytes();
                for _ in 0..=draws.next(4) {
                    let at = draws.next(bytes.len());
                    match draws.next(5) {
                        0 => bytes[at] = b"\0\"'{}[],:=#&*!|>-\n\t\\9eE."[draws.next(24)],
                        1 => drop(bytes.remove(at)),
                        2 => bytes.insert(at, draws.next(256) as u8),
                        3 => {
                            let end = (at + draws.next(40)).min(bytes.len());
                            bytes.drain(at..end);
                        }
                        _ => {
                            let end = (at + draws.next(60)).min(bytes.len());
                            let piece = bytes[at..end].to_vec();
                            let to = draws.next(bytes.len());
                            bytes.splice(to..to, piece);
                        }
                    }
                }
                documents.push((String::from_utf8_lossy(&bytes).into_owned(), format));
            }
        }
    }
    documents
}

/// Documents written to hurt.
pub(crate) fn hostile() -> Vec<(String, PlanFormat)> {
    use PlanFormat::{Json, Toml, Yaml};
    let many = |piece: &str, count: usize| piece.repeat(count);
    let fault = |injector: &str| {
        format!(
            r#"{{"version":1,"environments":["e"],"fault":[{{"name":"a","participation":1,{injector}}}]}}"#
        )
    };
    let deep_chain =
        |depth: usize| fault(&format!("{}\"error\":503{}", many(r#""chain":[{"#, depth), many("}]", depth)));
    let bomb = (0..9).fold("a0: &a0 [x,x,x,x,x,x,x,x,x]\n".to_owned(), |text, level| {
        let aliases = many(&format!("*a{level},"), 9);
        format!("{text}a{}: &a{} [{}]\n", level + 1, level + 1, aliases.trim_end_matches(','))
    });
    let mut documents = vec![
        (many("[", 100_000), Json),
        (many("{\"a\":", 50_000), Json),
        (many("[", 100_000), Yaml),
        (many("{a: ", 50_000), Yaml),
        (many("- ", 100_000), Yaml),
        (many("? ", 100_000), Yaml),
        (format!("a = {}", many("[", 100_000)), Toml),
        (format!("a = {}", many("{a=", 50_000)), Toml),
        (many("a.", 100_000) + "a = 1", Toml),
        (many("[a.", 50_000), Toml),
        (many("[[a]]\n", 40_000), Toml),
        (format!("[{}]\n", many("a.", 100_000) + "a"), Toml),
        (deep_chain(40), Json),
        (deep_chain(5_000), Json),
        (bomb.clone(), Yaml),
        (many("a: &a [*a]\n", 1), Yaml),
        (many("&a ", 50_000), Yaml),
        (many("!!a ", 50_000), Yaml),
        (many("*a ", 50_000), Yaml),
        (many("---\n", 60_000), Yaml),
        (many("%TAG ! x\n", 20_000), Yaml),
        (many("\"", 200_000), Yaml),
        (many("'", 200_000), Toml),
        (many("#", 250_000), Toml),
        (many("\n", 250_000), Yaml),
        (many(" ", 250_000) + "a", Yaml),
        (many("\t", 250_000), Yaml),
        ((0..20_000).map(|level| format!("{}a:\n", many(" ", level % 10))).collect(), Yaml),
        ((0..600).map(|level| format!("{}a:\n", many(" ", level))).collect(), Yaml),
        (many("k: v\n", 50_000), Yaml),
        (many("k = 1\n", 40_000), Toml),
        ((0..20_000).map(|number| format!("k{number} = 1\n")).collect(), Toml),
        (
            format!(
                "{{{}}}",
                (0..20_000).map(|n| format!("\"k{n}\":1,")).collect::<String>().trim_end_matches(',')
            ),
            Json,
        ),
        (format!("{{{}}}", many("\"k\":1,", 40_000).trim_end_matches(',')), Json),
        (format!("[{}]", many("1,", 100_000).trim_end_matches(',')), Json),
        (format!("{{\"version\":{}}}", many("9", 200_000)), Json),
        (format!("version = {}", many("9", 200_000)), Toml),
        (format!("version: {}", many("9", 200_000)), Yaml),
        (format!("version = 0.{}", many("0", 200_000)), Toml),
        (format!("\"{}\" = 1", many("k", 200_000)), Toml),
        (format!("{{\"{}\":1}}", many("k", 200_000)), Json),
        (format!("{}: 1", many("k", 1000)), Yaml),
        (fault(&format!(r#""error":503,"allow_paths":["{}"]"#, many("/**", 60_000))), Json),
        (fault(&format!(r#""error":503,"allow_rules":["{}"]"#, many("!", 100_000))), Json),
        (fault(&format!(r#""error":503,"allow_rules":["{}"]"#, many("(", 100_000))), Json),
        (
            fault(&format!(r#""error":503,"allow_rules":["PathRegexp(`{}`)"]"#, many("(a{1000}){1000}", 10))),
            Json,
        ),
        (
            fault(&format!(r#""slow":{{"distribution":"quantiles","table":"{}"}}"#, many("p50=1s ", 30_000))),
            Json,
        ),
        (fault(&format!(r#""slow":"{}s""#, many("9", 100_000))), Json),
        (fault(&format!(r#""random":[{}]"#, many(r#"{"error":503},"#, 101).trim_end_matches(','))), Json),
        (fault(r#""error":503,"participation":1e-400,"seed":-1"#), Json),
        (many("x", 10 * 1024 * 1024), Toml),
        (many("{\"a\":[", 2 * 1024 * 1024), Json),
        (many("- a\n", 3 * 1024 * 1024), Yaml),
        ("\u{feff}\u{feff}version: 1".into(), Yaml),
        ("version: 1\0".into(), Yaml),
        ("version = 1\0".into(), Toml),
        ("{\"version\":1}\0".into(), Json),
        ("\"\\ud800\"".into(), Json),
        ("{\"\\ud800\":1}".into(), Json),
        ("a = \"\\uD800\"".into(), Toml),
        ("a: \"\\uD800\"".into(), Yaml),
        ("<<: {version: 1}\nenvironments: [e]".into(), Yaml),
        ("{\"__proto__\":{\"version\":1}}".into(), Json),
    ];
    for number in [
        "nan",
        "inf",
        "-inf",
        "1e999",
        "-0.1",
        "1.0000001",
        "0x1",
        "0o7",
        "0b1",
        "1_000",
        "18446744073709551616",
        "-9223372036854775809",
        "true",
        "\"1\"",
        "[]",
        "{}",
    ] {
        for key in ["participation", "seed", "skip", "limit"] {
            documents.push((format!("version = 1\nenvironments = [\"e\"]\n[[fault]]\nname = \"a\"\nerror = 503\nparticipation = 2\n{key} = {number}\n"), Toml));
        }
    }
    documents
}
