//! Invalid settings of a fault, and their messages.

use std::time::Duration;

use waylay_fault::{
    DecideBy, Delay, Fault, FaultBuilder, FaultErrorKind, Group, InjectContext, InjectOutcome, Injector,
    MAX_INJECTOR_DEPTH, Reject, chain, custom, error, quota, random, random_by, reject, slow,
};

fn errors(builder: FaultBuilder) -> Vec<String> {
    builder.build().unwrap_err().iter().map(ToString::to_string).collect()
}

#[test]
fn participation() {
    for (share, shown) in [
        (f64::NAN, "NaN"),
        (-0.1, "-0.1"),
        (1.1, "1.1"),
        (1.000_000_1, "1.0000001"),
        (f64::INFINITY, "inf"),
        (f64::NEG_INFINITY, "-inf"),
    ] {
        let wanted = format!("participation: {shown} is not a share of requests; give a number from 0 to 1");
        assert_eq!(errors(Fault::new("f", error(500)).participation(share)), [wanted]);
    }
    for share in [0.0, -0.0, 1e-320, 0.5, 1.0] {
        assert!(Fault::new("f", error(500)).participation(share).build().is_ok(), "{share}");
    }
}

#[test]
fn names() {
    for (name, shown) in [("", ""), (" ", " "), ("a\nb", "a\\nb"), ("café", "café")] {
        let wanted =
            format!("name: `{shown}` is not a fault name; give visible ASCII, since it is sent in a header");
        assert_eq!(errors(Fault::new(name, error(500))), [wanted]);
    }
}

#[test]
fn injectors() {
    let informational = "is an informational status, after which the client waits for the final one; give one from 200 to 599";
    let silent = || custom("", |_: InjectContext| async { InjectOutcome::Continue });
    let none: [(f64, Injector); 0] = [];
    let rows: Vec<(Injector, Vec<String>)> = vec![
        (error(0).into(), vec!["error.status: 0 is not a response status; give one from 200 to 599".into()]),
        (error(99).into(), vec!["error.status: 99 is not a response status; give one from 200 to 599".into()]),
        (error(600).into(), vec!["error.status: 600 is not a response status; give one from 200 to 599".into()]),
        (error(100).into(), vec![format!("error.status: 100 {informational}")]),
        (error(199).into(), vec![format!("error.status: 199 {informational}")]),
        (
            error(500).header("a b", "1").header("x", "a\nb").into(),
            vec![
                "error.header[0]: `a b` is not a header name; give a token such as `x-chaos`".into(),
                "error.header[1]: `a\\nb` is not a header value; give text without control characters".into(),
            ],
        ),
        (
            quota(1, "0s").per(DecideBy::Header("a b".into())).max_clients(0).response(error(9)).into(),
            vec![
                "quota.window: 0ns is too small; give at least 1".into(),
                "quota.per: `a b` is not a header name; give a token such as `x-chaos`".into(),
                "quota.max_clients: 0 is too small; give at least 1".into(),
                "quota.error.status: 9 is not a response status; give one from 200 to 599".into(),
            ],
        ),
        (random(none), vec!["random: [] leaves nothing to pick from; give at least one weight above 0".into()]),
        (
            random([(0.0, error(500)), (0.0, error(501))]),
            vec!["random: [0.0, 0.0] leaves nothing to pick from; give at least one weight above 0".into()],
        ),
        (
            random([(f64::MAX, error(500)), (f64::MAX, error(501))]),
            vec![
                "random: [1.7976931348623157e308, 1.7976931348623157e308] add up to more than a number can \
                 hold; give smaller weights"
                    .into(),
            ],
        ),
        (
            random([(-1.0, error(500)), (f64::NAN, error(99)), (f64::INFINITY, error(500))]),
            vec![
                "random[0].weight: -1 is not a weight; give a finite number from 0 on".into(),
                "random[1].weight: NaN is not a weight; give a finite number from 0 on".into(),
                "random[1].error.status: 99 is not a response status; give one from 200 to 599".into(),
                "random[2].weight: inf is not a weight; give a finite number from 0 on".into(),
            ],
        ),
        (
            reject(Reject::hang("soon")),
            vec!["reject.max: `soon` has no number at column 1; write it like `90ms` or `1.5s`".into()],
        ),
        (silent(), vec!["custom.name: `` is not a fault name; give visible ASCII, since it is sent in a header".into()]),
        (
            chain([error(99).into(), slow(Delay::fixed("1")), chain([random([(1.0, error(600))])])]),
            vec![
                "chain[0].error.status: 99 is not a response status; give one from 200 to 599".into(),
                "chain[1].slow.fixed: `1` has no unit at column 2; add one of ns, us, ms, s, m, h".into(),
                "chain[2].chain[0].random[0].error.status: 600 is not a response status; give one from 200 to 599".into(),
            ],
        ),
    ];
    for (injector, wanted) in rows {
        assert_eq!(errors(Fault::new("f", injector)), wanted);
    }
}

