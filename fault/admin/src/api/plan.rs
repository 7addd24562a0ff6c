//! PlanApi: the endpoints of the plan, which change it under a precondition.

use axum_core::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY};
use http::{HeaderMap, HeaderValue, StatusCode};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};
use waylay_extract::{Answer, Answers, Extract, Status, Text, routes};
use waylay_fault::{ApplyError, FaultPlan, PlanErrors, PlanFormat};

use crate::api::state::AdminState;
use crate::problem::{Json, Problem};

/// The endpoints of the plan.
#[derive(Debug, Extract)]
pub(crate) struct PlanApi {
    #[state]
    state: AdminState,
}

/// Returns the running plan, each fault enabled and taking part as it does now.
#[derive(Debug, Extract)]
#[route(GET "/plan")]
pub(crate) struct ShowPlan {
    /// The format; by default the one that `Accept` prefers, else TOML.
    #[query]
    format: Option<Format>,
    #[request]
    headers: HeaderMap,
}

/// A format of plans.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Text)]
#[text(rename_all = "lowercase")]
pub(crate) enum Format {
    Toml,
    Json,
    Yaml,
}

/// Checks a plan, and changes nothing.
#[derive(Debug, Extract)]
#[route(POST "/plan/validate")]
#[extract(limit = "256KiB")]
pub(crate) struct ValidatePlan {
    #[request]
    headers: HeaderMap,
    #[body(bytes, limit = "256KiB")]
    text: Bytes,
}

/// Replaces the plan. It needs an end, `ttl` or `until`, since its sender may be out of reach when it has to be taken
/// back.
#[derive(Debug, Extract)]
#[route(PUT "/plan")]
#[extract(limit = "256KiB")]
pub(crate) struct PutPlan {
    /// The tag of the plan that is replaced, or `*`.
    #[header("if-match")]
    if_match: Option<String>,
    /// `*`, if there is no plan yet.
    #[header("if-none-match")]
    if_none_match: Option<String>,
    #[request]
    headers: HeaderMap,
    #[body(bytes, limit = "256KiB")]
    text: Bytes,
}

/// Removes all faults.
#[derive(Debug, Extract)]
#[route(DELETE "/plan")]
pub(crate) struct DeletePlan {
    /// The tag of the plan that is removed, or `*`.
    #[header("if-match")]
    if_match: Option<String>,
}

/// The result of a check.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ValidationView {
    /// Whether the plan can be applied to this process.
    is_valid: bool,
    /// What is wrong with the text, in its order.
    errors: Vec<PlanErrorView>,
    /// Why a plan without errors cannot be applied to this process.
    rejected: Option<String>,
    /// The names of the faults.
    faults: Vec<String>,
    /// What the plan does, one line for the plan and one for each fault.
    summary: Option<String>,
    /// The plan as TOML, as it would be shown.
    toml: Option<String>,
}

/// One error of a plan.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct PlanErrorView {
    /// The line, from 1.
    line: usize,
    /// The column in characters, from 1.
    column: usize,
    /// The first byte of the text that is wrong.
    start: usize,
    /// The byte after the last one.
    end: usize,
    /// What is wrong, and the way out.
    detail: String,
}

/// A plan that was applied.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct AppliedView {
    /// The number of the set of faults.
    revision: u64,
    /// The tag of the plan, for the next change.
    tag: Option<String>,
    /// The names of the faults.
    faults: Vec<String>,
    /// The time that is left of the plan.
    expires_in_seconds: Option<f64>,
}

impl PlanErrorView {
    fn all(errors: &PlanErrors) -> Vec<Self> {
        let view = |error: &waylay_fault::PlanError| Self {
            line: error.line(),
            column: error.column(),
            start: error.span().start,
            end: error.span().end,
            detail: error.message().to_owned(),
        };
        errors.iter().map(view).collect()
    }
}

/// The running plan as text.
pub(crate) struct PlanText {
    text: String,
    kind: &'static str,
    tag: String,
    is_known: bool,
}

