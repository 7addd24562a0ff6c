//! A lane: one fault's hand in one direction of a WebSocket.

use std::collections::VecDeque;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;

use super::frames::{Frames, Piece};
use crate::injector::deal::{Dealer, Dealt};
use crate::injector::tap::{CloseCode, Tap};
use crate::pause::Pause;
use crate::report::Side;
use crate::stage::Host;

/// One fault's hand in one direction.
pub(crate) struct Lane {
    frames: Frames,
    dealer: Dealer<Bytes>,
    out: VecDeque<Dealt<Bytes>>,
    /// In bytes.
    pub(crate) waiting: usize,
    pause: Option<Pause>,
    close: CloseCode,
    side: Side,
    stopped: bool,
    host: Box<dyn Host>,
    /// Off once, it is off for good: the frames that went by were not looked at.
    loose: bool,
}

impl Lane {
    pub(crate) fn new(tap: &Tap, host: Box<dyn Host>) -> Self {
        Self {
            frames: Frames::default(),
            dealer: Dealer::new(tap.rules.clone(), tap.draws.clone()),
            out: VecDeque::new(),
            waiting: 0,
            pause: None,
            close: tap.close,
            side: tap.side,
            stopped: false,
            host,
            loose: false,
        }
    }

    pub(crate) fn push(&mut self, data: &[u8]) {
        if self.stopped {
            return;
        }
        self.frames.push(data);
        if self.loose || self.host.off() {
            self.loose = true;
            return self.let_go();
        }
        let from = self.out.len();
        while !self.dealer.stops() {
            match self.frames.next() {
                None => return self.count(from),
                Some(Piece::Message(message)) => self.dealer.deal(message, &mut self.out),
                Some(Piece::Control(message)) => {
                    // A close is the last that a direction says.
                    if message.first().is_some_and(|first| first & 0x0f == 8) {
                        self.dealer.flush(&mut self.out);
                    }
                    self.out.push_back(Dealt { wait: Duration::ZERO, message });
                }
                Some(Piece::Other(message)) => self.out.push_back(Dealt { wait: Duration::ZERO, message }),
            }
        }
        self.dealer.flush(&mut self.out);
        self.out.push_back(Dealt { wait: Duration::ZERO, message: self.close.frame(self.side) });
        self.stopped = true;
        self.count(from);
    }

    /// Hands out what is held back, as it is.
    pub(crate) fn let_go(&mut self) {
        // After its last word a direction has nothing more to say.
        if self.stopped {
            return;
        }
        let from = self.out.len();
        self.dealer.flush(&mut self.out);
        let rest = self.frames.rest();
        if !rest.is_empty() {
            self.out.push_back(Dealt { wait: Duration::ZERO, message: rest });
        }
        self.count(from);
    }

    /// Hands out what is held back at once, and all that comes: nobody is left to be made to wait.
    pub(crate) fn release(&mut self) {
        self.loose = true;
        self.pause = None;
        self.let_go();
        self.out.iter_mut().for_each(|dealt| dealt.wait = Duration::ZERO);
    }

    fn count(&mut self, from: usize) {
        self.waiting += self.out.iter().skip(from).map(|dealt| dealt.message.len()).sum::<usize>();
    }

    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        loop {
            if let Some(pause) = &mut self.pause {
                // Called off or over, the message goes on.
                let _ = ready!(pause.poll(cx));
                self.pause = None;
            }
            let Some(next) = self.out.front_mut() else { return Poll::Ready(None) };
            let wait = std::mem::take(&mut next.wait);
            if !wait.is_zero() && !self.host.off() {
                self.pause = Some(self.host.pause(wait));
                continue;
            }
            let message = self.out.pop_front().map(|dealt| dealt.message);
            self.waiting -= message.as_ref().map_or(0, Bytes::len);
            return Poll::Ready(message);
        }
    }
}
