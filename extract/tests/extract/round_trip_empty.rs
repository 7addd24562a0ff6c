//! Struct to request to struct: empty and absent values, and keys that several fields could read.
//!
//! Each kind is run through all combinations of few values: what is written is read back as the same value, and the
//! values that are not are listed.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Debug;

use bytes::Bytes;
use http::{HeaderValue, Method};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use waylay_extract::{Extract, IntoRequest};

use crate::round_trip::{back, table};

/// Reads each value back; `is_lost` tells those that cannot be written.
fn all<T: Extract + IntoRequest + Debug + PartialEq>(values: Vec<T>, is_lost: impl Fn(&T) -> bool) {
    let table = table("/");
    assert!(values.len() > 1);
    for value in values {
        let read = back(&table, &value, "/");
        let lost = is_lost(&value);
        assert_eq!(read.is_none(), lost, "{value:?}: {:?}", value.to_request_at(Method::PUT, "/").err());
        if !lost {
            assert_eq!(read.as_ref(), Some(&value));
        }
    }
}

/// All pairs of values of two lists.
fn pairs<A: Clone, B: Clone>(one: &[A], other: &[B]) -> Vec<(A, B)> {
    one.iter().flat_map(|a| other.iter().map(move |b| (a.clone(), b.clone()))).collect()
}

fn texts() -> Vec<Option<String>> {
    vec![None, Some(String::new()), Some("a".into())]
}

