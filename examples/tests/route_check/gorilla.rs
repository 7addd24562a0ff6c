//! Lines in gorilla's dialect: all keys of the format, and the known defects of the original.

use crate::{assert_run, run};

#[test]
fn a_miss_handler_ends_the_search() {
    assert_run(
        &["--dialect", "gorilla"],
        &[
            r##"{"id":"claims","router":{"not_found":true,"method_not_allowed":true},"routes":[{"name":"e","path":"/a/e"},{"name":"s","prefix":"/a","sub":{"not_found":true},"children":[{"name":"c","path":"/b","methods":["GET"]}]},{"name":"m","prefix":"/m","sub":{"method_not_allowed":true},"children":[{"name":"d","path":"/b","methods":["GET"]}]},{"name":"z","prefix":"/"}],"requests":[{"url":"/a/e"},{"url":"/a/b"},{"url":"/a/x"},{"method":"PUT","url":"/a/b"},{"method":"PUT","url":"/m/b"},{"url":"/m/x"}]}"##,
            r##"{"id":"mna","routes":[{"name":"p","path":"/a/x","methods":["POST"]},{"name":"s","prefix":"/a","sub":{"method_not_allowed":true},"children":[{"name":"c","path":"/b"}]},{"name":"z","path":"/a/x"}],"requests":[{"url":"/a/x"},{"url":"/a/b"},{"url":"/a/q"}]}"##,
            r##"{"id":"root","router":{"not_found":true,"method_not_allowed":true},"routes":[{"name":"c","path":"/b","methods":["GET"]}],"requests":[{"url":"/x"},{"method":"PUT","url":"/b"}]}"##,
        ],
        &[
            r##"{"id":"claims","results":[{"matched":"e","status":200,"vars":{},"path_template":"/a/e"},{"matched":"c","status":200,"vars":{},"path_template":"/a/b"},{"matched":null,"status":404,"vars":{},"handled_by":"not_found:s"},{"matched":"z","status":200,"vars":{},"path_template":"/"},{"matched":null,"status":405,"allow":["GET"],"vars":{},"handled_by":"method_not_allowed:m"},{"matched":"z","status":200,"vars":{},"path_template":"/"}],"build_results":[],"route_errors":[],"lints":[]}"##,
            r##"{"id":"mna","results":[{"matched":null,"status":405,"allow":["POST"],"vars":{},"handled_by":"method_not_allowed:s"},{"matched":"c","status":200,"vars":{},"path_template":"/a/b"},{"matched":null,"status":404,"vars":{}}],"build_results":[],"route_errors":[],"lints":[]}"##,
            r##"{"id":"root","results":[{"matched":null,"status":404,"vars":{},"handled_by":"not_found:root"},{"matched":null,"status":405,"allow":["GET"],"vars":{},"handled_by":"method_not_allowed:root"}],"build_results":[],"route_errors":[],"lints":[]}"##,
        ],
        0,
    );
}

#[test]
fn middlewares_are_traced() {
    assert_run(
        &["--dialect", "gorilla"],
        &[
            r##"{"id":"way","router":{"middlewares":["a","b"],"cors":true,"strict_slash":true},"routes":[{"name":"s","prefix":"/s","sub":{"middlewares":["s"]},"children":[{"name":"c","path":"/c/","methods":["GET","OPTIONS"],"middlewares":["c"]}]}],"requests":[{"url":"/s/c/"},{"url":"/s/c"},{"url":"/s//c"},{"url":"/s/d"}]}"##,
        ],
        &[
            r##"{"id":"way","results":[{"matched":"c","status":200,"vars":{},"path_template":"/s/c/","trace":["a","b","s","c","handler:c"],"access_control_allow_methods":"GET, OPTIONS"},{"matched":"c","status":301,"location":"/s/c/","vars":{},"path_template":"/s/c/","redirect_by":"strict_slash","trace":["a","b","s"],"access_control_allow_methods":"GET, OPTIONS"},{"matched":null,"status":301,"location":"/s/c","vars":{},"redirect_by":"clean"},{"matched":null,"status":404,"vars":{}}],"build_results":[],"route_errors":[],"lints":[]}"##,
        ],
        0,
    );
}

