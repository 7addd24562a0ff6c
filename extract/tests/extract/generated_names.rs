//! Names, visibilities and lints that could conflict with generated code.

#![deny(warnings, clippy::all, clippy::pedantic)]

use waylay_extract::Extract;

/// The name of a slot.
#[derive(Debug, serde::Deserialize)]
struct Members;

/// The name of the trait's type.
#[derive(Debug, serde::Deserialize)]
struct Slots;

/// Shadows a name of the prelude.
#[derive(Debug, Extract)]
#[expect(dead_code, reason = "it is enough that it compiles")]
struct Request {
    /// A keyword.
    #[query]
    r#match: Option<u8>,
    /// A name of the generated code's arguments.
    #[query]
    errors: u8,
    /// Another.
    #[query]
    value: std::option::Option<std::vec::Vec<String>>,
    /// Another.
    #[param]
    parts: u8,
    /// A custom type.
    #[json]
    members: Members,
    /// Another.
    #[json]
    slots: Slots,
}

mod inner {
    use super::Extract;

    #[derive(Debug, Extract)]
    pub(super) struct Narrow {
        #[header]
        pub(super) accept: Option<String>,
    }

    #[derive(Debug, Extract)]
    struct Private {}

    pub(super) fn read(parts: &http::request::Parts) -> bool {
        Private::extract_parts(parts, &[]).is_ok()
    }
}

#[test]
fn generated_names_do_not_clash_with_the_users() {
    let (parts, ()) = http::Request::get("/").body(()).unwrap().into_parts();
    assert!(inner::read(&parts));
    let narrow = inner::Narrow::extract_parts(&parts, &[]).unwrap();
    assert_eq!(narrow.accept, None);
    assert!(Request::extract_parts(&parts, &[]).is_err());
}
