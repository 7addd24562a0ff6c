//! A real `nats-server` with JetStream, on a free port and in a folder that is removed.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

pub(crate) struct NatsServer {
    child: Option<Child>,
    port: u16,
    folder: PathBuf,
}

impl NatsServer {
    /// Starts a server with an empty store.
    pub(crate) fn start() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("waylay-nats-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(name);
        // Taken by another program before the server binds it, the server ends, and the test fails.
        let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
        let mut server = Self { child: None, port, folder };
        server.restart();
        server
    }

    pub(crate) fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// Kills the server, without a farewell.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Starts the server again, on its port and its store; returns once it is ready.
    pub(crate) fn restart(&mut self) {
        self.kill();
        let mut command = Command::new("nats-server");
        command.args(["-js", "-a", "127.0.0.1", "-p", &self.port.to_string(), "-sd"]).arg(&self.folder);
        let mut child = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut log = Vec::new();
        while log.last().is_none_or(|line: &String| !line.contains("Server is ready")) {
            match lines.next() {
                Some(line) => log.push(line.unwrap()),
                None => panic!("nats-server ended:\n{}", log.join("\n")),
            }
        }
        // So that it never writes into a closed pipe.
        std::thread::spawn(move || lines.for_each(drop));
        self.child = Some(child);
    }

    /// Removes the store; the server has to be dead.
    #[allow(dead_code, reason = "one of two tests needs it")]
    pub(crate) fn forget(&self) {
        assert!(self.child.is_none());
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl Drop for NatsServer {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
