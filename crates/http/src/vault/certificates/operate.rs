//! From an authorised operation on certificates to what does it.

use strongroom_authz::Authorized;
use strongroom_model::Operation as Op;
use strongroom_ops::Call;
use strongroom_store::Store;

use super::{authority, contacts, issuers, lists, pending, policy};
use crate::body::Body;
use crate::vault::Exchange;
use crate::vault::answer::Answer;
use crate::vault::operate::BoxedAnswer;
use crate::vault::problem::Problem;
use crate::vault::route::Route;

/// Runs the operation that was authorised.
pub(crate) async fn operate<S: Store>(
    exchange: &Exchange<'_, S>,
    proof: Authorized,
    route: Route,
    body: Body,
    call: &mut Call,
) -> Result<Answer, Problem> {
    let Route { operation, name, version, issuer } = route;
    let named = || name.clone().ok_or(Problem::NoRoute);
    let of_issuer = || issuer.clone().ok_or(Problem::NoRoute);
    let answer: BoxedAnswer<'_> = match operation {
        Op::CreateCertificate => Box::pin(super::create(exchange, proof, named()?, body, call)),
        Op::ImportCertificate => Box::pin(super::import(exchange, proof, named()?, body, call)),
        Op::MergeCertificate => Box::pin(super::merge(exchange, proof, named()?, body, call)),
        Op::GetCertificate => Box::pin(super::get(exchange, proof, named()?, version)),
        Op::UpdateCertificate => {
            Box::pin(super::update(exchange, proof, named()?, version, body, call))
        }
        Op::GetCertificates => Box::pin(lists::list(exchange, proof)),
        Op::GetCertificateVersions => Box::pin(lists::versions(exchange, proof, named()?)),
        Op::GetDeletedCertificates => Box::pin(lists::list_deleted(exchange, proof)),
        Op::DeleteCertificate => Box::pin(super::delete(exchange, proof, named()?, call)),
        Op::GetDeletedCertificate => Box::pin(super::get_deleted(exchange, proof, named()?)),
        Op::RecoverDeletedCertificate => Box::pin(super::recover(exchange, proof, named()?, call)),
        Op::PurgeDeletedCertificate => Box::pin(super::purge(exchange, proof, named()?, call)),
        Op::BackupCertificate => Box::pin(super::backup(exchange, proof, named()?)),
        Op::RestoreCertificate => Box::pin(super::restore(exchange, proof, body, call)),
        Op::GetCertificatePolicy => Box::pin(policy::get(exchange, proof, named()?)),
        Op::UpdateCertificatePolicy => {
            Box::pin(policy::update(exchange, proof, named()?, body, call))
        }
        Op::GetCertificateOperation => Box::pin(pending::get(exchange, proof, named()?)),
        Op::UpdateCertificateOperation => {
            Box::pin(pending::update(exchange, proof, named()?, body, call))
        }
        Op::DeleteCertificateOperation => {
            Box::pin(pending::delete(exchange, proof, named()?, call))
        }
        Op::GetCertificateIssuers => Box::pin(issuers::list(exchange, proof)),
        Op::GetCertificateIssuer => Box::pin(issuers::get(exchange, proof, of_issuer()?)),
        Op::SetCertificateIssuer => {
            Box::pin(issuers::set(exchange, proof, of_issuer()?, body, call))
        }
        Op::UpdateCertificateIssuer => {
            Box::pin(issuers::update(exchange, proof, of_issuer()?, body, call))
        }
        Op::DeleteCertificateIssuer => {
            Box::pin(issuers::delete(exchange, proof, of_issuer()?, call))
        }
        Op::GetCertificateContacts => Box::pin(contacts::get(exchange, proof)),
        Op::SetCertificateContacts => Box::pin(contacts::set(exchange, proof, body, call)),
        Op::DeleteCertificateContacts => Box::pin(contacts::delete(exchange, proof, call)),
        Op::RevokeCertificate => {
            Box::pin(authority::revoke(exchange, proof, named()?, version, body, call))
        }
        Op::RevokeIssuedCertificate => {
            Box::pin(authority::revoke_issued(exchange, proof, of_issuer()?, body, call))
        }
        Op::CreateAcmeBinding => {
            Box::pin(authority::bind_account(exchange, proof, of_issuer()?, call))
        }
        _ => return Err(Problem::NoRoute),
    };
    answer.await
}
