//! MessagePipe: applies drop, duplicate, reorder, delay and stop to framed messages.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};

use crate::body::stage::{FaultHandle, Pause};
use crate::connection::queue::{CountedQueue, Entry};
use crate::random::delay::CompiledDelay;
use crate::random::draws::Draws;
use crate::report::event::Side;

/// The checked settings of [`messages`](crate::messages()).
#[derive(Debug)]
pub(crate) struct MessageRules {
    pub(crate) drop: f64,
    pub(crate) duplicate: f64,
    pub(crate) reorder: f64,
    pub(crate) delay: Option<(f64, CompiledDelay)>,
    /// Number of messages after which the stream ends.
    pub(crate) stop_after: Option<u64>,
}

/// Cuts the bytes of one direction into messages.
pub(crate) trait Framing: fmt::Debug {
    /// Takes bytes as they arrive.
    fn push(&mut self, data: &[u8]);

    /// Returns the next whole piece.
    fn next(&mut self) -> Option<Piece>;

    /// Takes all remaining bytes, an incomplete message included.
    fn rest(&mut self) -> Bytes;

    /// Returns the number of remaining bytes.
    fn buffered(&self) -> usize;
}

/// Longer messages are passed through unchanged.
pub(crate) const MAX_MESSAGE: usize = 4 << 20;

/// A part of one direction of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    /// A whole message with its framing.
    Message(Bytes),
    /// A control frame, which may arrive between the frames of a message.
    Control(Bytes),
    /// The control frame that ends the direction.
    Close(Bytes),
    /// Bytes that are no message, or belong to one longer than [`MAX_MESSAGE`].
    Other(Bytes),
}

/// The rules with the draws of one stream.
#[derive(Debug)]
pub(crate) struct MessageFault {
    rules: Arc<MessageRules>,
    draws: Draws,
    number: u64,
    /// A reordered message, which follows the next one.
    overtaken: Option<QueuedMessage>,
}

/// A message to be sent, and the delay before it.
#[derive(Debug)]
struct QueuedMessage {
    wait: Duration,
    bytes: Bytes,
}

impl QueuedMessage {
    /// Copies the bytes, which are a part of the buffer of their direction.
    fn new(wait: Duration, bytes: &[u8]) -> Self {
        Self { wait, bytes: Bytes::copy_from_slice(bytes) }
    }

    fn undelayed(bytes: &[u8]) -> Self {
        Self::new(Duration::ZERO, bytes)
    }
}

impl Entry for QueuedMessage {
    fn length(&self) -> usize {
        self.bytes.len()
    }
}

impl MessageFault {
    pub(crate) fn new(rules: Arc<MessageRules>, draws: Draws) -> Self {
        Self { rules, draws, number: 0, overtaken: None }
    }

    /// Tests whether the stream ends before the next message.
    fn stops(&self) -> bool {
        self.rules.stop_after.is_some_and(|count| self.number >= count)
    }

    /// Applies the rules to the next message. Each rule has its own draw, used or not, so that one
    /// setting does not shift the decisions of another.
    fn apply(&mut self, bytes: &[u8], out: &mut CountedQueue<QueuedMessage>) {
        let mut draws = self.draws.child(self.number);
        self.number += 1;
        let [drop, duplicate, reorder, delay] =
            [draws.uniform(), draws.uniform(), draws.uniform(), draws.uniform()];
        if drop < self.rules.drop {
            return;
        }
        let wait = match &self.rules.delay {
            Some((share, time)) if delay < *share => time.draw_guarded(&mut draws.child(0)),
            _ => Duration::ZERO,
        };
        let message = QueuedMessage::new(wait, bytes);
        if reorder < self.rules.reorder && self.overtaken.is_none() {
            self.overtaken = Some(message);
            return;
        }
        out.push(message);
        if duplicate < self.rules.duplicate {
            out.push(QueuedMessage::undelayed(bytes));
        }
        self.flush(out);
    }

    /// Releases a reordered message.
    fn flush(&mut self, out: &mut CountedQueue<QueuedMessage>) {
        out.extend(self.overtaken.take());
    }
}

/// One direction of a stream: framing, rules, and the queue of messages to be sent.
#[derive(Debug)]
pub(crate) struct MessagePipe<F> {
    framing: F,
    /// `None` while the fault is not enabled yet.
    fault: Option<MessageFault>,
    queue: CountedQueue<QueuedMessage>,
    pause: Option<Pause>,
    is_stopped: bool,
    /// Bytes of an incomplete message that were sent already, before the rules applied.
    sent: usize,
}

impl<F: Framing> MessagePipe<F> {
    pub(crate) fn new(framing: F, fault: Option<MessageFault>) -> Self {
        Self { framing, fault, queue: CountedQueue::default(), pause: None, is_stopped: false, sent: 0 }
    }

    /// Takes bytes and applies the rules to the messages that they complete. Returns whether the
    /// stream stops with them.
    pub(crate) fn push(&mut self, data: &[u8]) -> bool {
        if self.is_stopped {
            return false;
        }
        if self.fault.is_none() {
            self.push_standby(data);
            return false;
        }
        self.framing.push(data);
        self.is_stopped = (self.sent == 0 || self.pass_begun(data)) && self.apply();
        self.is_stopped
    }

    /// Applies the rules to all whole messages. Returns whether the stream stops.
    fn apply(&mut self) -> bool {
        let Self { framing, fault: Some(fault), queue, .. } = self else { return false };
        while !fault.stops() {
            match framing.next() {
                None => return false,
                Some(Piece::Message(message)) => fault.apply(&message, queue),
                Some(Piece::Close(frame)) => {
                    fault.flush(queue);
                    queue.push(QueuedMessage::undelayed(&frame));
                }
                Some(Piece::Control(bytes) | Piece::Other(bytes)) => {
                    queue.push(QueuedMessage::undelayed(&bytes));
                }
            }
        }
        fault.flush(queue);
        true
    }

