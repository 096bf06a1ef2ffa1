//! OCSP responses: signed once, and kept while what they say is so.
//!
//! An answer costs a look at two rows. A response that is not kept yet is signed only for a
//! certificate that the authority did issue: for every other one, and for other authorities, the
//! answer is `unauthorized`, which is not signed (RFC 5019, 2.2.3) and which nobody can make dear.
//! A nonce asks for a signature of one's own; so many of these are given each second, and beyond
//! that the kept response, which is good without it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};

use bytes::Bytes;
use quick_cache::sync::Cache;
use strongroom_model::{
    CertificateListing, Head, IncarnationId, ObjectName, Timestamp, VaultResource,
};
use strongroom_pki::AuthorityCertificate;
use strongroom_pki::ocsp::{
    self, CertId, OcspTerms, Refusal, Request, Status, parse_request, refuse,
};
use strongroom_store::{Revision, Snapshot, Store, layout};

use super::ledger::{Ledger, Serial};
use super::lookup::Place;
use super::revocation::reason;
use super::{Authority, Published};
use crate::{OpError, Ops};

/// The longest request that is read, in bytes.
pub const MAX_OCSP_BYTES: usize = 4_096;

/// How long a response is good for, in seconds.
const LIFE: i64 = 8 * 3_600;

/// The age, in seconds, at which a kept response is signed anew.
const RENEWED_AFTER: i64 = LIFE / 2;

/// For how many seconds others may keep a response.
const MAX_AGE: u32 = 300;

/// Responses kept, in bytes.
const RESPONSES_BYTES: u64 = 32 * 1024 * 1024;

/// Room that is made from the start; it grows.
const RESPONSES: usize = 1_024;

/// Signatures a second for requests that demand their own.
const FRESH_PER_SECOND: u32 = 200;

/// Certificates asked for at once.
const MAX_IDS: usize = 16;

/// What a status rests on: the rows of the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Grounds {
    issued: Option<Revision>,
    revoked: Option<Revision>,
}

#[derive(Clone)]
struct Response {
    grounds: Grounds,
    made: Timestamp,
    der: Bytes,
}

#[derive(Clone)]
struct ByBytes;

impl quick_cache::Weighter<(IncarnationId, CertId), Response> for ByBytes {
    fn weight(&self, _: &(IncarnationId, CertId), response: &Response) -> u64 {
        512 + response.der.len() as u64
    }
}

/// The responses of a node.
pub(super) struct Responses {
    made: Cache<(IncarnationId, CertId), Response, ByBytes>,
    fresh: Budget,
}

impl Responses {
    pub(super) fn new() -> Self {
        Self {
            made: Cache::with_weighter(RESPONSES, RESPONSES_BYTES, ByBytes),
            fresh: Budget::default(),
        }
    }
}

/// So much each second.
#[derive(Default)]
struct Budget {
    second: AtomicI64,
    spent: AtomicU32,
}

impl Budget {
    /// Whether there is one more left. Two threads at the turn of a second may both begin it.
    fn take(&self, now: Timestamp) -> bool {
        if self.second.swap(now.0, Ordering::Relaxed) != now.0 {
            self.spent.store(0, Ordering::Relaxed);
        }
        self.spent.fetch_add(1, Ordering::Relaxed) < FRESH_PER_SECOND
    }
}

/// What is to be signed, by whom.
struct Draft {
    signer: Arc<Authority>,
    statuses: Vec<(CertId, Status)>,
}

/// Where a request is answered: an authority's ledger and the certificate's head.
struct Desk<'a, S: Store> {
    place: Place<'a, S>,
    ledger: Ledger<'a>,
    head: &'a Head<CertificateListing>,
    now: Timestamp,
}

impl<S: Store> Ops<S> {
    /// Answers an OCSP request for an authority, by its certificate's name or an issuer's. Every
    /// answer is an OCSP response; one to what failed says so.
    pub async fn answer_ocsp(
        &self,
        vault: &VaultResource,
        name: &ObjectName,
        request: &[u8],
    ) -> Published {
        let refused = |why| Published { der: refuse(why).into(), max_age: 0 };
        let parsed =
            if request.len() > MAX_OCSP_BYTES { None } else { parse_request(request).ok() };
        let Some(request) = parsed.filter(|request| request.ids.len() <= MAX_IDS) else {
            return refused(Refusal::MalformedRequest);
        };
        match self.respond_ocsp(vault, name, request).await {
            Ok(Some(published)) => published,
            Ok(None) => refused(Refusal::Unauthorized),
            Err(OpError::Busy { .. } | OpError::Unavailable(_)) => refused(Refusal::TryLater),
            Err(error) => {
                tracing::error!(%error, "an OCSP request failed");
                refused(Refusal::InternalError)
            }
        }
    }

    /// The response; `None` if nothing is known of what is asked.
    async fn respond_ocsp(
        &self,
        vault: &VaultResource,
        name: &ObjectName,
        request: Request,
    ) -> Result<Option<Published>, OpError> {
        let objects = self.certificates_of(vault.id).await?;
        let snapshot = self.snapshot().await?;
        let place = Place { objects: &objects, snapshot: &snapshot };
        let Some(head) = self.published_head(place, name).await? else { return Ok(None) };
        let folded = head.name.folded();
        let ledger = Ledger::of(&objects, &folded, &head);
        let desk = Desk { place, ledger, head: &head, now: self.clock.now() };
        match (request.ids.as_slice(), request.nonce) {
            ([id], None) => self.kept_response(&desk, id).await,
            (ids, nonce) => self.fresh_response(&desk, ids, nonce).await,
        }
    }

