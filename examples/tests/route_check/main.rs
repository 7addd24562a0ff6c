//! The program `route-check`: input lines, output lines, exit codes.

mod gorilla;
mod table_file;

use std::io::Write;
use std::process::{Command, Stdio};

/// Output and exit code of a run of the program.
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
    // A separate thread, since both pipes may be full at once. After wrong arguments stdin is closed unread.
    let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().expect("the program exits");
    writer.join().expect("the writer ends");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    Run { output: text(output.stdout), errors: text(output.stderr), code: output.status.code() }
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

#[test]
fn results_in_the_native_dialect() {
    let errors = assert_run(
        &[],
        &[
            r#"{"id":"shop","routes":[{"name":"article","path":"/a/{id:[0-9]+}","methods":["GET"]},{"name":"new","path":"/a/new"},{"name":"api","prefix":"/api","host":"{t}.localhost","children":[{"name":"stats","path":"/stats","queries":[["page","{page:[0-9]+}"]]}]}],"requests":[{"url":"/a/7"},{"url":"/a/new"},{"method":"POST","url":"/a/7"},{"url":"/b"},{"url":"/a/%zz"},{"url":"/api/stats?page=3","host":"acme.localhost"}],"builds":[{"name":"article","vars":{"id":"42"}},{"name":"article","vars":{"id":"x"}},{"name":"article"},{"name":"stats","vars":{"t":"acme","page":"1"}},{"name":"none"}]}"#,
            r#"{"routes":[{"name":"s","path":"/","schemes":["https"],"headers":[["X-Key",""],["X-Kind","b"]]},{"path":"/"}],"requests":[{"url":"/","tls":true,"headers":{"x-key":"1","X-KIND":["a","b"]}},{"url":"/","headers":{"x-key":"1","X-Kind":"b"}},{"url":"/","tls":true,"headers":{"X-Kind":"b"},"remote":"[::1]:9"}]}"#,
        ],
        &[
            r#"{"id":"shop","results":[{"matched":"article","status":200,"vars":{"id":"7"},"path_template":"/a/{id:[0-9]+}"},{"matched":"new","status":200,"vars":{},"path_template":"/a/new"},{"matched":null,"status":405,"allow":["GET","HEAD"],"vars":{}},{"matched":null,"status":404,"vars":{}},{"matched":null,"status":400,"vars":{}},{"matched":"stats","status":200,"vars":{"page":"3","t":"acme"},"path_template":"/api/stats"}],"build_results":[{"url":"/a/42","path":"/a/42"},{"error":"var_mismatch"},{"error":"missing_var"},{"url":"http://acme.localhost/api/stats?page=1","host":"http://acme.localhost","path":"/api/stats"},{"error":"no_such_route"}],"route_errors":[],"lints":[]}"#,
            r#"{"results":[{"matched":"s","status":200,"vars":{},"path_template":"/"},{"matched":"routes[1]","status":200,"vars":{},"path_template":"/"},{"matched":"routes[1]","status":200,"vars":{},"path_template":"/"}],"build_results":[],"route_errors":[],"lints":[]}"#,
        ],
        0,
    );
    assert_eq!(errors, "");
}

const INVALID_ROUTES: &str = r#"{"routes":[{"name":"open","path":"/{a"},{"name":"ok","path":"/ok"},{"name":"s","prefix":"/{q","children":[{"name":"in","path":"/x"}]}],"requests":[{"url":"/ok"},{"url":"/x"}],"builds":[{"name":"ok"},{"name":"open"}]}"#;

#[test]
fn an_invalid_route_rejects_the_native_table() {
    let errors = assert_run(
        &["--dialect", "native"],
        &[
            INVALID_ROUTES,
            r#"{"routes":[{"name":"a","path":"/x"},{"name":"b","path":"/x"},{"name":"a","path":"/y"}],"requests":[{"url":"/x"}]}"#,
        ],
        &[
            r#"{"results":[null,null],"build_results":[null,null],"route_errors":["open","s"],"lints":[]}"#,
            r#"{"results":[null],"build_results":[],"route_errors":["b","a"],"lints":[]}"#,
        ],
        1,
    );
    assert!(errors.contains("line 1: route `open`: variable is not closed"), "{errors}");
    assert!(errors.contains("line 2: route `b`: matches the same requests as route `a`"), "{errors}");
    assert!(errors.contains("line 2: route `a`: another route has this name"), "{errors}");
}

