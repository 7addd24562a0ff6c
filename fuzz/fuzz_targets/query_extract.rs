//! Any query through a derived struct, and through a form parser that decodes first and looks later.
#![no_main]

use http::Request;
use libfuzzer_sys::{Corpus, fuzz_target};
use waylay_extract::{Code, Extract, Source};

const MOST: usize = 3;
const WORDS: [&str; 24] = [
    "&text=",
    "&pageSize=",
    "&offset=",
    "&tag=",
    "&t=",
    "&ids=",
    "&a+b=",
    "&a%20b=",
    "&%74ext=",
    "&",
    "=",
    "%",
    "+",
    "%2C",
    "%2B",
    "%C3%A9",
    "%FF",
    "%zz",
    "255",
    "256",
    "-1",
    "2147483648",
    "true",
    "on",
];

/// One field of each kind that a query has.
#[derive(Debug, PartialEq, Extract)]
#[extract(rename_all = "camelCase", max_items = 3)]
struct Search {
    #[query]
    text: String,
    #[query(default = 20)]
    page_size: u8,
    #[query]
    offset: Option<i32>,
    #[query(alias = "t")]
    tag: Vec<String>,
    #[query(csv)]
    ids: Vec<u16>,
    #[query("a b")]
    exact: Option<bool>,
}

/// What a field came to, or the code of its error.
type Read<T> = Result<T, Code>;

fuzz_target!(|data: &[u8]| -> Corpus {
    let Ok(text) = std::str::from_utf8(data) else {
        return Corpus::Reject;
    };
    let query = &spell(text);
    let Ok(request) = Request::get(format!("/?{query}")).body(()) else {
        return Corpus::Reject;
    };
    let (parts, ()) = request.into_parts();
    let got = Search::extract_parts(&parts, &[]);
    let form = Form::parse(parts.uri.query().unwrap_or_default());

    let text = form.one("text", |text| Some(text.to_owned())).and_then(|one| one.ok_or(Code::Missing));
    let page_size = form.one("pageSize", integer::<u8>).map(|one| one.unwrap_or(20));
    let offset = form.optional("offset", integer::<i32>);
    let tag = form.texts(&["tag", "t"]);
    let ids = form.separated("ids", integer::<u16>);
    let exact = form.optional("a b", |text| match text {
        "true" | "1" | "on" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    });

    let mut wanted = Vec::new();
    note(&mut wanted, "text", &text);
    note(&mut wanted, "pageSize", &page_size);
    note(&mut wanted, "offset", &offset);
    note(&mut wanted, "tag", &tag);
    note(&mut wanted, "ids", &ids);
    note(&mut wanted, "a b", &exact);
    match got {
        Ok(search) => {
            assert!(wanted.is_empty(), "{query:?} is taken, but: {wanted:?}");
            let same = Search {
                text: text.unwrap(),
                page_size: page_size.unwrap(),
                offset: offset.unwrap(),
                tag: tag.unwrap(),
                ids: ids.unwrap(),
                exact: exact.unwrap(),
            };
            assert_eq!(search, same, "{query:?}");
        }
        Err(rejection) => {
            assert!(rejection.errors().iter().all(|error| error.source() == Source::Query));
            let mut errors: Vec<(&str, Code)> =
                rejection.errors().iter().map(|e| (e.name().unwrap_or_default(), e.code())).collect();
            // A list tells of each item; its first error is enough here.
            errors.dedup_by_key(|(name, _)| *name);
            assert_eq!(errors, wanted, "{query:?}: {rejection}");
            assert_eq!(rejection.status(), 400, "{query:?}");
        }
    }
    Corpus::Keep
});

/// Control characters, which no query holds, stand for its usual parts.
fn spell(text: &str) -> String {
    let word = |c: char| WORDS.get(c as usize).map_or_else(|| c.to_string(), |word| (*word).to_owned());
    text.chars().map(word).collect()
}

fn note<T>(wanted: &mut Vec<(&'static str, Code)>, name: &'static str, read: &Read<T>) {
    if let Err(code) = read {
        wanted.push((name, *code));
    }
}

/// Digits with an optional minus, in the one spelling that a number has, and in the type's range.
fn integer<T: std::str::FromStr>(text: &str) -> Option<T> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let strict = !digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit());
    let spelt = digits == "0" || !digits.starts_with('0');
    if strict && spelt && text != "-0" { text.parse().ok() } else { None }
}

/// Decoded keys with decoded values, in order.
struct Form(Vec<(String, Read<String>)>);

impl Form {
    fn parse(query: &str) -> Self {
        let pairs = query.split('&').filter(|pair| !pair.is_empty());
        let pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        // A key that cannot be decoded is nobody's.
        Self(pairs.filter_map(|(key, value)| Some((decode(key).ok()?, decode(value)))).collect())
    }

    fn values<'f>(&'f self, names: &'f [&str]) -> impl Iterator<Item = &'f Read<String>> {
        self.0.iter().filter(|(key, _)| names.contains(&&**key)).map(|(_, value)| value)
    }

    fn one<T>(&self, name: &str, read: impl Fn(&str) -> Option<T>) -> Read<Option<T>> {
        let names = [name];
        let values: Vec<_> = self.values(&names).collect();
        match values[..] {
            [] => Ok(None),
            [value] => read(value.as_ref().map_err(|code| *code)?).map(Some).ok_or(Code::Invalid),
            _ => Err(Code::Duplicate),
        }
    }

    /// As `one`; an empty value that the type does not take is none.
    fn optional<T>(&self, name: &str, read: impl Fn(&str) -> Option<T>) -> Read<Option<T>> {
        let names = [name];
        match self.values(&names).collect::<Vec<_>>()[..] {
            [Ok(value)] if value.is_empty() => Ok(None),
            _ => self.one(name, read),
        }
    }

    fn texts(&self, names: &[&str]) -> Read<Vec<String>> {
        let kept: Read<Vec<String>> = self.values(names).take(MOST).cloned().collect();
        match self.values(names).nth(MOST) {
            Some(_) => kept.and(Err(Code::TooMany)),
            None => kept,
        }
    }

    fn separated<T>(&self, name: &str, read: impl Fn(&str) -> Option<T>) -> Read<Vec<T>> {
        let mut items = Vec::new();
        for value in self.values(&[name]) {
            // The commas may be escaped, so a value is split once it is text; if it is none, it is one item.
            let parts: Vec<Read<&str>> = match value {
                Err(code) => vec![Err(*code)],
                Ok(text) if text.is_empty() => Vec::new(),
                Ok(text) => text.split(',').map(Ok).collect(),
            };
            for part in parts {
                if items.len() == MOST {
                    return Err(Code::TooMany);
                }
                items.push(read(part?.trim()).ok_or(Code::Invalid)?);
            }
        }
        Ok(items)
    }
}

/// Percent escapes and `+`, strictly: escapes before the text as a whole.
fn decode(raw: &str) -> Read<String> {
    let mut bytes = Vec::new();
    let mut rest = raw.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digits =
                    after.get(..2).and_then(|two| std::str::from_utf8(two).ok()).ok_or(Code::InvalidEscape)?;
                let both = digits.bytes().all(|b| b.is_ascii_hexdigit());
                rest = &after[2..];
                let value = u8::from_str_radix(digits, 16).ok().filter(|_| both);
                value.ok_or(Code::InvalidEscape)?
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).map_err(|_| Code::InvalidUtf8)
}
