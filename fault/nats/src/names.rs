//! Names of buckets, keys and replicas.

use std::path::Path;

use waylay_fault::PlanFormat;

use crate::error::FleetError;

/// The key that halts every replica.
pub(crate) const HALT_KEY: &str = "halt";

/// Bytes of a bucket's name.
const MAX_BUCKET: usize = 64;

/// Bytes of a key or a replica's name.
const MAX_KEY: usize = 128;

/// Checks the name of a bucket.
pub(crate) fn check_bucket(name: &str) -> Result<(), FleetError> {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if (1..=MAX_BUCKET).contains(&name.len()) && name.chars().all(is_allowed) {
        Ok(())
    } else {
        Err(FleetError::Bucket(name.to_owned()))
    }
}

/// Returns the bucket of the replicas' reports.
pub(crate) fn status_bucket(bucket: &str) -> String {
    format!("{bucket}-status")
}

/// Returns the format of a plan by its key.
pub(crate) fn plan_format(key: &str) -> Result<PlanFormat, FleetError> {
    if !is_key(key) || key == HALT_KEY {
        return Err(FleetError::Key(key.to_owned()));
    }
    PlanFormat::from_extension(Path::new(key)).ok_or_else(|| FleetError::Format(key.to_owned()))
}

/// Checks the name of a replica, which is its key.
pub(crate) fn check_instance(name: &str) -> Result<(), FleetError> {
    if is_key(name) { Ok(()) } else { Err(FleetError::Instance(name.to_owned())) }
}

/// Tests for a key of NATS: tokens of letters, digits, `-`, `_`, `/` and `=`, with single dots between them.
fn is_key(key: &str) -> bool {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || "-_/=".contains(c);
    key.len() <= MAX_KEY && key.split('.').all(|token| !token.is_empty() && token.chars().all(is_allowed))
}

/// Returns a name for this process: that of the host, and a random number.
pub(crate) fn instance_name(host: Option<&str>, random: u32) -> String {
    let allowed = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' };
    let host: String = host.unwrap_or_default().chars().take(63).map(allowed).collect();
    let host = host.trim_matches('-');
    let host = if host.is_empty() { "replica" } else { host };
    format!("{host}-{random:08x}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_are_those_of_nats() {
        let rows = [
            ("plan.toml", Some(PlanFormat::Toml)),
            ("checkout/plan.json", Some(PlanFormat::Json)),
            ("team.a/plan=1.yaml", Some(PlanFormat::Yaml)),
            ("plan.yml", Some(PlanFormat::Yaml)),
            ("plan", None),
            ("halt", None),
            (".toml", None),
            ("plan.toml.", None),
            ("a..toml", None),
            ("a b.toml", None),
            ("plan.*", None),
            (">", None),
            ("", None),
        ];
        for (key, format) in rows {
            assert_eq!(plan_format(key).ok(), format, "{key}");
        }
        assert!(matches!(plan_format("halt"), Err(FleetError::Key(_))));
        assert!(matches!(plan_format("plan"), Err(FleetError::Format(_))));
        for (name, is_good) in [("waylay", true), ("a-b_1", true), ("", false), ("a.b", false), ("ü", false)]
        {
            assert_eq!(check_bucket(name).is_ok(), is_good, "{name}");
        }
        assert_eq!(status_bucket("waylay"), "waylay-status");
    }

    #[test]
    fn a_replica_is_named_after_its_host() {
        let rows = [
            (Some("shop-7d4f.internal"), "shop-7d4f-internal-0000002a"),
            (Some("-…-"), "replica-0000002a"),
            (Some(""), "replica-0000002a"),
            (None, "replica-0000002a"),
        ];
        for (host, name) in rows {
            assert_eq!(instance_name(host, 42), name);
        }
    }

    proptest! {
        #[test]
        fn every_generated_name_is_a_key(host in ".*", random: u32) {
            prop_assert!(check_instance(&instance_name(Some(&host), random)).is_ok());
        }

        #[test]
        fn no_key_is_a_pattern_of_many(key in ".*") {
            if is_key(&key) {
                prop_assert!(!key.contains(['*', '>', ' ', '\n']) && !key.starts_with('.') && !key.ends_with('.'));
            }
        }
    }
}
