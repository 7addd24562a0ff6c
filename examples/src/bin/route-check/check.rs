//! One line in, its answers out.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::{Value, json};

use crate::answer::{Answer, Desk};
use crate::args::Args;
use crate::arrival::{Arrived, arrive};
use crate::built::{Built, Fault};
use crate::case::Case;
use crate::defects::{self, Differing};
use crate::difference::{Difference, Subject};
use crate::expect::{self, Counts, Wanted};
use crate::explain::{explain, whole};
use crate::info::{self, Info, Step};
use crate::object::Object;
use crate::plan::Plan;
use crate::reverse::{BuildAnswer, build};
use crate::support::{Unsupported, unsupported};

/// Why a line is not checked.
#[derive(Debug)]
pub(crate) enum Refused {
    /// The line cannot be read, or says what cannot be.
    Wrong(String),
    /// It asks for what the router cannot do yet.
    Unsupported { keys: Vec<Unsupported>, requests: usize, builds: usize },
}

impl Refused {
    /// What is printed for the line.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Wrong(text) => text.clone(),
            Self::Unsupported { keys, .. } => {
                let places: Vec<&str> = keys.iter().map(|unsupported| unsupported.place.as_str()).collect();
                format!("not supported yet: {}", places.join(", "))
            }
        }
    }
}

/// What a line answers.
#[derive(Debug, Serialize)]
pub(crate) struct Answers {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<Value>,
    results: Vec<Option<Answer>>,
    build_results: Vec<Option<BuildAnswer>>,
    route_errors: Vec<String>,
    lints: Vec<String>,
    /// Of each request, what became of every route.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    explain: Vec<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    info: Option<BTreeMap<String, Info>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    walk_result: Option<Vec<Step>>,
    #[serde(skip)]
    pub(crate) faults: Vec<Fault>,
}

/// A line and everything it answers.
pub(crate) struct Checked<'c> {
    case: &'c Case,
    plan: Plan<'c>,
    arrived: Vec<Arrived>,
    /// The items that do not compile.
    dead: BTreeSet<usize>,
    pub(crate) answers: Answers,
}

/// Reads a line.
pub(crate) fn read(line: &[u8]) -> Result<Case, Refused> {
    let case = serde_json::from_slice::<Object<Case>>(line);
    case.map(|case| case.0).map_err(|error| Refused::Wrong(place(&error)))
}

/// A line of input is all the JSON there is: the place in it is the column. The format has keys, not fields.
fn place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let text = text.rsplit_once(" at line ").map_or(text.as_str(), |(text, _)| text);
    let text = text.replacen("unknown field", "unknown key", 1);
    match error.column() {
        0 => text,
        column => format!("column {column}: {text}"),
    }
}

/// Builds the table of a line, and asks it everything that the line asks.
///
/// Lints and explanations are looked for if they are to be told.
pub(crate) fn check(case: &Case, args: Args) -> Result<Checked<'_>, Refused> {
    let dialect = case.router.dialect.unwrap_or(args.dialect);
    let keys = unsupported(case, dialect);
    if !keys.is_empty() {
        return Err(Refused::Unsupported { keys, requests: case.requests.len(), builds: case.builds.len() });
    }
    let plan = Plan::new(case, dialect).map_err(Refused::Wrong)?;
    let arrived = case.requests.iter().map(|asked| arrive(asked, dialect));
    let arrived = arrived.collect::<Result<Vec<_>, _>>().map_err(Refused::Wrong)?;
    let built = plan.build().map_err(Refused::Wrong)?;
    let mut answers = answers(case, &plan, &arrived, &built).map_err(Refused::Wrong)?;
    if let Some(table) = &built.table {
        if !args.expect {
            answers.lints = plan.lints(table);
        }
        if args.explain {
            answers.explain = arrived.iter().map(|arrived| whole(&plan, table, arrived)).collect();
        }
    }
    answers.faults = built.faults.into_values().collect();
    Ok(Checked { case, plan, arrived, dead: built.dead, answers })
}

fn answers(case: &Case, plan: &Plan<'_>, arrived: &[Arrived], built: &Built) -> Result<Answers, String> {
    let desk = Desk::of(case, plan, built)?;
    let urls = built.table.as_ref().map(|table| table.urls());
    let results = arrived.iter().map(|arrived| desk.as_ref().map(|desk| desk.answer(arrived)));
    let builds = case.builds.iter();
    let build_results = builds.map(|wanted| urls.as_ref().map(|urls| build(built, urls, plan, wanted)));
    Ok(Answers {
        id: case.id.clone(),
        results: results.collect(),
        build_results: build_results.collect(),
        route_errors: built.faults.values().map(|fault| fault.route.clone()).collect(),
        lints: Vec::new(),
        explain: Vec::new(),
        info: case.introspect.then(|| info::infos(plan, built)),
        walk_result: case.walk.then(|| info::walk(plan, built, case.walk_skip.as_deref())),
        faults: Vec::new(),
    })
}

