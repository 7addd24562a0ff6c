//! Serialize for routes, scopes and misses.

use serde::ser::{Serialize, SerializeStruct, Serializer};

use crate::compile::pattern::{Source, Variable};
use crate::table::catalog::{RouteInfo, ScopeInfo};
use crate::table::miss::{Miss, Reason};

impl Serialize for RouteInfo<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let methods: Option<Vec<&str>> =
            (!self.methods().is_all()).then(|| self.methods().iter().map(http::Method::as_str).collect());
        let mut route = serializer.serialize_struct("Route", 13)?;
        route.serialize_field("name", &self.name())?;
        route.serialize_field("template", self.template())?;
        route.serialize_field("hosts", &self.hosts().collect::<Vec<_>>())?;
        route.serialize_field("methods", &methods)?;
        route.serialize_field("conditions", &self.conditions().collect::<Vec<_>>())?;
        route.serialize_field("rule", &self.rule())?;
        route.serialize_field("variables", self.variable_entries())?;
        route.serialize_field("scopes", &self.scopes())?;
        route.serialize_field("priority", &self.priority())?;
        route.serialize_field("sealed", &self.is_sealed())?;
        route.serialize_field("build_only", &self.is_build_only())?;
        route.serialize_field("metadata", self.metadata())?;
        route.serialize_field("location", &self.location().to_string())?;
        route.end()
    }
}

impl Serialize for ScopeInfo<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut scope = serializer.serialize_struct("Scope", 7)?;
        scope.serialize_field("id", &self.id().index())?;
        scope.serialize_field("name", &self.name())?;
        scope.serialize_field("prefix", &self.prefix())?;
        scope.serialize_field("hosts", &self.hosts().collect::<Vec<_>>())?;
        scope.serialize_field("conditions", &self.conditions().collect::<Vec<_>>())?;
        scope.serialize_field("sealed", &self.is_sealed())?;
        scope.serialize_field("location", &self.location().to_string())?;
        scope.end()
    }
}

impl Serialize for Variable {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let place = match self.source {
            Source::Path => "path",
            Source::Host => "host",
            Source::Query => "query",
        };
        let mut variable = serializer.serialize_struct("Variable", 3)?;
        variable.serialize_field("name", &self.name)?;
        variable.serialize_field("in", place)?;
        variable.serialize_field("inherited", &self.inherited)?;
        variable.end()
    }
}

/// Serializes a value as its text.
pub(crate) fn text<T: ToString, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&value.to_string())
}

/// Serializes a miss as its status and details.
pub(crate) fn miss<S: Serializer>(miss: &Option<Miss>, serializer: S) -> Result<S::Ok, S::Error> {
    let Some(miss) = miss else { return serializer.serialize_none() };
    let mut fields = serializer.serialize_struct("Miss", 4)?;
    fields.serialize_field("status", &miss.status().as_u16())?;
    fields.serialize_field("scope", &miss.scope.map(|scope| scope.index()))?;
    let allow = miss.allow().map(|methods| methods.iter().map(http::Method::as_str).collect::<Vec<_>>());
    fields.serialize_field("allow", &allow)?;
    let location = match &miss.reason {
        Reason::Redirect(redirect) => Some(redirect.target.as_str()),
        _ => None,
    };
    fields.serialize_field("location", &location)?;
    fields.end()
}
