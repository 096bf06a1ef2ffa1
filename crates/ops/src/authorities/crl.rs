//! Revocation lists: made on demand, kept while nothing is revoked and the time is not up.

use std::sync::Arc;

use bytes::Bytes;
use quick_cache::sync::Cache;
use strongroom_model::{IncarnationId, Kind, ObjectName, Timestamp, VaultResource, Version};
use strongroom_pki::AuthorityCertificate;
use strongroom_pki::crl::{self, CrlTerms};
use strongroom_store::{Revision, Store};

use super::ledger::{Ledger, Numbered, Revocation, Serial};
use super::lookup::Place;
use super::revocation::reason;
use super::{Authority, Published};
use crate::{OpError, Ops};

/// How long a list is good for, in seconds: a day.
const LIFE: i64 = 86_400;

/// The age, in seconds, at which the next is made: clients always get half a day.
const RENEWED_AFTER: i64 = LIFE / 2;

/// For how many seconds others may keep a list. A revocation is on the next list at once; who
/// keeps an older one learns of it so much later.
const MAX_AGE: u32 = 300;

/// Lists kept, in bytes: an entry is some 40 of them.
const LISTS_BYTES: u64 = 64 * 1024 * 1024;

/// Builds at once, of all authorities: whoever asks for the same list waits for it.
const STRIPES: usize = 64;

/// A list, and what it rests on.
#[derive(Clone)]
struct List {
    /// The revision of what the authority has numbered; `None`: nothing yet.
    at: Option<Revision>,
    made: Timestamp,
    der: Bytes,
}

#[derive(Clone)]
struct ByBytes;

impl quick_cache::Weighter<(IncarnationId, Version), List> for ByBytes {
    fn weight(&self, _: &(IncarnationId, Version), list: &List) -> u64 {
        256 + list.der.len() as u64
    }
}

/// The lists of a node.
pub(super) struct Lists {
    made: Cache<(IncarnationId, Version), List, ByBytes>,
    building: Box<[tokio::sync::Mutex<()>]>,
}

impl Lists {
    pub(super) fn new() -> Self {
        let building = std::iter::repeat_with(tokio::sync::Mutex::default).take(STRIPES);
        Self {
            made: Cache::with_weighter(AUTHORITIES, LISTS_BYTES, ByBytes),
            building: building.collect(),
        }
    }

    fn get(&self, authority: &Authority, at: Option<Revision>, now: Timestamp) -> Option<Bytes> {
        let list = self.made.get(&(authority.incarnation, authority.version))?;
        let age = now.seconds_since(list.made);
        (list.at == at && (0..RENEWED_AFTER).contains(&age)).then_some(list.der)
    }
}

/// Room that is made from the start; it grows.
const AUTHORITIES: usize = 256;

impl<S: Store> Ops<S> {
    /// The revocation list of a version of an authority, by its certificate's name or an issuer's;
    /// `None` is the current version.
    ///
    /// # Errors
    /// [`OpError::NotFound`] when there is no such authority, [`OpError::Busy`], or that the
    /// service cannot.
    pub async fn published_list(
        &self,
        vault: &VaultResource,
        name: &ObjectName,
        version: Option<Version>,
    ) -> Result<Published, OpError> {
        let objects = self.certificates_of(vault.id).await?;
        let snapshot = self.snapshot().await?;
        let place = Place { objects: &objects, snapshot: &snapshot };
        let (head, authority) = self.published_authority(place, name, version).await?;
        let folded = head.name.folded();
        let now = self.clock.now();
        let ledger = Ledger::of(&objects, &folded, &head);
        let (_, at) = ledger.numbered(&snapshot).await?;
        if let Some(der) = self.authorities.lists.get(&authority, at, now) {
            return Ok(Published { der, max_age: MAX_AGE });
        }
        let _turn = self.building(&authority).await;
        // The time, and then what is so: a list that says less than another, of rows that were read
        // earlier, has a lower number.
        let (now, snapshot) = (self.clock.now(), self.snapshot().await?);
        let (numbered, at) = ledger.numbered(&snapshot).await?;
        if let Some(der) = self.authorities.lists.get(&authority, at, now) {
            return Ok(Published { der, max_age: MAX_AGE });
        }
        let revoked = ledger.revocations(&snapshot, now).await?;
        let revoked: Vec<crl::Revoked> = revoked.into_iter().map(entry).collect();
        let terms = terms(numbered, now);
        let work = move |signer: &AuthorityCertificate<'_>| crl::build(signer, &terms, &revoked);
        let der = Bytes::from(self.with_authority(place, &authority, true, work).await?);
        let list = List { at, made: now, der: der.clone() };
        self.authorities.lists.made.insert((authority.incarnation, authority.version), list);
        Ok(Published { der, max_age: MAX_AGE })
    }

    /// The certificate of a version of an authority.
    ///
    /// # Errors
    /// [`OpError::NotFound`] when there is no such authority, or that the service cannot.
    pub async fn published_certificate(
        &self,
        vault: &VaultResource,
        name: &ObjectName,
        version: Option<Version>,
    ) -> Result<Published, OpError> {
        let objects = self.certificates_of(vault.id).await?;
        let snapshot = self.snapshot().await?;
        let place = Place { objects: &objects, snapshot: &snapshot };
        let (_, authority) = self.published_authority(place, name, version).await?;
        Ok(Published { der: authority.certificate.clone().into(), max_age: MAX_AGE })
    }

    /// An authority that publishes, with its certificate's head.
    async fn published_authority(
        &self,
        place: Place<'_, S>,
        name: &ObjectName,
        version: Option<Version>,
    ) -> Result<
        (strongroom_model::Head<strongroom_model::CertificateListing>, Arc<Authority>),
        OpError,
    > {
        let not_found = || OpError::no_version(Kind::Certificate, name, version);
        let head = self.published_head(place, name).await?.ok_or_else(not_found)?;
        let wanted = version.unwrap_or(head.current.version);
        let authority = self.authority(place, &head, wanted).await?.ok_or_else(not_found)?;
        Ok((head, authority))
    }

    async fn building(&self, authority: &Authority) -> Option<tokio::sync::MutexGuard<'_, ()>> {
        // Incarnations are random.
        let stripe = usize::from(*authority.incarnation.as_bytes().first()?) % STRIPES;
        let stripe = self.authorities.lists.building.get(stripe)?;
        Some(stripe.lock().await)
    }
}

/// By how much a revocation moves a list's number on: by a minute of the time. So two nodes, of
/// which
/// one reads what is less than that behind, never give one number to two lists.
const PER_REVOCATION: u64 = 60;

/// A list's number grows with every revocation and with the time, so none is ever given twice, and
/// nothing need be written to make a list.
fn terms(numbered: Numbered, now: Timestamp) -> CrlTerms {
    let seconds = u64::try_from(now.0).unwrap_or(0);
    CrlTerms {
        number: seconds.saturating_add(numbered.revocations.saturating_mul(PER_REVOCATION)),
        this_update: now,
        next_update: now.plus_seconds(LIFE),
    }
}

/// A revocation as a list has it. A list has those of all versions of the authority: they have one
/// name, and perhaps one key, so that clients take the list of one for that of another.
fn entry((serial, revocation): (Serial, Revocation)) -> crl::Revoked {
    crl::Revoked {
        serial: serial.number().to_vec(),
        at: revocation.at,
        reason: reason(revocation.reason),
    }
}
