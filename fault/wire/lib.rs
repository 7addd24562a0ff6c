//! Package of the tests in `fault/tests/wire`, kept apart because of its dependencies.
