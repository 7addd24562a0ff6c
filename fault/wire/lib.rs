//! Package of the tests in `fault/tests/wire`, separate because of its dependencies.
