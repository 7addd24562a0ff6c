//! Requests to try, as curl lines with what answers them.

use std::fmt;
use std::net::SocketAddr;

/// What is worth trying, in an order in which every line answers what is printed below it.
pub(crate) const TRIES: [Try; 14] = [
    Try::new(Port::Shop, "/").answers(200, "A shop that is broken on purpose."),
    Try::new(Port::Shop, "/api/v1/products/1")
        .host("shop.localhost")
        .answers(200, r#"{"sku":1,"name":"teapot","cents":1850}"#),
    Try::new(Port::Shop, "/api/v1/products?q=tea")
        .host("shop.localhost")
        .args(&["--http2-prior-knowledge"])
        .answers(200, r#"[{"sku":1,"name":"teapot","cents":1850},{"sku":2,"name":"tea towel","cents":700}]"#),
    Try::new(Port::Shop, "/api/v1/products/teapot").host("shop.localhost").answers(404, ""),
    Try::new(Port::Shop, "/api/v1/products/3/stock")
        .host("acme.shop.localhost")
        .answers(200, r#"{"tenant":"acme","sku":3,"count":12}"#),
    Try::new(Port::Shop, "/api/v1/products/2/stock")
        .host("shop.localhost")
        .args(&["-X PUT", "-H 'Content-Type: application/json'", r#"-d '{"count":7}'"#])
        .answers(200, r#"{"sku":2,"count":7}"#),
    Try::new(Port::Shop, "/api/v1/products/2/stock")
        .host("shop.localhost")
        .args(&["-X PUT", "-H 'Content-Type: text/csv'", "-d 'upper shelf,5'"])
        .answers(200, r#"{"sku":2,"count":5}"#),
    Try::new(Port::Shop, "/api/v1/carts/9/orders?gift=true")
        .host("shop.localhost")
        .args(&["-H 'Idempotency-Key: try-1'", "-H 'Content-Type: application/json'", r#"-d '{"sku":4,"quantity":2}'"#])
        .answers(201, r#"{"id":2,"cart":9,"sku":4,"quantity":2,"gift":true}"#)
        .with("location: /api/v1/orders/2"),
    Try::new(Port::Shop, "/api/v1/carts/9/orders?gift=perhaps")
        .host("shop.localhost")
        .args(&["-H 'Content-Type: application/json'", r#"-d '{"sku":"cup"}'"#])
        .answers(400, r#"{"type":"about:blank","title":"Bad Request","status":400,"detail":"the request has 3 errors",…"#),
    Try::new(Port::Control, "/_faults").answers(200, r#"[{"name":"mixed-products","routes":["shop.products"],"enabled":false,…"#),
    Try::new(Port::Control, "/_faults/drop-product")
        .args(&["-X PUT", "-H 'Content-Type: application/json'", r#"-d '{"enabled":true,"participation":1}'"#])
        .answers(200, r#"{"name":"drop-product","routes":["shop.product"],"enabled":true,"participation":1.0,…"#),
    Try::new(Port::Shop, "/api/v1/products/1").host("shop.localhost").drops(),
    Try::new(Port::Control, "/_faults/drop-product")
        .args(&["-X PUT", "-H 'Content-Type: application/json'", r#"-d '{"enabled":false}'"#])
        .answers(200, r#"{"name":"drop-product","routes":["shop.product"],"enabled":false,…"#),
    Try::new(Port::Shop, "/api/v1/products/1")
        .host("shop.localhost")
        .answers(200, r#"{"sku":1,"name":"teapot","cents":1850}"#),
];

/// Which of the two ports a request goes to.
#[derive(Debug, Clone, Copy)]
enum Port {
    Shop,
    Control,
}

/// One curl line and its answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Try {
    port: Port,
    target: &'static str,
    host: Option<&'static str>,
    args: &'static [&'static str],
    /// None where the connection is to be dropped.
    status: Option<u16>,
    header: &'static str,
    body: &'static str,
}

impl Try {
    const fn new(port: Port, target: &'static str) -> Self {
        Self { port, target, host: None, args: &[], status: None, header: "", body: "" }
    }

    const fn host(self, host: &'static str) -> Self {
        Self { host: Some(host), ..self }
    }

    const fn args(self, args: &'static [&'static str]) -> Self {
        Self { args, ..self }
    }

    /// A body that ends in `…` is only how it begins.
    const fn answers(self, status: u16, body: &'static str) -> Self {
        Self { status: Some(status), body, ..self }
    }

    const fn with(self, header: &'static str) -> Self {
        Self { header, ..self }
    }

    const fn drops(self) -> Self {
        Self { status: None, ..self }
    }

    /// The line for the ports of one run.
    pub(crate) fn at(self, shop: SocketAddr, control: SocketAddr) -> impl fmt::Display {
        let address = match self.port {
            Port::Shop => shop,
            Port::Control => control,
        };
        Line { asked: self, address }
    }
}

struct Line {
    asked: Try,
    address: SocketAddr,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Try { target, host, args, status, header, body, .. } = self.asked;
        f.write_str("curl -si")?;
        if let Some(host) = host {
            write!(f, " -H 'Host: {host}'")?;
        }
        for arg in args {
            write!(f, " {arg}")?;
        }
        write!(f, " 'http://{}{target}'", self.address)?;

        let Some(status) = status else {
            return f.write_str("\n# no answer: the connection is closed without a byte");
        };
        write!(f, "\n# {status}")?;
        for line in [header, body] {
            if !line.is_empty() {
                write!(f, "\n# {line}")?;
            }
        }
        Ok(())
    }
}
