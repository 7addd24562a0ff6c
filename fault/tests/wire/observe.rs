//! One server of all protocols, and clients that describe their observations.

use std::convert::Infallible;
use std::error::Error;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode, Uri};
use http_body::{Body, Frame};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;
use tokio_rustls::rustls;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;
use tower::Service;
use tower_layer::Layer;
use waylay_fault::{Fault, FaultConnector, FaultListener, Reject, reject, serve_connection, tap};

use crate::grpc;

/// The protocol of the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    Http1,
    H2c,
    H2Tls,
    Grpc,
    WebSocket,
}

pub(crate) const PROTOCOLS: [Protocol; 5] =
    [Protocol::Http1, Protocol::H2c, Protocol::H2Tls, Protocol::Grpc, Protocol::WebSocket];

/// The placement of the fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Layer,
    Listener,
    Client,
    Connector,
}

/// The response of the service, long enough to be truncated.
pub(crate) const ANSWER: &[u8] = &[b'a'; 4000];

/// The response to a request for events.
pub(crate) const EVENTS: &[u8] = b"data: one\n\ndata: two\n\ndata: three\n\n";

/// A fault that is never injected.
fn idle() -> Fault {
    Fault::new("idle", reject(Reject::EmptyReply)).build().unwrap()
}

/// Describes what each client of this protocol observes of a fault in this placement. `races`: the
/// end of the connection may come before the request.
pub(crate) async fn see(
    place: Place,
    fault: &Fault,
    protocol: Protocol,
    timeout: Duration,
    races: bool,
    path: &'static str,
) -> String {
    let idle = idle();
    let at = |wanted| if place == wanted { fault.clone() } else { idle.clone() };
    let tls = (protocol == Protocol::H2Tls).then(tls);
    let server =
        serve(&at(Place::Layer), &at(Place::Listener), tls.as_ref().map(|(server, _)| server.clone())).await;
    let connector = FaultConnector::new(HttpConnector::new()).fault(&at(Place::Connector));
    let layer = at(Place::Client);
    // HTTP/2 reports to its streams that the connection is lost, but how is a race.
    let is_h2 = !matches!(protocol, Protocol::Http1 | Protocol::WebSocket);
    let mut looks: Vec<(&str, Look)> = Vec::new();
    match protocol {
        Protocol::Http1 | Protocol::H2c => {
            let client = Client::builder(TokioExecutor::new()).http2_only(is_h2).build(connector);
            let client = layer.client_layer().layer(client);
            looks.push(("hyper-util", Box::pin(by_tower(client, server, path))));
            if place != Place::Client {
                let mut client =
                    reqwest::Client::builder().connector_layer(at(Place::Connector).connect_layer());
                if is_h2 {
                    client = client.http2_prior_knowledge();
                }
                looks.push(("reqwest", Box::pin(by_reqwest(client.build().unwrap(), server, path))));
            }
        }
        Protocol::H2Tls => {
            let (_, client) = tls.unwrap();
            looks.push(("hyper", Box::pin(by_tls(connector, client, layer, server, path))));
        }
        Protocol::Grpc => looks.push(("tonic", Box::pin(by_tonic(connector, layer, server)))),
        // Not a tower client.
        Protocol::WebSocket if place == Place::Client => {}
        Protocol::WebSocket => looks.push(("tungstenite", Box::pin(by_tungstenite(connector, server)))),
    }
    let mut seen: Vec<(String, &str)> = Vec::new();
    for (client_name, look) in looks {
        let before = fault.control().counts();
        let text = tokio::time::timeout(timeout, look).await.unwrap_or_else(|_| "silence".into());
        let text = match fault.control().counts() {
            counts if counts.not_deliverable > before.not_deliverable => "skipped".into(),
            _ if is_h2 || races => fold(&text),
            _ => text,
        };
        if !seen.iter().any(|(known, _)| *known == text) {
            seen.push((text, client_name));
        }
    }
    match &seen[..] {
        [] => "no such client".into(),
        [(text, _)] => text.clone(),
        more => more
            .iter()
            .map(|(text, client_name)| format!("{client_name}: {text}"))
            .collect::<Vec<_>>()
            .join("; "),
    }
}

