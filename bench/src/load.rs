//! The load generator: one request in flight on each of many keep-alive connections.

use std::net::SocketAddr;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use serde::Serialize;

use crate::client::{self, Connection, Endpoint};
use crate::histogram::Histogram;
use crate::{Result, process};

/// The value that set mode writes: 200 bytes.
const VALUE_BYTES: usize = 200;

/// Digits of a number in a secret's or a vault's name.
const DIGITS: usize = 10;

#[derive(Args)]
pub(crate) struct Options {
    /// Connections, each with one request in flight.
    #[arg(long, default_value_t = 32)]
    connections: usize,
    /// How long to measure.
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// What to send.
    #[arg(long, value_enum, default_value_t = Mode::Get)]
    mode: Mode,
    /// A file with an access token.
    #[arg(long)]
    bearer: Option<PathBuf>,
    /// A file with the certificates to trust, in PEM.
    #[arg(long)]
    ca: PathBuf,
    /// The address to connect to.
    #[arg(long)]
    target: SocketAddr,
    /// The vault's host name, with its port if it is not 443.
    #[arg(long)]
    host: String,
    /// Get: path and query. Set and among: the start of the secrets' names.
    #[arg(long, default_value = "/secrets/bench/?api-version=7.4")]
    path: String,
    /// Post: the body.
    #[arg(long, default_value = "")]
    body: String,
    /// Among: how many secrets there are.
    #[arg(long, default_value_t = 1)]
    count: u64,
    /// The server's process, to report its CPU time.
    #[arg(long)]
    server_pid: Option<u32>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Mode {
    /// Read one path again and again.
    Get,
    /// Write secrets of distinct names, numbered from 0.
    Set,
    /// Read secrets that set mode has written, in a scattered order.
    Among,
    /// Post one body to one path again and again.
    Post,
}

/// What to send.
#[derive(Clone)]
pub(crate) enum Work {
    /// One path.
    Get(String),
    /// `GET /secrets/{prefix}{n}/` of n below a count, in a scattered order.
    GetAmong { prefix: String, count: u64 },
    /// `PUT /secrets/{prefix}{n}` of n from 0, each once.
    Set { prefix: String },
    /// `POST` of one body to one path.
    Post { path: String, body: String },
    /// `POST {prefix}{n}{suffix}` of n from 0, each once.
    PostEach { prefix: String, suffix: &'static str, body: String },
    /// `POST {prefix}{n}{suffix}` of n below a count, in a scattered order.
    PostAmong { prefix: String, suffix: &'static str, body: String, count: u64 },
    /// `PUT {prefix}{n}{suffix}` of n from a number on, each once.
    PutEach { prefix: String, suffix: String, body: String, from: u64 },
    /// `DELETE {prefix}{n}{suffix}` of n from a number on, each once.
    DeleteEach { prefix: String, suffix: String, from: u64 },
    /// `PUT` of one body to one path of the vaults `{prefix}{n}`, each once.
    SetInVaults { vaults: Hosts, path: String, body: String },
    /// `GET` of one path of the vaults `{prefix}{n}` of n below a count, in a scattered order.
    GetAmongVaults { vaults: Hosts, path: String, count: u64 },
    /// Each of them so often in a hundred; only the first is measured.
    Mixture(Vec<(u64, Work)>),
}

/// The hosts of many vaults: `{prefix}{n}{suffix}`.
#[derive(Clone)]
pub(crate) struct Hosts {
    pub(crate) prefix: String,
    pub(crate) suffix: String,
}

/// A measurement to be made.
pub(crate) struct Load {
    pub(crate) endpoint: Endpoint,
    pub(crate) connections: usize,
    pub(crate) bearer: Option<String>,
    pub(crate) work: Work,
    pub(crate) until: Until,
    /// The server's process, to report its CPU time.
    pub(crate) server_pid: Option<u32>,
}

/// When to stop.
#[derive(Clone, Copy)]
pub(crate) enum Until {
    /// After a time; a quarter of it goes ahead unmeasured.
    Elapsed(Duration),
    /// After so many requests; all are measured.
    Sent(u64),
}

/// What was measured.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Figures {
    pub(crate) requests: u64,
    pub(crate) seconds: f64,
    pub(crate) rps: f64,
    pub(crate) p50_us: f64,
    pub(crate) p90_us: f64,
    pub(crate) p99_us: f64,
    pub(crate) p999_us: f64,
    /// Answers that are no success, and connections that broke.
    pub(crate) errors: u64,
    /// The first answer that was no success.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) first_error: Option<String>,
    /// The generator's CPU time, warm-up included.
    pub(crate) generator_cpu_seconds: f64,
    /// The server's CPU time for one request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) server_cpu_us: Option<f64>,
}

impl Options {
    pub(crate) fn measure(self) -> Result<Figures> {
        let tls = client::tls(&std::fs::read(&self.ca)?)?;
        let bearer = match &self.bearer {
            Some(file) => Some(std::fs::read_to_string(file)?.trim().to_owned()),
            None => None,
        };
        Load {
            endpoint: Endpoint { target: self.target, host: self.host, tls },
            connections: self.connections,
            bearer,
            work: match self.mode {
                Mode::Get => Work::Get(self.path),
                Mode::Post => Work::Post { path: self.path, body: self.body },
                Mode::Set => Work::Set { prefix: self.path },
                Mode::Among => Work::GetAmong { prefix: self.path, count: self.count.max(1) },
            },
            until: Until::Elapsed(Duration::try_from_secs_f64(self.seconds)?),
            server_pid: self.server_pid,
        }
        .measure()
    }
}

/// What one connection saw.
struct Seen {
    latencies: Histogram,
    /// All requests, measured or not.
    sent: u64,
    errors: u64,
    first_error: Option<String>,
}

/// What all connections share.
struct Shared {
    next: AtomicU64,
    measured_from: Instant,
    ends: Option<Instant>,
    limit: u64,
}

impl Load {
    /// Connects, sends, waits for the answers; on every core.
    pub(crate) fn measure(&self) -> Result<Figures> {
        tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(self.send())
    }

