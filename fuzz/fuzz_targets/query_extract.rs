//! Extraction of any query, compared with a form parser that decodes all pairs first.
#![no_main]

use http::Request;
use libfuzzer_sys::{Corpus, fuzz_target};
use waylay_extract::{Code, Extract, Location};

const MAX_ITEMS: usize = 3;
const FRAGMENTS: [&str; 24] = [
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

/// One field per kind of query field.
#[derive(Debug, PartialEq, Extract)]
#[extract(rename_all = "camelCase", max_items = 3, max_params = 1000000)]
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

/// Value of a field, or the code of its error.
type Read<T> = Result<T, Code>;

fuzz_target!(|data: &[u8]| -> Corpus {
    let Ok(text) = std::str::from_utf8(data) else {
        return Corpus::Reject;
    };
    let query = &with_fragments(text);
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

    let mut expected = Vec::new();
    push_error(&mut expected, "text", &text);
    push_error(&mut expected, "pageSize", &page_size);
    push_error(&mut expected, "offset", &offset);
    push_error(&mut expected, "tag", &tag);
    push_error(&mut expected, "ids", &ids);
    push_error(&mut expected, "a b", &exact);
    match got {
        Ok(search) => {
            assert!(expected.is_empty(), "{query:?} is accepted, expected: {expected:?}");
            let reference = Search {
                text: text.unwrap(),
                page_size: page_size.unwrap(),
                offset: offset.unwrap(),
                tag: tag.unwrap(),
                ids: ids.unwrap(),
                exact: exact.unwrap(),
            };
            assert_eq!(search, reference, "{query:?}");
        }
        Err(rejection) => {
            assert!(rejection.errors().iter().all(|error| error.location() == Location::Query));
            let mut errors: Vec<(&str, Code)> =
                rejection.errors().iter().map(|e| (e.name().unwrap_or_default(), e.code())).collect();
            // A list has an error per item; only the first one is compared.
            errors.dedup_by_key(|(name, _)| *name);
            assert_eq!(errors, expected, "{query:?}: {rejection}");
            assert_eq!(rejection.status(), 400, "{query:?}");
        }
    }
    Corpus::Keep
});

/// Replaces control characters, which a query cannot contain, by typical fragments of queries.
fn with_fragments(text: &str) -> String {
    let fragment =
        |c: char| FRAGMENTS.get(c as usize).map_or_else(|| c.to_string(), |text| (*text).to_owned());
    text.chars().map(fragment).collect()
}

fn push_error<T>(expected: &mut Vec<(&'static str, Code)>, name: &'static str, read: &Read<T>) {
    if let Err(code) = read {
        expected.push((name, *code));
    }
}

/// Parses an integer: digits with an optional minus, without leading zeros, in the range of the type.
fn integer<T: std::str::FromStr>(text: &str) -> Option<T> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let has_only_digits = !digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit());
    let is_canonical = digits == "0" || !digits.starts_with('0');
    if has_only_digits && is_canonical && text != "-0" { text.parse().ok() } else { None }
}

/// Decoded keys and values, in order.
struct Form(Vec<(String, Read<String>)>);

impl Form {
    fn parse(query: &str) -> Self {
        let pairs = query.split('&').filter(|pair| !pair.is_empty());
        let pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        // A key that cannot be decoded belongs to no field.
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

    /// Returns one value; an empty value that the type does not accept is `None`.
    fn optional<T>(&self, name: &str, read: impl Fn(&str) -> Option<T>) -> Read<Option<T>> {
        let names = [name];
        match self.values(&names).collect::<Vec<_>>()[..] {
            [Ok(value)] if value.is_empty() => Ok(None),
            _ => self.one(name, read),
        }
    }

    fn texts(&self, names: &[&str]) -> Read<Vec<String>> {
        let items: Read<Vec<String>> = self.values(names).take(MAX_ITEMS).cloned().collect();
        match self.values(names).nth(MAX_ITEMS) {
            Some(_) => items.and(Err(Code::TooMany)),
            None => items,
        }
    }

    fn separated<T>(&self, name: &str, read: impl Fn(&str) -> Option<T>) -> Read<Vec<T>> {
        let mut items = Vec::new();
        for value in self.values(&[name]) {
            // Commas may be escaped, so a value is decoded before it is split; an invalid value is one item.
            let parts: Vec<Read<&str>> = match value {
                Err(code) => vec![Err(*code)],
                Ok(text) if text.is_empty() => Vec::new(),
                Ok(text) => text.split(',').map(Ok).collect(),
            };
            for part in parts {
                if items.len() == MAX_ITEMS {
                    return Err(Code::TooMany);
                }
                items.push(read(part?.trim()).ok_or(Code::Invalid)?);
            }
        }
        Ok(items)
    }
}

/// Decodes `+` and percent escapes; an invalid escape is reported before invalid UTF-8.
fn decode(raw: &str) -> Read<String> {
    let mut bytes = Vec::new();
    let mut rest = raw.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digits = after
                    .get(..2)
                    .and_then(|two| std::str::from_utf8(two).ok())
                    .ok_or(Code::InvalidEscape)?;
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