/// A lost connection, in all its reports by a stream.
fn fold(text: &str) -> String {
    const WAYS: [&str; 6] =
        ["connection closed", "channel closed", "connection was not ready", "other error", "closed", "reset"];
    if !WAYS.iter().any(|dropped| text.ends_with(dropped)) {
        return text.to_owned();
    }
    match text.split_once(HANDSHAKE) {
        Some(_) => format!("{HANDSHAKE}{LOST}"),
        None => LOST.into(),
    }
}

const LOST: &str = "connection lost";
const HANDSHAKE: &str = "in the handshake: ";

type Look = std::pin::Pin<Box<dyn Future<Output = String>>>;
type Connector = FaultConnector<HttpConnector>;

/// A server with a fault on its requests and another on its connections.
async fn serve(layer: &Fault, listener: &Fault, tls: Option<Arc<rustls::ServerConfig>>) -> SocketAddr {
    let listener = FaultListener::new(TcpListener::bind(("127.0.0.1", 0)).await.unwrap()).fault(listener);
    let address = listener.local_addr().unwrap();
    let app = layer.layer().layer(tower::service_fn(answer));
    let acceptor = tls.map(tokio_rustls::TlsAcceptor::from);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (app, acceptor) = (app.clone(), acceptor.clone());
            tokio::spawn(async move {
                let connection = stream.connection().clone();
                match acceptor {
                    None => serve_connection(stream, connection, app).await.ok(),
                    Some(acceptor) => match acceptor.accept(stream).await {
                        Ok(stream) => serve_connection(stream, connection, app).await.ok(),
                        Err(_) => None,
                    },
                }
            });
        }
    });
    address
}

type Answer = Response<UnsyncBoxBody<Bytes, Infallible>>;

async fn answer(mut request: Request<Incoming>) -> Result<Answer, Infallible> {
    match request.uri().path() {
        "/shop.Orders/List" => {
            let _ = request.into_body().collect().await;
            let mut trailers = HeaderMap::new();
            trailers.insert("grpc-status", "0".parse().unwrap());
            let mut frames: std::collections::VecDeque<_> =
                (0..3).map(|number| Frame::data(grpc::message(number))).collect();
            frames.push_back(Frame::trailers(trailers));
            let mut response = Response::new(grpc::Frames(frames).boxed_unsync());
            response.headers_mut().insert("content-type", "application/grpc".parse().unwrap());
            Ok(response)
        }
        "/echo" => {
            let key = derive_accept_key(request.headers()["sec-websocket-key"].as_bytes());
            let upgrade = hyper::upgrade::on(&mut request);
            tokio::spawn(async move {
                let Ok(io) = upgrade.await else { return };
                let io = tap(&request.into_parts().0.extensions, TokioIo::new(io));
                let mut socket = WebSocketStream::from_raw_socket(io, Role::Server, None).await;
                while let Some(Ok(message)) = next(&mut socket).await {
                    let echoed = if message.is_close() {
                        flush(&mut socket).await
                    } else {
                        send(&mut socket, message).await
                    };
                    if echoed.is_err() {
                        return;
                    }
                }
            });
            let response = Response::builder()
                .status(StatusCode::SWITCHING_PROTOCOLS)
                .header("connection", "upgrade")
                .header("upgrade", "websocket")
                .header("sec-websocket-accept", key);
            Ok(response.body(Empty::new().boxed_unsync()).unwrap())
        }
        "/events" => {
            let mut response = Response::new(Full::from(EVENTS).boxed_unsync());
            response.headers_mut().insert("content-type", "text/event-stream".parse().unwrap());
            Ok(response)
        }
        _ => {
            let mut response = Response::new(Full::from(ANSWER).boxed_unsync());
            response.headers_mut().insert("content-type", "application/json".parse().unwrap());
            Ok(response)
        }
    }
}