    async fn send(&self) -> Result<Figures> {
        let mut connections = Vec::new();
        for _ in 0..self.connections {
            connections.push(self.endpoint.connect().await?);
        }
        let server_before = self.server_pid.map(process::cpu_seconds).transpose()?;
        let own_before = process::own_cpu_seconds()?;
        let begun = Instant::now();
        let (warm_up, ends, limit) = match self.until {
            Until::Elapsed(time) => (time / 4, Some(begun + time / 4 + time), u64::MAX),
            Until::Sent(count) => (Duration::ZERO, None, count),
        };
        let measured_from = begun + warm_up;
        let shared = Arc::new(Shared { next: AtomicU64::new(0), measured_from, ends, limit });
        let tasks: Vec<_> = connections
            .into_iter()
            .map(|connection| tokio::spawn(run(connection, self.templates(), shared.clone())))
            .collect();
        let mut all = Seen::new();
        for task in tasks {
            all.add(task.await?);
        }
        let server = self.server_pid.map(process::cpu_seconds).transpose()?;
        let seconds = (Instant::now() - measured_from).as_secs_f64();
        let mut figures = all.figures(seconds);
        figures.generator_cpu_seconds = process::own_cpu_seconds()? - own_before;
        figures.server_cpu_us = server
            .zip(server_before)
            .map(|(after, before)| (after - before) * 1e6 / all.sent.max(1) as f64);
        Ok(figures)
    }

    /// What each connection sends: of a hundred turns, how many are whose.
    fn templates(&self) -> Vec<(u64, Template)> {
        match &self.work {
            Work::Mixture(parts) => {
                parts.iter().map(|(share, work)| (*share, self.template(work))).collect()
            }
            work => vec![(100, self.template(work))],
        }
    }