#[test]
fn an_invalid_route_is_left_out_in_gorillas_dialect() {
    assert_run(
        &["--dialect=gorilla"],
        &[INVALID_ROUTES],
        &[
            r#"{"results":[{"matched":"ok","status":200,"vars":{},"path_template":"/ok"},{"matched":null,"status":404,"vars":{}}],"build_results":[{"url":"/ok","path":"/ok"},{"error":"route_error"}],"route_errors":["open","s"],"lints":[]}"#,
        ],
        0,
    );
}

#[test]
fn the_options_of_a_line_are_used() {
    assert_run(
        &[],
        &[
            r#"{"router":{"dialect":"gorilla"},"routes":[{"name":"any","path":"/{x}"},{"name":"x","path":"/x","methods":["get"]}],"requests":[{"url":"/x"},{"url":"/a/../x?q=1"},{"url":"http://h//x","host":"h"}]}"#,
            r#"{"router":{"precedence":"registration"},"routes":[{"name":"any","path":"/{x}"},{"name":"x","path":"/x"}],"requests":[{"url":"/x"}]}"#,
            r#"{"router":{"dialect":"gorilla","skip_clean":true,"use_encoded_path":true},"routes":[{"name":"two","path":"/{x}/{y}"},{"name":"one","path":"/{x}"}],"requests":[{"url":"/a%2Fb"},{"url":"/./b"}]}"#,
            r#"{"router":{"dialect":"gorilla"},"routes":[{"name":"both","path":"/x","extra":[["methods","GET"],["headers","X-A","1"]],"order":["path"]}],"requests":[{"url":"/x"},{"url":"/x","headers":{"x-a":"1"}},{"method":"PUT","url":"/x","headers":{"x-a":"1"}}]}"#,
        ],
        &[
            r#"{"results":[{"matched":"any","status":200,"vars":{"x":"x"},"path_template":"/{x}"},{"matched":null,"status":301,"location":"/x?q=1","vars":{},"redirect_by":"clean"},{"matched":null,"status":301,"location":"/x","vars":{},"redirect_by":"clean"}],"build_results":[],"route_errors":[],"lints":["route `x`: is never reached, since route `any` wins whatever it matches"]}"#,
            r#"{"results":[{"matched":"any","status":200,"vars":{"x":"x"},"path_template":"/{x}"}],"build_results":[],"route_errors":[],"lints":["route `x`: is never reached, since route `any` wins whatever it matches"]}"#,
            r#"{"results":[{"matched":"one","status":200,"vars":{"x":"a%2Fb"},"path_template":"/{x}"},{"matched":"two","status":200,"vars":{"x":".","y":"b"},"path_template":"/{x}/{y}"}],"build_results":[],"route_errors":[],"lints":[]}"#,
            r#"{"results":[{"matched":null,"status":404,"vars":{}},{"matched":"both","status":200,"vars":{},"path_template":"/x"},{"matched":null,"status":405,"allow":["GET"],"vars":{}}],"build_results":[],"route_errors":[],"lints":[]}"#,
        ],
        0,
    );
}

