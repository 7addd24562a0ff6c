//! Rules: conditions as one line of text, with `&&`, `||`, `!` and parentheses.
#![doc = include_str!("../../docs/rules.md")]

mod angle;
mod check;
pub(crate) mod dialect;
pub(crate) mod error;
mod function;
mod leaf;
mod lex;
pub(crate) mod lint;
pub(crate) mod lower;
mod mark;
mod merge;
mod parse;
pub(crate) mod text;
mod tree;
pub(crate) mod write;

pub use dialect::Dialect;
pub use error::{MAX_RULE_BYTES, MAX_RULE_DEPTH, RuleError, RuleErrorKind, RuleErrors};
pub use function::Function;
pub use lint::{RuleLint, RuleLintKind};
pub use lower::MAX_ALTERNATIVES;
pub use text::{Rule, RuleText};
pub use tree::{Argument, Call, Expr};
