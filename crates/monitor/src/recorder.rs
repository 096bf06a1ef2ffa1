//! The recorder behind `/metrics`, in the Prometheus text format.

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

/// Bounds of the latency histogram, in seconds.
const LATENCY_BOUNDS: [f64; 11] =
    [0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5];

/// Why metrics could not be set up.
#[derive(Debug, thiserror::Error)]
#[error("metrics could not be set up: {0}")]
pub struct MonitorError(String);

/// The process's recorder.
#[derive(Clone)]
pub struct Recorder(PrometheusHandle);

impl Recorder {
    /// Installs the recorder of this process; once.
    ///
    /// # Errors
    /// [`MonitorError`] when there is one already.
    pub fn install() -> Result<Self, MonitorError> {
        let failed = |error: &dyn std::fmt::Display| MonitorError(error.to_string());
        PrometheusBuilder::new()
            .set_buckets_for_metric(
                Matcher::Full("strongroom_api_latency_seconds".into()),
                &LATENCY_BOUNDS,
            )
            .map_err(|error| failed(&error))?
            .install_recorder()
            .map(Self)
            .map_err(|error| failed(&error))
    }

    /// All metrics, in the Prometheus text format.
    pub fn render(&self) -> String {
        self.0.render()
    }

    /// Folds samples into their histograms; call it every few seconds.
    pub fn upkeep(&self) {
        self.0.run_upkeep();
    }
}
