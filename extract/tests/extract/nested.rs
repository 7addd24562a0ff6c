//! Values with nested keys in queries, forms and parts, read and written.

use std::{collections::BTreeMap, fmt::Debug};

use http::Method;
use serde::{Deserialize, Serialize};
use waylay_extract::{Extract, IntoRequest};

use crate::{
    bytes, get, json, lines,
    round_trip::{Random, back, bytes_of, cases, table},
};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Price {
    at_least: Option<u32>,
    at_most: Option<u32>,
    #[serde(default)]
    unit: Unit,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
enum Unit {
    #[default]
    Euro,
    Dollar,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Item {
    id: u8,
    name: String,
    #[serde(default)]
    tags: Vec<String>,
}

#[derive(Debug, PartialEq, Extract, IntoRequest)]
#[extract(deny_unknown(query), max_items = 4)]
struct Search {
    #[query(nested)]
    price: Option<Price>,
    #[query(nested = "dots", alias = "item", depth = 3)]
    items: Vec<Item>,
    #[query(nested, limit = 5)]
    names: BTreeMap<String, String>,
    #[query]
    page: Option<u8>,
}

fn outcome(query: &str) -> String {
    match Search::extract_parts(&get(&format!("/?{query}"), &[]), &[]) {
        Ok(Search { price, items, names, page }) => format!("{price:?} {items:?} {names:?} {page:?}"),
        Err(rejection) => {
            let errors = rejection.errors().iter();
            let line = |e: &waylay_extract::FieldError| format!("{} {}", e.name().unwrap(), e.code());
            format!("{}: {}", rejection.status().as_u16(), errors.map(line).collect::<Vec<_>>().join(", "))
        }
    }
}

#[test]
fn subkeys_of_a_field_are_its_value() {
    for (query, expected) in [
        ("", "None [] {} None"),
        (
            "price[atLeast]=3&page=1",
            "Some(Price { at_least: Some(3), at_most: None, unit: Euro }) [] {} Some(1)",
        ),
        (
            "price%5BatMost%5D=7&price.unit=Dollar",
            "Some(Price { at_least: None, at_most: Some(7), unit: Dollar }) [] {} None",
        ),
        ("price[atLeast]=", "Some(Price { at_least: None, at_most: None, unit: Euro }) [] {} None"),
        (
            "items[1].name=b+c&items[1].id=2&item[0][id]=1&items[0].name=&items[0].tags[]=x&items[0].tags[]=",
            "None [Item { id: 1, name: \"\", tags: [\"x\", \"\"] }, Item { id: 2, name: \"b c\", tags: [] }] {} None",
        ),
        (
            "items[0].id=1&items[0].name=a&items[0].tags=x&items[0].tags=y",
            "None [Item { id: 1, name: \"a\", tags: [\"x\", \"y\"] }] {} None",
        ),
        ("items=&names=", "None [] {} None"),
        ("names[a.b]=1&names.c=%C3%A9", "None [] {\"a.b\": \"1\", \"c\": \"é\"} None"),
        // Errors at their keys.
        ("price[atLeast]=x&page=x", "400: price[atLeast] invalid, page invalid"),
        ("price[atleast]=1", "400: price[atleast] unknown"),
        ("price[unit]=Yen", "400: price[unit] invalid"),
        ("price=1", "400: price invalid"),
        ("price[atLeast][x]=1", "400: price[atLeast] invalid"),
        ("price[atLeast]=1&price[atLeast]=2", "400: price[atLeast] duplicate"),
        ("names[a]=1&names[a]=2", "400: names[a] duplicate"),
        ("items[0].name=a&items[0].name=b&items[0].id=1", "400: items[0][name] duplicate"),
        ("price[unit]=Euro&price[unit]=Euro", "400: price[unit] duplicate"),
        ("price[atLeast]=1&price[atLeast][x]=2", "400: price[atLeast][x] duplicate"),
        ("items[0].id=1", "400: items[0][name] missing"),
        ("items[0].id=+1&items[0].name=a", "400: items[0][id] invalid"),
        (
            "names[a]=toolong&names[b]=%zz&names[c=1",
            "400: names[a] too_long, names[b] bad_escape, names[c invalid",
        ),
        ("names[]=1", "400: names invalid"),
        (
            "names[][a]=1&names[[a]=1&names.=1&names[a]b=1",
            "400: names[][a] invalid, names[[a] invalid, names. invalid, names[a]b invalid",
        ),
        ("pricey[a]=1", "400: pricey[a] unknown"),
        // A list has all indexes, up to its maximum: CVE-2024-37298.
        ("items[1].id=1&items[1].name=a", "400: items invalid"),
        ("items[99999999].id=1", "400: items invalid"),
        ("items[00].id=1&items[00].name=a", "400: items[00] invalid"),
        ("items[x].id=1", "400: items[x] invalid"),
        ("items[0].tags[]=1&items[0].tags[0]=1", "400: items[0].tags[0] duplicate"),
        ("items[0].a.b.c=1", "400: items[0].a.b.c too_many"),
        (
            "items[0][tags][]=&items[0].tags[]=&items[0].tags[]=&items[0].tags[]=&items[0].tags[]=&items[0].id=1&items[0].name=a",
            "400: items[0][tags] too_many",
        ),
    ] {
        assert_eq!(outcome(query), expected, "{query}");
    }
}

/// A type that ends only where the text does.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Chain {
    a: Option<Box<Chain>>,
}

#[derive(Debug, Extract)]
struct Chains {
    #[form(nested, depth = 32)]
    a: Option<Chain>,
    #[form]
    page: Option<u8>,
}

#[derive(Debug, Extract)]
struct JsonChain {
    #[json]
    a: Option<Chain>,
}

/// Errors of keys and values that are nested 100,000 times, on half the usual stack.
#[test]
fn depth_is_limited() {
    let check = || {
        let form = get("/", &[("content-type", "application/x-www-form-urlencoded")]);
        for (levels, expected) in [(31, "ok"), (33, "too_many"), (100_000, "too_many")] {
            for key in ["[a]", ".a", "%5Ba%5D"] {
                let body = format!("page=1&a{}=", key.repeat(levels));
                let code = match Chains::extract(&form, &[], bytes(&body)) {
                    Ok(chains) => {
                        assert!(chains.a.is_some() && chains.page == Some(1));
                        "ok".to_owned()
                    }
                    Err(rejection) => rejection.errors()[0].code().to_string(),
                };
                assert_eq!(code, expected, "{levels} {key}");
            }
        }
        for (levels, is_valid) in [(100, true), (130, false), (100_000, false)] {
            for (open, inner, close) in [("{\"a\":", "null", "}"), ("{\"b\":[", "", "]}"), ("[", "", "]")] {
                let body = format!("{}{inner}{}", open.repeat(levels), close.repeat(levels));
                let read = JsonChain::extract(&json(), &[], bytes(&body));
                // Members that no field reads are passed over without recursion.
                let expected = if open == "[" { false } else { is_valid || inner.is_empty() };
                assert_eq!(read.is_ok(), expected, "{levels} {open}");
                assert_eq!(
                    read.is_ok_and(|read| read.a.is_some()),
                    expected && open == "{\"a\":",
                    "{levels} {open}"
                );
            }
        }
    };
    std::thread::Builder::new().stack_size(1024 * 1024).spawn(check).unwrap().join().unwrap();
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Shape {
    Nothing,
    Circle(f64),
    Line(i8, i8),
    Box { wide: u64, high: Option<char> },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Tree {
    name: String,
    shape: Shape,
    note: Option<String>,
    numbers: Vec<Option<i64>>,
    pair: (bool, u128),
    pairs: BTreeMap<String, Vec<String>>,
    below: Vec<Tree>,
    boxed: Option<Box<Tree>>,
}

fn tree(random: &mut Random, depth: u64) -> Tree {
    let shape = match random.below(4) {
        0 => Shape::Nothing,
        1 => Shape::Circle(f64::from(random.next() as u32) / 7.0),
        2 => Shape::Line(random.next() as i8, -1),
        _ => Shape::Box { wide: random.next(), high: random.maybe(|_| 'é') },
    };
    let mut pairs = BTreeMap::new();
    for key in random.list(Random::text) {
        pairs.insert(key, random.list(Random::text));
    }
    let deeper = random.below(6) < depth;
    Tree {
        name: random.text(),
        shape,
        note: random.maybe(Random::text),
        numbers: random.list(|random| random.maybe(|random| random.next() as i64)),
        pair: (random.below(2) == 0, u128::from(random.next()) << 60),
        pairs,
        below: if deeper { random.list(|random| tree(random, depth - 1)) } else { Vec::new() },
        boxed: deeper.then(|| Box::new(tree(random, depth - 1))),
    }
}

#[derive(Debug, Clone, PartialEq, Extract, IntoRequest)]
struct InQuery {
    #[query(nested)]
    tree: Option<Tree>,
    #[query(nested = "dots")]
    list: Vec<Shape>,
    #[query(rest)]
    rest: Vec<(String, String)>,
}

#[derive(Debug, Clone, PartialEq, Extract, IntoRequest)]
struct InForm {
    #[form(nested = "dots")]
    tree: Tree,
    #[form(nested)]
    number: u8,
}

/// Tests for a text that is read as none, or a key that cannot be in brackets.
fn is_lost(tree: &Tree) -> bool {
    let odd = |key: &String| key.is_empty() || key.contains(['[', ']']);
    tree.note.as_deref() == Some("")
        || tree.pairs.keys().any(odd)
        || tree.below.iter().any(is_lost)
        || tree.boxed.as_deref().is_some_and(is_lost)
}

fn same<T: Extract + IntoRequest + Debug + PartialEq>(value: &T, lost: bool) {
    let table = table("/");
    match back(&table, value, "/") {
        Some(read) => assert!(!lost && read == *value, "{read:?}\n{value:?}"),
        None => assert!(lost, "{value:?}"),
    }
}

#[test]
fn nested_values_are_read_back() {
    cases(4_000, |random| {
        let value = tree(random, 1);
        let lost = is_lost(&value);
        if random.below(2) == 0 {
            let list = random.list(|random| tree(random, 0).shape);
            same(&InQuery { tree: Some(value), list, rest: vec![("treed".into(), "x".into())] }, lost);
        } else {
            same(&InForm { tree: value, number: 7 }, lost);
        }
    });
}

#[test]
fn values_are_written_as_one_text() {
    let search = |price, items| Search { price, items, names: BTreeMap::new(), page: None };
    let uri = |search: Search| {
        let request = search.to_request_at(Method::GET, "/").map_err(|error| error.to_string());
        request.map(|request| {
            percent_encoding::percent_decode_str(&request.uri().to_string())
                .decode_utf8()
                .unwrap()
                .into_owned()
        })
    };
    let price = Price { at_least: Some(1), at_most: None, unit: Unit::Dollar };
    let items = vec![Item { id: 1, name: "a b".into(), tags: vec!["x".into()] }];
    assert_eq!(
        uri(search(Some(price), items)).unwrap(),
        "/?price[atLeast]=1&price[unit]=Dollar&items[0].id=1&items[0].name=a+b&items[0].tags[0]=x"
    );
    let names = BTreeMap::from([("a[b".to_owned(), String::new())]);
    let error = uri(Search { names, ..search(None, vec![]) }).unwrap_err();
    assert_eq!(error, "query `names`: expected keys that are not empty and have no brackets");

    let tree = Tree { note: None, pairs: BTreeMap::new(), ..tree(&mut Random::new(3), 0) };
    let form = InForm { tree, number: 7 };
    let (parts, body) = form.to_request_at(Method::POST, "/").unwrap().into_parts();
    let text = String::from_utf8(bytes_of(body).to_vec()).unwrap();
    assert!(text.starts_with("tree.name=") && text.ends_with("&number=7"), "{text}");
    assert_eq!(parts.headers["content-type"], "application/x-www-form-urlencoded");
}

#[cfg(feature = "multipart")]
#[test]
fn texts_of_a_multipart_body_have_nested_keys() {
    let part = |name: &str, text: &str| {
        format!("--b\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{text}\r\n")
    };
    #[derive(Debug, Extract)]
    struct Form {
        #[form(nested)]
        item: Item,
        #[part]
        file: Option<bytes::Bytes>,
    }
    let read = |body: &str| {
        let parts = get("/", &[("content-type", "multipart/form-data; boundary=b")]);
        Form::extract(&parts, &[], bytes(&format!("{body}--b--\r\n")))
    };
    let form = read(&[part("item[id]", "1"), part("item.name", "a"), part("file", "x")].concat()).unwrap();
    assert_eq!((form.item.id, &*form.item.name, &*form.file.unwrap()), (1, "a", b"x".as_slice()));
    let rejection = read(&part("item[id]", "x")).unwrap_err();
    assert_eq!(lines(&rejection), ["form item[id] invalid"]);
    let rejection = read(&part("file", "x")).unwrap_err();
    assert_eq!(lines(&rejection), ["form item missing"]);
}

#[test]
fn a_default_replaces_an_absent_value() {
    #[derive(Debug, PartialEq, Extract, IntoRequest)]
    struct Paged {
        #[query(nested, default = vec![7])]
        list: Vec<u8>,
        #[query(nested, default)]
        map: BTreeMap<String, u8>,
        #[query(nested)]
        item: Option<Item>,
        #[query(nested)]
        numbers: (u8, u8),
    }
    let read = |uri: &str| Paged::extract_parts(&get(uri, &[]), &[]).map_err(|rejection| lines(&rejection));
    let paged = Paged { list: vec![7], map: BTreeMap::new(), item: None, numbers: (1, 2) };
    assert_eq!(read("/?numbers[0]=1&numbers[1]=2").unwrap(), paged);
    assert_eq!(read("/?numbers[0]=1").unwrap_err(), ["query numbers invalid"]);
    assert_eq!(read("/").unwrap_err(), ["query numbers missing"]);
    let empty = Paged { list: Vec::new(), ..paged };
    let error = empty.to_request_at(Method::GET, "/").unwrap_err();
    assert_eq!(error.to_string(), "query `list`: expected a value: without one the default is read");
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { cases: 500, ..Default::default() })]

    /// For any request, an error is reported at one of its keys, without a panic.
    #[test]
    fn any_nested_keys_are_read_or_rejected_with_their_key(
        pairs in proptest::collection::vec(
            ("(tree|list|number)([.]?[a-z0-9]{0,2}|\\[[a-z0-9.]{0,2}\\]?|\\[(name|shape|below|0|1)\\]|[.](name|pair|Line)){0,4}", "[a-z0-9%+-]{0,3}"),
            0..8,
        ),
    ) {
        let query: Vec<_> = pairs.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let uri = format!("/?{}", query.join("&").replace('[', "%5B").replace(']', "%5D"));
        let parts = get(&uri, &[]);
        for error in InQuery::extract_parts(&parts, &[]).map_err(|rejection| rejection.errors().to_vec()).err().unwrap_or_default() {
            let name = error.name().unwrap();
            proptest::prop_assert!(
                ["tree", "list"].iter().any(|key| name.starts_with(key)) || pairs.iter().any(|(key, _)| key == name),
                "{} {}", uri, error
            );
        }
    }
}
