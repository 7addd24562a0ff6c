//! One toxic at work, and the queue behind it.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::connection::command::Kind;
use crate::random::draws::Draws;

/// Bytes, or an end, and when they come out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Parcel {
    pub(crate) load: Load,
    /// None: held until it is called off.
    pub(crate) at: Option<Instant>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Load {
    Data(Bytes),
    End(End),
}

/// How a direction ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// By the other end's own will.
    Eof,
    /// The toxic closes the connection.
    Close,
    /// The toxic resets the connection.
    Reset,
}

/// One toxic at work. It sees what comes in the order in which it comes, and tells when it goes on.
#[derive(Debug)]
pub(crate) struct Stage {
    kind: Kind<Duration>,
    draws: Draws,
    /// When what came before goes on: nothing overtakes.
    free: Option<Instant>,
    /// Bytes let through, for those toxics that count.
    passed: u64,
    /// The end that comes by itself, whatever is still held.
    deadline: Option<(Instant, End)>,
}

impl Stage {
    pub(crate) fn new(kind: Kind<Duration>, draws: Draws, now: Instant) -> Self {
        let deadline = match kind {
            // Toxiproxy: zero never closes.
            Kind::Timeout { timeout } if !timeout.is_zero() => Some((later(now, timeout), End::Close)),
            _ => None,
        };
        Self { kind, draws, free: None, passed: 0, deadline }
    }

    pub(crate) fn deadline(&self) -> Option<(Instant, End)> {
        self.deadline
    }

    /// Takes one parcel in and puts what comes of it behind `out`.
    pub(crate) fn admit(&mut self, parcel: Parcel, out: &mut Vec<Parcel>) {
        // What an earlier stage holds, and an end that it forces, are past tampering.
        let Some(at) = parcel.at else { return out.push(parcel) };
        match parcel.load {
            Load::Data(data) if data.is_empty() => {}
            Load::Data(data) => self.admit_data(data, at, out),
            Load::End(End::Eof) => {
                let at = self.end(at);
                out.push(Parcel { load: Load::End(End::Eof), at });
            }
            Load::End(_) => out.push(parcel),
        }
    }

    fn admit_data(&mut self, data: Bytes, at: Instant, out: &mut Vec<Parcel>) {
        match self.kind {
            Kind::Latency { latency, jitter } => {
                let at = jittered(at, latency, jitter, &mut self.draws);
                let at = self.in_turn(at);
                out.push(Parcel { load: Load::Data(data), at: Some(at) });
            }
            Kind::Bandwidth { rate } => self.pour(data, at, rate, out),
            Kind::SlowClose { .. } => out.push(Parcel { load: Load::Data(data), at: Some(at) }),
            Kind::Timeout { .. } => out.push(Parcel { load: Load::Data(data), at: None }),
            Kind::ResetPeer { timeout } => {
                self.deadline.get_or_insert((later(at, timeout), End::Reset));
                out.push(Parcel { load: Load::Data(data), at: None });
            }
            Kind::Slicer { average, variation, delay } => {
                for slice in slices(data, average, variation, &mut self.draws) {
                    let at = self.in_turn(at);
                    self.free = Some(later(at, delay));
                    out.push(Parcel { load: Load::Data(slice), at: Some(at) });
                }
            }
            Kind::LimitData { bytes, reset } => {
                let left = usize::try_from(bytes - self.passed).unwrap_or(usize::MAX);
                let through = data.slice(..data.len().min(left));
                self.passed += through.len() as u64;
                if !through.is_empty() {
                    out.push(Parcel { load: Load::Data(through), at: Some(at) });
                }
                // Reaching the limit closes, as in Toxiproxy, not only crossing it.
                if self.passed == bytes {
                    let end = if reset { End::Reset } else { End::Close };
                    out.push(Parcel { load: Load::End(end), at: Some(at) });
                }
            }
        }
    }

    /// When an end that comes at this time goes on.
    fn end(&mut self, at: Instant) -> Option<Instant> {
        match self.kind {
            Kind::Latency { .. } | Kind::Bandwidth { .. } | Kind::Slicer { .. } => Some(self.in_turn(at)),
            Kind::SlowClose { delay } => Some(later(at, delay)),
            Kind::Timeout { .. } => None,
            Kind::ResetPeer { timeout } => {
                self.deadline.get_or_insert((later(at, timeout), End::Reset));
                None
            }
            Kind::LimitData { .. } => Some(at),
        }
    }

    /// Pieces of a tenth of a second's worth at most; each comes when its time is used up.
    fn pour(&mut self, mut data: Bytes, at: Instant, rate: u64, out: &mut Vec<Parcel>) {
        let piece = usize::try_from(rate.saturating_mul(100)).unwrap_or(usize::MAX);
        while !data.is_empty() {
            let part = data.split_to(data.len().min(piece));
            // A kilobyte a second is a byte a millisecond.
            let nanos = (part.len() as u64).saturating_mul(1_000_000) / rate;
            let at = later(self.in_turn(at), Duration::from_nanos(nanos));
            self.free = Some(at);
            out.push(Parcel { load: Load::Data(part), at: Some(at) });
        }
    }

    fn in_turn(&mut self, at: Instant) -> Instant {
        let at = self.free.map_or(at, |free| free.max(at));
        self.free = Some(at);
        at
    }
}

/// A time that far on; times beyond the clock's end are as good as a century.
fn later(at: Instant, by: Duration) -> Instant {
    const CENTURY: Duration = Duration::from_secs(100 * 365 * 86_400);
    at + by.min(CENTURY)
}

fn jittered(at: Instant, latency: Duration, jitter: Duration, draws: &mut Draws) -> Instant {
    let swing = 2.0 * draws.share() - 1.0;
    let part = jitter.mul_f64(swing.abs());
    later(at, if swing < 0.0 { latency.saturating_sub(part) } else { latency.saturating_add(part) })
}

/// Toxiproxy's way: what is too long is cut in about two, and again.
fn slices(data: Bytes, average: usize, variation: usize, draws: &mut Draws) -> Vec<Bytes> {
    let mut whole = vec![data];
    let mut slices = Vec::new();
    while let Some(mut data) = whole.pop() {
        if data.len() < 2 || data.len() <= average.saturating_add(variation) {
            slices.push(data);
            continue;
        }
        let swing = ((2.0 * draws.share() - 1.0) * variation as f64) as isize;
        let middle = (data.len() / 2).saturating_add_signed(swing).clamp(1, data.len() - 1);
        let rest = data.split_off(middle);
        whole.push(rest);
        whole.push(data);
    }
    slices
}

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
