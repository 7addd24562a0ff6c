//! Peak memory of reading hostile documents.
//!
//! A separate program with one test: allocations of other tests would be counted as well.

#![allow(clippy::unwrap_used, reason = "a test fails at the line of its expectation")]

#[path = "plan/documents.rs"]
mod documents;

use peak_alloc::PeakAlloc;
use waylay_fault::FaultPlan;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// What the parsers and the errors of a document may hold, whatever its length: a plan has at most 256 KiB.
const MOST: usize = 48 << 20;

/// What is left of a document: up to 100 errors, and its text.
const LEFT: usize = 2 << 20;

#[test]
fn no_document_takes_more_than_a_bounded_amount() {
    let mut peak = (0, String::new());
    for (text, format) in documents::hostile().into_iter().chain(documents::mutated()) {
        let before = MEMORY.current_usage();
        MEMORY.reset_peak_usage();
        let result = FaultPlan::parse(&text, format);
        let (used, left) = (MEMORY.peak_usage() - before, MEMORY.current_usage() - before);
        let head = format!("{format:?} {} bytes {:?}", text.len(), text.chars().take(40).collect::<String>());
        assert!(used <= MOST, "{head}: {used} bytes");
        assert!(left <= LEFT, "{head}: {left} bytes stay");
        drop(result);
        peak = peak.max((used, head));
    }
    println!("peak: {} KiB, {}", peak.0 >> 10, peak.1);
}
