//! gRPC: the results of tonic's own client.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, BufMut, Bytes};
use http::uri::PathAndQuery;
use http::{HeaderMap, Response};
use http_body::{Body, Frame};
use http_body_util::BodyExt;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::{Code, Status};
use tower_layer::Layer;
use waylay_fault::{
    Delay, DelayPoint, Fault, Injector, ResetCode, TruncateAt, TruncateEnd, grpc, slow, truncate,
};

/// Messages are plain bytes.
#[derive(Clone, Copy, Default)]
pub(crate) struct Plain;

impl Codec for Plain {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Plain {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put(item);
        Ok(())
    }
}

impl Decoder for Plain {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(buffer.copy_to_bytes(buffer.remaining())))
    }
}

/// A service that responds with `count` messages, `message 0` and so on, and the status OK.
pub(crate) async fn serve(fault: &Fault, count: usize) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let inner = tower::service_fn(move |request: http::Request<hyper::body::Incoming>| async move {
        // A client streams; its messages are consumed, not inspected.
        let _ = request.into_body().collect().await;
        let mut frames: VecDeque<_> = (0..count).map(|number| Frame::data(message(number))).collect();
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", "0".parse().unwrap());
        frames.push_back(Frame::trailers(trailers));
        let mut response = Response::new(Frames(frames));
        response.headers_mut().insert("content-type", "application/grpc".parse().unwrap());
        Ok::<_, Infallible>(response)
    });
    let service = TowerToHyperService::new(fault.layer().layer(inner));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let service = service.clone();
            tokio::spawn(async move {
                let builder = auto::Builder::new(TokioExecutor::new());
                let _ = builder.serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
    address
}

/// A message with its prefix.
pub(crate) fn message(number: usize) -> Bytes {
    let text = format!("message {number}");
    let mut framed = vec![0];
    framed.put_u32(text.len() as u32);
    framed.put_slice(text.as_bytes());
    framed.into()
}

pub(crate) struct Frames(pub(crate) VecDeque<Frame<Bytes>>);

impl Body for Frames {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.pop_front().map(Ok))
    }
}

/// A client of that server.
async fn client(server: SocketAddr) -> tonic::client::Grpc<tonic::transport::Channel> {
    let channel = tonic::transport::Endpoint::try_from(format!("http://{server}")).unwrap();
    let mut client = tonic::client::Grpc::new(channel.connect().await.unwrap());
    client.ready().await.unwrap();
    client
}

pub(crate) fn call() -> (tonic::Request<Bytes>, PathAndQuery) {
    (tonic::Request::new(Bytes::from("question")), PathAndQuery::from_static("/shop.Orders/List"))
}

/// The messages received, and the final status.
pub(crate) async fn list(server: SocketAddr) -> (Vec<String>, Result<(), Status>) {
    let (request, path) = call();
    let mut stream = match client(server).await.server_streaming(request, path, Plain).await {
        Ok(response) => response.into_inner(),
        Err(status) => return (Vec::new(), Err(status)),
    };
    let mut messages = Vec::new();
    loop {
        match stream.message().await {
            Ok(Some(message)) => messages.push(String::from_utf8(message.to_vec()).unwrap()),
            Ok(None) => return (messages, Ok(())),
            Err(status) => return (messages, Err(status)),
        }
    }
}

fn always(injector: impl Into<Injector>) -> Fault {
    Fault::new("flaky", injector).enabled(true).participation(1.0).build().unwrap()
}

#[tokio::test]
async fn every_status_is_received() {
    for code in 1..=16 {
        let message = "no 100 % luck: caf\u{e9}\n";
        let server = serve(&always(grpc(code).message(message).header("x-own", "1")), 1).await;
        let (request, path) = call();
        let status = client(server).await.unary(request, path, Plain).await.unwrap_err();
        assert_eq!((status.code(), status.message()), (Code::from(i32::from(code)), message));
        assert_eq!(status.metadata().get("x-own").unwrap(), "1");
        assert_eq!(status.metadata().get("x-fault-injected").unwrap(), "flaky");
        assert_eq!(list(server).await.1.unwrap_err().code(), Code::from(i32::from(code)));
    }
    // OK without a message is a protocol error to a unary client, and an empty stream to a
    // streaming one.
    let server = serve(&always(grpc(0)), 1).await;
    let (request, path) = call();
    assert_eq!(client(server).await.unary(request, path, Plain).await.unwrap_err().code(), Code::Internal);
    assert!(matches!(list(server).await, (messages, Ok(())) if messages.is_empty()));
}

/// Half a stream, then the end set by the fault.
#[tokio::test]
async fn streams_are_truncated() {
    // A message is 5 bytes of prefix and 9 of text.
    let rows: [(Injector, usize, Option<Code>); 4] = [
        (truncate(TruncateAt::Bytes(28)).into(), 2, Some(Code::Internal)),
        (
            truncate(TruncateAt::Bytes(28)).then(TruncateEnd::Reset(ResetCode::CANCEL)).into(),
            2,
            Some(Code::Cancelled),
        ),
        (
            truncate(TruncateAt::Bytes(28)).then(TruncateEnd::Reset(ResetCode::REFUSED_STREAM)).into(),
            2,
            Some(Code::Unavailable),
        ),
        (slow(Delay::fixed("1ms").at(DelayPoint::ResponseChunks)), 4, None),
    ];
    for (injector, count, code) in rows {
        let fault = always(injector);
        let (messages, status) = list(serve(&fault, 4).await).await;
        assert_eq!((messages.len(), status.err().map(|status| status.code())), (count, code), "{fault:?}");
    }
}
