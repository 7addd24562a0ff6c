//! Deal: what becomes of each message of a stream.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use crate::chance::Draws;
use crate::delay::Pace;

/// The settings, found good.
#[derive(Debug)]
pub(crate) struct Rules {
    pub(crate) lose: f64,
    pub(crate) double: f64,
    pub(crate) swap: f64,
    pub(crate) hold: Option<(f64, Pace)>,
    /// How many messages are let come.
    pub(crate) stop_after: Option<u64>,
}

/// Deals out the messages of one stream.
#[derive(Debug)]
pub(crate) struct Dealer<M> {
    rules: Arc<Rules>,
    draws: Draws,
    number: u64,
    /// A message that waits for the next to overtake it.
    kept: Option<Dealt<M>>,
}

/// A message on its way out, and how long it has to wait for that.
#[derive(Debug)]
pub(crate) struct Dealt<M> {
    pub(crate) wait: Duration,
    pub(crate) message: M,
}

impl<M: Clone> Dealer<M> {
    pub(crate) fn new(rules: Arc<Rules>, draws: Draws) -> Self {
        Self { rules, draws, number: 0, kept: None }
    }

    /// Whether no more messages are let come.
    pub(crate) fn stops(&self) -> bool {
        self.rules.stop_after.is_some_and(|most| self.number >= most)
    }

    /// Decides on the next message. Each question has a draw of its own, asked or not, so that
    /// one setting does not shift what another does.
    pub(crate) fn deal(&mut self, message: M, out: &mut VecDeque<Dealt<M>>) {
        let mut draws = self.draws.child(self.number);
        self.number += 1;
        let [lost, doubled, swapped, held] = [draws.share(), draws.share(), draws.share(), draws.share()];
        if lost < self.rules.lose {
            return;
        }
        let wait = match &self.rules.hold {
            Some((share, pace)) if held < *share => pace.draw(&mut draws.child(0)),
            _ => Duration::ZERO,
        };
        let dealt = Dealt { wait, message };
        if swapped < self.rules.swap && self.kept.is_none() {
            self.kept = Some(dealt);
            return;
        }
        if doubled < self.rules.double {
            out.push_back(Dealt { wait, message: dealt.message.clone() });
            out.push_back(Dealt { wait: Duration::ZERO, message: dealt.message });
        } else {
            out.push_back(dealt);
        }
        self.flush(out);
    }

    /// Hands out what was kept back.
    pub(crate) fn flush(&mut self, out: &mut VecDeque<Dealt<M>>) {
        out.extend(self.kept.take());
    }
}
