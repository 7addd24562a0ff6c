//! Grafana over HTTPS, with the certificates of the system.

use std::process::Command;
use std::sync::Arc;

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio_rustls::{TlsAcceptor, rustls};
use waylay_fault::FaultSet;
use waylay_fault_admin::Grafana;

use crate::grafana::FakeGrafana;
use crate::{on, token};

/// The variable with the address, for the process that posts.
const URL: &str = "GRAFANA_OF_THE_TEST";

#[tokio::test]
async fn annotations_are_posted_over_https() {
    let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::try_from(own.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider);
    let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    let config = config.with_single_cert(vec![own.cert.der().clone()], key).unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (fake, mut calls) = FakeGrafana::new();
    let router = fake.router();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let (acceptor, router) = (acceptor.clone(), router.clone());
            tokio::spawn(async move {
                // A client that does not trust the certificate ends the handshake.
                let Ok(stream) = acceptor.accept(stream).await else { return };
                let service = TowerToHyperService::new(router);
                let server = auto::Builder::new(TokioExecutor::new());
                let _ = server.serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
    let file = std::env::temp_dir().join(format!("waylay-grafana-{}.pem", std::process::id()));
    std::fs::write(&file, own.cert.pem()).unwrap();
    for is_trusted in [false, true] {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--ignored", "--exact", "--nocapture", "tls::post_one"]);
        command.env(URL, format!("https://localhost:{port}/grafana"));
        // One that signed nothing here, so that there is some certificate.
        let other = rcgen::generate_simple_self_signed(["other".to_owned()]).unwrap();
        if !is_trusted {
            std::fs::write(file.with_extension("other"), other.cert.pem()).unwrap();
        }
        let chosen = if is_trusted { file.clone() } else { file.with_extension("other") };
        command.env("SSL_CERT_FILE", chosen);
        let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        assert_eq!(calls.try_recv().is_ok_and(|(_, is_new, _)| is_new), is_trusted);
        assert_eq!(calls.try_recv().is_ok_and(|(_, is_new, _)| !is_new), is_trusted);
    }
    let _ = std::fs::remove_file(file.with_extension("other"));
    let _ = std::fs::remove_file(file);
}

#[tokio::test]
#[ignore = "run by the test above, in a process with the variables set"]
async fn post_one() {
    // All ignored tests are run by themselves too.
    let Ok(url) = std::env::var(URL) else { return };
    let set = FaultSet::new();
    set.replace([on("a")]).unwrap();
    Grafana::builder(url, token()).build().unwrap().follow_until(&set, async {}).await;
}