#[test]
fn delays() {
    let too_long = Duration::MAX;
    let rows: [(Delay, &[&str]); 16] = [
        (Delay::fixed(""), &["slow.fixed: `` has no number at column 1; write it like `90ms` or `1.5s`"]),
        (Delay::fixed("ms"), &["slow.fixed: `ms` has no number at column 1; write it like `90ms` or `1.5s`"]),
        (
            Delay::fixed("-1s"),
            &["slow.fixed: `-1s` has no number at column 1; write it like `90ms` or `1.5s`"],
        ),
        (
            Delay::fixed("1.s"),
            &["slow.fixed: `1.s` has no number at column 3; write it like `90ms` or `1.5s`"],
        ),
        (Delay::fixed("90"), &["slow.fixed: `90` has no unit at column 3; add one of ns, us, ms, s, m, h"]),
        (
            Delay::fixed("9 ms"),
            &["slow.fixed: `9 ms` has an unknown unit at column 2; known are ns, us, ms, s, m, h"],
        ),
        (
            Delay::fixed("1.5mss"),
            &["slow.fixed: `1.5mss` has an unknown unit at column 4; known are ns, us, ms, s, m, h"],
        ),
        (
            Delay::fixed("１s"),
            &["slow.fixed: `１s` has no number at column 1; write it like `90ms` or `1.5s`"],
        ),
        (
            Delay::fixed("99999999999999999999ns"),
            &["slow.fixed: `99999999999999999999ns` is too long; the maximum is 584 years"],
        ),
        (
            Delay::fixed("18446744073709551615h"),
            &["slow.fixed: `18446744073709551615h` is too long; the maximum is 584 years"],
        ),
        (
            Delay::fixed(too_long),
            &["slow.fixed: `18446744073709551615.999999999s` is too long; the maximum is 584 years"],
        ),
        (
            Delay::uniform("2s", "1s"),
            &["slow: uniform(2s, 1s) is an empty range; give the lower bound first"],
        ),
        (
            Delay::uniform("a", "b"),
            &[
                "slow.low: `a` has no number at column 1; write it like `90ms` or `1.5s`",
                "slow.high: `b` has no number at column 1; write it like `90ms` or `1.5s`",
            ],
        ),
        (Delay::lognormal("90ms", 0.4), &["slow: lognormal(90ms, 0.4) has no maximum; add `.max(…)`"]),
        (
            Delay::lognormal("90ms", -0.4).max("1s"),
            &["slow.sigma: -0.4 is not a spread; give a finite number from 0 on"],
        ),
        (
            Delay::lognormal("x", f64::NAN).max("y"),
            &[
                "slow.median: `x` has no number at column 1; write it like `90ms` or `1.5s`",
                "slow.sigma: NaN is not a spread; give a finite number from 0 on",
                "slow.max: `y` has no number at column 1; write it like `90ms` or `1.5s`",
            ],
        ),
    ];
    for (delay, wanted) in rows {
        assert_eq!(errors(Fault::new("f", slow(delay))), wanted);
    }
    for text in ["0s", "1ns", "250us", "250µs", "90ms", "1.5s", "1m", "0.25h", "0.0000000000001s", "00012ms"]
    {
        assert!(Fault::new("f", slow(Delay::fixed(text))).build().is_ok(), "{text}");
    }
}

