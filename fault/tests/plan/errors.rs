//! Errors of plans: all at once, each with its place, in three formats.

use waylay_fault::{FaultPlan, PlanFormat};

/// Line, column and message of each error.
fn errors(text: &str, format: PlanFormat) -> Vec<(usize, usize, String)> {
    let errors = FaultPlan::parse(text, format).expect_err(text);
    errors.iter().map(|error| (error.line(), error.column(), error.message().to_owned())).collect()
}

const TOML: &str = r#"version = 2
environments = []
ttl = "soon"
dry_rnu = true
max_affected = 1.5

[[fault]]
name = "a"
participation = nan
allow_paths = ["cart", "/ok"]
allow_headers = [{ name = "a b", value = "c" }]
error = 99

[[fault]]
name = "b"
percentage = 3
slow = { distribution = "lognormal", median = "90ms", sigma = 0.4 }

[[fault]]
name = "c"
participation = 0.5
allow_paths = ["cart"]
chain = [{ slow = "1s" }, { reject = "hang" }, { random = [{ eror = 503 }] }]

[[fault]]
name = "c"
participation = 0.5
allow_rules = ["Hots(`a`)"]
slow = { distribution = "normal", mean = "1ms", deviation = "1ms" }
"#;

const JSON: &str = r#"{
  "version": 2,
  "environments": [],
  "ttl": "soon",
  "dry_rnu": true,
  "fault": [
    { "name": "ä", "participation": 2, "error": 99 },
    { "name": "b", "percentage": 3, "error": 503 },
    { "name": "c", "participation": 0.5, "allow_paths": ["cart"],
      "chain": [{ "slow": "1s" }, { "reject": "hang" }] }
  ]
}
"#;

const YAML: &str = r#"version: 2
environments: []
ttl: soon
dry_rnu: true
fault:
  - name: ä
    participation: 2
    error: 99
  - { name: b, percentage: 3, error: 503 }
  - name: c
    participation: 0.5
    allow_paths: [cart]
    chain:
      - slow: 1s
      - reject: hang
"#;

#[test]
fn all_errors_of_a_toml_plan() {
    let found = errors(TOML, PlanFormat::Toml);
    let wanted = [
        (1, 11, "2 is out of range; `version` is an integer from 1 to 1"),
        (2, 16, "`environments` is empty; give at least 1"),
        (3, 7, "`ttl`: `soon` has no number at column 1"),
        (4, 1, "`dry_rnu` is not a key of a plan; did you mean `dry_run`?"),
        (5, 16, "1.5 is out of range; `max_affected` is a share from 0 to 1"),
        (9, 17, "NaN is out of range; `participation` is a share from 0 to 1"),
        (10, 16, "`allow_paths[0]`: `cart` is not a path pattern"),
        (11, 18, "`allow_headers[0]`: `a b` is not a header name"),
        (12, 9, "99 is out of range; `error` is an integer from 200 to 599"),
        (16, 1, "`percentage` is not a key of a fault; did you mean `participation`?"),
        (17, 8, "`slow`: lognormal(90ms, 0.4) has no maximum; set `max`"),
        (22, 16, "`allow_paths[0]`: `cart` is not a path pattern"),
        (23, 38, "a reject needs `max`, a length of time such as `90ms`"),
        (23, 62, "`eror` is not a key of a choice; did you mean `error`?"),
        (26, 8, "fault 3 is named `c` already; give each its own name"),
        (28, 16, "`allow_rules[0]`: `Hots(`a`)` is not a rule"),
        (29, 8, "`slow`: normal(1ms, 1ms) has no maximum; set `max`"),
    ];
    check(&found, &wanted);
}

#[test]
fn all_errors_of_json_and_yaml_plans() {
    let json = errors(JSON, PlanFormat::Json);
    let places: Vec<_> = json.iter().map(|(line, column, _)| (*line, *column)).collect();
    assert_eq!(
        places,
        [(2, 14), (3, 19), (4, 10), (5, 3), (7, 15), (7, 37), (7, 49), (8, 20), (9, 58), (10, 47),],
        "{json:#?}"
    );
    let yaml = errors(YAML, PlanFormat::Yaml);
    let places: Vec<_> = yaml.iter().map(|(line, column, _)| (*line, *column)).collect();
    assert_eq!(
        places,
        [(1, 10), (2, 15), (3, 6), (4, 1), (6, 11), (7, 20), (8, 12), (9, 16), (12, 19), (15, 17),],
        "{yaml:#?}"
    );
    let texts =
        |found: Vec<(usize, usize, String)>| found.into_iter().map(|(_, _, text)| text).collect::<Vec<_>>();
    assert_eq!(texts(json), texts(yaml), "the same errors in the same words");
}

