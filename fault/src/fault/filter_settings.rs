//! FaultBuilder: the lists that select requests and responses.

use crate::fault::builder::FaultBuilder;
use crate::fault::filter::baggage::Baggage;

impl FaultBuilder {
    /// Sets whether probes are skipped, as by default: the paths `/healthz`, `/livez`, `/readyz`,
    /// `/health` and `/metrics`, the gRPC health service, and user agents that begin with
    /// `kube-probe`.
    pub fn protect_probes(mut self, protect: bool) -> Self {
        self.filter.allow_probes = !protect;
        self
    }

    /// Skips these paths: exact (`/pay`), whole-segment prefixes (`/admin/*`, which contains
    /// `/admin` itself), templates (`/users/{id}`) or globs, in which `*` is any text within a
    /// segment and `**` any number of segments (`/files/**/*.png`).
    ///
    /// Patterns are compared with the percent-decoded path, without the query, and are written
    /// decoded: `/a b` contains `/a%20b`. An encoded slash is data, not a separator; a pattern
    /// writes it as `%2F`, and a percent sign as `%25`. Case and a trailing slash are significant.
    ///
    /// The path is the one that the server received: within axum's `nest` (feature `axum`) and
    /// waylay-router's `mount` (feature `router`), which shorten it, it includes the prefix. The same
    /// holds for probes, rules and reports. A layer around a client looks at the request that it sends.
    pub fn block_paths<P: Into<String>>(mut self, patterns: impl IntoIterator<Item = P>) -> Self {
        self.filter.paths.block = strings(patterns);
        self
    }

    /// Allows only these paths, written as for [`block_paths`](Self::block_paths), which takes
    /// precedence.
    ///
    /// An allow list without entries is an error, here as for all kinds: it would allow nothing.
    pub fn allow_paths<P: Into<String>>(mut self, patterns: impl IntoIterator<Item = P>) -> Self {
        self.filter.paths.allow = Some(strings(patterns));
        self
    }

    /// Skips requests with one of these headers: any of its values equals the given one, byte by
    /// byte; names are case-insensitive.
    pub fn block_headers<N, V>(mut self, pairs: impl IntoIterator<Item = (N, V)>) -> Self
    where
        N: Into<String>,
        V: Into<String>,
    {
        self.filter.headers.block = string_pairs(pairs);
        self
    }

    /// Allows only requests with one of these headers. A request must pass the lists of every kind.
    pub fn allow_headers<N, V>(mut self, pairs: impl IntoIterator<Item = (N, V)>) -> Self
    where
        N: Into<String>,
        V: Into<String>,
    {
        self.filter.headers.allow = Some(string_pairs(pairs));
        self
    }

    /// Skips these routes, given by their template in axum's router or in `waylay-router`, with the
    /// prefixes of scopes, such as `/orders/{id}`; in the latter also by name. The layer must be
    /// inside of the router (`layer`, `route_layer`): outside of it no route is matched yet. Within
    /// a mounted router, both the template with the prefix of the mount and the one without it name it.
    #[cfg(any(feature = "axum", feature = "router"))]
    pub fn block_routes<R: Into<String>>(mut self, templates: impl IntoIterator<Item = R>) -> Self {
        self.filter.routes.block = strings(templates);
        self
    }

    /// Allows only these routes; [`block_routes`](Self::block_routes) takes precedence.
    #[cfg(any(feature = "axum", feature = "router"))]
    pub fn allow_routes<R: Into<String>>(mut self, templates: impl IntoIterator<Item = R>) -> Self {
        self.filter.routes.allow = Some(strings(templates));
        self
    }

    /// Skips requests that match one of these rules in the language of `waylay-router`:
    /// ``Host(`**.example.com`) && (PathPrefix(`/pay`) || Header(`x-vip`))``. They apply to the
    /// path that the server received, inside of a nested router or outside.
    ///
    /// ```
    /// use waylay_fault::{Fault, error};
    /// let faulty = Fault::new("flaky", error(503)).block_rules(["Hots(`a`)"]).build().unwrap_err();
    /// assert!(faulty.to_string().contains("`Host`"), "{faulty}");
    /// ```
    #[cfg(feature = "router")]
    pub fn block_rules<R: Into<String>>(mut self, rules: impl IntoIterator<Item = R>) -> Self {
        self.filter.rules.block = strings(rules);
        self
    }

    /// Allows only requests that match one of these rules; [`block_rules`](Self::block_rules) takes
    /// precedence.
    #[cfg(feature = "router")]
    pub fn allow_rules<R: Into<String>>(mut self, rules: impl IntoIterator<Item = R>) -> Self {
        self.filter.rules.allow = Some(strings(rules));
        self
    }

    /// Injects only into requests whose W3C `baggage` names the fault; [`Baggage`] tells which are trusted.
    ///
    /// A request that does not name it is skipped as [`NotRequested`](crate::SkipReason::NotRequested), one
    /// that names it without being trusted as [`Untrusted`](crate::SkipReason::Untrusted).
    pub fn baggage(mut self, baggage: Baggage) -> Self {
        self.filter.baggage = Some(baggage);
        self
    }

