//! What plans say, the same in three formats.

use proptest::prelude::*;
use waylay_fault::{FaultPlan, PlanFormat};

use crate::documents::{ALL, SAMPLE};

/// The plan in all formats, from its own text in one of them.
fn in_all_formats(plan: &FaultPlan) -> [(String, PlanFormat); 3] {
    [
        (plan.to_toml(), PlanFormat::Toml),
        (plan.to_json(), PlanFormat::Json),
        (plan.to_yaml(), PlanFormat::Yaml),
    ]
}

fn read(text: &str, format: PlanFormat) -> FaultPlan {
    FaultPlan::parse(text, format).unwrap_or_else(|errors| panic!("{errors}\n\n{text}"))
}

#[test]
fn every_key_reads_back_in_every_format() {
    for text in [ALL, SAMPLE] {
        let plan = read(text, PlanFormat::Toml);
        for (text, format) in in_all_formats(&plan) {
            assert_eq!(read(&text, format), plan, "{format:?}\n{text}");
        }
    }
    // The document is whole: each key of the schema is in it.
    let schema: serde_json::Value = serde_json::from_str(&FaultPlan::json_schema()).unwrap();
    for (table, definition) in schema["$defs"].as_object().unwrap() {
        let objects = definition["anyOf"].as_array().map_or(vec![definition], |any| any.iter().collect());
        let keys =
            objects.iter().filter_map(|object| object["properties"].as_object()).flat_map(|keys| keys.keys());
        for key in keys {
            assert!(ALL.contains(&format!("{key} =")) || key == "fault", "`{key}` of {table}");
        }
    }
}

#[test]
fn short_forms_mean_the_long_ones() {
    let rows = [
        ("error = 503", "error = { status = 503 }"),
        ("grpc = 14", "grpc = { status = 14 }"),
        ("slow = \"90ms\"", "slow = { distribution = \"fixed\", time = \"90ms\" }"),
        ("slow = { time = \"90ms\" }", "slow = { distribution = \"fixed\", time = \"90ms\" }"),
        ("reject = \"empty_reply\"", "reject = { how = \"empty_reply\" }"),
        ("rate_limit = 8192", "rate_limit = { bytes_per_second = 8192 }"),
        ("corrupt = \"utf8\"", "corrupt = { how = \"utf8\" }"),
        ("replace = \"x\"", "replace = { body = \"x\" }"),
        ("error = 503\ngroup = \"g\"", "error = 503\ngroup = { name = \"g\" }"),
    ];
    let plan = |injector: &str| {
        let text = format!(
            "version = 1\nenvironments = [\"e\"]\n[[fault]]\nname = \"a\"\nparticipation = 1\n{injector}\n"
        );
        read(&text, PlanFormat::Toml)
    };
    for (short, long) in rows {
        assert_eq!(plan(short), plan(long), "{short}");
    }
    let shares = [
        "0.0025",
        "{ numerator = 2500, denominator = \"million\" }",
        "{ numerator = 25, denominator = \"ten_thousand\" }",
    ];
    for share in shares {
        let text = format!(
            "version = 1\nenvironments = [\"e\"]\n[[fault]]\nname = \"a\"\nparticipation = {share}\nerror = 503\n"
        );
        assert_eq!(read(&text, PlanFormat::Toml), {
            let text = "version = 1\nenvironments = [\"e\"]\n[[fault]]\nname = \"a\"\nparticipation = 0.0025\nerror = 503\n";
            read(text, PlanFormat::Toml)
        });
    }
}

#[test]
fn dates_are_dates_in_every_format() {
    let toml = "version = 1\nenvironments = [\"e\"]\nuntil = 2030-01-01T00:00:00Z\n";
    let json = r#"{ "version": 1, "environments": ["e"], "until": "2030-01-01T00:00:00Z" }"#;
    let yaml = "version: 1\nenvironments: [e]\nuntil: 2030-01-01T00:00:00Z\n";
    let plan = read(toml, PlanFormat::Toml);
    assert_eq!((read(json, PlanFormat::Json), read(yaml, PlanFormat::Yaml)), (plan.clone(), plan));
}

