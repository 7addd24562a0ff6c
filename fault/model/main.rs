//! Runs the models: `cargo run -p waylay-fault-model --features model [-- NAME]`.
//!
//! loom runs each model once for every order in which its threads can meet, with at most two preemptions of a
//! thread, and for every value that a load may see.

#![allow(
    clippy::all,
    dead_code,
    unexpected_cfgs,
    unused_imports,
    unused_macros,
    unreachable_pub,
    improper_ctypes_definitions,
    rustdoc::broken_intra_doc_links,
    rustdoc::private_intra_doc_links,
    reason = "the sources of the library, which are checked there, and of which the models use a part"
)]

#[path = "../src/body/mod.rs"]
mod body;
mod config;
#[path = "../src/connection/mod.rs"]
mod connection;
#[path = "../src/fault/mod.rs"]
mod fault;
#[path = "../src/injector/mod.rs"]
mod injector;
#[path = "../src/io/mod.rs"]
mod io;
mod models;
#[path = "../src/random/mod.rs"]
mod random;
#[path = "../src/report/mod.rs"]
mod report;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

fn main() {
    let wanted = std::env::args().nth(1).unwrap_or_default();
    let mut count = 0;
    for (name, model) in models::MODELS.iter().filter(|(name, _)| name.contains(&wanted)) {
        let begun = Instant::now();
        let executions = Arc::new(AtomicUsize::new(0));
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = Some(2);
        builder.max_branches = 10_000;
        let counted = executions.clone();
        builder.check(move || {
            counted.fetch_add(1, Ordering::Relaxed);
            model();
        });
        let executions = executions.load(Ordering::Relaxed);
        println!("{name}: {executions} executions, {:.1} s", begun.elapsed().as_secs_f64());
        count += 1;
    }
    assert!(count > 0, "no model has `{wanted}` in its name");
    println!("{count} models hold");
}
