//! `strongroom certificate sync`: a certificate as files, and a command when it changes.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use clap::{ArgGroup, Args};
use strongroom_model::Kind;
use tokio::process::Command;

use super::super::object::address::ObjectArgs;
use super::super::terminal;
use super::companion::{self, Parts};
use super::files::{Files, Wanted};
use super::words::words;
use crate::error::CliError;

/// The first pause after a failure; it doubles with each.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest pause after a failure.
const LONGEST_PAUSE: Duration = Duration::from_secs(15 * 60);
/// The longest that the command may take.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(5 * 60);

/// `strongroom certificate sync`
#[derive(Args)]
#[command(group = ArgGroup::new("files").required(true).multiple(true))]
pub(super) struct SyncArgs {
    #[command(flatten)]
    certificate: ObjectArgs,
    /// The certificate and those that certify it, in PEM: nginx's `ssl_certificate`.
    #[arg(long, value_name = "FILE", group = "files")]
    out_cert: Option<PathBuf>,
    /// The private key, in PEM: nginx's `ssl_certificate_key`.
    #[arg(long, value_name = "FILE", group = "files")]
    out_key: Option<PathBuf>,
    /// Those that certify the certificate, without it.
    #[arg(long, value_name = "FILE", group = "files")]
    out_chain: Option<PathBuf>,
    /// The private key, the certificate and those that certify it, in one file.
    #[arg(long, value_name = "FILE", group = "files")]
    out_pem: Option<PathBuf>,
    /// A command to run when the files have changed, such as `nginx -s reload`; no shell reads it.
    #[arg(long, value_name = "COMMAND", value_parser = Words::parse)]
    exec: Option<Words>,
    /// Look once, and end; with 1 if something failed.
    #[arg(long)]
    once: bool,
    /// How often to look: 30s, 10m, 1h.
    #[arg(long, value_name = "SPAN", default_value = "1h", value_parser = span)]
    interval: Duration,
}

/// A command and its arguments.
#[derive(Clone)]
struct Words(Vec<String>);

impl Words {
    fn parse(text: &str) -> Result<Self, String> {
        words(text).map(Self)
    }
}

/// Looks once, or for ever.
pub(super) async fn run(args: SyncArgs) -> Result<(), CliError> {
    if args.once {
        return look(&args).await.map(drop);
    }
    let mut failed = 0;
    loop {
        let pause = match look(&args).await {
            Ok(()) => {
                failed = 0;
                args.interval
            }
            // It will not become better by itself.
            Err(wrong @ CliError::Usage(_)) => return Err(wrong),
            Err(error) => {
                terminal::warn(&error.to_string());
                failed += 1;
                after_failure(failed, args.interval)
            }
        };
        tokio::time::sleep(pause).await;
    }
}

async fn look(args: &SyncArgs) -> Result<(), CliError> {
    let target = args.certificate.target(Kind::Certificate)?;
    let companion = companion::fetch(&target).await?;
    let files = files(args, &companion.parts()?)?;
    if !files.differ()? {
        return Ok(());
    }
    files.write()?;
    if let Some(command) = &args.exec {
        execute(command).await?;
    }
    files.done()?;
    terminal::print_line(&companion.version).map(drop)
}

fn files(args: &SyncArgs, parts: &Parts) -> Result<Files, CliError> {
    let mut wanted = Vec::new();
    if let Some(path) = &args.out_key {
        wanted.push(Wanted::new(path, parts.key()?));
    }
    if let Some(path) = &args.out_pem {
        wanted.push(Wanted::new(path, &parts.all()?));
    }
    if let Some(path) = &args.out_cert {
        wanted.push(Wanted::new(path, parts.chain().as_bytes()));
    }
    if let Some(path) = &args.out_chain {
        wanted.push(Wanted::new(path, parts.issuers.as_bytes()));
    }
    Ok(Files(wanted))
}

/// Runs a command to its end. It gets no client secret along, and does not outlive its time.
async fn execute(Words(words): &Words) -> Result<(), CliError> {
    let Some((program, arguments)) = words.split_first() else { return Ok(()) };
    let failed = |why: &dyn std::fmt::Display| CliError::Failed(format!("{program}: {why}"));
    let mut child = Command::new(program)
        .args(arguments)
        .env_remove("AZURE_CLIENT_SECRET")
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| failed(&error))?;
    match tokio::time::timeout(COMMAND_TIMEOUT, child.wait()).await {
        Ok(Ok(status)) if status.success() => Ok(()),
        Ok(Ok(status)) => Err(failed(&status)),
        Ok(Err(error)) => Err(failed(&error)),
        Err(_) => Err(failed(&"it did not end in time")),
    }
}

fn after_failure(failed: u32, interval: Duration) -> Duration {
    let doubled = FIRST_PAUSE.saturating_mul(1 << failed.saturating_sub(1).min(16));
    doubled.min(LONGEST_PAUSE).min(interval.max(FIRST_PAUSE))
}

fn span(text: &str) -> Result<Duration, String> {
    let refused = || "give a span of at least a second: 30s, 10m, 1h".to_owned();
    let span: jiff::SignedDuration = text.parse().map_err(|_| refused())?;
    Duration::try_from(span).ok().filter(|span| span.as_secs() >= 1).ok_or_else(refused)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: SyncArgs,
    }

    #[test]
    fn there_is_something_to_write() {
        let parsed = |line: &str| Line::try_parse_from(line.split(' ')).map(|line| line.args);
        assert!(parsed("x a").is_err());
        assert!(parsed("x a --out-cert c --interval 0s").is_err());
        assert!(parsed("x a --out-cert c --interval week").is_err());
        let args = parsed("x a --out-cert c --out-key k --interval 10m").unwrap();
        assert_eq!((args.interval, args.once), (Duration::from_secs(600), false));
        let usual = parsed("x a --out-pem p").unwrap();
        assert_eq!(usual.interval, Duration::from_secs(3_600));
    }

    #[test]
    fn pauses_grow_but_never_beyond_the_interval() {
        let hour = Duration::from_secs(3_600);
        let pauses: Vec<u64> = (1..=4).map(|n| after_failure(n, hour).as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4, 8]);
        assert_eq!(after_failure(u32::MAX, hour), LONGEST_PAUSE);
        assert_eq!(after_failure(9, Duration::from_secs(5)), Duration::from_secs(5));
    }

    #[tokio::test]
    async fn a_command_runs_without_a_shell() {
        let run = async |text: &str| execute(&Words::parse(text).unwrap()).await;
        assert!(run("true").await.is_ok());
        assert!(run("false").await.is_err());
        assert!(run("/nowhere/at/all").await.is_err());
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a b");
        run(&format!("touch '{}'", file.display())).await.unwrap();
        assert!(file.exists());
        let other = folder.path().join("other");
        run(&format!("true ; touch {}", other.display())).await.unwrap();
        assert!(!other.exists());
    }
}
