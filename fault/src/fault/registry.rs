//! PlanRegistry: what a plan names and the program supplies.

use std::collections::HashMap;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use crate::config::secret::SecretConfig;
use crate::fault::flag::{FlagRequest, FlagSource};
use crate::injector::custom::{Inject, InjectContext, InjectOutcome};

/// What a fault plan names and only the program can supply: custom injectors, flags and secrets.
///
/// A set has it from its builder ([`FaultSetBuilder::registry`](crate::FaultSetBuilder::registry)), for the
/// plans that it applies and follows.
///
/// ```
/// # #[cfg(feature = "toml")] {
/// use waylay_fault::{FaultPlan, FaultSet, InjectContext, InjectOutcome, PlanFormat, PlanRegistry};
///
/// let registry = PlanRegistry::new()
///     .injector("stale-cache", |_: InjectContext| async { InjectOutcome::Skip })
///     .secret("CHAOS_KEY", "correct-horse-battery");
/// let text = r#"
///     version = 1
///     environments = ["staging"]
///     fault = [
///         { name = "stale", participation = 1, custom = "stale-cache" },
///         { name = "asked", participation = 1, header_control = { header = "x-chaos-key", secret_env = "CHAOS_KEY" } },
///     ]
/// "#;
/// let plan = FaultPlan::parse_with(text, PlanFormat::Toml, &registry)?;
/// FaultSet::builder().environment("staging").registry(registry.clone()).build().apply(&plan)?;
///
/// let wrong = text.replace("stale-cache", "stale-cash");
/// let errors = FaultPlan::parse_with(&wrong, PlanFormat::Toml, &registry).unwrap_err();
/// assert!(errors.to_string().contains("did you mean `stale-cache`?"), "{errors}");
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Default)]
#[must_use = "a registry does nothing until a set or a reader of plans has it"]
pub struct PlanRegistry {
    injectors: HashMap<String, Arc<dyn Inject>>,
    secrets: HashMap<String, String>,
    flags: Option<Arc<dyn FlagSource>>,
    /// Every name counts as known: the plan is only read.
    is_open: bool,
}

impl PlanRegistry {
    /// Returns a registry without entries.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns a registry that knows every name, for plans that are read apart from a program.
    pub(crate) fn open() -> Self {
        Self { is_open: true, ..Self::default() }
    }

    /// Adds the custom injector that plans name as `custom = "name"`.
    pub fn injector(mut self, name: impl Into<String>, inject: impl Inject) -> Self {
        self.injectors.insert(name.into(), Arc::new(inject));
        self
    }

    /// Adds a secret that plans name by `secret_env`. By default it is the value of the environment variable
    /// of this name.
    pub fn secret(mut self, name: impl Into<String>, secret: impl Into<String>) -> Self {
        self.secrets.insert(name.into(), secret.into());
        self
    }

    /// Sets what evaluates the flags of plans.
    pub fn flags(mut self, source: impl FlagSource) -> Self {
        self.flags = Some(Arc::new(source));
        self
    }

    /// Returns what evaluates flags.
    pub(crate) fn flag_source(&self) -> Option<Arc<dyn FlagSource>> {
        let placeholder = || self.is_open.then(|| Arc::new(NoFlags) as _);
        self.flags.clone().or_else(placeholder)
    }

    /// Returns the custom injector of this name.
    pub(crate) fn find_injector(&self, name: &str) -> Option<Arc<dyn Inject>> {
        let placeholder =
            || self.is_open.then(|| Arc::new(async |_: InjectContext| InjectOutcome::Skip) as _);
        self.injectors.get(name).cloned().or_else(placeholder)
    }

    /// Returns the names of the custom injectors.
    pub(crate) fn injector_names(&self) -> impl Iterator<Item = &str> {
        self.injectors.keys().map(String::as_str)
    }

    /// Returns a header with the secret of this name. Where plans are only read, it need not be there.
    pub(crate) fn secret_header(&self, header: &str, name: &str, is_read_only: bool) -> SecretConfig {
        let found = self.secrets.get(name).cloned().or_else(|| std::env::var(name).ok());
        let secret = if is_read_only { Some("not-known-to-a-reader".into()) } else { found };
        SecretConfig { header: header.to_owned(), secret: secret.ok_or_else(|| name.to_owned()) }
    }
}

/// The flags of a plan that is only read.
struct NoFlags;

impl FlagSource for NoFlags {
    fn share(&self, _: FlagRequest) -> Pin<Box<dyn Future<Output = Option<f64>> + Send>> {
        Box::pin(std::future::ready(None))
    }
}

// Without the secrets.
impl fmt::Debug for PlanRegistry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (injectors, secrets) = (self.injectors.keys(), self.secrets.keys());
        let names: (Vec<_>, Vec<_>) = (injectors.collect(), secrets.collect());
        f.debug_struct("PlanRegistry").field("injectors", &names.0).field("secrets", &names.1).finish()
    }
}
