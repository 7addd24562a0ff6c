//! Toxics beyond Toxiproxy's first ones: loss, shared bandwidth, age, garbage.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::time::{Instant, sleep};
use waylay_fault::{Direction, Fault, FaultErrorKind, FaultStream, Injector, Toxic, chain};

const MS: fn(u64) -> Duration = Duration::from_millis;

fn fault(injector: impl Into<Injector>) -> Fault {
    Fault::new("bad-link", injector).enabled(true).participation(1.0).seed(7).build().unwrap()
}

fn connection(fault: &Fault) -> (FaultStream<DuplexStream>, DuplexStream) {
    let (server, client) = duplex(1 << 20);
    (FaultStream::accepted(server, None).fault(fault), client)
}

/// Which of so many chunks of one byte each were lost, in one connection.
async fn losses(toxic: Toxic, count: usize, seed: u64) -> Vec<bool> {
    let fault = Fault::new("lossy", toxic).enabled(true).participation(1.0).seed(seed).build().unwrap();
    let (mut server, mut client) = connection(&fault);
    let mut is_lost = Vec::with_capacity(count);
    let mut buf = [0; 8];
    for number in 0..count {
        server.write_all(&[number as u8]).await.unwrap();
        server.flush().await.unwrap();
        // What was delivered is there at once, since nothing is delayed.
        let read = futures_util::FutureExt::now_or_never(client.read(&mut buf));
        is_lost.push(read.is_none());
        if let Some(read) = read {
            assert_eq!(&buf[..read.unwrap()], [number as u8]);
        }
    }
    is_lost
}

/// Share, bursts and their length are those of the two-state chain. Bounds of 4.9 standard deviations
/// fail once in a million.
#[tokio::test(start_paused = true)]
async fn losses_come_in_bursts() {
    const COUNT: usize = 20_000;
    for (loss, correlation) in [(0.1, 0.0), (0.05, 0.5), (0.2, 0.7), (0.5, 0.25)] {
        let lost = losses(Toxic::packet_loss(loss, correlation), COUNT, 7).await;
        let total = lost.iter().filter(|lost| **lost).count() as f64;
        let bursts = lost.windows(2).filter(|pair| !pair[0] && pair[1]).count() as f64;
        let share: f64 = loss / (1.0 - correlation);
        let spread =
            ((share * (1.0 - share)) * (1.0 + correlation) / (1.0 - correlation) / COUNT as f64).sqrt();
        let seen = total / COUNT as f64;
        assert!((seen - share).abs() < 4.9 * spread, "{loss} {correlation}: {seen} instead of {share}");
        // A lost chunk is followed by another one with the sum of both.
        let stays = loss + correlation;
        let seen = 1.0 - bursts / total;
        let spread = (stays * (1.0 - stays) / total).sqrt();
        assert!((seen - stays).abs() < 4.9 * spread + 1.0 / total, "{loss} {correlation}: {seen} of {stays}");
    }
    assert!(losses(Toxic::packet_loss(0.0, 1.0), 100, 7).await.iter().all(|lost| !lost));
    assert!(losses(Toxic::packet_loss(1.0, 0.0), 100, 7).await.iter().all(|lost| *lost));
    assert!(
        losses(Toxic::packet_loss(0.01, 0.99), 5000, 7)
            .await
            .iter()
            .skip_while(|lost| !**lost)
            .all(|lost| *lost)
    );
    let same = losses(Toxic::packet_loss(0.3, 0.3), 500, 9).await;
    assert_eq!(losses(Toxic::packet_loss(0.3, 0.3), 500, 9).await, same, "a seed repeats it");
    assert_ne!(losses(Toxic::packet_loss(0.3, 0.3), 500, 10).await, same);
}

const CLOSED: u64 = u64::MAX;

