//! What the names of a line's routes build: a result for each build.

use serde::Serialize;
use waylay_router::{UrlError, Urls};

use crate::built::Built;
use crate::case::Build;
use crate::plan::Plan;

/// The answer to a build.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct BuildAnswer {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) host: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<&'static str>,
}

/// Builds a URL.
pub(crate) fn build(built: &Built, urls: &Urls, plan: &Plan<'_>, wanted: &Build) -> BuildAnswer {
    // Of several routes of one name gorilla/mux knows the last.
    let item = plan.items.iter().rposition(|item| item.named && item.title == wanted.name);
    let answer = match item {
        None => Err("no_such_route"),
        Some(item) if built.dead.contains(&item) => Err("route_error"),
        Some(item) => reverse(urls, &plan.items[item].label, wanted).map_err(word),
    };
    answer.unwrap_or_else(|error| BuildAnswer { error: Some(error), ..BuildAnswer::default() })
}

fn reverse(urls: &Urls, label: &str, wanted: &Build) -> Result<BuildAnswer, UrlError> {
    let builder = urls.get(label)?;
    let builder = wanted.vars.iter().fold(builder, |builder, (name, value)| builder.set(name, value));
    let host = absent(builder.host(), &UrlError::NoHost)?;
    let target = absent(builder.build(), &UrlError::NoPath)?;
    let path = target.as_deref().map(|target| target.split('?').next().unwrap_or(target).to_owned());
    let path = path.filter(|path| !path.is_empty());
    let Some(host) = host else {
        return Ok(BuildAnswer {
            url: Some(target.ok_or(UrlError::NoPath)?),
            path,
            ..BuildAnswer::default()
        });
    };
    let url = match builder.absolute() {
        // As gorilla/mux does: without a scheme of its own a route is served over http.
        Err(UrlError::NoScheme) => builder.scheme("http").absolute()?,
        other => other?,
    };
    let scheme = url.split("://").next().unwrap_or("http");
    let host = Some(format!("{scheme}://{host}"));
    Ok(BuildAnswer { url: Some(url), host, path, error: None })
}

fn absent(part: Result<String, UrlError>, why: &UrlError) -> Result<Option<String>, UrlError> {
    match part {
        Ok(text) => Ok(Some(text)),
        Err(error) if error == *why => Ok(None),
        Err(error) => Err(error),
    }
}

fn word(error: UrlError) -> &'static str {
    match error {
        UrlError::UnknownRoute { .. } => "no_such_route",
        UrlError::MissingVariable(_) => "missing_var",
        UrlError::NoHost | UrlError::NoScheme => "no_host",
        UrlError::NoPath => "no_path",
        // A variable that the route does not have is one that no template gives back.
        _ => "var_mismatch",
    }
}
