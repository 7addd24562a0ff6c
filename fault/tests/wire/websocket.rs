//! Message faults on WebSockets whose stream is not accessible.
//!
//! axum's `WebSocketUpgrade` is such a stream; its messages are changed on the connection.

use std::net::SocketAddr;

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use axum::routing::any;
use futures_util::{SinkExt, StreamExt};
use http::StatusCode;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;
use waylay_fault::{
    ChunkError, Control, Corruption, Delay, Fault, FaultListener, Format, Injector, Side, Toxic, chain,
    corrupt, messages, with_connection,
};

fn socket() -> waylay_fault::Messages {
    messages(Format::WebSocket)
}

/// An echo, which answers `quit` with `bye`. Written like axum's `WebSocketUpgrade` (which would
/// add a second tungstenite): it takes hyper's `OnUpgrade` out of the request, so that neither the
/// stream nor the request's extensions are accessible.
async fn echo(mut request: Request) -> Response {
    if !request.headers().contains_key("sec-websocket-key") {
        return Response::new(Body::from("no socket"));
    }
    let accept = derive_accept_key(request.headers()["sec-websocket-key"].as_bytes());
    let upgrade = request.extensions_mut().remove::<hyper::upgrade::OnUpgrade>().unwrap();
    let raw = request.uri().path() == "/raw";
    tokio::spawn(async move {
        let Ok(io) = upgrade.await else { return };
        if raw {
            let (mut reader, mut writer) = tokio::io::split(TokioIo::new(io));
            let _ = tokio::io::copy(&mut reader, &mut writer).await;
            return;
        }
        let mut socket = WebSocketStream::from_raw_socket(TokioIo::new(io), Role::Server, None).await;
        while let Some(Ok(message)) = socket.next().await {
            let quit = message.to_text().is_ok_and(|text| text == "quit");
            let answer = if quit { Message::text("bye") } else { message };
            if answer.is_close() || socket.send(answer).await.is_err() || quit {
                break;
            }
        }
        let _ = socket.close(None).await;
    });
    Response::builder()
        .status(StatusCode::SWITCHING_PROTOCOLS)
        .header("connection", "upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-accept", accept)
        .body(Body::empty())
        .unwrap()
}

async fn serve(injector: impl Into<Injector>) -> (SocketAddr, Control) {
    let fault = Fault::new("flaky", injector).enabled(true).participation(1.0).seed(7).build().unwrap();
    let tcp = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = tcp.local_addr().unwrap();
    let app = axum::Router::new().fallback(echo).layer(fault.layer());
    tokio::spawn(async move { axum::serve(FaultListener::new(tcp), with_connection(app)).await });
    (address, fault.control())
}

async fn connect(server: SocketAddr) -> WebSocketStream<TcpStream> {
    let stream = TcpStream::connect(server).await.unwrap();
    tokio_tungstenite::client_async(format!("ws://{server}/chat"), stream).await.unwrap().0
}

/// The messages received, and the code of the close.
async fn receive(socket: &mut WebSocketStream<TcpStream>) -> (Vec<String>, Option<u16>) {
    let (mut seen, mut code) = (Vec::new(), None);
    while let Some(Ok(message)) = socket.next().await {
        match message {
            Message::Text(text) => seen.push(text.to_string()),
            Message::Close(frame) => code = code.or(frame.map(|frame| frame.code.into())),
            _ => {}
        }
    }
    (seen, code)
}

