//! The errors of the derives.

// In this package, since trybuild builds every dev-dependency of its package again.
// Failing cases only: with a passing one, trybuild generates code for all.
#[test]
fn ui() {
    trybuild::TestCases::new().compile_fail("tests/ui/fail/*.rs");
}
