//! Supplied: what a plan names and the program supplies, and the settings that need it.

use std::sync::Arc;

use crate::config::secret::SecretConfig;
use crate::fault::filter::baggage::Baggage;
use crate::fault::flag::{Flag, FlagKind};
use crate::fault::registry::PlanRegistry;
use crate::injector::custom::Inject;
use crate::injector::header_control::HeaderControl;
use crate::plan::data::Table;
use crate::plan::suggestion::nearest;

/// What the program supplies.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Supplied<'a> {
    pub(crate) registry: &'a PlanRegistry,
    /// The plan is read and not applied, so that secrets need not be there.
    pub(crate) is_read_only: bool,
}

impl Supplied<'_> {
    pub(crate) fn injector(&self, name: &str) -> Result<Arc<dyn Inject>, String> {
        self.registry.find_injector(name).ok_or_else(|| {
            let mut names: Vec<_> = self.registry.injector_names().collect();
            names.sort_unstable();
            match nearest(name, names.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None if names.is_empty() => "it registers none".to_owned(),
                None => format!("it registers `{}`", names.join("`, `")),
            }
        })
    }

    fn secret(&self, table: &Table) -> SecretConfig {
        let (header, name) = (table.text("header"), table.text("secret_env"));
        self.registry.secret_header(header.unwrap_or_default(), name.unwrap_or_default(), self.is_read_only)
    }
}

pub(crate) fn requested(table: &Table, supplied: Supplied<'_>) -> HeaderControl {
    let mut control = HeaderControl::of(supplied.secret(table));
    if let Some(prefix) = table.text("prefix") {
        control = control.prefix(prefix);
    }
    if let Some(time) = table.text("max_delay") {
        control = control.max_delay(time);
    }
    if let Some(rate) = table.count("min_throughput") {
        control = control.min_throughput(rate);
    }
    match table.number("max_share") {
        Some(share) => control.max_share(share),
        None => control,
    }
}

pub(crate) fn flag(table: &Table, supplied: Supplied<'_>) -> Flag {
    let source = supplied.registry.flag_source();
    let source = source.ok_or_else(|| "the program registers no source of flags".to_owned());
    let mut flag = Flag::of(table.text("key").unwrap_or_default().to_owned(), source);
    if table.text("kind") == Some("share") {
        flag = flag.kind(FlagKind::Share);
    }
    if let Some(name) = table.text("targeting_header") {
        flag = flag.targeting_header(name);
    }
    if let Some(time) = table.text("timeout") {
        flag = flag.timeout(time);
    }
    flag.context_headers(table.texts("context_headers"))
}

pub(crate) fn baggage_match(table: &Table, supplied: Supplied<'_>) -> Baggage {
    let baggage = match table.text("trust") {
        Some("all") => Baggage::trust_all(),
        _ => Baggage::of(supplied.secret(table)),
    };
    match table.text("key") {
        Some(key) => baggage.key(key),
        None => baggage,
    }
}
