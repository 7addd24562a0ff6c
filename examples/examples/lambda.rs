//! A router on AWS Lambda behind API Gateway (REST and HTTP) or a load balancer.
//!
//! `cargo test -p waylay-examples --example lambda` runs it with the events in `examples/events`;
//! `cargo lambda watch --example lambda` or a deployed function runs it with real events.

use serde::Serialize;
use waylay_extract::{Extract, RouterExt, routes};
use waylay_router::{BuildErrors, Router, Scope};

/// Fields that all calls have in common.
#[derive(Extract)]
struct Pets {
    #[header("x-tenant")]
    tenant: String,
    #[cookie("sid")]
    session: Option<String>,
}

#[derive(Extract)]
#[route(GET "/pets/{kind}")]
struct List {
    #[param]
    kind: String,
    #[query]
    tag: Vec<String>,
    #[query(default = 20)]
    limit: u8,
}

#[derive(Extract)]
#[route(POST "/pets")]
struct Add {
    #[json]
    kind: String,
    #[json]
    name: String,
}

#[derive(Serialize)]
struct Listed {
    kind: String,
    tenant: String,
    session: Option<String>,
    tags: Vec<String>,
    limit: u8,
}

#[routes]
impl Pets {
    pub(crate) async fn list(&self, list: List) -> axum::Json<Listed> {
        axum::Json(Listed {
            kind: list.kind,
            tenant: self.tenant.clone(),
            session: self.session.clone(),
            tags: list.tag,
            limit: list.limit,
        })
    }

    pub(crate) async fn add(&self, add: Add) -> (http::StatusCode, String) {
        (http::StatusCode::CREATED, format!("{} the {} of {}", add.name, add.kind, self.tenant))
    }
}

/// Builds the router; a REST API adds the name of its stage to the start of the path.
fn router() -> Result<Router, BuildErrors> {
    Router::builder()
        .endpoints::<Pets>()
        .scope(Scope::new().name("stage").prefix("/{stage:prod|test}").endpoints::<Pets>())
        .build()
}

#[tokio::main]
async fn main() -> Result<(), lambda_http::Error> {
    lambda_http::run(router()?).await
}

#[cfg(test)]
mod tests {
    use lambda_http::{Adapter, Context, LambdaEvent, Service, request::LambdaRequest};
    use serde_json::{Value, json};

    /// Returns the response of the function to an event, as Lambda receives it.
    async fn invoke(event: &str) -> Value {
        let event: LambdaRequest = serde_json::from_str(event).unwrap();
        let mut function = Adapter::from(super::router().unwrap());
        let response = function.call(LambdaEvent::new(event, Context::default())).await.unwrap();
        serde_json::to_value(response).unwrap()
    }

    fn body(response: &Value) -> Value {
        serde_json::from_str(response["body"].as_str().unwrap()).unwrap()
    }

    #[tokio::test]
    async fn a_rest_event_has_lists_cookies_and_a_stage() {
        let response = invoke(include_str!("../events/rest.json")).await;
        assert_eq!(response["statusCode"], 200);
        assert_eq!(response["multiValueHeaders"]["content-type"], json!(["application/json"]));
        let listed = json!({
            "kind": "cat", "tenant": "acme", "session": "s 1", "tags": ["big & old", "shy"], "limit": 5
        });
        assert_eq!(body(&response), listed);
    }

    #[tokio::test]
    async fn a_body_in_base64_is_a_body() {
        let event = include_str!("../events/rest_base64.json");
        let added = invoke(event).await;
        assert_eq!((&added["statusCode"], &added["body"]), (&json!(201), &json!("Gül the cat of acme")));
        // `bm90IEpTT04=` is `not JSON`.
        let broken = event.replace("eyJraW5kIjoiY2F0IiwibmFtZSI6IkfDvGwifQ==", "bm90IEpTT04=");
        let rejected = invoke(&broken).await;
        assert_eq!(
            (&rejected["statusCode"], &body(&rejected)["errors"][0]["code"]),
            (&json!(400), &json!("malformed"))
        );
    }

    #[tokio::test]
    async fn an_http_event_has_a_raw_path_and_query() {
        let response = invoke(include_str!("../events/http.json")).await;
        assert_eq!(response["statusCode"], 200);
        let listed = json!({
            "kind": "sea lion", "tenant": "acme", "session": "s 1", "tags": ["big & old", "shy"], "limit": 5
        });
        assert_eq!(body(&response), listed);
    }

    #[tokio::test]
    async fn a_load_balancer_gets_all_errors_of_a_request() {
        let response = invoke(include_str!("../events/alb.json")).await;
        assert_eq!(
            (&response["statusCode"], &response["statusDescription"]),
            (&json!(400), &json!("400 Bad Request"))
        );
        // The tenant belongs to the struct that is extracted first: its errors are reported alone.
        assert_eq!(body(&response)["errors"][0]["name"], "x-tenant");
        let event = include_str!("../events/alb.json").replace("\"cookie\"", "\"x-tenant\"");
        let response = invoke(&event).await;
        assert_eq!(body(&response)["errors"][0]["name"], "limit");
        let event = event.replace("\"GET\"", "\"DELETE\"");
        let response = invoke(&event).await;
        assert_eq!(
            (&response["statusCode"], &response["headers"]["allow"]),
            (&json!(405), &json!("GET, HEAD"))
        );
    }
}
