//! Status: a response whose status is part of its type.

use axum_core::response::{IntoResponse, Response};
use http::StatusCode;

#[cfg(feature = "openapi")]
use crate::openapi::answer::{Answer, Answers, StatusRule};

/// A response with a status that documents show: the status is the type's, so that both agree.
///
/// ```
/// use axum_core::response::IntoResponse;
/// use waylay_extract::Status;
///
/// async fn create() -> Status<201, &'static str> {
///     Status("created")
/// }
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// assert_eq!(create().await.into_response().status(), 201);
/// # });
/// assert_eq!(Status::<204>(()).into_response().status(), 204);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Status<const CODE: u16, T = ()>(pub T);

impl<const CODE: u16, T: IntoResponse> IntoResponse for Status<CODE, T> {
    fn into_response(self) -> Response {
        const { assert!(CODE >= 100 && CODE < 1000, "a status has three digits") };
        let mut response = self.0.into_response();
        // The assertion above allows no other code.
        *response.status_mut() = StatusCode::from_u16(CODE).unwrap_or_default();
        response
    }
}

#[cfg(feature = "openapi")]
impl<const CODE: u16, T: Answer> Answer for Status<CODE, T> {
    fn answer(answers: &mut Answers) {
        answers.with_rule(StatusRule::Fixed(CODE), T::answer);
    }
}
