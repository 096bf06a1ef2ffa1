//! Rotation: on demand, and by policy.
//!
//! A key with a policy has one timer, at the time of what comes next: a rotation, or the notice
//! that the current version nears its expiry. The policy's row says where the timer stands, and
//! every transaction that may move it requires that row, so that two nodes, or a node that died
//! half-way, never rotate twice.

use minicbor::{Decode, Encode};
use strongroom_authz::Admitted;
use strongroom_crypto::provider::KeyMaterial;
use strongroom_directory::Vault;
use strongroom_model::rotation::{RotationPolicy, RotationRules};
use strongroom_model::{
    Attributes, AttributesChange, Head, IncarnationId, KeyListing, Kind, ObjectName, PrincipalId,
    State, Timestamp, Version, VersionRecord,
};
use strongroom_seal::Part;
use strongroom_store::{Condition, Outcome, Revision, Snapshot, Store, Txn, layout};
use strongroom_work::Charge;

use super::KeyView;
use crate::access::in_vault;
use crate::objects::{Draft, Found, Keys, ObjectKind, Objects};
use crate::request::name_only;
use crate::sweeper::Timer;
use crate::{Call, OpError, Ops};

name_only! {
    /// Gives a key a new version with a new key of the same kind.
    RotateKey
    /// Reads a key's rotation policy.
    GetKeyRotationPolicy
}

/// Sets a key's rotation policy.
pub struct UpdateKeyRotationPolicy {
    /// The name.
    pub name: ObjectName,
    /// What the policy says.
    pub rules: RotationRules,
}

crate::request::about_object! { UpdateKeyRotationPolicy }

/// A rotation policy as an answer shows it.
pub struct RotationPolicyView {
    /// The key's name, as it was first spelt.
    pub name: ObjectName,
    /// What it says.
    pub rules: RotationRules,
    /// When it was first set and last changed; `None` if nobody set one.
    pub set: Option<(Timestamp, Timestamp)>,
}

impl RotationPolicyView {
    /// The policy, if somebody set one.
    pub fn policy(self) -> Option<RotationPolicy> {
        let (created, updated) = self.set?;
        Some(RotationPolicy { rules: self.rules, created, updated })
    }
}

/// A policy's row.
#[derive(Encode, Decode)]
struct Schedule {
    #[n(0)]
    policy: RotationPolicy,
    /// Where the key's timer stands.
    #[n(1)]
    timer: Option<Timestamp>,
    /// The version whose owner has been told that it nears its expiry.
    #[n(2)]
    noticed: Option<Version>,
}

impl Schedule {
    fn new(policy: RotationPolicy) -> Self {
        Self { policy, timer: None, noticed: None }
    }

    /// When something is next due for a key.
    fn next(&self, head: &Head<KeyListing>) -> Option<Timestamp> {
        if head.state != State::Active {
            return None;
        }
        let current = &head.current;
        let rotation = self.policy.rules.rotation_due(&current.attributes);
        let notice = self.notice_due(current);
        [rotation, notice].into_iter().flatten().min()
    }

    fn notice_due(&self, current: &VersionRecord<KeyListing>) -> Option<Timestamp> {
        if self.noticed == Some(current.version) {
            return None;
        }
        self.policy.rules.notice_due(&current.attributes)
    }
}