#[test]
fn a_scope_handles_children_without_a_handler() {
    assert_run(
        &["--dialect", "gorilla"],
        &[
            r##"{"id":"handlers","routes":[{"name":"o","path":"/x","handler":true,"children":[{"name":"i","methods":["PUT"],"no_handler":true}]},{"name":"n","path":"/n","no_handler":true},{"name":"after","path":"/n"}],"requests":[{"method":"PUT","url":"/x"},{"url":"/x"},{"url":"/n"}]}"##,
        ],
        &[
            r##"{"id":"handlers","results":[{"matched":"o","status":200,"vars":{},"path_template":"/x"},{"matched":null,"status":405,"allow":["PUT"],"vars":{}},{"matched":null,"status":404,"vars":{}}],"build_results":[],"route_errors":[],"lints":["route `after`: is never reached, since route `n` wins whatever it matches"]}"##,
        ],
        0,
    );
}

#[test]
fn a_miss_of_a_mounted_router_is_final() {
    assert_run(
        &["--dialect", "gorilla"],
        &[
            r##"{"id":"mount","router":{"middlewares":["r"]},"routes":[{"name":"m","prefix":"/m","middlewares":["o"],"mount":[{"name":"in","path":"/m/{id}","methods":["GET"],"middlewares":["i"]}]},{"name":"z","prefix":"/"}],"requests":[{"url":"/m/1"},{"url":"/m"},{"method":"PUT","url":"/m/1"}]}"##,
        ],
        &[
            r##"{"id":"mount","results":[{"matched":"in","status":200,"vars":{"id":"1"},"path_template":"/m/{id}","trace":["r","o","i","handler:in"]},{"matched":null,"status":404,"vars":{}},{"matched":null,"status":405,"allow":["GET"],"vars":{}}],"build_results":[],"route_errors":[],"lints":[]}"##,
        ],
        0,
    );
}

#[test]
fn conditions_of_each_kind() {
    assert_run(
        &["--dialect", "gorilla"],
        &[
            r##"{"id":"conditions","routes":[{"name":"s","prefix":"/a","after":[["headers","X-K","1"]],"children":[{"name":"c","path":"/b"}]},{"name":"t","extra":[["custom_url_host_eq","h:1"]]},{"name":"u","prefix":"/p","path":"/q","order":["prefix","path"]},{"name":"v","path":"/v","prefix":"/w"},{"name":"x","path":"/x","methods":[]},{"name":"h","path":"/h","headers":[["Host","h"]]},{"name":"q","queries":[[" ?","{v}"]]}],"requests":[{"url":"/a/b"},{"url":"/a/b","headers":{"X-K":"1"}},{"url":"http://h:1/","host":"g"},{"url":"/p/q"},{"url":"/v/w"},{"url":"/x"},{"url":"/h","host":"h"},{"url":"/","raw_query":"a<b> ?&\"=#&b"},{"url":"/","raw_query":"z& ?=é \"&y"}]}"##,
            r##"{"id":"names","router":{"omit_route":true},"routes":[{"name":"a","path":"/{v}","build_vars":{"v":"set"}},{"name":"two","path":"/two","name2":"deux"}],"requests":[{"url":"/two"}],"builds":[{"name":"a","vars":{"v":"given"}},{"name":"two"}]}"##,
            r##"{"id":"whole","router":{"strict_slash":true},"routes":[{"path":"/f/","children":[{"name":"c","path":"/"},{"name":"n","path":"/x"}]},{"path":"/{v:.+}","children":[{"name":"w","path":"/y"}]}],"requests":[{"url":"/f/"},{"url":"/f"},{"url":"/f/x"},{"url":"/f/x/y"}]}"##,
        ],
        &[
            r##"{"id":"conditions","results":[{"matched":null,"status":404,"vars":{}},{"matched":"c","status":200,"vars":{},"path_template":"/a/b"},{"matched":"t","status":200,"vars":{}},{"matched":"u","status":200,"vars":{},"path_template":"/p/q"},{"matched":null,"status":404,"vars":{}},{"matched":null,"status":404,"vars":{}},{"matched":null,"status":404,"vars":{}},{"matched":null,"status":404,"vars":{}},{"matched":"q","status":200,"vars":{"v":"é \""}}],"build_results":[],"route_errors":[],"lints":[]}"##,
            r##"{"id":"names","results":[{"matched":"a","status":200,"vars":{"v":"two"}}],"build_results":[{"url":"/set","path":"/set"},{"error":"route_error"}],"route_errors":["two"],"lints":[]}"##,
            r##"{"id":"whole","results":[{"matched":"c","status":200,"vars":{},"path_template":"/f/"},{"matched":"c","status":301,"location":"/f/","vars":{},"path_template":"/f/","redirect_by":"strict_slash"},{"matched":null,"status":404,"vars":{}},{"matched":"w","status":200,"vars":{"v":"f/x"},"path_template":"/{v:.+}/y"}],"build_results":[],"route_errors":[],"lints":[]}"##,
        ],
        0,
    );
}