impl Checked<'_> {
    /// Compares with what is expected: counts, and tells what differs. Returns what was passed over, and why.
    pub(crate) fn compare(
        &self,
        line: usize,
        counts: &mut Counts,
        mut tell: impl FnMut(Difference<'_>),
    ) -> Vec<&'static str> {
        let (case, answers, dialect) = (self.case, &self.answers, self.plan.dialect);
        if let Some(reason) = expect::not_compared(case) {
            return vec![reason; case.requests.len() + case.builds.len()];
        }
        let differs = |subject, expected, got, explain| Difference {
            line,
            id: case.id.as_ref(),
            subject,
            expected,
            got,
            explain,
        };
        let mut passed = Vec::new();
        let wanted = case.results.iter().flatten();
        for (i, ((wanted, got), asked)) in wanted.zip(&answers.results).zip(&case.requests).enumerate() {
            let parts = expect::differs(dialect, asked, wanted, got.as_ref());
            let agrees = parts.is_empty();
            if let Some(defect) = self.defect(i, wanted, got.as_ref(), &parts) {
                counts.requests.pass();
                passed.push(defect);
                continue;
            }
            counts.requests.add(agrees);
            if !agrees {
                let explain = self.explain(i, wanted, got.as_ref());
                tell(differs(Subject::request(i, asked), json!(wanted), json!(got), explain));
            }
        }
        let wanted = case.build_results.iter().flatten();
        for (i, ((wanted, got), build)) in wanted.zip(&answers.build_results).zip(&case.builds).enumerate() {
            let agrees = expect::builds(dialect, wanted, got.as_ref());
            if !agrees
                && let (Some(wanted), Some(got)) = (wanted, got)
                && let Some(defect) = defects::of_build(case, &self.plan, build, wanted, got)
            {
                counts.builds.pass();
                passed.push(defect);
                continue;
            }
            counts.builds.add(agrees);
            if !agrees {
                let explain = vec![format!("vars {}", json!(build.vars))];
                tell(differs(Subject::build(i, build), json!(wanted), json!(got), explain));
            }
        }
        for (name, wanted) in case.info.iter().flatten() {
            let got = answers.info.as_ref().and_then(|infos| infos.get(name));
            let agrees = info::agrees(wanted, got);
            counts.infos.add(agrees);
            if !agrees {
                tell(differs(Subject::Info(name), wanted.clone(), json!(got), Vec::new()));
            }
        }
        if let Some(wanted) = &case.walk_result {
            let got = answers.walk_result.as_deref().unwrap_or_default();
            let agrees = info::walks(wanted, got);
            counts.infos.add(agrees);
            if !agrees {
                tell(differs(Subject::Walk, json!(wanted), json!(got), Vec::new()));
            }
        }
        let got = answers.route_errors.iter().map(String::as_str);
        for (name, agrees) in expect::rejects(&case.route_errors, got) {
            counts.rejects.add(agrees);
            if !agrees {
                let fault = answers.faults.iter().find(|fault| fault.route == name);
                let word = |faulty: bool| json!(if faulty { "route_error" } else { "compiles" });
                let explain = fault.map(|fault| fault.text.clone()).into_iter().collect();
                tell(differs(Subject::Route(name), word(fault.is_none()), word(fault.is_some()), explain));
            }
        }
        passed
    }

    fn defect(
        &self,
        request: usize,
        wanted: &Wanted,
        got: Option<&Answer>,
        parts: &[&'static str],
    ) -> Option<&'static str> {
        let (plan, arrived) = (&self.plan, &self.arrived[request]);
        let asked = &self.case.requests[request];
        if parts.is_empty() {
            return None;
        }
        if let Some(defect) = expect::skipped(self.case, asked, wanted) {
            return Some(defect);
        }
        Differing { plan, asked, arrived, wanted: wanted.as_ref()?, got: got?, dead: &self.dead, parts }
            .defect()
    }

    fn explain(&self, request: usize, wanted: &Wanted, got: Option<&Answer>) -> Vec<String> {
        match got {
            Some(_) => explain(&self.plan, &self.arrived[request], wanted, got),
            None => vec!["the table is refused".to_owned()],
        }
    }
}