async fn by_tower<S, B>(mut client: S, server: SocketAddr, path: &'static str) -> String
where
    S: Service<Request<Empty<Bytes>>, Response = Response<B>, Error: Error + 'static>,
    B: Body<Data = Bytes, Error: Error + 'static> + Unpin,
{
    let request = Request::get(format!("http://{server}{path}")).body(Empty::new()).unwrap();
    match client.call(request).await {
        Ok(response) => describe(response).await,
        Err(error) => name(&error),
    }
}

async fn by_reqwest(client: reqwest::Client, server: SocketAddr, path: &str) -> String {
    match client.get(format!("http://{server}{path}")).send().await {
        Ok(response) => describe(Response::<reqwest::Body>::from(response)).await,
        Err(error) => name(&error),
    }
}

async fn by_tls(
    mut connector: Connector,
    tls: Arc<rustls::ClientConfig>,
    layer: Fault,
    server: SocketAddr,
    path: &'static str,
) -> String {
    let io = match connector.call(format!("http://{server}").parse().unwrap()).await {
        Ok(io) => io,
        Err(error) => return name(&error),
    };
    let name_of_server = rustls::pki_types::ServerName::try_from("localhost").unwrap();
    let io = match tokio_rustls::TlsConnector::from(tls).connect(name_of_server, TokioIo::new(io)).await {
        Ok(io) => io,
        Err(error) => return format!("{HANDSHAKE}{}", name(&error)),
    };
    let handshake = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(io)).await;
    let (sender, connection) = match handshake {
        Ok(both) => both,
        Err(error) => return name(&error),
    };
    let connection = tokio::spawn(connection);
    let client = tower::service_fn(move |request| {
        let mut sender = sender.clone();
        async move { sender.send_request(request).await }
    });
    let seen = by_tower(layer.client_layer().layer(client), server, path).await;
    connection.abort();
    seen
}

async fn by_tonic(connector: Connector, layer: Fault, server: SocketAddr) -> String {
    let endpoint = tonic::transport::Endpoint::try_from(format!("http://{server}")).unwrap();
    let channel = match endpoint.connect_with_connector(connector).await {
        Ok(channel) => channel,
        Err(error) => return name(&error),
    };
    let mut client = tonic::client::Grpc::new(layer.client_layer().layer(channel));
    if let Err(error) = client.ready().await {
        return name(&error);
    }
    let (request, path) = grpc::call();
    let mut stream = match client.server_streaming(request, path, grpc::Plain).await {
        Ok(response) => response.into_inner(),
        Err(status) => return name_status(&status),
    };
    let mut count = 0;
    loop {
        match stream.message().await {
            Ok(Some(message)) => count += usize::from(message.starts_with(b"message ")),
            Ok(None) => return format!("Ok, {count} of 3 messages"),
            Err(status) => {
                return match name_status(&status) {
                    dropped if dropped == LOST => dropped,
                    code => format!("{count} of 3 messages, {code}"),
                };
            }
        }
    }
}

async fn by_tungstenite(mut connector: Connector, server: SocketAddr) -> String {
    let io = match connector.call(Uri::try_from(format!("http://{server}")).unwrap()).await {
        Ok(io) => io,
        Err(error) => return name(&error),
    };
    let url = format!("ws://{server}/echo");
    let (mut socket, _) = match tokio_tungstenite::client_async(url, TokioIo::new(io)).await {
        Ok(both) => both,
        Err(error) => return name_ws(&error),
    };
    for number in 0..3_u8 {
        let question = Message::from(vec![number; 500]);
        if let Err(error) = send(&mut socket, question.clone()).await {
            return format!("{number} of 3 echoes, {}", name_ws(&error));
        }
        match next(&mut socket).await {
            Some(Ok(echo)) if echo == question => {}
            Some(Ok(Message::Close(Some(frame)))) => {
                return format!("{number} of 3 echoes, closed with {}", u16::from(frame.code));
            }
            Some(Ok(_)) => return format!("{number} of 3 echoes, then another message"),
            Some(Err(error)) => return format!("{number} of 3 echoes, {}", name_ws(&error)),
            None => return format!("{number} of 3 echoes, closed"),
        }
    }
    match socket.close(None).await {
        Ok(()) => "3 of 3 echoes".into(),
        Err(error) => format!("3 of 3 echoes, {}", name_ws(&error)),
    }
}

/// Summary of a response: status, marks, body.
async fn describe<B: Body<Data = Bytes, Error: Error + 'static> + Unpin>(response: Response<B>) -> String {
    let mut text = response.status().as_u16().to_string();
    for header in ["connection", "retry-after", "x-patched"] {
        if response.headers().contains_key(header) {
            text += &format!(", `{header}`");
        }
    }
    let own = response.status() == 200;
    let mut body = response.into_body();
    let mut seen = Vec::new();
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(frame) => seen.extend_from_slice(frame.data_ref().map_or(&[][..], |data| data)),
            Err(error) => return format!("{text}, {} bytes of body, {}", seen.len(), name(&error)),
        }
    }
    match seen.len() {
        _ if !own => text,
        _ if seen.starts_with(b"data: ") => {
            format!("{text}, {} of 3 events", seen.windows(5).filter(|part| part == b"data:").count())
        }
        length if length != ANSWER.len() => format!("{text}, {length} bytes of body"),
        _ if seen != ANSWER => format!("{text}, another body"),
        _ => text,
    }
}