#[test]
fn an_invalid_line_is_reported_and_skipped() {
    let errors = assert_run(
        &[],
        &[
            "nonsense",
            r#"{"routes":[],"ruotes":[]}"#,
            r#"[{"routes":[]}]"#,
            r#"{"routes":[{"path":"/","handler":true},{"path":"/b","middlewares":[]}],"requests":[{"url":"/"}]}"#,
            r#"{"router":{"dialect":"vulcand"},"routes":[]}"#,
            r#"{"routes":[{"path":"/","methods":["G T"]}]}"#,
            r#"{"requests":[{"url":"/","remote":"here"}]}"#,
            r#"{"routes":[{"path":"/p","prefix":"/q"}],"requests":[{"url":"/","raw_query":"a b"}]}"#,
            r#"{"id":7}"#,
            r#"{"routes":[{"paht":"/"}]}"#,
        ],
        &[
            r#"{"line":1,"error":"column 2: expected ident"}"#,
            r#"{"line":2,"error":"column 21: unknown key `ruotes`, expected one of `id`, `router`, `routes`, `requests`, `builds`, `results`, `build_results`, `route_errors`"}"#,
            r#"{"line":3,"error":"invalid type: sequence, expected an object"}"#,
            r#"{"line":4,"error":"not supported: routes[0].handler"}"#,
            r#"{"results":[],"build_results":[],"route_errors":[],"lints":[]}"#,
            r#"{"line":6,"error":"routes[0]: `G T` is not a method"}"#,
            r#"{"line":7,"error":"remote `here` is not an address"}"#,
            r#"{"line":8,"error":"not supported: routes[0]: path with another path"}"#,
            r#"{"id":7,"results":[],"build_results":[],"route_errors":[],"lints":[]}"#,
            r#"{"line":10,"error":"column 18: unknown key `paht`, expected one of `name`, `host`, `path`, `prefix`, `methods`, `schemes`, `queries`, `headers`, `headers_regexp`, `priority`, `build_only`, `children`, `rule`, `sealed`, `strict_slash`"}"#,
        ],
        1,
    );
    assert_eq!(
        errors,
        "unsupported: 2 lines (handler 1, path with another path 1); \
         2 requests and 0 builds not compared\n"
    );
}

#[test]
fn agreeing_results_are_counted() {
    let errors = assert_run(
        &["--dialect", "gorilla", "--expect"],
        &[
            r#"{"id":1,"routes":[{"name":"a","path":"/x","methods":["POST"]},{"name":"g","path":"/g/{v}","host":"h"}],"requests":[{"url":"/x"},{"url":"/y"},{"url":"http://h//g/1"},{"url":"/g/1","host":"h"},{"url":"/y"}],"results":[{"matched":null,"status":404,"allow_probe":["POST"]},{"matched":null,"status":405},{"matched":null,"status":301,"location":"http://h/g/1","redirect_by":"clean"},{"matched":"g","status":200,"vars":{"v":"1"},"path_template":"/g/{v}"},{"matched":"a","status":200,"quirk":"stateful_405"}],"builds":[{"name":"g","vars":{"v":"!!"}},{"name":"g"}],"build_results":[{"url":"http://h/g/%21%21","host":"http://h","path":"/g/%21%21"},{"url_error":"missing_var","host":"http://h"}]}"#,
            r#"{"id":2,"routes":[{"name":"bad","path":"/{"}],"route_errors":["bad"]}"#,
            r#"{"id":3,"routes":[{"path":"/(a)"}],"requests":[{"url":"/"}],"results":[{"matched":"?"}],"setup_panic":"capture_groups"}"#,
        ],
        &["4 requests, 4 agree, 0 differ; 2 builds, 2 agree, 0 differ; 1 rejects, 1 agree, 0 differ"],
        0,
    );
    assert_eq!(errors, "skipped: 2 results that show a defect of the original (quirk 2)\n");
}

#[test]
fn differences_are_printed() {
    assert_run(
        &["--expect"],
        &[
            r#"{"id":"d","routes":[{"name":"any","path":"/{x}"},{"name":"x","path":"/x","methods":["GET"]}],"requests":[{"url":"/x"},{"method":"PUT","url":"/y"}],"results":[{"matched":"any","status":200},{"matched":"any","status":200,"vars":{"x":"y"}}],"builds":[{"name":"x"}],"build_results":[{"url":"/y"}]}"#,
            r#"{"routes":[{"name":"bad","path":"/{"}],"requests":[{"url":"/"}],"results":[{"matched":"bad"}]}"#,
            r#"{"routes":[{"name":"ok","path":"/"}],"requests":[{"url":"/","host":"h"}],"results":[null],"route_errors":["ok"]}"#,
            "{",
        ],
        &[
            r#"{"line":1,"id":"d","request":{"number":0,"method":"GET","url":"/x"},"expected":{"matched":"any","status":200},"got":{"matched":"x","path_template":"/x","status":200,"vars":{}},"explain":["`any`: * /{x}: alone, it matches","`x`: GET, HEAD /x: alone, it matches"]}"#,
            r#"{"line":1,"id":"d","build":{"number":0,"name":"x"},"expected":{"url":"/y"},"got":{"path":"/x","url":"/x"},"explain":["vars {}"]}"#,
            r#"{"line":2,"request":{"number":0,"method":"GET","url":"/"},"expected":{"matched":"bad"},"got":null,"explain":["the table is rejected"]}"#,
            r#"{"line":2,"route":"bad","expected":"compiles","got":"route_error","explain":["variable is not closed, add `}` (a literal brace is `{{`)\n    /{\n     ^"]}"#,
            r#"{"line":3,"request":{"number":0,"method":"GET","url":"/","host":"h"},"expected":null,"got":{"matched":"ok","path_template":"/","status":200,"vars":{}},"explain":["`ok`: * /: alone, it matches"]}"#,
            r#"{"line":3,"route":"ok","expected":"route_error","got":"compiles","explain":[]}"#,
            r#"{"line":4,"error":"column 1: EOF while parsing an object"}"#,
            "4 requests, 1 agree, 3 differ; 1 builds, 0 agree, 1 differ; 2 rejects, 0 agree, 2 differ",
        ],
        1,
    );
}

