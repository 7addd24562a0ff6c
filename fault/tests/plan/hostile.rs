//! Hostile and broken documents: rejected in bounded time and memory, the running plan untouched.

use std::time::{Duration, Instant};

use waylay_fault::{FaultPlan, FaultSet, PlanFormat};

use crate::documents::{SAMPLE, hostile, mutated};

/// No document panics, takes long, or touches the running plan.
#[test]
fn broken_documents_are_rejected_in_bounded_time() {
    let set = FaultSet::builder().environment("staging").build();
    let good = FaultPlan::from_toml(SAMPLE).unwrap();
    set.apply(&good).unwrap();
    let hostile = hostile();
    let mutated = mutated();
    let (count, mut rejected) = (hostile.len() + mutated.len(), 0);
    assert!(count >= 200, "{count}");
    let must_fail = hostile.len();
    for (index, (text, format)) in hostile.into_iter().chain(mutated).enumerate() {
        let begin = Instant::now();
        let result = FaultPlan::parse(&text, format);
        let elapsed = begin.elapsed();
        let head: String = text.chars().take(60).collect();
        // A limit against quadratic work: a quarter of a megabyte takes milliseconds.
        assert!(elapsed < Duration::from_secs(60), "{format:?} {head:?}: {elapsed:?}");
        match result {
            Ok(plan) => {
                assert!(
                    index >= must_fail,
                    "document {index}, {format:?} {head:?}, was accepted: {text:.300}"
                );
                // A mutation may be harmless: then it is a plan like any other.
                assert_eq!(FaultPlan::from_toml(&plan.to_toml()).unwrap(), plan);
            }
            Err(errors) => {
                rejected += 1;
                let (shown, found) = (errors.to_string(), errors.iter().len());
                assert!((1..=100).contains(&found), "{format:?} {head:?}: {found} errors");
                assert!(shown.len() < 100_000, "{format:?} {head:?}: {} bytes of errors", shown.len());
            }
        }
    }
    assert!(rejected >= 200, "{rejected}");
    assert_eq!((set.plan(), set.revision()), (Some(good), 1));
}

/// Nested documents are an error with a line, and fit on half the usual stack, whatever their depth.
#[test]
fn deep_documents_fit_on_a_small_stack() {
    use PlanFormat::{Json, Toml, Yaml};
    let nested = |open: &str, inner: &str, close: &str, depth: usize| {
        format!("{}{inner}{}", open.repeat(depth), close.repeat(depth))
    };
    // Many keys times many values, each of which the parser of TOML limits alone.
    let dotted = format!("{}a = ", "a.".repeat(78));
    let documents = [
        (nested("[", "1", "]", 100_000), Json),
        (nested("{\"a\":", "1", "}", 40_000), Json),
        (nested("[", "1", "]", 500), Json),
        (nested("[", "1", "]", 65), Json),
        (nested("[", "1", "]", 100_000), Yaml),
        (nested("{a: ", "1", "}", 40_000), Yaml),
        ("- ".repeat(100_000), Yaml),
        (nested("[", "1", "]", 65), Yaml),
        ((0..700).map(|level| format!("{}a:\n", " ".repeat(level))).collect(), Yaml),
        (format!("a = {}", nested("[", "1", "]", 100_000)), Toml),
        (format!("a = {}", nested("[", "1", "]", 79)), Toml),
        (format!("a = {}", nested("{a = ", "1", "}", 40_000)), Toml),
        (format!("{}a = 1", "a.".repeat(100_000)), Toml),
        (format!("{dotted}{}", nested(&format!("{{{dotted}"), "1", "}", 79)), Toml),
        (format!("[{}a]\n{dotted}{}", "a.".repeat(78), nested(&format!("{{{dotted}"), "1", "}", 79)), Toml),
    ];
    let check = move || {
        for (text, format) in documents {
            let errors = FaultPlan::parse(&text, format).unwrap_err();
            assert!(errors.iter().all(|error| error.line() > 0), "{format:?} {text:.40}");
        }
    };
    std::thread::Builder::new().stack_size(1024 * 1024).spawn(check).unwrap().join().unwrap();
}