/// Lost chunks come later, in order and whole; each loss doubles the wait.
#[tokio::test(start_paused = true)]
async fn what_is_sent_again_arrives() {
    let fault = fault(Toxic::retransmission(0.5, 0.2, "10ms"));
    let waits = join_all((0..2000).map(|_| async {
        let (mut server, mut client) = connection(&fault);
        let begin = Instant::now();
        let writing = async {
            // Fails if a chunk was lost too often.
            server.write_all(b"ab").await?;
            server.write_all(b"cd").await?;
            server.shutdown().await
        };
        let reading = async {
            let mut first = [0; 2];
            if client.read_exact(&mut first).await.is_err() {
                return CLOSED;
            }
            assert_eq!(&first, b"ab");
            let first = begin.elapsed().as_millis() as u64;
            let mut rest = Vec::new();
            client.read_to_end(&mut rest).await.unwrap();
            assert!(rest.is_empty() || rest == b"cd");
            first
        };
        let (_, first): (std::io::Result<()>, u64) = tokio::join!(writing, reading);
        first
    }))
    .await;
    // The first is lost with 0.5, again with 0.7, and so on.
    let expected = [(0, 0.5), (10, 0.5 * 0.3), (30, 0.5 * 0.7 * 0.3), (70, 0.5 * 0.7 * 0.7 * 0.3)];
    for (wait, share) in expected {
        let seen = waits.iter().filter(|seen| **seen == wait).count() as f64 / 2000.0;
        let spread = (share * (1.0 - share) / 2000.0_f64).sqrt();
        assert!((seen - share).abs() < 4.9 * spread, "{wait} ms: {seen} instead of {share}");
    }
    let sums = [CLOSED, 0, 10, 30, 70, 150, 310, 630, 1270, 1910, 2550, 3190, 3830, 4470, 5110, 5750, 6390];
    assert!(waits.iter().all(|wait| sums.contains(wait)), "{waits:?}");
}

#[tokio::test(start_paused = true)]
async fn a_chunk_that_is_always_lost_closes_the_connection() {
    let fault = fault(Toxic::retransmission(1.0, 0.0, "10ms"));
    let (mut server, mut client) = connection(&fault);
    let begin = Instant::now();
    let mut buf = [0; 8];
    let (_, read) = tokio::join!(
        async {
            let _ = server.write_all(b"abcd").await;
            let _ = server.flush().await;
        },
        client.read(&mut buf)
    );
    // 1 + 2 + 4 + 8 + 16 + 32 + 10 times 64.
    assert_eq!((read.unwrap(), begin.elapsed()), (0, MS(7030)));
}

/// Reads to the end, and returns when so many bytes and when the end were there.
async fn ended(mut client: DuplexStream, count: usize, begin: Instant) -> (u64, usize) {
    let mut seen = 0;
    let mut at = 0;
    let mut buf = vec![0; 1 << 16];
    loop {
        match client.read(&mut buf).await.unwrap() {
            0 => return (at, seen),
            read => seen += read,
        }
        if seen <= count {
            at = begin.elapsed().as_millis() as u64;
        }
    }
}

async fn write(mut server: FaultStream<DuplexStream>, pause: u64, size: usize) {
    sleep(MS(pause)).await;
    server.write_all(&vec![b'x'; size]).await.unwrap();
    server.shutdown().await.unwrap();
}

/// Each connection sends some bytes after a pause; the time of its last byte.
#[tokio::test(start_paused = true)]
async fn connections_share_a_link_fairly() {
    type Rows = &'static [(u64, usize, u64)];
    // Pause, bytes, time of the last byte; 100 kB per second are 1000 bytes in a turn of 10 ms.
    let rows: [(&str, Rows); 6] = [
        ("one has it all", &[(0, 100_000, 1000)]),
        ("two have half each", &[(0, 50_000, 990), (0, 50_000, 1000)]),
        ("four", &[(0, 25_000, 970), (0, 25_000, 980), (0, 25_000, 990), (0, 25_000, 1000)]),
        ("a small one does not wait for a large one", &[(0, 200_000, 2010), (0, 1000, 20)]),
        ("one that comes later", &[(0, 100_000, 1500), (500, 50_000, 1500)]),
        ("a link that was idle has no credit", &[(0, 1000, 10), (5000, 2000, 5020)]),
    ];
    for (name, connections) in rows {
        let fault = fault(Toxic::shared_bandwidth(100));
        let begin = Instant::now();
        let seen = join_all(connections.iter().map(|(pause, size, _)| {
            let (server, client) = connection(&fault);
            async move { tokio::join!(write(server, *pause, *size), ended(client, *size, begin)).1 }
        }))
        .await;
        for ((_, size, wanted), (at, count)) in connections.iter().zip(seen) {
            assert_eq!(count, *size, "{name}");
            // Ties are broken by the order of the tasks: one turn for each other connection.
            let turns = 10 * (connections.len() as u64 - 1);
            assert!(at.abs_diff(*wanted) <= turns, "{name}: {at} instead of {wanted}");
        }
        assert_eq!(fault.control().counts().active, 0, "{name}");
    }
}

