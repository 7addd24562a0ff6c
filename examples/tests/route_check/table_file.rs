//! Tables in files (`--table`), and the samples of the documentation.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::run;

/// A table in a temporary file, which is removed on drop.
struct Table(PathBuf);

impl Table {
    fn new(name: &str, text: &str) -> Self {
        let file = std::env::temp_dir().join(format!("waylay-route-check-{}-{name}", std::process::id()));
        std::fs::write(&file, text).expect("the file is written");
        Self(file)
    }

    fn path(&self) -> &str {
        self.0.to_str().expect("text")
    }
}

impl Drop for Table {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

const TOML: &str = r#"
trusted_proxies = ["10.0.0.0/8"]

[[routes]]
name = "item"
rule = "Path(`/items/{id:[0-9]+}`) && Method(`GET`)"

[[scopes]]
name = "admin"
prefix = "/admin"
sealed = true

[[scopes.routes]]
name = "stats"
rule = "Path(`/stats`) && Host(`a.example`)"

[[routes]]
rule = "PathPrefix(`/`) && ClientIP(`9.9.9.9`)"
"#;

const JSON: &str = r#"{
  "trusted_proxies": ["10.0.0.0/8"],
  "routes": [
    {"name": "item", "rule": "Path(`/items/{id:[0-9]+}`) && Method(`GET`)"},
    {"rule": "PathPrefix(`/`) && ClientIP(`9.9.9.9`)"}
  ],
  "scopes": [{"name": "admin", "prefix": "/admin", "sealed": true,
    "routes": [{"name": "stats", "rule": "Path(`/stats`) && Host(`a.example`)"}]}]
}"#;

#[test]
fn a_file_is_read_in_both_formats() {
    let requests = [
        "GET http://b.example/items/7",
        "DELETE /items/7",
        "GET http://a.example/admin/stats",
        r#"{"url":"/admin/x","remote":"9.9.9.9"}"#,
        r#"{"url":"/x","remote":"10.0.0.1","headers":{"x-forwarded-for":"9.9.9.9"}}"#,
        "GET /%zz",
    ];
    let expected = [
        r#"{"request":{"number":0,"method":"GET","url":"http://b.example/items/7"},"result":{"matched":"item","status":200,"vars":{"id":"7"},"path_template":"/items/{id:[0-9]+}"}}"#,
        r#"{"request":{"number":1,"method":"DELETE","url":"/items/7"},"result":{"matched":null,"status":405,"allow":["GET","HEAD"],"vars":{}}}"#,
        r#"{"request":{"number":2,"method":"GET","url":"http://a.example/admin/stats"},"result":{"matched":"admin.stats","status":200,"vars":{},"path_template":"/admin/stats"}}"#,
        r#"{"request":{"number":3,"method":"GET","url":"/admin/x"},"result":{"matched":null,"status":404,"vars":{}}}"#,
        r#"{"request":{"number":4,"method":"GET","url":"/x"},"result":{"matched":"PathPrefix(`/`) && ClientIP(`9.9.9.9`)","status":200,"vars":{},"path_template":"/…"}}"#,
        r#"{"request":{"number":5,"method":"GET","url":"/%zz"},"result":{"matched":null,"status":400,"vars":{}}}"#,
    ];
    for (name, text) in [("both.toml", TOML), ("both.json", JSON)] {
        let table = Table::new(name, text);
        let run = run(&["--table", table.path()], requests.join("\n").as_bytes());
        assert_eq!(run.output.lines().collect::<Vec<_>>(), expected, "{name}: {}", run.errors);
        assert_eq!((run.code, run.errors.as_str()), (Some(0), ""), "{name}");
    }
}

#[test]
fn requests_come_from_arguments_or_stdin() {
    let table = Table::new("arguments.toml", TOML);
    let both = ["--table", table.path(), "--request", "GET /items/1", "--request", "GET /items/x"];
    let given = run(&both, b"GET /items/2\n");
    assert!(given.output.contains("/items/1") && given.output.contains("/items/x"), "{}", given.output);
    assert_eq!((given.output.lines().count(), given.code), (2, Some(0)));
    let alone = run(&["--table", table.path()], b"");
    assert_eq!((alone.code, alone.output.as_str()), (Some(0), ""), "a table alone is checked");
    let explained = run(&["--table", table.path(), "--explain", "--request", "PUT /items/1"], b"");
    assert!(explained.output.contains("method GET, HEAD: got PUT"), "{}", explained.output);
}

