//! Relay: the messages of a body, handed out as they were dealt.

use std::collections::VecDeque;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Frame, SizeHint};

use super::deal::{Dealer, Dealt};
use super::framing::{Framing, Piece, Splitter};
use crate::pause::Pause;
use crate::stage::{Below, Polled, Stage};

/// A stage that takes a body apart and puts it together again.
#[derive(Debug)]
pub(crate) struct Relay {
    splitter: Splitter,
    dealer: Dealer<Bytes>,
    out: VecDeque<Dealt<Bytes>>,
    pause: Option<Pause>,
    /// What ends a stream that is stopped; nothing, or trailers.
    last_words: Option<HeaderMap>,
    end: End,
}

#[derive(Debug)]
enum End {
    Ahead,
    /// These come after all that is held back.
    Trailers(Frame<Bytes>),
    /// Nothing comes any more.
    Past,
}

impl Relay {
    pub(crate) fn new(framing: Framing, dealer: Dealer<Bytes>, last_words: Option<HeaderMap>) -> Self {
        Self {
            splitter: Splitter::new(framing),
            dealer,
            out: VecDeque::new(),
            pause: None,
            last_words,
            end: End::Ahead,
        }
    }

    /// Deals with all messages that are whole.
    fn deal(&mut self) {
        while !self.dealer.stops() {
            match self.splitter.next() {
                None => return,
                Some(Piece::Message(message)) => self.dealer.deal(message, &mut self.out),
                Some(Piece::Other(message)) => self.out.push_back(Dealt { wait: Duration::ZERO, message }),
            }
        }
        self.dealer.flush(&mut self.out);
        self.end = match self.last_words.take() {
            Some(trailers) => End::Trailers(Frame::trailers(trailers)),
            None => End::Past,
        };
    }

    /// Hands out what is held back, as it is.
    fn let_go(&mut self) {
        self.dealer.flush(&mut self.out);
        let rest = self.splitter.rest();
        if !rest.is_empty() {
            self.out.push_back(Dealt { wait: Duration::ZERO, message: rest });
        }
    }
}

impl Stage for Relay {
    fn poll_frame(&mut self, cx: &mut Context<'_>, below: &mut Below<'_>) -> Polled {
        loop {
            if let Some(pause) = &mut self.pause {
                // Called off or over, the message goes on.
                let _ = ready!(pause.poll(cx));
                self.pause = None;
            }
            if let Some(next) = self.out.front_mut() {
                let wait = std::mem::take(&mut next.wait);
                if !wait.is_zero() && !below.off() {
                    self.pause = Some(below.pause(wait));
                    continue;
                }
                return Poll::Ready(self.out.pop_front().map(|dealt| Ok(Frame::data(dealt.message))));
            }
            match std::mem::replace(&mut self.end, End::Past) {
                End::Ahead => self.end = End::Ahead,
                End::Trailers(frame) => return Poll::Ready(Some(Ok(frame))),
                End::Past => return Poll::Ready(None),
            }
            // From here on, messages are no longer looked for once the fault is off.
            match ready!(below.poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => {
                        self.splitter.push(&data);
                        if below.off() { self.let_go() } else { self.deal() }
                    }
                    Err(trailers) => {
                        self.let_go();
                        self.end = End::Trailers(trailers);
                    }
                },
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => {
                    self.let_go();
                    self.end = End::Past;
                }
            }
        }
    }

    fn size_hint(&self, _: SizeHint) -> SizeHint {
        SizeHint::default()
    }

    fn is_end(&self, _: bool) -> bool {
        matches!(self.end, End::Past) && self.out.is_empty()
    }

    fn resizes(&self) -> bool {
        true
    }
}
