//! A connection under toxics and commands: any bytes in any chunks, in both directions, in paused time.
//!
//! No panic; the connection ends; memory is bounded; toxics that delay or slice lose and reorder nothing, those that cut yield a
//! prefix, and a stream without any is transparent, whatever protocol its bytes look like.
#![no_main]

mod source;

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use libfuzzer_sys::{Corpus, fuzz_target};
use peak_alloc::PeakAlloc;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, duplex, split};
use tokio::time::sleep;
use tower::{Layer, ServiceExt, service_fn};
use waylay_fault::{
    ChunkError, Control, Corruption, Delay, Direction, Fault, FaultStream, Format, Injector, Reject,
    ResetCode, Toxic, chain, corrupt, messages, reject,
};

use source::Source;

#[global_allocator]
static PEAK: PeakAlloc = PeakAlloc;

/// Memory of a connection beside the bytes that are sent: two queues, what one chunk becomes in slices, and bytes read ahead.
const MEMORY: usize = 10 << 20;

/// Of one direction; fewer if they move in small steps.
const MAX_BYTES: usize = 64 * 1024;

/// In paused time: longer than all pauses together, each byte a separate slice that is lost 15 times.
const LONGEST: Duration = Duration::from_secs(600_000_000);

/// What control characters of the bytes stand for.
const FRAGMENTS: [&[u8]; 20] = [
    b"GET / HTTP/1.1\r\nhost: a\r\n\r\n",
    b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nabc",
    b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n",
    b"GET /chat HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n",
    b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabc",
    b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
    b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n",
    b"HTTP/1.1 204 No Content\r\n\r\n",
    b"3\r\nabc\r\n",
    b"0\r\n\r\n",
    b"\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"\0\0\0\x04\0\0\0\0\0",
    b"\0\0\0\x04\x01\0\0\0\0",
    b"\0\0\x01\x01\x05\0\0\0\x01\x82",
    b"\0\0\x03\0\x01\0\0\0\x01abc",
    b"\0\0\x08\x07\0\0\0\0\0\0\0\0\x01\0\0\0\0",
    b"\x81\x02hi",
    b"\x81\x82\0\0\0\0hi\x88\x80\0\0\0\0",
];

impl Source<'_> {
    fn number(&mut self) -> u64 {
        self.number_of(&[0, 1, 1, 2])
    }

    fn time(&mut self) -> Duration {
        Duration::from_millis(self.byte().into())
    }

    fn share(&mut self) -> f64 {
        f64::from(self.byte()) / 255.0
    }

    /// Chunks of any size with a pause before each.
    fn writes(&mut self, mut left: usize) -> Vec<Write> {
        let mut writes = Vec::new();
        for _ in 0..self.byte() % 32 {
            let (pause, flush) = match self.byte() {
                0..128 => (Duration::ZERO, false),
                128..192 => (Duration::ZERO, true),
                _ => (self.time(), false),
            };
            let length = self.number() as usize;
            let data = self.take(length);
            let mut chunk = Vec::new();
            for byte in data {
                match FRAGMENTS.get(usize::from(*byte)) {
                    Some(fragment) => chunk.extend_from_slice(fragment),
                    None => chunk.push(*byte),
                }
            }
            // No two parts of a stream are equal.
            let times = if self.byte() == 255 { 1 + usize::from(self.byte()) } else { 1 };
            let mut chunk: Vec<u8> =
                (0..times).flat_map(|n| chunk.iter().map(move |b| b.wrapping_add(n as u8))).collect();
            chunk.truncate(left);
            left -= chunk.len();
            writes.push(Write { pause, chunk, flush });
        }
        writes
    }
}

/// A chunk that is written at once.
#[derive(Debug)]
struct Write {
    pause: Duration,
    chunk: Vec<u8>,
    flush: bool,
}

/// What toxics may do to the bytes of a connection.
#[derive(Debug, Default, Clone, Copy)]
struct Effects {
    /// The connection may end at any time, in both directions.
    ends: bool,
    /// It may stay open without a byte.
    stops: bool,
    /// By direction, upstream first.
    loses: [bool; 2],
    replaces: [bool; 2],
    limit: [Option<u64>; 2],
}

