//! Protocols on a stream: HTTP/1.1, HTTP/2, WebSocket.

pub(crate) mod frame;
pub(crate) mod h1;
pub(crate) mod h2;
pub(crate) mod intercept;
pub(crate) mod websocket;
