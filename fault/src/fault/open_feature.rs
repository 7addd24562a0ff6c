//! OpenFeatureFlags: the flags of an OpenFeature client.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use open_feature::{Client, EvaluationContext, EvaluationErrorCode};

use crate::fault::flag::{FlagKind, FlagRequest, FlagSource};

/// The flags of an [OpenFeature](https://openfeature.dev) client, whatever its provider.
///
/// A boolean flag selects all requests or none; a flag of kind [`Share`](FlagKind::Share) has a number from 0
/// to 1, a float or an integer. The context of an evaluation has the targeting key and the fields that the
/// [`Flag`](crate::Flag) takes from headers. Errors of the provider leave the participation of the fault.
///
/// ```
/// use open_feature::OpenFeature;
/// use waylay_fault::{Fault, Flag, OpenFeatureFlags, error};
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// // Without a provider every flag is an error, so that 1 % of the requests take part.
/// let client = OpenFeature::singleton().await.create_client();
/// let flag = Flag::new("flaky-cart", OpenFeatureFlags::new(client)).targeting_header("x-customer");
/// let fault = Fault::new("flaky-cart", error(503)).participation(0.01).flag(flag).build()?;
/// # let _ = fault;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct OpenFeatureFlags(Arc<Client>);

impl OpenFeatureFlags {
    /// Takes the flags of this client.
    pub fn new(client: Client) -> Self {
        Self(Arc::new(client))
    }
}

impl FlagSource for OpenFeatureFlags {
    fn share(&self, flag: FlagRequest) -> Pin<Box<dyn Future<Output = Option<f64>> + Send>> {
        let client = self.0.clone();
        Box::pin(async move {
            let mut context = EvaluationContext::default();
            if let Some(key) = flag.targeting_key() {
                context = context.with_targeting_key(key);
            }
            for (name, value) in flag.context() {
                context = context.with_custom_field(name, value);
            }
            let context = Some(&context);
            if flag.kind() == FlagKind::Boolean {
                let is_all = client.get_bool_value(flag.key(), context, None).await.ok()?;
                return Some(if is_all { 1.0 } else { 0.0 });
            }
            match client.get_float_value(flag.key(), context, None).await {
                Ok(share) => Some(share),
                // 0 and 1 are integers to some providers.
                Err(error) if error.code == EvaluationErrorCode::TypeMismatch => {
                    Some(client.get_int_value(flag.key(), context, None).await.ok()? as f64)
                }
                Err(_) => None,
            }
        })
    }
}

impl fmt::Debug for OpenFeatureFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OpenFeatureFlags")
    }
}
