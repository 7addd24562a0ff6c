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

/// Every rule of a field is checked beside fields that do not parse, but those that read another field.
#[test]
fn all_rules_of_garde_are_checked_beside_invalid_fields() {
    #[derive(Debug, Default)]
    struct Least(u8);

    #[derive(Debug, Extract, garde::Validate)]
    #[extract(validate(garde), rename_all = "camelCase")]
    #[garde(context(Least as least))]
    struct SignUp {
        #[query]
        #[garde(range(min = 18, max = 99), custom(even))]
        my_age: Option<u8>,
        #[query]
        #[garde(ascii, length(min = 2), prefix("a"))]
        name: String,
        #[query]
        #[garde(matches(name))]
        again: String,
        #[query]
        #[garde(custom(|_: &u8, _: &Least| if self.name == "ab" { Ok(()) } else { Err(garde::Error::new("x")) }))]
        other: u8,
        #[query(csv)]
        #[garde(inner(range(max = 3)), length(max = 2))]
        ids: Vec<u8>,
        #[json]
        #[garde(custom(|items: &[Unit], least: &Least| at_least(items, least)))]
        units: Vec<Unit>,
        #[query]
        #[garde(skip)]
        page: u16,
    }

    #[derive(Debug, serde::Deserialize)]
    struct Unit;

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that garde asks for")]
    fn even(age: &Option<u8>, _: &Least) -> garde::Result {
        if age.is_none_or(|age| age % 2 == 0) { Ok(()) } else { Err(garde::Error::new("not even")) }
    }

    fn at_least(items: &[Unit], least: &Least) -> garde::Result {
        if items.len() > usize::from(least.0) { Ok(()) } else { Err(garde::Error::new("too few")) }
    }

    let read = |uri: &str, body: &str| {
        let parts = get(uri, &[("content-type", "application/json")]);
        let shown = |rejection: &Rejection| -> Vec<_> {
            rejection
                .errors()
                .iter()
                .map(|error| format!("{} {}", error.name().unwrap_or("units"), error.detail()))
                .collect()
        };
        SignUp::extract(&parts, &[], bytes(body)).map_err(|rejection| shown(&rejection))
    };
    let own = [
        "myAge not even",
        "myAge lower than 18",
        "name not ascii",
        "name value does not begin with \"a\"",
        "ids item 3: greater than 3",
        "ids length is greater than 2",
        "units too few",
    ];
    let mut all =
        read("/?myAge=7&name=%C3%A9&again=b&other=1&ids=1,2,7&page=1", r#"{"units": []}"#).unwrap_err();
    // The two rules about other fields.
    all.retain(|error| !error.starts_with("again") && !error.starts_with("other"));
    assert_eq!(all, own);
    let beside =
        read("/?myAge=7&name=%C3%A9&again=b&other=1&ids=1,2,7&page=x", r#"{"units": []}"#).unwrap_err();
    assert_eq!(beside, [&["page expected an integer from 0 to 65535"], &own[..]].concat());
    assert_eq!(read("/?name=ab&again=ab&other=1&page=x", r#"{"units": [null]}"#).unwrap_err().len(), 1);
    let valid = read("/?name=ab&again=ab&other=1&page=2", r#"{"units": [null]}"#).unwrap();
    assert_eq!((valid.my_age, &*valid.name, &*valid.again, valid.other), (None, "ab", "ab", 1));
    assert_eq!((valid.ids.len(), valid.units.len(), valid.page), (0, 1, 2));
}

#[test]
fn all_rules_of_validator_are_checked_beside_invalid_fields() {
    #[derive(Debug, Extract, validator::Validate)]
    #[extract(validate(validator))]
    #[validate(schema(function = "whole"))]
    struct SignUp {
        #[query]
        #[validate(range(min = 18), custom(function = "even"))]
        age: u8,
        #[query]
        #[validate(contains(pattern = "@", code = "address"))]
        mail: String,
        #[query]
        #[validate(must_match(other = "mail"))]
        again: String,
        #[validate(nested)]
        #[json]
        home: Place,
        #[query]
        page: u16,
    }

    fn even(age: u8) -> Result<(), validator::ValidationError> {
        if age.is_multiple_of(2) { Ok(()) } else { Err(validator::ValidationError::new("even")) }
    }

    fn whole(value: &SignUp) -> Result<(), validator::ValidationError> {
        if value.page > 0 { Ok(()) } else { Err(validator::ValidationError::new("whole")) }
    }

    let read = |uri: &str| {
        let parts = get(uri, &[("content-type", "application/json")]);
        SignUp::extract(&parts, &[], bytes(r#"{"home": {"city": "s"}}"#)).unwrap_err()
    };
    let own = [
        "query age failed_check",
        "query age failed_check",
        "query mail failed_check",
        "body /home/city failed_check",
    ];
    let mut rejection = lines(&read("/?age=7&mail=a&again=b&page=0"));
    rejection.retain(|line| line != "query again failed_check" && line != "body  failed_check");
    assert_eq!(rejection, own);
    let rejection = read("/?age=7&mail=a&again=b&page=x");
    assert_eq!(lines(&rejection), [&["query page invalid"], &own[..]].concat());
    assert!(
        rejection.to_string().contains("expected a value that passes the check `address`"),
        "{rejection}"
    );
    let error = read("/?age=18&mail=@&again=@&page=x");
    assert_eq!(lines(&error), ["query page invalid", "body /home/city failed_check"]);
    let parts = get("/?age=18&mail=@&again=@&page=1", &[("content-type", "application/json")]);
    let value = SignUp::extract(&parts, &[], bytes(r#"{"home": {"city": "ab"}}"#)).unwrap();
    assert_eq!(
        (value.age, &*value.mail, &*value.again, &*value.home.city, value.page),
        (18, "@", "@", "ab", 1)
    );
}
