//! Redaction: conditions, lints and explanations without values that may be secrets.

use waylay_router::rule::{Function, Rule};
use waylay_router::{Explanation, Lint, LintKind, Verdict};

/// Replaces the values of a condition on a header, a cookie or a query, also inside a rule.
pub fn condition(text: &str) -> String {
    let is_value = |kind: &str| matches!(kind, "header" | "cookie" | "query");
    match text.split_once(' ') {
        Some((kind, wanted)) if is_value(kind) => format!("{kind} {}", name(wanted)),
        _ => rule(text),
    }
}

/// Cuts a condition such as `name=value` or `name~regex` after its name.
fn name(wanted: &str) -> String {
    match wanted.find(['=', '~']) {
        Some(end) => format!("{}…", &wanted[..=end]),
        None => wanted.to_owned(),
    }
}

/// Replaces the values in a rule; what is no rule has none.
fn rule(text: &str) -> String {
    let Ok(parsed) = Rule::parse(text) else {
        let names_value = ["Header", "Cookie", "Query"].iter().any(|function| text.contains(function));
        return if names_value { "…".to_owned() } else { text.to_owned() };
    };
    let mut spans = Vec::new();
    for call in parsed.expr().calls() {
        let has_values = matches!(
            call.function,
            Function::Header
                | Function::HeaderRegexp
                | Function::HeaderAll
                | Function::Cookie
                | Function::Query
                | Function::QueryRegexp
        );
        if has_values {
            spans.extend(call.arguments.iter().skip(1).map(|argument| argument.span.clone()));
        }
    }
    spans.sort_by_key(|span| span.start);
    let (mut out, mut end) = (String::new(), 0);
    for span in spans {
        out.push_str(text.get(end..span.start).unwrap_or_default());
        out.push('…');
        end = span.end;
    }
    out + text.get(end..).unwrap_or_default()
}

/// Formats a lint. The sample requests and rules in some of them hold values, so these are left out.
pub fn lint(lint: &Lint) -> String {
    let text = match &lint.kind {
        LintKind::Unsatisfiable
        | LintKind::UnsatisfiableAlternatives { .. }
        | LintKind::Shadowed { .. }
        | LintKind::OverlapUnknown { .. }
        | LintKind::NotCompared { .. } => lint.kind.to_string(),
        LintKind::ShadowedAlternatives { by, other, alternatives, all } => format!(
            "{} of the {all} alternatives of its rule are never reached: route `{by}` ({other}) matches them too",
            alternatives.len()
        ),
        LintKind::Overlap { with, other, .. } => {
            format!("route `{with}` ({other}) matches some of its requests and is as specific")
        }
        LintKind::Rule(rule) => rule.kind.to_string(),
        _ => "has a lint that `route-check --table` prints".to_owned(),
    };
    format!("route `{}` ({}): {text}", lint.route, lint.location)
}

/// Replaces the values that routes require; what the explained request has is its sender's own.
pub fn explanation(mut explanation: Explanation) -> Explanation {
    for candidate in &mut explanation.candidates {
        if let Verdict::Failed { matcher, wanted, .. } = &mut candidate.verdict {
            *wanted = match matcher.as_str() {
                "header" | "cookie" | "query" => name(wanted),
                _ => rule(wanted),
            };
        }
    }
    explanation
}

#[cfg(test)]
mod tests {
    use http::Request;
    use waylay_router::{Policy, Precedence, Route, Router};

    #[test]
    fn values_are_left_out() {
        for (text, expected) in [
            ("header x-key=secret", "header x-key=…"),
            ("header x-key~sec.*", "header x-key~…"),
            ("header not x-key", "header not x-key"),
            ("cookie session=secret", "cookie session=…"),
            ("query token={t:secret}", "query token=…"),
            ("client 10.0.0.0/8", "client 10.0.0.0/8"),
            ("Path(`/a`) && Header(`x`, `secret`)", "Path(`/a`) && Header(`x`, …)"),
            (
                "(Cookie(`c`, `secret`) || !Query(`q`, `secret`)) && HeaderRegexp(`x`, `^secret$`) && Header(`y`)",
                "(Cookie(`c`, …) || !Query(`q`, …)) && HeaderRegexp(`x`, …) && Header(`y`)",
            ),
            ("Header(`x`, `not closed", "…"),
            ("of a rule", "of a rule"),
        ] {
            assert_eq!(super::condition(text), expected);
        }
    }

    #[test]
    fn lints_and_explanations_have_no_values() {
        let route = |name: &str| {
            Route::get("/a")
                .header("x-key", "secret")
                .cookie("c", "secret")
                .query("q", "secret")
                .name(name)
                .to(async || "")
        };
        let rule = Route::rule("Path(`/a`) && (Header(`x-key`, `secret`) || Cookie(`c`, `secret`))");
        let router = Router::builder()
            .policy(Policy::default().precedence(Precedence::RegistrationOrder))
            .route(route("one"))
            .route(route("two"))
            .route(rule.name("three").to(async || ""))
            .route(Route::get("/a").header("x-key", "secret").name("four").to(async || ""))
            .build()
            .unwrap();
        let lints: Vec<String> = router.lints().iter().map(super::lint).collect();
        assert!(!lints.is_empty());
        let explained = super::explanation(router.explain(&Request::get("/a?q=mine").body(()).unwrap()));
        let text = format!("{lints:?}\n{explained:#}");
        assert!(text.contains("x-key") && !text.contains("secret"), "{text}");
    }
}
