//! Accepted rules, and their printed form.

use waylay_router::rule::{Dialect, Expr, Function, Rule};

/// A text, and its printed form.
const SPELLINGS: [(&str, &str); 28] = [
    ("Host(`a`)", "Host(`a`)"),
    ("Host(\"a\")", "Host(`a`)"),
    ("  Host ( `a` , )\n", "Host(`a`)"),
    ("Any()", "Any()"),
    ("!Any()", "!Any()"),
    ("Host(`a`)&&Path(`/`)", "Host(`a`) && Path(`/`)"),
    ("Host(`a`)\n  && Path(`/`)", "Host(`a`) && Path(`/`)"),
    ("Host(`a`) && // the shop\n Path(`/`) /* all of it */", "Host(`a`) && Path(`/`)"),
    // `&&` binds tighter than `||`, and `!` tighter than both.
    ("Path(`/a`) || Path(`/b`) && Host(`a`)", "Path(`/a`) || Path(`/b`) && Host(`a`)"),
    ("Path(`/a`) || (Path(`/b`) && Host(`a`))", "Path(`/a`) || Path(`/b`) && Host(`a`)"),
    ("(Path(`/a`) || Path(`/b`)) && Host(`a`)", "(Path(`/a`) || Path(`/b`)) && Host(`a`)"),
    ("!Path(`/a`) && Host(`a`)", "!Path(`/a`) && Host(`a`)"),
    ("!(Path(`/a`) && Host(`a`))", "!(Path(`/a`) && Host(`a`))"),
    ("!(Path(`/a`))", "!Path(`/a`)"),
    ("!!Path(`/a`)", "!!Path(`/a`)"),
    ("! ! ( ! Path(`/a`) )", "!!!Path(`/a`)"),
    ("((Path(`/a`)))", "Path(`/a`)"),
    ("Path(`/a`) && (Path(`/b`) && Path(`/c`))", "Path(`/a`) && Path(`/b`) && Path(`/c`)"),
    ("Path(`/a`) || (Path(`/b`) || Path(`/c`))", "Path(`/a`) || Path(`/b`) || Path(`/c`)"),
    // Quotes and escapes, as in Go.
    (r#"Header(`a`, "\"\\")"#, r#"Header(`a`, `"\`)"#),
    (r#"Header(`a`, "`")"#, r#"Header(`a`, "`")"#),
    (r#"Header(`a`, "`\\\"")"#, r#"Header(`a`, "`\\\"")"#),
    (r#"Header(`a`, "\x41\102\u00e9\U0001f9ad")"#, "Header(`a`, `AB\u{e9}\u{1f9ad}`)"),
    (r#"Header(`a`, "\xc3\xa9")"#, "Header(`a`, `\u{e9}`)"),
    (r#"Header(`a`, "\t\n\a")"#, r#"Header(`a`, "\t\n\u0007")"#),
    (r"Header(`a`, `\d+`)", r"Header(`a`, `\d+`)"),
    ("Header(`a`) && Query(`b`) && Cookie(`c`)", "Header(`a`) && Query(`b`) && Cookie(`c`)"),
    ("Header(`a`, ``) && Query(`b`, ``)", "Header(`a`, ``) && Query(`b`, ``)"),
];

#[test]
fn one_printed_form() {
    for (text, expected) in SPELLINGS {
        let rule = Rule::parse(text).unwrap_or_else(|errors| panic!("{text}\n{errors}"));
        assert_eq!(rule.to_string(), expected);
        assert_eq!(Rule::parse(expected).unwrap().expr(), rule.expr(), "{text}");
    }
}

/// Each function with valid arguments.
const CALLS: [(Function, &[&str]); 25] = [
    (Function::Any, &[]),
    (Function::Host, &["{tenant}.example.com"]),
    (Function::HostRegexp, &[r"[a-z]+\.example\.com"]),
    (Function::Path, &["/a/{id:[0-9]+}"]),
    (Function::PathPrefix, &["/a"]),
    (Function::PathRegexp, &["/(a|b)/.*"]),
    (Function::Method, &["PROPFIND"]),
    (Function::MethodRegexp, &["P(?:UT|ATCH)"]),
    (Function::Header, &["X-Debug"]),
    (Function::Header, &["X-Debug", "1"]),
    (Function::HeaderRegexp, &["X-Debug", "[01]"]),
    (Function::Query, &["page"]),
    (Function::Query, &["page", "{page:[0-9]+}"]),
    (Function::QueryRegexp, &["page", "[0-9]+"]),
    (Function::Scheme, &["https"]),
    (Function::Version, &["HTTP/2"]),
    (Function::ClientIp, &["10.0.0.0/8"]),
    (Function::ClientIp, &["::1"]),
    (Function::Cookie, &["session"]),
    (Function::Cookie, &["session", "7"]),
    (Function::ContentType, &["application/json"]),
    (Function::ContentType, &["text/*"]),
    (Function::Accept, &["text/html"]),
    (Function::Guard, &["beta"]),
    (Function::Path, &[""]),
];

#[test]
fn every_function_in_code_equals_the_text() {
    for (function, arguments) in CALLS {
        let expr = function.of(arguments.iter().copied());
        let read = Rule::parse(&expr).unwrap_or_else(|errors| panic!("{errors}"));
        assert_eq!(read.expr(), &expr);
        let arity = function.arity(Dialect::Native).unwrap();
        assert!(arity.contains(&arguments.len()), "{function}");
    }
}

#[test]
fn trees_have_positions() {
    let text = "Host(`a`) && (!Path(`/b`) || Header(\"c\", `d`))";
    let rule = Rule::parse(text).unwrap();
    let calls = rule.expr().calls();
    let shown: Vec<&str> = calls.iter().map(|call| &text[call.span.clone()]).collect();
    assert_eq!(shown, ["Host(`a`)", "Path(`/b`)", "Header(\"c\", `d`)"]);
    assert_eq!(&text[calls[2].arguments[0].span.clone()], "\"c\"");
    assert!(matches!(rule.expr(), Expr::All(parts) if matches!(parts[1], Expr::Either(_))));
}

#[test]
fn operators_make_flat_trees() {
    let path = |text: &str| Function::Path.of([text]);
    let expr = (path("/a") | path("/b") | path("/c")) & !path("/d") & path("/e");
    assert_eq!(expr.to_string(), "(Path(`/a`) || Path(`/b`) || Path(`/c`)) && !Path(`/d`) && Path(`/e`)");
    assert_eq!(Rule::parse(&expr).unwrap().expr(), &expr);
}

#[test]
fn lints_of_native_rules() {
    assert_eq!(Rule::parse("Method(`get`) && Method(`GET`)").unwrap().lints().len(), 1);
    assert!(Rule::parse("PathRegexp(`/a`)").unwrap().lints().is_empty());
}
