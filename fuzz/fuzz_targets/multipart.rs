//! Multipart bodies of any bytes: no panic, memory in proportion to the body, the same result however it is cut.
#![no_main]

use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use axum_core::body::Body;
use axum_core::extract::FromRequest;
use bytes::Bytes;
use http::Request;
use http_body::Frame;
use libfuzzer_sys::{Corpus, fuzz_target};
use peak_alloc::PeakAlloc;
use waylay_extract::{Extract, Rejection, Upload};

#[global_allocator]
static PEAK: PeakAlloc = PeakAlloc;

/// Bytes of a body that no budget of headers ends.
const HEAD_BUDGET: usize = 4 * 1024;

/// What control characters and bytes above them stand for.
const FRAGMENTS: [&str; 20] = [
    "--b",
    "--b\r\n",
    "--b--\r\n",
    "\r\n--b\r\n",
    "\r\n--b--\r\n",
    "\r\n",
    "\r\n\r\n",
    "content-disposition: form-data; name=text\r\n\r\n",
    "content-disposition: form-data; name=\"list\"\r\n\r\n",
    "content-disposition: form-data; name=\"tree[a][0]\"\r\n\r\n",
    "content-disposition: form-data; name=file; filename=\"a.png\"\r\n",
    "Content-Disposition: form-data; NAME=number; filename*=UTF-8''%e2%82%ac\r\n\r\n",
    "content-disposition: form-data; name=raw\r\n\r\n",
    "content-type: text/plain; charset=utf-8\r\n\r\n",
    "; name=\"",
    "; filename=",
    "; filename*=utf-8''%",
    "\"\r\n",
    "x-header: ",
    "255",
];

/// A field of each kind that a part can have.
#[derive(Debug, Extract)]
#[extract(limit = "64KiB", max_params = 20, max_items = 4)]
struct Form {
    #[form]
    text: Option<String>,
    #[form]
    list: Vec<String>,
    #[form(nested, max_items = 4)]
    tree: Option<std::collections::BTreeMap<String, Vec<String>>>,
    #[part(limit = 100)]
    number: Option<u8>,
    #[part]
    raw: Option<Bytes>,
    #[part(limit = "1KiB")]
    file: Vec<Upload>,
    #[form(rest)]
    rest: Vec<(String, String)>,
}

/// A body of chunks.
struct Chunks {
    bytes: Bytes,
    length: usize,
    is_pending: bool,
}

impl http_body::Body for Chunks {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.is_pending = !self.is_pending;
        if self.is_pending {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        if self.bytes.is_empty() {
            return Poll::Ready(None);
        }
        let length = self.length.min(self.bytes.len());
        Poll::Ready(Some(Ok(Frame::data(self.bytes.split_to(length)))))
    }
}

fuzz_target!(|data: &[u8]| -> Corpus {
    let Some((&first, data)) = data.split_first() else {
        return Corpus::Reject;
    };
    let body = Bytes::from(with_fragments(data));
    let whole = shown(read(body.clone(), body.len().max(1)));
    let before = PEAK.current_usage();
    PEAK.reset_peak_usage();
    let cut = read(body.clone(), usize::from(first) + 1);
    let peak = PEAK.peak_usage().saturating_sub(before);
    // The chunks that multer holds, the parts, their names and the errors.
    assert!(peak <= 1_000_000 + 8 * body.len(), "{peak} bytes for {}", body.len());
    if let Err(rejection) = &cut {
        let text: usize = rejection.errors().iter().map(|error| error.to_string().len()).sum();
        assert!(text <= 100_000, "{text} bytes of errors");
    }
    // The headers of a part, and what is before the first one, have a budget, which the chunk that exceeds it ends.
    if body.len() > HEAD_BUDGET {
        return Corpus::Keep;
    }
    assert_eq!(shown(cut), whole, "chunks of {}: {:?}", usize::from(first) + 1, body);
    Corpus::Keep
});

/// Reads a body while it arrives in chunks.
fn read(bytes: Bytes, length: usize) -> Result<Form, Rejection> {
    let most = 10_000 + 100 * bytes.len();
    let body = Body::new(Chunks { bytes, length, is_pending: false });
    let request = Request::post("/").header("content-type", "multipart/form-data; boundary=b").body(body);
    let mut reading = std::pin::pin!(Form::from_request(request.expect("a valid request"), &()));
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..most {
        if let Poll::Ready(result) = reading.as_mut().poll(&mut context) {
            return result;
        }
    }
    panic!("the body is not read after {most} polls");
}

fn shown(result: Result<Form, Rejection>) -> String {
    match result {
        Ok(form) => {
            let files: Vec<_> =
                form.file.iter().map(|file| (file.file_name(), file.content_type(), file.bytes())).collect();
            format!("{:?}", (form.text, form.list, form.tree, form.number, form.raw, files, form.rest))
        }
        Err(rejection) => rejection.to_string(),
    }
}

/// Replaces bytes that are rare in a body by what is frequent in one.
fn with_fragments(data: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    for byte in data {
        match FRAGMENTS.get(usize::from(*byte)) {
            Some(fragment) => body.extend_from_slice(fragment.as_bytes()),
            // Not every body is made of fragments.
            None => body.push(if *byte == 0xfd {
                b'\r'
            } else if *byte == 0xfe {
                b'\n'
            } else {
                *byte
            }),
        }
    }
    body
}