fn toxic(source: &mut Source<'_>, effects: &mut Effects) -> Toxic {
    let kind = source.byte() % 14;
    let direction = if source.byte().is_multiple_of(2) { Direction::Downstream } else { Direction::Upstream };
    let side = usize::from(direction == Direction::Downstream);
    let toxic = match kind {
        0 => Toxic::latency(source.time(), source.time()),
        1 => Toxic::bandwidth(1 + source.number()),
        2 => Toxic::slow_close(source.time()),
        3 => {
            let time = source.time();
            (effects.ends, effects.stops) = (true, effects.stops || time.is_zero());
            Toxic::timeout(time)
        }
        4 => {
            (effects.ends, effects.stops) = (true, true);
            Toxic::reset_peer(source.time())
        }
        5 | 6 => Toxic::slicer(1 + source.number() as usize, source.number() as usize, source.time()),
        7 | 8 => {
            let bytes = source.number();
            effects.ends = true;
            effects.limit[side] = Some(effects.limit[side].map_or(bytes, |limit| limit.min(bytes)));
            if kind == 7 { Toxic::limit_data(bytes) } else { Toxic::reset_after(bytes) }
        }
        9 => {
            effects.loses[side] = true;
            Toxic::packet_loss(source.share(), source.share())
        }
        10 => {
            // Lost 16 times, a chunk ends the connection.
            effects.ends = true;
            Toxic::retransmission(source.share(), source.share(), source.time())
        }
        11 => Toxic::shared_bandwidth(1 + source.number()),
        12 => {
            effects.ends = true;
            Toxic::close_after(source.time())
        }
        _ => {
            (effects.ends, effects.replaces[side]) = (true, true);
            Toxic::garbage(1 + source.number() as usize)
        }
    };
    toxic.direction(direction)
}

/// What a layer does to the connection of a request.
fn command(source: &mut Source<'_>) -> Injector {
    match source.byte() % 10 {
        0 => reject(Reject::GoAway),
        1 => reject(Reject::GoAwayWith(ResetCode::ENHANCE_YOUR_CALM)),
        2 => reject(Reject::ConnectionClose),
        3 => reject(Reject::ConnectionReset),
        4 => reject(Reject::EmptyReply),
        5 => {
            let how = [ChunkError::Shorter, ChunkError::MissingLast, ChunkError::BadSize];
            corrupt(Corruption::ChunkFraming(how[usize::from(source.byte() % 3)])).into()
        }
        6..9 => {
            let rules = messages(Format::WebSocket).drop(source.share()).duplicate(source.share());
            let rules = rules.reorder(source.share()).delay(source.share(), Delay::fixed(source.time()));
            let rules = if source.byte() < 64 { rules.stop_after(source.number()) } else { rules };
            rules.into()
        }
        _ => toxic(source, &mut Effects::default()).into(),
    }
}

async fn write(mut to: impl AsyncWrite + Unpin, writes: &[Write], mut before: impl AsyncFnMut(usize)) {
    for (number, Write { pause, chunk, flush }) in writes.iter().enumerate() {
        before(number).await;
        if !pause.is_zero() {
            sleep(*pause).await;
        }
        if to.write_all(chunk).await.is_err() || (*flush && to.flush().await.is_err()) {
            return;
        }
    }
    let _ = to.shutdown().await;
}

/// Reads until the end, or until the reader leaves; chunks of a size.
async fn read(mut from: impl AsyncRead + Unpin, size: usize, most: usize) -> Vec<u8> {
    let (mut seen, mut buffer) = (Vec::new(), vec![0; size]);
    while seen.len() < most {
        match from.read(&mut buffer).await {
            Ok(0) | Err(_) => break,
            Ok(length) => seen.extend_from_slice(&buffer[..length]),
        }
    }
    seen
}

fn bytes(writes: &[Write]) -> Vec<u8> {
    writes.iter().flat_map(|write| &write.chunk).copied().collect()
}

fn is_subsequence(part: &[u8], whole: &[u8]) -> bool {
    let mut rest = whole.iter();
    part.iter().all(|byte| rest.any(|other| other == byte))
}

/// The settings of one connection.
struct Script {
    effects: Effects,
    faults: Vec<Fault>,
    commands: Vec<(usize, Fault)>,
    /// Switches of the faults before these writes.
    switches: Vec<(usize, bool)>,
    is_opaque: bool,
    /// The client stops reading after this number of bytes.
    leaves: Option<usize>,
    capacity: usize,
    sizes: [usize; 2],
    uploads: Vec<Write>,
    downloads: Vec<Write>,
}

impl Script {
    fn of(source: &mut Source<'_>) -> Self {
        let flags = source.byte();
        let mut effects = Effects::default();
        let build = |name: String, injector: Injector| {
            let fault = Fault::new(name, injector).enabled(true).participation(1.0).seed(7);
            fault.build().expect("the settings are valid")
        };
        let faults = (0..flags % 3).map(|number| {
            let toxics: Vec<_> = (0..=source.byte() % 3).map(|_| toxic(source, &mut effects)).collect();
            build(format!("f{number}"), chain(toxics))
        });
        let faults: Vec<_> = faults.collect();
        let is_commanded = flags & 16 != 0;
        let commands = (0..if is_commanded { source.byte() % 4 } else { 0 }).map(|number| {
            let at = usize::from(source.byte() % 8);
            (at, build(format!("c{number}"), command(source)))
        });
        let commands: Vec<_> = commands.collect();
        let is_switched = flags & 32 != 0;
        let switches = (0..if is_switched { source.byte() % 4 } else { 0 })
            .map(|_| (usize::from(source.byte() % 8), source.byte().is_multiple_of(2)));
        let switches = switches.collect();
        let leaves = (flags & 192 == 192).then(|| source.number() as usize);
        let capacity = 1 + source.number() as usize;
        let sizes = [1 + source.number() as usize, 1 + source.number() as usize];
        let is_opaque = flags & 64 != 0;
        let step = capacity.min(sizes[0]).min(sizes[1]);
        let most = (64 * step).clamp(1024, MAX_BYTES);
        let (uploads, downloads) = (source.writes(most), source.writes(most));
        Self { effects, faults, commands, switches, is_opaque, leaves, capacity, sizes, uploads, downloads }
    }

