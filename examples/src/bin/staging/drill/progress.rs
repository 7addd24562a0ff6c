//! A bar on stderr, where somebody watches.

use std::io::{self, IsTerminal, Write};

const WIDTH: u64 = 40;

/// How far a run has come; silent where stderr is no terminal.
#[derive(Debug)]
pub(crate) struct Progress {
    total: u64,
    done: u64,
    drawn: Option<u64>,
    watched: bool,
}

impl Progress {
    pub(crate) fn of(total: u32) -> Self {
        Self { total: total.into(), done: 0, drawn: None, watched: io::stderr().is_terminal() }
    }

    /// One more is done.
    pub(crate) fn advance(&mut self) {
        self.done += 1;
        let percent = self.done * 100 / self.total.max(1);
        if self.watched && self.drawn != Some(percent) {
            self.drawn = Some(percent);
            let full = (percent * WIDTH / 100) as usize;
            let empty = WIDTH as usize - full;
            let (done, total) = (self.done, self.total);
            write(&format!("\r[{}{}] {done}/{total}", "#".repeat(full), ".".repeat(empty)));
        }
    }

    /// Takes the bar away.
    pub(crate) fn end(self) {
        if self.drawn.is_some() {
            write("\r\x1b[2K");
        }
    }
}

/// A bar that cannot be drawn is no reason to stop.
fn write(text: &str) {
    let mut out = io::stderr().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