    fn template(&self, work: &Work) -> Template {
        let bearer = self.bearer.as_deref();
        let number = "0".repeat(DIGITS);
        let get = |path: &str| self.endpoint.request("GET", path, bearer, None);
        let send = |method, path: &str, body: &str| {
            self.endpoint.request(method, path, bearer, Some(("application/json", body)))
        };
        let at = |vaults: &Hosts| {
            let host = format!("{}{number}{}", vaults.prefix, vaults.suffix);
            Endpoint { host, ..self.endpoint.clone() }
        };
        let (bytes, among) = match work {
            Work::Mixture(_) => (Vec::new(), Names::One),
            Work::Get(path) => (get(path), Names::One),
            Work::Post { path, body } => (send("POST", path, body), Names::One),
            Work::GetAmong { prefix, count } => {
                (get(&format!("/secrets/{prefix}{number}/?api-version=7.4")), Names::Among(*count))
            }
            Work::Set { prefix } => {
                let path = format!("/secrets/{prefix}{number}?api-version=7.4");
                let body = format!(r#"{{"value":"{}"}}"#, "v".repeat(VALUE_BYTES));
                (send("PUT", &path, &body), Names::From(0))
            }
            Work::PostEach { prefix, suffix, body } => {
                (send("POST", &format!("{prefix}{number}{suffix}"), body), Names::From(0))
            }
            Work::PostAmong { prefix, suffix, body, count } => {
                (send("POST", &format!("{prefix}{number}{suffix}"), body), Names::Among(*count))
            }
            Work::PutEach { prefix, suffix, body, from } => {
                (send("PUT", &format!("{prefix}{number}{suffix}"), body), Names::From(*from))
            }
            Work::DeleteEach { prefix, suffix, from } => {
                let path = format!("{prefix}{number}{suffix}");
                (self.endpoint.request("DELETE", &path, bearer, None), Names::From(*from))
            }
            Work::SetInVaults { vaults, path, body } => {
                let body = Some(("application/json", body.as_str()));
                (at(vaults).request("PUT", path, bearer, body), Names::From(0))
            }
            Work::GetAmongVaults { vaults, path, count } => {
                (at(vaults).request("GET", path, bearer, None), Names::Among(*count))
            }
        };
        let at = bytes.windows(DIGITS).position(|w| w == number.as_bytes()).unwrap_or(0);
        Template { bytes, digits: at..at + DIGITS, among }
    }
}

/// A request's bytes, in which only a number changes.
struct Template {
    bytes: Vec<u8>,
    digits: Range<usize>,
    among: Names,
}

enum Names {
    One,
    From(u64),
    Among(u64),
}

impl Template {
    fn numbered(&mut self, turn: u64) -> &[u8] {
        // An odd multiplier modulo 2^64 scatters the turns over the names.
        let mut number = match self.among {
            Names::One => return &self.bytes,
            Names::From(first) => first + turn,
            Names::Among(count) => (turn.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20) % count,
        };
        for digit in self.bytes[self.digits.clone()].iter_mut().rev() {
            *digit = b'0' + u8::try_from(number % 10).unwrap_or(0);
            number /= 10;
        }
        &self.bytes
    }
}

/// The part whose turn it is; an odd step through the hundred scatters them.
fn part_of(parts: &mut [(u64, Template)], turn: u64) -> Option<(bool, &mut Template)> {
    let mut place = turn.wrapping_mul(37) % 100;
    for (at, (share, template)) in parts.iter_mut().enumerate() {
        if place < *share {
            return Some((at == 0, template));
        }
        place -= *share;
    }
    None
}

async fn run(
    mut connection: Connection,
    mut parts: Vec<(u64, Template)>,
    shared: Arc<Shared>,
) -> Seen {
    let mut seen = Seen::new();
    loop {
        let turn = shared.next.fetch_add(1, Ordering::Relaxed);
        let sent = Instant::now();
        if turn >= shared.limit || shared.ends.is_some_and(|end| sent >= end) {
            return seen;
        }
        let Some((measured, template)) = part_of(&mut parts, turn) else { return seen };
        let answer = connection.exchange(template.numbered(turn)).await;
        let answered = Instant::now();
        match answer {
            Ok(response) if (200..300).contains(&response.status) => {}
            Ok(response) => {
                let body = String::from_utf8_lossy(response.body);
                seen.error(format!("{} {body}", response.status));
            }
            Err(error) => {
                seen.error(error.to_string());
                return seen;
            }
        }
        seen.sent += 1;
        if measured && sent >= shared.measured_from {
            seen.latencies.record(answered - sent);
        }
    }
}

impl Seen {
    fn new() -> Self {
        Self { latencies: Histogram::new(), sent: 0, errors: 0, first_error: None }
    }

    fn error(&mut self, text: String) {
        self.errors += 1;
        self.first_error.get_or_insert(text);
    }

    fn add(&mut self, other: Self) {
        self.latencies.add(&other.latencies);
        self.sent += other.sent;
        self.errors += other.errors;
        self.first_error = self.first_error.take().or(other.first_error);
    }

    fn figures(&self, seconds: f64) -> Figures {
        let micros = |permille| self.latencies.micros(permille);
        Figures {
            requests: self.latencies.total(),
            seconds,
            rps: self.latencies.total() as f64 / seconds,
            p50_us: micros(500),
            p90_us: micros(900),
            p99_us: micros(990),
            p999_us: micros(999),
            errors: self.errors,
            first_error: self.first_error.clone(),
            generator_cpu_seconds: 0.0,
            server_cpu_us: None,
        }
    }
}