#[tokio::test]
async fn message_rules_apply() {
    let rows: [(Injector, &[&str], Option<u16>); 9] = [
        (socket().into(), &["one", "two", "three", "bye"], None),
        (socket().drop(1.0).into(), &[], None),
        (socket().duplicate(1.0).into(), &["one", "one", "two", "two", "three", "three", "bye", "bye"], None),
        (
            socket().duplicate(1.0).on(Side::Request).into(),
            &["one", "one", "two", "two", "three", "three", "bye"],
            None,
        ),
        (socket().reorder(1.0).into(), &["two", "one", "bye", "three"], None),
        (socket().delay(1.0, Delay::fixed("1ms")).into(), &["one", "two", "three", "bye"], None),
        (socket().stop_after(2).code(4321).into(), &["one", "two"], Some(4321)),
        (
            chain::<Injector>([socket().duplicate(1.0).into(), socket().stop_after(3).into()]),
            &["one", "one", "two"],
            Some(1011),
        ),
        // Bytes in small slices below, and a command about chunks that never come.
        (
            chain::<Injector>([
                Toxic::slicer(2, 0, "0s").into(),
                corrupt(Corruption::ChunkFraming(ChunkError::BadSize)).into(),
                socket().reorder(1.0).into(),
            ]),
            &["two", "one", "bye", "three"],
            None,
        ),
    ];
    for (injector, wanted, code) in rows {
        let (server, control) = serve(injector).await;
        let mut socket = connect(server).await;
        for text in ["one", "two", "three", "quit"] {
            // The server may have closed already.
            let _ = socket.send(Message::text(text)).await;
        }
        let (seen, closed) = receive(&mut socket).await;
        assert_eq!((seen, closed), (wanted.iter().map(ToString::to_string).collect(), code), "{wanted:?}");
        let counts = control.counts();
        assert_eq!((counts.injected, counts.not_deliverable), (1, 0));
    }
    // The server receives a close, as from its client.
    let (server, _) = serve(socket().stop_after(1).code(1001).on(Side::Request)).await;
    let mut client = connect(server).await;
    for text in ["one", "two"] {
        let _ = client.send(Message::text(text)).await;
    }
    assert_eq!(receive(&mut client).await.0, ["one"]);
}

/// Two nested faults; the outer one changes incoming messages first.
#[tokio::test]
async fn two_faults_apply_in_order() {
    let fault = |injector: waylay_fault::Messages| {
        Fault::new("flaky", injector).enabled(true).participation(1.0).build().unwrap()
    };
    for side in [Side::Request, Side::Response] {
        let (inner, outer) =
            (fault(socket().duplicate(1.0).on(side)), fault(socket().stop_after(3).on(side)));
        let tcp = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let server = tcp.local_addr().unwrap();
        let app = axum::Router::new().route("/chat", any(echo)).layer(inner.layer()).layer(outer.layer());
        tokio::spawn(async move { axum::serve(FaultListener::new(tcp), with_connection(app)).await });
        let mut client = connect(server).await;
        for text in ["one", "two", "three", "four"] {
            let _ = client.send(Message::text(text)).await;
        }
        let (seen, _) = receive(&mut client).await;
        assert_eq!(seen, ["one", "one", "two", "two", "three", "three"], "{side}");
    }
}

/// The effect on frames, byte for byte: the server echoes everything.
#[tokio::test]
async fn frames_of_all_kinds() {
    let head = "GET /raw HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
                sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    let frame =
        |first: u8, text: &str| [&[first, 0x80 | text.len() as u8, 1, 2, 3, 4], text.as_bytes()].concat();
    let (text, more, ping, compressed) = (0x01, 0x00, 0x89, 0xc1);
    let fragments = [frame(text, "frag"), frame(more, "ment"), frame(more | 0x80, "s")].concat();
    // A fragmented message with a ping between; one with the bit of `permessage-deflate`; an empty
    // one.
    let sent = [
        frame(text, "frag"),
        frame(ping, "?"),
        frame(more, "ment"),
        frame(more | 0x80, "s"),
        frame(compressed, "abc"),
        frame(0x81, ""),
    ]
    .concat();
    let wanted = [
        frame(ping, "?"),
        fragments.clone(),
        fragments,
        frame(compressed, "abc"),
        frame(compressed, "abc"),
        frame(0x81, ""),
        frame(0x81, ""),
    ]
    .concat();
    for side in [Side::Request, Side::Response] {
        let (server, control) = serve(socket().duplicate(1.0).on(side)).await;
        let mut stream = TcpStream::connect(server).await.unwrap();
        stream.set_nodelay(true).unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut seen = Vec::new();
        while !seen.ends_with(b"\r\n\r\n") {
            seen.push(stream.read_u8().await.unwrap());
        }
        // Byte by byte, so that few reads end with a frame.
        for byte in &sent {
            stream.write_all(&[*byte]).await.unwrap();
            tokio::task::yield_now().await;
        }
        let mut seen = vec![0; wanted.len()];
        stream.read_exact(&mut seen).await.unwrap();
        assert_eq!(seen, wanted, "{side}");
        assert_eq!(control.counts().injected, 1);
    }
}

