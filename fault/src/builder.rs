//! The settings of a fault, checked all at once.

use std::fmt;
use std::sync::Arc;

use http::HeaderValue;

use crate::chance::{Dice, fresh_seed};
use crate::error::{FaultErrors, Findings, Problem};
use crate::fault::Fault;
use crate::gate::{Gate, Lists};
use crate::injector::node::Injector;
use crate::key::{DecideBy, Keyring};
use crate::reach::Means;
use crate::report::Reporter;
use crate::scope::headers::HeaderList;
use crate::scope::paths::PathList;
#[cfg(any(feature = "axum", feature = "router"))]
use crate::scope::routes::RouteList;
use crate::setup::Setup;
use crate::switch::{Participation, Switch};
use crate::tally::Tally;

impl Fault {
    /// Begins a fault of this name: off, striking no request, until told otherwise.
    #[allow(
        clippy::new_ret_no_self,
        reason = "a fault is made by its builder, and nothing before that can fail"
    )]
    pub fn new(name: impl Into<String>, injector: impl Into<Injector>) -> FaultBuilder {
        FaultBuilder {
            name: name.into(),
            injector: injector.into(),
            enabled: false,
            participation: 0.0,
            protect_probes: true,
            paths: Lists::default(),
            headers: Lists::default(),
            #[cfg(any(feature = "axum", feature = "router"))]
            routes: Lists::default(),
            seed: None,
            decide_by: DecideBy::default(),
            attempt_header: None,
            means: Means::default(),
            mark: true,
            watch_idle: false,
            reporter: None,
        }
    }
}

/// A fault in the making, begun by [`Fault::new`]. Setting a list again replaces it.
///
/// ```
/// use waylay_fault::{Fault, error};
///
/// let errors = Fault::new("", error(600)).participation(f64::NAN).block_paths(["/a*"]).build().unwrap_err();
/// let settings: Vec<_> = errors.iter().map(|error| error.setting()).collect();
/// assert_eq!(settings, ["name", "error.status", "participation", "block_paths[0]"]);
/// ```
#[must_use = "a builder does nothing until `build`"]
pub struct FaultBuilder {
    name: String,
    injector: Injector,
    enabled: bool,
    participation: f64,
    protect_probes: bool,
    paths: Lists<Vec<String>>,
    headers: Lists<Vec<(String, String)>>,
    #[cfg(any(feature = "axum", feature = "router"))]
    routes: Lists<Vec<String>>,
    seed: Option<u64>,
    decide_by: DecideBy,
    attempt_header: Option<String>,
    means: Means,
    mark: bool,
    watch_idle: bool,
    reporter: Option<Box<dyn Reporter>>,
}

impl FaultBuilder {
    /// Whether the fault is on from the start. Off by default.
    pub fn enabled(mut self, enabled: bool) -> Self {
        self.enabled = enabled;
        self
    }

    /// The share of eligible requests to strike, from 0 (the default) to 1.
    pub fn participation(mut self, share: f64) -> Self {
        self.participation = share;
        self
    }

    /// Whether to leave probes alone, as it does by default: the paths `/healthz`, `/livez`,
    /// `/readyz`, `/health` and `/metrics`, the gRPC health service, and user agents that begin
    /// with `kube-probe`.
    pub fn protect_probes(mut self, protect: bool) -> Self {
        self.protect_probes = protect;
        self
    }

    /// Paths to leave alone: exact (`/pay`), whole-segment prefixes (`/admin/*`, which holds
    /// `/admin` itself) or templates (`/users/{id}`).
    ///
    /// Patterns are compared with the percent-decoded path, the query set aside, and are written
    /// decoded: `/a b` holds `/a%20b`. An encoded slash is data, not a separator; a pattern says
    /// it as `%2F`, and a percent sign as `%25`. Case and a slash at the end matter.
    pub fn block_paths<P: Into<String>>(mut self, patterns: impl IntoIterator<Item = P>) -> Self {
        self.paths.block = strings(patterns);
        self
    }

    /// The only paths to touch, written as for [`block_paths`](Self::block_paths), which wins.
    pub fn allow_paths<P: Into<String>>(mut self, patterns: impl IntoIterator<Item = P>) -> Self {
        self.paths.allow = strings(patterns);
        self
    }

    /// Headers whose requests to leave alone: any of several values equals the wanted one, byte by
    /// byte; names are compared without case.
    pub fn block_headers<N, V>(mut self, pairs: impl IntoIterator<Item = (N, V)>) -> Self
    where
        N: Into<String>,
        V: Into<String>,
    {
        self.headers.block = string_pairs(pairs);
        self
    }

    /// Headers whose requests alone to touch: one pair of the list is enough. Path, header and
    /// route lists must all admit a request.
    pub fn allow_headers<N, V>(mut self, pairs: impl IntoIterator<Item = (N, V)>) -> Self
    where
        N: Into<String>,
        V: Into<String>,
    {
        self.headers.allow = string_pairs(pairs);
        self
    }

    /// Routes to leave alone, by the template they have in axum's router or in `waylay-router`,
    /// prefixes of scopes included, such as `/orders/{id}`. The layer must lie within the router
    /// (`layer`, `route_layer`): outside of it nothing is matched yet.
    #[cfg(any(feature = "axum", feature = "router"))]
    pub fn block_routes<R: Into<String>>(mut self, templates: impl IntoIterator<Item = R>) -> Self {
        self.routes.block = strings(templates);
        self
    }

