//! What lies where. Key order is list order.
//!
//! | key | value |
//! |---|---|
//! | `s/protector` | the protector's header and the root key it wraps |
//! | `k/<purpose><owner 16>/<generation>` | a wrapped data key |
//! | `d/<type>/<id>` | a directory row |
//! | `v/<vault 16>/<kind>/h/<folded name>` | the head of an active object |
//! | `v/<vault 16>/<kind>/d/<folded name>` | the head of a deleted object |
//! | `v/<vault 16>/<kind>/m/<incarnation 16><version 16>` | a superseded version's record |
//! | `v/<vault 16>/<kind>/b/<incarnation 16><version 16>` | a version's body, written once |
//! | `v/<vault 16>/k/r/<incarnation 16>` | a key's rotation policy |
//! | `v/<vault 16>/k/u/<incarnation 16><version 16>` | how often a symmetric key was used |
//! | `v/<vault 16>/c/p/<incarnation 16>` | a certificate's policy, and what it has done |
//! | `v/<vault 16>/c/o/<incarnation 16>` | the operation that makes its next version |
//! | `v/<vault 16>/c/l/<incarnation 16><serial 20>` | what an authority issued |
//! | `v/<vault 16>/c/x/<incarnation 16><serial 20>` | what an authority revoked |
//! | `v/<vault 16>/c/n/<incarnation 16>` | what an authority has numbered so far |
//! | `v/<vault 16>/c/i/<folded name>` | an issuer |
//! | `v/<vault 16>/c/c/` | the vault's contacts |
//! | `v/<vault 16>/c/a/<letter><id 16>` | a record of the ACME server |
//! | `due/<unix time>/<vault 16><kind><incarnation 16>` | a timer |
//! | `end/<unix time>/<vault 16><kind><incarnation 16><serial 20>` | when a ledger's entry ends |
//! | `gc/<vault 16><kind><incarnation 16>` | bodies to collect |
//! | `gv/<vault 16>` | a purged vault to collect |
//! | `o/<vault 16>/<request 16>` | an audit record on its way to the journal |
//! | `a/<node 16>` | the anchor of a node's audit chain |

use strongroom_model::{IncarnationId, Kind, Timestamp, VaultId, Version};

/// The protector's header.
pub const PROTECTOR: &[u8] = b"s/protector";

/// The installation's clock: the highest time seen, and the manual time.
pub const CLOCK: &[u8] = b"s/clock";

/// All timers, in the order in which they fall due.
pub const DUE: &[u8] = b"due/";

/// The ends of all entries of ledgers, in their order.
pub const ENDS: &[u8] = b"end/";

/// All incarnations whose bodies await collection.
pub const GARBAGE: &[u8] = b"gc/";

/// All purged vaults that await collection.
pub const VAULT_GARBAGE: &[u8] = b"gv/";

/// All deleted issuers whose accounts await collection.
pub const ISSUER_GARBAGE: &[u8] = b"gi/";

/// The directory.
pub const DIRECTORY: &[u8] = b"d/";

/// The generations of one data key: `purpose` is a letter, `owner` 16 bytes.
pub fn data_keys(purpose: u8, owner: &[u8; 16]) -> Vec<u8> {
    [b"k/", [purpose].as_slice(), owner, b"/"].concat()
}

/// One generation of a data key.
pub fn data_key(purpose: u8, owner: &[u8; 16], generation: u32) -> Vec<u8> {
    [data_keys(purpose, owner).as_slice(), &generation.to_be_bytes()].concat()
}

/// A directory row.
pub fn directory_row(row_type: &str, id: &[u8]) -> Vec<u8> {
    [DIRECTORY, row_type.as_bytes(), b"/", id].concat()
}

/// The part of a vault's key space that one table of one kind takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Table {
    /// Heads of active objects.
    Heads,
    /// Heads of deleted objects.
    Deleted,
    /// Records of superseded versions.
    Versions,
    /// Bodies.
    Bodies,
    /// Rotation policies of keys.
    RotationPolicies,
    /// Counts of uses of symmetric keys.
    Uses,
    /// Policies of certificates.
    CertificatePolicies,
    /// Operations that make certificates.
    Operations,
    /// What authorities issued.
    Issued,
    /// What authorities revoked.
    Revoked,
    /// What authorities have numbered.
    Authorities,
    /// Issuers.
    Issuers,
    /// The vault's contacts.
    Contacts,
    /// Records of the ACME server.
    Acme,
}

/// The tables whose rows belong to an incarnation, and go with it.
pub const OF_INCARNATIONS: [Table; 9] = [
    Table::Bodies,
    Table::Versions,
    Table::RotationPolicies,
    Table::Uses,
    Table::CertificatePolicies,
    Table::Operations,
    Table::Issued,
    Table::Revoked,
    Table::Authorities,
];