/// What is within a misspelt table or list is checked as well.
#[test]
fn a_misspelt_table_hides_no_errors() {
    let text = r#"version = 1
environments = ["e"]

[[faults]]
name = "a"
participation = 2
allow_paths = ["cart"]
eror = { status = 99 }

[stopp]
windw = "30s"

[seeed]
seed = "x"
"#;
    let wanted = [
        (4, 3, "`faults` is not a key of a plan; did you mean `fault`?"),
        (6, 17, "2 is out of range; `participation` is a share from 0 to 1"),
        (7, 16, "`allow_paths[0]`: `cart` is not a path pattern"),
        (8, 1, "`eror` is not a key of a fault; did you mean `error`?"),
        (8, 19, "99 is out of range; `status` is an integer from 200 to 599"),
        (10, 2, "`stopp` is not a key of a plan; did you mean `stop`?"),
        (11, 1, "`windw` is not a key of an automatic stop; did you mean `window`?"),
        (13, 2, "`seeed` is not a key of a plan; did you mean `seed`?"),
    ];
    check(&errors(text, PlanFormat::Toml), &wanted);
}

/// One fault in place of a list, whose errors are shown as well.
#[test]
fn a_table_in_place_of_a_list_hides_no_errors() {
    let text = "version = 1\nenvironments = \"e\"\n[fault]\nname = \"a\"\nparticipation = 2\nallow_paths = [\"cart\"]\nerror = 99\n";
    let wanted = [
        (2, 16, "`environments` is a list, each item a text; write `[…]` around it"),
        (3, 1, "`fault` is a list; write `[[fault]]` in TOML"),
        (5, 17, "2 is out of range"),
        (6, 16, "`allow_paths[0]`: `cart` is not a path pattern"),
        (7, 9, "99 is out of range"),
    ];
    check(&errors(text, PlanFormat::Toml), &wanted);
}

/// An anchor, an alias or a tag is an error, beside the errors of the rest.
#[test]
fn anchors_hide_no_errors() {
    let text = "\
version: 2
environments: [e]
defaults: &d
  participation: 0.1
fault:
  - <<: *d
    name: a
    error: 99
  - name: b
    participation: *d
    allow_paths: [cart]
    error: !!int 503
";
    let wanted = [
        (1, 10, "2 is out of range; `version` is an integer from 1 to 1"),
        (3, 1, "`defaults` is not a key of a plan"),
        (3, 11, "anchors and tags are not part of a plan"),
        (6, 9, "aliases are not part of a plan"),
        (8, 12, "99 is out of range; `error` is an integer from 200 to 599"),
        (10, 20, "aliases are not part of a plan"),
        (11, 19, "`allow_paths[0]`: `cart` is not a path pattern"),
        (12, 12, "anchors and tags are not part of a plan"),
    ];
    check(&errors(text, PlanFormat::Yaml), &wanted);
}

fn check(found: &[(usize, usize, String)], wanted: &[(usize, usize, &str)]) {
    for (index, (line, column, message)) in wanted.iter().enumerate() {
        let Some(found) = found.get(index) else { panic!("missing: {message}\n{found:#?}") };
        assert!(
            (found.0, found.1) == (*line, *column) && found.2.contains(message),
            "{found:?}, not {line}:{column} {message}"
        );
    }
    assert_eq!(found.len(), wanted.len(), "{found:#?}");
}

#[test]
fn syntax_errors_have_places() {
    for (text, format, line, column) in [
        ("version = 1\nenvironments = [\n", PlanFormat::Toml, 2, 17),
        ("version = \nttl = \n", PlanFormat::Toml, 1, 11),
        ("{ \"version\": 1,\n  \"x\" }", PlanFormat::Json, 2, 7),
        ("{ // no\n}", PlanFormat::Json, 1, 3),
        ("{ \"version\": 1, }", PlanFormat::Json, 1, 15),
        ("a: [1,\nb: 2", PlanFormat::Yaml, 2, 1),
        ("version: 1\n\tx: 2", PlanFormat::Yaml, 1, 10),
    ] {
        let found = errors(text, format);
        assert!(found.iter().any(|(l, c, _)| (*l, *c) == (line, column)), "{text:?}: {found:?}");
    }
    // TOML goes on after one.
    assert!(errors("version = \nttl = \n", PlanFormat::Toml).len() >= 2);
}