impl<S: Store> Ops<S> {
    /// `POST /keys/{name}/rotate`: a new version with a new key of the same kind, which inherits
    /// what the current one says of itself; its expiry comes from the policy.
    ///
    /// # Errors
    /// [`OpError::NotFound`], [`OpError::Managed`], [`OpError::Busy`], or that the service cannot.
    pub async fn rotate_key(
        &self,
        admitted: Admitted<RotateKey>,
        call: &mut Call,
    ) -> Result<KeyView, OpError> {
        let (authorized, request) = admitted.into_parts();
        let name = &request.name;
        let objects = self.objects::<Keys>(&authorized).await?;
        let found = rotatable(&objects, &self.snapshot().await?, name).await?;
        let spec = found.head.current.listing.public.spec();
        self.charge_creation(&authorized, found.head.current.listing.key_type)?;
        let material = self.generate(&authorized, spec).await?;
        let mut deciding = self.deciding(&authorized, name).await;
        loop {
            let moment = deciding.moment().await?;
            let found = rotatable(&objects, &moment.snapshot, name).await?;
            let current = &found.head.current;
            if current.listing.public.spec() != spec {
                return Err(OpError::Contended);
            }
            let schedule = schedule(&objects, &moment.snapshot, &found.head).await?;
            let rules = schedule.map(|(schedule, _)| schedule.policy.rules).unwrap_or_default();
            let draft = rotated(current, &material, &rules, call.now());
            let (body, txn) = (material.private.expose(), moment.txn());
            let (txn, head) =
                objects.put_new_version(txn, Some(&found), name, &draft, body, call.id())?;
            let txn = set_timer(&objects, &moment.snapshot, txn, &head).await?;
            let soft_delete = moment.soft_delete();
            if deciding.commit(call, txn).await? {
                return Ok(KeyView { name: head.name, record: head.current, soft_delete });
            }
        }
    }

    /// `GET /keys/{name}/rotationpolicy`: the policy, or what holds without one.
    ///
    /// # Errors
    /// [`OpError::NotFound`], or that the service cannot.
    pub async fn get_key_rotation_policy(
        &self,
        admitted: Admitted<GetKeyRotationPolicy>,
    ) -> Result<RotationPolicyView, OpError> {
        let (authorized, request) = admitted.into_parts();
        let objects = self.objects::<Keys>(&authorized).await?;
        let snapshot = self.snapshot().await?;
        let (found, _) = objects.find(&snapshot, &request.name, None).await?;
        let policy = policy_of(&objects, &snapshot, &found.head).await?;
        Ok(view(found.head.name, policy))
    }

    /// `PUT /keys/{name}/rotationpolicy`
    ///
    /// # Errors
    /// [`OpError::NotFound`], [`OpError::Managed`], or that the service cannot.
    pub async fn update_key_rotation_policy(
        &self,
        admitted: Admitted<UpdateKeyRotationPolicy>,
        call: &mut Call,
    ) -> Result<RotationPolicyView, OpError> {
        let (authorized, request) = admitted.into_parts();
        let (name, rules) = (&request.name, &request.rules);
        let objects = self.objects::<Keys>(&authorized).await?;
        let mut deciding = self.deciding(&authorized, name).await;
        loop {
            let moment = deciding.moment().await?;
            // A certificate's key follows the certificate's policy.
            let found = rotatable(&objects, &moment.snapshot, name).await?;
            let before = schedule(&objects, &moment.snapshot, &found.head).await?;
            let now = call.now();
            let created = before.as_ref().map_or(now, |(before, _)| before.policy.created);
            let policy = RotationPolicy { rules: rules.clone(), created, updated: now };
            let after = match &before {
                Some((before, _)) => Schedule {
                    policy: policy.clone(),
                    timer: before.timer,
                    noticed: before.noticed,
                },
                None => Schedule::new(policy.clone()),
            };
            let folded = name.folded();
            let txn = objects.require_active(moment.txn(), &folded, Some(&found));
            let revision = before.map(|(_, revision)| revision);
            let txn = put_schedule(&objects, txn, &found.head, after, revision)?;
            if deciding.commit(call, txn).await? {
                return Ok(view(found.head.name, Some(policy)));
            }
        }
    }

