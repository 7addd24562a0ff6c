//! Expr, Call, Argument: the syntax tree of a rule.

use std::fmt;
use std::ops::{BitAnd, BitOr, Not, Range};

use waylay_template::is_hidden;

use crate::rule::function::Function;

/// The syntax tree of a rule. The operators `&`, `|` and `!` combine trees.
///
/// `Display` prints the rule; two trees are equal if their calls and operators are.
///
/// ```
/// use waylay_router::rule::{Function, Rule};
/// let admin = Function::Host.of(["admin.example.com"]);
/// let expr = admin & !(Function::Path.of(["/a"]) | Function::Path.of(["/b"]));
/// assert_eq!(expr.to_string(), "Host(`admin.example.com`) && !(Path(`/a`) || Path(`/b`))");
/// assert_eq!(Rule::parse(&expr)?.expr(), &expr);
/// # Ok::<(), waylay_router::rule::RuleErrors>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Expr {
    /// One condition.
    Call(Call),
    /// The negation; it holds only if the operand is known to be false.
    Not(Box<Expr>),
    /// All of them hold.
    All(Vec<Expr>),
    /// At least one of them holds.
    Either(Vec<Expr>),
}

/// A function with its arguments.
#[derive(Debug, Clone)]
pub struct Call {
    /// The function.
    pub function: Function,
    /// The arguments.
    pub arguments: Vec<Argument>,
    /// The byte range in the rule; empty if it was not parsed.
    pub span: Range<usize>,
}

/// One argument.
#[derive(Debug, Clone)]
pub struct Argument {
    /// The text, without quotes and escapes.
    pub text: String,
    /// The byte range in the rule with the quotes; empty if it was not parsed.
    pub span: Range<usize>,
}

impl Function {
    /// Returns the condition with these arguments. They are checked when the rule is parsed.
    pub fn of<I>(self, arguments: I) -> Expr
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        let argument = |text: I::Item| Argument { text: text.into(), span: 0..0 };
        let arguments = arguments.into_iter().map(argument).collect();
        Expr::Call(Call { function: self, arguments, span: 0..0 })
    }
}

impl Expr {
    /// Returns the conjunction; a part that is an [`Expr::All`] is flattened.
    pub(crate) fn all(parts: impl IntoIterator<Item = Expr>) -> Self {
        let mut flat = Vec::new();
        for part in parts {
            match part {
                Self::All(inner) => flat.extend(inner),
                other => flat.push(other),
            }
        }
        if flat.len() == 1 { flat.remove(0) } else { Self::All(flat) }
    }

    /// Returns the disjunction; a part that is an [`Expr::Either`] is flattened.
    pub(crate) fn either(parts: impl IntoIterator<Item = Expr>) -> Self {
        let mut flat = Vec::new();
        for part in parts {
            match part {
                Self::Either(inner) => flat.extend(inner),
                other => flat.push(other),
            }
        }
        if flat.len() == 1 { flat.remove(0) } else { Self::Either(flat) }
    }

    /// Returns every condition from left to right.
    pub fn calls(&self) -> Vec<&Call> {
        let mut calls = Vec::new();
        let mut open = vec![self];
        while let Some(expr) = open.pop() {
            match expr {
                Self::Call(call) => calls.push(call),
                Self::Not(inner) => open.push(inner),
                Self::All(parts) | Self::Either(parts) => open.extend(parts.iter().rev()),
            }
        }
        calls
    }
}

impl BitAnd for Expr {
    type Output = Expr;

    fn bitand(self, other: Expr) -> Expr {
        Expr::all([self, other])
    }
}

impl BitOr for Expr {
    type Output = Expr;

    fn bitor(self, other: Expr) -> Expr {
        Expr::either([self, other])
    }
}

impl Not for Expr {
    type Output = Expr;

    fn not(self) -> Expr {
        Expr::Not(Box::new(self))
    }
}

impl Argument {
    /// Returns the range in the rule of a part of the argument's text.
    pub(crate) fn within(&self, part: Range<usize>) -> Range<usize> {
        let start = self.span.start + 1;
        // After an escape the offsets in text and rule differ.
        if self.span.len() == self.text.len() + 2 {
            start + part.start..start + part.end
        } else {
            self.span.clone()
        }
    }
}

impl PartialEq for Call {
    fn eq(&self, other: &Self) -> bool {
        self.function == other.function && self.arguments == other.arguments
    }
}

impl Eq for Call {}

impl PartialEq for Argument {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Argument {}

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Call(call) => write!(f, "{call}"),
            Self::Not(inner) => match **inner {
                Self::All(_) | Self::Either(_) => write!(f, "!({inner})"),
                _ => write!(f, "!{inner}"),
            },
            // An empty conjunction is true, an empty disjunction false.
            Self::All(parts) if parts.is_empty() => f.write_str("Any()"),
            Self::Either(parts) if parts.is_empty() => f.write_str("!Any()"),
            Self::All(parts) => joined(f, parts, " && ", |part| matches!(part, Self::Either(_))),
            Self::Either(parts) => joined(f, parts, " || ", |part| matches!(part, Self::Either(_))),
        }
    }
}

fn joined(
    f: &mut fmt::Formatter<'_>,
    parts: &[Expr],
    operator: &str,
    wrapped: fn(&Expr) -> bool,
) -> fmt::Result {
    for (i, part) in parts.iter().enumerate() {
        let operator = if i == 0 { "" } else { operator };
        if wrapped(part) {
            write!(f, "{operator}({part})")?;
        } else {
            write!(f, "{operator}{part}")?;
        }
    }
    Ok(())
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}(", self.function)?;
        for (i, argument) in self.arguments.iter().enumerate() {
            let comma = if i == 0 { "" } else { ", " };
            write!(f, "{comma}{argument}")?;
        }
        f.write_str(")")
    }
}

impl fmt::Display for Argument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.text.chars().any(|c| c == '`' || is_hidden(c)) {
            return write!(f, "`{}`", self.text);
        }
        f.write_str("\"")?;
        for c in self.text.chars() {
            match c {
                '"' | '\\' => write!(f, "\\{c}")?,
                '\n' => f.write_str("\\n")?,
                '\t' => f.write_str("\\t")?,
                c if is_hidden(c) && u32::from(c) > 0xffff => write!(f, "\\U{:08x}", u32::from(c))?,
                c if is_hidden(c) => write!(f, "\\u{:04x}", u32::from(c))?,
                c => write!(f, "{c}")?,
            }
        }
        f.write_str("\"")
    }
}