#[test]
fn policies_read_requests() {
    let table = Table::new("policies.toml", "[[routes]]\nname = 'a'\nrule = 'PathPrefix(`/`)'\n");
    for (policy, status) in [("default", 200), ("strict", 400), ("gorilla", 200)] {
        let run = run(&["--table", table.path(), "--policy", policy, "--request", "GET /x"], b"");
        assert!(run.output.contains(&format!("\"status\":{status}")), "{policy}: {}", run.output);
    }
}

#[test]
fn expected_results_are_compared() {
    let table = Table::new("expect.toml", TOML);
    let lines = [
        r#"{"url":"/items/7","expect":{"matched":"item","status":200,"vars":{"id":"7"}}}"#,
        r#"{"url":"/items/x","expect":{"matched":"item"}}"#,
        r#"{"method":"PUT","url":"/items/7","expect":{"matched":null,"status":405,"allow":["HEAD","GET"]}}"#,
        "GET /not/compared",
    ];
    let run = run(&["--table", table.path(), "--expect"], lines.join("\n").as_bytes());
    let output: Vec<&str> = run.output.lines().collect();
    assert_eq!(output.len(), 2, "{}", run.output);
    assert!(output[0].starts_with(r#"{"line":2,"request":{"number":1,"#), "{}", output[0]);
    assert!(output[0].contains("path /items/{id:[0-9]+}: got /items/x"), "{}", output[0]);
    assert!(output[1].starts_with("3 requests, 2 agree, 1 differ;"), "{}", output[1]);
    assert_eq!(run.code, Some(1));
}

#[test]
fn invalid_tables_lines_and_arguments_have_their_codes() {
    let broken = Table::new("broken.toml", "[[routes]]\nrule = 'Hots(`a`)'\n\n[[routes]]\nrul = 1\n");
    let failed = run(&["--table", broken.path(), "--request", "GET /"], b"");
    assert_eq!((failed.code, failed.output.as_str()), (Some(1), ""), "{}", failed.errors);
    let place = format!(" ({}:", broken.path());
    assert_eq!(failed.errors.matches(&place).count(), 2, "{}", failed.errors);

    let table = Table::new("lines.toml", TOML);
    for (line, error) in [
        ("nonsense", "`nonsense` is not a request such as"),
        (
            r#"{"ulr":"/"}"#,
            "unknown key `ulr`, expected one of `method`, `url`, `host`, `headers`, `tls`, `remote`\"",
        ),
        (r#"{"url":"/","expect":[]}"#, "`expect` is not an object"),
    ] {
        let run = run(&["--table", table.path()], line.as_bytes());
        assert!(
            run.output.starts_with("{\"line\":1,\"error\":") && run.output.contains(error),
            "{}",
            run.output
        );
        assert_eq!(run.code, Some(1), "{line}");
    }

    for (args, error) in [
        (&["--table", "/no/such.toml"][..], "/no/such.toml: "),
        (&["--table", "README.md"], "README.md: "),
        (&["--request", "GET /"], "not provided: --table <FILE>"),
        (&["--table", "t.toml", "--dialect", "gorilla"], "cannot be used with"),
    ] {
        let run = run(args, b"");
        assert_eq!((run.code, run.output.as_str()), (Some(2), ""), "{args:?}");
        assert!(run.errors.contains(error) && run.errors.lines().count() == 1, "{}", run.errors);
    }
}

/// Every command of the documentation prints the text below it.
#[test]
fn the_documentation_agrees_with_the_program() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the root of the repository");
    let text = include_str!("../../docs/route-check.md");
    let program = Path::new(env!("CARGO_BIN_EXE_route-check"));
    let folder = program.parent().and_then(Path::to_str).expect("text");
    let path = format!("{folder}:{}", std::env::var("PATH").expect("a path"));
    let blocks = text.split("```console\n").skip(1).map(|rest| rest.split("```").next().unwrap_or(rest));
    let mut commands = 0;
    for command in blocks.flat_map(|block| block.split("$ ").skip(1)) {
        let (line, expected) = command.split_once('\n').expect("a command ends its line");
        let output = Command::new("sh").args(["-c", line]).current_dir(root).env("PATH", &path).output();
        let output = output.expect("the shell runs").stdout;
        assert_eq!(String::from_utf8_lossy(&output), expected, "{line}");
        commands += 1;
    }
    assert!(commands >= 5, "{commands}");
}