    /// Runs the connection to its end; returns what each side has received, the server first.
    async fn run(&self) -> Option<[Vec<u8>; 2]> {
        let (io, client) = duplex(self.capacity);
        // In memory there are no resets; the stream reports that it can be reset.
        let stream = FaultStream::accepted(io, None).reset_by(|_| Ok(()));
        let stream = if self.is_opaque { stream.opaque() } else { stream };
        let stream = self.faults.iter().fold(stream, FaultStream::fault);
        let connection = stream.connection().clone();
        let controls: Vec<Control> = self.faults.iter().map(Fault::control).collect();
        let before = async |number: usize| {
            for (_, is_on) in self.switches.iter().filter(|(at, _)| *at == number) {
                controls.iter().for_each(|control| control.set_enabled(*is_on));
            }
            for (_, fault) in self.commands.iter().filter(|(at, _)| *at == number) {
                let service = service_fn(async |_: Request<String>| {
                    Ok::<_, Infallible>(Response::new(Full::new(Bytes::from_static(b"abc"))))
                });
                let mut request = Request::new(String::new());
                request.extensions_mut().insert(connection.clone());
                // A hang would end with the connection.
                let call = fault.layer().layer(service).oneshot(request);
                let _ = tokio::time::timeout(Duration::from_secs(1), call).await;
            }
        };
        let server = self.serve(stream, before);
        let client = self.use_client(client);
        tokio::time::timeout(LONGEST, async { tokio::join!(server, client) }).await.ok().map(<[_; 2]>::from)
    }

    async fn serve(&self, stream: FaultStream<DuplexStream>, before: impl AsyncFnMut(usize)) -> Vec<u8> {
        let (reader, writer) = split(stream);
        tokio::join!(read(reader, self.sizes[0], usize::MAX), write(writer, &self.downloads, before)).0
    }

    async fn use_client(&self, client: DuplexStream) -> Vec<u8> {
        let (reader, writer) = split(client);
        let reading = read(reader, self.sizes[1], self.leaves.unwrap_or(usize::MAX));
        let writing = write(writer, &self.uploads, async |_| {});
        if self.leaves.is_none() {
            return tokio::join!(reading, writing).0;
        }
        // Both halves are dropped once it has read enough.
        let (mut reading, mut writing) = (std::pin::pin!(reading), std::pin::pin!(writing));
        tokio::select! {
            seen = &mut reading => seen,
            () = &mut writing => reading.await,
        }
    }

    fn check(&self, received: &[Vec<u8>; 2]) {
        let effects = self.effects;
        for (side, (seen, writes)) in received.iter().zip([&self.uploads, &self.downloads]).enumerate() {
            let sent = bytes(writes);
            let is_whole = !effects.ends && !effects.loses[side] && self.leaves.is_none();
            if !self.commands.is_empty() || effects.replaces[side] {
                continue;
            }
            if is_whole {
                assert_eq!(seen, &sent, "side {side}");
            } else if effects.loses[side] {
                assert!(is_subsequence(seen, &sent), "side {side}: {seen:?} of {sent:?}");
            } else {
                assert!(sent.starts_with(seen), "side {side}: {seen:?} of {sent:?}");
            }
            if let Some(limit) = effects.limit[side].filter(|_| self.switches.is_empty()) {
                assert!(seen.len() as u64 <= limit, "side {side}: {} bytes of {limit}", seen.len());
            }
        }
    }
}

fuzz_target!(|data: &[u8]| -> Corpus {
    let script = Script::of(&mut Source(data));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let runtime = runtime.expect("a runtime");
    let sent = bytes(&script.uploads).len() + bytes(&script.downloads).len();
    let before = PEAK.current_usage();
    PEAK.reset_peak_usage();
    let received = runtime.block_on(script.run());
    let peak = PEAK.peak_usage().saturating_sub(before);
    assert!(peak <= MEMORY + 4 * sent, "{peak} bytes for {sent}");
    match received {
        Some(received) => script.check(&received),
        None => assert!(script.effects.stops || !script.commands.is_empty(), "the connection does not end"),
    }
    Corpus::Keep
});
