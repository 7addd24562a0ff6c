//! Parser: tokens to the syntax tree.

use std::ops::Range;

use crate::rule::ast::{Argument, Call, Expr};
use crate::rule::check::check;
use crate::rule::dialect::Dialect;
use crate::rule::error::{MAX_RULE_BYTES, MAX_RULE_DEPTH, RuleErrorKind};
use crate::rule::function::Function;
use crate::rule::lexer::{Lexeme, Lexer, SpannedError, Token};

/// Parses `text`. A syntax error ends parsing and is the last in the list.
pub(crate) fn parse(text: &str, dialect: Dialect) -> Result<Expr, Vec<SpannedError>> {
    if text.len() > MAX_RULE_BYTES {
        return Err(vec![(RuleErrorKind::TooLong, 0..text.len())]);
    }
    let start = Token { lexeme: Lexeme::End, span: 0..0 };
    let mut parser =
        Parser { text, dialect, lexer: Lexer::new(text), next: start, depth: 0, errors: Vec::new() };
    match parser.whole() {
        Ok(expr) if parser.errors.is_empty() => Ok(expr),
        Ok(_) => Err(parser.errors),
        Err(error) => {
            parser.errors.push(error);
            Err(parser.errors)
        }
    }
}

struct Parser<'t> {
    text: &'t str,
    dialect: Dialect,
    lexer: Lexer<'t>,
    next: Token,
    depth: usize,
    /// Errors that do not end parsing.
    errors: Vec<SpannedError>,
}

