//! What the tests share.

use std::sync::Arc;

use strongroom_crypto::SymmetricKey;
use strongroom_model::RequestId;
use strongroom_store::disk::{Disk, FaultDisk, join, read};
use uuid::Uuid;

use crate::frame::Head;
use crate::journal::Journal;
use crate::{
    AuditKey, AuditKeys, Evidence, NodeId, Options, Record, Report, Start, Tail, verify_journal,
};

pub(crate) const DIR: &str = "audit";

pub(crate) fn key(generation: u32) -> AuditKey {
    let byte = u8::try_from(generation).unwrap();
    AuditKey { generation, key: SymmetricKey::from_slice(&[byte; 32]).unwrap() }
}

pub(crate) fn keys() -> AuditKeys {
    AuditKeys::new(&[key(1)]).unwrap()
}

/// A record like those of real requests, about 500 bytes long.
pub(crate) fn record(n: u32) -> Record {
    let id = RequestId(Uuid::from_u128(u128::from(n)));
    let mut record = Record::new(id, 1_700_000_000_000 + i64::from(n), "SecretGet");
    record.resource_id = "/subscriptions/361da5d4-a47a-4c79-afdd-1951950a2581/resourceGroups/dev/\
        providers/Microsoft.KeyVault/vaults/main"
        .into();
    record.api_version = "7.4".into();
    record.success = true;
    record.signature = "OK".into();
    record.caller_ip = Some([127, 0, 0, 1].into());
    record.correlation_id = id.to_string();
    record.identity.object_id = Some("d9da5048-2737-4770-bd64-1951950a2581".into());
    record.client_info = "azsdk-python-keyvault-secrets/4.9.0 Python/3.12.3".into();
    record.request_uri = format!("https://main.vault.test:8443/secrets/name-{n}/?api-version=7.4");
    record.object_id = format!("https://main.vault.test:8443/secrets/name-{n}");
    record.http_status = 200;
    record.tls_version = "TLS1_3".into();
    record.rbac_authorized = Some(true);
    record
}

/// Small segments of about eight records, so that tests roll.
pub(crate) fn options() -> Options {
    Options { segment_bytes: 4096, spare_segments: 2, ..Options::default() }
}

pub(crate) fn open(disk: &FaultDisk, anchor: Option<Head>) -> Journal {
    open_with(disk, anchor, keys(), options()).unwrap()
}

pub(crate) fn open_with(
    disk: &FaultDisk,
    anchor: Option<Head>,
    keys: AuditKeys,
    options: Options,
) -> Result<Journal, crate::AuditError> {
    disk.create_dir(DIR).map_err(|error| crate::AuditError::io(DIR, error))?;
    let node = NodeId::find_or_draw(disk, DIR)?;
    Journal::open(Arc::new(disk.clone()), node, keys, anchor, options)
}

/// Appends the records of `numbers`.
pub(crate) fn append(journal: &Journal, numbers: impl IntoIterator<Item = u32>) {
    for n in numbers {
        journal.append(&record(n)).unwrap();
    }
}

/// The numbers of all records that can be read.
pub(crate) fn found(disk: &FaultDisk) -> Vec<u32> {
    tail(disk, Start::Oldest)
}

pub(crate) fn tail(disk: &FaultDisk, start: Start) -> Vec<u32> {
    let mut tail = Tail::new(Arc::new(disk.clone()), DIR, start).unwrap();
    std::iter::from_fn(|| tail.poll().unwrap()).map(|record| number(&record)).collect()
}

/// The number that [`record`] was made from.
pub(crate) fn number(record: &Record) -> u32 {
    u32::try_from(record.id.0.as_u128()).unwrap()
}

/// The verification against an anchor.
pub(crate) fn verified(disk: &FaultDisk, anchor: Option<Head>) -> Report {
    let node = NodeId::find(disk, DIR).unwrap().unwrap();
    verify_journal(disk, DIR, Some(&Evidence::anchored(node, anchor)), &keys()).unwrap()
}

/// Another disk with the same files.
pub(crate) fn copy(disk: &FaultDisk) -> FaultDisk {
    let other = FaultDisk::new();
    other.create_dir(DIR).unwrap();
    for name in disk.list(DIR).unwrap() {
        put(&other, &name, &contents(disk, &name));
    }
    other
}

pub(crate) fn contents(disk: &FaultDisk, name: &str) -> Vec<u8> {
    read(disk, &join(DIR, name)).unwrap().unwrap()
}

/// Makes `bytes` the whole of the file.
pub(crate) fn put(disk: &FaultDisk, name: &str, bytes: &[u8]) {
    let path = join(DIR, name);
    if disk.open(&path).is_ok() {
        disk.remove(&path).unwrap();
    }
    let file = disk.create(&path).unwrap();
    file.write_at(bytes, 0).unwrap();
    file.sync_data().unwrap();
}

/// The names of the segments, in order.
pub(crate) fn segments(disk: &FaultDisk) -> Vec<String> {
    let names = disk.list(DIR).unwrap().into_iter();
    names.filter(|name| name.ends_with(".log") || name.ends_with(".zst")).collect()
}
