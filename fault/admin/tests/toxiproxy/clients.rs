//! Clients of Toxiproxy that others wrote, against the API: each runs its scenarios.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{Api, echo};

/// Where `.ci/setup` puts the clients.
fn installed() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/toxiproxy-clients")
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/toxiproxy/clients").join(name)
}

/// Runs a client, and expects that it ends with success.
async fn run(mut client: Command) {
    let api = Api::start().await;
    let upstream = echo().await.to_string();
    client.args([api.port().to_string(), upstream]);
    let output = tokio::task::spawn_blocking(move || client.output()).await.unwrap().unwrap();
    let text = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&text));
}

#[tokio::test]
#[ignore = "needs toxiproxy-python in target/toxiproxy-clients"]
async fn toxiproxy_python_runs() {
    let mut python = Command::new(installed().join("python/bin/python"));
    python.arg(script("python.py"));
    run(python).await;
}

#[tokio::test]
#[ignore = "needs toxiproxy-node-client in target/toxiproxy-clients"]
async fn toxiproxy_node_client_runs() {
    let mut node = Command::new("node");
    node.arg(script("node.cjs")).env("NODE_PATH", installed().join("node_modules"));
    run(node).await;
}

#[tokio::test]
#[ignore = "needs to build noxious-client"]
async fn noxious_client_runs() {
    let target = installed().join("rust");
    let mut build = Command::new("cargo");
    build.args(["build", "--quiet", "--locked", "--manifest-path"]).arg(script("rust/Cargo.toml"));
    build.arg("--target-dir").arg(&target);
    let built = tokio::task::spawn_blocking(move || build.status()).await.unwrap().unwrap();
    assert!(built.success());
    run(Command::new(target.join("debug/client"))).await;
}