impl Parser<'_> {
    fn whole(&mut self) -> Result<Expr, SpannedError> {
        self.step()?;
        if self.next.lexeme == Lexeme::End {
            return Err((RuleErrorKind::Empty, 0..self.text.len()));
        }
        let expr = self.either()?;
        match self.next.lexeme {
            Lexeme::End => Ok(expr),
            Lexeme::Close => Err((RuleErrorKind::Unopened, self.next.span.clone())),
            _ => Err(self.operator_error()),
        }
    }

    /// Reads the next token, and returns the current one.
    fn step(&mut self) -> Result<Token, SpannedError> {
        let token = self.lexer.token()?;
        Ok(std::mem::replace(&mut self.next, token))
    }

    fn word(&self) -> &str {
        &self.text[self.next.span.clone()]
    }

    fn unexpected(&self, expected: &'static str) -> SpannedError {
        let found = match self.next.lexeme {
            Lexeme::End => "the end".to_owned(),
            Lexeme::Text(_) => "a text".to_owned(),
            _ => format!("`{}`", self.word()),
        };
        (RuleErrorKind::Unexpected { found, expected }, self.next.span.clone())
    }

    /// Returns the error of a token where an operator or the end is expected.
    fn operator_error(&self) -> SpannedError {
        let word = self.word();
        let operator = match word.to_ascii_lowercase().as_str() {
            "and" => "&&",
            "or" => "||",
            _ => return self.unexpected("`&&`, `||` or the end"),
        };
        (RuleErrorKind::WordOperator { word: word.to_owned(), operator }, self.next.span.clone())
    }

    fn either(&mut self) -> Result<Expr, SpannedError> {
        let mut parts = vec![self.all()?];
        while self.next.lexeme == Lexeme::Or {
            self.foreign();
            self.step()?;
            parts.push(self.all()?);
        }
        Ok(Expr::either(parts))
    }

    fn all(&mut self) -> Result<Expr, SpannedError> {
        let mut parts = vec![self.unary()?];
        while self.next.lexeme == Lexeme::And {
            self.step()?;
            parts.push(self.unary()?);
        }
        Ok(Expr::all(parts))
    }

    /// Reports an operator that the dialect does not have.
    fn foreign(&mut self) {
        if !self.dialect.language().has_or_and_not() {
            let what = self.word().to_owned();
            self.errors
                .push((RuleErrorKind::NotInDialect { what, dialect: self.dialect }, self.next.span.clone()));
        }
    }

    fn unary(&mut self) -> Result<Expr, SpannedError> {
        match self.next.lexeme {
            Lexeme::Not => {
                self.foreign();
                self.enter()?;
                self.step()?;
                let inner = self.unary()?;
                self.depth -= 1;
                Ok(!inner)
            }
            Lexeme::Open => {
                self.enter()?;
                let open = self.step()?.span;
                let inner = self.either()?;
                self.depth -= 1;
                self.close(&open, "`&&`, `||` or `)`")?;
                Ok(inner)
            }
            Lexeme::Name => self.call(),
            _ => Err(self.unexpected("a function, `!` or `(`")),
        }
    }

    fn enter(&mut self) -> Result<(), SpannedError> {
        self.depth += 1;
        if self.depth > MAX_RULE_DEPTH {
            return Err((RuleErrorKind::TooDeep, self.next.span.clone()));
        }
        Ok(())
    }

    fn close(&mut self, open: &Range<usize>, expected: &'static str) -> Result<(), SpannedError> {
        match self.next.lexeme {
            Lexeme::Close => self.step().map(|_| ()),
            Lexeme::End => Err((RuleErrorKind::Unclosed, open.clone())),
            Lexeme::Name => match self.operator_error() {
                word @ (RuleErrorKind::WordOperator { .. }, _) => Err(word),
                _ => Err(self.unexpected(expected)),
            },
            _ => Err(self.unexpected(expected)),
        }
    }

    fn call(&mut self) -> Result<Expr, SpannedError> {
        if self.word().eq_ignore_ascii_case("not") {
            let word = self.word().to_owned();
            return Err((RuleErrorKind::WordOperator { word, operator: "!" }, self.next.span.clone()));
        }
        let name = self.step()?.span;
        if self.next.lexeme != Lexeme::Open {
            return Err(self.unexpected("`(`"));
        }
        let open = self.step()?.span;
        let arguments = self.arguments()?;
        let end = self.next.span.end;
        self.close(&open, "`,` or `)`")?;
        let Some(function) = self.function(&name) else {
            // The error is reported, so the placeholder is never seen.
            return Ok(Expr::All(Vec::new()));
        };
        let language = self.dialect.language();
        let wanted = function.range(language).unwrap_or_default();
        let given = arguments.len();
        let call = Call { function, arguments, span: name.start..end };
        if (wanted.0..=wanted.1).contains(&given) {
            self.errors.extend(check(&call, language));
        } else {
            self.errors.push((RuleErrorKind::Arity { function, wanted, given }, call.span.clone()));
        }
        Ok(Expr::Call(call))
    }

    fn function(&mut self, name: &Range<usize>) -> Option<Function> {
        let language = self.dialect.language();
        let text = &self.text[name.clone()];
        let function = Function::named(text, language);
        if function.is_none() {
            let native = Function::named(text, Dialect::Native.language());
            let error = match native {
                Some(_) => RuleErrorKind::NotInDialect { what: text.to_owned(), dialect: self.dialect },
                None => RuleErrorKind::UnknownFunction {
                    name: text.to_owned(),
                    nearest: Function::nearest(text, language),
                },
            };
            self.errors.push((error, name.clone()));
        }
        function
    }

    fn arguments(&mut self) -> Result<Vec<Argument>, SpannedError> {
        let mut arguments = Vec::new();
        // As in Go, a comma may follow the last argument.
        while self.next.lexeme != Lexeme::Close {
            match self.next.lexeme {
                Lexeme::Text(_) => {
                    let token = self.step()?;
                    if let Lexeme::Text(text) = token.lexeme {
                        arguments.push(Argument { text, span: token.span });
                    }
                }
                Lexeme::Name | Lexeme::Other | Lexeme::Not => {
                    let bare = self.lexer.bare(self.next.span.start);
                    return Err((RuleErrorKind::Unquoted(self.text[bare.clone()].to_owned()), bare));
                }
                _ => return Ok(arguments),
            }
            if self.next.lexeme != Lexeme::Comma {
                break;
            }
            self.step()?;
        }
        Ok(arguments)
    }
}