fn lists() -> Vec<Vec<String>> {
    vec![vec![], vec![String::new()], vec!["a".into()], vec!["a".into(), String::new()]]
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
struct Filter {
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<u8>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    list: Vec<String>,
}

fn filters() -> Vec<Filter> {
    let lists = [vec![], vec!["a".into()], vec![String::new(), "b".into()]];
    pairs(&[None, Some(7)], &lists).into_iter().map(|(text, list)| Filter { text, list }).collect()
}

fn some<T: Clone>(values: &[T]) -> Vec<Option<T>> {
    std::iter::once(None).chain(values.iter().cloned().map(Some)).collect()
}

#[derive(Debug, PartialEq, Extract, IntoRequest)]
struct NestedForm {
    #[form(nested)]
    filter: Filter,
    #[form]
    note: Option<String>,
}

#[derive(Debug, PartialEq, Extract, IntoRequest)]
struct NestedMaps {
    #[form(nested)]
    map: BTreeMap<String, Vec<u8>>,
    #[query(nested)]
    list: Vec<Vec<u8>>,
}

#[derive(Debug, PartialEq, Extract, IntoRequest)]
struct MaybeNested {
    #[form(nested)]
    form: Option<Filter>,
    #[query(nested)]
    query: Option<Filter>,
}

#[derive(Debug, PartialEq, Extract, IntoRequest)]
struct DefaultNested {
    #[form(nested, default = vec![3])]
    form: Vec<u8>,
    #[query(nested, default)]
    query: Vec<u8>,
}

#[test]
fn nested_values_without_keys() {
    let values = pairs(&filters(), &texts()).into_iter().map(|(filter, note)| NestedForm { filter, note });
    all(values.collect(), |_| false);
    let maps = [vec![], vec![("a", vec![])], vec![("a", vec![1]), ("b", vec![])]];
    let maps =
        maps.map(|map| map.into_iter().map(|(key, list)| (key.to_owned(), list)).collect::<BTreeMap<_, _>>());
    let lists = [vec![], vec![vec![]], vec![vec![1], vec![]]];
    let values = pairs(&maps, &lists).into_iter().map(|(map, list)| NestedMaps { map, list });
    all(values.collect(), |_| false);
    let values = pairs(&some(&filters()), &some(&filters()));
    let values = values.into_iter().map(|(form, query)| MaybeNested { form, query });
    let empty = Some(Filter::default());
    all(values.collect(), |value| value.form == empty || value.query == empty);
    let values = pairs(&[vec![], vec![3], vec![4]], &[vec![], vec![1]]);
    let values = values.into_iter().map(|(form, query)| DefaultNested { form, query });
    all(values.collect(), |value| value.form.is_empty());
}

/// Without keys, a value that has required ones is an absent body, as before.
#[test]
fn a_required_nested_value_needs_the_body() {
    #[derive(Debug, Deserialize)]
    struct Strict {
        _a: u8,
    }
    #[derive(Debug, Extract)]
    struct Form {
        #[form(nested)]
        _strict: Strict,
    }
    #[derive(Debug, Extract)]
    struct Whole {
        #[body(form)]
        _strict: Strict,
    }
    let parts = crate::get("/", &[("content-type", "application/x-www-form-urlencoded")]);
    for rejection in [
        Form::extract(&parts, &[], Bytes::new()).unwrap_err(),
        Whole::extract(&parts, &[], Bytes::new()).unwrap_err(),
    ] {
        assert_eq!(crate::lines(&rejection), ["body  missing"]);
    }
    let rejection = Form::extract(&parts, &[], "a=1".into()).unwrap_err();
    assert_eq!(crate::lines(&rejection), ["form _strict missing"]);
}

#[cfg(feature = "form")]
#[test]
fn whole_queries_and_forms_without_pairs() {
    #[derive(Debug, PartialEq, Extract, IntoRequest)]
    struct Whole {
        #[query(all)]
        query: Filter,
        #[body(form)]
        body: Filter,
    }
    #[derive(Debug, PartialEq, Extract, IntoRequest)]
    struct Maybe {
        #[query(all)]
        query: Option<Filter>,
        #[body(form)]
        body: Option<Filter>,
    }
    // A list of a form has no nested keys.
    let filters = filters();
    let values = pairs(&filters, &filters).into_iter().map(|(query, body)| Whole { query, body });
    all(values.collect(), |_| false);
    let values =
        pairs(&some(&filters), &some(&filters)).into_iter().map(|(query, body)| Maybe { query, body });
    let empty = Some(Filter::default());
    all(values.collect(), |value| value.query == empty || value.body == empty);
}

#[cfg(all(feature = "form", feature = "multipart"))]
#[test]
fn whole_multipart_values_without_pairs() {
    #[derive(Debug, PartialEq, Extract, IntoRequest)]
    struct Either {
        #[body(form, multipart)]
        body: Filter,
    }
    #[derive(Debug, PartialEq, Extract, IntoRequest)]
    struct Parts {
        #[body(multipart)]
        body: Option<Filter>,
    }
    all(filters().into_iter().map(|body| Either { body }).collect(), |_| false);
    all(some(&filters()).into_iter().map(|body| Parts { body }).collect(), |_| false);
}

#[test]
fn optional_bodies_that_are_empty() {
    #[derive(Debug, PartialEq, Extract, IntoRequest)]
    struct Text {
        #[body(text)]
        body: Option<String>,
    }
    #[derive(Debug, PartialEq, Extract, IntoRequest)]
    struct Raw {
        #[body(bytes)]
        body: Option<Bytes>,
    }
    #[derive(Debug, PartialEq, Extract, IntoRequest)]
    struct Json {
        #[body]
        body: Option<Value>,
    }
    #[derive(Debug, PartialEq, Extract, IntoRequest)]
    struct Members {
        #[json]
        one: Option<Value>,
        #[json(default = Some(Value::from(3)))]
        other: Option<Value>,
    }
    all(texts().into_iter().map(|body| Text { body }).collect(), |value| value.body.as_deref() == Some(""));
    let raw = texts().into_iter().map(|text| Raw { body: text.map(Bytes::from) });
    all(raw.collect(), |value| value.body.as_ref().is_some_and(Bytes::is_empty));
    let values = some(&[Value::Null, Value::from(0), Value::from(vec![Value::Null]), Value::from("a:null")]);
    all(values.iter().cloned().map(|body| Json { body }).collect(), |value| value.body == Some(Value::Null));
    let members = pairs(&values, &values).into_iter().map(|(one, other)| Members { one, other });
    let null = Some(Value::Null);
    all(members.collect(), |value| value.one == null || value.other == null);
}

#[derive(Debug, Clone, PartialEq, Extract, IntoRequest)]
struct Page {
    #[query(alias = "p")]
    number: Option<u8>,
    #[query(nested)]
    sort: Vec<u8>,
}

#[derive(Debug, PartialEq, Extract, IntoRequest)]
struct Rests {
    #[query]
    own: Option<u8>,
    #[flatten(prefix = "page.")]
    page: Page,
    #[flatten]
    plain: Page,
    #[form(query)]
    both: Option<String>,
    #[query(rest)]
    query: BTreeMap<String, Vec<String>>,
    #[form(rest)]
    form: Vec<(String, String)>,
}

#[derive(Debug, PartialEq, Extract, IntoRequest)]
struct OuterOfRest {
    #[query]
    own: Option<u8>,
    #[flatten]
    rest: InnerRest,
    #[flatten]
    page: Page,
}

#[derive(Debug, PartialEq, Extract, IntoRequest)]
struct InnerRest {
    #[query(rest)]
    rest: HashMap<String, Vec<String>>,
}

/// A rest is neither read from the keys of other fields, nor written to them, whatever the struct of a field.
#[test]
fn rests_beside_other_keys() {
    const KEYS: [&str; 16] = [
        "",
        "a",
        "own",
        "both",
        "number",
        "p",
        "sort",
        "sort[0]",
        "sort.0",
        "sorted",
        "page.",
        "page.number",
        "page.p",
        "page.sort[0]",
        "page.own",
        "page",
    ];
    let taken = |key: &str| {
        let of_page = |key: &str| matches!(key, "number" | "p" | "sort" | "sort[0]" | "sort.0");
        matches!(key, "own" | "both") || of_page(key) || key.strip_prefix("page.").is_some_and(of_page)
    };
    let page = |number: Option<u8>, sort: &[u8]| Page { number, sort: sort.to_vec() };
    let mut values = Vec::new();
    for (key, list) in pairs(&KEYS, &lists()) {
        for number in [None, Some(3)] {
            let form = vec![(key.to_owned(), "x".to_owned()); list.len()];
            let query = BTreeMap::from([(key.to_owned(), list.clone()), ("z".into(), vec!["1".into()])]);
            let (plain, page) = (page(number, &[]), page(number, &[1, 2]));
            values.push(Rests { own: number, page, plain, both: number.map(|_| "b".into()), query, form });
        }
    }
    all(values, |value| {
        let keys = value.form.iter().map(|(key, _)| key);
        value.query.iter().any(|(key, list)| taken(key) || list.is_empty())
            || keys.clone().any(|key| key == "both")
    });
    let inner = |key: &str, list: &[String]| {
        let rest = InnerRest { rest: HashMap::from([(key.to_owned(), list.to_vec())]) };
        OuterOfRest { own: Some(1), rest, page: page(Some(2), &[]) }
    };
    let values = pairs(&KEYS, &lists()).into_iter().map(|(key, list)| inner(key, &list));
    all(values.collect(), |value| {
        let is_taken = |key: &str| taken(key) && key != "both" && !key.starts_with("page.");
        value.rest.rest.iter().any(|(key, list)| is_taken(key) || list.is_empty())
    });
}

#[test]
fn lines_of_headers_with_defaults() {
    #[derive(Debug, PartialEq, Extract, IntoRequest)]
    struct Lines {
        #[header("x-one", default = Some(HeaderValue::from_static("d")))]
        one: Option<HeaderValue>,
        #[header("x-list", default = vec![HeaderValue::from_static("d")])]
        list: Vec<HeaderValue>,
        #[header("x-maybe")]
        maybe: Option<Vec<HeaderValue>>,
    }
    let value = HeaderValue::from_static("v");
    let lists = [vec![], vec![value.clone()], vec![value.clone(), value.clone()]];
    let mut values = Vec::new();
    for (one, (list, maybe)) in pairs(&some(&[value]), &pairs(&lists, &some(&lists))) {
        values.push(Lines { one, list, maybe });
    }
    all(values, |value| value.one.is_none() || value.list.is_empty() || value.maybe.as_deref() == Some(&[]));
}

#[cfg(feature = "multipart")]
mod parts {
    use super::*;

    #[derive(Debug, PartialEq, Extract, IntoRequest)]
    struct Parts {
        #[part(default = Some(3))]
        one: Option<u8>,
        #[part(default = vec!["d".into()])]
        list: Vec<String>,
        #[part]
        maybe: Option<Vec<String>>,
        #[part(json)]
        json: Option<Vec<u8>>,
        #[part]
        raw: Option<Bytes>,
    }

    #[test]
    fn parts_with_defaults_and_without_items() {
        let mut values = Vec::new();
        for (one, (list, maybe)) in pairs(&some(&[3, 4]), &pairs(&lists(), &some(&lists()))) {
            for json in some(&[vec![], vec![1]]) {
                let raw = json.clone().map(Bytes::from);
                values.push(Parts { one, list: list.clone(), maybe: maybe.clone(), json, raw });
            }
        }
        let no_item =
            |value: &Parts| value.maybe.as_deref() == Some(&[]) || value.json.as_deref() == Some(&[]);
        all(values, |value| value.one.is_none() || value.list.is_empty() || no_item(value));
    }

    #[derive(Debug, PartialEq, Extract, IntoRequest)]
    struct Outer {
        #[part]
        own: Option<String>,
        #[flatten(body)]
        inner: Inner,
        #[form(rest)]
        rest: BTreeMap<String, Vec<String>>,
    }

    #[derive(Debug, PartialEq, Extract, IntoRequest)]
    struct Inner {
        #[part]
        note: Option<String>,
        #[form(nested)]
        sort: Vec<u8>,
    }

    #[test]
    fn a_rest_of_parts_beside_other_parts() {
        let keys = ["a", "own", "note", "sort", "sort[0]", "sorted"];
        let mut values = Vec::new();
        for ((key, list), text) in pairs(&pairs(&keys, &lists()), &texts()) {
            let inner = Inner { note: text.clone(), sort: vec![1; text.as_ref().map_or(0, String::len)] };
            let rest = BTreeMap::from([(key.to_owned(), list)]);
            values.push(Outer { own: text, inner, rest });
        }
        all(values, |value| {
            let taken = |key: &str| matches!(key, "own" | "note" | "sort" | "sort[0]");
            value.rest.iter().any(|(key, list)| taken(key) || list.is_empty())
        });
    }
}
