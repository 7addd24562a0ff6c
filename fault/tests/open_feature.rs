//! Flags of an OpenFeature client: its values, its context, its errors.

#![allow(clippy::unwrap_used, reason = "a test fails at the line of its expectation")]

use std::convert::Infallible;

use http::{Request, Response};
use open_feature::provider::{FeatureProvider, ProviderMetadata, ResolutionDetails};
use open_feature::{
    EvaluationContext, EvaluationContextFieldValue, EvaluationError, EvaluationErrorCode, EvaluationResult,
    OpenFeature, StructValue, async_trait,
};
use tower::{ServiceExt, service_fn};
use tower_layer::Layer;
use waylay_fault::{
    Fault, FaultPlan, FaultSet, Flag, FlagKind, OpenFeatureFlags, PlanFormat, PlanRegistry, error,
};

/// Flags by key, which depend on the context.
struct Flags(ProviderMetadata);

fn missing<T>(code: EvaluationErrorCode) -> EvaluationResult<T> {
    Err(EvaluationError { code, message: None })
}

#[async_trait]
impl FeatureProvider for Flags {
    fn metadata(&self) -> &ProviderMetadata {
        &self.0
    }

    async fn resolve_bool_value(
        &self,
        key: &str,
        context: &EvaluationContext,
    ) -> EvaluationResult<ResolutionDetails<bool>> {
        let is_free =
            context.custom_fields.get("x-tier") == Some(&EvaluationContextFieldValue::String("free".into()));
        match key {
            "on" => Ok(ResolutionDetails::new(true)),
            "off" => Ok(ResolutionDetails::new(false)),
            "acme" => Ok(ResolutionDetails::new(context.targeting_key.as_deref() == Some("acme"))),
            "free" => Ok(ResolutionDetails::new(is_free)),
            _ => missing(EvaluationErrorCode::FlagNotFound),
        }
    }

    async fn resolve_int_value(
        &self,
        key: &str,
        _: &EvaluationContext,
    ) -> EvaluationResult<ResolutionDetails<i64>> {
        match key {
            "whole" => Ok(ResolutionDetails::new(1_i64)),
            _ => missing(EvaluationErrorCode::TypeMismatch),
        }
    }

    async fn resolve_float_value(
        &self,
        key: &str,
        _: &EvaluationContext,
    ) -> EvaluationResult<ResolutionDetails<f64>> {
        match key {
            "half" => Ok(ResolutionDetails::new(0.5)),
            "whole" => missing(EvaluationErrorCode::TypeMismatch),
            _ => missing(EvaluationErrorCode::FlagNotFound),
        }
    }

    async fn resolve_string_value(
        &self,
        _: &str,
        _: &EvaluationContext,
    ) -> EvaluationResult<ResolutionDetails<String>> {
        missing(EvaluationErrorCode::TypeMismatch)
    }

    async fn resolve_struct_value(
        &self,
        _: &str,
        _: &EvaluationContext,
    ) -> Result<ResolutionDetails<StructValue>, EvaluationError> {
        missing(EvaluationErrorCode::TypeMismatch)
    }
}

async fn flags() -> OpenFeatureFlags {
    let mut api = OpenFeature::default();
    api.set_provider(Flags(ProviderMetadata { name: "test".into() })).await;
    OpenFeatureFlags::new(api.create_client())
}

async fn status(set: &FaultSet, headers: &[(&str, &str)]) -> u16 {
    let inner = service_fn(async |_: Request<()>| Ok::<_, Infallible>(Response::new(String::new())));
    let request =
        headers.iter().fold(Request::get("/"), |request, (name, value)| request.header(*name, *value));
    set.layer().layer(inner).oneshot(request.body(()).unwrap()).await.unwrap().status().as_u16()
}

#[tokio::test]
async fn values_errors_and_contexts() {
    type Row<'a> = (&'a str, FlagKind, f64, &'a [(&'a str, &'a str)], u16);
    let rows: [Row<'_>; 11] = [
        ("on", FlagKind::Boolean, 0.0, &[], 503),
        ("off", FlagKind::Boolean, 1.0, &[], 200),
        ("acme", FlagKind::Boolean, 1.0, &[("x-customer", "acme")], 503),
        ("acme", FlagKind::Boolean, 1.0, &[("x-customer", "other")], 200),
        ("free", FlagKind::Boolean, 1.0, &[("x-tier", "free")], 503),
        ("free", FlagKind::Boolean, 1.0, &[("x-tier", "gold")], 200),
        ("whole", FlagKind::Share, 0.0, &[], 503),
        // No such flag, or of another kind: the participation holds.
        ("unknown", FlagKind::Boolean, 1.0, &[], 503),
        ("unknown", FlagKind::Boolean, 0.0, &[], 200),
        ("on", FlagKind::Share, 1.0, &[], 503),
        ("half", FlagKind::Boolean, 0.0, &[], 200),
    ];
    for (key, kind, participation, headers, expected) in rows {
        let flag = Flag::new(key, flags().await).kind(kind);
        let flag = flag.targeting_header("x-customer").context_headers(["x-tier"]);
        let set = FaultSet::new();
        let fault = Fault::new("flagged", error(503)).enabled(true).participation(participation).flag(flag);
        set.replace([fault]).unwrap();
        assert_eq!(status(&set, headers).await, expected, "{key} {kind:?} {headers:?}");
    }

    let set = FaultSet::new();
    let flag = Flag::new("half", flags().await).kind(FlagKind::Share);
    set.replace([Fault::new("half", error(503)).enabled(true).seed(7).flag(flag)]).unwrap();
    let mut injected = 0;
    for _ in 0..200 {
        injected += u32::from(status(&set, &[]).await == 503);
    }
    assert!((60..140).contains(&injected), "{injected}");
}

#[tokio::test]
async fn plans_name_flags() {
    let text = "version: 1\nenvironments: [staging]\nfault:\n- name: a\n  participation: 0\n  error: 503\n  \
                flag: { key: acme, targeting_header: x-customer }\n";
    let registry = PlanRegistry::new().flags(flags().await);
    let plan = FaultPlan::parse_with(text, PlanFormat::Yaml, &registry).unwrap();
    let set = FaultSet::builder().environment("staging").registry(registry).build();
    set.apply(&plan).unwrap();
    assert_eq!([status(&set, &[]).await, status(&set, &[("x-customer", "acme")]).await], [200, 503]);

    let errors = FaultPlan::parse_with(text, PlanFormat::Yaml, &PlanRegistry::new()).unwrap_err();
    assert!(errors.to_string().contains("7:9: `flag`: `acme` is a flag that nothing evaluates"), "{errors}");
}
