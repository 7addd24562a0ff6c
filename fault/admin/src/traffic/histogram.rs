//! Histogram: latencies of one origin, counted in buckets.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;

/// Upper ends of the buckets in milliseconds; the last bucket has none.
pub(crate) const BOUNDS_MS: [u64; 16] =
    [1, 2, 5, 10, 20, 50, 100, 200, 300, 500, 750, 1_000, 2_000, 5_000, 10_000, 30_000];

/// Responses of one origin.
#[derive(Debug, Default)]
pub(crate) struct Histogram {
    errors: AtomicU64,
    micros: AtomicU64,
    buckets: [AtomicU64; BOUNDS_MS.len() + 1],
}

/// The responses of one origin so far.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub(crate) struct HistogramView {
    /// Responses and failed calls.
    pub(crate) responses: u64,
    /// Those of status 500 and above, and failed calls.
    pub(crate) errors: u64,
    /// The sum of their latencies.
    pub(crate) seconds: f64,
    /// Responses by latency, each up to the bound of the same index; the last are the slower ones.
    pub(crate) buckets: Vec<u64>,
}

impl Histogram {
    pub(crate) fn add(&self, latency: Duration, is_error: bool) {
        self.errors.fetch_add(u64::from(is_error), Relaxed);
        self.micros.fetch_add(u64::try_from(latency.as_micros()).unwrap_or(u64::MAX), Relaxed);
        let index = BOUNDS_MS.partition_point(|bound| Duration::from_millis(*bound) < latency);
        self.buckets[index].fetch_add(1, Relaxed);
    }

    pub(crate) fn view(&self) -> HistogramView {
        let buckets: Vec<u64> = self.buckets.iter().map(|bucket| bucket.load(Relaxed)).collect();
        HistogramView {
            responses: buckets.iter().sum(),
            errors: self.errors.load(Relaxed),
            seconds: self.micros.load(Relaxed) as f64 / 1e6,
            buckets,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_latency_is_in_the_bucket_of_the_first_bound_that_it_does_not_exceed() {
        let histogram = Histogram::default();
        let mut expected = vec![0; BOUNDS_MS.len() + 1];
        for micros in [0, 999, 1_000, 1_001, 2_000, 74_000, 30_000_000, 30_000_001, u64::MAX / 2_000] {
            let latency = Duration::from_micros(micros);
            histogram.add(latency, false);
            // The slow and obvious way.
            let index = BOUNDS_MS.iter().position(|bound| latency <= Duration::from_millis(*bound));
            expected[index.unwrap_or(BOUNDS_MS.len())] += 1;
        }
        assert_eq!(histogram.view().buckets, expected);
    }
}
