//! Message faults, as clients of WebSockets, events and gRPC observe them.

use std::convert::Infallible;
use std::net::SocketAddr;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;
use tokio_tungstenite::tungstenite::{Error, Message};
use tonic::Code;
use tower_layer::Layer;
use waylay_fault::{Fault, Format, Injector, Side, chain, messages, tap};

use crate::grpc;

fn always(injector: impl Into<Injector>) -> Fault {
    Fault::new("flaky", injector).enabled(true).participation(1.0).seed(7).build().unwrap()
}

/// A chat that echoes its messages, and sends `bye` after `quit`.
async fn chat(mut request: Request<Incoming>) -> Result<Response<Empty<Bytes>>, Infallible> {
    let accept = derive_accept_key(request.headers()["sec-websocket-key"].as_bytes());
    let upgrade = hyper::upgrade::on(&mut request);
    let extensions = request.into_parts().0.extensions;
    tokio::spawn(async move {
        let stream = tap(&extensions, TokioIo::new(upgrade.await.unwrap()));
        let mut socket = WebSocketStream::from_raw_socket(stream, Role::Server, None).await;
        while let Some(Ok(message)) = next(&mut socket).await {
            let quit = message.to_text().is_ok_and(|text| text == "quit");
            let answer = if quit { Message::text("bye") } else { message };
            if send(&mut socket, answer).await.is_err() || quit {
                break;
            }
        }
        let _ = socket.close(None).await;
    });
    let response = Response::builder().status(StatusCode::SWITCHING_PROTOCOLS);
    let response = response.header("connection", "upgrade").header("upgrade", "websocket");
    Ok(response.header("sec-websocket-accept", accept).body(Empty::new()).unwrap())
}

async fn serve(fault: &Fault) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let service = TowerToHyperService::new(fault.layer().layer(tower::service_fn(chat)));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let builder = hyper::server::conn::http1::Builder::new();
            tokio::spawn(builder.serve_connection(TokioIo::new(stream), service.clone()).with_upgrades());
        }
    });
    address
}

type Socket<S> = WebSocketStream<S>;

async fn next<S>(socket: &mut Socket<S>) -> Option<Result<Message, Error>>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    std::future::poll_fn(|cx| futures_core::Stream::poll_next(std::pin::Pin::new(&mut *socket), cx)).await
}

async fn send<S>(socket: &mut Socket<S>, message: Message) -> Result<(), Error>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    use futures_sink::Sink;
    use std::pin::Pin;
    std::future::poll_fn(|cx| Pin::new(&mut *socket).poll_ready(cx)).await?;
    Pin::new(&mut *socket).start_send(message)?;
    std::future::poll_fn(|cx| Pin::new(&mut *socket).poll_flush(cx)).await
}

/// The messages received for `one`, `two`, `three`, `quit`, and the code of the close.
async fn exchange_bytes(fault: &Fault) -> (Vec<String>, Option<u16>) {
    let server = serve(fault).await;
    let stream = TcpStream::connect(server).await.unwrap();
    let (mut socket, _) =
        tokio_tungstenite::client_async(format!("ws://{server}/chat"), stream).await.unwrap();
    for text in ["one", "two", "three", "quit"] {
        // The server may have closed already.
        let _ = send(&mut socket, Message::text(text)).await;
    }
    let (mut seen, mut code) = (Vec::new(), None);
    while let Some(Ok(message)) = next(&mut socket).await {
        match message {
            Message::Text(text) => seen.push(text.to_string()),
            Message::Close(frame) => code = code.or(frame.map(|frame| frame.code.into())),
            _ => {}
        }
    }
    (seen, code)
}

/// A fault that is enabled while the socket is open changes its messages from then on.
#[tokio::test]
async fn faults_apply_to_open_websockets() {
    for side in [Side::Request, Side::Response] {
        let fault = Fault::new("later", messages(Format::WebSocket).duplicate(1.0).on(side));
        let fault = fault.participation(1.0).build().unwrap();
        for has_handle in [false, true] {
            fault.control().set_enabled(false);
            let server =
                if has_handle { crate::handle::serve_chat(&fault, chat).await } else { serve(&fault).await };
            let stream = TcpStream::connect(server).await.unwrap();
            let (mut socket, _) =
                tokio_tungstenite::client_async(format!("ws://{server}/chat"), stream).await.unwrap();
            for (text, enabled) in [("one", false), ("two", true), ("three", true)] {
                fault.control().set_enabled(enabled);
                send(&mut socket, Message::text(text)).await.unwrap();
                for _ in 0..=usize::from(enabled) {
                    assert_eq!(
                        next(&mut socket).await.unwrap().unwrap(),
                        Message::text(text),
                        "{side:?} {has_handle}"
                    );
                }
            }
        }
        assert_eq!(fault.control().counts().injected, 2);
    }
}

#[tokio::test]
async fn websockets() {
    let socket = || messages(Format::WebSocket);
    let rows: [(Injector, &[&str], Option<u16>); 7] = [
        (socket().into(), &["one", "two", "three", "bye"], None),
        (socket().duplicate(1.0).into(), &["one", "one", "two", "two", "three", "three", "bye", "bye"], None),
        (
            socket().duplicate(1.0).on(Side::Request).into(),
            &["one", "one", "two", "two", "three", "three", "bye"],
            None,
        ),
        (socket().reorder(1.0).into(), &["two", "one", "bye", "three"], None),
        (socket().stop_after(2).code(4321).into(), &["one", "two"], Some(4321)),
        (socket().stop_after(0).into(), &[], Some(1011)),
        (
            chain::<Injector>([socket().duplicate(1.0).into(), socket().stop_after(3).into()]),
            &["one", "one", "two"],
            Some(1011),
        ),
    ];
    for (injector, wanted, code) in rows {
        let fault = always(injector);
        let (seen, closed) = exchange_bytes(&fault).await;
        assert_eq!(
            (&seen[..], closed),
            (&wanted.iter().map(ToString::to_string).collect::<Vec<_>>()[..], code),
            "{fault:?}"
        );
    }
    // The server receives a close, as from its client.
    let (seen, _) = exchange_bytes(&always(socket().stop_after(1).code(1001).on(Side::Request))).await;
    assert_eq!(seen, ["one"]);
}

#[tokio::test]
async fn grpc_streams() {
    let calls = || messages(Format::Grpc);
    let rows: [(Injector, &[u32], Option<Code>); 4] = [
        (calls().drop(1.0).into(), &[], None),
        (calls().duplicate(1.0).into(), &[0, 0, 1, 1, 2, 2], None),
        (calls().stop_after(2).into(), &[0, 1], Some(Code::Unavailable)),
        (calls().stop_after(1).code(8).reorder(1.0).into(), &[0], Some(Code::ResourceExhausted)),
    ];
    for (injector, wanted, code) in rows {
        let fault = always(injector);
        let (seen, status) = grpc::list(grpc::serve(&fault, 3).await).await;
        let wanted: Vec<_> = wanted.iter().map(|number| format!("message {number}")).collect();
        assert_eq!((seen, status.err().map(|status| status.code())), (wanted, code), "{fault:?}");
    }
}