    /// The only routes to touch; see [`block_routes`](Self::block_routes), which wins.
    #[cfg(any(feature = "axum", feature = "router"))]
    pub fn allow_routes<R: Into<String>>(mut self, templates: impl IntoIterator<Item = R>) -> Self {
        self.routes.allow = strings(templates);
        self
    }

    /// Fixes the dice: equal seed, name and keys decide alike. By default every process has a
    /// fresh seed, found again in [`Fault::dice`].
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// What the decision about a request hangs on; by default a counter.
    pub fn decide_by(mut self, key: DecideBy) -> Self {
        self.decide_by = key;
        self
    }

    /// The header that numbers the attempts of one request, so that a retry under the same key
    /// draws anew.
    pub fn attempt_header(mut self, name: impl Into<String>) -> Self {
        self.attempt_header = Some(name.into());
        self
    }

    /// Whether to name the fault in a header of the responses it touched
    /// ([`MARK`](crate::MARK)). On by default. [`Injected`](crate::Injected) is in their
    /// extensions either way.
    pub fn mark(mut self, mark: bool) -> Self {
        self.mark = mark;
        self
    }

    /// Lets a reject unwind the connection's task where a failing body cannot reach the client,
    /// which is HEAD; see [`wire`](crate::wire). Silent (no panic message), but under a layer that
    /// catches panics it becomes a 500. Without effect under `panic = "abort"`.
    pub fn unwind(mut self, unwind: bool) -> Self {
        self.means.unwind = unwind;
        self
    }

    /// Says that nothing around this layer empties the bodies of HEAD answers, so that a reject
    /// reaches them on HTTP/2. True for a layer right under hyper and within `waylay-router`; not
    /// within axum's router.
    pub fn head_bodies(mut self, kept: bool) -> Self {
        self.means.head_bodies = kept;
        self
    }

    /// Whether to count and report requests also while the fault is off, at two atomic additions
    /// a request.
    pub fn watch_idle(mut self, watch: bool) -> Self {
        self.watch_idle = watch;
        self
    }

    /// Who hears what the fault does.
    pub fn reporter(mut self, reporter: impl Reporter) -> Self {
        self.reporter = Some(Box::new(reporter));
        self
    }

    /// Checks every setting.
    ///
    /// # Errors
    /// All that is wrong, each with the setting, the value and the way out.
    pub fn build(self) -> Result<Fault, FaultErrors> {
        let mut findings = Findings::default();
        let mark = check_name(&self.name, &mut findings);
        let injector = self.injector.check("", &mut findings);
        let participation = Participation::new(self.participation)
            .map_err(|_| findings.add("participation", self.participation, Problem::Participation))
            .ok();
        let gate = Gate {
            protect_probes: self.protect_probes,
            paths: Lists {
                block: PathList::check("block_paths", self.paths.block, &mut findings),
                allow: PathList::check("allow_paths", self.paths.allow, &mut findings),
            },
            headers: Lists {
                block: HeaderList::check("block_headers", self.headers.block, &mut findings),
                allow: HeaderList::check("allow_headers", self.headers.allow, &mut findings),
            },
            #[cfg(any(feature = "axum", feature = "router"))]
            routes: Lists {
                block: RouteList::check("block_routes", self.routes.block, &mut findings),
                allow: RouteList::check("allow_routes", self.routes.allow, &mut findings),
            },
        };
        let keyring = Keyring::check(self.decide_by, self.attempt_header, &mut findings);

        let good = mark.zip(injector).zip(participation).zip(keyring);
        let (((mark, injector), participation), keyring) = findings.or(&self.name, good)?;
        Ok(Fault {
            setup: Arc::new(Setup {
                dice: Dice::new(self.seed.unwrap_or_else(fresh_seed), &self.name),
                name: self.name.into(),
                switch: Switch::new(self.enabled, self.watch_idle, participation),
                gate,
                keyring,
                injector,
                means: self.means,
                mark: self.mark.then_some(mark),
                reporter: self.reporter,
                tally: Tally::default(),
            }),
        })
    }
}

impl fmt::Debug for FaultBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FaultBuilder")
            .field("name", &self.name)
            .field("injector", &self.injector)
            .field("enabled", &self.enabled)
            .field("participation", &self.participation)
            .finish_non_exhaustive()
    }
}

fn check_name(name: &str, findings: &mut Findings) -> Option<HeaderValue> {
    // http lets more than that into a value; what readers of a header make of it varies.
    let visible = name.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
    let value = HeaderValue::from_str(name).ok().filter(|_| visible && !name.trim().is_empty());
    if value.is_none() {
        findings.add("name", name.escape_debug(), Problem::Name);
    }
    value
}

fn strings<T: Into<String>>(items: impl IntoIterator<Item = T>) -> Vec<String> {
    items.into_iter().map(Into::into).collect()
}

fn string_pairs<N: Into<String>, V: Into<String>>(
    pairs: impl IntoIterator<Item = (N, V)>,
) -> Vec<(String, String)> {
    pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect()
}
