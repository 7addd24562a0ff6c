//! Suggestions: the key or name that is probably meant by another one.

/// Names of other systems for what has another name here.
pub(crate) const SYNONYMS: &[(&str, &str)] = &[
    ("abort", "error"),
    ("annotations", "reason"),
    ("apply", "every"),
    ("body", "text"),
    ("count", "limit"),
    ("code", "status"),
    ("delay", "slow"),
    ("faults", "fault"),
    ("headers", "allow_headers"),
    ("hosts", "allow_hosts"),
    ("httpStatus", "status"),
    ("http_status", "status"),
    ("id", "name"),
    ("kib_per_second", "bytes_per_second"),
    ("match", "allow_paths"),
    ("max_active", "max_active_faults"),
    ("method", "allow_methods"),
    ("methods", "allow_methods"),
    ("max_per_second", "max_faults_per_second"),
    ("mode", "how"),
    ("on", "side"),
    ("path", "allow_paths"),
    ("paths", "allow_paths"),
    ("percent", "participation"),
    ("percentage", "participation"),
    ("probability", "participation"),
    ("protected", "protect"),
    ("rate", "bytes_per_second"),
    ("rate", "participation"),
    ("routes", "allow_routes"),
    ("response_rate_limit", "rate_limit"),
    ("side", "placement"),
    ("stop_after_messages", "stop_after"),
    ("toxicity", "participation"),
    ("type", "kind"),
    ("status", "allow_statuses"),
    ("statuses", "allow_statuses"),
    ("unless", "block_paths"),
];

/// The end of an error that has a suggestion.
pub(crate) fn did_you_mean(name: &str) -> String {
    format!("; did you mean `{name}`?")
}

/// The name that is nearest to a text, if any is near.
pub(crate) fn nearest<'a>(text: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    // Its cost rises with the square of the length.
    if text.len() > 64 {
        return None;
    }
    let scored = names.map(|name| (strsim::jaro_winkler(text, name), name));
    let best = scored.max_by(|(one, _), (other, _)| one.total_cmp(other))?;
    (best.0 >= 0.8).then_some(best.1)
}
