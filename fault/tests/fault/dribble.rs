//! Dribble: bodies in parts, byte by byte against a slow oracle.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, StreamBody};
use proptest::prelude::*;
use tokio::time::{Instant, sleep};
use tower::{ServiceExt, service_fn};
use tower_layer::Layer;
use waylay_fault::{Fault, Injector, Side, dribble};

use crate::support::always;

/// Frames of these sizes, of known length or not, perhaps with trailers.
struct Frames {
    sizes: Vec<usize>,
    sent: usize,
    is_known: bool,
    has_trailers: bool,
}

impl Body for Frames {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.sizes.is_empty() {
            let has_trailers = std::mem::take(&mut self.has_trailers);
            return std::task::Poll::Ready(has_trailers.then(|| Ok(Frame::trailers(HeaderMap::new()))));
        }
        let size = self.sizes.remove(0);
        let data: Vec<u8> = (self.sent..self.sent + size).map(|at| at as u8).collect();
        self.sent += size;
        std::task::Poll::Ready(Some(Ok(Frame::data(data.into()))))
    }

    fn size_hint(&self) -> SizeHint {
        if self.is_known {
            SizeHint::with_exact(self.sizes.iter().sum::<usize>() as u64)
        } else {
            SizeHint::new()
        }
    }
}

/// The time of each byte in milliseconds, its value, and the trailers' time.
type Seen = (Vec<(u64, u8)>, Option<u64>);

async fn read(fault: &Fault, frames: Frames) -> Seen {
    let begin = Instant::now();
    let frames = std::sync::Mutex::new(Some(frames));
    let inner = service_fn(|_: Request<String>| {
        let body = frames.lock().unwrap().take().unwrap();
        std::future::ready(Ok::<_, Infallible>(Response::new(body)))
    });
    let mut body = fault.layer().layer(inner).oneshot(Request::new(String::new())).await.unwrap().into_body();
    let (mut bytes, mut trailers) = (Vec::new(), None);
    while let Some(frame) = body.frame().await {
        let at = begin.elapsed().as_millis() as u64;
        match frame.unwrap().into_data() {
            Ok(data) => bytes.extend(data.into_iter().map(|byte| (at, byte))),
            Err(_) => trailers = Some(at),
        }
    }
    (bytes, trailers)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn each_byte_comes_with_its_part(
        sizes in prop::collection::vec(0..50_usize, 0..6),
        parts in 1..12_u32,
        step in 0..40_u64,
        is_known in any::<bool>(),
        has_trailers in any::<bool>(),
    ) {
        let total: usize = sizes.iter().sum();
        // So that every part is due at a whole millisecond.
        let count = (parts as usize).min(total).max(1) as u64;
        let over = Duration::from_millis(step * count);
        let wanted: Vec<(u64, u8)> = (0..total).map(|at| {
            // The first part whose end lies behind the byte.
            let part = (1..=count).find(|part| total as u64 * part / count > at as u64).unwrap();
            (part * step, at as u8)
        }).collect();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let (bytes, trailers) = runtime.block_on(async {
            let fault = always(dribble(parts, over)).build().unwrap();
            let seen = read(&fault, Frames { sizes, sent: 0, is_known, has_trailers }).await;
            assert_eq!(fault.control().counts().active, 0);
            seen
        });
        prop_assert_eq!(&bytes, &wanted);
        let end = wanted.last().map_or(0, |(at, _)| *at);
        prop_assert_eq!(trailers, has_trailers.then_some(end));
    }
}

#[tokio::test(start_paused = true)]
async fn a_long_body_of_unknown_length_is_divided_as_far_as_it_is_buffered() {
    let fault = always(dribble(2, "2s")).build().unwrap();
    let sizes = vec![1 << 19; 4];
    let (bytes, _) = read(&fault, Frames { sizes, sent: 0, is_known: false, has_trailers: false }).await;
    let at = |time| bytes.iter().filter(|(at, _)| *at == time).count();
    assert_eq!((bytes.len(), at(1000), at(2000)), (1 << 21, 1 << 19, (1 << 19) + (1 << 20)));
}

#[tokio::test(start_paused = true)]
async fn a_failure_comes_after_what_was_read() {
    let fault = always(dribble(2, "2s")).build().unwrap();
    let inner = service_fn(async |_: Request<String>| {
        let frames = [Ok(Frame::data(Bytes::from_static(b"abcd"))), Err(std::io::Error::other("lost"))];
        Ok::<_, Infallible>(Response::new(StreamBody::new(futures_util::stream::iter(frames))))
    });
    let mut body = fault.layer().layer(inner).oneshot(Request::new(String::new())).await.unwrap().into_body();
    let (mut data, mut has_failed) = (Vec::new(), false);
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(frame) => data.extend(frame.into_data().unwrap()),
            Err(_) => has_failed = true,
        }
    }
    assert_eq!((&data[..], has_failed), (&b"abcd"[..], true));
}

#[tokio::test(start_paused = true)]
async fn disabling_sends_the_rest_at_once() {
    for is_known in [false, true] {
        let fault = always(dribble(4, "4s")).build().unwrap();
        let off = async {
            sleep(Duration::from_millis(1500)).await;
            fault.control().set_enabled(false);
        };
        let frames = Frames { sizes: vec![8], sent: 0, is_known, has_trailers: true };
        let ((), (bytes, trailers)) = tokio::join!(off, read(&fault, frames));
        let times: Vec<_> = bytes.iter().map(|(at, _)| *at).collect();
        assert_eq!((times, trailers), (vec![1000, 1000, 1500, 1500, 1500, 1500, 1500, 1500], Some(1500)));
    }
}

#[test]
fn invalid_settings_are_reported() {
    let injector: Injector = dribble(0, "x").on(Side::Request).into();
    let errors = Fault::new("d", injector).build().unwrap_err();
    let settings: Vec<_> = errors.iter().map(|error| error.setting()).collect();
    assert_eq!(settings, ["dribble.over", "dribble.parts"]);
}