#[test]
fn a_percentage_of_differences_is_allowed() {
    let line = r#"{"routes":[{"name":"a","path":"/"}],"requests":[{"url":"/"},{"url":"/"},{"url":"/"},{"url":"/b"}],"results":[{"matched":"a"},{"matched":"a"},{"matched":"a"},{"matched":"b"}]}"#;
    for (percent, code) in [("25", 0), ("24.9", 1), ("0", 1), ("100", 0)] {
        let run = run(&["--expect", "--allow", percent], format!("{line}\n").as_bytes());
        assert_eq!(run.code, Some(code), "{percent}: {}", run.errors);
        assert!(run.output.contains("4 requests, 3 agree, 1 differ;"), "{percent}: {}", run.output);
    }
    let run = run(&["--expect", "--allow", "100"], b"{\n");
    assert_eq!(run.code, Some(1), "a line with an error is not a difference");
}

#[test]
fn a_wrong_argument_is_one_line() {
    for (args, message) in [
        (
            &["--expcet"][..],
            "unexpected argument '--expcet' found; tip: a similar argument exists: '--expect'",
        ),
        (&["--dialect"], "a value is required for '--dialect <DIALECT>'"),
        (&["--dialect", "go"], "invalid value 'go' for '--dialect <DIALECT>'"),
        (&["--dialect="], "a value is required for '--dialect <DIALECT>'"),
        (&["--expect=yes"], "unexpected value 'yes' for '--expect' found"),
        (&["cases.jsonl"], "unexpected argument 'cases.jsonl' found"),
        (&["--allow"], "a value is required for '--allow <PERCENT>'"),
        (&["--allow=101"], "invalid value '101' for '--allow <PERCENT>': not a number from 0 to 100"),
        (&["--allow", "NaN"], "invalid value 'NaN' for '--allow <PERCENT>': not a number from 0 to 100"),
    ] {
        let run = run(args, b"{}\n");
        assert_eq!((run.code, run.output.as_str()), (Some(2), ""), "{args:?}");
        assert!(run.errors.starts_with(&format!("route-check: {message}")), "{args:?}: {}", run.errors);
        assert_eq!(run.errors.lines().count(), 1, "{args:?}: {}", run.errors);
    }
    let help = run(&["--help"], b"");
    assert!(help.code == Some(0) && help.output.contains("Usage: route-check"), "{}", help.output);
    assert!(help.output.contains("\nExamples:\n"), "{}", help.output);
}

#[test]
fn no_input_is_an_error() {
    for args in [&[][..], &["--expect"], &["--explain"]] {
        let run = run(args, b"");
        assert_eq!((run.code, run.output.as_str()), (Some(2), ""), "{args:?}");
        assert!(run.errors.starts_with("route-check: no input; give lines of JSON"), "{}", run.errors);
    }
}