    /// Injects only once the service has responded, and only into responses with one of these statuses:
    /// exact (`503`), a class (`5xx`) or a range (`500-504`).
    ///
    /// The draw is made when the request arrives, by its key, as for every fault; the steps begin with the
    /// response. An [`error`](crate::error()) replaces it, a [delay](crate::slow()) delays it, and what
    /// changes a body or a head changes its own. A change of the request is an error. A response that does
    /// not match, or none at all, is counted as [`response_mismatch`](crate::Counts::response_mismatch),
    /// and uses up neither a count window nor a guard. In a chain of layers the response is that of the
    /// layer below, faults included.
    ///
    /// On connections, of a listener or a connector, there is no response: nothing is injected, and a
    /// set reports an error.
    ///
    /// ```
    /// use http::{Request, Response, StatusCode};
    /// use tower::{ServiceExt, service_fn};
    /// use tower_layer::Layer;
    /// use waylay_fault::{Fault, error};
    ///
    /// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
    /// // Tests what clients do if a conflict is reported as an overload.
    /// let fault = Fault::new("conflicts", error(503).retry_after("1s"))
    ///     .enabled(true)
    ///     .participation(1.0)
    ///     .allow_statuses(["409"])
    ///     .build()?;
    /// let service = fault.layer().layer(service_fn(async |request: Request<String>| {
    ///     let status = if request.uri().path() == "/taken" { 409 } else { 201 };
    ///     Response::builder().status(status).body(String::new())
    /// }));
    /// let created = service.clone().oneshot(Request::get("/free").body(String::new())?).await?;
    /// let conflict = service.oneshot(Request::get("/taken").body(String::new())?).await?;
    /// assert_eq!((created.status(), conflict.status()), (StatusCode::CREATED, StatusCode::SERVICE_UNAVAILABLE));
    /// assert_eq!(fault.control().counts().response_mismatch, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn allow_statuses<R: Into<String>>(mut self, ranges: impl IntoIterator<Item = R>) -> Self {
        self.filter.statuses.allow = Some(strings(ranges));
        self
    }

    /// Skips responses with one of these statuses; see [`allow_statuses`](Self::allow_statuses).
    pub fn block_statuses<R: Into<String>>(mut self, ranges: impl IntoIterator<Item = R>) -> Self {
        self.filter.statuses.block = strings(ranges);
        self
    }

    /// Injects only into responses with one of these headers, as
    /// [`allow_statuses`](Self::allow_statuses) does by status. A response must pass both lists.
    pub fn allow_response_headers<N, V>(mut self, pairs: impl IntoIterator<Item = (N, V)>) -> Self
    where
        N: Into<String>,
        V: Into<String>,
    {
        self.filter.response_headers.allow = Some(string_pairs(pairs));
        self
    }

    /// Skips responses with one of these headers; see [`allow_statuses`](Self::allow_statuses).
    pub fn block_response_headers<N, V>(mut self, pairs: impl IntoIterator<Item = (N, V)>) -> Self
    where
        N: Into<String>,
        V: Into<String>,
    {
        self.filter.response_headers.block = string_pairs(pairs);
        self
    }

    /// Skips these methods.
    pub fn block_methods<M: Into<String>>(mut self, methods: impl IntoIterator<Item = M>) -> Self {
        self.filter.methods.block = strings(methods);
        self
    }

    /// Allows only these methods.
    pub fn allow_methods<M: Into<String>>(mut self, methods: impl IntoIterator<Item = M>) -> Self {
        self.filter.methods.allow = Some(strings(methods));
        self
    }

    /// Skips these hosts: exact (`shop.test`), with one label in front (`*.shop.test`) or with one
    /// or more (`**.shop.test`). They are compared with the URI's authority, or else with the
    /// `Host` header, without case, port and final dot.
    pub fn block_hosts<H: Into<String>>(mut self, patterns: impl IntoIterator<Item = H>) -> Self {
        self.filter.hosts.block = strings(patterns);
        self
    }

    /// Allows only these hosts, written as for [`block_hosts`](Self::block_hosts), which takes
    /// precedence.
    pub fn allow_hosts<H: Into<String>>(mut self, patterns: impl IntoIterator<Item = H>) -> Self {
        self.filter.hosts.allow = Some(strings(patterns));
        self
    }

    /// Skips these clients, given by address (`::1`) or network (`10.0.0.0/8`). The address comes
    /// from [`PeerAddr`](crate::PeerAddr) or its equivalents; an unknown address is in no list.
    pub fn block_clients<C: Into<String>>(mut self, ranges: impl IntoIterator<Item = C>) -> Self {
        self.filter.clients.block = strings(ranges);
        self
    }

    /// Allows only these clients, written as for [`block_clients`](Self::block_clients), which
    /// takes precedence.
    pub fn allow_clients<C: Into<String>>(mut self, ranges: impl IntoIterator<Item = C>) -> Self {
        self.filter.clients.allow = Some(strings(ranges));
        self
    }
}

fn strings<T: Into<String>>(items: impl IntoIterator<Item = T>) -> Vec<String> {
    items.into_iter().map(Into::into).collect()
}

fn string_pairs<N: Into<String>, V: Into<String>>(
    pairs: impl IntoIterator<Item = (N, V)>,
) -> Vec<(String, String)> {
    pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect()
}