    /// Does what is due for a key with a policy; a rotation only where `rotates`.
    ///
    /// # Errors
    /// That the service cannot; the timer stays, and the next sweep tries again.
    pub(crate) async fn run_key_timer(
        &self,
        vault: &Vault,
        timer: &Timer,
        now: Timestamp,
        rotates: bool,
    ) -> Result<KeyTimer, OpError> {
        let id = vault.resource.id;
        let objects = Objects::<Keys>::new(id, self.ring.vault(id).await?);
        let snapshot = self.snapshot().await?;
        let found = objects.active(&snapshot, &timer.folded).await?;
        let found = found.filter(|found| found.head.incarnation == timer.subject.incarnation);
        let Some(found) = found else { return Ok(KeyTimer::Stale) };
        let Some((mut schedule, revision)) = schedule(&objects, &snapshot, &found.head).await?
        else {
            return Ok(KeyTimer::Stale);
        };
        if schedule.timer != layout::due_time(&timer.key) {
            return Ok(KeyTimer::Stale);
        }
        let txn = in_vault(vault).require(timer.key.clone(), timer.condition());
        let current = &found.head.current;
        let is_due = |at: Option<Timestamp>| at.is_some_and(|at| at <= now);
        let rotation_due = is_due(schedule.policy.rules.rotation_due(&current.attributes));
        if rotation_due != rotates {
            return Ok(KeyTimer::Moved);
        }
        if rotation_due {
            let spec = current.listing.public.spec();
            // The service itself: no principal waits behind another's policy.
            let charge = Charge { vault: id, principal: PrincipalId::from_bytes([0; 16]) };
            let provider = &self.work.provider;
            let material = self.work.generators.generate(charge, provider, spec).await?;
            let mut call = self.sweeper_call("KeyRotateIfDue", vault, &timer.folded)?;
            let draft = rotated(current, &material, &schedule.policy.rules, now);
            let body = material.private.expose();
            let name = &found.head.name;
            let (txn, head) =
                objects.put_new_version(txn, Some(&found), name, &draft, body, call.id())?;
            call.set_property("newVersion", head.current.version.to_string());
            let txn = put_schedule(&objects, txn, &head, schedule, Some(revision))?;
            return self.commit_timer(&mut call, id, txn, KeyTimer::Rotated).await;
        }
        let mut call =
            self.sweeper_call("KeyNearExpiryEventGridNotification", vault, &timer.folded)?;
        let noticed = is_due(schedule.notice_due(current));
        if noticed {
            schedule.noticed = Some(current.version);
            call.set_property("version", current.version.to_string());
        }
        let txn = objects.require_active(txn, &timer.folded, Some(&found));
        let txn = put_schedule(&objects, txn, &found.head, schedule, Some(revision))?;
        if !noticed {
            // The timer stood too early: it is moved, and nothing has happened.
            self.store.commit(txn).await?;
            return Ok(KeyTimer::Moved);
        }
        self.commit_timer(&mut call, id, txn, KeyTimer::Noticed).await
    }

    async fn commit_timer(
        &self,
        call: &mut Call,
        vault: strongroom_model::VaultId,
        txn: Txn,
        done: KeyTimer,
    ) -> Result<KeyTimer, OpError> {
        match self.commit_recorded(call, vault, 200, txn).await? {
            Outcome::Committed(_) => Ok(done),
            Outcome::Conflict => Ok(KeyTimer::Moved),
        }
    }
}

/// What became of a key's timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyTimer {
    /// The key has a new version.
    Rotated,
    /// Its owner has been told that the current version nears its expiry.
    Noticed,
    /// It is another round's, stands at another time now, or another node was first.
    Moved,
    /// It means nothing any more.
    Stale,
}

async fn rotatable(
    objects: &Objects<Keys>,
    snapshot: &impl Snapshot,
    name: &ObjectName,
) -> Result<Found<KeyListing>, OpError> {
    let (found, _) = objects.find(snapshot, name, None).await?;
    if Keys::is_managed(&found.head.current.listing) {
        return Err(OpError::Managed(Kind::Key));
    }
    Ok(found)
}

/// The version that follows `current`: of the same kind, with the same tags, operations and
/// release policy, valid from now on until the policy says.
fn rotated(
    current: &VersionRecord<KeyListing>,
    material: &KeyMaterial,
    rules: &RotationRules,
    now: Timestamp,
) -> Draft<KeyListing> {
    let expires = rules.expires(now);
    let change = AttributesChange { enabled: None, not_before: None, expires };
    Draft {
        attributes: Attributes::new(&change, now),
        tags: current.tags.clone(),
        listing: KeyListing { public: material.public.clone(), ..current.listing.clone() },
    }
}