/// A table that does not build is no difference that `--allow` allows, unless the line expects it.
#[test]
fn a_table_that_does_not_build_fails() {
    let line = r#"{"routes":[{"name":"a","path":"/{"}],"requests":[{"url":"/"}],"results":[null],"route_errors":["a"]}"#;
    let unexpected = line.replace(r#","route_errors":["a"]"#, "");
    for (args, line, code) in [
        (&[][..], line, 1),
        (&["--explain"], line, 1),
        (&["--expect"], line, 0),
        (&["--expect", "--allow", "100"], line, 0),
        (&["--expect", "--allow", "100"], &unexpected, 1),
    ] {
        let run = run(args, format!("{line}\n").as_bytes());
        assert_eq!(run.code, Some(code), "{args:?} {line}: {}{}", run.output, run.errors);
    }
}

/// Two spellings of one location are two locations; only gorilla/mux's are known to have other escapes.
#[test]
fn locations_are_compared_byte_by_byte() {
    let line = |dialect: &str, location: &str| {
        format!(
            r#"{{"router":{{"dialect":"{dialect}","strict_slash":true}},"routes":[{{"name":"a","path":"/{{x}}/"}}],"requests":[{{"url":"/a*"}}],"results":[{{"matched":"a","location":"{location}","vars":{{"x":"a*"}}}}]}}"#
        )
    };
    for (dialect, location, code) in [
        ("native", "/a*/", 0),
        ("native", "/a%2A/", 1),
        ("native", "http://a/a*/", 1),
        ("gorilla", "/a%2A/", 0),
        ("gorilla", "/b/", 1),
    ] {
        let run = run(&["--expect"], line(dialect, location).as_bytes());
        assert_eq!(run.code, Some(code), "{dialect} {location}: {}{}", run.output, run.errors);
    }
}

/// A line of a megabyte without a newline at its end.
#[test]
fn a_long_line() {
    let routes: Vec<String> =
        (0..500).map(|i| format!(r#"{{"name":"{i:0>2000}","path":"/r{i}/{{x:[0-9]+}}"}}"#)).collect();
    let line = format!(r#"{{"routes":[{}],"requests":[{{"url":"/r499/7"}}]}}"#, routes.join(","));
    assert!(line.len() > 1_000_000);
    let run = run(&[], line.as_bytes());
    let matched = format!(r#"{{"results":[{{"matched":"{:0>2000}","status":200,"#, 499);
    assert!(run.output.starts_with(&matched), "{}", run.output);
    assert_eq!(run.code, Some(0));
}

/// Changes, removes and doubles bytes of lines: each input line gets one output line.
#[test]
fn mutated_lines_get_one_output_line_each() {
    const LINE: &[u8] = br#"{"routes":[{"name":"a","path":"/{x:[0-9]+}/{y}","host":"{s}.h","queries":[["k","{v:a|b}"]]},{"prefix":"/p","children":[{"name":"b","path":"/q{z}"}]}],"requests":[{"url":"http://t.h/1/%41?k=a","headers":{"A":["b"]}},{"url":"/p/q1"}],"builds":[{"name":"a","vars":{"x":"1","y":"%","s":"t","v":"b"}}]}"#;
    const KEYS: &[u8] = br#"{"router":{"middlewares":["m"],"cors":true,"not_found":true,"strict_slash":true},"routes":[{"name":"s","prefix":"/{p}","sub":{"not_found":true,"middlewares":["n"]},"after":[["headers","K",""]],"children":[{"name":"c","path":"/c/","extra":[["methods","GET"]],"middlewares":["l"]}]},{"path":"/w","handler":true,"children":[{"path":"","no_handler":true}]},{"name":"m","path":"/m","mount":[{"path":"/m"}]},{"name":"v","path":"/{v}","build_vars":{"v":"x"}}],"introspect":true,"walk":true,"requests":[{"url":"/a/c","headers":{"K":""}},{"url":"/w"},{"url":"/m","raw_query":"?"},{"url":"/a/b"}],"builds":[{"name":"v"}]}"#;
    const BYTES: &[u8] = b"{}[]\":,\\/%*?&=.()|^$+-0aZ \xff\xc3\x00\r";
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let mut draw = |below: usize| {
        // Marsaglia's xorshift: any generator with equal numbers in each run would do.
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        (seed % below as u64) as usize
    };
    let mut input = Vec::new();
    let lines = 2_000;
    for i in 0..lines {
        let base = if i % 2 == 0 { LINE } else { KEYS };
        let mut line = base.to_vec();
        for _ in 0..1 + draw(2) {
            let at = draw(line.len());
            match draw(4) {
                0 => line[at] = BYTES[draw(BYTES.len())],
                1 => line.insert(at, BYTES[draw(BYTES.len())]),
                2 => drop(line.drain(at..(at + 1 + draw(8)).min(line.len()))),
                _ => line.extend_from_within(at..(at + 1 + draw(8)).min(line.len())),
            }
            if line.is_empty() {
                line = base.to_vec();
            }
        }
        input.extend(line);
        input.push(b'\n');
    }
    for (args, share) in [(["--dialect", "gorilla"], 20), (["--dialect", "native"], 50)] {
        let run = run(&args, &input);
        assert_eq!(run.code, Some(1), "{}", run.errors);
        assert_eq!(run.output.lines().count(), lines, "{}", run.errors);
        let evaluated = run.output.lines().filter(|line| line.contains(r#""results""#)).count();
        assert!(evaluated > lines / share, "only {evaluated} lines were evaluated");
    }
}

#[test]
fn rules_are_read_in_their_dialect() {
    assert_run(
        &[],
        &[
            r#"{"routes":[{"name":"r","rule":"Host(`a`) && !Path(`/x`) || Path(`/{y}`) && Method(`PUT`)"}],"requests":[{"url":"/x","host":"a"},{"url":"/z","host":"a"},{"method":"PUT","url":"/z"}]}"#,
            r#"{"routes":[{"name":"r","rule":"Hots(`a`)"}],"requests":[{"url":"/"}]}"#,
            r#"{"router":{"dialect":"traefik_v3"},"routes":[{"name":"r","rule":"PathPrefix(`/a`)"},{"name":"s","rule":"PathPrefix(`/ab`)"}],"requests":[{"url":"/abc"},{"url":"/ac"}]}"#,
            r#"{"router":{"dialect":"vulcand"},"routes":[{"name":"r","rule":"Path(\"/<int:n>\")"}],"requests":[{"url":"/7"},{"url":"/x"}]}"#,
            r#"{"routes":[{"name":"s","rule":"PathPrefix(`/p`) && (Host(`a`) || Host(`b`))","children":[{"name":"r","path":"/x"}]}],"requests":[{"url":"/p/x","host":"b"},{"url":"/p/x","host":"c"}]}"#,
        ],
        &[
            r#"{"results":[{"matched":null,"status":405,"allow":["PUT"],"vars":{}},{"matched":"r","status":200,"vars":{},"path_template":"/"},{"matched":"r","status":200,"vars":{"y":"z"},"path_template":"/{y}"}],"build_results":[],"route_errors":[],"lints":["route `r`: `!Path(`/x`)` negates a path, but what the upstream decodes is not what was tested; use `Policy::strict()`, or set empty_segments, encoded_slashes, backslashes, dot_parameters"]}"#,
            r#"{"results":[null],"build_results":[],"route_errors":["r"],"lints":[]}"#,
            r#"{"results":[{"matched":"s","status":200,"vars":{},"path_template":"/ab…"},{"matched":"r","status":200,"vars":{},"path_template":"/a…"}],"build_results":[],"route_errors":[],"lints":[]}"#,
            r#"{"results":[{"matched":"r","status":200,"vars":{"n":"7"},"path_template":"/{n:[0-9]+}"},{"matched":null,"status":404,"vars":{}}],"build_results":[],"route_errors":[],"lints":[]}"#,
            r#"{"results":[{"matched":"r","status":200,"vars":{},"path_template":"/p/x"},{"matched":null,"status":404,"vars":{}}],"build_results":[],"route_errors":[],"lints":[]}"#,
        ],
        1,
    );
}

/// The outcome of every route, with the names of the line.
#[test]
fn requests_are_explained() {
    let line = r#"{"routes":[{"name":"a","path":"/a/{id:[0-9]+}"},{"path":"/{x}/y","methods":["POST"]}],
        "requests":[{"method":"GET","url":"/a/y"}]}"#
        .replace('\n', "");
    let output = run(&["--explain"], line.as_bytes()).output;
    for expected in [
        "is a miss: 405, allowed are POST",
        "failed    a",
        "path /a/{id:[0-9]+}: got /a/y",
        "method POST: got GET",
    ] {
        assert!(output.contains(expected), "{expected}\n{output}");
    }
}
