//! RouteTree: the routes of a line with their scopes, and the tables built from them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use waylay_router::{
    BuildError, BuildErrorKind, BuildErrors, LintKind, PathCleaning, PathForm, Policy, Precedence, Route,
    ScopeId, Table, TrailingSlash,
};

use crate::conditions::{ConditionSet, PathCondition};
use crate::input::{Case, Dialect, RouteOrder, RouteSpec, RouterSettings};

/// A route or scope of the line.
#[derive(Debug)]
pub(crate) struct Node<'c> {
    /// Name, or place (`routes[0].children[2]`).
    pub(crate) title: String,
    pub(crate) named: bool,
    /// Unique name in the table: the numbers of its scopes and its own.
    pub(crate) label: String,
    pub(crate) spec: &'c RouteSpec,
    pub(crate) parent: Option<usize>,
    pub(crate) conditions: Vec<ConditionSet>,
    pub(crate) build_only: bool,
    /// Whether a path that differs only by its trailing slash is redirected.
    pub(crate) strict_slash: bool,
    /// Number of the last node inside, or its own.
    pub(crate) last: usize,
    /// The router that is mounted at this route.
    pub(crate) mount: Option<Box<RouteTree<'c>>>,
    /// Path template with the templates of its scopes in front.
    pub(crate) path: String,
}

impl Node<'_> {
    pub(crate) fn trailing_slash(&self) -> TrailingSlash {
        trailing_slash(self.strict_slash)
    }
}

fn trailing_slash(strict_slash: bool) -> TrailingSlash {
    if strict_slash { TrailingSlash::Redirect } else { TrailingSlash::Strict }
}

/// The routes of a line in order, each scope before its children.
#[derive(Debug)]
pub(crate) struct RouteTree<'c> {
    pub(crate) nodes: Vec<Node<'c>>,
    pub(crate) policy: Policy,
    pub(crate) dialect: Dialect,
    pub(crate) omit_route: bool,
    /// Whether the router has handlers for 404 and 405.
    pub(crate) not_found: bool,
    pub(crate) method_not_allowed: bool,
}

impl<'c> RouteTree<'c> {
    /// Creates the tree of a line.
    pub(crate) fn new(case: &'c Case, dialect: Dialect) -> Result<Self, String> {
        Self::from_routes("routes", &case.routes, &case.router, dialect)
    }

    fn from_routes(
        place: &str,
        routes: &'c [RouteSpec],
        router: &RouterSettings,
        dialect: Dialect,
    ) -> Result<Self, String> {
        let mut tree = Self {
            nodes: Vec::new(),
            policy: policy(router, dialect),
            dialect,
            omit_route: router.omit_route,
            not_found: router.not_found,
            method_not_allowed: router.method_not_allowed,
        };
        tree.add(place, routes, None, router.strict_slash == Some(true))?;
        Ok(tree)
    }

    fn add(
        &mut self,
        place: &str,
        specs: &'c [RouteSpec],
        parent: Option<usize>,
        mut strict_slash: bool,
    ) -> Result<(), String> {
        for (i, spec) in specs.iter().enumerate() {
            let place = format!("{place}[{i}]");
            strict_slash = spec.strict_slash.unwrap_or(strict_slash);
            let number = self.nodes.len();
            let outer = parent.map(|parent| &self.nodes[parent]);
            let label = outer.map_or_else(|| number.to_string(), |outer| format!("{}.{number}", outer.label));
            let mut conditions =
                ConditionSet::from_spec(spec, self.dialect).map_err(|text| format!("{place}: {text}"))?;
            let mut path = outer.map(|outer| outer.path.clone()).unwrap_or_default();
            let count = conditions.len();
            for (set, i) in conditions.iter_mut().zip(1..) {
                let Some(own) = &set.path else { continue };
                path = format!("{}{}", path.trim_end_matches('/'), own.text());
                if matches!(own, PathCondition::Exact(_)) && (spec.is_scope() || i < count) {
                    set.exact_path = exact_path(&path, self.policy, strict_slash);
                }
            }
            let mounted = |routes| {
                let place = format!("{place}.mount");
                Self::from_routes(&place, routes, &RouterSettings::default(), self.dialect).map(Box::new)
            };
            self.nodes.push(Node {
                title: spec.name.clone().unwrap_or_else(|| place.clone()),
                named: spec.name.is_some(),
                label,
                spec,
                parent,
                conditions,
                // In gorilla/mux a build-only subrouter matches nothing, and neither do its routes.
                build_only: spec.build_only || outer.is_some_and(|outer| outer.build_only),
                strict_slash,
                last: number,
                mount: spec.mount.as_deref().map(mounted).transpose()?,
                path,
            });
            let inside = spec.sub.as_ref().and_then(|sub| sub.strict_slash).unwrap_or(strict_slash);
            self.add(
                &format!("{place}.children"),
                spec.children.as_deref().unwrap_or_default(),
                Some(number),
                inside,
            )?;
            self.nodes[number].last = self.nodes.len() - 1;
        }
        Ok(())
    }

