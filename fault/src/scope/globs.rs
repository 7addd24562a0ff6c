//! Path patterns with `*` within a segment and `**` for any number of segments.

/// One pattern, segment by segment.
#[derive(Debug)]
pub(crate) struct Glob(Vec<Part>);

#[derive(Debug)]
enum Part {
    /// `**`: any number of whole segments, also none.
    Segments,
    /// One segment: what it is made of, in turn.
    Segment(Vec<Token>),
}

#[derive(Debug, PartialEq)]
enum Token {
    Literal(char),
    /// `*`: any text within the segment, also none.
    Star,
    /// `{name}`: one character at least.
    Variable,
}

impl Glob {
    /// Reads a pattern whose escapes are [canonical](super::paths::canonical) already.
    pub(crate) fn read(pattern: &str) -> Result<Self, String> {
        let mut parts: Vec<Part> = Vec::new();
        for segment in pattern.split('/').skip(1) {
            match segment {
                // Two in a row say no more than one, at the price of more ways to fail.
                "**" if matches!(parts.last(), Some(Part::Segments)) => {}
                "**" => parts.push(Part::Segments),
                _ if segment.contains("**") => {
                    return Err("`**` stands for whole segments; write it between slashes".to_owned());
                }
                _ => parts.push(Part::Segment(tokens(segment)?)),
            }
        }
        Ok(Self(parts))
    }

    /// Whether it matches this path, given as [`canonical`](super::paths::canonical) makes it.
    pub(crate) fn matches(&self, path: &str) -> bool {
        let Some(path) = path.strip_prefix('/') else { return false };
        let segments: Vec<&str> = path.split('/').collect();
        wild(
            &self.0,
            &segments,
            |part| matches!(part, Part::Segments),
            |part, segment| match part {
                Part::Segments => false,
                Part::Segment(tokens) => segment_matches(tokens, segment),
            },
        )
    }
}

fn segment_matches(tokens: &[Token], segment: &str) -> bool {
    let letters: Vec<char> = segment.chars().collect();
    wild(
        tokens,
        &letters,
        |token| *token == Token::Star,
        |token, letter| match token {
            Token::Literal(wanted) => wanted == letter,
            Token::Star => false,
            Token::Variable => true,
        },
    )
}

/// Whether the items match the pattern, in which some parts stand for any number of items. Only
/// the last such part is ever tried again, so the work is at most the product of the lengths.
fn wild<P, T>(pattern: &[P], items: &[T], is_wild: impl Fn(&P) -> bool, eq: impl Fn(&P, &T) -> bool) -> bool {
    let (mut part, mut item) = (0, 0);
    let mut again: Option<(usize, usize)> = None;
    while item < items.len() {
        match pattern.get(part) {
            Some(next) if is_wild(next) => {
                again = Some((part, item));
                part += 1;
            }
            Some(next) if eq(next, &items[item]) => {
                part += 1;
                item += 1;
            }
            _ => {
                let Some((back, from)) = again else { return false };
                again = Some((back, from + 1));
                part = back + 1;
                item = from + 1;
            }
        }
    }
    pattern[part..].iter().all(is_wild)
}

fn tokens(segment: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut letters = segment.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '*' => tokens.push(Token::Star),
            '{' | '}' if letters.peek() == Some(&letter) => {
                letters.next();
                tokens.push(Token::Literal(letter));
            }
            '{' => {
                let name: String = letters.by_ref().take_while(|letter| *letter != '}').collect();
                if name.is_empty() || !segment.contains('}') || name.contains(['*', '{']) {
                    return Err("a variable is written `{name}`".to_owned());
                }
                // A letter, and then any text.
                tokens.extend([Token::Variable, Token::Star]);
            }
            '}' => return Err("a `}` without its `{` is written `}}`".to_owned()),
            letter => tokens.push(Token::Literal(letter)),
        }
    }
    Ok(tokens)
}
