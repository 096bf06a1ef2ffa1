//! The embedded engine passes the suite of every engine, on a real disk, with checkpoints.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::sync::Arc;

use strongroom_store::conformance;
use strongroom_store::disk::{FaultDisk, RealDisk};
use strongroom_store_embedded::{EmbeddedStore, Options};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn conforms_on_a_real_disk() {
    let dir = tempfile::tempdir().unwrap();
    let next = std::cell::Cell::new(0);
    conformance::run(async || {
        next.set(next.get() + 1);
        let disk = RealDisk::open(dir.path().join(next.get().to_string())).unwrap();
        EmbeddedStore::open(Arc::new(disk), &Options::default()).unwrap()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn conforms_while_it_checkpoints_all_the_time() {
    let options = Options { memtable_bytes: 2000, segment_bytes: 16 * 1024, ..Options::default() };
    conformance::run(async || EmbeddedStore::open(Arc::new(FaultDisk::new()), &options).unwrap())
        .await;
}
