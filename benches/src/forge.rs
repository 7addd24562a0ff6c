//! Routes of a forge's REST API, made by code: 3,486 methods of 1,845 paths in three scopes.

use http::Method;

use crate::numbers::Numbers;
use crate::peers::{Outcome, Request, get};

/// Scopes that have the same resources.
const SCOPES: [(&str, &str); 3] = [("projects", "project"), ("groups", "group"), ("workspaces", "workspace")];

/// Resources of a scope: plural and singular.
const RESOURCES: [(&str, &str); 34] = [
    ("access_requests", "request"),
    ("access_tokens", "token"),
    ("advisories", "advisory"),
    ("artifacts", "artifact"),
    ("badges", "badge"),
    ("boards", "board"),
    ("branches", "branch"),
    ("change_requests", "change"),
    ("commits", "commit"),
    ("container_registries", "registry"),
    ("custom_attributes", "attribute"),
    ("dependencies", "dependency"),
    ("deploy_keys", "key"),
    ("deployments", "deployment"),
    ("discussions", "discussion"),
    ("environments", "environment"),
    ("epics", "epic"),
    ("feature_flags", "flag"),
    ("hooks", "hook"),
    ("integrations", "integration"),
    ("invitations", "invitation"),
    ("issues", "issue"),
    ("jobs", "job"),
    ("labels", "label"),
    ("members", "member"),
    ("milestones", "milestone"),
    ("packages", "package"),
    ("pipelines", "pipeline"),
    ("protected_branches", "rule"),
    ("releases", "release"),
    ("runners", "runner"),
    ("snippets", "snippet"),
    ("tags", "tag"),
    ("wiki_pages", "page"),
];

/// Resources inside those; each resource has four of them.
const CHILDREN: [(&str, &str); 13] = [
    ("notes", "note"),
    ("events", "event"),
    ("links", "link"),
    ("attachments", "attachment"),
    ("approvals", "approval"),
    ("variables", "variable"),
    ("versions", "version"),
    ("participants", "participant"),
    ("time_entries", "entry"),
    ("statuses", "status"),
    ("subscriptions", "subscription"),
    ("permissions", "permission"),
    ("reports", "report"),
];

/// Actions on one resource; each has four of them.
const ACTIONS: [&str; 9] =
    ["archive", "restore", "move", "lock", "unlock", "subscribe", "unsubscribe", "transfer", "export"];

const CHILDREN_OF_EACH: usize = 4;
const ACTIONS_OF_EACH: usize = 4;

/// Returns the routes: a method and a template.
pub fn routes() -> Vec<(Method, String)> {
    let mut routes = Vec::new();
    for (number, (scope, one)) in SCOPES.into_iter().enumerate() {
        let all = format!("/api/v1/{scope}");
        let single = format!("{all}/{{{one}_id}}");
        collection(&mut routes, &all, &single);
        add(&mut routes, Method::GET, &format!("{all}/search"));
        for (place, (plural, singular)) in RESOURCES.into_iter().enumerate() {
            resource(&mut routes, &single, plural, singular, place + number);
        }
    }
    routes
}

/// Adds a resource with its actions and children; `place` selects them.
fn resource(routes: &mut Vec<(Method, String)>, parent: &str, plural: &str, singular: &str, place: usize) {
    let all = format!("{parent}/{plural}");
    let one = format!("{all}/{{{singular}_id}}");
    collection(routes, &all, &one);
    add(routes, Method::GET, &format!("{all}/statistics"));
    add(routes, Method::POST, &format!("{all}/import"));
    for step in 0..ACTIONS_OF_EACH {
        add(routes, Method::POST, &format!("{one}/{}", ACTIONS[(place + 2 * step) % ACTIONS.len()]));
    }
    for step in 0..CHILDREN_OF_EACH {
        let (plural, singular) = CHILDREN[(place + 3 * step) % CHILDREN.len()];
        let all = format!("{one}/{plural}");
        let child = format!("{all}/{{{singular}_id}}");
        collection(routes, &all, &child);
        if step == 0 {
            let reactions = format!("{child}/reactions");
            add(routes, Method::GET, &reactions);
            add(routes, Method::POST, &reactions);
            add(routes, Method::DELETE, &format!("{reactions}/{{reaction_id}}"));
        }
    }
}

/// Adds the five methods of a collection and of its items.
fn collection(routes: &mut Vec<(Method, String)>, all: &str, one: &str) {
    for (method, path) in [
        (Method::GET, all),
        (Method::POST, all),
        (Method::GET, one),
        (Method::PUT, one),
        (Method::DELETE, one),
    ] {
        add(routes, method, path);
    }
}

fn add(routes: &mut Vec<(Method, String)>, method: Method, path: &str) {
    routes.push((method, path.to_owned()));
}

/// Returns the methods of GitHub's paths: lists are read and extended, items read, changed and deleted.
pub fn github() -> Vec<(Method, String)> {
    let methods = |path: &str| -> &[Method] {
        if path.ends_with('}') {
            &[Method::GET, Method::PUT, Method::DELETE]
        } else {
            &[Method::GET, Method::POST]
        }
    };
    let paths = crate::github::ROUTES.iter();
    paths.flat_map(|path| methods(path).iter().map(|method| (method.clone(), (*path).to_owned()))).collect()
}

/// Requests of three kinds.
pub struct Requests {
    /// Requests for random routes.
    pub hits: Vec<(Outcome, Request)>,
    /// Paths that no template has: another last, first, or additional segment.
    pub misses: Vec<(Outcome, Request)>,
    /// Paths with a method that none of their routes has.
    pub wrong_methods: Vec<(Outcome, Request)>,
}

/// Creates requests for routes.
pub fn requests(routes: &[(Method, String)], hits: usize, others: usize) -> Requests {
    let mut numbers = Numbers(3);
    let mut random = |count: usize, request: &dyn Fn(usize, String) -> (Outcome, Request)| -> Vec<_> {
        (0..count)
            .map(|_| {
                let index = numbers.below(routes.len());
                let path = filled(&routes[index].1, &mut numbers);
                request(index, path)
            })
            .collect()
    };
    Requests {
        hits: random(hits, &|index, path| {
            (Outcome::Found(index as u32), get(&routes[index].0, &path, "forge.test"))
        }),
        misses: random(others, &|index, path| {
            let path = match index % 3 {
                0 => format!("{}/nothing/at/all", path.trim_end_matches('/')),
                1 => format!("/nothing{path}"),
                _ => format!("{}/x/y/z/0/1/2", path.trim_end_matches('/')),
            };
            (Outcome::NotFound, get(&Method::GET, &path, "forge.test"))
        }),
        wrong_methods: random(others, &|_, path| {
            (Outcome::MethodNotAllowed, get(&Method::PATCH, &path, "forge.test"))
        }),
    }
}

/// Replaces the variables of a template by numbers, names and UUIDs, as clients have them.
fn filled(template: &str, numbers: &mut Numbers) -> String {
    let mut path = String::new();
    for section in template.split_inclusive('}') {
        let (text, variable) = section.split_once('{').unwrap_or((section, ""));
        path.push_str(text);
        if !variable.is_empty() {
            let number = numbers.below(1_000_000);
            path.push_str(&match number % 4 {
                0 => format!("{number:08x}-7c4a-4d1e-9b6f-{:012x}", number * 7919),
                1 => format!("team-{number}"),
                _ => number.to_string(),
            });
        }
    }
    path
}
