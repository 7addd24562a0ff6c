//! Rules: conditions as one line of text, with `&&`, `||`, `!` and parentheses.
#![doc = include_str!("../../docs/rules.md")]

mod angle;
mod check;
mod dialect;
mod error;
mod function;
mod lex;
mod lint;
mod mark;
mod parse;
mod text;
mod tree;

pub use dialect::Dialect;
pub use error::{MAX_RULE_BYTES, MAX_RULE_DEPTH, RuleError, RuleErrorKind, RuleErrors};
pub use function::Function;
pub use lint::{RuleLint, RuleLintKind};
pub use text::{Rule, RuleText};
pub use tree::{Argument, Call, Expr};