    /// Takes bytes while the fault is not enabled yet: they are sent as they are, and the framing
    /// follows the messages.
    fn push_standby(&mut self, data: &[u8]) {
        self.framing.push(data);
        while self.framing.next().is_some() {}
        self.sent = self.framing.buffered();
        self.append(data);
    }

    /// Applies these rules from the next message on.
    pub(crate) fn inject(&mut self, fault: MessageFault) {
        self.fault = Some(fault);
    }

    /// Begins in the middle of a message, of which these bytes were sent.
    pub(crate) fn resume(&mut self, partial: &[u8]) {
        self.framing.push(partial);
        self.sent = partial.len();
    }

    /// Discards the incomplete message, of which all bytes were sent.
    pub(crate) fn leave(&mut self) {
        let _ = self.framing.rest();
        self.sent = 0;
    }

    /// Sends the rest of a message that began before the rules applied, which is in these bytes.
    /// Returns whether it is complete.
    fn pass_begun(&mut self, data: &[u8]) -> bool {
        let mut popped = 0;
        while let Some(piece) = self.framing.next() {
            let (length, is_control) = match &piece {
                Piece::Control(bytes) => (bytes.len(), true),
                Piece::Message(bytes) | Piece::Close(bytes) | Piece::Other(bytes) => (bytes.len(), false),
            };
            popped += length;
            if !is_control {
                let rest = popped.saturating_sub(self.sent).min(data.len());
                self.sent = 0;
                self.queue.push(QueuedMessage::undelayed(&data[..rest]));
                return true;
            }
        }
        self.sent = self.framing.buffered();
        self.queue.push(QueuedMessage::undelayed(data));
        false
    }

    /// Takes bytes without applying the rules, as a fault that is off does.
    pub(crate) fn push_unchanged(&mut self, data: &[u8]) {
        if !self.is_stopped {
            self.framing.push(data);
            self.flush();
        }
    }

    /// Queues bytes after all others.
    pub(crate) fn append(&mut self, bytes: &[u8]) {
        self.queue.push(QueuedMessage::undelayed(bytes));
    }

    /// Queues everything that is buffered, unchanged. A stopped stream has nothing more to send.
    pub(crate) fn flush(&mut self) {
        if self.is_stopped {
            return;
        }
        if let Some(fault) = &mut self.fault {
            fault.flush(&mut self.queue);
        }
        let mut rest = self.framing.rest();
        // Of a message that began before the rules applied.
        rest.advance(std::mem::take(&mut self.sent).min(rest.len()));
        if !rest.is_empty() {
            self.queue.push(QueuedMessage::undelayed(&rest));
        }
    }

    /// Flushes, and ends all delays.
    pub(crate) fn release(&mut self) {
        self.pause = None;
        self.flush();
        self.queue.iter_mut().for_each(|message| message.wait = Duration::ZERO);
    }

    /// Returns the next message once its delay is over; `None` if the queue is empty. `pause` starts
    /// a delay; a fault that is off starts none.
    pub(crate) fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
        is_off: bool,
        pause: impl Fn(Duration) -> Pause,
    ) -> Poll<Option<Bytes>> {
        loop {
            if let Some(pause) = &mut self.pause {
                // Cancelled or over, the message is sent.
                let _ = ready!(pause.poll(cx));
                self.pause = None;
            }
            let Some(next) = self.queue.front_mut() else { return Poll::Ready(None) };
            let wait = std::mem::take(&mut next.wait);
            if !wait.is_zero() && !is_off {
                self.pause = Some(pause(wait));
                continue;
            }
            return Poll::Ready(self.queue.pop().map(|message| message.bytes));
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Returns the memory of the queue, in bytes.
    pub(crate) fn held(&self) -> usize {
        self.queue.held()
    }
}

/// A fault that is off while a WebSocket is opened, and may be enabled before it ends.
pub(crate) trait StandbyTap: Send + Sync {
    /// Returns what the fault does to this side, once it is enabled; `Some(None)` if that is nothing.
    fn join(&self, side: Side) -> Option<Option<(MessageTap, Box<dyn FaultHandle>)>>;
}

/// The rules for one direction of a WebSocket that a request may open.
#[derive(Debug, Clone)]
pub(crate) struct MessageTap {
    pub(crate) side: Side,
    pub(crate) rules: Arc<MessageRules>,
    pub(crate) draws: Draws,
    pub(crate) close: CloseCode,
}

impl MessageTap {
    pub(crate) fn new(side: Side, rules: Arc<MessageRules>, draws: Draws, close: CloseCode) -> Self {
        Self { side, rules, draws, close }
    }
}

/// A status code that a close frame may carry.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CloseCode(u16);

impl CloseCode {
    /// RFC 6455, section 7.4: codes below 1000 are not used, 1004 is reserved, and 1005, 1006 and
    /// 1015 are never sent.
    pub(crate) fn new(code: u16) -> Option<Self> {
        let sendable = matches!(code, 1000..=4999) && !matches!(code, 1004..=1006 | 1015);
        sendable.then_some(Self(code))
    }

    /// Returns the close frame for this side of the exchange. A client masks its frames, here with
    /// a mask of zeros.
    pub(crate) fn frame(self, side: Side) -> Bytes {
        let [high, low] = self.0.to_be_bytes();
        match side {
            Side::Response => Bytes::copy_from_slice(&[0x88, 2, high, low]),
            Side::Request => Bytes::copy_from_slice(&[0x88, 0x82, 0, 0, 0, 0, high, low]),
        }
    }
}
