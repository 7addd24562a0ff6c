//! The console in a real browser, driven by `tests/browser/console.mjs`.

#![allow(clippy::unwrap_used, reason = "a test fails at the line of the wrong expectation")]

use std::path::Path;
use std::process::Command;

/// The folder of node modules is `BROWSER_MODULES`, which `.ci/setup` fills; `SCREENSHOTS` is where pictures go.
#[test]
#[ignore = "needs node, chromium, playwright-core and axe-core: `.ci/setup`, then `cargo test -- --ignored console_in_a_browser`"]
fn console_in_a_browser() {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = package.ancestors().nth(2).unwrap();
    let modules =
        std::env::var("BROWSER_MODULES").map_or(root.join("target/browser/node_modules"), Into::into);
    // Beside the folder of this test.
    let test = std::env::current_exe().unwrap();
    let program = test.ancestors().nth(2).unwrap().join("examples/console");
    let mut command = Command::new("node");
    command.arg(package.join("tests/browser/console.mjs")).arg(program).arg(modules);
    if let Some(screenshots) = std::env::var_os("SCREENSHOTS") {
        command.arg(screenshots);
    }
    assert!(command.status().unwrap().success());
}
