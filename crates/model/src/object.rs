//! An object: its head and its versions.
//!
//! The head carries the current version's listing fields, so a page of a list is one scan. A
//! version that is superseded moves its record to a row of its own. A body (the secret value
//! itself) is written once and never changed.

use minicbor::{Decode, Encode};

use crate::{Attributes, IncarnationId, ObjectName, RequestId, Tags, Timestamp, Version};

/// The kinds of object a vault keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A secret.
    Secret,
    /// A key.
    Key,
    /// A certificate.
    Certificate,
}

impl Kind {
    /// The letter that stands for the kind in store keys.
    pub fn letter(self) -> u8 {
        match self {
            Self::Secret => b's',
            Self::Key => b'k',
            Self::Certificate => b'c',
        }
    }

    /// The kind that a letter in a store key stands for.
    pub fn from_letter(letter: u8) -> Option<Self> {
        [Self::Secret, Self::Key, Self::Certificate].into_iter().find(|k| k.letter() == letter)
    }

    /// The collection's name in a URL and in a resource id: `secrets`, `keys`, `certificates`.
    pub fn collection(self) -> &'static str {
        match self {
            Self::Secret => "secrets",
            Self::Key => "keys",
            Self::Certificate => "certificates",
        }
    }
}

/// Where an object is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum State {
    /// In use.
    #[n(0)]
    Active,
    /// Deleted, and recoverable until its purge.
    #[n(1)]
    Deleted {
        /// When it was deleted.
        #[n(0)]
        deleted: Timestamp,
        /// When it will be purged.
        #[n(1)]
        scheduled_purge: Timestamp,
    },
}

/// What is known of one version beside its body; `L` is what lists of this kind show.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct VersionRecord<L> {
    /// The version.
    #[n(0)]
    pub version: Version,
    /// Its attributes.
    #[n(1)]
    pub attributes: Attributes,
    /// Its tags; `None` when the client never sent any.
    #[n(2)]
    pub tags: Option<Tags>,
    /// What lists of this kind show.
    #[n(3)]
    pub listing: L,
    /// SHA-256 of the sealed body: another version's or an older body put in its place is found.
    #[cbor(n(4), with = "minicbor::bytes")]
    pub body_digest: [u8; 32],
}

/// The one mutable record of an object; every change of the object requires its revision.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Head<L> {
    /// The name, as it was first spelt.
    #[n(0)]
    pub name: ObjectName,
    /// This life of the name.
    #[n(1)]
    pub incarnation: IncarnationId,
    /// The current version.
    #[n(2)]
    pub current: VersionRecord<L>,
    /// Where the object is in its life.
    #[n(3)]
    pub state: State,
    /// The request that wrote this record.
    #[n(4)]
    pub last_request: RequestId,
}
