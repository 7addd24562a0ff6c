//! A pipe: the toxics of one direction in a row, and what waits to come out of them.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::time::{Instant, Sleep, sleep_until};

use super::stage::{End, Load, Parcel, Stage};

/// More is not taken in while so much waits; a slow link's buffers hold about as much.
const ROOM: usize = 1 << 20;

/// One direction of a connection.
#[derive(Debug, Default)]
pub(crate) struct Pipe {
    /// With the number of the toxic each stands for.
    stages: Vec<(u64, Stage)>,
    queue: VecDeque<Parcel>,
    bytes: usize,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Pipe {
    /// Whether bytes may as well go round it.
    pub(crate) fn is_idle(&self) -> bool {
        self.stages.is_empty() && self.queue.is_empty()
    }

    /// Whether nothing will come out of it by itself.
    pub(crate) fn is_stuck(&self) -> bool {
        matches!(self.queue.front(), Some(Parcel { at: None, .. }))
    }

    pub(crate) fn has_room(&self) -> bool {
        self.bytes < ROOM
    }

    pub(crate) fn add(&mut self, number: u64, stage: Stage) {
        self.stages.push((number, stage));
    }

    /// Takes a toxic away and lets go of what waits, whichever toxic it waits for.
    pub(crate) fn remove(&mut self, number: u64, now: Instant) {
        let before = self.stages.len();
        self.stages.retain(|(of, _)| *of != number);
        if self.stages.len() < before {
            self.queue.iter_mut().for_each(|parcel| parcel.at = Some(now));
        }
    }

    pub(crate) fn push(&mut self, data: Bytes, now: Instant) {
        self.admit(Parcel { load: Load::Data(data), at: Some(now) });
    }

    pub(crate) fn push_eof(&mut self, now: Instant) {
        self.admit(Parcel { load: Load::End(End::Eof), at: Some(now) });
    }

    /// What comes out next; none if nothing is in it.
    pub(crate) fn poll_pop(&mut self, cx: &mut Context<'_>) -> Poll<Option<Load>> {
        loop {
            let now = Instant::now();
            let forced =
                self.stages.iter().filter_map(|(_, stage)| stage.deadline()).min_by_key(|(at, _)| *at);
            let front = self.queue.front().map(|parcel| parcel.at);
            let next = match (forced, front) {
                (Some((at, end)), _) if at <= now => return Poll::Ready(Some(Load::End(end))),
                (_, Some(Some(at))) if at <= now => return Poll::Ready(self.pop()),
                (None, None) => return Poll::Ready(None),
                (forced, front) => forced.map(|(at, _)| at).into_iter().chain(front.flatten()).min(),
            };
            // Held without an end in sight: a call-off will wake the stream.
            let Some(next) = next else { return Poll::Pending };
            let timer = match &mut self.timer {
                Some(timer) => timer,
                None => self.timer.insert(Box::pin(sleep_until(next))),
            };
            if timer.deadline() != next {
                timer.as_mut().reset(next);
            }
            if timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
        }
    }

    fn pop(&mut self) -> Option<Load> {
        let load = self.queue.pop_front()?.load;
        if let Load::Data(data) = &load {
            self.bytes -= data.len();
        }
        Some(load)
    }

    fn admit(&mut self, parcel: Parcel) {
        let mut parcels = vec![parcel];
        for (_, stage) in &mut self.stages {
            let mut out = Vec::with_capacity(parcels.len());
            parcels.into_iter().for_each(|parcel| stage.admit(parcel, &mut out));
            parcels = out;
        }
        for parcel in parcels {
            // Behind a forced end nothing comes.
            if matches!(self.queue.back(), Some(Parcel { load: Load::End(_), .. })) {
                break;
            }
            if let Load::Data(data) = &parcel.load {
                self.bytes += data.len();
            }
            self.queue.push_back(parcel);
        }
    }
}
