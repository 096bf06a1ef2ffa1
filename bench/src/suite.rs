//! The whole measurement: Strongroom and the floors in alternating rounds of one run.

mod certificates;
mod keys;
mod vaults;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::client::{self, Endpoint};
use crate::load::{Figures, Load, Until, Work};
use crate::process::{self, Server};
use crate::report::{Goal, Machine, Report, Row, median};
use crate::strongroom::{Answer, Home, SAMPLE, Strongroom, folder};
use crate::{Result, floor, fsync};

const READERS: usize = 32;
const WRITERS: usize = 64;

/// What an idle process may still be busy with is over by then.
const SETTLE: Duration = Duration::from_secs(3);

#[derive(Args)]
pub(crate) struct Options {
    /// The strongroom program.
    #[arg(long)]
    strongroom: PathBuf,
    /// Where to write the figures as JSON, and beside it a table as Markdown.
    #[arg(long)]
    out: PathBuf,
    /// A directory on the disk to measure; data is made there and removed. Beside this program
    /// unless said otherwise: /tmp may be no disk.
    #[arg(long)]
    dir: Option<PathBuf>,
    /// Few secrets and short rounds: to see that everything works.
    #[arg(long)]
    quick: bool,
    /// Secrets in the vault while writes are measured.
    #[arg(long)]
    secrets: Option<u64>,
    /// Vaults on the node while vaults are measured.
    #[arg(long)]
    vaults: Option<u64>,
    /// Rounds of each measurement; an odd number has a middle.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Seconds to a round.
    #[arg(long)]
    seconds: Option<f64>,
    /// Measure this part alone.
    #[arg(long, value_enum)]
    only: Option<Part>,
}

/// A part of the suite.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Secrets.
    Secrets,
    /// Keys.
    Keys,
    /// Certificates.
    Certificates,
    /// Vaults.
    Vaults,
}

/// What is being measured, and what was found so far.
struct Suite {
    strongroom: Strongroom,
    floor: Server,
    floor_endpoint: Endpoint,
    dir: PathBuf,
    round: Duration,
    report: Report,
}

/// Measures everything; a missed goal is a failure.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let program = std::env::current_exe()?;
    let beside = program.parent().ok_or("this program lies in no directory")?;
    let dir = tempfile::tempdir_in(options.dir.as_deref().unwrap_or(beside))?;
    let mut suite = Suite::start(options, dir.path())?;
    let measures = |part| options.only.is_none_or(|only| only == part);
    if measures(Part::Secrets) {
        suite.secrets()?;
    }
    if measures(Part::Keys) {
        suite.keys()?;
    }
    if measures(Part::Certificates) {
        suite.certificates(&std::path::absolute(&options.strongroom)?)?;
    }
    if measures(Part::Vaults) {
        let count = options.vaults.unwrap_or(if options.quick { 5_000 } else { 100_000 });
        suite.vaults(&std::path::absolute(&options.strongroom)?, count)?;
    }
    let Suite { report, .. } = suite;
    report.write(&options.out)?;
    println!("{}", report.markdown());
    match report.missed() {
        0 => Ok(ExitCode::SUCCESS),
        missed => {
            println!("{missed} goals missed");
            Ok(ExitCode::FAILURE)
        }
    }
}

impl Suite {
    fn start(options: &Options, dir: &Path) -> Result<Self> {
        let seconds = options.seconds.unwrap_or(if options.quick { 2.0 } else { 6.0 });
        let home = Home {
            program: std::path::absolute(&options.strongroom)?,
            dir: folder(dir, "strongroom")?,
            manual_clock: false,
        };
        let machine = Machine::here()?;
        let first = home.start()?;
        std::thread::sleep(SETTLE);
        let idle = process::resident_mib(first.server.pid())?;
        let first_answer = first.first_answer.as_secs_f64();
        drop(first);
        let strongroom = home.start()?;
        let again = strongroom.first_answer.as_secs_f64();
        let (floor, floor_endpoint) =
            start_floor(&folder(dir, "floor")?, &strongroom.sample(SAMPLE)?, false)?;
        let rows = vec![
            Row::of("first start to first answer", "s", first_answer).must(Goal::AtMost(0.5)),
            Row::of("later start to first answer", "s", again).must(Goal::AtMost(0.5)),
            Row::of("resident when idle", "MiB", idle).must(Goal::AtMost(60e6 / 1024.0 / 1024.0)),
        ];
        let report = Report {
            machine,
            secrets: options.secrets.unwrap_or(if options.quick { 5_000 } else { 100_000 }),
            rounds_each: options.rounds,
            seconds_a_round: seconds,
            rows,
            rounds: Vec::new(),
        };
        let round = Duration::try_from_secs_f64(seconds)?;
        Ok(Self { strongroom, floor, floor_endpoint, dir: dir.to_owned(), round, report })
    }

    fn secrets(&mut self) -> Result<()> {
        self.get_one()?;
        self.set_one()?;
        self.preload()?;
        self.set_many()?;
        self.get_among()
    }

    /// Reads of one secret, floor and Strongroom by turns.
    fn get_one(&mut self) -> Result<()> {
        let mut rounds = Vec::new();
        for _ in 0..self.report.rounds_each {
            let bare = self.load(
                "get, floor",
                &Load {
                    endpoint: self.floor_endpoint.clone(),
                    server_pid: Some(self.floor.pid()),
                    ..self.to_strongroom(READERS, Work::Get(SAMPLE.to_owned()))
                },
            )?;
            let ours = self.to_strongroom(READERS, Work::Get(SAMPLE.to_owned()));
            rounds.push((self.load("get", &ours)?, bare));
        }
        self.rows_of_get(&rounds);
        Ok(())
    }

