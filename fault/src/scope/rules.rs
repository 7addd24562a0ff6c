//! A set of rules in the router's language, each asked of the whole request.

use http::Request;
use waylay_router::{Effective, Peer, Policy, Precedence, Route, Table};

use crate::error::{Findings, Problem};
use crate::peer;

/// Rules, each as a table of one route.
#[derive(Debug, Default)]
pub(crate) struct RuleList(Vec<Table<()>>);

impl RuleList {
    /// Reads the rules; each bad one becomes a finding under `setting[index]`.
    pub(crate) fn check(setting: &str, rules: Vec<String>, findings: &mut Findings) -> Self {
        let mut list = Vec::with_capacity(rules.len());
        // No other route is there to be ranked against.
        let policy = Policy::default().precedence(Precedence::Registration);
        for (index, rule) in rules.into_iter().enumerate() {
            match Table::builder().policy(policy).route(Route::rule(rule.as_str()).value(())).build() {
                Ok(table) => list.push(table),
                Err(errors) => {
                    let told: Vec<String> = errors.iter().map(|error| error.kind.to_string()).collect();
                    findings.add(format!("{setting}[{index}]"), rule, Problem::Rule(told.join("\n")));
                }
            }
        }
        Self(list)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether any rule holds.
    pub(crate) fn contains<B>(&self, request: &Request<B>) -> bool {
        let extensions = request.extensions();
        let mut peer = extensions.get::<Peer>().cloned().unwrap_or_default();
        peer.addr = peer::client(extensions).map(|client| (client, 0).into());
        if let Some(behind) = extensions.get::<Effective>() {
            peer.scheme.clone_from(&behind.scheme);
        }
        self.0.iter().any(|table| table.find(request, &peer).is_ok())
    }
}
