//! What plans name and the program supplies; faults by response, by header and by baggage in plans.

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use waylay_fault::{
    ApplyError, FaultPlan, FaultSet, InjectContext, InjectOutcome, PlanErrors, PlanFormat, PlanRegistry,
};

use crate::apply::{get, plan, status};

const KEY: &str = "correct-horse-battery";

fn registry() -> PlanRegistry {
    PlanRegistry::new()
        .injector("teapot", |_: InjectContext| async {
            let mut response = Response::new(Bytes::from("tea"));
            *response.status_mut() = StatusCode::IM_A_TEAPOT;
            InjectOutcome::Respond(response)
        })
        .injector("stale-cache", |_: InjectContext| async { InjectOutcome::Skip })
        .secret("CHAOS_KEY_OF_A_TEST", KEY)
}

fn set() -> FaultSet {
    FaultSet::builder().environment("staging").registry(registry()).build()
}

fn faulty(rest: &str, registry: &PlanRegistry) -> PlanErrors {
    let text = format!("version = 1\nenvironments = [\"staging\"]\n{rest}");
    FaultPlan::parse_with(&text, PlanFormat::Toml, registry).expect_err(rest)
}

#[tokio::test]
async fn custom_injectors_are_found_by_name() {
    let plan = plan(
        "[[fault]]\nname = \"a\"\nparticipation = 1\nchain = [{ slow = \"0s\" }, { custom = \"teapot\" }]\n",
    );
    let set = set();
    set.apply(&plan).unwrap();
    assert_eq!(status(&set, get("/")).await, 418);
    assert_eq!(set.plan(), Some(plan));
}

#[test]
fn an_unknown_custom_injector_is_an_error_at_its_place() {
    let rest =
        "[[fault]]\nname = \"a\"\nparticipation = 1\nchain = [{ slow = \"1s\" }, { custom = \"teapto\" }]\n";
    let errors = faulty(rest, &registry());
    assert_eq!(
        errors.to_string(),
        "1 error in the plan\n\
         6:38: `chain[1].custom`: `teapto` is not a custom injector of this program; did you mean `teapot`?\n  |\n\
         6 | chain = [{ slow = \"1s\" }, { custom = \"teapto\" }]\n  |                                      ^^^^^^^^"
    );
    let other = rest.replace("teapto", "xyz");
    let rows =
        [(&registry(), "it registers `stale-cache`, `teapot`"), (&PlanRegistry::new(), "it registers none")];
    for (registry, way_out) in rows {
        let text = faulty(&other, registry).to_string();
        assert!(
            text.contains(&format!("`xyz` is not a custom injector of this program; {way_out}")),
            "{text}"
        );
    }
    // A reader without a program does not know the names; the set that applies the plan does.
    let plan = plan(rest);
    let Err(ApplyError::Set(error)) = set().apply(&plan) else { panic!("it was applied") };
    assert!(error.to_string().contains("did you mean `teapot`?"), "{error}");
}

#[tokio::test]
async fn plans_take_secrets_from_the_program() {
    let plan = plan(
        "[[fault]]\nname = \"asked\"\nparticipation = 1\n\
         header_control = { header = \"x-key\", secret_env = \"CHAOS_KEY_OF_A_TEST\" }\n\
         [[fault]]\nname = \"aimed\"\nparticipation = 1\nerror = 500\n\
         baggage = { header = \"x-key\", secret_env = \"CHAOS_KEY_OF_A_TEST\" }\n",
    );
    assert!(!plan.to_string().contains(KEY));
    let set = set();
    set.apply(&plan).unwrap();
    let request = |key: &str, control: &str, baggage: &str| {
        let request = Request::get("/").header("x-key", key).header("baggage", baggage);
        request.header("x-envoy-fault-abort-request", control).body(String::new()).unwrap()
    };
    assert_eq!(status(&set, request(KEY, "503", "")).await, 503);
    assert_eq!(status(&set, request("not-the-right-one", "503", "waylay.fault=aimed")).await, 200);
    assert_eq!(status(&set, request(KEY, "wrong", "waylay.fault=aimed")).await, 500);

    // Another program does not have the secret.
    let without = FaultSet::builder().environment("staging").build();
    let Err(ApplyError::Set(error)) = without.apply(&plan) else { panic!("it was applied") };
    let missing = "the environment variable `CHAOS_KEY_OF_A_TEST` is not set";
    assert_eq!(error.to_string().matches(missing).count(), 2, "{error}");
    assert_eq!(without.revision(), 0);
}

#[tokio::test]
async fn plans_match_on_responses() {
    let plan = plan(
        "[[fault]]\nname = \"a\"\nparticipation = 1\nallow_statuses = [404, \"2xx\"]\n\
         block_statuses = [\"201-299\"]\nerror = 503\n",
    );
    let set = set();
    set.apply(&plan).unwrap();
    assert_eq!(status(&set, get("/")).await, 503);
    let formats = [(plan.to_json(), PlanFormat::Json), (plan.to_yaml(), PlanFormat::Yaml)];
    for (text, format) in formats {
        assert_eq!(FaultPlan::parse(&text, format).unwrap(), plan, "{text}");
    }
}

#[test]
fn what_these_keys_cannot_be_is_reported_at_its_place() {
    let rows = [
        (
            "allow_statuses = [\"6x\"]\nerror = 503",
            "6:19: `allow_statuses[0]`: `6x` is not a status, a class or a range",
        ),
        ("allow_statuses = [99]\nerror = 503", "6:19: `allow_statuses[0]`: `99` is not a status"),
        ("allow_statuses = [true]\nerror = 503", "6:19: `allow_statuses` is a status such as 503"),
        ("allow_statuses = \"5xx\"\nerror = 503", "6:18: `allow_statuses` is a list"),
        (
            "statuses = [\"5xx\"]\nerror = 503",
            "6:1: `statuses` is not a key of a fault; did you mean `allow_statuses`?",
        ),
        (
            "placement = \"listener\"\nallow_statuses = [\"5xx\"]\nreject = \"connection_close\"",
            "7:18: `allow_statuses`: a fault of a listener has connections, not requests",
        ),
        (
            "allow_statuses = [\"5xx\"]\npatch = { side = \"request\" }",
            "6:18: `allow_statuses`: a change of the request comes too late",
        ),
        (
            "placement = \"connector\"\nbaggage = { trust = \"all\" }\nreject = \"connection_refused\"",
            "7:11: `baggage`: a fault of a connector has connections",
        ),
        (
            "baggage = { trust = \"all\", header = \"x\" }\nerror = 503",
            "6:28: `header` does not go with `trust = \"all\"`",
        ),
        ("baggage = { key = \"a\" }\nerror = 503", "6:11: a match of baggage needs `secret_env`"),
        (
            "baggage = { trust = \"all\", key = \"a b\" }\nerror = 503",
            "6:34: `baggage.key`: `a b` is not a key of baggage",
        ),
        ("header_control = { header = \"x\" }", "6:18: a control by headers needs `secret_env`"),
        (
            "header_control = { header = \"x\", secret_env = \"K\", max_delay = \"soon\" }",
            "6:64: `max_delay`: `soon`",
        ),
        (
            "chain = [{ header_control = { header = \"x\", secret_env = \"K\" } }]",
            "6:29: `chain[0].header_control`: header_control is the whole injector of a fault",
        ),
    ];
    for (rest, expected) in rows {
        let errors = faulty(&format!("[[fault]]\nname = \"a\"\nparticipation = 1\n{rest}\n"), &registry());
        let text = errors.to_string();
        assert!(text.contains(expected), "{expected}\n{text}");
    }
}
