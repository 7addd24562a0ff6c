//! Package of the tests in `fault/tests/wire`, separate because of its dependencies, and of the soak.

pub mod trend;
