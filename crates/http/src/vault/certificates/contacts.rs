//! The contacts of a vault.

use strongroom_authz::{Authorized, admit};
use strongroom_model::certificates::Contact;
use strongroom_ops::{
    Call, DeleteCertificateContacts, GetCertificateContacts, SetCertificateContacts,
};
use strongroom_store::Store;
use strongroom_wire::certificate_issuers as wire;

use super::members;
use crate::body::Body;
use crate::vault::Exchange;
use crate::vault::answer::Answer;
use crate::vault::objects::parse;
use crate::vault::problem::Problem;

pub(super) async fn get<S: Store>(
    exchange: &Exchange<'_, S>,
    authorized: Authorized,
) -> Result<Answer, Problem> {
    let request = admit(authorized, GetCertificateContacts)?;
    contacts(exchange, exchange.ops().get_certificate_contacts(request).await?)
}

pub(super) async fn set<S: Store>(
    exchange: &Exchange<'_, S>,
    authorized: Authorized,
    body: Body,
    call: &mut Call,
) -> Result<Answer, Problem> {
    let sent: wire::ContactsParameters = parse(body)?;
    let sent = members::required("contacts", sent.contacts)?;
    let sent: Vec<Contact> = sent.into_iter().map(Into::into).collect();
    let request = admit(authorized, SetCertificateContacts { contacts: sent })?;
    contacts(exchange, exchange.ops().set_certificate_contacts(request, call).await?)
}

pub(super) async fn delete<S: Store>(
    exchange: &Exchange<'_, S>,
    authorized: Authorized,
    call: &mut Call,
) -> Result<Answer, Problem> {
    let request = admit(authorized, DeleteCertificateContacts)?;
    contacts(exchange, exchange.ops().delete_certificate_contacts(request, call).await?)
}

fn contacts<S: Store>(exchange: &Exchange<'_, S>, found: Vec<Contact>) -> Result<Answer, Problem> {
    Answer::json(&wire::Contacts {
        id: format!("{}/certificates/contacts", exchange.base).into(),
        contacts: found.into_iter().map(Into::into).collect(),
    })
}
