//! Methods, hosts, clients and globs: tables, and an oracle for globs.

use std::net::SocketAddr;

use http::{Method, Request};
use proptest::prelude::*;
use proptest::sample::select;
use waylay_fault::{Fault, FaultBuilder, PeerAddr, error};

use crate::support::{always, block_on, get, is_injected, request};

#[tokio::test]
async fn globs() {
    let rows = [
        ("/img/*.png", "/img/a.png", true),
        ("/img/*.png", "/img/.png", true),
        ("/img/*.png", "/img/a/b.png", false),
        ("/img/*.png", "/img/a.jpg", false),
        ("/a*", "/a", true),
        ("/a*", "/abc", true),
        ("/a*", "/abc/", false),
        ("/*/end", "/x/end", true),
        ("/*/end", "//end", true),
        ("/*/end", "/x/y/end", false),
        ("/**/end", "/end", true),
        ("/**/end", "/x/y/end", true),
        ("/**/end", "/x/end/y", false),
        ("/a/**", "/a", true),
        ("/a/**", "/a/", true),
        ("/a/**", "/a/b/c", true),
        ("/a/**", "/ab", false),
        ("/a/**/z/**", "/a/b/z/c", true),
        ("/a/**/z/**", "/a/b/c", false),
        ("/a/*/b/*", "/a/x/b", true),
        ("/a/*/b/*", "/a/x/b/y/z", true),
        ("/a/*/b/*", "/a/b", false),
        ("/users/{id}/*.json", "/users/7/a.json", true),
        ("/users/{id}/*.json", "/users//a.json", false),
        ("/v{n}-*", "/v1-", true),
        ("/v{n}-*", "/v-x", false),
        ("/*%2F*", "/a%2fb", true),
        ("/*%2F*", "/ab", false),
        ("/{{*}}", "/{x}", true),
        ("/*", "/a/b", true),
        ("/*é*", "/caf%C3%A9s", true),
    ];
    for (pattern, path, wanted) in rows {
        let allow = always(error(500)).allow_paths([pattern]).build().unwrap();
        let seen =
            is_injected(&allow, request(Method::GET, &path.replace('{', "%7B").replace('}', "%7D"), &[]))
                .await;
        assert_eq!(seen, wanted, "{pattern}, {path}");
    }
}

/// Tests whether a pattern of letters, `*` and `**` matches, by trying all possibilities.
fn glob(pattern: &[&str], path: &[&str]) -> bool {
    match pattern.split_first() {
        None => path.is_empty(),
        Some((&"**", rest)) => (0..=path.len()).any(|skipped| glob(rest, &path[skipped..])),
        Some((first, rest)) => path.split_first().is_some_and(|(segment, others)| {
            letters(first.as_bytes(), segment.as_bytes()) && glob(rest, others)
        }),
    }
}

