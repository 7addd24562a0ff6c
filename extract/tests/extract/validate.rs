//! Structs that garde and validator validate.

use garde::Validate as _;
use validator::Validate as _;
use waylay_extract::{Extract, FieldError, Rejection};

use crate::{bytes, get, lines};

fn details(rejection: &Rejection) -> Vec<&str> {
    rejection.errors().iter().map(FieldError::detail).collect()
}

#[derive(Debug, serde::Deserialize, garde::Validate)]
struct Item {
    #[garde(length(min = 2))]
    name: String,
}

#[derive(Debug, Extract, garde::Validate)]
#[extract(validate(garde), rename_all = "camelCase")]
struct Order {
    #[garde(range(min = 1, max = 9))]
    #[query]
    page_size: u8,
    #[garde(dive)]
    #[json]
    items: Vec<Item>,
}

#[test]
fn errors_of_garde_have_external_names() {
    let parts = get("/?pageSize=10", &[("content-type", "application/json")]);
    let body = bytes(r#"{"items": [{"name": "ab"}, {"name": "a"}]}"#);
    let rejection = Order::extract(&parts, &[], body).unwrap_err();
    assert_eq!(lines(&rejection), ["query pageSize failed_check", "body /items/1/name failed_check"]);
    assert_eq!(details(&rejection), ["greater than 9", "length is lower than 2"]);
    assert_eq!(rejection.status(), 422);

    let parts = get("/?pageSize=9", &[("content-type", "application/json")]);
    let order = Order::extract(&parts, &[], bytes(r#"{"items": [{"name": "ab"}]}"#)).unwrap();
    assert!(order.validate().is_ok());
    assert_eq!((order.page_size, &*order.items[0].name), (9, "ab"));
}

#[derive(Debug, serde::Deserialize, validator::Validate)]
struct Place {
    #[validate(length(min = 2))]
    city: String,
}

#[derive(Debug, Extract, validator::Validate)]
#[extract(validate(validator))]
struct Trip {
    #[validate(range(min = 1, message = "expected a day or more"))]
    #[query]
    days: u8,
    #[validate(nested)]
    #[json]
    stops: Vec<Place>,
    #[validate(nested)]
    #[json]
    home: Place,
}

#[test]
fn errors_of_validator_have_no_value() {
    let read = |uri: &str, body: &str| {
        let parts = get(uri, &[("content-type", "application/json")]);
        Trip::extract(&parts, &[], bytes(body))
    };
    let body = r#"{"stops": [{"city": "ab"}, {"city": "s"}], "home": {"city": "s"}}"#;
    let rejection = read("/?days=0", body).unwrap_err();
    let expected =
        ["query days failed_check", "body /stops/1/city failed_check", "body /home/city failed_check"];
    assert_eq!(lines(&rejection), expected);
    let checked = "expected a value that passes the check `length`";
    assert_eq!(details(&rejection), ["expected a day or more", checked, checked]);

    let trip = read("/?days=1", r#"{"stops": [], "home": {"city": "ab"}}"#).unwrap();
    assert!(trip.validate().is_ok());
    assert_eq!((trip.days, trip.stops.len(), &*trip.home.city), (1, 0, "ab"));
}
