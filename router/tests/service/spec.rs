//! Tables as data: the same from TOML, from JSON and from structs, and every error with its line.

use http::Request;
use waylay_router::{Peer, RouteSpec, Router, Table, TableSpec};

use crate::text;

const TOML: &str = r#"
trusted_proxies = ["10.0.0.0/8"]

[[routes]]
rule = "Path(`/`)"
handler = "home"

[[routes]]
name = "article"
rule = "Path(`/articles/{id:[0-9]+}`) && Method(`GET`)"
handler = "show"
priority = 3
sealed = true
metadata = { owner = "me" }

[[scopes]]
name = "api"
prefix = "/api"
rule = "Header(`x-key`)"
sealed = true

[[scopes.routes]]
rule = "Path(`/stats`)"
handler = "stats"

[[scopes.scopes]]
prefix = "/v1"

[[scopes.scopes.routes]]
name = "link"
rule = "Path(`/x/{y}`)"
build_only = true
"#;

fn json() -> String {
    serde_json::to_string_pretty(&TableSpec::toml(TOML)).unwrap()
}

fn table(spec: &TableSpec) -> Table<String> {
    Table::builder().spec(spec, |route| Ok(route.handler.clone())).build().unwrap()
}

#[test]
fn one_table_in_two_formats() {
    let listed = table(&TableSpec::toml(TOML)).to_string();
    assert_eq!(table(&TableSpec::json(&json())).to_string(), listed);
    assert!(listed.contains("GET, HEAD  *     /articles/{id:[0-9]+}"), "{listed}");
    let spec = TableSpec::toml(TOML);
    let table = table(&spec);
    assert_eq!(spec.scopes[0].scopes[0].routes[0].name.as_deref(), Some("link"));
    for (target, key, expected) in [
        ("/", false, Some("home")),
        ("/articles/7", false, Some("show")),
        ("/api/stats", true, Some("stats")),
        ("/api/stats", false, None),
        ("/api/v1/x/y", true, None),
    ] {
        let request = Request::get(target);
        let request = if key { request.header("x-key", "1") } else { request };
        let request = request.body(()).unwrap();
        let found = table.find(&request, &Peer::default()).ok().map(|found| found.value().as_str());
        assert_eq!(found, expected, "{target} {key}");
    }
    assert_eq!(table.urls().builder("api.link").unwrap().set("y", 7).build().unwrap(), "/api/v1/x/7");
    let article = table.routes().find(|route| route.name() == Some("article")).unwrap();
    assert_eq!(
        (article.priority(), article.is_sealed(), article.metadata()["owner"].as_str()),
        (3, true, "me")
    );
    assert_eq!(article.location().to_string(), "line 8");
}

#[tokio::test]
async fn handlers_by_name() {
    let router = Router::builder()
        .state(7)
        .spec(&TableSpec::json(&json()), |spec, route| match spec.handler.as_str() {
            "home" => {
                Ok(route.to(async |axum::extract::State(seven): axum::extract::State<i32>| seven.to_string()))
            }
            _ => Ok(route.to(async || "other")),
        })
        .build()
        .unwrap();
    assert_eq!(text(&router, "/").await, (200, "7".into()));
    assert_eq!(text(&router, "/articles/1").await, (200, "other".into()));
    let mut own = TableSpec::default();
    own.routes.push(RouteSpec::new("Path(`/own`)", "own"));
    let router = Router::builder().spec(&own, |_, route| Ok(route.to(async || "own"))).build().unwrap();
    assert_eq!(text(&router, "/own").await, (200, "own".into()));
}

