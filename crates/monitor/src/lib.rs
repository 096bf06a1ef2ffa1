//! Metrics: what the service counts and times.

mod http;
mod recorder;

pub use http::HttpMetrics;
pub use recorder::{MonitorError, Recorder};