/// A text that a plan may hold anywhere: quotes, line ends, what looks like another type.
fn texts() -> impl Strategy<Value = String> {
    prop_oneof![
        "\\PC{0,12}",
        "[\\x00-\\x7f]{0,8}",
        "(true|null|~|1e3|0x1f|- a|a: b|#|\\[|'|\"|\\\\|\u{feff}|\u{2028}| )"
    ]
}

fn injectors() -> impl Strategy<Value = serde_json::Value> {
    use serde_json::json;
    let side = prop_oneof![Just("request"), Just("response")];
    let leaf = prop_oneof![
        (200..600_u16, texts())
            .prop_map(|(status, text)| json!({ "error": { "status": status, "text": text } })),
        (0..17_u16).prop_map(|status| json!({ "grpc": { "status": status } })),
        (1..100_u32, 0.0..3.0_f64).prop_map(|(ms, sigma)| json!({ "slow": {
            "distribution": "lognormal", "median": format!("{ms}ms"), "sigma": sigma, "max": "2s" } })),
        (1..100_u32).prop_map(|ms| json!({ "slow": format!("{ms}us") })),
        (1..i64::MAX).prop_map(|rate| json!({ "rate_limit": rate })),
        (0.0..=1.0_f64, side.clone())
            .prop_map(|(share, side)| json!({ "truncate": { "fraction": share, "side": side } })),
        (texts(), side).prop_map(|(body, side)| json!({ "replace": { "body": body, "side": side } })),
        Just(json!({ "reject": { "how": "hang", "max": "30s" } })),
        (0..1000_i64)
            .prop_map(|limit| json!({ "quota": { "limit": limit, "window": "1m", "per": "client_ip" } })),
        (0..1000_i64).prop_map(|bytes| json!({ "toxic": { "kind": "limit_data", "bytes": bytes } })),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|links| json!({ "chain": links })),
            prop::collection::vec((1..100_u32, inner), 1..4).prop_map(|choices| {
                let weighted = choices.into_iter().map(|(weight, mut choice)| {
                    choice["weight"] = json!(weight);
                    choice
                });
                json!({ "random": weighted.collect::<Vec<_>>() })
            }),
        ]
    })
}

pub(crate) fn plans() -> impl Strategy<Value = serde_json::Value> {
    use serde_json::json;
    let fault = (injectors(), 0.0..=1.0_f64, any::<bool>(), prop::option::of(0..i64::MAX), 0..4_u8);
    let faults = prop::collection::vec(fault, 0..6).prop_map(|faults| {
        let faults =
            faults.into_iter().enumerate().map(|(index, (mut fault, share, enabled, seed, kind))| {
                fault["name"] = json!(format!("fault-{index}"));
                fault["participation"] = json!(share);
                fault["enabled"] = json!(enabled);
                if let Some(seed) = seed {
                    fault["seed"] = json!(seed);
                }
                match kind {
                    0 => fault["allow_paths"] = json!(["/a/*", "/b/{id}"]),
                    1 => fault["block_headers"] = json!([{ "name": "x-a", "value": "b c" }]),
                    2 => fault["group"] = json!({ "name": "g", "weight": 0.5 }),
                    _ => fault["skip"] = json!(3),
                }
                fault
            });
        faults.collect::<Vec<_>>()
    });
    (faults, texts(), 0.0..=1.0_f64).prop_map(|(faults, reason, share)| {
        json!({ "version": 1, "environments": ["staging", reason.clone()], "reason": reason, "ttl": "15m",
            "max_affected": share, "fault": faults })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// A plan, and the plan of a set that runs it, read back equal in every format.
    #[test]
    fn plans_read_back_equal(document in plans()) {
        let plan = read(&document.to_string(), PlanFormat::Json);
        let set = waylay_fault::FaultSet::builder().environment("staging").build();
        set.apply(&plan).unwrap();
        let running = set.plan().unwrap();
        prop_assert_eq!(&running, &plan);
        for (text, format) in in_all_formats(&running) {
            prop_assert_eq!(&read(&text, format), &plan, "{}", text);
        }
    }
}

/// The plans in the guide are plans.
#[test]
fn the_guide_shows_plans() {
    let guide = include_str!("../../docs/plans.md");
    let mut count = 0;
    for block in guide.split("```toml\n").skip(1) {
        let text = block.split("```").next().unwrap();
        read(text, PlanFormat::Toml);
        count += 1;
    }
    assert_eq!(count, 7);
}
