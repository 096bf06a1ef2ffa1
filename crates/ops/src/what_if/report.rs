//! What differs between today and a proposed change, added up.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// The most differences that are named; more are only counted.
const MOST_NAMED: usize = 10_000;

/// What differs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// How many requests the journal tells of.
    pub looked_at: u64,
    /// How many of them were decided, today and after the change.
    pub judged: u64,
    /// What is allowed today and would be refused.
    #[serde(with = "rows")]
    pub refused: BTreeMap<Difference, Seen>,
    /// What is refused today and would be allowed.
    #[serde(with = "rows")]
    pub allowed: BTreeMap<Difference, Seen>,
    /// How many requests differ that neither of them names: they name ten thousand at most.
    pub unnamed: u64,
    /// How many requests could not be judged, and why.
    pub not_judged: BTreeMap<NotJudged, u64>,
}

/// One request that a change would make a difference to.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Difference {
    /// The caller's object id.
    pub principal_id: String,
    /// The caller's name, as far as it is known.
    pub principal: Option<String>,
    /// The client id through which the caller called.
    pub app_id: Option<String>,
    /// What was asked for, as the journal calls it: `SecretGet`, or an action.
    pub operation: String,
    /// The id of the object, of the vault, or of what the control plane was asked about.
    pub scope: String,
    /// The vault's name, for a request to a vault.
    pub vault: Option<String>,
    /// The object's name, for a request that names one.
    pub object: Option<String>,
    /// The client's address, for a request to a vault.
    pub address: Option<IpAddr>,
    /// With which code it would be refused, or is today.
    pub code: String,
}

/// How often something was seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Seen {
    /// How often.
    pub count: u64,
    /// When last, in Unix milliseconds.
    pub last_ms: i64,
}

impl Seen {
    /// Both together.
    pub fn add(&mut self, other: Self) {
        self.count = self.count.saturating_add(other.count);
        self.last_ms = self.last_ms.max(other.last_ms);
    }
}

/// Why a request could not be judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum NotJudged {
    /// Nobody had signed in.
    Nobody,
    /// No right is asked for.
    AsksNothing,
    /// The vault is gone.
    VaultGone,
    /// The caller is gone.
    PrincipalGone,
    /// The right may have come with the token.
    TokenGroups,
    /// It depends on the key.
    KeyType,
    /// What decides is not in the journal.
    NotKept,
}

impl NotJudged {
    /// The reason in plain words.
    pub fn text(self) -> &'static str {
        match self {
            Self::Nobody => {
                "made by nobody who had signed in: without a good token, by the machine's \
                 administrator, or by the service itself"
            }
            Self::AsksNothing => {
                "needs no right of its own: a sign-in, a read of Graph, a list that shows what its \
                 caller may see, or no operation at all"
            }
            Self::VaultGone => "the vault was not there, or is there no more",
            Self::PrincipalGone => "the principal, or the issuer that spoke for it, is gone",
            Self::TokenGroups => {
                "allowed then and refused today, for a principal of an external issuer: the groups \
                 that its token named are not in the journal"
            }
            Self::KeyType => {
                "rests on the right to read a key, which is enough for the public half of an \
                 asymmetric one: which kind the key is, the journal does not say"
            }
            Self::NotKept => "decided by something that the journal does not keep",
        }
    }
}

impl Report {
    /// How many requests would be refused, of those that are named.
    pub fn refusals(&self) -> u64 {
        self.refused.values().fold(0, |sum, seen| sum.saturating_add(seen.count))
    }

    /// How many requests would be allowed, of those that are named.
    pub fn allowances(&self) -> u64 {
        self.allowed.values().fold(0, |sum, seen| sum.saturating_add(seen.count))
    }

    /// What another part of the journal says, too.
    pub fn merge(&mut self, other: Self) {
        self.looked_at = self.looked_at.saturating_add(other.looked_at);
        self.judged = self.judged.saturating_add(other.judged);
        self.unnamed = self.unnamed.saturating_add(other.unnamed);
        for (why, count) in other.not_judged {
            self.leave(why, count);
        }
        for (difference, seen) in other.refused {
            self.refuse(difference, seen);
        }
        for (difference, seen) in other.allowed {
            self.allow(difference, seen);
        }
    }

    pub(super) fn leave(&mut self, why: NotJudged, count: u64) {
        let left = self.not_judged.entry(why).or_default();
        *left = left.saturating_add(count);
    }

    pub(super) fn refuse(&mut self, difference: Difference, seen: Seen) {
        note(&mut self.refused, &mut self.unnamed, difference, seen);
    }

    pub(super) fn allow(&mut self, difference: Difference, seen: Seen) {
        note(&mut self.allowed, &mut self.unnamed, difference, seen);
    }
}

fn note(
    named: &mut BTreeMap<Difference, Seen>,
    unnamed: &mut u64,
    difference: Difference,
    seen: Seen,
) {
    if named.len() >= MOST_NAMED && !named.contains_key(&difference) {
        *unnamed = unnamed.saturating_add(seen.count);
        return;
    }
    named.entry(difference).or_default().add(seen);
}

/// Differences in JSON: each an object with what was seen of it.
mod rows {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::{Difference, Seen};

    #[derive(Serialize, Deserialize)]
    struct Row<D> {
        #[serde(flatten)]
        difference: D,
        #[serde(flatten)]
        seen: Seen,
    }

    pub(super) fn serialize<S: Serializer>(
        differences: &BTreeMap<Difference, Seen>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(
            differences.iter().map(|(difference, seen)| Row { difference, seen: *seen }),
        )
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<BTreeMap<Difference, Seen>, D::Error> {
        let rows: Vec<Row<Difference>> = Vec::deserialize(deserializer)?;
        Ok(rows.into_iter().map(|row| (row.difference, row.seen)).collect())
    }
}
