//! Structs as arguments of handlers in axum.

use axum::{
    Router,
    body::Body,
    extract::{FromRef, Request},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use http_body_util::BodyExt;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tower::ServiceExt;
use waylay_extract::{Extract, Rejection, RejectionLayer};

#[derive(Debug, Extract)]
struct Show {
    #[param]
    user: u64,
    #[param]
    slug: String,
    #[query(default = 1)]
    page: u16,
}

async fn show(show: Show) -> String {
    format!("{} {} {}", show.user, show.slug, show.page)
}

#[derive(Clone)]
struct App {
    name: Name,
}

#[derive(Clone)]
struct Name(&'static str);

impl FromRef<App> for Name {
    fn from_ref(app: &App) -> Self {
        app.name.clone()
    }
}

#[derive(Extract)]
struct Update {
    #[state]
    name: Name,
    #[param]
    id: u64,
    #[header]
    if_match: Option<String>,
    #[json]
    title: String,
}

async fn update(update: Update) -> String {
    let Update { name, id, if_match, title } = update;
    format!("{} {id} {if_match:?} {title}", name.0)
}

#[derive(Debug, Extract)]
struct Search {
    #[query]
    text: String,
}

async fn search(search: Option<Search>) -> String {
    search.map_or_else(|| "all".to_owned(), |search| search.text)
}

async fn typed(show: Result<Show, Rejection>) -> Response {
    match show {
        Ok(_) => "sound".into_response(),
        Err(rejection) => rejection.errors().len().to_string().into_response(),
    }
}

#[derive(Debug, Extract)]
struct Misnamed {
    #[param("usr")]
    _user: Option<u64>,
    #[param]
    _user_id: u64,
}

fn app() -> Router {
    Router::new()
        .route("/users/{user}/posts/{slug}", get(show))
        .route("/typed/{user}/{slug}", get(typed))
        .route("/posts/{id}", post(update))
        .route("/misnamed/{user}", get(async |_: Misnamed| ""))
        .route("/search", get(search))
        .with_state(App { name: Name("waylay") })
}

async fn call(method: &str, uri: &str, body: &'static str) -> (u16, String) {
    let request = Request::builder()
        .method(method)
        .uri(uri)
        .header("content-type", "application/json")
        .body(Body::from(body))
        .unwrap();
    let response = app().oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn handlers_take_the_struct() {
    let rows = [
        ("GET", "/users/7/posts/a%2Fb%20c?page=3", "", 200, "7 a/b c 3"),
        ("GET", "/users/7/posts/%E2%82%AC", "", 200, "7 € 1"),
        ("POST", "/posts/3", r#"{"title": "t"}"#, 200, "waylay 3 None t"),
        ("GET", "/search", "", 200, "all"),
        ("GET", "/search?other=1", "", 200, "all"),
        ("GET", "/search?text=", "", 200, ""),
        ("GET", "/search?text=a+b", "", 200, "a b"),
        ("GET", "/typed/7/s", "", 200, "sound"),
        ("GET", "/typed/x/s?page=y", "", 200, "2"),
    ];
    for (method, uri, body, status, answer) in rows {
        assert_eq!(call(method, uri, body).await, (status, answer.to_owned()), "{method} {uri}");
    }
}

#[tokio::test]
async fn errors_are_problem_documents() {
    let rows: &[(&str, &str, &'static str, u16, &[&str])] = &[
        ("GET", "/users/x/posts/s?page=y", "", 400, &[r#""in":"path","name":"user""#, r#""name":"page""#]),
        ("GET", "/users/7/posts/%ff", "", 400, &[r#""in":"path","name":"slug","code":"bad_utf8""#]),
        ("POST", "/posts/x", r#"{"title": 3}"#, 400, &[r#""name":"id""#, r#""pointer":"/title""#]),
        ("POST", "/posts/3", r#"{"title": 3}"#, 422, &[r#""pointer":"/title""#]),
        ("GET", "/search?text=%zz", "", 400, &[r#""name":"text","code":"bad_escape""#]),
        // An error of the program: the reason is in the event and in `Display`.
        ("GET", "/misnamed/7", "", 500, &[r#""errors":[]"#]),
    ];
    for (method, uri, body, status, parts) in rows {
        let (actual, answer) = call(method, uri, body).await;
        assert_eq!(actual, *status, "{method} {uri} {answer}");
        for part in *parts {
            assert!(answer.contains(part), "{method} {uri} {answer}");
        }
    }
}

#[tokio::test]
async fn without_a_router_path_fields_are_an_error_of_the_program() {
    use axum::extract::FromRequestParts;

    let (mut parts, ()) = Request::get("/users/7").body(()).unwrap().into_parts();
    let rejection = Show::from_request_parts(&mut parts, &()).await.unwrap_err();
    assert_eq!(rejection.status(), 500);
    assert!(rejection.to_string().starts_with("no path values"), "{rejection}");
}

#[tokio::test]
async fn a_real_client_gets_every_error_of_its_request() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app()).await });

    let mut client = TcpStream::connect(address).await.unwrap();
    let body = r#"{"title": 3}"#;
    let head = "POST /posts/x HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n";
    let kind = "content-type: application/json\r\n";
    let request = format!("{head}{kind}content-length: {}\r\n\r\n{body}", body.len());
    client.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{answer}");
    assert!(answer.contains("content-type: application/problem+json\r\n"), "{answer}");
    assert!(answer.contains(r#"{"in":"path","name":"id","code":"invalid""#), "{answer}");
    assert!(answer.contains(r#"{"in":"body","pointer":"/title","code":"invalid""#), "{answer}");
}

/// Each router has its own format, and the rejection is in the extensions.
#[tokio::test]
async fn a_layer_formats_the_rejections_of_its_router() {
    fn terse(rejection: &Rejection) -> Response {
        let names: Vec<_> = rejection.errors().iter().filter_map(|error| error.name()).collect();
        (rejection.status(), format!("wrong: {}", names.join(", "))).into_response()
    }
    let own = Router::new().route("/{user}/{slug}", get(show)).layer(RejectionLayer::new(terse));
    let app = Router::new().nest("/own", own).route("/other/{user}/{slug}", get(show));
    for (uri, kind, answer) in [
        ("/own/x/s?page=y", "text/plain; charset=utf-8", "wrong: user, page"),
        ("/own/7/s", "text/plain; charset=utf-8", "7 s 1"),
        ("/other/x/s", "application/problem+json", ""),
    ] {
        let request = Request::get(uri).body(Body::empty()).unwrap();
        let response = app.clone().oneshot(request).await.unwrap();
        assert_eq!(response.headers()["content-type"], kind, "{uri}");
        let typed = Rejection::of(response.extensions()).map(|rejection| rejection.errors().len());
        assert_eq!(typed.is_some(), !response.status().is_success(), "{uri}");
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert!(answer.is_empty() || body == answer, "{uri}: {body:?}");
    }
}
