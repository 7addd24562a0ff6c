//! TLS over a slow stream, in memory and paused time.

use tokio::io::{AsyncWriteExt, duplex};
use tokio::time::Instant;
use waylay_fault::{Direction, Fault, FaultStream, Injector, Toxic};

fn fault(injector: impl Into<Injector>) -> Fault {
    Fault::new("bad-link", injector).enabled(true).participation(1.0).seed(7).build().unwrap()
}

/// The duration of a handshake is that of its bytes: one round trip at the stream's rate.
#[tokio::test(start_paused = true)]
async fn tls_over_slow_streams() {
    use tokio_rustls::rustls;
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::try_from(own.signing_key.serialize_der()).unwrap();
    let server = rustls::ServerConfig::builder_with_provider(provider.clone());
    let server = server.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    let server = server.with_single_cert(vec![own.cert.der().clone()], key).unwrap();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(own.cert.der().clone()).unwrap();
    let client = rustls::ClientConfig::builder_with_provider(provider);
    let client = client.with_safe_default_protocol_versions().unwrap();
    let client = client.with_root_certificates(roots).with_no_client_auth();
    let acceptor = tokio_rustls::TlsAcceptor::from(std::sync::Arc::new(server));
    let connector = tokio_rustls::TlsConnector::from(std::sync::Arc::new(client));

    let slow = || Toxic::latency("1s", "0s");
    for (toxic, least, most) in [
        (slow(), 1000, 1001),
        // The first and the last message of the client.
        (slow().direction(Direction::Upstream), 2000, 2001),
        // Some hundred bytes of certificate at ten per second.
        (Toxic::slicer(10, 0, "1s"), 30_000, 200_000),
    ] {
        let fault = fault(toxic);
        let (near, far) = duplex(1 << 16);
        let stream = FaultStream::connected(near, None).fault(&fault);
        let name = rustls::pki_types::ServerName::try_from("localhost").unwrap();
        let begun = Instant::now();
        let accepting = tokio::spawn(acceptor.accept(far));
        let mut stream = connector.connect(name, stream).await.unwrap();
        // The client's last handshake message has not arrived.
        stream.flush().await.unwrap();
        accepting.await.unwrap().unwrap();
        let took = begun.elapsed().as_millis();
        assert!((least..=most).contains(&took), "{took} {fault:?}");
    }
}
