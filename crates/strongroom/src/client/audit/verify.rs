//! `strongroom audit verify`: by the running server if there is one, else over its files.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use http::Method;
use serde::{Deserialize, Serialize};
use strongroom_audit::{AuditKey, AuditKeys, Options, Report};
use strongroom_seal::protector::read_key_file;
use strongroom_seal::{KeyRing, Protector};
use strongroom_store::disk::{Disk, RealDisk};
use strongroom_store::{Freshness, Store};
use strongroom_store_embedded::{EmbeddedStore, Options as StoreOptions};

use super::super::admin::AdminSocket;
use super::super::failure::one_line;
use super::super::output::Format;
use super::super::place::DataDir;
use super::super::terminal;
use crate::config::Config;
use crate::error::CliError;
use crate::server::root_key::{self, Start};

/// `strongroom audit verify`
#[derive(Args, Default)]
pub(super) struct VerifyArgs {
    #[command(flatten)]
    data: DataDir,
    /// The root key, for when the server is stopped [default: where `dev` has noted it].
    #[arg(long, value_name = "FILE")]
    root_key: Option<PathBuf>,
    /// The configuration of a stopped `serve`, which names its root key or passphrase.
    #[arg(long, value_name = "FILE", conflicts_with = "root_key")]
    config: Option<PathBuf>,
    /// How the report is printed.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    output: Format,
}

/// A report, as the server answers it.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct ReportView {
    node: Option<String>,
    segments: u64,
    records: u64,
    epochs: u64,
    first_seq: u64,
    last_seq: u64,
    anchored_seq: Option<u64>,
    undrained: u64,
    unsynced: u64,
    tamperings: u64,
    findings: Vec<FindingView>,
}

#[derive(Deserialize, Serialize)]
struct FindingView {
    file: String,
    offset: u64,
    seq: Option<u64>,
    what: String,
    tampered: bool,
}

/// Verifies the journal; fails if it was tampered with.
pub(super) async fn run(args: VerifyArgs) -> Result<(), CliError> {
    let data = args.data.path();
    let socket = AdminSocket::of(data);
    let report = match socket.try_call(Method::POST, "/audit/verify", None).await? {
        Some(report) => report,
        None => ReportView::from(&verify_files(data, &args).await?),
    };
    let text = match args.output {
        Format::Json => serde_json::to_string_pretty(&report).map_err(CliError::failed)?,
        Format::Table | Format::Tsv => report.to_text(),
    };
    terminal::print((text + "\n").as_bytes())?;
    match report.tamperings {
        0 => Ok(()),
        count => Err(CliError::Failed(format!(
            "the audit journal was tampered with, or its medium decayed, in {count} places: keep \
             a copy of {}, and compare it with records and heads kept elsewhere",
            data.display()
        ))),
    }
}

/// Verifies over the files of a server that is stopped.
async fn verify_files(data: &Path, args: &VerifyArgs) -> Result<Report, CliError> {
    if !data.is_dir() {
        let data = data.display();
        return Err(CliError::NotFound(format!("{data} is no data directory: name it by --data")));
    }
    let protector = protector(data, args)?;
    let disk: Arc<dyn Disk> = Arc::new(RealDisk::open(data).map_err(CliError::failed)?);
    let store = EmbeddedStore::open(Arc::clone(&disk), &StoreOptions::default())
        .map_err(CliError::failed)?;
    let ring = KeyRing::open(store.clone(), &protector).await.map_err(CliError::failed)?;
    let copies = ring.audit().copies().map_err(CliError::failed)?;
    let keys: Vec<AuditKey> =
        copies.into_iter().map(|(generation, key)| AuditKey { generation, key }).collect();
    let keys = AuditKeys::new(&keys).map_err(CliError::failed)?;
    let snapshot = store.snapshot(Freshness::Linearizable).await.map_err(CliError::failed)?;
    let report = strongroom_audit::verify(disk, Options::default().dir, &snapshot, keys).await;
    store.close().await;
    report.map_err(CliError::failed)
}

