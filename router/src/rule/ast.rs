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
///
/// A program can build a tree of any depth: one that is deeper than
/// [`MAX_RULE_DEPTH`](crate::rule::MAX_RULE_DEPTH) is an error when it is parsed. It can be dropped and printed, but a copy or a
/// comparison of it takes stack for each level.
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
        for mut part in parts {
            match part {
                Self::All(ref mut inner) => flat.append(inner),
                other => flat.push(other),
            }
        }
        if flat.len() == 1 { flat.remove(0) } else { Self::All(flat) }
    }

    /// Returns the disjunction; a part that is an [`Expr::Either`] is flattened.
    pub(crate) fn either(parts: impl IntoIterator<Item = Expr>) -> Self {
        let mut flat = Vec::new();
        for mut part in parts {
            match part {
                Self::Either(ref mut inner) => flat.append(inner),
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

    /// Moves the parts that have parts themselves to a list.
    fn take_parts(&mut self, list: &mut Vec<Expr>) {
        match self {
            Self::Call(_) => {}
            Self::Not(inner) => match &**inner {
                Self::Call(_) => {}
                Self::All(parts) | Self::Either(parts) if parts.is_empty() => {}
                _ => list.push(std::mem::replace(&mut **inner, Self::All(Vec::new()))),
            },
            Self::All(parts) | Self::Either(parts) => list.append(parts),
        }
    }
}

/// Drops parts one by one: a program may have nested them deeper than the stack allows.
impl Drop for Expr {
    fn drop(&mut self) {
        let mut open = Vec::new();
        self.take_parts(&mut open);
        while let Some(mut expr) = open.pop() {
            expr.take_parts(&mut open);
        }
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
        // The last one is printed next.
        let mut open = vec![Printed::Expr(self)];
        while let Some(next) = open.pop() {
            match next {
                Printed::Text(text) => f.write_str(text)?,
                Printed::Expr(Self::Call(call)) => write!(f, "{call}")?,
                Printed::Expr(Self::Not(inner)) => {
                    f.write_str("!")?;
                    push(&mut open, inner, matches!(**inner, Self::All(_) | Self::Either(_)));
                }
                // An empty conjunction is true, an empty disjunction false.
                Printed::Expr(Self::All(parts)) if parts.is_empty() => f.write_str("Any()")?,
                Printed::Expr(Self::Either(parts)) if parts.is_empty() => f.write_str("!Any()")?,
                Printed::Expr(Self::All(parts)) => push_all(&mut open, parts, " && "),
                Printed::Expr(Self::Either(parts)) => push_all(&mut open, parts, " || "),
            }
        }
        Ok(())
    }
}

/// A part of a tree that is still to be printed.
enum Printed<'e> {
    Text(&'static str),
    Expr(&'e Expr),
}

fn push<'e>(open: &mut Vec<Printed<'e>>, expr: &'e Expr, has_parentheses: bool) {
    if has_parentheses {
        open.extend([Printed::Text(")"), Printed::Expr(expr), Printed::Text("(")]);
    } else {
        open.push(Printed::Expr(expr));
    }
}

fn push_all<'e>(open: &mut Vec<Printed<'e>>, parts: &'e [Expr], operator: &'static str) {
    for (i, part) in parts.iter().enumerate().rev() {
        push(open, part, matches!(part, Expr::Either(_)));
        if i > 0 {
            open.push(Printed::Text(operator));
        }
    }
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
