//! Every error has a message and a position.

use waylay_router::rule::{MAX_RULE_BYTES, MAX_RULE_DEPTH, Rule, RuleErrorKind};

/// A text, and the output of its error.
const FAULTS: [(&str, &str); 46] = [
    ("", "the rule is empty, write `Any()` for every request\n    \n    ^"),
    ("Host", "expected `(`, found the end\n    Host\n        ^"),
    ("bad expression", "expected `(`, found `expression`\n    bad expression\n        ^^^^^^^^^^"),
    (
        "Host(`a`) Path(`/`)",
        "expected `&&`, `||` or the end, found `Path`\n    Host(`a`) Path(`/`)\n              ^^^^",
    ),
    ("Host(`a`) &&", "expected a function, `!` or `(`, found the end\n    Host(`a`) &&\n                ^"),
    ("&& Host(`a`)", "expected a function, `!` or `(`, found `&&`\n    && Host(`a`)\n    ^^"),
    ("()", "expected a function, `!` or `(`, found `)`\n    ()\n     ^"),
    ("`a`", "expected a function, `!` or `(`, found a text\n    `a`\n    ^^^"),
    ("1 && 2", "expected a function, `!` or `(`, found `1`\n    1 && 2\n    ^"),
    (
        "Host(`a`) == Host(`b`)",
        "expected `&&`, `||` or the end, found `=`\n    Host(`a`) == Host(`b`)\n              ^",
    ),
    ("Host(`a`) & Path(`/`)", "write `&&`\n    Host(`a`) & Path(`/`)\n              ^"),
    ("Host(`a`) | Path(`/`)", "write `||`\n    Host(`a`) | Path(`/`)\n              ^"),
    ("Host(`a`) and Path(`/`)", "write `&&` for `and`\n    Host(`a`) and Path(`/`)\n              ^^^"),
    ("(Host(`a`) OR Path(`/`))", "write `||` for `OR`\n    (Host(`a`) OR Path(`/`))\n               ^^"),
    ("not Path(`/`)", "write `!` for `not`\n    not Path(`/`)\n    ^^^"),
    ("(Host(`a`)", "parenthesis is not closed, add `)`\n    (Host(`a`)\n    ^"),
    ("Host(`a`", "parenthesis is not closed, add `)`\n    Host(`a`\n        ^"),
    ("Host(`a`))", "`)` without `(`\n    Host(`a`))\n             ^"),
    ("Host(`a)", "text is not closed, add `\n    Host(`a)\n         ^^^"),
    (
        "Host(\"a) && Path(`/`)",
        "text is not closed, add \"\n    Host(\"a) && Path(`/`)\n         ^^^^^^^^^^^^^^^^",
    ),
    ("Host(\"a\n) && Path(`/`)", "text is not closed, add \"\n    Host(\"a\n         ^^"),
    ("Any() /* all", "comment is not closed, add `*/`\n    Any() /* all\n          ^^^^^^"),
    ("Host('a')", "' is no quote here, write `text` or \"text\"\n    Host('a')\n         ^"),
    ("Host(“a”)", "“ is no quote here, write `text` or \"text\"\n    Host(“a”)\n         ^"),
    ("Host(\"\\d\")", "no such escape, write the text in back quotes\n    Host(\"\\d\")\n          ^^"),
    (
        "Host(\"\\xff\")",
        "no such escape, write the text in back quotes\n    Host(\"\\xff\")\n         ^^^^^^",
    ),
    (
        "Host(example.com)",
        "an argument needs quotes, write `example.com` with them\n    Host(example.com)\n         ^^^^^^^^^^^",
    ),
    (
        "Path(Path(`/`))",
        "an argument needs quotes, write `Path(` with them\n    Path(Path(`/`))\n         ^^^^^",
    ),
    ("Host(`a` `b`)", "expected `,` or `)`, found a text\n    Host(`a` `b`)\n             ^^^"),
    ("host(`a`)", "no function is called `host`, did you mean `Host`?\n    host(`a`)\n    ^^^^"),
    (
        "QueryRegex(`a`, `b`)",
        "no function is called `QueryRegex`, did you mean `QueryRegexp`?\n    QueryRegex(`a`, `b`)\n    ^^^^^^^^^^",
    ),
    (
        "HostHeader(`a`)",
        "no function is called `HostHeader`, did you mean `Host`?\n    HostHeader(`a`)\n    ^^^^^^^^^^",
    ),
    ("Hots(`a`)", "no function is called `Hots`, did you mean `Host`?\n    Hots(`a`)\n    ^^^^"),
    ("Wombat(`a`)", "no function is called `Wombat`\n    Wombat(`a`)\n    ^^^^^^"),
    (
        "MethodRegexp(`(`)",
        "regex does not compile: unclosed group\n    MethodRegexp(`(`)\n                 ^^^",
    ),
    ("Host()", "`Host` takes 1 argument, not 0\n    Host()\n    ^^^^^^"),
    (
        "Host(`a`, `b`)",
        "`Host` takes 1 argument, not 2; write `Host(…) || Host(…)`\n    Host(`a`, `b`)\n    ^^^^^^^^^^^^^^",
    ),
    (
        "HeaderRegexp(`a`)",
        "`HeaderRegexp` takes 2 arguments, not 1\n    HeaderRegexp(`a`)\n    ^^^^^^^^^^^^^^^^^",
    ),
    (
        "Query(`a`, `b`, `c`)",
        "`Query` takes 1 or 2 arguments, not 3\n    Query(`a`, `b`, `c`)\n    ^^^^^^^^^^^^^^^^^^^^",
    ),
    ("Header(``, `a`)", "the argument is empty\n    Header(``, `a`)\n           ^^"),
    ("Path(`css`)", "a path must start with `/`\n    Path(`css`)\n         ^^^^^"),
    (
        "Path(`/a/{id`)",
        "variable is not closed, add `}` (a literal brace is `{{`)\n    Path(`/a/{id`)\n             ^^^",
    ),
    ("Host(`ex ample`)", "' ' is not allowed in a host name\n    Host(`ex ample`)\n            ^"),
    (
        "HeaderRegexp(`a`, `(`)",
        "regex does not compile: unclosed group\n    HeaderRegexp(`a`, `(`)\n                      ^^^",
    ),
    (
        "ClientIP(`10.0.0.0/33`)",
        "`10.0.0.0/33` is not an IP address or a network such as `10.0.0.0/8`\n    ClientIP(`10.0.0.0/33`)\n             ^^^^^^^^^^^^^",
    ),
    ("Header(`a b`)", "`a b` is not a header name\n    Header(`a b`)\n           ^^^^^"),
];