impl Table {
    fn letter(self) -> u8 {
        match self {
            Self::Heads => b'h',
            Self::Deleted => b'd',
            Self::Versions => b'm',
            Self::Bodies => b'b',
            Self::RotationPolicies => b'r',
            Self::Uses => b'u',
            Self::CertificatePolicies => b'p',
            Self::Operations => b'o',
            Self::Issued => b'l',
            Self::Revoked => b'x',
            Self::Authorities => b'n',
            Self::Issuers => b'i',
            Self::Contacts => b'c',
            Self::Acme => b'a',
        }
    }
}

/// The prefix of everything in a vault.
pub fn vault(vault: VaultId) -> Vec<u8> {
    [b"v/", vault.as_bytes().as_slice(), b"/"].concat()
}

/// The prefix of all rows of a table.
pub fn table(vault: VaultId, kind: Kind, table: Table) -> Vec<u8> {
    let mut key = Vec::with_capacity(64);
    key.extend_from_slice(b"v/");
    key.extend_from_slice(vault.as_bytes());
    key.extend_from_slice(&[b'/', kind.letter(), b'/', table.letter(), b'/']);
    key
}

/// The head of an active object.
pub fn head(vault: VaultId, kind: Kind, folded: &str) -> Vec<u8> {
    named(vault, kind, Table::Heads, folded)
}

/// The head of a deleted object.
pub fn deleted_head(vault: VaultId, kind: Kind, folded: &str) -> Vec<u8> {
    named(vault, kind, Table::Deleted, folded)
}

fn named(vault: VaultId, kind: Kind, of: Table, folded: &str) -> Vec<u8> {
    let mut key = table(vault, kind, of);
    key.extend_from_slice(folded.as_bytes());
    key
}

/// The prefix of one incarnation's rows in a table of [`OF_INCARNATIONS`].
pub fn incarnation(vault: VaultId, kind: Kind, of: Table, id: IncarnationId) -> Vec<u8> {
    let mut key = table(vault, kind, of);
    key.extend_from_slice(id.as_bytes());
    key
}

/// A superseded version's record.
pub fn version(vault: VaultId, kind: Kind, id: IncarnationId, version: Version) -> Vec<u8> {
    let mut key = incarnation(vault, kind, Table::Versions, id);
    key.extend_from_slice(version.as_bytes());
    key
}

/// A version's body.
pub fn body(vault: VaultId, kind: Kind, id: IncarnationId, version: Version) -> Vec<u8> {
    let mut key = incarnation(vault, kind, Table::Bodies, id);
    key.extend_from_slice(version.as_bytes());
    key
}

/// A key's rotation policy.
pub fn rotation_policy(vault: VaultId, id: IncarnationId) -> Vec<u8> {
    incarnation(vault, Kind::Key, Table::RotationPolicies, id)
}

/// How often a version of a symmetric key was used.
pub fn uses(vault: VaultId, id: IncarnationId, version: Version) -> Vec<u8> {
    let mut key = incarnation(vault, Kind::Key, Table::Uses, id);
    key.extend_from_slice(version.as_bytes());
    key
}

/// A certificate's policy.
pub fn certificate_policy(vault: VaultId, id: IncarnationId) -> Vec<u8> {
    incarnation(vault, Kind::Certificate, Table::CertificatePolicies, id)
}

/// The operation that makes a certificate's next version.
pub fn operation(vault: VaultId, id: IncarnationId) -> Vec<u8> {
    incarnation(vault, Kind::Certificate, Table::Operations, id)
}

/// What an authority issued under a serial number, padded with zeros in front.
pub fn issued(vault: VaultId, authority: IncarnationId, serial: &[u8; 20]) -> Vec<u8> {
    let mut key = incarnation(vault, Kind::Certificate, Table::Issued, authority);
    key.extend_from_slice(serial);
    key
}

/// What an authority revoked under a serial number, padded with zeros in front.
pub fn revoked(vault: VaultId, authority: IncarnationId, serial: &[u8; 20]) -> Vec<u8> {
    let mut key = incarnation(vault, Kind::Certificate, Table::Revoked, authority);
    key.extend_from_slice(serial);
    key
}

/// What an authority has numbered so far.
pub fn authority(vault: VaultId, id: IncarnationId) -> Vec<u8> {
    incarnation(vault, Kind::Certificate, Table::Authorities, id)
}

/// An issuer.
pub fn issuer(vault: VaultId, folded: &str) -> Vec<u8> {
    named(vault, Kind::Certificate, Table::Issuers, folded)
}

/// The vault's contacts.
pub fn contacts(vault: VaultId) -> Vec<u8> {
    table(vault, Kind::Certificate, Table::Contacts)
}

/// A record of the ACME server: its type's letter and its id.
pub fn acme(vault: VaultId, letter: u8, id: &[u8; 16]) -> Vec<u8> {
    let mut key = table(vault, Kind::Certificate, Table::Acme);
    key.push(letter);
    key.extend_from_slice(id);
    key
}