impl IntoResponse for PlanText {
    fn into_response(self) -> Response {
        let headers = [(VARY, HeaderValue::from_static("accept"))];
        let mut response = if self.is_known {
            (StatusCode::NOT_MODIFIED, headers).into_response()
        } else {
            (headers, [(CONTENT_TYPE, HeaderValue::from_static(self.kind))], self.text).into_response()
        };
        response.headers_mut().extend(HeaderValue::from_str(&self.tag).ok().map(|tag| (ETAG, tag)));
        response
    }
}

impl Answer for PlanText {
    fn answer(answers: &mut Answers) {
        let (text, data) = (json!({"type": "string"}), json!({"type": "object"}));
        answers.content(StatusCode::OK, "The plan; its tag is in `ETag`.", "application/toml", text);
        answers.content(StatusCode::OK, "", "application/yaml", data.clone());
        answers.content(StatusCode::OK, "", "application/json", data);
        answers.status(StatusCode::NOT_MODIFIED, "The plan is the one of `If-None-Match`.");
    }
}

#[routes(state = AdminState)]
impl PlanApi {
    pub(crate) async fn show(&self, show: ShowPlan) -> Result<PlanText, Problem> {
        let plan = self.state.set.plan().ok_or_else(no_plan)?;
        let (text, kind, name) = match show.format.unwrap_or_else(|| preferred(&show.headers)) {
            Format::Toml => (plan.to_toml(), "application/toml", "toml"),
            Format::Json => (plan.to_json(), "application/json", "json"),
            Format::Yaml => (plan.to_yaml(), "application/yaml", "yaml"),
        };
        // Each representation has its own tag; a change accepts each of them.
        let tag = format!("\"{}-{name}\"", self.state.tag(&plan));
        let known = show.headers.get(IF_NONE_MATCH).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let is_known = known.split(',').any(|known| known.trim().trim_start_matches("W/") == tag);
        Ok(PlanText { text, kind, tag, is_known })
    }

    pub(crate) async fn validate(&self, validate: ValidatePlan) -> Result<Json<ValidationView>, Problem> {
        let (text, format) = body(&validate.headers, &validate.text)?;
        Ok(Json(match FaultPlan::parse(text, format) {
            Ok(plan) => {
                let rejected = self.reject(&plan).map(|error| error.to_string());
                ValidationView {
                    is_valid: rejected.is_none(),
                    errors: Vec::new(),
                    rejected,
                    faults: plan.faults().map(str::to_owned).collect(),
                    summary: Some(plan.summary()),
                    toml: Some(plan.to_toml()),
                }
            }
            Err(errors) => ValidationView {
                is_valid: false,
                errors: PlanErrorView::all(&errors),
                rejected: None,
                faults: Vec::new(),
                summary: None,
                toml: None,
            },
        }))
    }

    pub(crate) async fn put(&self, put: PutPlan) -> Result<(HeaderMap, Json<AppliedView>), Problem> {
        let (text, format) = body(&put.headers, &put.text)?;
        let plan = FaultPlan::parse(text, format).map_err(|errors| plan_problem(&errors))?;
        let view = self.replace(&put, &plan)?;
        let tag = view.tag.as_ref().and_then(|tag| HeaderValue::from_str(&format!("\"{tag}\"")).ok());
        Ok((tag.map(|tag| (ETAG, tag)).into_iter().collect(), Json(view)))
    }

    pub(crate) async fn delete(&self, delete: DeletePlan) -> Result<Status<204>, Problem> {
        let _change = self.state.lock();
        self.check(delete.if_match.as_deref(), None)?;
        self.state.note("all faults removed by the admin API");
        self.state.set.clear();
        Ok(Status(()))
    }

    fn replace(&self, put: &PutPlan, plan: &FaultPlan) -> Result<AppliedView, Problem> {
        let _change = self.state.lock();
        self.check(put.if_match.as_deref(), put.if_none_match.as_deref())?;
        self.state.set.apply_remote(plan).map_err(|error| {
            let status = match error {
                ApplyError::NoEnvironment { .. } | ApplyError::OtherEnvironment { .. } => {
                    StatusCode::CONFLICT
                }
                _ => StatusCode::UNPROCESSABLE_ENTITY,
            };
            Problem::new(status, error.to_string())
        })?;
        self.state.note(format!("plan {} applied by the admin API", plan.id().unwrap_or("without id")));
        Ok(AppliedView {
            revision: self.state.set.revision(),
            tag: self.state.set.plan().map(|plan| self.state.tag(&plan)),
            faults: plan.faults().map(str::to_owned).collect(),
            expires_in_seconds: self.state.set.status().expires_in.map(|time| time.as_secs_f64()),
        })
    }