/// All errors of a file, with line and cause.
#[test]
fn every_error_with_its_line() {
    let errors = |spec: TableSpec| -> Vec<String> {
        let bind = |route: &RouteSpec| match route.handler.as_str() {
            "" | "known" => Ok(()),
            other => Err(format!("there is no handler `{other}`")),
        };
        let errors = Table::builder().spec(&spec, bind).build().unwrap_err();
        let mut described: Vec<String> = errors
            .iter()
            .map(|error| format!("{}: {}", error.location, error.kind).replace('\n', " "))
            .collect();
        described.sort();
        described
    };
    let toml = "\
[[routes]]
rule = \"Path(`/a`)\"
prioriti = 3

[[routes]]
rule = \"Path(`/a`\"

[[routes]]
rule = \"Path(`/{b`)\"
handler = \"known\"

[[routes]]
rule = 3

[[routes]]
rule = \"Path(`/c`)\"
handler = \"unknown\"

[[scopes]]
rule = \"Hots(`a`)\"
prefix = \"/{d\"
seald = true

[[scopes.routes]]
rule = \"Path(`/e`)\"
name = 7
";
    let json = r#"{
  "routes": [
    {"rule": "Path(`/a`)", "prioriti": 3},
    {"rule": "Path(`/a`"},
    {"rule": "Path(`/{b`)", "handler": "known"},
    {"rule": 3},
    {"rule": "Path(`/c`)",
     "handler": "unknown"}
  ],
  "scopes": [{
    "rule": "Hots(`a`)", "prefix": "/{d", "seald": true,
    "routes": [{
      "rule": "Path(`/e`)",
      "name": 7
    }]
  }]
}"#;
    for (spec, lines) in
        [(TableSpec::toml(toml), [3, 5, 8, 13, 15, 22, 26]), (TableSpec::json(json), [3, 4, 5, 6, 7, 11, 14])]
    {
        let described = errors(spec);
        let shown = described.join("\n");
        let causes = [
            "unknown field `prioriti`, expected",
            ")",
            "variable is not closed",
            "invalid type: integer `3`",
            "there is no handler `unknown`",
            "unknown field `seald`, expected",
            "invalid type: integer `7`",
        ];
        for (line, cause) in lines.into_iter().zip(causes) {
            let line = format!("line {line}: ");
            assert!(
                described.iter().any(|one| one.starts_with(&line) && one.contains(cause)),
                "{line}{cause}\n{shown}"
            );
        }
        assert_eq!(described.len(), 7, "{shown}");
    }
    // A syntax error of TOML or JSON has its line too.
    for (spec, expected) in [
        (TableSpec::toml("\n[[routes]\n"), "line 2: "),
        (TableSpec::json("{\n\"routes\": [}"), "line 2: "),
        (TableSpec::toml("routes = 1"), "line 1: `routes` is a list of tables, and this is of type integer"),
        (TableSpec::json("{\"routes\": 1}"), "line 1: `routes` is a list of objects"),
        (TableSpec::json("[]"), "line 1: this is no object"),
        (TableSpec::json("{\"routes\": [[\"Path(`/`)\"]]}"), "line 1: this is no object"),
        (TableSpec::toml("routes = [['Path(`/`)']]"), "line 1: this is no table"),
        (TableSpec::toml("dialect = 'unheard'"), "line 1: unknown variant `unheard`, expected"),
        (
            TableSpec::toml("[[routes]]\npath = '/a'\n"),
            "; a condition is a function of the rule, as in \"Path(`/a/{id}`) && Method(`GET`)\"",
        ),
        (
            TableSpec::json("{\"routes\": [{\"methods\": [\"GET\"]}]}"),
            "; a condition is a function of the rule",
        ),
        (TableSpec::toml("trusted_proxies = ['x']"), "`x` is not an IP address or a network"),
    ] {
        let described = errors(spec);
        assert!(described.iter().any(|one| one.contains(expected)), "{expected} {described:?}");
    }
}

#[test]
fn the_schema_has_every_field() {
    let schema = TableSpec::json_schema().to_string();
    for name in
        ["trusted_proxies", "dialect", "routes", "scopes", "RouteSpec", "metadata", "build_only", "native"]
    {
        assert!(schema.contains(&format!("\"{name}\"")), "{name} {schema}");
    }
    assert!(!schema.contains("\"errors\"") && !schema.contains("\"line\""));
}

/// The errors of rules, handlers and the file stand together, with the file's name, for tables and for routers; the lints of
/// rules follow.
#[test]
fn all_errors_with_the_name_of_the_file() {
    let text = "\
[[routes]]
rule = \"Path(`/a/:id`)\"
handler = \"unknown\"

[[scopes]]
prefix = \"/s\"

[[scopes.routes]]
rule = \"Method(`get`) && Host(`{h`)\"
handler = \"other\"

[[scopes.routes]]
rule = \"Path(`/lint`) && Method(`get`)\"
handler = \"known\"

[[routes]]
rul = 3
";
    let path = std::env::temp_dir().join(format!("waylay-spec-{}.toml", std::process::id()));
    std::fs::write(&path, text).unwrap();
    let unknown = |route: &RouteSpec| format!("there is no handler `{}`", route.handler);
    for (spec, file) in [
        (TableSpec::toml(text).named("gateway.toml"), "gateway.toml"),
        (TableSpec::open(&path), path.to_str().unwrap()),
    ] {
        let table = Table::builder().spec(&spec, |route| match route.handler.as_str() {
            "known" => Ok(()),
            _ => Err(unknown(route)),
        });
        let router = Router::builder().spec(&spec, |spec, route| match spec.handler.as_str() {
            "known" => Ok(route.to(async || "known")),
            _ => Err(unknown(spec)),
        });
        for errors in [table.build().unwrap_err(), router.build().unwrap_err()] {
            let shown = errors.to_string();
            for part in [
                &format!("({file}:1): there is no handler `unknown`"),
                "write `{id}`",
                &format!("({file}:8): there is no handler `other`"),
                "variable is not closed",
                &format!("({file}:17): unknown field `rul`"),
                &format!("lint: route `*` ({file}:12): methods are case-sensitive"),
            ] {
                assert!(shown.contains(part), "{part}\n{shown}");
            }
            assert!(shown.matches("\n    ").count() > 2 && errors.lints().count() >= 1, "{shown}");
        }
    }
    std::fs::remove_file(&path).unwrap();
    let missing = Table::builder().spec(&TableSpec::open(&path), |_| Ok(())).build().unwrap_err().to_string();
    assert!(missing.contains("the file is not readable") && missing.contains(".toml:1"), "{missing}");
    let other = Table::builder().spec(&TableSpec::open(file!()), |_| Ok(())).build().unwrap_err().to_string();
    assert!(other.contains("spec.rs:1"), "{other}");
}