#[test]
fn each_mistake_has_its_words() {
    let fault = |line: &str| {
        format!("version = 1\nenvironments = [\"e\"]\n[[fault]]\nname = \"a\"\nparticipation = 1\n{line}\n")
    };
    let rows = [
        ("", "a fault needs one of `error`, `grpc`, `reject`"),
        ("error = 503\nslow = \"1s\"", "a fault has one of `error`"),
        (
            "error = \"503\"",
            "`error` is an error: a table, or just its `status`, an integer from 200 to 599, not a text",
        ),
        ("slow = 100", "just its `time`, a length of time such as `90ms`, not an integer"),
        (
            "error = 503\nallow_methods = \"GET\"",
            "`allow_methods` is a list, each item a text; write `[…]` around it",
        ),
        ("error = 503\nmethods = [\"GET\"]", "did you mean `allow_methods`?"),
        ("rate_limit = { rate = 5 }", "did you mean `bytes_per_second`?"),
        ("error = { status = 503, txt = \"a\" }", "did you mean `text`?"),
        (
            "slow = { distribution = \"gauss\", mean = \"1s\" }",
            "`gauss` is not a `distribution`; give one of `fixed`, `uniform`",
        ),
        (
            "slow = { distribution = \"fixed\", time = \"1s\", sigma = 1 }",
            "`sigma` does not go with `distribution = \"fixed\"`",
        ),
        ("slow = \"1\"", "`1` has no unit"),
        ("truncate = { }", "a truncation needs one of `bytes`, `fraction`"),
        ("truncate = { bytes = -1 }", "-1 is out of range; `bytes` is an integer from 0 on"),
        ("error = 503\nallow_paths = []", "`allow_paths`: [] allows nothing"),
        ("random = []", "`random` is empty; give at least 1"),
        ("random = [{ weight = 0, error = 503 }]", "leaves nothing to pick from"),
        ("error = 503\ngroup = { name = \"g\", weight = 0 }", "`group`: 0 is not a weight"),
        ("error = 503\ndecide_by = \"trace\"", "did you mean `trace_id`?"),
        ("error = 503\nfirst_per_key = 2", "`first_per_key`: 2 attempts of each key need a key"),
        (
            "error = 503\nstart = 2030-01-02T00:00:00Z\nend = 2030-01-01T00:00:00Z",
            "give the lower bound first",
        ),
        (
            "error = 503\nstart = 2030-01-01",
            "`start` is a date such as `2026-11-21T10:00:00Z`, not `2030-01-01`",
        ),
        ("error = 503\nplacement = \"sever\"", "did you mean `server`?"),
        ("error = 503\nparticipation = 0.5", "duplicate key"),
        (
            "messages = { format = \"websocket\", stop_after = 1, code = 99 }",
            "99 is not a WebSocket close code",
        ),
        (
            "corrupt = { how = \"chunk_framing\", framing = \"longer\", side = \"request\" }",
            "corrupt those of the response",
        ),
        (
            "error = { status = 503, headers = [{ name = \"a\", value = \"b\" }, { name = \"a b\", value = \"c\" }] }",
            "`error.header[1]`: `a b` is not a header name",
        ),
    ];
    for (line, message) in rows {
        let found = errors(&fault(line), PlanFormat::Toml);
        assert!(found.iter().any(|(_, _, text)| text.contains(message)), "{line}: {found:#?}");
    }
    for (text, message) in [
        (r#"{"version":1,"version":1,"environments":["e"]}"#, "the key `version` comes twice"),
        (
            r#"{"version":1,"environments":["e"],"seed":1e400}"#,
            "`seed` is an integer from 0 on, not a number",
        ),
        ("[]", "`the plan` is a plan: a table, not a list"),
        ("", "the document is empty"),
    ] {
        let found = errors(text, PlanFormat::Json);
        assert!(found.iter().any(|(_, _, text)| text.contains(message)), "{text}: {found:#?}");
    }
    for (text, message) in [
        ("version: 1\nversion: 1\nenvironments: [e]", "the key `version` comes twice"),
        ("a: &b 1\nc: *b", "anchors and tags are not part of a plan"),
        ("a: !!str 1", "anchors and tags are not part of a plan"),
        ("a: *b", "this is no YAML"),
        ("version: 1\n---\nversion: 1", "a plan is one document"),
        ("? [a]\n: b", "a key is a text"),
        ("seed: .nan", "not a number"),
    ] {
        let found = errors(text, PlanFormat::Yaml);
        assert!(found.iter().any(|(_, _, text)| text.contains(message)), "{text}: {found:#?}");
    }
}

/// What a terminal or a log obeys is escaped in the lines of errors, and the carets stay below their places.
#[test]
fn hostile_characters() {
    const HOSTILE: &str = "\u{7}\n\u{1b}\u{7f}\u{85}\u{9b}\u{200e}\u{2028}\u{2029}\u{202e}\u{2066}\u{feff}";
    for c in HOSTILE.chars() {
        let quoted = if c == '\n' { "\\n".to_owned() } else { format!("\\u{:04x}", u32::from(c)) };
        for text in [c.to_string(), quoted] {
            for document in [
                format!("version = 1\n\"a{text}b\" = 1\n"),
                format!(
                    "version = 1\nenvironments = [\"e\"]\n[[fault]]\nname = \"a{text}b\"\nerror = \"x{text}\"\n"
                ),
                format!(
                    "version = 1\nenvironments = [\"e\"]\n[[fault]]\nname = \"a\"\nslow = \"x{text}y\"\n"
                ),
                format!("version = 1\nenvironments = [\"e\"]\n[[fault]]\nallow_rules = [\"Host(`{text}\"]\n"),
            ] {
                let errors = FaultPlan::from_toml(&document).unwrap_err();
                let shown = errors.to_string();
                let found = shown.chars().find(|c| *c != '\n' && HOSTILE.contains(*c));
                assert_eq!(found, None, "{shown:?}");
                for error in &errors {
                    assert!(
                        !error.to_string().chars().any(|c| c != '\n' && HOSTILE.contains(c)),
                        "{error:?}"
                    );
                }
            }
        }
    }
}