    fn rows_of_get(&mut self, rounds: &[(Figures, Figures)]) {
        let pairs = |of: fn(&Figures) -> f64| -> Vec<_> {
            rounds.iter().map(|(ours, bare)| (of(ours), of(bare))).collect()
        };
        let cpu = pairs(|f| f.server_cpu_us.unwrap_or(f64::NAN));
        self.report.rows.extend([
            Row::beside("GET, 32 connections", "/s", &pairs(|f| f.rps))
                .must(Goal::RatioAtLeast(0.70)),
            Row::beside("GET, 32 connections, p99", "µs", &pairs(|f| f.p99_us))
                .must(Goal::RatioAtMost(2.0)),
            Row::beside("GET, 32 connections, p50", "µs", &pairs(|f| f.p50_us)),
            Row::beside("GET, server's CPU time for one", "µs", &cpu),
        ]);
    }

    /// Writes of one client, and the disk's floor, by turns.
    fn set_one(&mut self) -> Result<()> {
        let (mut appends, mut preallocated) = (Vec::new(), Vec::new());
        for round in 0..self.report.rounds_each {
            let disk = self.disk()?;
            let ours = self.to_strongroom(1, Work::Set { prefix: format!("one-{round}-") });
            let ours = self.load("set, 1 connection", &ours)?;
            appends.push((ours.p50_us, disk.append_p50_us));
            preallocated.push((ours.p50_us, disk.preallocated_p50_us));
        }
        self.report.rows.extend([
            Row::beside("SET, 1 connection, p50; append + fdatasync", "µs", &appends)
                .must(Goal::RatioAtMost(3.5)),
            Row::beside("SET, 1 connection, p50; overwrite + fdatasync", "µs", &preallocated),
        ]);
        Ok(())
    }

    fn disk(&mut self) -> Result<fsync::Figures> {
        let seconds = self.round.as_secs_f64() / 3.0;
        let disk = fsync::measure(&fsync::Options { dir: self.dir.clone(), seconds })?;
        self.report.rounds.push(serde_json::json!({ "what": "disk", "figures": disk }));
        Ok(disk)
    }

    fn preload(&mut self) -> Result<()> {
        let work = Work::Set { prefix: "preloaded-".to_owned() };
        let mut load = self.to_strongroom(WRITERS, work);
        load.until = Until::Sent(self.report.secrets);
        self.load("preload", &load)?;
        std::thread::sleep(SETTLE);
        let resident = process::resident_mib(self.strongroom.server.pid())?;
        self.report.rows.push(Row::of("resident with all secrets", "MiB", resident));
        Ok(())
    }

    /// Writes of many clients, and what the disk takes in groups, by turns.
    fn set_many(&mut self) -> Result<()> {
        let (mut rates, mut tails) = (Vec::new(), Vec::new());
        for round in 0..self.report.rounds_each {
            let disk = self.disk()?;
            let ours = self.to_strongroom(WRITERS, Work::Set { prefix: format!("many-{round}-") });
            let ours = self.load("set, 64 connections", &ours)?;
            rates.push((ours.rps, disk.group_rows_per_second));
            tails.push(ours.p99_us);
        }
        self.report.rows.extend([
            Row::beside("SET, 64 connections; 48 records to an fdatasync", "/s", &rates)
                .must(Goal::AtLeast(8_000.0)),
            Row::of("SET, 64 connections, p99", "µs", median(tails)),
        ]);
        Ok(())
    }

    /// Reads scattered over all secrets.
    fn get_among(&mut self) -> Result<()> {
        std::thread::sleep(SETTLE);
        let count = self.report.secrets;
        let work = Work::GetAmong { prefix: "preloaded-".to_owned(), count };
        let figures = self.load("get among all", &self.to_strongroom(READERS, work))?;
        self.report.rows.extend([
            Row::of("GET among all secrets, 32 connections", "/s", figures.rps),
            Row::of("GET among all secrets, p99", "µs", figures.p99_us),
        ]);
        Ok(())
    }

    fn to_strongroom(&self, connections: usize, work: Work) -> Load {
        Load {
            endpoint: self.strongroom.vault.clone(),
            connections,
            bearer: Some(self.strongroom.token.clone()),
            work,
            until: Until::Elapsed(self.round),
            server_pid: Some(self.strongroom.server.pid()),
        }
    }

    /// One round; an answer other than 200 ends the suite.
    fn load(&mut self, what: &'static str, load: &Load) -> Result<Figures> {
        let figures = load.measure()?;
        eprintln!("{what}: {:.0}/s, p99 {:.0} µs", figures.rps, figures.p99_us);
        if let Some(error) = &figures.first_error {
            return Err(format!("{what}: {} errors, the first: {error}", figures.errors).into());
        }
        self.report.rounds.push(serde_json::json!({ "what": what, "figures": figures }));
        Ok(figures)
    }
}

/// The floor that answers as Strongroom answered.
fn start_floor(dir: &Path, answer: &Answer, sign: bool) -> Result<(Server, Endpoint)> {
    let (ready, ca) = (dir.join("ready"), dir.join("ca.pem"));
    let (body, headers) = (dir.join("body"), dir.join("headers"));
    std::fs::write(&body, &answer.body)?;
    std::fs::write(&headers, &answer.headers)?;
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("floor").arg("--body").arg(body).arg("--headers").arg(headers);
    command.arg("--ca-out").arg(&ca).arg("--ready-file").arg(&ready);
    if sign {
        command.arg("--sign");
    }
    let log = dir.join("log");
    let mut server = Server::start(&mut command, &log)?;
    server.await_file(&ready, &log)?;
    let target = std::fs::read_to_string(&ready)?.parse()?;
    let tls = client::tls(&std::fs::read(&ca)?)?;
    Ok((server, Endpoint { target, host: floor::HOST.to_owned(), tls }))
}
