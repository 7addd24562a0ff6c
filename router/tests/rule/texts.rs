//! Properties: any text is parsed without a panic, and a printed rule parses to the same tree.

use proptest::prelude::*;
use waylay_router::rule::{Expr, Function, MAX_RULE_BYTES, Rule};

/// Parts of rules, in valid and invalid combinations.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("(".to_owned()),
        Just(")".to_owned()),
        Just("!".to_owned()),
        Just(" && ".to_owned()),
        Just(" || ".to_owned()),
        Just(",".to_owned()),
        Just("Host(`a`)".to_owned()),
        Just("Path(\"/a\\n\")".to_owned()),
        Just("Header(`a`, `b`)".to_owned()),
        Just("Query(".to_owned()),
        Just("\"\\x".to_owned()),
        Just("/*".to_owned()),
        Just("//".to_owned()),
        "[a-zA-Z`\"'é\\\\]{0,3}",
        "\\PC{0,4}",
    ];
    prop::collection::vec(piece, 0..20).prop_map(|pieces| pieces.concat())
}

/// Trees with any valid texts as arguments.
pub fn expr() -> impl Strategy<Value = Expr> {
    let text = prop_oneof!["[ -~]{0,6}", "[`\"\\\\é\t\n\r\u{0}]{1,3}", Just("`".to_owned()),];
    let leaf = prop_oneof![
        Just(Function::Any.of::<[&str; 0]>([])),
        "[a-z]{1,4}".prop_map(|host| Function::Host.of([host])),
        "(/[a-z]{0,3}){1,3}".prop_map(|path| Function::Path.of([path])),
        "(/[a-z`\"]{0,3}){1,3}".prop_map(|path| Function::PathPrefix.of([path])),
        text.clone().prop_map(|value| Function::Header.of(["a".to_owned(), value])),
        text.clone().prop_map(|value| Function::Cookie.of(["a".to_owned(), value])),
        text.prop_map(|key| Function::Query.of([format!("k{key}")])),
    ];
    leaf.prop_recursive(6, 24, 4, |inner| {
        prop_oneof![
            inner.clone().prop_map(|inner| !inner),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| a & b),
            (inner.clone(), inner).prop_map(|(a, b)| a | b),
        ]
    })
}

/// The printed form of a tree parses to the same tree.
fn comes_back(rule: &Rule) {
    let written = rule.to_string();
    if written.len() <= MAX_RULE_BYTES {
        let again = Rule::parse(written.as_str()).unwrap_or_else(|errors| panic!("{errors}"));
        assert_eq!(again.expr(), rule.expr());
        assert_eq!(again.to_string(), written);
    }
}

proptest! {
    #[test]
    fn any_text_parses_or_fails(text in "\\PC*") {
        if let Err(errors) = Rule::parse(text.as_str()) {
            assert!(!errors.to_string().is_empty());
        }
    }

    #[test]
    fn any_parts_parse_or_fail(text in pieces()) {
        match Rule::parse(text.as_str()) {
            Ok(rule) => comes_back(&rule),
            Err(errors) => {
                for error in errors.iter() {
                    prop_assert!(text.get(error.span.clone()).is_some(), "{errors}");
                }
                assert!(!errors.to_string().is_empty());
            }
        }
    }

    #[test]
    fn any_bytes_parse_or_fail(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let text = String::from_utf8_lossy(&bytes);
        if let Err(errors) = Rule::parse(&*text) {
            assert!(!errors.to_string().is_empty());
        }
    }

    #[test]
    fn any_tree_round_trips(expr in expr()) {
        let rule = Rule::parse(&expr).unwrap_or_else(|errors| panic!("{errors}"));
        prop_assert_eq!(rule.expr(), &expr);
        comes_back(&rule);
    }
}

#[test]
fn the_longest_texts_take_linear_time() {
    // Quadratic behavior would show here: every text is as long as a rule may be.
    for piece in
        ["(", "!", "`", "\"", "a", "a(", "Host(`a`)||", "/**/", "//\n", "Host(`a", "é", "<", "Hosts(`a`)&&"]
    {
        let text = piece.repeat(MAX_RULE_BYTES / piece.len());
        if let Err(errors) = Rule::parse(text) {
            assert!(!errors.to_string().is_empty());
        }
    }
}
