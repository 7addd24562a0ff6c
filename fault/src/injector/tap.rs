//! Tap: what is to be done to the messages of a WebSocket, once there is one.

use std::sync::Arc;

use bytes::Bytes;

use super::deal::Rules;
use crate::chance::Draws;
use crate::report::Side;

/// One direction of a connection to come.
#[derive(Debug, Clone)]
pub(crate) struct Tap {
    pub(crate) side: Side,
    pub(crate) rules: Arc<Rules>,
    pub(crate) draws: Draws,
    pub(crate) close: CloseCode,
}

impl Tap {
    pub(crate) fn new(side: Side, rules: Arc<Rules>, draws: Draws, close: CloseCode) -> Self {
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
