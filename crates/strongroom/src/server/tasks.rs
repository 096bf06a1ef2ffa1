//! What a node does by itself: sweeping, renewing, rotating.

use std::sync::Arc;
use std::time::Duration;

use strongroom_directory::row::{TokenKeyRow, row_key};
use strongroom_identity::rotation::{self, RotationStep};
use strongroom_monitor::Recorder;
use strongroom_ops::Call;
use strongroom_store::{Condition, Txn};
use tokio::task::JoinSet;

use super::node::Node;
use super::trust::Trust;
use crate::error::CliError;

const SWEEP_EVERY: Duration = Duration::from_secs(1);

/// How often what was interrupted goes on.
const RESUME_EVERY: Duration = Duration::from_secs(60);
const UPKEEP_EVERY: Duration = Duration::from_secs(5);
const RENEW_EVERY: Duration = Duration::from_secs(3_600);

/// Starts the tasks; they end when the set is dropped.
pub(crate) fn start(node: &Arc<Node>, trust: &Arc<Trust>, recorder: Recorder) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    let sweeping = Arc::clone(node);
    tasks.spawn(async move {
        loop {
            tokio::time::sleep(SWEEP_EVERY).await;
            if let Err(error) = sweep(&sweeping).await {
                tracing::warn!(%error, "the sweep did not finish; it goes on in a second");
            }
        }
    });
    // Apart from the rest: making keys takes its time.
    let rotating = Arc::clone(node);
    tasks.spawn(async move {
        loop {
            tokio::time::sleep(SWEEP_EVERY).await;
            if let Err(error) = rotating.ops.rotate_due_keys().await {
                tracing::warn!(%error, "not all keys that are due could be rotated");
            }
        }
    });
    let renewing = Arc::clone(node);
    tasks.spawn(async move {
        loop {
            tokio::time::sleep(SWEEP_EVERY).await;
            if let Err(error) = renewing.ops.renew_due_certificates().await {
                tracing::warn!(%error, "not all certificates that are due could be renewed");
            }
        }
    });
    // Apart again: RSA keys take their time.
    let waiting = Arc::clone(node);
    tasks.spawn(async move {
        loop {
            tokio::time::sleep(SWEEP_EVERY).await;
            if let Err(error) = waiting.ops.renew_slow_certificates().await {
                tracing::warn!(%error, "not all certificates that are due could be renewed");
            }
        }
    });
    // What a stop of the service, or a full disk, has interrupted.
    let deleting = Arc::clone(node);
    tasks.spawn(async move {
        loop {
            if let Err(error) = deleting.ops.resume_group_deletions().await {
                tracing::warn!(%error, "not all resource groups are wholly deleted yet");
            }
            tokio::time::sleep(RESUME_EVERY).await;
        }
    });
    let renewing = Arc::clone(trust);
    tasks.spawn(async move {
        loop {
            tokio::time::sleep(RENEW_EVERY).await;
            let trust = Arc::clone(&renewing);
            let renewed = tokio::task::spawn_blocking(move || trust.renew_if_due()).await;
            match renewed.map_err(CliError::failed).flatten() {
                Ok(true) => tracing::info!("the server certificate was renewed"),
                Ok(false) => {}
                Err(error) => tracing::error!(%error, "the server certificate was not renewed"),
            }
        }
    });
    tasks.spawn(async move {
        loop {
            tokio::time::sleep(UPKEEP_EVERY).await;
            recorder.upkeep();
        }
    });
    tasks
}

/// One round: the clock, the timers but for rotations and renewals, the token-signing keys. What
/// of it fails does not keep the rest from being done.
///
/// # Errors
/// [`CliError::Failed`] with the first failure; what is left is due at the next round.
pub(crate) async fn sweep(node: &Node) -> Result<strongroom_ops::Swept, CliError> {
    let ticked = node.clock.tick().await.map_err(CliError::failed);
    // Days of retention are counted by the clock too: what a leap would remove must wait with it.
    node.audit.pause_retention(node.clock.is_paused());
    let swept = node.ops.sweep_promptly().await.map_err(CliError::failed);
    let rotated = rotate_token_keys(node).await;
    ticked.and(rotated).and(swept)
}

/// One round, and the rotations of keys and renewals of certificates that are due.
///
/// # Errors
/// As [`sweep`].
pub(crate) async fn sweep_all(node: &Node) -> Result<strongroom_ops::Swept, CliError> {
    let mut swept = sweep(node).await?;
    swept.add(node.ops.rotate_due_keys().await.map_err(CliError::failed)?);
    swept.add(node.ops.renew_due_certificates().await.map_err(CliError::failed)?);
    swept.add(node.ops.renew_slow_certificates().await.map_err(CliError::failed)?);
    Ok(swept)
}

/// Carries out every step of the rotation that is due.
async fn rotate_token_keys(node: &Node) -> Result<(), CliError> {
    // A step makes the next one visible; a handful is the most that can be due at once.
    for _ in 0..8 {
        let directory = node.directory.current();
        let Some(step) = rotation::due(directory.token_keys(), node.clock.now()) else {
            return Ok(());
        };
        // By a clock that leapt, a key that has ended may have a month left.
        if node.clock.is_paused() && matches!(step, RotationStep::Remove { .. }) {
            return Ok(());
        }
        let call = node.ops.own_call("TokenKeyRotate", "strongroom rotation");
        carry_out(node, step, call.map_err(CliError::failed)?).await?;
    }
    Ok(())
}

/// Makes or removes a token-signing key.
///
/// # Errors
/// [`CliError::Failed`] when the directory cannot be written.
pub(crate) async fn carry_out(
    node: &Node,
    step: RotationStep,
    mut call: Call,
) -> Result<(), CliError> {
    let txn = match step {
        RotationStep::Remove { kid } => {
            tracing::info!(%kid, "a token-signing key has ended");
            Txn::new().delete(row_key::<TokenKeyRow>(kid.as_bytes()))
        }
        RotationStep::Add(schedule) => {
            let row = tokio::task::spawn_blocking(move || schedule.generate())
                .await
                .map_err(CliError::failed)?
                .map_err(CliError::failed)?;
            tracing::info!(kid = %row.kid, "a token-signing key was made");
            let (key, value) = node.directory.row(&row).map_err(CliError::failed)?;
            Txn::new().require(key.clone(), Condition::Absent).put(key, value)
        }
    };
    node.ops.commit_rows(&mut call, txn).await.map_err(CliError::failed)
}
