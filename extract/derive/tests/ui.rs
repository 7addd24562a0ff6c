//! What the derive refuses, and in which words.

// Here and not beside the other tests: trybuild builds every dev-dependency of its package anew.
// Only failing cases: one that passes would have them all compiled to machine code.
#[test]
fn ui() {
    trybuild::TestCases::new().compile_fail("tests/ui/fail/*.rs");
}