    /// The response to a request for one certificate, which may be kept already.
    async fn kept_response(
        &self,
        desk: &Desk<'_, S>,
        id: &CertId,
    ) -> Result<Option<Published>, OpError> {
        let grounds = desk.grounds(id).await?;
        let Some(grounds) = grounds else { return Ok(None) };
        let key = (desk.head.incarnation, id.clone());
        let responses = &self.authorities.responses.made;
        if let Some(kept) = responses.get(&key)
            && kept.grounds == grounds
            && (0..RENEWED_AFTER).contains(&desk.now.seconds_since(kept.made))
        {
            return Ok(Some(Published { der: kept.der, max_age: MAX_AGE }));
        }
        let Some(draft) = self.draft(desk, std::slice::from_ref(id)).await? else {
            return Ok(None);
        };
        let der = self.sign_response(desk, draft, None).await?;
        responses.insert(key, Response { grounds, made: desk.now, der: der.clone() });
        Ok(Some(Published { der, max_age: MAX_AGE }))
    }

    /// A response of the request's own, if there are signatures left for such; else the kept one,
    /// which is good without the nonce.
    async fn fresh_response(
        &self,
        desk: &Desk<'_, S>,
        ids: &[CertId],
        nonce: Option<Vec<u8>>,
    ) -> Result<Option<Published>, OpError> {
        let Some(draft) = self.draft(desk, ids).await? else { return Ok(None) };
        if !self.authorities.responses.fresh.take(desk.now) {
            return match ids {
                [id] => self.kept_response(desk, id).await,
                _ => Err(OpError::Busy { retry_after: 1 }),
            };
        }
        let der = self.sign_response(desk, draft, nonce).await?;
        Ok(Some(Published { der, max_age: 0 }))
    }

    /// What can be said of certificates; `None` if of none. One version of the authority signs: of
    /// what another issued, nothing is known here.
    async fn draft(&self, desk: &Desk<'_, S>, ids: &[CertId]) -> Result<Option<Draft>, OpError> {
        let mut signer: Option<Arc<Authority>> = None;
        let mut statuses = Vec::with_capacity(ids.len());
        for id in ids {
            let known = self.known(desk, id).await?;
            let known = known.filter(|(authority, _)| {
                signer.as_ref().is_none_or(|signer| signer.version == authority.version)
            });
            let status = match known {
                Some((authority, status)) => {
                    signer = Some(authority);
                    status
                }
                None => Status::Unknown,
            };
            statuses.push((id.clone(), status));
        }
        Ok(signer.map(|signer| Draft { signer, statuses }))
    }

    /// The version of the authority that issued a certificate, and what has become of that.
    async fn known(
        &self,
        desk: &Desk<'_, S>,
        id: &CertId,
    ) -> Result<Option<(Arc<Authority>, Status)>, OpError> {
        let Desk { place, ledger, head, .. } = desk;
        let Some(serial) = Serial::new(&id.serial) else { return Ok(None) };
        let revoked = ledger.revocation(place.snapshot, &serial).await?;
        // A restored authority knows what was revoked, but not what was issued.
        let version = match &revoked {
            Some(revoked) => Some(revoked.authority),
            None => ledger.issued(place.snapshot, &serial).await?.map(|issued| issued.authority),
        };
        let Some(version) = version else { return Ok(None) };
        let authority = self.authority(*place, head, version).await?;
        let Some(authority) = authority.filter(|authority| authority.hashes.names(id)) else {
            return Ok(None);
        };
        let status = match revoked {
            Some(revoked) => Status::Revoked { at: revoked.at, reason: reason(revoked.reason) },
            None => Status::Good,
        };
        Ok(Some((authority, status)))
    }

    async fn sign_response(
        &self,
        desk: &Desk<'_, S>,
        draft: Draft,
        nonce: Option<Vec<u8>>,
    ) -> Result<Bytes, OpError> {
        let Draft { signer, statuses } = draft;
        let (this_update, next_update) = (desk.now, desk.now.plus_seconds(LIFE));
        let terms = OcspTerms { this_update, next_update, nonce };
        let work =
            move |signer: &AuthorityCertificate<'_>| ocsp::respond(signer, &statuses, &terms);
        Ok(self.with_authority(desk.place, &signer, false, work).await?.into())
    }
}

impl<S: Store> Desk<'_, S> {
    /// The revisions of the rows that tell a certificate's status; `None` if it is unknown.
    async fn grounds(&self, id: &CertId) -> Result<Option<Grounds>, OpError> {
        let Some(serial) = Serial::new(&id.serial) else { return Ok(None) };
        let (vault, incarnation) = (self.ledger.objects.vault, self.ledger.incarnation);
        let snapshot = self.place.snapshot;
        let issued = snapshot.get(&layout::issued(vault, incarnation, serial.bytes())).await?;
        let revoked = snapshot.get(&layout::revoked(vault, incarnation, serial.bytes())).await?;
        if issued.is_none() && revoked.is_none() {
            return Ok(None);
        }
        let (issued, revoked) = (issued.map(|row| row.revision), revoked.map(|row| row.revision));
        Ok(Some(Grounds { issued, revoked }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_on_demand_are_given_by_the_second() {
        let budget = Budget::default();
        let given = |at| (0..1_000).filter(|_| budget.take(Timestamp(at))).count();
        assert_eq!(given(1), 200);
        assert_eq!(given(1), 0);
        assert_eq!(given(2), 200);
    }
}
