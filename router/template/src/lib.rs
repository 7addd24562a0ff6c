//! Syntax tree and parser of path, host and query templates.
//!
#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

// Modules, top to bottom. A module imports only from modules below it (checked by `examples/tests/modules.rs`).
//
// parser   Template text to its syntax tree; the checks of the grammar
// foreign  Syntax of other routers, and the escapes of its characters
// scanner  Scanner: the tokens of a template
// error    TemplateError: what is wrong with a template, and where
// ast      Template: text, variables, wildcards
// one_line OneLine: text from outside, printed in one line

mod ast;
mod error;
mod foreign;
mod one_line;
mod parser;
mod scanner;

pub use ast::{
    MAX_REGEX_BYTES, MAX_SEGMENTS, MAX_TEMPLATE_BYTES, MAX_VARIABLES, Node, Syntax, Template, TemplateKind,
    Variable, VariableKind, Wildcard,
};
pub use error::{TemplateError, TemplateErrorKind};
pub use foreign::{escape_literal, foreign_variable};
pub use one_line::{OneLine, OneLineWriter, is_hidden};
pub use parser::{RegexCheck, Unchecked};
pub use scanner::{Scanner, Token, VariableToken};