    /// Returns a node and its scopes, innermost first.
    pub(crate) fn ancestors(&self, node: usize) -> impl Iterator<Item = usize> {
        std::iter::successors(Some(node), |node| self.nodes[*node].parent)
    }

    /// Returns the node whose handler serves a node: a scope may serve its children.
    pub(crate) fn handler_of(&self, node: usize) -> Option<usize> {
        let has_handler = |at: usize| {
            let spec = self.nodes[at].spec;
            if spec.is_scope() { spec.handler } else { !spec.no_handler }
        };
        self.ancestors(node).find(|at| has_handler(*at))
    }

    /// Returns the number of the node with this label.
    pub(crate) fn node(&self, label: &str) -> Option<usize> {
        let number: usize = label.rsplit('.').next()?.parse().ok()?;
        (number < self.nodes.len()).then_some(number)
    }
}

/// Returns a table for the exact path of a scope; an error in the path is reported with the scope.
fn exact_path(path: &str, policy: Policy, strict_slash: bool) -> Option<Arc<Table<()>>> {
    let route = Route::any(path).trailing_slash(trailing_slash(strict_slash)).value(());
    Table::builder().policy(policy).route(route).build().ok().map(Arc::new)
}

fn policy(settings: &RouterSettings, dialect: Dialect) -> Policy {
    let mut policy = match dialect {
        Dialect::Gorilla => Policy::gorilla(),
        // Traefik orders routers of equal priority by provider, which the format does not have.
        Dialect::TraefikV3 => Policy::default().precedence(Precedence::RegistrationOrder),
        Dialect::Native | Dialect::Vulcand => Policy::default(),
    };
    if let Some(order) = settings.precedence {
        policy = policy.precedence(match order {
            RouteOrder::Specific => Precedence::Specificity,
            RouteOrder::Registration => Precedence::RegistrationOrder,
        });
    }
    if settings.skip_clean {
        policy = policy.path_cleaning(PathCleaning::Keep);
    }
    if settings.use_encoded_path {
        policy = policy.path(PathForm::Raw);
    }
    policy
}

/// A route that does not compile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RouteError {
    /// Name of the route, or its place among the routes.
    pub(crate) route: String,
    /// Message without the name.
    pub(crate) text: String,
}

/// The table of a tree.
#[derive(Debug)]
pub(crate) struct BuiltTable {
    /// `None` if the dialect rejects the table as a whole.
    pub(crate) table: Option<Table<usize>>,
    /// The first error of each invalid node.
    pub(crate) errors: BTreeMap<usize, RouteError>,
    /// The nodes that are left out.
    pub(crate) invalid: BTreeSet<usize>,
    /// The node of each scope of the table.
    pub(crate) scopes: Vec<usize>,
    /// The routers that are mounted at nodes.
    pub(crate) mounts: BTreeMap<usize, Self>,
}

