//! ToxicStage: one toxic at work; ToxicQueue: one direction of a stream.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::connection::bucket::SharedLink;
use crate::connection::command::ToxicKind;
use crate::connection::queue::{CountedQueue, Entry};
use crate::random::draws::Draws;

/// Bytes, or an end, and the time at which they leave the queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct QueuedChunk {
    pub(crate) payload: Payload,
    /// `None`: held until the fault is off.
    pub(crate) at: Option<Instant>,
}

impl Entry for QueuedChunk {
    fn length(&self) -> usize {
        match &self.payload {
            Payload::Data(data) => data.len(),
            Payload::End(_) => 0,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Payload {
    Data(Bytes),
    End(End),
}

/// The end of a direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// The peer has closed it.
    Eof,
    /// The toxic closes the connection.
    Close,
    /// The toxic resets the connection.
    Reset,
}

/// One toxic at work: sets the time at which each chunk is delivered, in order.
#[derive(Debug)]
pub(crate) struct ToxicStage {
    kind: ToxicKind<Duration>,
    draws: Draws,
    /// The time at which the previous chunk is delivered.
    next_free: Option<Instant>,
    /// Bytes delivered, for toxics with a limit.
    passed: u64,
    /// The previous chunk was lost.
    was_lost: bool,
    /// The end that is due at this time, whatever is still queued.
    deadline: Option<(Instant, End)>,
}

impl ToxicStage {
    pub(crate) fn new(kind: ToxicKind<Duration>, draws: Draws, now: Instant) -> Self {
        let deadline = match kind {
            // Toxiproxy: zero never closes.
            ToxicKind::Timeout { timeout } if !timeout.is_zero() => Some((later(now, timeout), End::Close)),
            ToxicKind::CloseAfter { after } => Some((later(now, after), End::Close)),
            _ => None,
        };
        Self { kind, draws, next_free: None, passed: 0, was_lost: false, deadline }
    }

    /// How it ends the connection, if it lets nothing through.
    fn blocks(&self) -> Option<End> {
        match self.kind {
            ToxicKind::Timeout { .. } => Some(End::Close),
            ToxicKind::ResetPeer { .. } => Some(End::Reset),
            _ => None,
        }
    }

    /// The link that it shares with other connections.
    fn link(&self) -> Option<&SharedLink> {
        match &self.kind {
            ToxicKind::SharedBandwidth { link, .. } => Some(link),
            _ => None,
        }
    }

    pub(crate) fn deadline(&self) -> Option<(Instant, End)> {
        self.deadline
    }

    /// Takes one chunk and appends the result to `out`.
    pub(crate) fn admit(&mut self, chunk: QueuedChunk, out: &mut Vec<QueuedChunk>) {
        // Data held by an earlier stage and an end forced by it are not changed.
        let Some(at) = chunk.at else { return out.push(chunk) };
        match chunk.payload {
            Payload::Data(data) if data.is_empty() => {}
            Payload::Data(data) => self.admit_data(data, at, out),
            Payload::End(End::Eof) => {
                let at = self.end(at);
                out.push(QueuedChunk { payload: Payload::End(End::Eof), at });
            }
            Payload::End(_) => out.push(chunk),
        }
    }

    fn admit_data(&mut self, data: Bytes, at: Instant, out: &mut Vec<QueuedChunk>) {
        match self.kind {
            ToxicKind::Latency { latency, jitter } => {
                let at = jittered(at, latency, jitter, &mut self.draws);
                let at = self.after_previous(at);
                out.push(QueuedChunk { payload: Payload::Data(data), at: Some(at) });
            }
            ToxicKind::Bandwidth { rate } => self.push_paced(data, at, rate, out),
            // A shared link is taken when the chunk is next.
            ToxicKind::SlowClose { .. }
            | ToxicKind::CloseAfter { .. }
            | ToxicKind::SharedBandwidth { .. } => {
                out.push(QueuedChunk { payload: Payload::Data(data), at: Some(at) })
            }
            ToxicKind::Timeout { .. } => out.push(QueuedChunk { payload: Payload::Data(data), at: None }),
            ToxicKind::ResetPeer { timeout } => {
                self.deadline.get_or_insert((later(at, timeout), End::Reset));
                out.push(QueuedChunk { payload: Payload::Data(data), at: None });
            }
            ToxicKind::Slicer { average, variation, delay } => {
                for slice in slices(data, average, variation, &mut self.draws) {
                    let at = self.after_previous(at);
                    self.next_free = Some(later(at, delay));
                    out.push(QueuedChunk { payload: Payload::Data(slice), at: Some(at) });
                }
            }
            ToxicKind::LimitData { bytes, reset } => {
                let left = usize::try_from(bytes - self.passed).unwrap_or(usize::MAX);
                let through = data.slice(..data.len().min(left));
                self.passed += through.len() as u64;
                if !through.is_empty() {
                    out.push(QueuedChunk { payload: Payload::Data(through), at: Some(at) });
                }
                // As in Toxiproxy, reaching the limit closes the connection, not only exceeding it.
                if self.passed == bytes {
                    let end = if reset { End::Reset } else { End::Close };
                    out.push(QueuedChunk { payload: Payload::End(end), at: Some(at) });
                }
            }
            ToxicKind::PacketLoss { loss_rate, correlation, retransmit: None } => {
                if !self.loses(loss_rate, correlation) {
                    out.push(QueuedChunk { payload: Payload::Data(data), at: Some(at) });
                }
            }
            ToxicKind::PacketLoss { loss_rate, correlation, retransmit: Some(timeout) } => {
                let payload = match self.retransmit(loss_rate, correlation, timeout) {
                    (waited, true) => (later(at, waited), Payload::Data(data)),
                    (waited, false) => (later(at, waited), Payload::End(End::Close)),
                };
                let at = self.after_previous(payload.0);
                out.push(QueuedChunk { payload: payload.1, at: Some(at) });
            }
            ToxicKind::Garbage { bytes } => {
                let garbage = random_bytes(bytes, &mut self.draws);
                out.push(QueuedChunk { payload: Payload::Data(garbage), at: Some(at) });
                out.push(QueuedChunk { payload: Payload::End(End::Close), at: Some(at) });
            }
        }
    }

    /// Returns the time at which an end that arrives now is delivered.
    fn end(&mut self, at: Instant) -> Option<Instant> {
        match self.kind {
            ToxicKind::Latency { .. }
            | ToxicKind::Bandwidth { .. }
            | ToxicKind::Slicer { .. }
            | ToxicKind::PacketLoss { .. } => Some(self.after_previous(at)),
            ToxicKind::SlowClose { delay } => Some(later(at, delay)),
            ToxicKind::Timeout { .. } => None,
            ToxicKind::ResetPeer { timeout } => {
                self.deadline.get_or_insert((later(at, timeout), End::Reset));
                None
            }
            ToxicKind::LimitData { .. }
            | ToxicKind::SharedBandwidth { .. }
            | ToxicKind::CloseAfter { .. }
            | ToxicKind::Garbage { .. } => Some(at),
        }
    }

    /// Draws whether the next chunk is lost.
    fn loses(&mut self, loss_rate: f64, correlation: f64) -> bool {
        let share = if self.was_lost { loss_rate + correlation } else { loss_rate };
        self.was_lost = self.draws.uniform() < share;
        self.was_lost
    }

    /// Sends a chunk until it arrives. Returns how long that takes, and whether it arrives.
    fn retransmit(&mut self, loss_rate: f64, correlation: f64, timeout: Duration) -> (Duration, bool) {
        let mut waited = Duration::ZERO;
        for attempt in 0..MAX_ATTEMPTS {
            if !self.loses(loss_rate, correlation) {
                return (waited, true);
            }
            waited = waited.saturating_add(timeout.saturating_mul(1 << attempt.min(MAX_DOUBLINGS)));
        }
        (waited, false)
    }

    /// Splits data into pieces of at most a tenth of a second, each delivered when its time is
    /// over.
    fn push_paced(&mut self, mut data: Bytes, at: Instant, rate: u64, out: &mut Vec<QueuedChunk>) {
        let piece = usize::try_from(rate.saturating_mul(100)).unwrap_or(usize::MAX);
        while !data.is_empty() {
            let part = data.split_to(data.len().min(piece));
            // A kilobyte per second is a byte per millisecond.
            let nanos = (part.len() as u64).saturating_mul(1_000_000) / rate;
            let at = later(self.after_previous(at), Duration::from_nanos(nanos));
            self.next_free = Some(at);
            out.push(QueuedChunk { payload: Payload::Data(part), at: Some(at) });
        }
    }

    fn after_previous(&mut self, at: Instant) -> Instant {
        let at = self.next_free.map_or(at, |next_free| next_free.max(at));
        self.next_free = Some(at);
        at
    }
}

/// Of one chunk; `tcp_retries2` of Linux is 15, after the first.
const MAX_ATTEMPTS: u32 = 16;

/// Of the time after which a chunk is sent again.
const MAX_DOUBLINGS: u32 = 6;

/// Bytes that begin like neither HTTP/1 nor, as the length of a frame, HTTP/2.
fn random_bytes(length: usize, draws: &mut Draws) -> Bytes {
    let mut bytes: Vec<u8> = (0..length).map(|_| (draws.uniform() * 256.0) as u8).collect();
    if let Some(first) = bytes.first_mut() {
        *first |= 0x80;
    }
    bytes.into()
}

/// Adds a duration; one beyond the clock's range is cut to a century.
fn later(at: Instant, by: Duration) -> Instant {
    const CENTURY: Duration = Duration::from_secs(100 * 365 * 86_400);
    at + by.min(CENTURY)
}

fn jittered(at: Instant, latency: Duration, jitter: Duration, draws: &mut Draws) -> Instant {
    let offset = 2.0 * draws.uniform() - 1.0;
    let part = jitter.mul_f64(offset.abs());
    later(at, if offset < 0.0 { latency.saturating_sub(part) } else { latency.saturating_add(part) })
}

/// As Toxiproxy does: a chunk that is too long is split into about two halves, recursively.
fn slices(data: Bytes, average: usize, variation: usize, draws: &mut Draws) -> Vec<Bytes> {
    let mut whole = vec![data];
    let mut slices = Vec::new();
    while let Some(mut data) = whole.pop() {
        if data.len() < 2 || data.len() <= average.saturating_add(variation) {
            slices.push(data);
            continue;
        }
        let offset = ((2.0 * draws.uniform() - 1.0) * variation as f64) as isize;
        let middle = (data.len() / 2).saturating_add_signed(offset).clamp(1, data.len() - 1);
        let rest = data.split_off(middle);
        whole.push(rest);
        whole.push(data);
    }
    slices
}

/// One direction of a connection. It holds about as much as the buffers of a slow link.
#[derive(Debug, Default)]
pub(crate) struct ToxicQueue {
    /// Each with the number of its toxic.
    stages: Vec<(u64, ToxicStage)>,
    queue: CountedQueue<QueuedChunk>,
    timer: Option<Pin<Box<Sleep>>>,
    /// The receiver has left: nothing is delayed any longer.
    is_released: bool,
    /// When the chunk in front has crossed the shared links.
    crossed_at: Option<Instant>,
}

impl ToxicQueue {
    /// Tests whether bytes may bypass the queue.
    pub(crate) fn is_idle(&self) -> bool {
        self.stages.is_empty() && self.queue.is_empty()
    }

    /// Whether a toxic lets nothing through.
    pub(crate) fn is_blocked(&self) -> bool {
        matches!(self.queue.front(), Some(QueuedChunk { at: None, .. }))
    }

    /// Tests whether the front of the queue is held until a fault is off.
    pub(crate) fn is_stuck(&self) -> bool {
        self.is_blocked() && self.stages.iter().all(|(_, stage)| stage.deadline().is_none())
    }

    pub(crate) fn is_released(&self) -> bool {
        self.is_released
    }

    /// Releases all queued and later chunks. `Some`: the end of the connection by a toxic that blocks
    /// all data.
    pub(crate) fn release(&mut self, now: Instant) -> Option<End> {
        self.is_released = true;
        self.crossed_at = None;
        self.queue.iter_mut().for_each(|chunk| chunk.at = Some(now));
        self.stages.iter().find_map(|(_, stage)| stage.blocks())
    }

    pub(crate) fn has_room(&self) -> bool {
        self.queue.has_room()
    }

    pub(crate) fn add(&mut self, number: u64, stage: ToxicStage) {
        self.stages.push((number, stage));
    }

    /// Removes a toxic and releases all queued chunks, also those that wait for another toxic.
    pub(crate) fn remove(&mut self, number: u64, now: Instant) {
        let before = self.stages.len();
        self.stages.retain(|(of, _)| *of != number);
        if self.stages.len() < before {
            self.queue.iter_mut().for_each(|chunk| chunk.at = Some(now));
            self.crossed_at = None;
        }
    }

    pub(crate) fn push(&mut self, data: Bytes, now: Instant) {
        self.admit(QueuedChunk { payload: Payload::Data(data), at: Some(now) });
    }

    pub(crate) fn push_eof(&mut self, now: Instant) {
        self.admit(QueuedChunk { payload: Payload::End(End::Eof), at: Some(now) });
    }

    /// Returns what is delivered next; `None` if the queue is empty.
    pub(crate) fn poll_pop(&mut self, cx: &mut Context<'_>) -> Poll<Option<Payload>> {
        loop {
            let now = Instant::now();
            let deadline =
                self.stages.iter().filter_map(|(_, stage)| stage.deadline()).min_by_key(|(at, _)| *at);
            let front = self.queue.front().map(|chunk| chunk.at);
            let next = match (deadline, front) {
                (Some((at, end)), _) if at <= now => return Poll::Ready(Some(Payload::End(end))),
                (deadline, Some(Some(at))) if at <= now => match self.cross(now) {
                    Some(crossed_at) => deadline.map(|(at, _)| at).into_iter().chain([crossed_at]).min(),
                    None => return Poll::Ready(self.pop()),
                },
                (None, None) => return Poll::Ready(None),
                (deadline, front) => deadline.map(|(at, _)| at).into_iter().chain(front.flatten()).min(),
            };
            // No deadline: the stream is woken when a fault is disabled.
            let Some(next) = next else { return Poll::Pending };
            let timer = match &mut self.timer {
                Some(timer) => timer,
                None => self.timer.insert(Box::pin(sleep_until(next))),
            };
            if timer.deadline() != next {
                timer.as_mut().reset(next);
            }
            if timer.as_mut().poll(cx).is_pending() {
                // A deadline does not keep the stream from being flushed.
                let is_empty = self.queue.is_empty() && !self.blocks();
                return if is_empty { Poll::Ready(None) } else { Poll::Pending };
            }
        }
    }

    /// Whether a toxic lets nothing through.
    fn blocks(&self) -> bool {
        self.stages.iter().any(|(_, stage)| stage.blocks().is_some())
    }

    /// Returns when the chunk in front, or its first piece, has crossed the shared links; `None` if it
    /// has, or there are none.
    fn cross(&mut self, now: Instant) -> Option<Instant> {
        if self.is_released {
            return None;
        }
        if self.crossed_at.is_none() {
            let links = || self.stages.iter().filter_map(|(_, stage)| stage.link());
            let piece = links().map(SharedLink::max_piece).min()?;
            if !matches!(self.queue.front()?.payload, Payload::Data(_)) {
                return None;
            }
            let QueuedChunk { payload: Payload::Data(mut data), at } = self.queue.pop()? else { return None };
            let rest = data.split_off(data.len().min(piece));
            let crossed_at = links().map(|link| link.take(data.len(), now)).max();
            if !rest.is_empty() {
                self.queue.push_front(QueuedChunk { payload: Payload::Data(rest), at });
            }
            self.queue.push_front(QueuedChunk { payload: Payload::Data(data), at });
            self.crossed_at = crossed_at;
        }
        self.crossed_at.filter(|crossed_at| *crossed_at > now)
    }

    fn pop(&mut self) -> Option<Payload> {
        self.crossed_at = None;
        self.queue.pop().map(|chunk| chunk.payload)
    }

    fn admit(&mut self, chunk: QueuedChunk) {
        let mut chunks = vec![chunk];
        for (_, stage) in &mut self.stages {
            let mut out = Vec::with_capacity(chunks.len());
            chunks.into_iter().for_each(|chunk| stage.admit(chunk, &mut out));
            chunks = out;
        }
        for mut chunk in chunks {
            if self.is_released {
                chunk.at = Some(Instant::now());
            }
            // Nothing follows a forced end.
            if matches!(self.queue.back(), Some(QueuedChunk { payload: Payload::End(_), .. })) {
                break;
            }
            self.queue.push(chunk);
        }
    }
}