#[test]
fn each_is_shown() {
    for (text, expected) in FAULTS {
        match Rule::parse(text) {
            Ok(rule) => panic!("{text} is read as {rule}"),
            Err(errors) => assert_eq!(errors.to_string(), expected),
        }
    }
}

#[test]
fn further_arguments_that_do_not_fit() {
    for text in [
        "Method(`a b`)",
        "Scheme(`:`)",
        "ContentType(`json`)",
        "Accept(`a/b/c`)",
        "PathRegexp(`)(`)",
        "HostRegexp(`\\xZZ`)",
        "QueryRegexp(`a`, `[`)",
        "PathRegexp(`(?:.{100}){100}`)",
        "Path(`/a/{x}{y}`)",
        "Path(`/a%20b`)",
        "Path(`/a/../b`)",
        "Host(`a..{b:.*}`)",
        "Query(`a`, `{b`)",
        "Guard(``)",
        "Cookie(``)",
    ] {
        let errors = Rule::parse(text).unwrap_err();
        assert_eq!(errors.iter().count(), 1, "{errors}");
        assert!(!errors.iter().next().unwrap().span.is_empty(), "{errors}");
    }
}

#[test]
fn errors_of_functions_are_all_reported() {
    let errors = Rule::parse("Hots(`a`) && Path(`b`, `c`) || Path(`d`) && Header(`e`) &&").unwrap_err();
    let kinds: Vec<&RuleErrorKind> = errors.iter().map(|error| &error.kind).collect();
    assert!(
        matches!(
            kinds[..],
            [
                RuleErrorKind::UnknownFunction { .. },
                RuleErrorKind::Arity { .. },
                RuleErrorKind::NoLeadingSlash,
                RuleErrorKind::Unexpected { .. }
            ]
        ),
        "{errors}"
    );
}

#[test]
fn an_error_after_an_escape_marks_the_argument() {
    let shown = Rule::parse(r#"Path("/\x61/{id")"#).unwrap_err().to_string();
    assert!(shown.ends_with("\n         ^^^^^^^^^^^"), "{shown}");
}

#[test]
fn a_long_rule_is_cut_around_the_position() {
    let text =
        format!("{} && Hots(`b`) && {}", ["Host(`a`)"; 50].join(" && "), ["Host(`c`)"; 50].join(" || "));
    let shown = Rule::parse(text).unwrap_err().to_string();
    let lines: Vec<&str> = shown.lines().collect();
    assert!(lines[1].starts_with("    …") && lines[1].ends_with('…'), "{shown}");
    let place = lines[2].find('^').unwrap();
    let under: String = lines[1].chars().skip(place).take(4).collect();
    assert_eq!((under.as_str(), lines[2].trim()), ("Hots", "^^^^"));
}

#[test]
fn limits() {
    let kind = |text: String| Rule::parse(text).unwrap_err().iter().last().unwrap().kind.clone();
    let nested = |depth: usize| format!("{}Any(){}", "(".repeat(depth), ")".repeat(depth));
    assert!(Rule::parse(nested(MAX_RULE_DEPTH)).is_ok());
    assert_eq!(kind(nested(MAX_RULE_DEPTH + 1)), RuleErrorKind::TooDeep);
    assert_eq!(kind(nested(MAX_RULE_BYTES / 2 - 3)), RuleErrorKind::TooDeep);
    assert_eq!(kind("(".repeat(MAX_RULE_BYTES)), RuleErrorKind::TooDeep);
    assert_eq!(kind("!".repeat(MAX_RULE_BYTES)), RuleErrorKind::TooDeep);
    assert_eq!(kind("(".repeat(MAX_RULE_BYTES + 1)), RuleErrorKind::TooLong);
    // Next to each other there may be as many as fit.
    assert!(Rule::parse(["(Any())"; 700].join("||")).is_ok());
}
