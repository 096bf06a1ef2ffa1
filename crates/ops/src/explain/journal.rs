//! What the audit journal tells of accesses: a refused request by its id, and what somebody did.

use std::collections::HashMap;

use percent_encoding::percent_decode_str;
use strongroom_audit::{AuditError, History, Record, Search};
use strongroom_directory::{Directory, Vault};
use strongroom_model::{ObjectName, Operation, PrincipalId, RequestId, Scope, VaultName};

use super::{Question, Subject, Wanted};
use crate::OpError;

/// Records that are read before it is asked again where to go on.
const READ_AT_ONCE: usize = 200_000;

/// Accesses of one principal that are kept apart.
const MOST_USED: usize = 10_000;

/// What somebody did in a vault.
#[derive(Clone, Debug, Default)]
pub struct Used {
    /// What, each once, and how often.
    pub accesses: Vec<(Wanted, u64)>,
    /// Whether there was more than could be kept apart.
    pub is_cut: bool,
}

/// A request's record, if it is in the journal since a time, in Unix milliseconds. It blocks for as
/// long as reading the files takes.
///
/// # Errors
/// Those of the journal.
pub fn find_request(
    history: &History,
    id: RequestId,
    since_ms: i64,
) -> Result<Option<Record>, AuditError> {
    let mut search =
        Search { from_ms: since_ms, to_ms: i64::MAX, before: None, records: 1, read: READ_AT_ONCE };
    loop {
        let found = history.search(&search, |record| record.id == id)?;
        if let Some(record) = found.records.into_iter().next() {
            return Ok(Some(record));
        }
        match found.next {
            Some(next) if Some(next) != search.before => search.before = Some(next),
            _ => return Ok(None),
        }
    }
}

/// The question that a record's request asked, to be explained by the directory as it is now.
///
/// # Errors
/// [`OpError::Invalid`] for a request that was refused before its caller or operation was known.
pub fn question_of(directory: &Directory, record: &Record) -> Result<Question, OpError> {
    let unknown = |what: &str| {
        OpError::Invalid(format!(
            "the request was answered {} before {what} was known: {}",
            record.http_status, record.description
        ))
    };
    let who = record.identity.object_id.as_deref().and_then(|id| id.parse().ok());
    let who: PrincipalId = who.ok_or_else(|| unknown("its caller"))?;
    let through = record.identity.app_id.as_deref().and_then(|id| id.parse().ok());
    let wanted = wanted(record).ok_or_else(|| unknown("its operation"))?;
    let subject = Subject::of(directory, who, through)?;
    Ok(Question { subject, wanted, address: record.caller_ip })
}

/// What a principal did in a vault from one time to another, in Unix milliseconds: what it had a
/// right to, whether it succeeded or not. It blocks for as long as reading the files takes.
///
/// # Errors
/// Those of the journal.
pub fn used(
    history: &History,
    vault: &Vault,
    who: PrincipalId,
    from_ms: i64,
    to_ms: i64,
) -> Result<Used, AuditError> {
    let who = who.to_string();
    let mut search =
        Search { from_ms, to_ms, before: None, records: READ_AT_ONCE, read: READ_AT_ONCE };
    let mut counts: HashMap<String, (Wanted, u64)> = HashMap::new();
    let mut is_cut = false;
    loop {
        let found = history.search(&search, |record| {
            record.rbac_authorized == Some(true)
                && record.identity.object_id.as_deref() == Some(&who)
                && is_in(record, &vault.scope)
        })?;
        for record in &found.records {
            let Some(wanted) = wanted(record) else { continue };
            let key = format!("{wanted:?}").to_ascii_lowercase();
            if counts.len() >= MOST_USED && !counts.contains_key(&key) {
                is_cut = true;
                continue;
            }
            counts.entry(key).or_insert((wanted, 0)).1 += u64::from(record.count);
        }
        match found.next {
            Some(next) if Some(next) != search.before => search.before = Some(next),
            _ => break,
        }
    }
    let mut accesses: Vec<_> = counts.into_values().collect();
    accesses
        .sort_by_cached_key(|(wanted, count)| (std::cmp::Reverse(*count), format!("{wanted:?}")));
    Ok(Used { accesses, is_cut })
}

fn is_in(record: &Record, vault: &Scope) -> bool {
    Scope::parse(&record.resource_id).is_ok_and(|scope| vault.contains(&scope))
}

/// What a record's request wanted; `None`: that was not known.
pub fn wanted(record: &Record) -> Option<Wanted> {
    let scope = Scope::parse(&record.resource_id).ok()?;
    if record.operation.contains('/') {
        return Some(Wanted::Action { action: record.operation.to_string(), scope });
    }
    let operation =
        Operation::ALL.iter().copied().find(|one| one.audit_name() == record.operation)?;
    let vault = VaultName::parse(scope.as_str().rsplit('/').next()?).ok()?;
    let object = match operation.names_object() {
        true => Some(object_of(&record.request_uri)?),
        false => None,
    };
    Some(Wanted::Operation { operation, vault, object })
}

/// The object that a vault's URL names: `https://host/{collection}/{name}/…`.
pub(crate) fn object_of(uri: &str) -> Option<ObjectName> {
    let path = uri.split('?').next()?.split("://").nth(1)?;
    let name = percent_decode_str(path.split('/').nth(2)?).decode_utf8().ok()?;
    ObjectName::parse(&name).ok()
}