/// What opens the root key of a server that is stopped.
fn protector(data: &Path, args: &VerifyArgs) -> Result<Protector, CliError> {
    if let Some(path) = &args.config {
        return root_key::configured(&Config::read(path)?.root_key, Start::Later);
    }
    let file = match &args.root_key {
        Some(file) => file.clone(),
        None => noted_root_key(data)?,
    };
    read_key_file(&file).map(Protector::Key).map_err(CliError::failed)
}

/// Where the first start of `dev` put the root key.
fn noted_root_key(data: &Path) -> Result<PathBuf, CliError> {
    let noted = std::fs::read_to_string(data.join("root-key.path")).ok();
    noted.map(PathBuf::from).ok_or_else(|| {
        CliError::Usage(format!(
            "no server runs on {}, so its root key is needed: say --root-key FILE, or --config \
             FILE for `serve`",
            data.display()
        ))
    })
}

impl From<&Report> for ReportView {
    fn from(report: &Report) -> Self {
        let findings = report.findings.iter().map(|finding| FindingView {
            file: finding.file.clone(),
            offset: finding.offset,
            seq: finding.seq,
            what: finding.what.clone(),
            tampered: finding.tampered,
        });
        Self {
            node: report.node.map(|node| node.to_string()),
            segments: report.segments,
            records: report.records,
            epochs: report.epochs,
            first_seq: report.first_seq,
            last_seq: report.last_seq,
            anchored_seq: report.anchored_seq,
            undrained: report.undrained,
            unsynced: report.unsynced,
            tamperings: report.tamperings,
            findings: findings.collect(),
        }
    }
}

impl ReportView {
    fn to_text(&self) -> String {
        let verdict = match (self.tamperings, self.unsynced) {
            (0, 0) => "intact",
            (0, _) => "intact up to what was not synced at a crash",
            _ => "TAMPERED",
        };
        let anchored =
            self.anchored_seq.map_or_else(|| "nothing".to_owned(), |seq| seq.to_string());
        let summary = format!(
            "{verdict}: {} records in {} segments, frames {} to {}, anchored up to {anchored}, {} \
             epochs, {} not yet drained",
            self.records, self.segments, self.first_seq, self.last_seq, self.epochs, self.undrained
        );
        let findings = self.findings.iter().map(|finding| {
            let kind = if finding.tampered { "tampered" } else { "not synced" };
            let seq = finding.seq.map_or_else(String::new, |seq| format!(", frame {seq}"));
            let place = format!("{kind}: {}, offset {}{seq}", finding.file, finding.offset);
            one_line(&format!("{place}: {}", finding.what))
        });
        std::iter::once(summary).chain(findings).collect::<Vec<_>>().join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(tamperings: u64, unsynced: u64) -> ReportView {
        let json = serde_json::json!({
            "node": "n", "segments": 2, "records": 9, "epochs": 1, "firstSeq": 1, "lastSeq": 10,
            "anchoredSeq": 10, "undrained": 0, "unsynced": unsynced, "tamperings": tamperings,
            "findings": [{
                "file": "audit/1", "offset": 64, "seq": 3, "what": "wrong MAC", "tampered": true,
            }],
        });
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn the_verdict_comes_first() {
        let intact = report(0, 0).to_text();
        assert!(intact.starts_with("intact: 9 records in 2 segments, frames 1 to 10"), "{intact}");
        assert!(report(0, 1).to_text().starts_with("intact up to what was not synced"));
        let tampered = report(1, 1).to_text();
        assert!(tampered.starts_with("TAMPERED: "), "{tampered}");
        assert!(tampered.ends_with("\ntampered: audit/1, offset 64, frame 3: wrong MAC"));
    }

    #[tokio::test]
    async fn without_server_and_root_key_it_says_what_is_missing() {
        let data = tempfile::tempdir().unwrap();
        let args = VerifyArgs::default();
        let refused = verify_files(data.path(), &args).await.unwrap_err();
        assert!(refused.to_string().contains("--root-key"), "{refused}");
        let absent = verify_files(&data.path().join("x"), &args).await.unwrap_err();
        assert!(matches!(absent, CliError::NotFound(_)));
    }
}