#[test]
fn path_patterns() {
    for (pattern, why) in [
        ("", "it does not begin with `/`"),
        ("a", "it does not begin with `/`"),
        ("*", "it does not begin with `/`"),
        ("/a**", "`**` matches whole segments; write it between slashes"),
        ("/*/{}", "a variable is written `{name}`, a tail `{*name}`"),
        ("/*/{a", "a `{` without its `}` is written `{{`; a variable is `{name}`"),
        ("/*/a}", "a `}` without its `{` is written `}}`"),
        (
            "/a%20b",
            "write it decoded (`/a b`, not `/a%20b`); only `%2F` and `%25` keep their escape (byte 3)",
        ),
        ("/é%", "write it decoded (`/a b`, not `/a%20b`); only `%2F` and `%25` keep their escape (byte 4)"),
        ("/{", "a `{` without its `}` is written `{{`; a variable is `{name}`"),
        ("/{}", "a variable is written `{name}`, a tail `{*name}`"),
        ("/{a", "a `{` without its `}` is written `{{`; a variable is `{name}`"),
        ("/a}", "a `}` without its `{` is written `}}`"),
        ("/{a}{b}", "only one parameter is allowed per path segment"),
        ("/{a}-{b}", "only one parameter is allowed per path segment"),
        ("/orders/:id", "`:id` is no variable; write `{id}`, or `%3A` and `%3C` for `:` and `<`"),
        ("/orders/:id/*", "`:id` is no variable; write `{id}`, or `%3A` and `%3C` for `:` and `<`"),
        ("/<int>/a", "`<int>` is no variable; write `{int}`, or `%3A` and `%3C` for `:` and `<`"),
        ("/{id:[0-9]{3}}", "a variable has no expression here; write `{name}`"),
        ("/{rest...}", "a variable is written `{name}`, a tail `{*name}`"),
        ("/a?x=1", "a path ends before `?`; leave out what follows, or write `%3F` for the character"),
        ("/a#x", "a path ends before `#`; leave out what follows, or write `%23` for the character"),
        ("/{*rest}/a", "catch-all parameters are only allowed at the end of a route"),
    ] {
        let wanted = |setting| format!("{setting}[1]: `{pattern}` is not a path pattern: {why}");
        let builder = || Fault::new("f", error(500));
        assert_eq!(errors(builder().block_paths(["/ok", pattern])), [wanted("block_paths")]);
        assert_eq!(errors(builder().allow_paths(["/ok", pattern])), [wanted("allow_paths")]);
    }
}

/// Templates of routes may have expressions, and other texts are names.
#[cfg(feature = "router")]
#[test]
fn route_templates() {
    let builder = || Fault::new("f", error(500));
    let good =
        ["/orders/{id}", "/orders/{id:[0-9]{3}}", "/files/{*rest}", "/{{x}}", "/v1/items:batch", "orders"];
    assert!(builder().allow_routes(good).build().is_ok());
    for (template, why) in [
        ("", "it does not begin with `/`"),
        ("orders/{id}", "it does not begin with `/`"),
        ("/orders/{id", "a `{` without its `}` is written `{{`; a variable is `{name}`"),
        ("/orders/id}", "a `}` without its `{` is written `}}`"),
        ("/orders/{}", "a variable is written `{name}`"),
        ("/orders/:id", "`:id` is no variable; write `{id}`, or `%3A` and `%3C` for `:` and `<`"),
        ("/orders/<id>", "`<id>` is no variable; write `{id}`, or `%3A` and `%3C` for `:` and `<`"),
        ("/files/*rest", "`*rest` is no tail; write `{*rest}`"),
        ("/files/*", "`*` is no tail; write `{*rest}`"),
    ] {
        let wanted = |setting| format!("{setting}[0]: `{template}` is not a path pattern: {why}");
        assert_eq!(errors(builder().block_routes([template])), [wanted("block_routes")]);
        assert_eq!(errors(builder().allow_routes([template])), [wanted("allow_routes")]);
    }
}

/// An allow list from a configuration may turn out empty; it must not allow everything.
#[test]
fn empty_allow_lists() {
    let builder = || Fault::new("f", error(500));
    let none: [&str; 0] = [];
    let no_pairs: [(&str, &str); 0] = [];
    let rows = [
        ("methods", builder().allow_methods(none)),
        ("paths", builder().allow_paths(["/a"]).allow_paths(none)),
        ("headers", builder().allow_headers(no_pairs)),
        ("hosts", builder().allow_hosts(none)),
        ("clients", builder().allow_clients(none)),
        ("statuses", builder().allow_statuses(none)),
        ("response_headers", builder().allow_response_headers(no_pairs)),
        #[cfg(feature = "router")]
        ("routes", builder().allow_routes(none)),
        #[cfg(feature = "router")]
        ("rules", builder().allow_rules(none)),
    ];
    for (kind, builder) in rows {
        let wanted = format!(
            "allow_{kind}: [] allows nothing; list what to allow, or leave the list out to allow all"
        );
        assert_eq!(errors(builder), [wanted]);
    }
}

