//! One line in, its answers out.

use serde::Serialize;
use serde_json::{Value, json};

use crate::answer::{Answer, Arrived, BuildAnswer, answer, arrive, build};
use crate::case::{Case, Dialect};
use crate::expect::{self, Counts, Wanted};
use crate::explain::explain;
use crate::plan::{Built, Fault, Plan};
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
    #[serde(skip)]
    pub(crate) faults: Vec<Fault>,
}

/// A line and everything it answers.
pub(crate) struct Checked<'c> {
    case: &'c Case,
    plan: Plan<'c>,
    arrived: Vec<Arrived>,
    pub(crate) answers: Answers,
}

/// Reads a line.
pub(crate) fn read(line: &[u8]) -> Result<Case, Refused> {
    serde_json::from_slice(line).map_err(|error| {
        let (text, column) = (error.to_string(), error.column());
        // A line of input is all the JSON there is: the place in it is the column.
        let text = text.rsplit_once(" at line ").map_or(text.as_str(), |(text, _)| text);
        Refused::Wrong(format!("column {column}: {text}"))
    })
}

/// Builds the table of a line, and asks it everything that the line asks.
pub(crate) fn check(case: &Case, default: Dialect) -> Result<Checked<'_>, Refused> {
    let dialect = case.router.dialect.unwrap_or(default);
    let keys = unsupported(case, dialect);
    if !keys.is_empty() {
        return Err(Refused::Unsupported { keys, requests: case.requests.len(), builds: case.builds.len() });
    }
    let plan = Plan::new(case, dialect).map_err(Refused::Wrong)?;
    let arrived = case.requests.iter().map(arrive).collect::<Result<Vec<_>, _>>().map_err(Refused::Wrong)?;
    let built = plan.build().map_err(Refused::Wrong)?;
    let answers = answers(case, &plan, &arrived, built);
    Ok(Checked { case, plan, arrived, answers })
}

fn answers(case: &Case, plan: &Plan<'_>, arrived: &[Arrived], built: Built) -> Answers {
    let table = built.table.as_ref();
    let urls = table.map(|table| table.urls());
    let results = arrived.iter().map(|arrived| table.map(|table| answer(table, plan, arrived)));
    let builds = case.builds.iter();
    let build_results = builds.map(|wanted| urls.as_ref().map(|urls| build(&built, urls, plan, wanted)));
    Answers {
        id: case.id.clone(),
        results: results.collect(),
        build_results: build_results.collect(),
        route_errors: built.faults.iter().map(|fault| fault.route.clone()).collect(),
        lints: Vec::new(),
        faults: built.faults,
    }
}

impl Checked<'_> {
    /// Compares with what is expected: counts, and tells what differs. Returns how many were passed over.
    pub(crate) fn compare(&self, line: usize, counts: &mut Counts, mut tell: impl FnMut(Value)) -> usize {
        if expect::is_quirk(self.case) {
            return self.case.requests.len() + self.case.builds.len();
        }
        let mut passed = 0;
        let results = self.case.results.iter().flatten().zip(&self.answers.results).enumerate();
        for (i, (wanted, got)) in results {
            let asked = &self.case.requests[i];
            if expect::is_skipped(self.case, asked, wanted) {
                passed += 1;
                continue;
            }
            let agrees = expect::answers(self.plan.dialect, asked, wanted, got.as_ref());
            counts.requests.add(agrees);
            if !agrees {
                let explain = self.explain(i, wanted, got.as_ref());
                let mut what = self.differs(line, json!(wanted), json!(got));
                what["request"] =
                    json!({ "number": i, "method": asked.method, "url": asked.url, "host": asked.host });
                what["explain"] = json!(explain);
                tell(what);
            }
        }
        let builds = self.case.build_results.iter().flatten().zip(&self.answers.build_results);
        for (i, (wanted, got)) in builds.enumerate() {
            let agrees = expect::builds(self.plan.dialect, wanted, got.as_ref());
            counts.builds.add(agrees);
            if !agrees {
                let build = &self.case.builds[i];
                let mut what = self.differs(line, json!(wanted), json!(got));
                what["build"] = json!({ "number": i, "name": build.name, "vars": build.vars });
                tell(what);
            }
        }
        let got = self.answers.route_errors.iter().map(String::as_str);
        for (name, agrees) in expect::rejects(&self.case.route_errors, got) {
            counts.rejects.add(agrees);
            if !agrees {
                let fault = self.answers.faults.iter().find(|fault| fault.route == name);
                let says = |wrong: bool| if wrong { "route_error" } else { "compiles" };
                let mut what = self.differs(line, json!(says(fault.is_none())), json!(says(fault.is_some())));
                what["route"] = json!(name);
                what["explain"] = json!(fault.map(|fault| &fault.text));
                tell(what);
            }
        }
        passed
    }

    fn differs(&self, line: usize, wanted: Value, got: Value) -> Value {
        json!({ "line": line, "id": self.case.id, "expected": wanted, "got": got })
    }

    fn explain(&self, request: usize, wanted: &Wanted, got: Option<&Answer>) -> Vec<String> {
        match got {
            Some(_) => explain(&self.plan, &self.arrived[request], wanted, got),
            None => vec!["the table is refused".to_owned()],
        }
    }
}
