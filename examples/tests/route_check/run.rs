//! The program, run on lines of input.

use std::io::Write;
use std::process::{Command, Stdio};

/// What a run of the program leaves behind.
pub(crate) struct Run {
    pub(crate) output: String,
    pub(crate) errors: String,
    pub(crate) code: Option<i32>,
}

/// Runs the program on lines of input.
pub(crate) fn run(args: &[&str], input: &[u8]) -> Run {
    let mut child = Command::new(env!("CARGO_BIN_EXE_route-check"))
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut stdin = child.stdin.take().expect("stdin is piped");
    let input = input.to_vec();
    // A thread of its own: both pipes may be full at once. Wrong flags close stdin unread.
    let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let left = child.wait_with_output().expect("the program ends");
    writer.join().expect("the writer ends");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    Run { output: text(left.stdout), errors: text(left.stderr), code: left.status.code() }
}

fn joined(lines: &[&str]) -> String {
    lines.iter().map(|line| format!("{line}\n")).collect()
}

/// Asserts the whole output of a run, line by line.
#[track_caller]
pub(crate) fn assert_run(args: &[&str], input: &[&str], output: &[&str], code: i32) -> String {
    let run = run(args, joined(input).as_bytes());
    let got: Vec<&str> = run.output.lines().collect();
    assert_eq!(got, output, "{}", run.errors);
    assert_eq!(run.code, Some(code), "{}", run.errors);
    run.errors
}