/// Describes an error.
fn name(error: &(dyn Error + 'static)) -> String {
    let mut next = Some(error);
    let mut last = String::new();
    while let Some(error) = next {
        if let Some(error) = error.downcast_ref::<h2::Error>() {
            if let Some(error) = error.get_io() {
                return name_io(error.kind());
            }
            let reason = error.reason().map(|reason| format!("{reason:?}")).unwrap_or_default();
            return if error.is_library() && error.is_go_away() {
                "malformed".into()
            } else if error.is_go_away() {
                format!("GOAWAY {reason}")
            } else {
                format!("stream reset {reason}")
            };
        }
        if let Some(error) = error.downcast_ref::<std::io::Error>() {
            return name_io(error.kind());
        }
        if error.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_incomplete_message) {
            return "closed".into();
        }
        if error.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_parse) {
            return "malformed".into();
        }
        last = error.to_string();
        next = error.source();
    }
    last
}

/// The code, or that there was no connection to receive one.
fn name_status(status: &tonic::Status) -> String {
    let code = format!("{:?}", status.code());
    match status.source() {
        Some(source) if fold(&name(source)) == LOST => LOST.into(),
        Some(source) if name(source) == "timed out" => "timed out".into(),
        _ => code,
    }
}

fn name_io(kind: ErrorKind) -> String {
    match kind {
        ErrorKind::UnexpectedEof | ErrorKind::BrokenPipe | ErrorKind::ConnectionAborted => "closed".into(),
        ErrorKind::ConnectionReset => "reset".into(),
        ErrorKind::ConnectionRefused => "refused".into(),
        ErrorKind::TimedOut => "timed out".into(),
        // hyper's kind for an invalid chunk, that of rustls for an invalid record.
        ErrorKind::InvalidInput | ErrorKind::InvalidData => "malformed".into(),
        kind => kind.to_string(),
    }
}

fn name_ws(error: &tokio_tungstenite::tungstenite::Error) -> String {
    use tokio_tungstenite::tungstenite::Error::{Http, Io, Protocol};
    use tokio_tungstenite::tungstenite::error::ProtocolError;

    match error {
        Http(response) => response.status().as_u16().to_string(),
        Io(error) => name_io(error.kind()),
        Protocol(ProtocolError::ResetWithoutClosingHandshake | ProtocolError::HandshakeIncomplete) => {
            "closed".into()
        }
        Protocol(ProtocolError::HttparseError(_)) => "malformed".into(),
        error => error.to_string(),
    }
}

/// One certificate for all tests.
pub(crate) fn shared_tls() -> &'static (Arc<rustls::ServerConfig>, Arc<rustls::ClientConfig>) {
    static TLS: std::sync::OnceLock<(Arc<rustls::ServerConfig>, Arc<rustls::ClientConfig>)> =
        std::sync::OnceLock::new();
    TLS.get_or_init(tls)
}

/// A self-signed certificate, and a client that trusts it.
fn tls() -> (Arc<rustls::ServerConfig>, Arc<rustls::ClientConfig>) {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::try_from(own.signing_key.serialize_der()).unwrap();
    let mut server = rustls::ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![own.cert.der().clone()], key)
        .unwrap();
    server.alpn_protocols = vec![b"h2".to_vec()];
    let mut roots = rustls::RootCertStore::empty();
    roots.add(own.cert.der().clone()).unwrap();
    let mut client = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    client.alpn_protocols = vec![b"h2".to_vec()];
    (Arc::new(server), Arc::new(client))
}

type Socket<T> = WebSocketStream<T>;
type WsError = tokio_tungstenite::tungstenite::Error;

/// The next message. tungstenite uses the traits of futures, which are no dependency here.
async fn next<T>(socket: &mut Socket<T>) -> Option<Result<Message, WsError>>
where
    T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    use futures_util::StreamExt;
    socket.next().await
}

async fn send<T>(socket: &mut Socket<T>, message: Message) -> Result<(), WsError>
where
    T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    use futures_util::SinkExt;
    socket.send(message).await
}

async fn flush<T>(socket: &mut Socket<T>) -> Result<(), WsError>
where
    T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    use futures_util::SinkExt;
    socket.flush().await
}