    /// Returns why a plan would not be applied.
    fn reject(&self, plan: &FaultPlan) -> Option<ApplyError> {
        self.state.set.check_remote(plan).err()
    }

    /// Checks the preconditions of a change (RFC 9110, section 13; RFC 6585, section 3).
    fn check(&self, if_match: Option<&str>, if_none_match: Option<&str>) -> Result<(), Problem> {
        let tag = self.state.set.plan().map(|plan| self.state.tag(&plan));
        let failed = |detail: String| Err(Problem::new(StatusCode::PRECONDITION_FAILED, detail));
        let current =
            || tag.clone().map_or("there is no plan".to_owned(), |tag| format!("its tag is \"{tag}\" now"));
        match (if_match, if_none_match) {
            (None, None) => {
                let detail = "a change of the plan needs `if-match` with its tag (`ETag` of `GET plan`), or `if-none-match: *` if there is none";
                Err(Problem::new(StatusCode::PRECONDITION_REQUIRED, detail))
            }
            (_, Some(none)) if none.trim() != "*" => {
                Err(Problem::new(StatusCode::BAD_REQUEST, "`if-none-match` can only be `*` here"))
            }
            (None, Some(_)) if tag.is_some() => failed("there is a plan already".to_owned()),
            (Some(_), Some(_)) => failed("`if-match` and `if-none-match` exclude each other".to_owned()),
            (Some(list), None) if !matches(list, tag.as_deref()) => {
                failed(format!("the plan was changed since: {}", current()))
            }
            _ => Ok(()),
        }
    }
}

/// Tests whether a list of tags has the one of the plan, in any of its formats.
fn matches(list: &str, tag: Option<&str>) -> bool {
    let Some(tag) = tag else { return false };
    list.split(',').map(str::trim).any(|item| {
        item == "*"
            || item.strip_prefix('"').and_then(|item| item.strip_suffix('"')).is_some_and(|item| {
                let rest = item.strip_prefix(tag);
                rest.is_some_and(|rest| ["", "-toml", "-json", "-yaml"].contains(&rest))
            })
    })
}

fn no_plan() -> Problem {
    Problem::not_found("the faults of this process do not come from a plan")
}

/// Returns the first format that the client takes.
fn preferred(headers: &HeaderMap) -> Format {
    let accepted = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let kinds = accepted.flat_map(|line| line.split(',')).map(essence);
    kinds.filter_map(|kind| format_of(&kind)).next().map_or(Format::Toml, |format| match format {
        PlanFormat::Json => Format::Json,
        PlanFormat::Yaml => Format::Yaml,
        _ => Format::Toml,
    })
}

/// Returns the type without its parameters.
fn essence(kind: &str) -> String {
    kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

fn format_of(kind: &str) -> Option<PlanFormat> {
    match kind {
        "application/toml" => Some(PlanFormat::Toml),
        "application/json" => Some(PlanFormat::Json),
        "application/yaml" | "application/x-yaml" => Some(PlanFormat::Yaml),
        _ => None,
    }
}

/// Returns the text of a body and its format.
fn body<'b>(headers: &HeaderMap, bytes: &'b Bytes) -> Result<(&'b str, PlanFormat), Problem> {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).map(essence);
    let Some(format) = kind.and_then(|kind| format_of(&kind)) else {
        let kinds = HeaderValue::from_static("application/toml, application/yaml, application/json");
        let detail = "a plan is `application/toml`, `application/yaml` or `application/json`";
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail).header(ACCEPT, kinds));
    };
    let text = std::str::from_utf8(bytes)
        .map_err(|error| Problem::new(StatusCode::BAD_REQUEST, format!("the plan is not UTF-8: {error}")))?;
    Ok((text, format))
}

fn plan_problem(errors: &PlanErrors) -> Problem {
    let all = PlanErrorView::all(errors);
    let detail = format!("the plan has {} errors; `errors` has the place of each", all.len());
    let errors = all.iter().filter_map(|error| serde_json::to_value(error).ok()).collect::<Vec<Value>>();
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail).errors(errors)
}
