//! Toxics on streams in memory: Toxiproxy's semantics, to the millisecond.

use std::io::IoSlice;
use std::pin::Pin;
use std::time::Duration;

use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::time::Instant;
use waylay_fault::{
    Control, DecideBy, Direction, Fault, FaultStream, InjectedIoError, Injector, Toxic, chain, error,
};

use crate::support::{get, is_injected};

const MS: fn(u64) -> Duration = Duration::from_millis;

fn fault(injector: impl Into<Injector>) -> Fault {
    Fault::new("bad-link", injector).enabled(true).participation(1.0).seed(7).build().unwrap()
}

/// Time and number of bytes; a pause before them, or a time on the clock.
type Bytes = &'static [(u64, usize)];

/// The server's end with the toxics on it, the client's end, and the control.
fn link(injector: impl Into<Injector>) -> (FaultStream<DuplexStream>, DuplexStream, Control) {
    let fault = fault(injector);
    let (server, client) = duplex(1 << 20);
    // In memory there are no resets; the stream reports that it can be reset.
    let server = FaultStream::accepted(server, None).reset_by(|_| Ok(())).fault(&fault);
    (server, client, fault.control())
}

/// The bytes at the client's end, piece by piece with the time of each, until the end.
async fn arrivals(mut client: DuplexStream, begun: Instant) -> Vec<(u64, usize)> {
    let mut seen = Vec::new();
    let mut buf = vec![0; 1 << 20];
    loop {
        let read = client.read(&mut buf).await.unwrap_or(0);
        seen.push((begun.elapsed().as_millis() as u64, read));
        if read == 0 {
            return seen;
        }
    }
}

