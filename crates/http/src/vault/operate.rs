//! From an authorised operation to what does it. A test asks for every operation there is.

use std::pin::Pin;

use strongroom_authz::Authorized;
use strongroom_model::Operation as Op;
use strongroom_ops::{Call, MAX_RESTORE_BYTES};
use strongroom_store::Store;

use super::answer::Answer;
use super::problem::Problem;
use super::route::Route;
use super::{Exchange, certificates, keys, secrets};
use crate::body::Body;

/// The largest body of an operation, in bytes.
const BODY_LIMIT: usize = 1024 * 1024;

pub(super) type BoxedAnswer<'a> =
    Pin<Box<dyn Future<Output = Result<Answer, Problem>> + Send + 'a>>;

/// The most bytes that an operation's body may have.
pub(super) fn body_limit(operation: Op) -> usize {
    match operation {
        Op::RestoreSecret | Op::RestoreKey | Op::RestoreCertificate => MAX_RESTORE_BYTES,
        _ => BODY_LIMIT,
    }
}

/// Runs the operation that was authorised.
pub(super) async fn operate<S: Store>(
    exchange: &Exchange<'_, S>,
    proof: Authorized,
    route: Route,
    body: Body,
    call: &mut Call,
) -> Result<Answer, Problem> {
    let Route { operation, ref name, version, .. } = route;
    let named = || name.clone().ok_or(Problem::NoRoute);
    // A read lies in the request's own future. All else is boxed, or every read would move the
    // room that a restore needs.
    let answer: BoxedAnswer<'_> = match operation {
        Op::GetSecret => return secrets::get(exchange, proof, named()?, version).await,
        Op::SetSecret => Box::pin(secrets::set(exchange, proof, named()?, body, call)),
        Op::UpdateSecret => {
            Box::pin(secrets::update(exchange, proof, named()?, version, body, call))
        }
        Op::RollbackSecret => Box::pin(secrets::rollback(exchange, proof, named()?, version, call)),
        Op::DeleteSecret => Box::pin(secrets::delete(exchange, proof, named()?, call)),
        Op::GetSecrets => Box::pin(secrets::list(exchange, proof)),
        Op::GetSecretVersions => Box::pin(secrets::versions(exchange, proof, named()?)),
        Op::BackupSecret => Box::pin(secrets::backup(exchange, proof, named()?)),
        Op::RestoreSecret => Box::pin(secrets::restore(exchange, proof, body, call)),
        Op::GetDeletedSecrets => Box::pin(secrets::list_deleted(exchange, proof)),
        Op::GetDeletedSecret => Box::pin(secrets::get_deleted(exchange, proof, named()?)),
        Op::RecoverDeletedSecret => Box::pin(secrets::recover(exchange, proof, named()?, call)),
        Op::PurgeDeletedSecret => Box::pin(secrets::purge(exchange, proof, named()?, call)),
        Op::CreateKey => Box::pin(keys::create(exchange, proof, named()?, body, call)),
        Op::ImportKey => Box::pin(keys::import(exchange, proof, named()?, body, call)),
        Op::GetKey => Box::pin(keys::get(exchange, proof, named()?, version)),
        Op::GetKeyAttestation => Box::pin(keys::attestation(exchange, proof, named()?, version)),
        Op::GetKeys => Box::pin(keys::list(exchange, proof)),
        Op::GetKeyVersions => Box::pin(keys::versions(exchange, proof, named()?)),
        Op::UpdateKey => Box::pin(keys::update(exchange, proof, named()?, version, body, call)),
        Op::DeleteKey => Box::pin(keys::delete(exchange, proof, named()?, call)),
        Op::GetDeletedKeys => Box::pin(keys::list_deleted(exchange, proof)),
        Op::GetDeletedKey => Box::pin(keys::get_deleted(exchange, proof, named()?)),
        Op::RecoverDeletedKey => Box::pin(keys::recover(exchange, proof, named()?, call)),
        Op::PurgeDeletedKey => Box::pin(keys::purge(exchange, proof, named()?, call)),
        Op::BackupKey => Box::pin(keys::backup(exchange, proof, named()?)),
        Op::RestoreKey => Box::pin(keys::restore(exchange, proof, body, call)),
        Op::Encrypt => Box::pin(keys::encrypt(exchange, proof, named()?, version, body, call)),
        Op::Decrypt => Box::pin(keys::decrypt(exchange, proof, named()?, version, body)),
        Op::WrapKey => Box::pin(keys::wrap(exchange, proof, named()?, version, body, call)),
        Op::UnwrapKey => Box::pin(keys::unwrap(exchange, proof, named()?, version, body)),
        Op::Sign => Box::pin(keys::sign(exchange, proof, named()?, version, body)),
        Op::Verify => Box::pin(keys::verify(exchange, proof, named()?, version, body)),
        Op::RotateKey => Box::pin(keys::rotate(exchange, proof, named()?, call)),
        Op::GetKeyRotationPolicy => Box::pin(keys::get_policy(exchange, proof, named()?)),
        Op::UpdateKeyRotationPolicy => {
            Box::pin(keys::update_policy(exchange, proof, named()?, body, call))
        }
        Op::ReleaseKey => Box::pin(keys::release(exchange, proof, named()?, version, body, call)),
        Op::SecureWrapKey => return keys::secure_wrap(exchange, proof, named()?, version),
        Op::SecureUnwrapKey => return keys::secure_unwrap(exchange, proof, named()?, version),
        _ => Box::pin(certificates::operate(exchange, proof, route, body, call)),
    };
    answer.await
}