impl RouteTree<'_> {
    /// Builds the table. An error rejects the table, but in gorilla's dialect only its route.
    pub(crate) fn build(&self) -> Result<BuiltTable, String> {
        let mut errors = self.own_errors();
        let mut invalid = BTreeSet::new();
        if self.dialect == Dialect::Gorilla {
            invalid.extend(errors.keys());
        }
        loop {
            match self.table(|node| !invalid.contains(&node), None) {
                Ok((table, scopes)) => {
                    let is_valid = errors.is_empty() || self.dialect == Dialect::Gorilla;
                    let mounts = self.nodes.iter().enumerate();
                    let mounts = mounts.filter_map(|(number, node)| Some((number, node.mount.as_ref()?)));
                    let mounts = mounts.map(|(number, tree)| tree.build().map(|built| (number, built)));
                    let mounts = mounts.collect::<Result<BTreeMap<_, _>, _>>()?;
                    errors.extend(mounts.iter().filter_map(|(number, built)| {
                        built.errors.values().next().map(|error| (*number, error.clone()))
                    }));
                    let table = Some(table).filter(|_| is_valid);
                    return Ok(BuiltTable { table, errors, invalid, scopes, mounts });
                }
                Err(build_errors) => {
                    let failed_nodes = self.failed_nodes(&build_errors)?;
                    let nodes: BTreeSet<usize> = failed_nodes.iter().map(|(node, _)| *node).collect();
                    for (node, error) in &failed_nodes {
                        // The children of an invalid scope inherit the error, which is reported once.
                        if !self.ancestors(*node).skip(1).any(|scope| nodes.contains(&scope)) {
                            let route = self.nodes[*node].title.clone();
                            errors
                                .entry(*node)
                                .or_insert_with(|| RouteError { route, text: self.text(error) });
                        }
                    }
                    let before = invalid.len();
                    invalid.extend(nodes);
                    if self.dialect != Dialect::Gorilla || invalid.len() == before {
                        let (scopes, mounts) = (Vec::new(), BTreeMap::new());
                        return Ok(BuiltTable { table: None, errors, invalid, scopes, mounts });
                    }
                }
            }
        }
    }

    /// Builds the table of one node with its scopes; it matches also if the node is build-only.
    pub(crate) fn table_of(&self, only: usize) -> Option<Table<usize>> {
        let kept: BTreeSet<usize> = self.ancestors(only).collect();
        self.table(|node| kept.contains(&node), Some(only)).ok().map(|(table, _)| table)
    }

    /// Builds the table without some nodes.
    pub(crate) fn table_without(&self, invalid: &BTreeSet<usize>) -> Option<Table<usize>> {
        self.table(|node| !invalid.contains(&node), None).ok().map(|(table, _)| table)
    }

    /// Builds the table of all nodes up to the end of a scope.
    pub(crate) fn table_up_to(&self, scope: usize, invalid: &BTreeSet<usize>) -> Option<Table<usize>> {
        let end = self.nodes[scope].last;
        self.table(|node| node <= end && !invalid.contains(&node), None).ok().map(|(table, _)| table)
    }

    fn table(
        &self,
        keep: impl Fn(usize) -> bool,
        active: Option<usize>,
    ) -> Result<(Table<usize>, Vec<usize>), BuildErrors> {
        let mut builder = Table::builder().policy(self.policy);
        let mut scopes: Vec<Option<ScopeId>> = vec![None; self.nodes.len()];
        let mut opened = Vec::new();
        for (number, node) in self.nodes.iter().enumerate() {
            let is_kept = self.ancestors(number).all(&keep);
            let Some((inner, outer)) = node.conditions.split_last().filter(|_| is_kept) else { continue };
            let mut scope = node.parent.and_then(|parent| scopes[parent]);
            for set in outer {
                scope = Some(builder.scope(scope, set.bounds()));
                opened.push(number);
            }
            let route = inner.route().priority(node.spec.priority).name(number.to_string()).value(number);
            let route = route.trailing_slash(node.trailing_slash());
            let is_build_only = (node.build_only || node.spec.is_scope()) && active != Some(number);
            builder.add(scope, if is_build_only { route.build_only() } else { route });
            if node.spec.is_scope() {
                scopes[number] = Some(builder.scope(scope, inner.bounds().name(number.to_string())));
                opened.push(number);
            }
        }
        builder.build().map(|table| (table, opened))
    }

    /// Returns the node of each error.
    fn failed_nodes<'e>(&self, errors: &'e BuildErrors) -> Result<Vec<(usize, &'e BuildError)>, String> {
        let node = |error: &'e BuildError| match self.node(&error.route) {
            Some(node) => Ok((node, error)),
            None => Err(format!("an error of an unknown route: {error}")),
        };
        errors.iter().map(node).collect()
    }

    fn title<'t>(&'t self, label: &'t str) -> &'t str {
        self.node(label).map_or(label, |node| self.nodes[node].title.as_str())
    }

    fn text(&self, error: &BuildError) -> String {
        match &error.kind {
            BuildErrorKind::Conflict { with, witness, .. } => {
                format!(
                    "matches the same requests as route `{}`, such as `{witness}`; \
                     give one of them a condition or a priority",
                    self.title(with)
                )
            }
            kind => kind.to_string(),
        }
    }

    /// Formats the lints of a table, one line each.
    pub(crate) fn lints(&self, table: &Table<usize>) -> Vec<String> {
        let text = |kind: &LintKind| match kind {
            LintKind::Shadowed { by, .. } => {
                format!("is never reached, since route `{}` wins whatever it matches", self.title(by))
            }
            LintKind::ShadowedAlternatives { by, alternatives, all, .. } => {
                format!(
                    "{} of its {all} alternatives are never reached, since route `{}` wins whatever they match: `{}`",
                    alternatives.len(),
                    self.title(by),
                    alternatives.join("`, `")
                )
            }
            LintKind::Overlap { with, witness, .. } => {
                format!("`{witness}` matches route `{}` too, which is as specific", self.title(with))
            }
            LintKind::OverlapUnknown { with, .. } => {
                let with = self.title(with);
                format!("whether route `{with}` matches the same requests is undecided")
            }
            kind => kind.to_string(),
        };
        let lints = table.lints();
        lints
            .iter()
            .map(|lint| format!("route `{}`: {}", self.title(&lint.route), text(&lint.kind)))
            .collect()
    }

    /// Returns the errors that the router does not detect: labels are unique, so equal names of two routes
    /// are not. gorilla/mux allows these, but not two names of one route.
    fn own_errors(&self) -> BTreeMap<usize, RouteError> {
        let mut errors = BTreeMap::new();
        let mut seen = BTreeSet::new();
        for (number, node) in self.nodes.iter().enumerate() {
            let is_duplicate = node.named && !seen.insert(&node.title) && self.dialect != Dialect::Gorilla;
            let error = node.conditions.iter().find_map(|set| set.error.clone());
            let text = match &node.spec.name2 {
                Some(name) => format!("has the second name `{name}`"),
                None if error.is_some() => error.unwrap_or_default(),
                None if is_duplicate => "another route has this name".to_owned(),
                None => continue,
            };
            errors.insert(number, RouteError { route: node.title.clone(), text });
        }
        errors
    }
}
