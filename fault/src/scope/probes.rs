//! The requests of probes and scrapers, which faults leave alone unless told otherwise.

use http::HeaderMap;
use http::header::USER_AGENT;

/// Whether the request looks like a probe: a pod restarted by its own drill proves nothing
/// (litmuschaos/litmus 5033).
pub(crate) fn is_probe(path: &str, headers: &HeaderMap) -> bool {
    matches!(path, "/healthz" | "/livez" | "/readyz" | "/health" | "/metrics")
        || path.starts_with("/grpc.health.v1.Health/")
        || headers.get(USER_AGENT).is_some_and(|agent| agent.as_bytes().starts_with(b"kube-probe"))
}
