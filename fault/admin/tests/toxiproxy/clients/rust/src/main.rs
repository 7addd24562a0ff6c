//! The scenarios of noxious-client: `client PORT UPSTREAM`, an API and an echo server on 127.0.0.1.

use noxious_client::{Client, StreamDirection, Toxic, ToxicKind};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

async fn echo(listen: &str, data: &str) -> Result<String> {
    let mut client = TcpStream::connect(listen).await?;
    client.write_all(data.as_bytes()).await?;
    client.shutdown().await?;
    let mut seen = String::new();
    client.read_to_string(&mut seen).await?;
    Ok(seen)
}

fn toxic(name: &str, kind: ToxicKind, direction: StreamDirection) -> Toxic {
    Toxic { kind, name: name.to_owned(), toxicity: 1.0, direction }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let port = arguments.next().ok_or("PORT is missing")?;
    let upstream = arguments.next().ok_or("UPSTREAM is missing")?;
    let client = Client::new(&format!("127.0.0.1:{port}"));

    client.create_proxy("redis", "127.0.0.1:0", &upstream).await?;
    let error =
        client.create_proxy("redis", "127.0.0.1:0", &upstream).await.err().map(|error| error.to_string());
    assert!(error.as_ref().is_some_and(|error| error.contains("proxy already exists")), "{error:?}");
    let mut proxy = client.proxy("redis").await?;
    let listen = proxy.config.listen.clone();
    assert_eq!(echo(&listen, "hello").await?, "hello");

    let limit = toxic("limit", ToxicKind::LimitData { bytes: 2 }, StreamDirection::Downstream);
    assert_eq!(proxy.add_toxic(&limit).await?, limit);
    assert_eq!(echo(&listen, "hello").await?, "he");
    let kind = ToxicKind::LimitData { bytes: 4 };
    let changed = proxy.update_toxic("limit", 1.0, kind, StreamDirection::Downstream).await?;
    assert_eq!(changed.kind, ToxicKind::LimitData { bytes: 4 });
    assert_eq!(echo(&listen, "hello").await?, "hell");
    proxy.remove_toxic("limit").await?;

    for (name, kind) in [
        ("latency", ToxicKind::Latency { latency: 1, jitter: 1 }),
        ("bandwidth", ToxicKind::Bandwidth { rate: 1000 }),
        ("slow_close", ToxicKind::SlowClose { delay: 1 }),
        ("slicer", ToxicKind::Slicer { average_size: 2, size_variation: 1, delay: 1 }),
    ] {
        proxy.add_toxic(&toxic(name, kind, StreamDirection::Upstream)).await?;
    }
    assert_eq!(proxy.toxics().await?.len(), 4);
    assert_eq!(echo(&listen, "through four toxics").await?, "through four toxics");

    proxy.disable().await?;
    assert!(echo(&listen, "refused").await.is_err());
    client.reset_state().await?;
    assert_eq!(echo(&listen, "again").await?, "again");
    assert!(client.proxy("redis").await?.toxics().await?.is_empty());

    proxy.delete().await?;
    assert!(client.proxies().await?.is_empty());
    println!("done");
    Ok(())
}
