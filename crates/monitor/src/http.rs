//! What is counted of requests. Handles are looked up once, not on the request's way.

use std::collections::HashMap;
use std::time::Duration;

use metrics::{Counter, Histogram, counter, histogram};
use strongroom_model::Operation;

const CLASSES: [&str; 4] = ["2xx", "3xx", "4xx", "5xx"];

struct PerOperation {
    results: [Counter; 4],
    latency: Histogram,
}

/// The counters of the HTTP front.
pub struct HttpMetrics {
    operations: HashMap<Operation, PerOperation>,
    other: PerOperation,
    handshakes_failed: Counter,
}

impl PerOperation {
    fn new(name: &'static str) -> Self {
        let results = CLASSES.map(
            |class| counter!("strongroom_api_results_total", "operation" => name, "class" => class),
        );
        Self { results, latency: histogram!("strongroom_api_latency_seconds", "operation" => name) }
    }

    fn observe(&self, status: u16, elapsed: Duration) {
        let class = usize::from(status / 100).saturating_sub(2).min(CLASSES.len() - 1);
        if let Some(counter) = self.results.get(class) {
            counter.increment(1);
        }
        self.latency.record(elapsed.as_secs_f64());
    }
}

impl HttpMetrics {
    /// The counters of the installed recorder; install it first.
    pub fn new() -> Self {
        let operations =
            Operation::ALL.iter().map(|op| (*op, PerOperation::new(op.audit_name()))).collect();
        Self {
            operations,
            other: PerOperation::new("Other"),
            handshakes_failed: counter!("strongroom_tls_handshakes_failed_total"),
        }
    }

    /// Counts an answer; `None` for a request that named no operation.
    pub fn answered(&self, operation: Option<Operation>, status: u16, elapsed: Duration) {
        operation
            .and_then(|operation| self.operations.get(&operation))
            .unwrap_or(&self.other)
            .observe(status, elapsed);
    }

    /// Counts a TLS handshake that failed.
    pub fn handshake_failed(&self) {
        self.handshakes_failed.increment(1);
    }
}

impl Default for HttpMetrics {
    fn default() -> Self {
        Self::new()
    }
}