#[test]
fn methods_in_lower_case() {
    let wanted = "allow_methods[1]: `get` is not a method; give a token such as `GET`";
    assert_eq!(errors(Fault::new("f", error(500)).allow_methods(["purge", "get"])), [wanted]);
}

#[test]
fn weights_in_groups() {
    let group = Group::new("cart");
    let member = |weight| Fault::new("f", error(500)).group(&group, weight);
    let _first = member(f64::MAX).build().unwrap();
    let wanted = format!(
        "group: the weights of cart and {} add up to more than a number can hold; give smaller weights",
        f64::MAX
    );
    assert_eq!(errors(member(f64::MAX)), [wanted]);
    let wanted = "group: 0 is not a weight in a group; give a finite number above 0";
    assert_eq!(errors(member(0.0)), [wanted]);
}

#[test]
fn header_lists_and_names() {
    let name =
        |setting: &str| format!("{setting}: `a b` is not a header name; give a token such as `x-chaos`");
    let builder = || Fault::new("f", error(500));
    assert_eq!(errors(builder().block_headers([("a b", "1")])), [name("block_headers[0]")]);
    assert_eq!(errors(builder().allow_headers([("ok", "1"), ("a b", "1")])), [name("allow_headers[1]")]);
    assert_eq!(errors(builder().decide_by(DecideBy::Header("a b".into()))), [name("decide_by")]);
    assert_eq!(errors(builder().attempt_header("a b")), [name("attempt_header")]);
    assert_eq!(
        errors(builder().allow_headers([("x", "\0")])),
        ["allow_headers[0]: `\\u{0}` is not a header value; give text without control characters"],
    );
}

#[test]
fn all_at_once() {
    let builder = Fault::new("", chain([error(99), error(600)]))
        .participation(2.0)
        .block_paths(["x"])
        .allow_paths(["y"])
        .block_headers([("", "1")])
        .decide_by(DecideBy::Header(String::new()))
        .attempt_header("");
    let errors = builder.build().unwrap_err();
    let settings: Vec<_> = errors.iter().map(|error| error.setting()).collect();
    assert_eq!(
        settings,
        [
            "name",
            "chain[0].error.status",
            "chain[1].error.status",
            "participation",
            "block_paths[0]",
            "allow_paths[0]",
            "block_headers[0]",
            "decide_by",
            "attempt_header",
        ],
    );
    assert!(errors.to_string().starts_with("fault `` has 9 wrong settings:\n- name: "), "{errors}");
}

/// A program can put injectors into each other without end; it takes no stack to build or drop them.
#[test]
fn injectors_within_each_other() {
    let shapes: [fn(Injector) -> Injector; 4] = [
        |inner| chain([inner]),
        |inner| random([(1.0, inner)]),
        |inner| random_by([inner], |_| 0),
        |inner| inner.reporter(|_: &waylay_fault::Event<'_>| {}),
    ];
    let check = move || {
        for shape in shapes {
            let nested = |count: usize| (1..count).fold(error(500).into(), |inner, _| shape(inner));
            assert!(Fault::new("f", nested(MAX_INJECTOR_DEPTH)).build().is_ok());
            for count in [MAX_INJECTOR_DEPTH + 1, 200_000] {
                let errors = Fault::new("f", nested(count)).build().unwrap_err();
                let kinds: Vec<_> = errors.iter().map(|error| error.kind().clone()).collect();
                assert_eq!(kinds, [FaultErrorKind::InjectorsTooDeep], "{count}");
            }
        }
    };
    std::thread::Builder::new().stack_size(1024 * 1024).spawn(check).unwrap().join().unwrap();
    let many = (0..MAX_INJECTOR_DEPTH).fold(Injector::from(error(500)), |inner, _| chain([inner]));
    let wanted =
        "injector: more than 64 injectors are within each other; use fewer chains and choices".to_owned();
    assert_eq!(errors(Fault::new("f", many)), [wanted]);
}
