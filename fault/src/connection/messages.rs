//! Message rules: drop, duplicate, reorder, delay, stop.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::random::delay::CompiledDelay;
use crate::random::draws::Draws;
use crate::report::event::Side;

/// The settings, found good.
#[derive(Debug)]
pub(crate) struct MessageRules {
    pub(crate) drop: f64,
    pub(crate) duplicate: f64,
    pub(crate) reorder: f64,
    pub(crate) delay: Option<(f64, CompiledDelay)>,
    /// How many messages are let come.
    pub(crate) stop_after: Option<u64>,
}

/// Deals out the messages of one stream.
#[derive(Debug)]
pub(crate) struct MessageFault<M> {
    rules: Arc<MessageRules>,
    draws: Draws,
    number: u64,
    /// A message that waits for the next to overtake it.
    overtaken: Option<QueuedMessage<M>>,
}

/// A message on its way out, and how long it has to wait for that.
#[derive(Debug)]
pub(crate) struct QueuedMessage<M> {
    pub(crate) wait: Duration,
    pub(crate) message: M,
}

impl<M: Clone> MessageFault<M> {
    pub(crate) fn new(rules: Arc<MessageRules>, draws: Draws) -> Self {
        Self { rules, draws, number: 0, overtaken: None }
    }

    /// Whether no more messages are let come.
    pub(crate) fn stops(&self) -> bool {
        self.rules.stop_after.is_some_and(|most| self.number >= most)
    }

    /// Decides on the next message. Each question has a draw of its own, asked or not, so that
    /// one setting does not shift what another does.
    pub(crate) fn apply(&mut self, message: M, out: &mut VecDeque<QueuedMessage<M>>) {
        let mut draws = self.draws.child(self.number);
        self.number += 1;
        let [dropped, duplicated, reordered, delayed] =
            [draws.uniform(), draws.uniform(), draws.uniform(), draws.uniform()];
        if dropped < self.rules.drop {
            return;
        }
        let wait = match &self.rules.delay {
            Some((share, pace)) if delayed < *share => pace.draw(&mut draws.child(0)),
            _ => Duration::ZERO,
        };
        let message = QueuedMessage { wait, message };
        if reordered < self.rules.reorder && self.overtaken.is_none() {
            self.overtaken = Some(message);
            return;
        }
        if duplicated < self.rules.duplicate {
            out.push_back(QueuedMessage { wait, message: message.message.clone() });
            out.push_back(QueuedMessage { wait: Duration::ZERO, message: message.message });
        } else {
            out.push_back(message);
        }
        self.flush(out);
    }

    /// Hands out what was kept back.
    pub(crate) fn flush(&mut self, out: &mut VecDeque<QueuedMessage<M>>) {
        out.extend(self.overtaken.take());
    }
}

/// One direction of a connection to come.
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

/// A code that a close frame may carry.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CloseCode(u16);

impl CloseCode {
    /// RFC 6455, section 7.4: below 1000 is not used, 1004 is reserved, and 1005, 1006 and 1015
    /// are never sent.
    pub(crate) fn new(code: u16) -> Option<Self> {
        let sendable = matches!(code, 1000..=4999) && !matches!(code, 1004..=1006 | 1015);
        sendable.then_some(Self(code))
    }

    /// The close frame, as this side of the exchange sends it: clients mask theirs, here with a
    /// mask of zeros.
    pub(crate) fn frame(self, side: Side) -> Bytes {
        let [high, low] = self.0.to_be_bytes();
        match side {
            Side::Response => Bytes::copy_from_slice(&[0x88, 2, high, low]),
            Side::Request => Bytes::copy_from_slice(&[0x88, 0x82, 0, 0, 0, 0, high, low]),
        }
    }
}
