//! Guide: the text printed at start, with curl commands and their responses.

use std::fmt;
use std::io::{self, Write};
use std::net::SocketAddr;

use waylay_examples::route_table::route_table;
use waylay_fault_admin::Token;

use crate::server::Servers;

/// Prints the addresses, the routes, and commands to try: under a plan, those that do not name a built-in fault.
pub(crate) fn print(servers: &Servers, has_built_in_faults: bool) -> io::Result<()> {
    let (shop, control, token) = (servers.shop_address(), servers.control_address(), servers.admin().token());
    let mut out = io::stdout().lock();
    writeln!(out, "shop    http://{shop} (HTTP/1.1, and HTTP/2 by prior knowledge)")?;
    writeln!(out, "console {}\n", servers.admin().console_url(&format!("http://{control}")))?;
    writeln!(out, "{}\n\nTry", route_table(&servers.shop))?;
    for command in COMMANDS.iter().filter(|command| has_built_in_faults || !command.needs_built_in) {
        writeln!(out, "\n{}", command.at(shop, control, token))?;
    }
    if !has_built_in_faults {
        writeln!(out, "\nThe plan decides which of these requests get a fault instead.")?;
    }
    writeln!(out, "\nPress Ctrl-C to stop.")
}

/// Commands to try; each response depends on the commands above it.
const COMMANDS: [Command; 18] = [
    Command::new(Port::Shop, "/").returns(200, "A shop that is broken on purpose."),
    Command::new(Port::Shop, "/api/v1/products/1")
        .host("shop.localhost")
        .returns(200, r#"{"sku":1,"name":"teapot","cents":1850}"#),
    Command::new(Port::Shop, "/api/v1/products?q=tea")
        .host("shop.localhost")
        .args(&["--http2-prior-knowledge"])
        .returns(200, r#"[{"sku":1,"name":"teapot","cents":1850},{"sku":2,"name":"tea towel","cents":700}]"#),
    Command::new(Port::Shop, "/api/v1/products/teapot").host("shop.localhost").returns(404, ""),
    Command::new(Port::Shop, "/api/v1/products/3/stock")
        .host("acme.shop.localhost")
        .returns(200, r#"{"tenant":"acme","sku":3,"count":12}"#),
    Command::new(Port::Shop, "/api/v1/products/2/stock")
        .host("shop.localhost")
        .args(&["-X PUT", "-H 'Content-Type: application/json'", r#"-d '{"count":7}'"#])
        .returns(200, r#"{"sku":2,"count":7}"#),
    Command::new(Port::Shop, "/api/v1/products/2/stock")
        .host("shop.localhost")
        .args(&["-X PUT", "-H 'Content-Type: text/csv'", "-d 'upper shelf,5'"])
        .returns(200, r#"{"sku":2,"count":5}"#),
    Command::new(Port::Shop, "/api/v1/carts/9/orders?gift=true")
        .host("shop.localhost")
        .args(&["-H 'Idempotency-Key: try-1'", "-H 'Content-Type: application/json'", r#"-d '{"sku":4,"quantity":2}'"#])
        .returns(201, r#"{"id":2,"cart":9,"sku":4,"quantity":2,"gift":true}"#)
        .with("location: /api/v1/orders/2"),
    Command::new(Port::Shop, "/api/v1/carts/9/orders?gift=perhaps")
        .host("shop.localhost")
        .args(&["-H 'Content-Type: application/json'", r#"-d '{"sku":"cup"}'"#])
        .returns(400, r#"{"type":"about:blank","title":"Bad Request","status":400,"detail":"the request has 3 errors",…"#),
    Command::new(Port::Control, "/status").returns(200, "{…"),
    Command::new(Port::Control, "/faults")
        .built_in()
        .returns(200, r#"[{"name":"mixed-products","placement":"server","enabled":false,…"#),
    Command::new(Port::Control, "/faults/drop-product")
        .built_in()
        .signed()
        .args(&["-X PATCH", "-H 'Content-Type: application/json'", r#"-d '{"enabled":true,"participation":1}'"#])
        .returns(200, r#"{"name":"drop-product","placement":"server","enabled":true,"inactive":null,"participation":1.0,…"#),
    Command::new(Port::Shop, "/api/v1/products/1").host("shop.localhost").built_in().is_dropped(),
    Command::new(Port::Control, "/halt")
        .signed()
        .args(&["-X POST", "-H 'Content-Type: application/json'", r#"-d '{"reason":"a look around"}'"#])
        .returns(200, "{…"),
    Command::new(Port::Shop, "/api/v1/products/1")
        .host("shop.localhost")
        .returns(200, r#"{"sku":1,"name":"teapot","cents":1850}"#),
    Command::new(Port::Control, "/resume")
        .signed()
        .args(&["-X POST", "-H 'Content-Type: application/json'", "-d '{}'"])
        .returns(200, "{…"),
    Command::new(Port::Control, "/faults/drop-product")
        .built_in()
        .signed()
        .args(&["-X PATCH", "-H 'Content-Type: application/json'", r#"-d '{"enabled":false}'"#])
        .returns(200, r#"{"name":"drop-product","placement":"server","enabled":false,…"#),
    Command::new(Port::Shop, "/api/v1/products/1")
        .host("shop.localhost")
        .built_in()
        .returns(200, r#"{"sku":1,"name":"teapot","cents":1850}"#),
];

/// Port that a command sends its request to.
#[derive(Debug, Clone, Copy)]
enum Port {
    Shop,
    Control,
}

/// A curl command and its response.
#[derive(Debug, Clone, Copy)]
struct Command {
    port: Port,
    target: &'static str,
    host: Option<&'static str>,
    args: &'static [&'static str],
    /// Whether it needs the token.
    is_signed: bool,
    /// Whether its response depends on a built-in fault.
    needs_built_in: bool,
    /// `None` if the server closes the connection.
    status: Option<u16>,
    header: &'static str,
    body: &'static str,
}

impl Command {
    const fn new(port: Port, target: &'static str) -> Self {
        Self {
            port,
            target,
            host: None,
            args: &[],
            is_signed: false,
            needs_built_in: false,
            status: None,
            header: "",
            body: "",
        }
    }

    const fn host(self, host: &'static str) -> Self {
        Self { host: Some(host), ..self }
    }

    const fn args(self, args: &'static [&'static str]) -> Self {
        Self { args, ..self }
    }

    const fn signed(self) -> Self {
        Self { is_signed: true, ..self }
    }

    const fn built_in(self) -> Self {
        Self { needs_built_in: true, ..self }
    }

    /// Sets the response; a body that ends in `…` is only the start of the real one.
    const fn returns(self, status: u16, body: &'static str) -> Self {
        Self { status: Some(status), body, ..self }
    }

    const fn with(self, header: &'static str) -> Self {
        Self { header, ..self }
    }

    const fn is_dropped(self) -> Self {
        Self { status: None, ..self }
    }

    /// Formats the command for the ports of this run.
    fn at(self, shop: SocketAddr, control: SocketAddr, token: &Token) -> impl fmt::Display {
        let address = match self.port {
            Port::Shop => shop,
            Port::Control => control,
        };
        CommandLine { command: self, address, token }
    }
}

struct CommandLine<'a> {
    command: Command,
    address: SocketAddr,
    token: &'a Token,
}

impl fmt::Display for CommandLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Command { target, host, args, is_signed, status, header, body, .. } = self.command;
        f.write_str("curl -si")?;
        if let Some(host) = host {
            write!(f, " -H 'Host: {host}'")?;
        }
        if is_signed {
            write!(f, " -H 'Authorization: Bearer {}'", self.token.reveal())?;
        }
        for arg in args {
            write!(f, " {arg}")?;
        }
        write!(f, " 'http://{}{target}'", self.address)?;

        let Some(status) = status else {
            return f.write_str("\n# no response: the connection is closed without a byte");
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