/// The link is that of the toxic: two faults have two, and directions of one toxic are one.
#[tokio::test(start_paused = true)]
async fn a_link_belongs_to_its_toxic() {
    let (one, other) = (fault(Toxic::shared_bandwidth(100)), fault(Toxic::shared_bandwidth(100)));
    let begin = Instant::now();
    let seen = join_all([&one, &other].map(|fault| {
        let (server, client) = connection(fault);
        async move { tokio::join!(write(server, 0, 100_000), ended(client, 100_000, begin)).1 }
    }))
    .await;
    assert_eq!(seen, [(1000, 100_000), (1000, 100_000)]);
    // With others in a chain: the latency first, then the link.
    let both = fault(chain([Toxic::shared_bandwidth(100), Toxic::latency("90ms", "0s")]));
    let (server, client) = connection(&both);
    let begin = Instant::now();
    assert_eq!(tokio::join!(write(server, 0, 5000), ended(client, 5000, begin)).1, (140, 5000));
}

#[tokio::test(start_paused = true)]
async fn disabling_a_shared_link_releases_all_at_once() {
    let fault = fault(Toxic::shared_bandwidth(1));
    let begin = Instant::now();
    let off = async {
        sleep(MS(500)).await;
        fault.control().set_enabled(false);
    };
    let links = join_all((0..3).map(|_| {
        let (server, client) = connection(&fault);
        async move { tokio::join!(write(server, 0, 100_000), ended(client, 100_000, begin)).1 }
    }));
    let ((), seen) = tokio::join!(off, links);
    assert_eq!(seen, [(500, 100_000); 3]);
}