/// Writes one piece after the other, with a pause before each, then closes.
async fn send(mut server: FaultStream<DuplexStream>, pieces: &[(u64, usize)]) {
    for (pause, size) in pieces {
        tokio::time::sleep(MS(*pause)).await;
        // Not flushed: a flush waits for delayed data.
        if server.write_all(&vec![b'x'; *size]).await.is_err() {
            return;
        }
    }
    let _ = server.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn each_toxic_downstream() {
    let rows: [(&str, Toxic, Bytes, Bytes); 12] = [
        ("latency", Toxic::latency("90ms", "0s"), &[(0, 5)], &[(90, 5), (90, 0)]),
        ("a latency of nothing", Toxic::latency("0s", "0s"), &[(0, 5)], &[(0, 5), (0, 0)]),
        ("bandwidth", Toxic::bandwidth(1), &[(0, 250)], &[(100, 100), (200, 100), (250, 50), (250, 0)]),
        ("bandwidth, idle before", Toxic::bandwidth(1), &[(40, 10)], &[(50, 10), (50, 0)]),
        ("slow_close", Toxic::slow_close("2s"), &[(0, 5)], &[(0, 5), (2000, 0)]),
        ("timeout", Toxic::timeout("3s"), &[(0, 5)], &[(3000, 0)]),
        // The fault decides when bytes are first transferred, and its times start there.
        ("timeout, data late", Toxic::timeout("3s"), &[(1000, 5)], &[(4000, 0)]),
        ("reset_peer", Toxic::reset_peer("1s"), &[(500, 5)], &[(1500, 0)]),
        ("limit_data", Toxic::limit_data(7), &[(0, 5), (10, 5), (10, 5)], &[(0, 5), (10, 2), (10, 0)]),
        ("limit_data, just reached", Toxic::limit_data(5), &[(10, 5)], &[(10, 5), (10, 0)]),
        ("limit_data, not reached", Toxic::limit_data(9), &[(10, 5)], &[(10, 5), (10, 0)]),
        ("slicer", Toxic::slicer(2, 0, "10ms"), &[(0, 8)], &[(0, 2), (10, 2), (20, 2), (30, 2), (40, 0)]),
    ];
    for (name, toxic, sent, wanted) in rows {
        let (server, client, control) = link(toxic);
        let begun = Instant::now();
        let ((), seen) = tokio::join!(send(server, sent), arrivals(client, begun));
        assert_eq!(seen, wanted, "{name}");
        assert_eq!((control.counts().injected, control.counts().active), (1, 0), "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn each_toxic_upstream() {
    type Reads = &'static [(u64, &'static str)];
    let rows: [(&str, Toxic, Reads); 5] = [
        ("latency", Toxic::latency("90ms", "0s"), &[(90, "abcd"), (90, "")]),
        ("bandwidth", Toxic::bandwidth(1), &[(4, "abcd"), (4, "")]),
        ("timeout", Toxic::timeout("3s"), &[(3000, "")]),
        ("limit_data", Toxic::limit_data(3), &[(0, "abc"), (0, "")]),
        ("slow_close", Toxic::slow_close("1s"), &[(0, "abcd"), (1000, "")]),
    ];
    for (name, toxic, wanted) in rows {
        let (mut server, mut client, _) = link(toxic.direction(Direction::Upstream));
        let begun = Instant::now();
        client.write_all(b"abcd").await.unwrap();
        client.shutdown().await.unwrap();
        let mut seen = Vec::new();
        loop {
            let mut buf = [0; 64];
            let read = server.read(&mut buf).await.unwrap();
            seen.push((
                begun.elapsed().as_millis() as u64,
                String::from_utf8_lossy(&buf[..read]).into_owned(),
            ));
            if read == 0 {
                break;
            }
        }
        let wanted: Vec<_> = wanted.iter().map(|(at, text)| (*at, (*text).to_owned())).collect();
        assert_eq!(seen, wanted, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn they_add_up_in_a_chain() {
    let both = chain([Toxic::latency("90ms", "0s"), Toxic::latency("20ms", "0s"), Toxic::bandwidth(1)]);
    let (server, client, _) = link(both);
    let begun = Instant::now();
    let ((), seen) = tokio::join!(send(server, &[(0, 10)]), arrivals(client, begun));
    assert_eq!(seen, [(120, 10), (120, 0)]);
}

#[tokio::test(start_paused = true)]
async fn a_reset_is_reported_as_a_reset() {
    let (mut server, _client, _) = link(Toxic::reset_after(3));
    let error = server.write_all(b"abcdef").await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    let injected = error.get_ref().and_then(|error| error.downcast_ref::<InjectedIoError>()).unwrap();
    assert_eq!(
        (injected.fault(), injected.to_string()),
        ("bad-link", "fault bad-link reset the connection".into())
    );
}

/// Jitter is uniform on both sides, and never before the chunk itself; slices vary within their
/// bounds.
#[tokio::test(start_paused = true)]
async fn jitter_and_variation_hold() {
    let mut late = Vec::new();
    for seed in 0..400 {
        let injector: Injector = Toxic::latency("300ms", "100ms").into();
        let fault =
            Fault::new("jitter", injector).enabled(true).participation(1.0).seed(seed).build().unwrap();
        let (server, client) = duplex(64);
        let server = FaultStream::accepted(server, None).fault(&fault);
        let begun = Instant::now();
        let ((), seen) = tokio::join!(send(server, &[(0, 1)]), arrivals(client, begun));
        late.push(seen[0].0 as f64);
    }
    assert!(late.iter().all(|late| (200.0..=401.0).contains(late)), "{late:?}");
    // Uniform over 200 ms: five sigma of the mean of 400, and of the share of each quarter.
    let mean = late.iter().sum::<f64>() / 400.0;
    assert!((mean - 300.5).abs() <= 5.0 * 200.0 / 12_f64.sqrt() / 20.0, "{mean}");
    for quarter in [200.0, 250.0, 300.0, 350.0] {
        let share = late.iter().filter(|late| (quarter..quarter + 50.0).contains(*late)).count() as f64;
        assert!((share - 100.0).abs() <= 5.0 * 75_f64.sqrt() + 5.0, "{quarter}: {share}");
    }
    let (server, client, _) = link(Toxic::slicer(100, 40, "1ms"));
    let ((), mut seen) = tokio::join!(send(server, &[(0, 10_000)]), arrivals(client, Instant::now()));
    seen.pop();
    let sizes: Vec<usize> = seen.iter().map(|(_, size)| *size).collect();
    assert_eq!(sizes.iter().sum::<usize>(), 10_000);
    // A chunk longer than the sum of both is split again, into about two halves.
    assert!(sizes.iter().all(|size| *size <= 140) && sizes.iter().any(|size| *size != sizes[0]), "{sizes:?}");
}

/// Toxiproxy's names, by which users find them in reports.
#[test]
fn names_equal_toxiproxys() {
    let rows = [
        (Toxic::latency("90ms", "5ms"), "toxic latency 90ms +/- 5ms downstream"),
        (Toxic::bandwidth(64), "toxic bandwidth 64kB/s downstream"),
        (Toxic::slow_close("2s"), "toxic slow_close 2s downstream"),
        (Toxic::timeout("3s").direction(Direction::Upstream), "toxic timeout 3s upstream"),
        (Toxic::reset_peer("1s"), "toxic reset_peer 1s downstream"),
        (Toxic::slicer(100, 40, "1ms"), "toxic slicer 100 +/- 40 bytes 1ms downstream"),
        (Toxic::limit_data(7), "toxic limit_data 7 bytes downstream"),
        (Toxic::reset_after(7), "toxic reset_after 7 bytes downstream"),
    ];
    for (toxic, name) in rows {
        let log = crate::support::Log::default();
        let fault = crate::support::always(toxic).reporter(log.reporter()).build().unwrap();
        let stream = FaultStream::accepted(duplex(1).0, None).reset_by(|_| Ok(()));
        let mut request = get("/");
        request.extensions_mut().insert(stream.connection().clone());
        crate::support::block_on(crate::support::send(&fault, request));
        let (_, actions) = log.take().remove(0);
        assert_eq!(actions.iter().map(ToString::to_string).collect::<Vec<_>>(), [name]);
    }
}

/// A promised reset is not replaced with a close.
#[tokio::test(start_paused = true)]
async fn streams_without_reset_are_skipped() {
    for toxic in [Toxic::reset_peer("0s"), Toxic::reset_after(1)] {
        let fault = fault(toxic);
        let (io, mut client) = duplex(64);
        let mut server = FaultStream::accepted(io, None).fault(&fault);
        server.write_all(b"whole").await.unwrap();
        drop(server);
        let mut seen = String::new();
        client.read_to_string(&mut seen).await.unwrap();
        assert_eq!((&seen[..], fault.control().counts().not_deliverable), ("whole", 1));
    }
}

/// Toxiproxy #210 and #254: removing a toxic hangs the link, or loses the data that it held.
#[tokio::test(start_paused = true)]
async fn disabling_releases_at_once() {
    let rows = [
        Toxic::latency("1h", "0s"),
        Toxic::bandwidth(1),
        Toxic::timeout("0s"),
        Toxic::timeout("1h"),
        Toxic::reset_peer("1h"),
        Toxic::slicer(1, 0, "1h"),
        Toxic::slow_close("1h"),
    ];
    for toxic in rows {
        let name = format!("{toxic:?}");
        let (server, client, control) = link(toxic);
        let begun = Instant::now();
        let off = async {
            tokio::time::sleep(MS(70)).await;
            control.set_enabled(false);
        };
        let (((), seen), ()) =
            tokio::join!(async { tokio::join!(send(server, &[(0, 200_000)]), arrivals(client, begun)) }, off);
        assert_eq!(seen.iter().map(|(_, size)| size).sum::<usize>(), 200_000, "{name}");
        assert_eq!(seen.last().map(|(at, _)| *at), Some(70), "{name}");
    }
}

/// The queue is bounded: at a mebibyte, its entries included, the writer waits.
#[tokio::test(start_paused = true)]
async fn writers_wait_when_the_queue_is_full() {
    const ROOM: usize = 1 << 20;
    let (mut server, client, control) = link(Toxic::timeout("0s"));
    let mut taken = 0;
    while let Ok(written) = tokio::time::timeout(MS(10), server.write(&[0; 5000])).await {
        taken += written.unwrap();
    }
    assert!((ROOM - ROOM / 20..ROOM).contains(&taken), "{taken}");
    control.set_enabled(false);
    let begun = Instant::now();
    let ((), seen) = tokio::join!(send(server, &[(0, 5000)]), arrivals(client, begun));
    assert_eq!(seen.iter().map(|(_, size)| size).sum::<usize>(), taken + 5000);
}

/// Toxiproxy #148: open connections miss a new toxic.
#[tokio::test(start_paused = true)]
async fn enabling_affects_open_connections() {
    let (mut server, mut client, control) = link(Toxic::limit_data(2));
    control.set_enabled(false);
    server.write_all(b"first").await.unwrap();
    control.set_enabled(true);
    let _ = server.write_all(b"second").await;
    let mut seen = String::new();
    client.read_to_string(&mut seen).await.unwrap();
    assert_eq!(seen, "firstse");
    assert_eq!(control.counts().injected, 1);
}

/// Toxiproxy #603: a toxicity of zero still breaks some connections.
#[tokio::test(start_paused = true)]
async fn zero_participation_changes_no_byte() {
    let (mut server, mut client, control) = link(Toxic::limit_data(0));
    control.set_participation(0.0).unwrap();
    for _ in 0..10 {
        server.write_all(b"ping").await.unwrap();
        let mut buf = [0; 4];
        client.read_exact(&mut buf).await.unwrap();
        client.write_all(&buf).await.unwrap();
        server.read_exact(&mut buf).await.unwrap();
        assert_eq!(&buf, b"ping");
    }
    // One decision per connection, not per read.
    assert_eq!((control.counts().seen, control.counts().not_selected), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn reading_drives_delayed_writes() {
    let (mut server, mut client, _) = link(Toxic::latency("50ms", "0s"));
    server.write_all(b"ping").await.unwrap();
    let echo = async {
        let mut buf = [0; 4];
        client.read_exact(&mut buf).await.unwrap();
        client.write_all(b"pong").await.unwrap();
    };
    let mut buf = [0; 4];
    // No flush: the read drives the written data.
    let (read, ()) = tokio::join!(server.read_exact(&mut buf), echo);
    read.unwrap();
    assert_eq!(&buf, b"pong");
}

#[tokio::test(start_paused = true)]
async fn a_command_wakes_a_pending_stream() {
    for reset in [false, true] {
        let (io, _client) = duplex(64);
        let mut stream = FaultStream::accepted(io, None).reset_by(|_| Ok(()));
        let connection = stream.connection().clone();
        let order = async {
            tokio::task::yield_now().await;
            if reset { connection.reset() } else { connection.close() }
        };
        let mut buf = [0; 4];
        let (read, ()) = tokio::join!(stream.read(&mut buf), order);
        match read {
            Ok(read) => assert_eq!((read, reset), (0, false)),
            Err(error) => assert_eq!((error.kind(), reset), (std::io::ErrorKind::ConnectionReset, true)),
        }
        assert!(stream.get_ref().is_none() && stream.write_all(b"x").await.is_err());
    }
}

/// One decision for all requests of a connection, and one draw per connection.
#[tokio::test]
async fn requests_decided_by_their_connection() {
    let fault = Fault::new("by-line", error(503)).enabled(true).participation(0.5).seed(7);
    let fault = fault.decide_by(DecideBy::Connection).build().unwrap();
    let mut injected = 0;
    for _ in 0..2000 {
        let connection = FaultStream::accepted(duplex(1).0, None).connection().clone();
        let mut decisions = Vec::new();
        for _ in 0..3 {
            let mut request = get("/");
            request.extensions_mut().insert(connection.clone());
            decisions.push(is_injected(&fault, request).await);
        }
        assert!(decisions.iter().all(|expected| *expected == decisions[0]), "{decisions:?}");
        injected += i32::from(decisions[0]);
    }
    // Five sigma of 2000 draws at a half.
    assert!((injected - 1000).abs() <= 112, "{injected}");
}

#[test]
fn all_invalid_settings_are_reported() {
    let wrong = chain([
        Toxic::bandwidth(0),
        Toxic::slicer(0, 0, "1 parsec"),
        Toxic::latency("x", "y"),
        Toxic::timeout("3"),
    ]);
    let errors = Fault::new("bad-link", wrong).build().unwrap_err();
    let settings: Vec<_> = errors.iter().map(|error| error.setting()).collect();
    assert_eq!(
        settings,
        [
            "chain[0].toxic.bandwidth.rate",
            "chain[1].toxic.slicer.average_size",
            "chain[1].toxic.slicer.delay",
            "chain[2].toxic.latency.latency",
            "chain[2].toxic.latency.jitter",
            "chain[3].toxic.timeout.timeout",
        ]
    );
}

fn delaying() -> impl Strategy<Value = Toxic> {
    prop_oneof![
        (0..200_u64, 0..300_u64).prop_map(|(latency, jitter)| Toxic::latency(MS(latency), MS(jitter))),
        (1..50_u64).prop_map(Toxic::bandwidth),
        (0..100_u64).prop_map(|delay| Toxic::slow_close(MS(delay))),
        // Sixteen losses in a row, which close a connection, are out of reach.
        (0.0..0.3_f64).prop_map(|loss| Toxic::retransmission(loss, 0.0, MS(5))),
        (1..50_u64).prop_map(Toxic::shared_bandwidth),
        Just(Toxic::close_after("1000h")),
        Just(Toxic::packet_loss(0.0, 1.0)),
        (1..300_usize, 0..400_usize, 0..20_u64).prop_map(|(size, variation, delay)| Toxic::slicer(
            size,
            variation,
            MS(delay)
        )),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// For any delays in any order: all bytes arrive, in order, none before it was sent, and
    /// none later than the sum of all delays.
    #[test]
    fn bytes_are_complete_and_in_order(
        toxics in prop::collection::vec(delaying(), 0..4),
        pieces in prop::collection::vec((0..50_u64, 1..3000_usize), 1..8),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let (sent, seen) = runtime.block_on(async {
            let (mut server, mut client, _) = link(chain(toxics.clone()));
            let sent: Vec<u8> = (0..pieces.iter().map(|(_, size)| size).sum::<usize>()).map(|at| at as u8).collect();
            let writing = async {
                let mut rest = &sent[..];
                for (pause, size) in &pieces {
                    tokio::time::sleep(MS(*pause)).await;
                    let (piece, after) = rest.split_at(*size);
                    server.write_all(piece).await.unwrap();
                    rest = after;
                }
                server.shutdown().await.unwrap();
            };
            let mut seen = Vec::new();
            let ((), read) = tokio::join!(writing, client.read_to_end(&mut seen));
            read.unwrap();
            (sent.clone(), seen)
        });
        prop_assert_eq!(sent, seen);
    }
}

/// By the layers of one connection, whose requests come one after the other.
#[tokio::test(start_paused = true)]
async fn a_layers_toxic_is_added_once_per_connection() {
    let late = || Injector::from(Toxic::latency("150ms", "0s"));
    let rows: [(Injector, u64, u64); 3] = [
        (late(), 1, 150),
        (chain([late(), late()]), 2, 300),
        (chain([late(), Toxic::latency("1h", "0s").direction(Direction::Upstream).into()]), 2, 150),
    ];
    for (injector, toxics, wanted) in rows {
        let fault = fault(injector);
        let control = fault.control();
        let (io, mut client) = duplex(1 << 20);
        let mut server = FaultStream::accepted(io, None);
        for number in 1..=10 {
            let mut request = get("/");
            request.extensions_mut().insert(server.connection().clone());
            assert!(!is_injected(&fault, request).await, "it continues to the service");
            let begun = Instant::now();
            server.write_all(b"answer").await.unwrap();
            server.flush().await.unwrap();
            client.read_exact(&mut [0; 6]).await.unwrap();
            assert_eq!(begun.elapsed(), MS(wanted), "request {number} {fault:?}");
            let counts = control.counts();
            assert_eq!((counts.injected, counts.active), (number, toxics), "request {number} {fault:?}");
            if number == 5 {
                // A cancelled toxic is removed, also from a stream that was not polled meanwhile.
                control.set_enabled(false);
                control.set_enabled(true);
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_command_wakes_any_pending_write() {
    type Link = FaultStream<DuplexStream>;
    type Parked = fn(Link) -> Pin<Box<dyn Future<Output = bool> + Send>>;
    let rows: [(&str, Parked); 2] = [
        ("write", |mut stream| Box::pin(async move { stream.write_all(&[0; 64]).await.is_err() })),
        ("write_vectored", |mut stream| {
            Box::pin(async move {
                let slices = [IoSlice::new(&[0; 40]), IoSlice::new(&[0; 24])];
                while stream.write_vectored(&slices).await.is_ok() {}
                true
            })
        }),
    ];
    for (name, write) in rows {
        for around in [FaultStream::accepted, FaultStream::connected] as [fn(_, _) -> Link; 2] {
            let (io, _client) = duplex(16);
            let stream = around(io, None).reset_by(|_| Ok(()));
            let connection = stream.connection().clone();
            // On a separate task: only the command may wake it.
            let writing = tokio::spawn(write(stream));
            tokio::task::yield_now().await;
            connection.reset();
            let ended = tokio::time::timeout(MS(1000), writing).await;
            assert!(ended.is_ok_and(|ended| ended.unwrap()), "{name}");
        }
    }
}
