//! The lists of a builder: whom to strike, and whom to leave alone.

use crate::builder::FaultBuilder;

impl FaultBuilder {
    /// Whether to leave probes alone, as it does by default: the paths `/healthz`, `/livez`,
    /// `/readyz`, `/health` and `/metrics`, the gRPC health service, and user agents that begin
    /// with `kube-probe`.
    pub fn protect_probes(mut self, protect: bool) -> Self {
        self.whom.spare_no_probes = !protect;
        self
    }

    /// Paths to leave alone: exact (`/pay`), whole-segment prefixes (`/admin/*`, which holds
    /// `/admin` itself), templates (`/users/{id}`) or globs, in which `*` is any text within a
    /// segment and `**` any number of segments (`/files/**/*.png`).
    ///
    /// Patterns are compared with the percent-decoded path, the query set aside, and are written
    /// decoded: `/a b` holds `/a%20b`. An encoded slash is data, not a separator; a pattern says
    /// it as `%2F`, and a percent sign as `%25`. Case and a slash at the end matter.
    pub fn block_paths<P: Into<String>>(mut self, patterns: impl IntoIterator<Item = P>) -> Self {
        self.whom.paths.block = strings(patterns);
        self
    }

    /// The only paths to touch, written as for [`block_paths`](Self::block_paths), which wins.
    pub fn allow_paths<P: Into<String>>(mut self, patterns: impl IntoIterator<Item = P>) -> Self {
        self.whom.paths.allow = strings(patterns);
        self
    }

    /// Headers whose requests to leave alone: any of several values equals the wanted one, byte by
    /// byte; names are compared without case.
    pub fn block_headers<N, V>(mut self, pairs: impl IntoIterator<Item = (N, V)>) -> Self
    where
        N: Into<String>,
        V: Into<String>,
    {
        self.whom.headers.block = string_pairs(pairs);
        self
    }

    /// Headers whose requests alone to touch: one pair of the list is enough. Path, header and
    /// route lists must all admit a request.
    pub fn allow_headers<N, V>(mut self, pairs: impl IntoIterator<Item = (N, V)>) -> Self
    where
        N: Into<String>,
        V: Into<String>,
    {
        self.whom.headers.allow = string_pairs(pairs);
        self
    }

    /// Routes to leave alone, by the template they have in axum's router or in `waylay-router`,
    /// prefixes of scopes included, such as `/orders/{id}`; in the latter also by name. The layer must lie within the router
    /// (`layer`, `route_layer`): outside of it nothing is matched yet.
    #[cfg(any(feature = "axum", feature = "router"))]
    pub fn block_routes<R: Into<String>>(mut self, templates: impl IntoIterator<Item = R>) -> Self {
        self.whom.routes.block = strings(templates);
        self
    }

    /// The only routes to touch; see [`block_routes`](Self::block_routes), which wins.
    #[cfg(any(feature = "axum", feature = "router"))]
    pub fn allow_routes<R: Into<String>>(mut self, templates: impl IntoIterator<Item = R>) -> Self {
        self.whom.routes.allow = strings(templates);
        self
    }

    /// Requests to leave alone, by rules in the language of `waylay-router`:
    /// ``Host(`**.example.com`) && (PathPrefix(`/pay`) || Header(`x-vip`))``. One of them is enough. They
    /// look at the request as the layer gets it, inside a router or outside.
    ///
    /// ```
    /// use waylay_fault::{Fault, error};
    /// let faulty = Fault::new("flaky", error(503)).block_rules(["Hots(`a`)"]).build().unwrap_err();
    /// assert!(faulty.to_string().contains("`Host`"), "{faulty}");
    /// ```
    #[cfg(feature = "router")]
    pub fn block_rules<R: Into<String>>(mut self, rules: impl IntoIterator<Item = R>) -> Self {
        self.whom.rules.block = strings(rules);
        self
    }

    /// The only requests to touch, written as for [`block_rules`](Self::block_rules), which wins.
    #[cfg(feature = "router")]
    pub fn allow_rules<R: Into<String>>(mut self, rules: impl IntoIterator<Item = R>) -> Self {
        self.whom.rules.allow = strings(rules);
        self
    }

    /// Methods to leave alone.
    pub fn block_methods<M: Into<String>>(mut self, methods: impl IntoIterator<Item = M>) -> Self {
        self.whom.methods.block = strings(methods);
        self
    }

    /// The only methods to touch.
    pub fn allow_methods<M: Into<String>>(mut self, methods: impl IntoIterator<Item = M>) -> Self {
        self.whom.methods.allow = strings(methods);
        self
    }

    /// Hosts to leave alone: exact (`shop.test`), with one label in front (`*.shop.test`) or with
    /// one or more (`**.shop.test`). They are compared without case, port and final dot with the
    /// URI's authority, or else with the `Host` header.
    pub fn block_hosts<H: Into<String>>(mut self, patterns: impl IntoIterator<Item = H>) -> Self {
        self.whom.hosts.block = strings(patterns);
        self
    }

    /// The only hosts to touch, written as for [`block_hosts`](Self::block_hosts), which wins.
    pub fn allow_hosts<H: Into<String>>(mut self, patterns: impl IntoIterator<Item = H>) -> Self {
        self.whom.hosts.allow = strings(patterns);
        self
    }

    /// Clients to leave alone, by address (`::1`) or range (`10.0.0.0/8`). The address is what
    /// [`Remote`](crate::Remote) or what stands for it tells; one that is not known is in no list.
    pub fn block_clients<C: Into<String>>(mut self, ranges: impl IntoIterator<Item = C>) -> Self {
        self.whom.clients.block = strings(ranges);
        self
    }

    /// The only clients to touch, written as for [`block_clients`](Self::block_clients), which
    /// wins.
    pub fn allow_clients<C: Into<String>>(mut self, ranges: impl IntoIterator<Item = C>) -> Self {
        self.whom.clients.allow = strings(ranges);
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
