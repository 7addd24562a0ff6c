//! Lexer: rule text to tokens.

use std::ops::Range;

use crate::rule::error::RuleErrorKind;

/// An error and its position.
pub(crate) type SpannedError = (RuleErrorKind, Range<usize>);

/// The kinds of tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Lexeme {
    Name,
    /// A quoted text, without quotes and escapes.
    Text(String),
    And,
    Or,
    Not,
    Open,
    Close,
    Comma,
    /// Any other character.
    Other,
    End,
}

/// A token with its position.
#[derive(Debug, Clone)]
pub(crate) struct Token {
    pub(crate) lexeme: Lexeme,
    pub(crate) span: Range<usize>,
}

/// Splits a rule into tokens.
#[derive(Debug)]
pub(crate) struct Lexer<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Lexer<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        Self { text, at: 0 }
    }

    /// Returns the next token.
    pub(crate) fn token(&mut self) -> Result<Token, SpannedError> {
        self.space()?;
        let start = self.at;
        let rest = &self.text[start..];
        let Some(c) = rest.chars().next() else {
            return Ok(Token { lexeme: Lexeme::End, span: start..start });
        };
        let (lexeme, length) = match c {
            '(' => (Lexeme::Open, 1),
            ')' => (Lexeme::Close, 1),
            ',' => (Lexeme::Comma, 1),
            '!' => (Lexeme::Not, 1),
            '&' if rest.starts_with("&&") => (Lexeme::And, 2),
            '|' if rest.starts_with("||") => (Lexeme::Or, 2),
            '&' | '|' => return Err((RuleErrorKind::SingleOperator(c), start..start + 1)),
            '`' => match rest[1..].find('`') {
                Some(length) => (Lexeme::Text(rest[1..=length].to_owned()), length + 2),
                None => return Err((RuleErrorKind::UnclosedQuote('`'), start..self.text.len())),
            },
            '"' => self.quoted(start)?,
            '\'' | '‘' | '’' | '“' | '”' | '„' => {
                return Err((RuleErrorKind::WrongQuote(c), start..start + c.len_utf8()));
            }
            c if c.is_alphabetic() || c == '_' => {
                let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_'));
                (Lexeme::Name, end.unwrap_or(rest.len()))
            }
            _ => (Lexeme::Other, c.len_utf8()),
        };
        self.at += length;
        Ok(Token { lexeme, span: start..self.at })
    }

    /// Returns the range of an argument without quotes that starts at `start`.
    pub(crate) fn bare(&self, start: usize) -> Range<usize> {
        let rest = &self.text[start..];
        let end = rest.find(|c: char| ",)`\"".contains(c)).unwrap_or(rest.len());
        start..start + rest[..end].trim_end().len()
    }

    fn space(&mut self) -> Result<(), SpannedError> {
        loop {
            let rest = &self.text[self.at..];
            self.at += rest.len() - rest.trim_start().len();
            let rest = &self.text[self.at..];
            if rest.starts_with("//") {
                self.at += rest.find('\n').unwrap_or(rest.len());
            } else if let Some(comment) = rest.strip_prefix("/*") {
                match comment.find("*/") {
                    Some(length) => self.at += length + 4,
                    None => return Err((RuleErrorKind::UnclosedComment, self.at..self.text.len())),
                }
            } else {
                return Ok(());
            }
        }
    }

    /// Reads a text in double quotes, with Go's escapes.
    fn quoted(&self, start: usize) -> Result<(Lexeme, usize), SpannedError> {
        let unclosed = || (RuleErrorKind::UnclosedQuote('"'), start..self.text.len());
        let mut bytes: Vec<u8> = Vec::new();
        let mut at = start + 1;
        loop {
            let rest = &self.text[at..];
            match rest.chars().next().ok_or_else(unclosed)? {
                '"' => break,
                // As in Go, a text ends at the end of the line, so a missing quote is reported near its
                // position.
                '\n' => return Err((RuleErrorKind::UnclosedQuote('"'), start..at)),
                '\\' => {
                    let length = escape(&rest[1..], &mut bytes).ok_or_else(|| {
                        let next = rest[1..].chars().next().map_or(0, char::len_utf8);
                        (RuleErrorKind::BadEscape, at..at + 1 + next)
                    })?;
                    at += 1 + length;
                }
                c => {
                    bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                    at += c.len_utf8();
                }
            }
        }
        // `\xff` can make bytes that are not UTF-8.
        let text = String::from_utf8(bytes).map_err(|_| (RuleErrorKind::BadEscape, start..at + 1))?;
        Ok((Lexeme::Text(text), at + 1 - start))
    }
}

/// Decodes the escape after a backslash (Go's specification, "Rune literals"), and returns its length.
fn escape(rest: &str, bytes: &mut Vec<u8>) -> Option<usize> {
    let digits = |from: usize, count: usize, radix: u32| {
        let text = rest.get(from..from + count)?;
        let all = text.chars().all(|c| c.is_digit(radix));
        u32::from_str_radix(text, radix).ok().filter(|_| all)
    };
    let mut character = |code: Option<u32>| {
        let c = char::from_u32(code?)?;
        bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        Some(())
    };
    let (byte, length) = match rest.bytes().next()? {
        b'a' => (0x07, 1),
        b'b' => (0x08, 1),
        b'f' => (0x0c, 1),
        b'n' => (b'\n', 1),
        b'r' => (b'\r', 1),
        b't' => (b'\t', 1),
        b'v' => (0x0b, 1),
        b'\\' => (b'\\', 1),
        b'"' => (b'"', 1),
        b'x' => (u8::try_from(digits(1, 2, 16)?).ok()?, 3),
        b'0'..=b'7' => (u8::try_from(digits(0, 3, 8)?).ok()?, 3),
        b'u' => return character(digits(1, 4, 16)).map(|()| 5),
        b'U' => return character(digits(1, 8, 16)).map(|()| 9),
        _ => return None,
    };
    bytes.push(byte);
    Some(length)
}
