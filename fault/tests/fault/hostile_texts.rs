//! Text from outside: what a terminal or a log obeys is escaped in errors, events and explanations.

use std::sync::{Arc, Mutex};

use http::{Request, Response};
use tower::{ServiceExt, service_fn};
use tower_layer::Layer;
use waylay_fault::{Delay, Event, Fault, InjectContext, InjectOutcome, SetEvent, custom, error, quota, slow};

const HOSTILE: &str = "\0\u{7}\n\r\u{1b}[31m\u{7f}\u{85}\u{9b}\u{61c}\u{200e}\u{200f}\u{2028}\u{2029}\u{202a}\u{202e}\u{2066}\u{2069}\u{feff}";

#[track_caller]
fn check(what: &str, text: &str, lines: usize) {
    let found = text.chars().find(|c| *c != '\n' && HOSTILE.contains(*c) && !"[31m".contains(*c));
    assert_eq!(found, None, "{what}: {text:?}");
    assert!(text.lines().count() <= lines, "{what}: {text:?}");
}

#[test]
fn settings() {
    let named = |text: &str| custom(text, |_: InjectContext| async { InjectOutcome::Continue });
    for text in HOSTILE.chars().map(|c| format!("a{c}b\n- forged")).chain([HOSTILE.to_owned()]) {
        let faults = [
            Fault::new(text.as_str(), error(503)),
            Fault::new("a", error(503).header(text.as_str(), text.as_str())),
            Fault::new("a", slow(Delay::fixed(text.as_str()))),
            Fault::new("a", quota(1, text.as_str())),
            Fault::new("a", named(&text))
                .allow_paths([format!("({text}")])
                .allow_hosts([text.as_str()])
                .allow_rules([format!("Host(`{text}")])
                .allow_routes([format!("/{{{text}")])
                .allow_clients([text.as_str()])
                .allow_methods([text.as_str()]),
        ];
        for fault in faults {
            if let Err(errors) = fault.build() {
                // A rule or a template has two lines more, with a caret.
                check("errors", &errors.to_string(), 1 + 3 * errors.iter().count());
                for error in &errors {
                    check("error", &error.to_string(), 3);
                }
            }
        }
        check("lost", &SetEvent::SourceLost(text.clone()).to_string(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn events_and_explanations() {
    for c in HOSTILE.chars() {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let writer = lines.clone();
        let name = format!("a{c}b");
        let injector = custom(name, |_: InjectContext| async { InjectOutcome::Continue });
        let fault = Fault::new("a", injector)
            .enabled(true)
            .participation(1.0)
            .reporter(move |event: &Event<'_>| writer.lock().unwrap().push(event.to_string()));
        let Ok(fault) = fault.build() else { continue };
        let mut request = Request::new(());
        *request.uri_mut() = format!("/{c}").parse().unwrap_or_else(|_| http::Uri::from_static("/"));
        let inner = service_fn(async |_: Request<()>| Ok::<_, std::io::Error>(Response::new(())));
        fault.layer().layer(inner).oneshot(request).await.unwrap();
        let lines = lines.lock().unwrap();
        assert!(!lines.is_empty());
        lines.iter().for_each(|line| check("event", line, 1));
    }
}
