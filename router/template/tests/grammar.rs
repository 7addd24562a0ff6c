//! The grammar: rows of templates with their variables, or with their error.

use waylay_template::{
    Node, Scanner, Syntax, Template, TemplateErrorKind as Kind, TemplateKind, Token, Unchecked, Wildcard,
};

fn names(template: &Template) -> Vec<String> {
    template.variables().map(|variable| variable.name.clone()).collect()
}

#[test]
fn paths() {
    let rows: &[(&str, Result<&[&str], Kind>)] = &[
        ("", Ok(&[])),
        ("/", Ok(&[])),
        ("/users/{id}", Ok(&["id"])),
        ("/users/{id}/posts/{slug:[a-z]+}", Ok(&["id", "slug"])),
        (r"/d/{y:\d{4}}-{m:\d{2}}", Ok(&["y", "m"])),
        (r"/e/{x:a\}b}", Ok(&["x"])),
        ("/files/{*rest}", Ok(&["rest"])),
        ("/pages/{page?}", Ok(&["page"])),
        ("/pages/{page?:[0-9]+}", Ok(&["page"])),
        ("/{{literal}}/{a}", Ok(&["a"])),
        ("/img-{id}.png", Ok(&["id"])),
        ("/{a-b.c_d}", Ok(&["a-b.c_d"])),
        ("users", Err(Kind::NoLeadingSlash)),
        ("/{a}{b}", Err(Kind::Adjacent)),
        ("/{a}/{a}", Err(Kind::Duplicate("a".to_owned()))),
        ("/{*rest}/x", Err(Kind::TailNotLast)),
        ("/x{*rest}", Err(Kind::TailNotLast)),
        ("/{a?}/x", Err(Kind::OptionalNotLast)),
        ("/{", Err(Kind::Unclosed)),
        ("/}", Err(Kind::Unopened)),
        ("/{}", Err(Kind::EmptyName)),
        ("/{a:}", Err(Kind::EmptyName)),
        ("/{a b}", Err(Kind::BadName(' '))),
        ("/{a*b}", Err(Kind::BadName('*'))),
        ("/{*/}", Err(Kind::BadName('/'))),
        ("/a/{$}", Err(Kind::EndMarker)),
        ("/a{?x}", Err(Kind::QueryInPath)),
        ("/a{?x}{&y}", Err(Kind::QueryInPath)),
        ("/a{#x}", Err(Kind::FragmentInPath)),
        ("GET /a", Err(Kind::MethodInPath)),
        ("GET a", Err(Kind::NoLeadingSlash)),
        (" /a", Err(Kind::NoLeadingSlash)),
        ("/a/../b", Err(Kind::DotSegment)),
        ("/a%20b", Err(Kind::Escape)),
        ("/a\tb", Err(Kind::Control)),
        ("/a%3a%2A%3C%3E%3F%23%5B%28", Ok(&[])),
        ("/Products(1)/f(x,y)", Ok(&[])),
        ("/a:b/@me/:/::x/x[y]", Ok(&[])),
        ("/a?x=1", Err(Kind::QueryInPath)),
        ("/{id}?", Err(Kind::QueryInPath)),
        ("/a#x", Err(Kind::FragmentInPath)),
        ("/{id}#{x}", Err(Kind::FragmentInPath)),
    ];
    for (text, expected) in rows {
        let parsed = Template::parse(text, TemplateKind::Path);
        let found = parsed.as_ref().map(names).map_err(|error| error.kind.clone());
        let expected = expected.clone().map(|list| list.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(found, expected, "{text}");
    }
}

/// The syntax of other routers is an error with both spellings.
#[test]
fn foreign_syntax() {
    for (text, marked, write, literal) in [
        ("/posts/:id", ":id", "{id}", "%3Aid"),
        ("/posts/:id.json", ":id", "{id}", "%3Aid"),
        ("/:id?/x", ":id", "{id}", "%3Aid"),
        ("/files/*rest", "*rest", "{*rest}", "%2Arest"),
        ("/files/*", "*", "{*rest}", "%2A"),
        ("/a/{id}/*", "*", "{*rest}", "%2A"),
        ("/files/**", "**", "{*rest}", "%2A%2A"),
        ("/*/x", "*", "{name}", "%2A"),
        ("/*.js", "*", "{name}", "%2A"),
        ("/x-*", "*", "{name}", "%2A"),
        ("/posts/<id>", "<id>", "{id}", "%3Cid%3E"),
        ("/posts/<int:id>/x", "<int:id>", "{id}", "%3Cint:id%3E"),
        ("/<path:rest>", "<path:rest>", "{*rest}", "%3Cpath:rest%3E"),
        ("/<rest..>", "<rest..>", "{*rest}", "%3Crest..%3E"),
        ("/x-<id>", "<id>", "{id}", "%3Cid%3E"),
        ("/posts/[id]", "[id]", "{id}", "%5Bid]"),
        ("/[...rest]", "[...rest]", "{*rest}", "%5B...rest]"),
        ("/[[id]]", "[[id]]", "{id}", "%5B%5Bid]]"),
        ("/{rest...}", "{rest...}", "{*rest}", "{{rest...}}"),
        ("/{id:int}", "{id:int}", "{id:[0-9]+}", "{id:(?:int)}"),
        ("/{rest:path}", "{rest:path}", "{*rest}", "{rest:(?:path)}"),
        ("/{id:str}", "{id:str}", "{id}", "{id:(?:str)}"),
        ("/{id:int?}", "{id:int?}", "{id?:[0-9]+}", "{id:(?:int?)}"),
        ("/{id?:int}", "{id?:int}", "{id?:[0-9]+}", "{id?:(?:int)}"),
        ("/{id:int=5}", "{id:int=5}", "{id?:[0-9]+}", "{id:(?:int=5)}"),
        ("/{id:int:min(1)}", "{id:int:min(1)}", "{id:[0-9]+}", "{id:(?:int:min(?:1))}"),
        ("/{id:min(1)}", "{id:min(1)}", "{id:[0-9]+}", "{id:(?:min(?:1))}"),
        ("/{id:length(3)}", "{id:length(3)}", "{id:[^/]{3}}", "{id:(?:length(?:3))}"),
        ("/{id:regex(^a+$)}", "{id:regex(^a+$)}", "{id:^a+$}", "{id:(?:regex(?:^a+$))}"),
        (r"/a/(\d+)", r"(\d+)", r"{name:\d+}", r"%28\d+)"),
        ("/a/([a-z]{2})", "([a-z]{2})", "{name:[a-z]{2}}", "%28%5Ba-z]{{2}})"),
        ("/a/(.*)", "(.*)", "{*rest}", "%28.%2A)"),
        ("/a-([a-z]+).js", "([a-z]+)", "{name:[a-z]+}", "%28%5Ba-z]+)"),
        ("/{x:double}", "{x:double}", "{x:[0-9.]+}", "{x:(?:double)}"),
        ("/{+rest}", "{+rest}", "{*rest}", "{{+rest}}"),
        ("/{**rest}", "{**rest}", "{*rest}", "{{%2A%2Arest}}"),
        ("/{*rest:nonfile}", "{*rest:nonfile}", "{*rest}", "{{%2Arest:nonfile}}"),
        ("/{*rest:[a-z]{2}}", "{*rest:[a-z]{2}}", "{rest:[a-z]{2}}", "{{%2Arest:%5Ba-z]{{2}}}}"),
        ("/{rest+}", "{rest+}", "{*rest}", "{{rest+}}"),
        ("/{rest*}", "{rest*}", "{*rest}", "{{rest%2A}}"),
        ("/a{/b}", "{/b}", "/{b?}", "{{/b}}"),
        ("/a{/:b}", "{/:b}", "/{b?}", "{{/%3Ab}}"),
        ("/{lang=en}", "{lang=en}", "{lang?}", "{{lang=en}}"),
    ] {
        let error = Template::parse(text, TemplateKind::Path).unwrap_err();
        let expected = Kind::Foreign { write: write.to_owned(), literal: literal.to_owned() };
        assert_eq!((&error.text[error.span.clone()], &error.kind), (marked, &expected), "{text}");
        assert!(error.to_string().contains(write), "{error}");
        // The escape has the meaning of the text.
        let is_regex = literal.contains("(?:");
        let escaped = text.replacen(marked, literal, 1);
        let escaped = if is_regex { escaped } else { escaped.replace('?', "%3F") };
        let parsed = Template::parse(&escaped, TemplateKind::Path).unwrap();
        assert!(is_regex || parsed.literal() == Some(text) || text.contains("{id}"), "{escaped}");
    }
    assert_eq!(
        waylay_template::escape_literal("/:a/b:c/<x>?#[*(1)(.)"),
        "/%3Aa/b:c/%3Cx%3E%3F%23%5B%2A(1)%28.)"
    );
}

#[test]
fn hosts() {
    let rows: &[(&str, Result<&[&str], Kind>)] = &[
        ("example.com:8080", Ok(&[])),
        ("{tenant}.example.com", Ok(&["tenant"])),
        ("{*rest}.example.com", Ok(&["rest"])),
        ("*.example.com", Ok(&[])),
        ("**.example.com", Ok(&[])),
        ("a.*.com", Err(Kind::BadHost('*'))),
        ("a,b.com", Err(Kind::BadHost(','))),
        ("b\u{fc}cher.example", Err(Kind::BadHost('\u{fc}'))),
        ("xn--bcher-kva.example", Ok(&[])),
        ("<t>.com", Err(Kind::ForeignHost { write: "{t}".to_owned() })),
        (":t.com", Err(Kind::ForeignHost { write: "{t}".to_owned() })),
        ("{+t}.com", Err(Kind::ForeignHost { write: "{*t}".to_owned() })),
        ("{$}.com", Err(Kind::BadName('$'))),
        ("{/t}.com", Err(Kind::BadName('/'))),
        ("a.{*rest}", Err(Kind::TailNotFirst)),
        ("{a?}.com", Err(Kind::OptionalNotLast)),
        ("a:{port}", Err(Kind::BadPort)),
    ];
    for (text, expected) in rows {
        let parsed = Template::parse(text, TemplateKind::Host);
        let found = parsed.as_ref().map(names).map_err(|error| error.kind.clone());
        let expected = expected.clone().map(|list| list.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(found, expected, "{text}");
    }
    let wild = Template::parse("**.a", TemplateKind::Host).unwrap();
    assert_eq!(wild.nodes, [Node::Wildcard(Wildcard::Many), Node::Text(".a".to_owned())]);
}

#[test]
fn tokens_cover_the_whole_text() {
    for text in ["/a/{b}/c", "{{x}}", "/{a:[0-9]{2}}-{b?}", "{*t}"] {
        let length = |token| match token {
            Token::Text("{" | "}") => 2,
            Token::Text(text) => text.len(),
            Token::Variable(variable) => variable.span.len(),
        };
        let total: usize = Scanner::new(text).map(|token| length(token.unwrap())).sum();
        assert_eq!(total, text.len(), "{text}");
    }
}

#[test]
fn an_error_ends_the_tokens() {
    let mut tokens = Scanner::new("/a/{b");
    assert_eq!(tokens.next(), Some(Ok(Token::Text("/a/"))));
    assert!(tokens.next().unwrap().is_err());
    assert_eq!(tokens.next(), None);
}

#[test]
fn gorilla_syntax_has_neither_tails_nor_doubled_braces() {
    let parse = |text| Template::parse_with(text, TemplateKind::Path, Syntax::Gorilla, &Unchecked);
    assert_eq!(names(&parse("/{*a}/{b?}").unwrap()), ["*a", "b?"]);
    assert_eq!(parse("/}}").unwrap_err().kind, Kind::Unopened);
}

#[test]
fn slashes_and_optional_segments() {
    let path = |text: &str| Template::parse(text, TemplateKind::Path).unwrap();
    let other = |text: &str| path(text).with_other_slash().map(|template| template.text);
    assert_eq!(other("/a").as_deref(), Some("/a/"));
    assert_eq!(other("/{a}/").as_deref(), Some("/{a}"));
    assert_eq!(other("/"), None);
    assert_eq!(other("/{*a}"), None);
    assert_eq!(path("/{a?}").without_optional().unwrap().literal(), Some("/"));
    assert_eq!(path("/a").without_optional(), None);
    assert_eq!(path("/a/").join(&path("/b/{c}")).text, "/a/b/{c}");
    assert_eq!([path("/"), path("/a/{b}"), path("/a/{b}/")].map(|t| t.segment_count()), [0, 2, 2]);
}

#[test]
fn an_error_has_three_lines_whatever_the_text() {
    for text in ["/<a\nb>", "/:a\n", "/<\u{85}>", "/{a\n", "/a\n{b}{c}"] {
        let error = Template::parse(text, TemplateKind::Path).unwrap_err();
        assert_eq!(error.to_string().split('\n').count(), 3, "{error}");
    }
}
