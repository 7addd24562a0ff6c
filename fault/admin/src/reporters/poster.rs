//! Poster: posts changes to Grafana one by one, again after errors.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use axum_core::BoxError;
use axum_core::body::Body;
use http::{Request, Response, StatusCode};
use serde::de::{DeserializeOwned, IgnoredAny};
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;
use tower::util::BoxCloneSyncService;
use waylay_extract::{Client, ClientError, IntoRequest};

use crate::reporters::annotation::{
    Annotation, AnnotationEnd, CreateAnnotation, CreatedAnnotation, PatchAnnotation, milliseconds,
};
use crate::reporters::changes::{Change, Note, Region};

/// The HTTP client, whatever its type.
pub(crate) type HttpService = BoxCloneSyncService<Request<Body>, Response<Body>, BoxError>;

/// Time for one request.
const POST_TIME: Duration = Duration::from_secs(10);

/// Time before the first repetition, which doubles up to the maximum.
const MIN_BACKOFF: Duration = Duration::from_secs(1);

const MAX_BACKOFF: Duration = Duration::from_secs(60);

/// What every annotation has.
#[derive(Debug, Clone)]
pub(crate) struct AnnotationOptions {
    pub(crate) tags: Vec<String>,
    pub(crate) dashboard: Option<String>,
    pub(crate) panel: Option<u64>,
}

/// Posts changes one by one.
pub(crate) struct Poster {
    client: Client<HttpService>,
    options: AnnotationOptions,
    /// By the number of the region.
    open: [Option<OpenRegion>; Region::ALL.len()],
    /// Failures since the last success.
    failures: u32,
    /// Changes for which there was no place.
    lost: Arc<AtomicU64>,
    /// Nothing is repeated once this is true.
    is_ending: watch::Receiver<bool>,
}

/// A region that has begun.
struct OpenRegion {
    annotation: Annotation,
    /// Absent if Grafana has not taken its beginning.
    id: Option<u64>,
}

impl Poster {
    pub(crate) fn new(
        client: Client<HttpService>,
        options: AnnotationOptions,
        lost: Arc<AtomicU64>,
        is_ending: watch::Receiver<bool>,
    ) -> Self {
        Self { client, options, open: Default::default(), failures: 0, lost, is_ending }
    }

    /// Posts the changes until their sender is gone, and at the end as many as Grafana takes without an error.
    pub(crate) async fn run(mut self, mut changes: mpsc::Receiver<Change>) {
        while let Some(change) = changes.recv().await {
            self.post(change).await;
            if self.is_over() {
                return;
            }
        }
    }

    /// Tests whether nothing more is tried: it ends, and Grafana does not take what is posted.
    fn is_over(&self) -> bool {
        *self.is_ending.borrow() && self.failures > 0
    }

    async fn post(&mut self, change: Change) {
        match change {
            Change::Begin(region, note) => {
                self.end(region, note.time).await;
                if self.is_over() {
                    return;
                }
                let annotation = self.annotation(note);
                let id = self.create(annotation.clone()).await;
                self.open[region as usize] = Some(OpenRegion { annotation, id });
            }
            Change::End(region, time) => self.end(region, time).await,
            Change::Point(note) => {
                let annotation = self.annotation(note);
                self.create(annotation).await;
            }
        }
    }

    /// Ends a region, if it has begun.
    async fn end(&mut self, region: Region, time: SystemTime) {
        let Some(OpenRegion { annotation, id }) = self.open[region as usize].take() else { return };
        let time_end = milliseconds(time);
        match id {
            Some(id) => {
                let end = PatchAnnotation { id, end: AnnotationEnd { time_end } };
                self.send::<IgnoredAny>(&end).await;
            }
            None => _ = self.create(Annotation { time_end: Some(time_end), ..annotation }).await,
        }
    }

    fn annotation(&self, note: Note) -> Annotation {
        let AnnotationOptions { tags, dashboard, panel } = self.options.clone();
        Annotation {
            dashboard_uid: dashboard,
            panel_id: panel,
            time: milliseconds(note.time),
            time_end: None,
            tags: [note.tag.to_owned()].into_iter().chain(tags).collect(),
            text: note.text,
        }
    }

    async fn create(&mut self, annotation: Annotation) -> Option<u64> {
        let created: Option<CreatedAnnotation> = self.send(&CreateAnnotation { annotation }).await;
        created.map(|created| created.id)
    }

    /// Sends a request until Grafana has taken or rejected it, or the end is near.
    async fn send<T: DeserializeOwned>(&mut self, request: &impl IntoRequest) -> Option<T> {
        loop {
            let (text, is_transient) = match timeout(POST_TIME, self.client.call(request)).await {
                Ok(Ok(value)) => {
                    self.succeeded();
                    return Some(value);
                }
                Ok(Err(error)) => (causes(&error), is_transient(&error)),
                Err(_) => (format!("no response within {POST_TIME:?}"), true),
            };
            self.failed(&text, is_transient);
            if !is_transient || *self.is_ending.borrow() {
                return None;
            }
            // Woken by the end, which is worth one more attempt.
            let _ = timeout(self.backoff(), self.is_ending.wait_for(|is_ending| *is_ending)).await;
        }
    }

    /// Reports the first success after failures.
    fn succeeded(&mut self) {
        if std::mem::take(&mut self.failures) > 0 {
            let lost = self.lost.swap(0, Ordering::Relaxed);
            tracing::info!(target: "waylay_fault_admin", lost, "annotations are posted to Grafana again");
        }
    }

    /// Reports the first failure after a success.
    fn failed(&mut self, error: &str, is_transient: bool) {
        if !is_transient {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
        self.failures = self.failures.saturating_add(1);
        if self.failures == 1 {
            let next = if is_transient { "they are posted again" } else { "they are lost" };
            tracing::warn!(
                target: "waylay_fault_admin",
                error,
                "Grafana takes no annotations: {next}; further failures are not reported"
            );
        }
    }

    /// Returns the time before the next attempt, from the half of it at random, so that replicas spread.
    fn backoff(&self) -> Duration {
        let doublings = self.failures.saturating_sub(1).min(16);
        let time = MIN_BACKOFF.saturating_mul(1 << doublings).min(MAX_BACKOFF);
        let random = getrandom::u32().unwrap_or(u32::MAX);
        time / 2 + time.mul_f64(f64::from(random) / f64::from(u32::MAX) / 2.0)
    }
}

/// Tests whether the same request may succeed later.
fn is_transient(error: &ClientError) -> bool {
    match error {
        ClientError::Service(_) => true,
        ClientError::Status(response) => {
            let status = response.status();
            status.is_server_error()
                || [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_MANY_REQUESTS].contains(&status)
        }
        _ => false,
    }
}

/// Returns the texts of an error and its sources.
fn causes(error: &(dyn Error + 'static)) -> String {
    let errors = std::iter::successors(Some(error), |error| (*error).source());
    errors.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