/// Large messages in both directions, one longer than the buffer.
#[tokio::test]
async fn large_messages_pass() {
    let (server, _) = serve(chain::<Injector>([
        socket().duplicate(1.0).into(),
        socket().delay(1.0, Delay::fixed("1ms")).on(Side::Request).into(),
    ]))
    .await;
    let client = connect(server).await;
    let (mut say, mut receive) = client.split();
    // The last is longer than the buffer, and passes unchanged.
    let sizes = [1 << 20, 70_000, 3 << 20, 0, 5 << 20];
    let saying = tokio::spawn(async move {
        for size in sizes {
            say.send(Message::binary(vec![7; size])).await.unwrap();
        }
        say
    });
    for (size, times) in sizes.into_iter().zip([2, 2, 2, 2, 1]) {
        for _ in 0..times {
            assert_eq!(receive.next().await.unwrap().unwrap(), Message::binary(vec![7; size]));
        }
    }
    drop(saying.await.unwrap());
}

/// Four times as much is sent back, at the pace at which it is read.
#[tokio::test]
async fn a_client_reads_at_its_own_pace() {
    let (server, control) = serve(socket_of_both()).await;
    let (mut say, mut receive) = connect(server).await.split();
    let saying = tokio::spawn(async move {
        for _ in 0..300_u16 {
            say.send(Message::binary(vec![7; 60_000])).await.unwrap();
        }
    });
    let mut count = 0;
    while count < 1200 {
        assert_eq!(receive.next().await.unwrap().unwrap().len(), 60_000);
        count += 1;
    }
    saying.await.unwrap();
    assert_eq!(control.counts().injected, 1);
}

/// The gauge shows that the fault has released a client that left in the middle of a message.
#[tokio::test]
async fn clients_that_disappear_are_released() {
    let (server, control) = serve(chain::<Injector>([
        socket().delay(1.0, Delay::fixed("1h")).into(),
        socket().reorder(1.0).on(Side::Request).into(),
    ]))
    .await;
    for reset in [false, true] {
        let mut client = connect(server).await;
        for text in ["one", "two", "three"] {
            client.send(Message::text(text)).await.unwrap();
        }
        assert_eq!(control.counts().active, 2);
        if reset {
            client.get_ref().set_zero_linger().unwrap();
        }
        drop(client);
        while control.counts().active > 0 {
            tokio::task::yield_now().await;
        }
    }
}

/// Disabled, delayed messages are released and the rest passes; a rejected upgrade is none.
#[tokio::test]
async fn disabling_releases_messages() {
    let (server, control) = serve(socket().delay(1.0, Delay::fixed("1h"))).await;
    let mut client = connect(server).await;
    for text in ["one", "two"] {
        client.send(Message::text(text)).await.unwrap();
    }
    control.set_enabled(false);
    client.send(Message::text("quit")).await.unwrap();
    assert_eq!(receive(&mut client).await.0, ["one", "two", "bye"]);

    control.set_enabled(true);
    let mut stream = TcpStream::connect(server).await.unwrap();
    let requested_stream = "GET /chat HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\n\r\n";
    let last = "GET /chat HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    stream.write_all(format!("{requested_stream}{last}").as_bytes()).await.unwrap();
    let mut seen = String::new();
    stream.read_to_string(&mut seen).await.unwrap();
    assert_eq!(seen.matches("\r\n\r\nno socket").count(), 2, "{seen}");
    assert_eq!(control.counts().active, 0);
}

fn socket_of_both() -> Injector {
    chain::<Injector>([socket().duplicate(1.0).into(), socket().duplicate(1.0).on(Side::Request).into()])
}
