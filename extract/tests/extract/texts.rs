//! Types that are texts: derived ones, and those of other crates.

use std::fmt::Debug;

use waylay_extract::{Extract, FromText, Text, ToText};

use crate::{get, lines};

#[derive(Clone, Copy, Debug, PartialEq, Text)]
#[text(rename_all = "kebab-case")]
enum Order {
    NewestFirst,
    #[text("old", alias = "oldest-first", alias = "o")]
    OldestFirst,
    #[text("")]
    None,
}

#[derive(Clone, Copy, Debug, PartialEq, Text)]
#[text(ignore_case, rename_all = "UPPERCASE")]
enum Unit {
    Metre,
    Foot,
}

#[derive(Debug, PartialEq, Text)]
enum Plain {
    TheOne,
}

#[derive(Debug, PartialEq, Text)]
struct Id(u64);

#[derive(Debug, PartialEq, Text)]
struct Wrapped<T: FromText + ToText>(T);

/// A type with the traits of the standard library only.
#[derive(Debug, PartialEq)]
struct Percent(u8);

impl std::str::FromStr for Percent {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.trim_end_matches('%').parse().map(Percent)
    }
}

impl std::fmt::Display for Percent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}%", self.0)
    }
}

#[derive(Debug, PartialEq, Text)]
struct Share(Percent);

/// Texts of the value, of which the first is written; texts that are rejected.
fn check<T: FromText + ToText + Debug + PartialEq>(value: T, texts: &[&str], wrong: &[&str]) {
    assert_eq!(value.to_text().unwrap(), texts[0]);
    for text in texts {
        assert_eq!(T::from_text(text).as_ref(), Ok(&value), "{text}");
    }
    for text in wrong {
        assert!(T::from_text(text).is_err(), "{text}");
    }
}

#[test]
fn derived_texts_are_read_and_written() {
    check(Order::NewestFirst, &["newest-first"], &["NewestFirst", "newest_first", "Newest-First", "x"]);
    check(Order::OldestFirst, &["old", "oldest-first", "o"], &[]);
    check(Order::None, &[""], &[" "]);
    check(Unit::Metre, &["METRE", "metre", "Metre"], &["meter", "METRE "]);
    check(Unit::Foot, &["FOOT", "foot"], &[]);
    check(Plain::TheOne, &["TheOne"], &["the_one"]);
    check(Id(7), &["7"], &["+7", "007", "x", ""]);
    check(Wrapped(true), &["true", "1", "on"], &["yes"]);
    check(Share(Percent(7)), &["7%", "7"], &["x"]);
}

#[test]
fn choices_are_described() {
    let outcome = |text| Order::from_text(text).unwrap_err().to_string();
    assert_eq!(outcome("x"), "expected `newest-first`, `old` or ``");
    assert_eq!(Unit::from_text("x").unwrap_err().to_string(), "expected `METRE` or `FOOT`");
    assert_eq!(Plain::from_text("x").unwrap_err().to_string(), "expected `TheOne`");
    assert_eq!(Id::from_text("x").unwrap_err().to_string(), "expected an integer of 64 bits, not negative");
}

#[test]
fn derived_texts_are_fields() {
    #[derive(Debug, Extract)]
    struct Show {
        #[param]
        id: Id,
        #[query(default = Order::NewestFirst)]
        order: Order,
        #[query(csv)]
        units: Vec<Unit>,
    }
    let show = Show::extract_parts(&get("/?units=foot,METRE&order=old", &[]), &[("id", "7")]).unwrap();
    assert_eq!((show.id, show.order), (Id(7), Order::OldestFirst));
    assert_eq!(show.units, [Unit::Foot, Unit::Metre]);
    let wrong = Show::extract_parts(&get("/?units=foot,x", &[]), &[("id", "x")]).unwrap_err();
    assert_eq!(lines(&wrong), ["path id invalid", "query units invalid"]);
}

#[cfg(feature = "uuid")]
#[test]
fn identifiers_are_texts() {
    let id = "67e55044-10b1-426f-9247-bb680e5fe0c8";
    let other = "67e5504410b1426f9247bb680e5fe0c8";
    check(uuid::Uuid::try_parse(id).unwrap(), &[id, other], &["67e55044", "", "x"]);
}

#[cfg(all(feature = "chrono", feature = "jiff", feature = "time"))]
#[test]
fn times_and_dates_are_texts() {
    use time::format_description::well_known::Rfc3339;

    let utc = "2024-02-29T12:00:00Z";
    let wrong = ["2024-02-29", "2023-02-29T12:00:00Z", "2024-02-29T12:00:00", "12:00", ""];
    check::<jiff::Timestamp>(utc.parse().unwrap(), &[utc, "2024-02-29T13:00:00+01:00"], &wrong);
    check::<chrono::DateTime<chrono::Utc>>(utc.parse().unwrap(), &[utc, "2024-02-29T13:00:00+01:00"], &wrong);
    let offset = "2024-02-29T13:00:00+01:00";
    check(chrono::DateTime::parse_from_rfc3339(offset).unwrap(), &[offset], &wrong);
    check(time::OffsetDateTime::parse(offset, &Rfc3339).unwrap(), &[offset], &wrong);

    let (date, wrong) =
        ("2024-02-29", ["2023-02-29", "2024-2-29", "20240229", "2024-W09-4", "2024-02-29T", ""]);
    check(jiff::civil::date(2024, 2, 29), &[date], &wrong);
    check(chrono::NaiveDate::from_ymd_opt(2024, 2, 29).unwrap(), &[date], &wrong);
    check(time::Date::from_calendar_date(2024, time::Month::February, 29).unwrap(), &[date], &wrong);
}
