//! Model: the struct and its fields, parsed and checked.

pub(crate) mod bounds;
pub(crate) mod container;
pub(crate) mod field;
pub(crate) mod field_attr;
pub(crate) mod library;
pub(crate) mod location;
pub(crate) mod model;
pub(crate) mod route;
pub(crate) mod source;
pub(crate) mod text_options;
