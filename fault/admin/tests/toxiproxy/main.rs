//! Toxiproxy's HTTP API over real sockets: its table of answers, and what toxics do to connections.

mod clients;
mod support;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use waylay_fault_admin::{ProxyConfig, ProxySet, ToxicConfig, ToxicKind};

use crate::support::{Api, closed_port, echo};

/// Requests in their order, each with the status and the body that Toxiproxy 2 answers; `*` in a text is any rest.
#[tokio::test]
async fn the_api_answers_as_toxiproxy() {
    let api = Api::start().await;
    let echo = echo().await;
    let taken = echo.to_string();
    let port = closed_port().await;
    let listen = format!("127.0.0.1:{port}");
    let proxy = json!({"name": "p", "listen": listen, "upstream": taken, "enabled": true, "toxics": []});
    let latency = json!({
        "name": "latency_downstream", "type": "latency", "stream": "downstream", "toxicity": 1.0,
        "attributes": {"latency": 5, "jitter": 0},
    });
    let error = |status: u16, text: &str| json!({"error": text, "status": status});
    let create = json!({"name": "p", "listen": listen, "upstream": taken}).to_string();
    let rows = [
        ("GET", "/proxies", "", 200, json!({})),
        ("POST", "/proxies", "", 400, error(400, "bad request body: *")),
        ("POST", "/proxies", "{", 400, error(400, "bad request body: *")),
        ("POST", "/proxies", "[]", 400, error(400, "bad request body: *")),
        ("POST", "/proxies", "{}", 400, error(400, "missing required field: name")),
        ("POST", "/proxies", r#"{"name":"p"}"#, 400, error(400, "missing required field: upstream")),
        ("POST", "/proxies", r#"{"name":7,"upstream":"x:1"}"#, 400, error(400, "bad request body: *")),
        ("POST", "/proxies", &create, 201, proxy.clone()),
        ("POST", "/proxies", &create, 409, error(409, "proxy already exists: *")),
        ("GET", "/proxies", "", 200, json!({"p": proxy})),
        ("GET", "/proxies/p", "", 200, proxy.clone()),
        ("GET", "/proxies/q", "", 404, error(404, "proxy not found: *")),
        ("POST", "/proxies/q", "{}", 404, error(404, "proxy not found: *")),
        ("DELETE", "/proxies/q", "", 404, error(404, "proxy not found: *")),
        ("GET", "/proxies/q/toxics", "", 404, error(404, "proxy not found: *")),
        ("POST", "/proxies/q/toxics", "{}", 404, error(404, "proxy not found: *")),
        ("PATCH", "/proxies/p", "{}", 200, proxy.clone()),
        ("PUT", "/proxies/p", "{}", 405, json!("*")),
        ("GET", "/nothing", "", 404, json!("*")),
        ("GET", "/proxies/p/toxics", "", 200, json!([])),
        ("POST", "/proxies/p/toxics", r#"{"type":"late"}"#, 400, error(400, "invalid toxic type: *")),
        ("POST", "/proxies/p/toxics", "{}", 400, error(400, "invalid toxic type: *")),
        (
            "POST",
            "/proxies/p/toxics",
            r#"{"type":"latency","stream":"up"}"#,
            400,
            error(400, "stream was invalid, can be either upstream or downstream: *"),
        ),
        (
            "POST",
            "/proxies/p/toxics",
            r#"{"type":"latency","attributes":{"latency":"5"}}"#,
            400,
            error(400, "bad request body: *"),
        ),
        ("POST", "/proxies/p/toxics", r#"{"type":"slicer"}"#, 400, error(400, "bad request body: *")),
        (
            "POST",
            "/proxies/p/toxics",
            r#"{"Type":"latency","attributes":{"Latency":5,"jitter":null,"other":1}}"#,
            200,
            latency.clone(),
        ),
        ("POST", "/proxies/p/toxics", r#"{"type":"latency"}"#, 409, error(409, "toxic already exists: *")),
        ("GET", "/proxies/p/toxics", "", 200, json!([latency])),
        ("GET", "/proxies/p/toxics/latency_downstream", "", 200, latency.clone()),
        ("GET", "/proxies/p/toxics/other", "", 404, error(404, "toxic not found: *")),
        ("PATCH", "/proxies/p/toxics/other", "{}", 404, error(404, "toxic not found: *")),
        ("DELETE", "/proxies/p/toxics/other", "", 404, error(404, "toxic not found: *")),
        (
            "PATCH",
            "/proxies/p/toxics/latency_downstream",
            r#"{"attributes":{"jitter":2},"toxicity":0.5}"#,
            200,
            json!({
                "name": "latency_downstream", "type": "latency", "stream": "downstream", "toxicity": 0.5,
                "attributes": {"latency": 5, "jitter": 2},
            }),
        ),
        (
            "POST",
            "/proxies/p/toxics/latency_downstream",
            r#"{"attributes":{"latency":9}}"#,
            200,
            json!({
                "name": "latency_downstream", "type": "latency", "stream": "downstream", "toxicity": 0.5,
                "attributes": {"latency": 9, "jitter": 2},
            }),
        ),
        (
            "POST",
            "/proxies/p/toxics",
            r#"{"type":"bandwidth","stream":"Upstream","name":"up","attributes":{"rate":0}}"#,
            200,
            json!({
                "name": "up", "type": "bandwidth", "stream": "upstream", "toxicity": 1.0, "attributes": {"rate": 0},
            }),
        ),
        ("DELETE", "/proxies/p/toxics/latency_downstream", "", 204, json!("")),
        (
            "POST",
            "/proxies/p",
            r#"{"enabled":false}"#,
            200,
            json!({
                "name": "p", "listen": listen, "upstream": taken, "enabled": false,
                "toxics": [{"name": "up", "type": "bandwidth", "stream": "upstream", "toxicity": 1.0, "attributes": {"rate": 0}}],
            }),
        ),
        ("POST", "/reset", "", 204, json!("")),
        ("GET", "/proxies/p", "", 200, proxy.clone()),
        (
            "POST",
            "/populate",
            "{}",
            400,
            json!({"error": "bad request body: *", "status": 400, "proxies": []}),
        ),
        (
            "POST",
            "/populate",
            r#"[{"name":"a","upstream":"x:1"},{"name":"b"}]"#,
            400,
            json!({"error": "missing required field: upstream at proxy 2", "status": 400, "proxies": []}),
        ),
        ("DELETE", "/proxies/p", "", 204, json!("")),
        ("GET", "/proxies", "", 200, json!({})),
        ("GET", "/version", "", 200, json!({"version": "2.12.0*"})),
    ];
    for (method, path, body, status, expected) in rows {
        let answer = api.send(method, path, body).await;
        assert_eq!(answer.status, status, "{method} {path} {body}: {}", answer.text);
        assert!(support::agrees(&expected, &answer.value()), "{method} {path} {body}: {}", answer.text);
    }
}

#[tokio::test]
async fn populate_keeps_proxies_with_the_same_addresses_and_their_toxics() {
    let api = Api::start().await;
    let server = echo().await;
    let listen = format!("127.0.0.1:{}", closed_port().await);
    let one = json!([{"name": "a", "listen": listen, "upstream": server.to_string()}]).to_string();
    assert_eq!(api.send("POST", "/populate", &one).await.status, 201);
    assert_eq!(api.send("POST", "/proxies/a/toxics", r#"{"type":"timeout"}"#).await.status, 200);
    let toxics = async || api.send("GET", "/proxies/a/toxics", "").await.value().as_array().map(Vec::len);

    assert_eq!(api.send("POST", "/populate", &one).await.status, 201);
    assert_eq!(toxics().await, Some(1));
    // The same address by its name.
    let named = one.replace("127.0.0.1:", "localhost:").replacen(
        &server.to_string().replace("127.0.0.1", "localhost"),
        &server.to_string(),
        1,
    );
    assert_eq!(api.send("POST", "/populate", &named).await.status, 201);
    assert_eq!(toxics().await, Some(1));

    let other = json!([{"name": "a", "listen": listen, "upstream": "127.0.0.1:1"}]).to_string();
    assert_eq!(api.send("POST", "/populate", &other).await.status, 201);
    assert_eq!(toxics().await, Some(0));
}

#[tokio::test]
async fn an_address_in_use_is_an_error_that_names_it() {
    let proxies = ProxySet::new();
    let server = echo().await;
    let error = proxies.create(ProxyConfig::new("p", server.to_string(), "127.0.0.1:1")).await.unwrap_err();
    assert_eq!(error.status(), 500);
    assert!(error.to_string().starts_with(&format!("listen tcp {server}: ")), "{error}");
    assert!(proxies.list().await.is_empty());
}

#[tokio::test]
async fn requests_of_browsers_and_other_hosts_are_refused() {
    let api = Api::start().await;
    for header in [
        "user-agent: Mozilla/5.0 (X11)",
        "origin: http://evil.example",
        "origin: null",
        "sec-fetch-site: cross-site",
        "host: evil.example",
        "host: evil.example:8474",
    ] {
        let answer = api.send_with("POST", "/reset", "", header).await;
        assert_eq!(answer.status, 403, "{header}");
    }
    for header in
        ["user-agent: toxiproxy-cli/2.12.0", "host: localhost:1", "host: [::1]:1", "host: 127.0.0.1"]
    {
        let answer = api.send_with("POST", "/reset", "", header).await;
        assert_eq!(answer.status, 204, "{header}");
    }
}

/// A proxy of an echo server, and a client of it.
async fn connected() -> (ProxySet, TcpStream) {
    let proxies = ProxySet::new();
    let server = echo().await;
    let proxy = proxies.create(ProxyConfig::new("p", "127.0.0.1:0", server.to_string())).await.unwrap();
    let mut client = TcpStream::connect(&proxy.config.listen).await.unwrap();
    exchange(&mut client, b"before").await;
    (proxies, client)
}

async fn exchange(client: &mut TcpStream, data: &[u8]) {
    client.write_all(data).await.unwrap();
    let mut seen = vec![0; data.len()];
    client.read_exact(&mut seen).await.unwrap();
    assert_eq!(seen, data);
}

#[tokio::test]
async fn a_toxic_acts_on_a_connection_that_is_open() {
    let (proxies, mut client) = connected().await;
    proxies.add_toxic("p", ToxicConfig::downstream(ToxicKind::LimitData { bytes: 3 })).await.unwrap();
    client.write_all(b"a question").await.unwrap();
    let mut seen = String::new();
    client.read_to_string(&mut seen).await.unwrap();
    assert_eq!(seen, "a q");
}

#[tokio::test]
async fn a_timeout_ends_a_connection_that_is_idle() {
    let (proxies, mut client) = connected().await;
    proxies.add_toxic("p", ToxicConfig::upstream(ToxicKind::Timeout { timeout: 1 })).await.unwrap();
    assert_eq!(client.read(&mut [0]).await.unwrap(), 0);
}

#[tokio::test]
async fn what_a_toxic_holds_is_delivered_when_it_is_removed() {
    let (proxies, mut client) = connected().await;
    proxies.add_toxic("p", ToxicConfig::downstream(ToxicKind::Timeout { timeout: 0 })).await.unwrap();
    client.write_all(b"held").await.unwrap();
    proxies.remove_toxic("p", "timeout_downstream").await.unwrap();
    let mut seen = [0; 4];
    client.read_exact(&mut seen).await.unwrap();
    assert_eq!(&seen, b"held");
    exchange(&mut client, b"after").await;
}

#[tokio::test]
async fn a_toxic_that_changes_leaves_the_others_at_work() {
    let (proxies, mut client) = connected().await;
    proxies.add_toxic("p", ToxicConfig::downstream(ToxicKind::LimitData { bytes: 10 })).await.unwrap();
    exchange(&mut client, b"12345").await;
    proxies
        .add_toxic("p", ToxicConfig::downstream(ToxicKind::Latency { latency: 1, jitter: 0 }))
        .await
        .unwrap();
    exchange(&mut client, b"678").await;
    let changed = ToxicConfig::downstream(ToxicKind::Latency { latency: 2, jitter: 0 });
    proxies.change_toxic("p", changed).await.unwrap();
    client.write_all(b"90ab").await.unwrap();
    let mut seen = String::new();
    client.read_to_string(&mut seen).await.unwrap();
    assert_eq!(seen, "90");
}

#[tokio::test]
async fn reset_peer_resets() {
    let (proxies, mut client) = connected().await;
    proxies.add_toxic("p", ToxicConfig::downstream(ToxicKind::ResetPeer { timeout: 0 })).await.unwrap();
    client.write_all(b"x").await.unwrap();
    let error = client.read(&mut [0]).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn toxicity_zero_changes_nothing() {
    let (proxies, mut client) = connected().await;
    let toxic = ToxicConfig::downstream(ToxicKind::LimitData { bytes: 0 }).toxicity(0.0);
    proxies.add_toxic("p", toxic).await.unwrap();
    exchange(&mut client, &[7; 4096]).await;
}

#[tokio::test]
async fn a_disabled_proxy_closes_its_connections_and_refuses_others() {
    let (proxies, mut client) = connected().await;
    let proxy = proxies.update("p", |config| config.enabled = false).await.unwrap();
    assert!(matches!(client.read(&mut [0]).await, Ok(0) | Err(_)));
    let error = TcpStream::connect(&proxy.config.listen).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);

    let proxy = proxies.update("p", |config| config.enabled = true).await.unwrap();
    exchange(&mut TcpStream::connect(&proxy.config.listen).await.unwrap(), b"again").await;
}

#[tokio::test]
async fn a_server_that_cannot_be_reached_closes_the_connection() {
    let proxies = ProxySet::new();
    let upstream = format!("127.0.0.1:{}", closed_port().await);
    let proxy = proxies.create(ProxyConfig::new("p", "", upstream)).await.unwrap();
    let mut client = TcpStream::connect(&proxy.config.listen).await.unwrap();
    assert_eq!(client.read(&mut [0]).await.unwrap(), 0);
}

#[tokio::test]
async fn an_end_passes_in_one_direction_at_a_time() {
    let (_proxies, mut client) = connected().await;
    client.write_all(b"last").await.unwrap();
    client.shutdown().await.unwrap();
    let mut seen = String::new();
    client.read_to_string(&mut seen).await.unwrap();
    assert_eq!(seen, "last");
}

#[tokio::test]
async fn the_metrics_count_the_bytes_of_each_direction() {
    let api = Api::start().await;
    let server = echo().await;
    let proxy = api.proxies.create(ProxyConfig::new("p", "", server.to_string())).await.unwrap();
    let mut client = TcpStream::connect(&proxy.config.listen).await.unwrap();
    exchange(&mut client, &[1; 100]).await;
    let text = api.send("GET", "/metrics", "").await.text;
    let labels = format!("listener=\"{}\",proxy=\"p\",upstream=\"{server}\"", proxy.config.listen);
    for (name, direction) in
        [("received", "upstream"), ("received", "downstream"), ("sent", "upstream"), ("sent", "downstream")]
    {
        let line = format!("toxiproxy_proxy_{name}_bytes_total{{direction=\"{direction}\",{labels}}} 100\n");
        assert!(text.contains(&line), "{text}");
    }
}
