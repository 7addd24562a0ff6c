//! Rules: conditions as one line of text, with `&&`, `||`, `!` and parentheses.
#![doc = include_str!("../../docs/rules.md")]

pub(crate) mod ast;
pub(crate) mod check;
pub(crate) mod dialect;
pub(crate) mod error;
pub(crate) mod lexer;
pub(crate) mod parser;
pub(crate) mod text;

pub use crate::rule::ast::{Argument, Call, Expr};
pub use crate::rule::check::{RuleLint, RuleLintKind};
pub use crate::rule::dialect::Dialect;
pub use crate::rule::dialect::Function;
pub use crate::rule::error::MAX_ALTERNATIVES;
pub use crate::rule::error::{MAX_RULE_BYTES, MAX_RULE_DEPTH, RuleError, RuleErrorKind, RuleErrors};
pub use crate::rule::text::{Rule, RuleText};