/// The vault, kind and incarnation that a timer or a garbage row is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subject {
    /// The vault.
    pub vault: VaultId,
    /// The kind.
    pub kind: Kind,
    /// The incarnation.
    pub incarnation: IncarnationId,
}

impl Subject {
    const LENGTH: usize = 33;

    fn write(&self, key: &mut Vec<u8>) {
        key.extend_from_slice(self.vault.as_bytes());
        key.push(self.kind.letter());
        key.extend_from_slice(self.incarnation.as_bytes());
    }

    /// Reads the end of a timer's or a garbage row's key.
    pub fn read(key: &[u8]) -> Option<Self> {
        let start = key.len().checked_sub(Self::LENGTH)?;
        let (vault, rest) = key.get(start..)?.split_first_chunk::<16>()?;
        let (kind, rest) = rest.split_first()?;
        Some(Self {
            vault: VaultId::from_bytes(*vault),
            kind: Kind::from_letter(*kind)?,
            incarnation: IncarnationId::from_bytes(rest.try_into().ok()?),
        })
    }
}

/// A timer. Times before 1970 fall due at once.
pub fn due(at: Timestamp, subject: &Subject) -> Vec<u8> {
    let mut key = DUE.to_vec();
    key.extend_from_slice(&u64::try_from(at.0).unwrap_or(0).to_be_bytes());
    key.push(b'/');
    subject.write(&mut key);
    key
}

/// When a timer falls due.
pub fn due_time(key: &[u8]) -> Option<Timestamp> {
    let (bytes, _) = key.strip_prefix(DUE)?.split_first_chunk::<8>()?;
    i64::try_from(u64::from_be_bytes(*bytes)).ok().map(Timestamp)
}

/// When an authority's ledger need no longer have an entry.
pub fn end(at: Timestamp, authority: &Subject, serial: &[u8; 20]) -> Vec<u8> {
    let mut key = ENDS.to_vec();
    key.extend_from_slice(&u64::try_from(at.0).unwrap_or(0).to_be_bytes());
    key.push(b'/');
    authority.write(&mut key);
    key.extend_from_slice(serial);
    key
}

/// When an entry of a ledger ends, and whose it is.
pub fn read_end(key: &[u8]) -> Option<(Timestamp, Subject, [u8; 20])> {
    let (at, rest) = key.strip_prefix(ENDS)?.split_first_chunk::<8>()?;
    let (authority, serial) = rest.split_last_chunk::<20>()?;
    let at = Timestamp(i64::try_from(u64::from_be_bytes(*at)).ok()?);
    Some((at, Subject::read(authority)?, *serial))
}

/// A row that marks an incarnation's bodies for collection.
pub fn garbage(subject: &Subject) -> Vec<u8> {
    let mut key = GARBAGE.to_vec();
    subject.write(&mut key);
    key
}

/// The prefix of a vault's rows that mark bodies for collection.
pub fn garbage_of(vault: VaultId) -> Vec<u8> {
    [GARBAGE, vault.as_bytes()].concat()
}

/// A row that marks what a deleted issuer had for collection.
pub fn issuer_garbage(vault: VaultId, issuer: &str) -> Vec<u8> {
    [ISSUER_GARBAGE, vault.as_bytes(), issuer.as_bytes()].concat()
}

/// The vault and the issuer of such a row.
pub fn read_issuer_garbage(key: &[u8]) -> Option<(VaultId, &str)> {
    let (vault, issuer) = key.strip_prefix(ISSUER_GARBAGE)?.split_first_chunk::<16>()?;
    Some((VaultId::from_bytes(*vault), std::str::from_utf8(issuer).ok()?))
}

/// A row that marks a purged vault for collection.
pub fn vault_garbage(vault: VaultId) -> Vec<u8> {
    [VAULT_GARBAGE, vault.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timers_sort_by_time_and_read_back() {
        let subject = Subject {
            vault: VaultId::from_bytes([7; 16]),
            kind: Kind::Secret,
            incarnation: IncarnationId::from_bytes([9; 16]),
        };
        let early = due(Timestamp(255), &subject);
        let late = due(Timestamp(256), &subject);
        assert!(early < late);
        assert_eq!(due_time(&late), Some(Timestamp(256)));
        assert_eq!(Subject::read(&late), Some(subject));
        assert_eq!(Subject::read(&garbage(&subject)), Some(subject));
        assert_eq!(Subject::read(b"short"), None);
        let mark = issuer_garbage(subject.vault, "web");
        assert_eq!(read_issuer_garbage(&mark), Some((subject.vault, "web")));
        let ended = end(Timestamp(255), &subject, &[3; 20]);
        assert!(ended < end(Timestamp(256), &subject, &[2; 20]));
        assert_eq!(read_end(&ended), Some((Timestamp(255), subject, [3; 20])));
        assert_eq!(read_end(&late), None);
    }
}
