//! `strongroom audit tail`: records as they are written.

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, ValueEnum};
use serde_json::Value;
use strongroom_audit::{Options, ReadDisk, Record, Start, Tail, azure};

use super::super::failure::one_line;
use super::super::place::DataDir;
use super::super::terminal;
use crate::error::CliError;

/// How often a follower looks for new records.
const POLL: Duration = Duration::from_millis(200);

/// `strongroom audit tail`
#[derive(Args)]
pub(super) struct TailArgs {
    #[command(flatten)]
    data: DataDir,
    /// Go on with new records until interrupted.
    #[arg(long, short = 'f')]
    follow: bool,
    /// How many of the newest records to begin with.
    #[arg(short = 'n', long = "lines", value_name = "N", default_value_t = 100)]
    lines: usize,
    /// Begin with the oldest record that is kept.
    #[arg(long, conflicts_with = "lines")]
    all: bool,
    /// How a record is printed.
    #[arg(long, value_enum, default_value_t = Shape::Text)]
    format: Shape,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Shape {
    /// One of Azure's `AuditEvent` records in JSON on each line.
    Json,
    /// One line for people.
    Text,
}

/// Prints records, oldest first.
pub(super) async fn run(args: TailArgs) -> Result<(), CliError> {
    let data = args.data.path();
    let start = if args.all { Start::Oldest } else { Start::Newest(args.lines) };
    let disk = Arc::new(ReadDisk::new(data));
    let dir = Options::default().dir;
    let journal = data.join(&dir);
    std::fs::read_dir(&journal).map_err(|error| match error.kind() {
        ErrorKind::NotFound => CliError::NotFound(format!(
            "there is no journal {}: name the data directory by --data",
            journal.display()
        )),
        ErrorKind::PermissionDenied => CliError::Denied(format!(
            "{} may only be read by the user that runs the server",
            journal.display()
        )),
        _ => CliError::Failed(format!("{} cannot be read: {error}", journal.display())),
    })?;
    let mut tail = Tail::new(disk, &dir, start).map_err(CliError::failed)?;
    loop {
        match tail.poll().map_err(CliError::failed)? {
            Some(record) => {
                if terminal::print_line(&line(&record, args.format))? {
                    return Ok(());
                }
            }
            None if args.follow => tokio::time::sleep(POLL).await,
            None => return Ok(()),
        }
    }
}

fn line(record: &Record, shape: Shape) -> String {
    let rendered = azure::render(record);
    if shape == Shape::Json {
        return rendered.to_string();
    }
    let time = rendered.get("time").and_then(Value::as_str).unwrap_or_default();
    let identity = &record.identity;
    let named = [&identity.upn, &identity.app_id, &identity.object_id].into_iter().flatten();
    let caller = named.into_iter().next().map_or("-", String::as_str);
    let target =
        if record.request_uri.is_empty() { &record.resource_id } else { &record.request_uri };
    let from = record.caller_ip.map_or_else(|| "-".to_owned(), |ip| ip.to_string());
    let times = if record.count > 1 { format!(" ({} times)", record.count) } else { String::new() };
    one_line(&format!(
        "{time} {} {} {target} by {caller} from {from} in {} ms{times}",
        record.http_status, record.operation, record.duration_ms
    ))
}

#[cfg(test)]
mod tests {
    use strongroom_model::RequestId;

    use super::*;

    fn record() -> Record {
        let mut record = Record::new(RequestId(uuid::Uuid::nil()), 1_451_957_521_269, "SecretGet");
        record.http_status = 403;
        record.request_uri = "https://dev.vault.localhost/secrets/a".into();
        record.caller_ip = Some([127, 0, 0, 1].into());
        record.identity.app_id = Some("1950a258".into());
        record.duration_ms = 3;
        record
    }

    #[test]
    fn a_line_says_who_did_what() {
        assert_eq!(
            line(&record(), Shape::Text),
            "2016-01-05T01:32:01.269Z 403 SecretGet https://dev.vault.localhost/secrets/a \
             by 1950a258 from 127.0.0.1 in 3 ms"
        );
    }

    #[test]
    fn a_sum_says_how_many_and_a_client_breaks_no_line() {
        let mut record = record();
        record.count = 7;
        record.identity.app_id = None;
        record.request_uri = "x\n2016 forged".into();
        let found = line(&record, Shape::Text);
        assert!(found.ends_with("x 2016 forged by - from 127.0.0.1 in 3 ms (7 times)"), "{found}");
        assert_eq!(found.lines().count(), 1);
    }

    #[test]
    fn json_is_azures_record_on_one_line() {
        let found = line(&record(), Shape::Json);
        let parsed: Value = serde_json::from_str(&found).unwrap();
        assert_eq!(parsed["category"], "AuditEvent");
        assert_eq!(found.lines().count(), 1);
    }
}
