//! Streams whose halves are in two tasks, either of which may poll last.

use std::future::pending;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, duplex, split};
use tokio::time::Instant;
use waylay_fault::{Delay, Direction, FaultStream, Format, Injector, Side, Toxic, messages, slow, tap};

use crate::http_stream::upgraded_stream;
use crate::messages::{upgraded, web_message};
use crate::support::always;

const MS: fn(u64) -> Duration = Duration::from_millis;

/// Splits the stream: one task only reads, the other one writes this and never flushes. Returns what
/// the reader got, as it comes.
fn halves<Io>(stream: Io, text: &'static [u8]) -> tokio::sync::mpsc::UnboundedReceiver<Vec<u8>>
where
    Io: AsyncRead + AsyncWrite + Send + 'static,
{
    let (mut reader, mut writer) = split(stream);
    let (sender, receiver) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        let mut buf = [0; 64];
        loop {
            let read = reader.read(&mut buf).await.unwrap_or(0);
            if read == 0 || sender.send(buf[..read].to_vec()).is_err() {
                return;
            }
        }
    });
    tokio::spawn(async move {
        // The other task waits by then.
        tokio::time::sleep(MS(1)).await;
        writer.write_all(text).await.unwrap();
        // Never flushed, and not dropped either.
        pending::<()>().await;
    });
    receiver
}

/// Reads this many bytes, and returns the milliseconds that it took.
async fn arrives(client: &mut DuplexStream, count: usize) -> u64 {
    let begun = Instant::now();
    client.read_exact(&mut vec![0; count]).await.unwrap();
    begun.elapsed().as_millis() as u64
}

#[tokio::test(start_paused = true)]
async fn toxics() {
    for (toxic, millis) in [
        (Toxic::latency("90ms", "0s"), 91),
        (Toxic::bandwidth(1), 5),
        (Toxic::slicer(1, 0, "10ms"), 31),
        (Toxic::slow_close("1s"), 1),
    ] {
        let fault = always(toxic).build().unwrap();
        let (server, mut client) = duplex(64);
        let _reader = halves(FaultStream::accepted(server, None).fault(&fault), b"abcd");
        assert_eq!(arrives(&mut client, 4).await, millis);
    }
}

/// A toxic that ends the connection wakes the task that reads as well.
#[tokio::test(start_paused = true)]
async fn ends() {
    for (toxic, millis) in [(Toxic::timeout("1s"), 1000), (Toxic::limit_data(2), 1)] {
        let fault = always(toxic).build().unwrap();
        let (server, mut client) = duplex(64);
        let mut reader = halves(FaultStream::accepted(server, None).fault(&fault), b"abcd");
        let begun = Instant::now();
        tokio::join!(async { client.read_to_end(&mut Vec::new()).await.unwrap() }, async {
            assert_eq!(reader.recv().await, None)
        });
        assert_eq!(begun.elapsed().as_millis(), millis);
    }
}

/// Both tasks wait for a delay of the connection, and both continue when it is over or cancelled.
#[tokio::test(start_paused = true)]
async fn delays_of_connections() {
    for off in [false, true] {
        let fault = always(slow(Delay::fixed("1s"))).build().unwrap();
        let (server, mut client) = duplex(64);
        let mut reader = halves(FaultStream::accepted(server, None).fault(&fault), b"abcd");
        client.write_all(b"ef").await.unwrap();
        let begun = Instant::now();
        let (_, read, ()) = tokio::join!(arrives(&mut client, 4), reader.recv(), async {
            tokio::time::sleep(MS(300)).await;
            fault.control().set_enabled(!off);
        });
        assert_eq!(read.as_deref(), Some(&b"ef"[..]));
        assert_eq!(begun.elapsed().as_millis(), if off { 300 } else { 1000 });
    }
}

/// An upstream toxic does not affect the task that writes.
#[tokio::test(start_paused = true)]
async fn both_ways() {
    let both = waylay_fault::chain([
        Toxic::latency("90ms", "0s"),
        Toxic::latency("70ms", "0s").direction(Direction::Upstream),
    ]);
    let fault = always(both).build().unwrap();
    let (server, mut client) = duplex(64);
    let mut reader = halves(FaultStream::accepted(server, None).fault(&fault), b"abcd");
    client.write_all(b"ef").await.unwrap();
    let begun = Instant::now();
    let (written, read) = tokio::join!(arrives(&mut client, 4), async {
        let read = reader.recv().await.unwrap();
        (read, begun.elapsed().as_millis())
    });
    assert_eq!((written, read), (91, (b"ef".to_vec(), 70)));
}

/// Messages of WebSockets, on a stream that follows them and on one that is tapped.
#[tokio::test(start_paused = true)]
async fn websockets() {
    let text: &[u8] = web_message(0, false).leak();
    let slow =
        |side| -> Injector { messages(Format::WebSocket).on(side).delay(1.0, Delay::fixed("90ms")).into() };
    let fault = always(slow(Side::Response)).build().unwrap();

    let (server, mut client) = upgraded_stream(&fault, 64).await;
    let _reader = halves(server, text);
    assert_eq!(arrives(&mut client, text.len()).await, 91);

    let (server, mut client) = duplex(64);
    let _reader = halves(tap(&upgraded(&fault).await, server), text);
    assert_eq!(arrives(&mut client, text.len()).await, 91);

    // Incoming, which the task that reads waits for.
    let fault = always(slow(Side::Request)).build().unwrap();
    let (server, mut client) = duplex(64);
    let mut reader = halves(tap(&upgraded(&fault).await, server), text);
    let masked = web_message(0, true);
    client.write_all(&masked).await.unwrap();
    let begun = Instant::now();
    assert_eq!(reader.recv().await, Some(masked));
    assert_eq!(begun.elapsed().as_millis(), 90);
}
