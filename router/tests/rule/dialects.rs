//! The languages of other programs: accepted and rejected rules.

use waylay_router::rule::{Dialect, Rule, RuleErrorKind as Kind, RuleLintKind as Lint};

const TRAEFIK: Dialect = Dialect::TraefikV3;
const VULCAND: Dialect = Dialect::Vulcand;

#[test]
fn read() {
    for (dialect, text) in [
        (TRAEFIK, "Host(`a`) && (Path(`/a{b`) || !PathPrefix(`/c%2F`))"),
        (TRAEFIK, "pathprefix(`/a`) && PATHPREFIX(`/a`) && Pathprefix(`/a`) && Clientip(`::1`)"),
        (TRAEFIK, "Query(`a`) && Query(`a`, `b`) && QueryRegexp(`a`) && QueryRegexp(`a`, `b`)"),
        (TRAEFIK, "Host(`*.example.com`) && Host(`*`) && Host(`10::10`)"),
        (TRAEFIK, "Method(`get`)"),
        (VULCAND, r#"Host("<a>.<b>.localhost") && Path("/x/<int:n>/<path:p>")"#),
        (VULCAND, r#"Header("Content-Type", "<string>/<string>") && MethodRegexp("POST|PUT")"#),
        (VULCAND, r#"Path("/a<b") && Path("GET") && PathRegexp("(?P<x>a)")"#),
    ] {
        let rule = Rule::parse(dialect.text(text)).unwrap_or_else(|errors| panic!("{errors}"));
        let again = Rule::parse(dialect.text(rule.to_string())).unwrap();
        assert_eq!(again.expr(), rule.expr());
        assert_eq!((rule.dialect(), rule.text()), (dialect, text));
    }
}

#[test]
fn refused() {
    for (dialect, text, expected) in [
        (TRAEFIK, "Header(`a`)", "`Header` takes 2 arguments, not 1"),
        (TRAEFIK, "Host(`a`, `b`)", "`Host` takes 1 argument, not 2; write `Host(…) || Host(…)`"),
        (TRAEFIK, "pathPrefix(`/`)", "no function is called `pathPrefix`, did you mean `PathPrefix`?"),
        (TRAEFIK, "Headers(`a`, `b`)", "no function is called `Headers`, did you mean `Header`?"),
        (TRAEFIK, "Cookie(`a`)", "the dialect traefik_v3 has no `Cookie`"),
        (TRAEFIK, "Path(``)", "the argument is empty"),
        (TRAEFIK, "Header(`a`, ``)", "the argument is empty"),
        (TRAEFIK, "Path(`css`)", "a path must start with `/`"),
        (TRAEFIK, "Host(`é.com`)", "'é' is not allowed in a host name, write the A-label (`xn--…`)"),
        (TRAEFIK, "HostRegexp(`(a`)", "regex does not compile: unclosed group"),
        (TRAEFIK, "ClientIP(`1`)", "`1` is not an IP address or a network such as `10.0.0.0/8`"),
        (VULCAND, r#"Path("/a") || Path("/b")"#, "the dialect vulcand has no `||`"),
        (VULCAND, r#"!Path("/a")"#, "the dialect vulcand has no `!`"),
        (VULCAND, r#"PathPrefix("/a")"#, "the dialect vulcand has no `PathPrefix`"),
        (VULCAND, r#"path("/a")"#, "no function is called `path`, did you mean `Path`?"),
        (
            VULCAND,
            r#"Path("/<float:x>")"#,
            "`<float:x>` is none of `<n>`, `<string:n>`, `<int:n>` and `<path:n>`",
        ),
        (
            VULCAND,
            r#"Path("/<int:x:y>")"#,
            "`<int:x:y>` is none of `<n>`, `<string:n>`, `<int:n>` and `<path:n>`",
        ),
        (VULCAND, r#"Path("")"#, "the argument is empty"),
        (VULCAND, "Path(1)", "an argument needs quotes, write `1` with them"),
    ] {
        let errors = Rule::parse(dialect.text(text)).unwrap_err();
        assert_eq!(errors.iter().count(), 1, "{errors}");
        assert_eq!(errors.to_string().lines().next().unwrap(), expected);
    }
}

#[test]
fn templates_of_traefik_v2_are_detected() {
    for text in [
        "HostRegexp(`{sub:[a-z]+}.example.com`)",
        "HeaderRegexp(`a`, `http{secure:s?}`)",
        "PathRegexp(\"/{path:(css|js)}\")",
    ] {
        let errors = Rule::parse(TRAEFIK.text(text)).unwrap_err();
        assert_eq!(errors.iter().next().unwrap().kind, Kind::OldTemplate, "{errors}");
    }
    let errors = Rule::parse("HostRegexp(`{sub:[a-z]+}.example.com`)").unwrap_err();
    assert_eq!(errors.iter().next().unwrap().kind, Kind::TemplateInRegex, "{errors}");
    // Where v3 gives braces a meaning they are only a lint.
    let rule = Rule::parse(TRAEFIK.text("Path(`/a/{id:[0-9]+}`) && Host(`a`)")).unwrap();
    assert_eq!(rule.lints().iter().map(|lint| lint.kind).collect::<Vec<_>>(), [Lint::OldTemplate]);
}

#[test]
fn lints() {
    for (dialect, text, expected) in [
        (TRAEFIK, "PathRegexp(`/a`)", Some(Lint::Unanchored)),
        (TRAEFIK, "PathRegexp(`^/a$`)", None),
        (TRAEFIK, "QueryRegexp(`a`)", None),
        (TRAEFIK, "Query(`a=b`)", Some(Lint::OldQuery)),
        (Dialect::Native, "Query(`a=b`)", Some(Lint::OldQuery)),
        (Dialect::Native, "Query(`a`, `b=c`)", None),
        (TRAEFIK, "Method(`get`)", None),
        (VULCAND, "HeaderRegexp(`a`, `^b`)", Some(Lint::Unanchored)),
        (VULCAND, "Method(`get`)", Some(Lint::LowerCaseMethod)),
        (VULCAND, "Path(`a`)", Some(Lint::NoLeadingSlash)),
        (VULCAND, "Path(`<path:all>`)", None),
    ] {
        let rule = Rule::parse(dialect.text(text)).unwrap();
        assert_eq!(rule.lints().first().map(|lint| lint.kind), expected, "{text}");
        for lint in rule.lints() {
            assert!(lint.to_string().contains('^'));
        }
    }
}