fn letters(pattern: &[u8], text: &[u8]) -> bool {
    match pattern.split_first() {
        None => text.is_empty(),
        Some((b'*', rest)) => (0..=text.len()).any(|skipped| letters(rest, &text[skipped..])),
        Some((first, rest)) => {
            text.split_first().is_some_and(|(letter, others)| letter == first && letters(rest, others))
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn globs_agree_with_the_oracle(
        pattern in prop::collection::vec(select(vec!["**", "a", "*a", "a*b", "*", "ab*a*", ""]), 1..5),
        path in prop::collection::vec(select(vec!["a", "b", "ab", "aab", "aba", "abaab", ""]), 1..6),
    ) {
        // A `/*` at the end is a prefix.
        let text = format!("/{}", pattern.join("/"));
        let wanted = match text.strip_suffix("/*") {
            Some(prefix) => {
                let prefix: Vec<_> = prefix.split('/').skip(1).chain(["**"]).collect();
                glob(&prefix, &path)
            }
            None => glob(&pattern, &path),
        };
        let fault = always(error(500)).allow_paths([text]).build().unwrap();
        prop_assert_eq!(block_on(is_injected(&fault, get(&format!("/{}", path.join("/"))))), wanted);
    }
}

#[tokio::test]
async fn methods() {
    let fault =
        always(error(500)).allow_methods(["GET", "PUT", "PURGE"]).block_methods(["PUT"]).build().unwrap();
    for (method, wanted) in [("GET", true), ("PUT", false), ("PURGE", true), ("POST", false), ("get", false)]
    {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        assert_eq!(is_injected(&fault, request(method.clone(), "/", &[])).await, wanted, "{method}");
    }
}

#[tokio::test]
async fn hosts() {
    let rows = [
        ("shop.test", "shop.test", true),
        ("shop.test", "SHOP.test:8080", true),
        ("Shop.Test", "shop.test.", true),
        ("shop.test", "a.shop.test", false),
        ("*.shop.test", "a.shop.test", true),
        ("*.shop.test", "shop.test", false),
        ("*.shop.test", "a.b.shop.test", false),
        ("*.shop.test", ".shop.test", false),
        ("**.shop.test", "a.b.shop.test:1", true),
        ("**.shop.test", "shop.test", false),
        ("**.shop.test", "ashop.test", false),
        ("[::1]", "[::1]:80", true),
        ("127.0.0.1", "127.0.0.1:80", true),
        ("shop.test", "", false),
        ("shop.test", "a b", false),
    ];
    for (pattern, host, wanted) in rows {
        let fault = always(error(500)).allow_hosts([pattern]).build().unwrap();
        assert_eq!(
            is_injected(&fault, request(Method::GET, "/", &[("host", host)])).await,
            wanted,
            "{pattern}, {host}"
        );
        // HTTP/2 has the host in the URI, which takes precedence.
        if let Ok(mut on_http2) = Request::get(format!("http://{host}/")).body(String::new()) {
            on_http2.headers_mut().insert("host", "other.test".parse().unwrap());
            assert_eq!(is_injected(&fault, on_http2).await, wanted, "{pattern}, {host}");
        }
        let fault = always(error(500)).block_hosts([pattern]).build().unwrap();
        assert_eq!(is_injected(&fault, request(Method::GET, "/", &[("host", host)])).await, !wanted);
    }
    let fault = always(error(500)).allow_hosts(["shop.test"]).build().unwrap();
    assert!(!is_injected(&fault, get("/")).await, "a request without a host is in no list");
}

fn from(address: &str) -> Request<String> {
    let mut request = get("/");
    request.extensions_mut().insert(PeerAddr(SocketAddr::new(address.parse().unwrap(), 50_000)));
    request
}

#[tokio::test]
async fn clients() {
    let rows = [
        ("10.0.0.0/8", "10.255.0.1", true),
        ("10.0.0.0/8", "11.0.0.1", false),
        ("10.0.0.0/8", "::ffff:10.1.1.1", true),
        ("10.1.2.3", "10.1.2.3", true),
        ("10.1.2.3/32", "10.1.2.4", false),
        ("10.1.2.3/31", "10.1.2.2", true),
        ("0.0.0.0/0", "255.1.1.1", true),
        ("0.0.0.0/0", "::1", false),
        ("::/0", "2001:db8::1", true),
        ("2001:db8::/32", "2001:db8:ffff::1", true),
        ("2001:db8::/33", "2001:db8:8000::1", false),
        ("::1", "::1", true),
    ];
    for (range, address, wanted) in rows {
        let fault = always(error(500)).allow_clients([range]).build().unwrap();
        assert_eq!(is_injected(&fault, from(address)).await, wanted, "{range}, {address}");
        assert!(!is_injected(&fault, get("/")).await, "an address that is not known is in no list");
        let fault = always(error(500)).block_clients([range]).build().unwrap();
        assert_eq!(is_injected(&fault, from(address)).await, !wanted, "{range}, {address}");
        assert!(is_injected(&fault, get("/")).await);
    }
}

/// The address from axum's `ConnectInfo` is used.
#[cfg(feature = "axum")]
#[tokio::test]
async fn connect_info_of_axum_is_used() {
    let fault = always(error(500)).allow_clients(["192.0.2.0/24"]).build().unwrap();
    let mut request = get("/");
    let address: SocketAddr = "192.0.2.1:1".parse().unwrap();
    request.extensions_mut().insert(axum::extract::ConnectInfo(address));
    assert!(is_injected(&fault, request).await);
}

/// Requests that a list rejects do not advance the counter, whatever kind of list it is.
#[tokio::test]
async fn lists_do_not_shift_the_counter() {
    type Row = (fn(FaultBuilder) -> FaultBuilder, fn() -> Request<String>);
    let lists: Vec<Row> = vec![
        (|fault| fault.block_methods(["POST"]), || request(Method::POST, "/", &[])),
        (|fault| fault.allow_methods(["GET"]), || request(Method::POST, "/", &[])),
        (|fault| fault.block_hosts(["b.test"]), || request(Method::GET, "/", &[("host", "b.test")])),
        (|fault| fault.allow_hosts(["a.test"]), || request(Method::GET, "/", &[("host", "b.test")])),
        (|fault| fault.block_clients(["::1"]), || from("::1")),
        (|fault| fault.allow_clients(["192.0.2.0/24"]), || from("::1")),
        (|fault| fault.block_paths(["/**/x*"]), || get("/a/b/x1")),
        (|fault| fault.allow_paths(["/"]), || get("/a/b/x1")),
        (|fault| fault.block_headers([("x-a", "1")]), || request(Method::GET, "/", &[("x-a", "1")])),
        (|fault| fault.allow_headers([("x-a", "2")]), || request(Method::GET, "/", &[("x-a", "1")])),
        (|fault| fault.block_paths(["/x"]).allow_paths(["/", "/x"]), || get("/x")),
        #[cfg(feature = "router")]
        (|fault| fault.block_rules(["Query(`q`, `1`)"]), || get("/?q=1")),
        #[cfg(feature = "router")]
        (|fault| fault.allow_rules(["Host(`a.test`)"]), || get("/")),
    ];
    // In every allow list above, and in no block list.
    let admitted = || {
        let mut request = request(Method::GET, "/", &[("host", "a.test"), ("x-a", "2")]);
        request.extensions_mut().insert(PeerAddr(([192, 0, 2, 1], 1).into()));
        request
    };
    let fault = || Fault::new("flaky", error(500)).enabled(true).participation(0.5).seed(7);
    let mut alone = Vec::new();
    let undisturbed = fault().build().unwrap();
    for _ in 0..60 {
        alone.push(is_injected(&undisturbed, admitted()).await);
    }
    for (index, (list, blocked)) in lists.into_iter().enumerate() {
        let fault = list(fault()).build().unwrap();
        let mut mixed = Vec::new();
        for number in 0..60 {
            for _ in 0..number % 3 {
                assert!(!is_injected(&fault, blocked()).await);
            }
            mixed.push(is_injected(&fault, admitted()).await);
        }
        assert_eq!(mixed, alone, "list {index}");
        assert_eq!(fault.control().counts().no_match, 60, "list {index}");
    }
}

/// A request in both lists of a kind is skipped, as is one in the block list of another kind.
#[tokio::test]
async fn block_takes_precedence() {
    let admitted = || {
        let mut request = request(Method::GET, "/x", &[("host", "a.test"), ("x-a", "1")]);
        request.extensions_mut().insert(PeerAddr(([192, 0, 2, 1], 1).into()));
        request
    };
    let blocks: Vec<fn(FaultBuilder) -> FaultBuilder> = vec![
        |fault| fault.block_methods(["GET"]),
        |fault| fault.block_paths(["/x"]),
        |fault| fault.block_paths(["/**"]),
        |fault| fault.block_paths(["/{any}"]),
        |fault| fault.block_headers([("x-a", "1")]),
        |fault| fault.block_hosts(["*.test"]),
        |fault| fault.block_clients(["192.0.2.0/24"]),
        #[cfg(feature = "router")]
        |fault| fault.block_rules(["PathPrefix(`/x`)"]),
    ];
    let allows: Vec<fn(FaultBuilder) -> FaultBuilder> = vec![
        |fault| fault,
        |fault| fault.allow_methods(["GET"]),
        |fault| fault.allow_paths(["/x"]),
        |fault| fault.allow_headers([("x-a", "1")]),
        |fault| fault.allow_hosts(["a.test"]),
        |fault| fault.allow_clients(["192.0.2.1"]),
        #[cfg(feature = "router")]
        |fault| fault.allow_rules(["Path(`/x`)"]),
    ];
    for (allowed, allow) in allows.iter().enumerate() {
        let fault = allow(always(error(500))).build().unwrap();
        assert!(is_injected(&fault, admitted()).await, "{allowed}");
        for (blocked, block) in blocks.iter().enumerate() {
            let fault = block(allow(always(error(500)))).build().unwrap();
            assert!(!is_injected(&fault, admitted()).await, "{blocked} beats {allowed}");
        }
    }
}

#[test]
fn invalid_methods_hosts_and_networks() {
    let errors = Fault::new("f", error(500))
        .block_methods(["GET", "G T", ""])
        .allow_hosts(["ok.test", "", "*", "a.*.b", "http://x", "x:80", "*.[::1]", "a..b", "[::1"])
        .allow_clients(["::1", "10.0.0.0/33", "10.0.0/8", "::/129", "10.0.0.0/+8", "host"])
        .build()
        .unwrap_err();
    let settings: Vec<_> = errors.iter().map(|error| error.setting()).collect();
    let wanted: Vec<_> = (1..3)
        .map(|index| format!("block_methods[{index}]"))
        .chain((1..9).map(|index| format!("allow_hosts[{index}]")))
        .chain((1..6).map(|index| format!("allow_clients[{index}]")))
        .collect();
    assert_eq!(settings, wanted);
}

/// Whole rules of the router's language, with the client's address.
#[cfg(feature = "router")]
#[tokio::test]
async fn rules() {
    let vip = || request(Method::GET, "/pay/7", &[("x-vip", "1")]);
    let host = |name: &str| request(Method::GET, "/", &[("host", name)]);
    let rows = [
        (
            "PathPrefix(`/pay`) && (Header(`x-vip`) || Method(`POST`))",
            [vip(), vip()],
            [get("/pay/7"), get("/pay/7")],
        ),
        ("ClientIP(`::1`)", [from("::1"), from("::1")], [from("::2"), from("::2")]),
        ("!Host(`a.test`)", [host("b.test"), host("b.test")], [host("a.test"), host("a.test")]),
        ("Query(`q`, `{n:[0-9]+}`)", [get("/?q=7"), get("/?q=7")], [get("/?q=x"), get("/?q=x")]),
    ];
    for (rule, holds, fails) in rows {
        let only = always(error(500)).allow_rules([rule]).build().unwrap();
        let but = always(error(500)).block_rules(["Path(`/no`)", rule]).build().unwrap();
        for ([one, two], is_inside) in [(holds, true), (fails, false)] {
            assert_eq!(is_injected(&only, one).await, is_inside, "{rule}");
            assert_eq!(is_injected(&but, two).await, !is_inside, "{rule}");
        }
    }
    let errors = Fault::new("f", error(500)).allow_rules(["Path(`/`)", "Hots(`a`)"]).build().unwrap_err();
    let error = errors.iter().next().unwrap();
    assert!(error.setting() == "allow_rules[1]" && error.to_string().contains("`Host`"), "{error}");
}
