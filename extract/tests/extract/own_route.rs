//! Structs with a route, read from requests that no router has matched.

use axum_core::{
    body::Body,
    extract::{FromRequest, FromRequestParts},
    response::IntoResponse,
};
use http::{Request, request::Parts};
use http_body_util::BodyExt;
use waylay_extract::{Extract, HasRoute, IntoRequest, Rejection};

use crate::{bytes, lines, round_trip::bytes_of};

#[derive(Debug, PartialEq, Extract, IntoRequest)]
#[route(PUT "/users/{user:[a-z]+}/posts/{id}/{*file}")]
struct Update {
    #[param]
    user: String,
    #[param]
    id: u64,
    #[param(raw)]
    file: String,
    #[query]
    draft: Option<bool>,
    #[json]
    title: String,
}

#[derive(Debug, Extract)]
#[route(GET "/tags/{tag?}")]
#[extract(path_error = 404)]
struct Tag<T: std::str::FromStr + Send + 'static> {
    #[param]
    tag: Option<T>,
}

fn parts(method: &str, uri: &str) -> Parts {
    let request = Request::builder().method(method).uri(uri).header("content-type", "application/json");
    request.body(()).unwrap().into_parts().0
}

fn outcome<T: HasRoute>(method: &str, uri: &str, body: &str) -> (u16, Vec<String>) {
    let rejection = T::read(&parts(method, uri), bytes(body)).err().unwrap();
    (rejection.status().as_u16(), lines(&rejection))
}

#[test]
fn the_path_is_matched_with_the_structs_own_route() {
    let update =
        Update { user: "ada".into(), id: 7, file: "a%20b/c".into(), draft: Some(true), title: "Ways".into() };
    let (parts, body) = update.to_request().unwrap().into_parts();
    assert_eq!(Update::read(&parts, bytes_of(body)).unwrap(), update);
    let body = "{\"title\": \"x\"}";
    assert_eq!(outcome::<Update>("PUT", "/users/Ada/posts/7/x", body), (404, vec![]));
    assert_eq!(outcome::<Update>("PUT", "/users/ada/posts/7", body), (404, vec![]));
    assert_eq!(outcome::<Update>("POST", "/users/ada/posts/7/x", body), (405, vec![]));
    let all = ["path id invalid", "query draft invalid", "body /title missing"].map(String::from).to_vec();
    assert_eq!(outcome::<Update>("PUT", "/users/ada/posts/x/x?draft=x", "{}"), (400, all));
    let tag = |uri: &str| Tag::<u8>::read(&self::parts("HEAD", uri), bytes("")).map(|tag| tag.tag);
    assert_eq!(tag("/tags").unwrap(), None);
    assert_eq!(tag("/tags/7").unwrap(), Some(7));
    assert_eq!(tag("/tags/x").unwrap_err().status(), 404);
}

#[tokio::test]
async fn a_request_for_another_method_gets_the_allowed_one() {
    let rejection = Update::read(&parts("POST", "/users/ada/posts/7/x"), bytes("")).unwrap_err();
    assert_eq!(
        (rejection.to_string().as_str(), rejection.errors().len()),
        ("the request is for another route", 0)
    );
    let response = rejection.into_response();
    assert_eq!(response.headers()["allow"], "PUT");
    assert!(Rejection::of(response.extensions()).is_some());
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!((&body["status"], &body["detail"]), (&405.into(), &"the request is for another route".into()));
}

/// The path of a request without the router's extensions is matched again.
#[tokio::test]
async fn an_argument_matches_its_own_route() {
    let request = Request::put("/users/ada/posts/7/a/b").header("content-type", "application/json");
    let request = request.body(Body::from("{\"title\": \"x\"}")).unwrap();
    let update = Update::from_request(request, &()).await.unwrap();
    assert_eq!((update.id, &*update.file), (7, "a/b"));
    let (mut parts, ()) = Request::get("/tags/9").body(()).unwrap().into_parts();
    let tag = Tag::<u64>::from_request_parts(&mut parts, &()).await.unwrap();
    assert_eq!(tag.tag, Some(9));
    // The request of another route is an error of the program.
    let (mut parts, ()) = Request::get("/other/9").body(()).unwrap().into_parts();
    let lost = Tag::<u64>::from_request_parts(&mut parts, &()).await.unwrap_err();
    assert_eq!(lost.status(), 500);
}
