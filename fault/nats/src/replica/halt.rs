//! The value of the halt key.

/// Characters of a reason that are kept.
const REASON: usize = 200;

/// Reads the value of the halt key: none if it is `false`, else the reason, which is empty if it is `true`.
pub(crate) fn parse_halt(value: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(value);
    match text.trim() {
        "false" => None,
        "true" => Some(String::new()),
        reason => Some(reason.chars().take(REASON).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_but_false_halts() {
        let rows: [(&[u8], Option<&str>); 9] = [
            (b"true", Some("")),
            (b"", Some("")),
            (b" \n", Some("")),
            (b"false", None),
            (b" false\n", None),
            (b"False", Some("False")),
            (b"0", Some("0")),
            (b"checkout is down\n", Some("checkout is down")),
            (b"\xff", Some("\u{fffd}")),
        ];
        for (value, expected) in rows {
            assert_eq!(parse_halt(value).as_deref(), expected, "{value:?}");
        }
        assert_eq!(parse_halt("ü".repeat(1000).as_bytes()), Some("ü".repeat(REASON)));
    }
}