/// Data flows until the time is over, in both directions and on the side of the client too.
#[tokio::test(start_paused = true)]
async fn a_connection_is_closed_at_its_age() {
    for direction in [Direction::Upstream, Direction::Downstream] {
        for is_client in [false, true] {
            let fault = fault(Toxic::close_after("1s").direction(direction));
            let (near, mut far) = duplex(1024);
            let near = match is_client {
                true => FaultStream::connected(near, None),
                false => FaultStream::accepted(near, None),
            };
            let mut near = near.fault(&fault);
            let begin = Instant::now();
            let serving = async {
                let mut count = 0;
                loop {
                    let mut buf = [0; 4];
                    if near.read_exact(&mut buf).await.is_err() {
                        return count;
                    }
                    near.write_all(&buf).await.unwrap();
                    // A deadline is no reason for a flush to wait.
                    near.flush().await.unwrap();
                    count += 1;
                }
            };
            let asking = async {
                let mut count = 0;
                loop {
                    if far.write_all(b"ping").await.is_err() || far.read_exact(&mut [0; 4]).await.is_err() {
                        return (count, begin.elapsed());
                    }
                    assert!(begin.elapsed() < MS(1000), "{direction:?}");
                    count += 1;
                    sleep(MS(99)).await;
                }
            };
            let (served, (asked, _)) = tokio::join!(serving, asking);
            assert_eq!((served, asked), (11, 11), "{direction:?} {is_client}");
            assert_eq!((fault.control().counts().injected, fault.control().counts().active), (1, 0));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_is_closed_at_its_age() {
    for direction in [Direction::Upstream, Direction::Downstream] {
        let fault = fault(Toxic::close_after("1s").direction(direction));
        let (mut server, mut client) = connection(&fault);
        let begin = Instant::now();
        let (mut one, mut other) = ([0; 8], [0; 8]);
        let (read, seen) = tokio::join!(server.read(&mut one), client.read(&mut other));
        assert_eq!((read.unwrap(), seen.unwrap(), begin.elapsed()), (0, 0, MS(1000)), "{direction:?}");
        // Unless the fault is disabled before.
        fault.control().set_enabled(false);
        fault.control().set_enabled(true);
        let (mut server, mut client) = connection(&fault);
        let serving = async {
            let mut buf = [0; 8];
            server.read(&mut buf).await.unwrap()
        };
        let asking = async {
            sleep(MS(500)).await;
            fault.control().set_enabled(false);
            sleep(MS(5000)).await;
            client.write_all(b"late").await.unwrap();
        };
        assert_eq!(tokio::join!(serving, asking).0, 4, "{direction:?}");
    }
}

#[tokio::test]
async fn garbage_comes_in_place_of_what_is_sent() {
    for length in [1, 9, 64, 5000] {
        let fault = fault(Toxic::garbage(length));
        let (mut server, mut client) = connection(&fault);
        let (written, seen) = tokio::join!(
            async {
                let written = server.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
                written.and(server.flush().await)
            },
            async {
                let mut seen = Vec::new();
                client.read_to_end(&mut seen).await.unwrap();
                seen
            }
        );
        assert!(written.is_err(), "{length}: the connection is closed");
        assert_eq!(seen.len(), length);
        assert!(seen[0] >= 0x80);
        // Drawn: about uniform, and the same under the same seed.
        if length == 5000 {
            let high = seen.iter().filter(|byte| **byte >= 0x80).count() as f64;
            assert!((high - 2500.0).abs() < 4.9 * (5000.0_f64 * 0.25).sqrt(), "{high}");
        }
    }
}

/// Neither protocol takes garbage for a response; without it the exchange works.
#[tokio::test]
async fn clients_do_not_parse_garbage() {
    use bytes::Bytes;
    use http_body_util::{Empty, Full};
    use hyper::service::service_fn;
    use hyper_util::rt::{TokioExecutor, TokioIo};

    for is_http2 in [false, true] {
        for (is_injected, side) in [(false, 0), (true, 0), (true, 1)] {
            let fault = fault(Toxic::garbage(64));
            fault.control().set_enabled(is_injected);
            let (server, client) = duplex(1 << 16);
            // A fault of the listener, or of the connector.
            let accepted = FaultStream::accepted(server, None);
            let accepted = if side == 0 { accepted.fault(&fault) } else { accepted };
            let connected = FaultStream::connected(client, None);
            let connected = if side == 1 { connected.fault(&fault) } else { connected };
            tokio::spawn(async move {
                let service = service_fn(async |_: http::Request<hyper::body::Incoming>| {
                    Ok::<_, std::convert::Infallible>(http::Response::new(Full::<Bytes>::from("hello")))
                });
                let builder = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
                let _ = builder.serve_connection(TokioIo::new(accepted), service).await;
            });
            let request = http::Request::get("http://a/").body(Empty::<Bytes>::new()).unwrap();
            let io = TokioIo::new(connected);
            let result = if is_http2 {
                let (mut sender, connection) =
                    hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await.unwrap();
                tokio::spawn(connection);
                sender.send_request(request).await
            } else {
                let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await.unwrap();
                tokio::spawn(connection);
                sender.send_request(request).await
            };
            match result {
                Ok(response) => assert_eq!((is_injected, response.status().as_u16()), (false, 200)),
                Err(error) => assert!(is_injected && (is_http2 || error.is_parse()), "{is_http2} {error:?}"),
            }
        }
    }
}

#[test]
fn invalid_settings_are_reported() {
    let wrong = chain([
        Toxic::packet_loss(1.5, f64::NAN),
        Toxic::retransmission(-0.1, 0.0, "x"),
        Toxic::shared_bandwidth(0),
        Toxic::close_after("y"),
        Toxic::garbage(0),
        Toxic::garbage(1 << 30),
    ]);
    let errors = Fault::new("bad-link", wrong).build().unwrap_err();
    let settings: Vec<_> = errors.iter().map(|error| error.setting()).collect();
    assert_eq!(
        settings,
        [
            "chain[0].toxic.packet_loss.loss_rate",
            "chain[0].toxic.packet_loss.correlation",
            "chain[1].toxic.retransmission.rto",
            "chain[1].toxic.retransmission.loss_rate",
            "chain[2].toxic.shared_bandwidth.rate",
            "chain[3].toxic.close_after.after",
            "chain[4].toxic.garbage.bytes",
            "chain[5].toxic.garbage.bytes",
        ]
    );
    let last = errors.iter().last().unwrap();
    assert_eq!(last.kind(), &FaultErrorKind::TooLarge("65536".into()));
    assert_eq!(last.to_string(), "chain[5].toxic.garbage.bytes: 1073741824 is too large; give at most 65536");
}
