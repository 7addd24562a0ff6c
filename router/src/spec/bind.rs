//! Tables as data become routes: each with the value that the program gives for its handler.

use super::model::{RouteSpec, ScopeSpec, TableSpec};
use crate::builder::Builder;
use crate::catalog::ScopeId;
use crate::conditions::Bounds;
use crate::error::{BuildError, BuildErrorKind};
use crate::route::Route;
use crate::rule::dialect::Dialect;
use crate::scope::{Pending, Scope};
use crate::site::Site;
use crate::table::build::TableBuilder;

impl<T> TableBuilder<T> {
    /// Adds what a table's file says; `bind` gives each route its value, or says why there is none.
    ///
    /// Faults of the file are reported by [`build`](Self::build), with their lines.
    #[track_caller]
    pub fn spec(mut self, spec: &TableSpec, mut bind: impl FnMut(&RouteSpec) -> Result<T, String>) -> Self {
        self = self.faulty(spec.told());
        for proxy in &spec.trusted_proxies {
            self = self.trusted_proxy(proxy);
        }
        self.routes(None, &spec.routes, spec.dialect, &mut bind);
        for scope in &spec.scopes {
            self.scope(None, scope, spec.dialect, &mut bind);
        }
        self
    }

    fn scope(
        &mut self,
        parent: Option<ScopeId>,
        spec: &ScopeSpec,
        dialect: Dialect,
        bind: &mut impl FnMut(&RouteSpec) -> Result<T, String>,
    ) {
        let scope = self.open(parent, spec.bounds(dialect));
        self.routes(Some(scope), &spec.routes, dialect, bind);
        for inner in &spec.scopes {
            self.scope(Some(scope), inner, dialect, bind);
        }
    }

    fn routes(
        &mut self,
        scope: Option<ScopeId>,
        specs: &[RouteSpec],
        dialect: Dialect,
        bind: &mut impl FnMut(&RouteSpec) -> Result<T, String>,
    ) {
        for spec in specs {
            match bind(spec) {
                Ok(value) => self.add(scope, spec.route(dialect).value(value)),
                Err(fault) => self.fault(spec.fault(fault)),
            }
        }
    }
}

impl<S: Send + Sync + 'static> Builder<S> {
    /// Adds what a table's file says; `bind` ends each route in its handler (`route.to(show)`), or says why
    /// there is none. Routes that only build URLs need no handler, and are not asked for one.
    ///
    /// Faults of the file are reported by [`build`](Self::build), with their lines.
    ///
    /// ```
    /// use waylay_router::{Router, TableSpec};
    /// let spec = TableSpec::toml("[[routes]]\nrule = 'Path(`/`)'\nhandler = 'home'\n");
    /// let router = Router::builder()
    ///     .spec(&spec, |spec, route| match spec.handler.as_str() {
    ///         "home" => Ok(route.to(async || "home")),
    ///         other => Err(format!("there is no handler `{other}`")),
    ///     })
    ///     .build()?;
    /// # Ok::<(), waylay_router::BuildErrors>(())
    /// ```
    #[track_caller]
    pub fn spec(
        mut self,
        spec: &TableSpec,
        mut bind: impl FnMut(&RouteSpec, Route) -> Result<Route<Pending<S>>, String>,
    ) -> Self {
        let mut faults = spec.told();
        for proxy in &spec.trusted_proxies {
            self = self.trusted_proxy(proxy);
        }
        for route in &spec.routes {
            match route.ended(spec.dialect, &mut bind) {
                Ok(route) => self = self.route(route),
                Err(fault) => faults.push(*fault),
            }
        }
        for scope in &spec.scopes {
            self = self.scope(scope.scope(spec.dialect, &mut bind, &mut faults));
        }
        self.faulty(faults)
    }
}

impl TableSpec {
    /// What could not be read.
    #[track_caller]
    fn told(&self) -> Vec<BuildError> {
        let here = Site::caller();
        let told = self.faults.iter().map(|(fault, line)| BuildError {
            kind: BuildErrorKind::Spec(fault.clone()),
            route: "*".to_owned(),
            site: line.map_or(here, Site::Line),
        });
        told.collect()
    }
}

impl ScopeSpec {
    fn bounds(&self, dialect: Dialect) -> Bounds {
        let mut bounds = Bounds::new();
        bounds.conditions.site = self.site();
        bounds.conditions.sealed = self.sealed;
        bounds.name.clone_from(&self.name);
        if let Some(prefix) = &self.prefix {
            bounds = bounds.prefix(prefix);
        }
        match &self.rule {
            Some(rule) => bounds.when(dialect.text(rule)),
            None => bounds,
        }
    }

    fn scope<S: Send + Sync + 'static>(
        &self,
        dialect: Dialect,
        bind: &mut impl FnMut(&RouteSpec, Route) -> Result<Route<Pending<S>>, String>,
        faults: &mut Vec<BuildError>,
    ) -> Scope<S> {
        let mut scope = Scope::bounded(self.bounds(dialect));
        for route in &self.routes {
            match route.ended(dialect, bind) {
                Ok(route) => scope = scope.route(route),
                Err(fault) => faults.push(*fault),
            }
        }
        self.scopes.iter().fold(scope, |scope, inner| scope.scope(inner.scope(dialect, bind, faults)))
    }
}

impl RouteSpec {
    fn route(&self, dialect: Dialect) -> Route {
        let mut route = Route::rule(dialect.text(&self.rule)).priority(self.priority);
        route.conditions.site = self.site();
        route.conditions.sealed = self.sealed;
        route.name.clone_from(&self.name);
        route.build_only = self.build_only;
        route.metadata.clone_from(&self.metadata);
        route
    }

    fn ended<S: Send + Sync + 'static>(
        &self,
        dialect: Dialect,
        bind: &mut impl FnMut(&RouteSpec, Route) -> Result<Route<Pending<S>>, String>,
    ) -> Result<Route<Pending<S>>, Box<BuildError>> {
        let route = self.route(dialect);
        if self.build_only {
            return Ok(route.to(async || http::StatusCode::NOT_FOUND));
        }
        bind(self, route).map_err(|fault| Box::new(self.fault(fault)))
    }

    #[track_caller]
    fn fault(&self, fault: String) -> BuildError {
        let route = self.name.clone().unwrap_or_else(|| self.rule.clone());
        BuildError { kind: BuildErrorKind::Spec(fault), route, site: self.site() }
    }
}