fn view(name: ObjectName, policy: Option<RotationPolicy>) -> RotationPolicyView {
    match policy {
        Some(policy) => RotationPolicyView {
            name,
            set: Some((policy.created, policy.updated)),
            rules: policy.rules,
        },
        None => RotationPolicyView { name, rules: RotationRules::default(), set: None },
    }
}

/// An object's rotation policy; only keys have one.
pub(crate) async fn policy_of<K: ObjectKind>(
    objects: &Objects<K>,
    snapshot: &impl Snapshot,
    head: &Head<K::Listing>,
) -> Result<Option<RotationPolicy>, OpError> {
    let schedule = schedule(objects, snapshot, head).await?;
    Ok(schedule.map(|(schedule, _)| schedule.policy))
}

/// Puts the policy of an object that is being restored; the head that is put last sets its timer.
pub(crate) fn put_policy<K: ObjectKind>(
    objects: &Objects<K>,
    txn: Txn,
    name: &ObjectName,
    incarnation: IncarnationId,
    policy: &RotationPolicy,
) -> Result<Txn, OpError> {
    let part = Part::RotationPolicy(incarnation);
    let row = objects.seal(&name.folded(), part, &Schedule::new(policy.clone()))?;
    Ok(txn.put(layout::rotation_policy(objects.vault, incarnation), row))
}

/// Puts the policy of a key that is being made, and its timer.
pub(super) fn put_first_policy(
    objects: &Objects<Keys>,
    txn: Txn,
    head: &Head<KeyListing>,
    rules: &RotationRules,
    now: Timestamp,
) -> Result<Txn, OpError> {
    let policy = RotationPolicy { rules: rules.clone(), created: now, updated: now };
    put_schedule(objects, txn, head, Schedule::new(policy), None)
}

/// Moves the timer of a key, if it has a policy, to where its new head wants it.
pub(crate) async fn set_timer(
    objects: &Objects<Keys>,
    snapshot: &impl Snapshot,
    txn: Txn,
    head: &Head<KeyListing>,
) -> Result<Txn, OpError> {
    match schedule(objects, snapshot, head).await? {
        Some((schedule, revision)) => put_schedule(objects, txn, head, schedule, Some(revision)),
        None => {
            // A policy that is being set at the same moment must see this head.
            let key = layout::rotation_policy(objects.vault, head.incarnation);
            Ok(txn.require(key, Condition::Absent))
        }
    }
}

async fn schedule<K: ObjectKind>(
    objects: &Objects<K>,
    snapshot: &impl Snapshot,
    head: &Head<K::Listing>,
) -> Result<Option<(Schedule, Revision)>, OpError> {
    if K::KIND != Kind::Key {
        return Ok(None);
    }
    let key = layout::rotation_policy(objects.vault, head.incarnation);
    let Some(row) = snapshot.get(&key).await? else { return Ok(None) };
    let part = Part::RotationPolicy(head.incarnation);
    let schedule = objects.open(&head.name.folded(), part, &row.value)?;
    Ok(Some((schedule, row.revision)))
}

/// Puts a policy's row, and its timer where the head wants it.
fn put_schedule(
    objects: &Objects<Keys>,
    txn: Txn,
    head: &Head<KeyListing>,
    mut schedule: Schedule,
    found: Option<Revision>,
) -> Result<Txn, OpError> {
    let subject = objects.subject(head);
    let key = layout::rotation_policy(objects.vault, head.incarnation);
    let condition = found.map_or(Condition::Absent, Condition::AtRevision);
    let mut txn = txn.require(key.clone(), condition);
    let next = schedule.next(head);
    if schedule.timer != next {
        if let Some(old) = schedule.timer {
            txn = txn.delete(layout::due(old, &subject));
        }
        if let Some(new) = next {
            txn = txn.put(layout::due(new, &subject), head.name.folded().into_bytes());
        }
        schedule.timer = next;
    }
    let part = Part::RotationPolicy(head.incarnation);
    Ok(txn.put(key, objects.seal(&head.name.folded(), part, &schedule)?))
}
