//! Events of rejections in `tracing`.

use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use http::Request;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};
use waylay_extract::Extract;

/// Records the level, the target and the fields of each event.
#[derive(Clone, Default)]
struct Events(Arc<Mutex<Vec<String>>>);

impl Subscriber for Events {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("waylay_extract")
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        struct Line(String);

        impl Visit for Line {
            fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
                self.0 += &format!(" {field}={value:?}");
            }
        }

        let mut line = Line(format!("{} {}", event.metadata().level(), event.metadata().target()));
        event.record(&mut line);
        self.0.lock().unwrap().push(line.0);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[test]
fn rejections_are_traces_and_faults_of_the_program_errors() {
    use axum_core::body::Body;
    use axum_core::extract::{FromRequest, FromRequestParts};
    use axum_core::response::IntoResponse;

    #[derive(Debug, Extract)]
    struct Show {
        #[query]
        page: u8,
    }

    #[derive(Debug, Extract)]
    struct Wired {
        #[extension]
        _number: u8,
    }

    #[derive(Debug, Extract)]
    struct Named {
        #[param]
        _id: u8,
        #[json]
        _title: String,
    }

    // With one subscriber only, an event that another test emits first, outside of it, would be taken for disabled.
    let _other = tracing::Dispatch::new(Events::default());
    let events = Events::default();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    tracing::subscriber::with_default(events.clone(), || {
        runtime.block_on(async {
            let request = |uri: &str| Request::get(uri).body(Body::empty()).unwrap();
            let (mut parts, _) = request("/?page=s3cret").into_parts();
            // The event is emitted once, whether or not the rejection is the response.
            let rejection = Show::from_request_parts(&mut parts, &()).await.unwrap_err();
            drop(rejection.clone().into_response());
            drop(rejection.into_response());
            drop(Wired::from_request_parts(&mut parts, &()).await.unwrap_err());
            drop(Named::from_request(request("/"), &()).await.unwrap_err());
            assert_eq!(Show::extract_parts(&request("/?page=7").into_parts().0, &[]).unwrap().page, 7);
        });
    });
    let target = "waylay_extract::rejection";
    let rejecting = "message=rejecting a request status=400";
    assert_eq!(
        *events.0.lock().unwrap(),
        [
            format!("TRACE {target} {rejecting} errors=query `page`: expected an integer from 0 to 255"),
            format!(
                "ERROR {target} message=cannot read a request status=500 \
                 reason=\"no extension fills the field `_number`\""
            ),
            format!(
                "ERROR {target} message=cannot read a request status=500 \
                 reason=\"no path values: neither waylay's nor axum's router has matched this request\""
            ),
        ]
    );
}