#[test]
fn lints_are_printed() {
    assert_run(
        &["--dialect", "gorilla"],
        &[
            r##"{"id":"lints","router":{"dialect":"native","precedence":"registration"},"routes":[{"name":"any","path":"/{x}"},{"name":"s","prefix":"/s","sealed":true,"sub":{"not_found":true},"children":[{"name":"c","path":"/c","methods":["GET"]}]},{"name":"x","path":"/x"},{"name":"t","prefix":"/s/t"}],"requests":[{"url":"/s/t"},{"url":"/s/c"},{"method":"PUT","url":"/s/c"}]}"##,
        ],
        &[
            r##"{"id":"lints","results":[{"matched":null,"status":404,"vars":{},"handled_by":"not_found:s"},{"matched":"c","status":200,"vars":{},"path_template":"/s/c"},{"matched":null,"status":405,"allow":["GET","HEAD"],"vars":{}}],"build_results":[],"route_errors":[],"lints":["route `x`: is never reached, since route `any` wins whatever it matches"]}"##,
        ],
        0,
    );
}

/// The expected result of each row differs in one part, which a defect of gorilla/mux explains.
#[test]
fn known_defects_are_skipped() {
    for (defect, line) in [
        (
            "a prefix overwrites a variable",
            r#"{"routes":[{"prefix":"/{a:.*}","children":[{"name":"c","path":"/x"}]}],"requests":[{"url":"/f/x"}],"results":[{"matched":"c","status":200,"vars":{"a":"f/x"}}]}"#,
        ),
        (
            "a redirect loses escapes",
            r#"{"router":{"strict_slash":true},"routes":[{"name":"a","path":"/{x}/{y}/"}],"requests":[{"url":"/a%2Fb?c=%41"}],"results":[{"matched":"a","status":301,"location":"/a/b/?c=%41","vars":{"x":"a","y":"b"}}]}"#,
        ),
        (
            "a redirect leads to another host",
            r#"{"router":{"strict_slash":true,"skip_clean":true},"routes":[{"name":"a","path":"/{x:.+}/"}],"requests":[{"url":"//h/y"}],"results":[{"matched":"a","status":301,"location":"//h/y/","vars":{"x":"/h/y"}}]}"#,
        ),
        (
            "redirects lead to each other",
            r#"{"router":{"strict_slash":true},"routes":[{"path":"/f/","children":[{"name":"c","path":""}]}],"requests":[{"url":"/f?a"}],"results":[{"matched":"c","status":301,"location":"/f/?a","redirect_by":"strict_slash"}]}"#,
        ),
        (
            "an IPv6 host is cut at its colon",
            r#"{"routes":[{"name":"a","host":"{h}"}],"requests":[{"url":"/","host":"[::1]:80"}],"results":[{"matched":"a","status":200,"vars":{"h":"["}}]}"#,
        ),
        (
            "a colon in a regex makes the port count",
            r#"{"routes":[{"name":"a","host":"{h:(?:x|y)}"}],"requests":[{"url":"/","host":"x:80"}],"results":[{"matched":null,"status":404}]}"#,
        ),
        (
            "anchors in a variable never match",
            r#"{"routes":[{"name":"a","path":"/{i:^[0-9]+$}"}],"requests":[{"url":"/1"}],"results":[{"matched":null,"status":404}]}"#,
        ),
        (
            "a failed scope leaves its handler",
            r#"{"routes":[{"prefix":"/a","children":[{"name":"c","path":"/b"}],"after":[["headers","K","1"]]},{"name":"z","path":"/a/b"}],"requests":[{"url":"/a/b"}],"results":[{"matched":"c","status":200}]}"#,
        ),
        (
            "layers of a route are forgotten",
            r#"{"router":{"middlewares":["r"]},"routes":[{"name":"b","path":"/x","middlewares":["b"]}],"requests":[{"url":"/x"}],"results":[{"matched":"b","status":200,"trace":["r","handler:b"]}]}"#,
        ),
        (
            "a URL is built that its route does not match",
            r#"{"routes":[{"name":"a","path":"/{c:a|b}","build_only":true}],"builds":[{"name":"a","vars":{"c":"ax"}}],"build_results":[{"url":"/ax","path":"/ax"}]}"#,
        ),
        (
            "a slash in a value cannot be escaped",
            r#"{"router":{"use_encoded_path":true},"routes":[{"name":"a","path":"/{x}"}],"builds":[{"name":"a","vars":{"x":"y/z"}}],"build_results":[{"url_error":"var_mismatch"}]}"#,
        ),
    ] {
        let (none, reasons) = ("0 requests, 0 agree, 0 differ", format!("({defect} 1)\n"));
        let errors = assert_run(
            &["--expect", "--dialect", "gorilla"],
            &[line],
            &[&format!("{none}; 0 builds, 0 agree, 0 differ; 0 rejects, 0 agree, 0 differ")],
            0,
        );
        assert!(errors.ends_with(&reasons), "{defect}: {errors}");
        // No defect explains another variable, another place or another route.
        let wrong = line
            .replace(r#""vars":{"#, r#""vars":{"w":"","#)
            .replace(r#""matched":"#, r#""matched":"w","w":"#);
        let wrong = wrong.replace(r#""url":"/ax""#, r#""url":"/b""#).replace("var_mismatch", "no_path");
        let run = run(&["--expect", "--dialect", "gorilla"], format!("{wrong}\n").as_bytes());
        assert_eq!(run.code, Some(1), "{defect}: {}", run.errors);
    }
}

#[test]
fn routes_are_described() {
    let input = r#"{"routes":[{"name":"s","host":"{h}.com","prefix":"/{a}","children":[{"name":"c","path":"/{b}","queries":[["q","{v}"],["p",""]],"methods":["GET"]}]},{"name":"m","path":"/m","mount":[{"path":"/in"}]},{"prefix":"/no","children":[{"path":"/x"}]},{"name":"z","build_only":true}],"introspect":true,"walk":true,"walk_skip":"/no"}"#;
    let result = r#"{"results":[],"build_results":[],"route_errors":[],"lints":[],"info":{"c":{"path_template":"/{a}/{b}","host_template":"{h}.com","queries_templates":["q={v}","p="],"methods":["GET"],"var_names":["a","b","h","v"]},"m":{"path_template":"/m"},"s":{"path_template":"/{a}","host_template":"{h}.com","var_names":["a","h"]},"z":{}},"walk_result":[["/{a}",0],["/{a}/{b}",1],["/m",0],["/in",1],["",0]]}"#;
    assert_run(&["--dialect", "gorilla"], &[input], &[result], 0);
    let expected = |old: &str, new: &str| {
        let result =
            result.replace(r#","path_template":"/{a}","#, r#","path_regexp":"^/","path_template":"/{a}","#);
        let result = result.replace(r#""results":[],"build_results":[],"route_errors":[],"lints":[],"#, "");
        input.replacen('{', &result.replace(old, new).replace("]]}", "]],"), 1)
    };
    for (old, new, agree, differ) in [
        ("", "", 5, 0),
        (r#"["b","a""#, r#"["a","b""#, 5, 0),
        (r#""host_template":"{h}.com","#, "", 3, 2),
        (r#"["/m",0]"#, r#"["/m",1]"#, 4, 1),
        (r#""z":{}"#, r#""y":{}"#, 4, 1),
    ] {
        let args = ["--dialect", "gorilla", "--expect"];
        let run = run(&args, format!("{}\n", expected(old, new)).as_bytes());
        let errors = format!("introspection: {agree} agree, {differ} differ\n");
        assert_eq!((run.errors, run.code), (errors, Some(i32::from(differ > 0))), "{old}: {}", run.output);
        assert_eq!(run.output.lines().count(), 1 + differ, "{old}: {}", run.output);
    }
}
