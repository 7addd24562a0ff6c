//! Nothing of its own: the tests of `fault/tests/wire`, apart from their library for what they cost to build.
