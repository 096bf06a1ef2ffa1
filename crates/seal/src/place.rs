//! Where a record lies. The place is bound into the seal, so a record that is swapped, moved or
//! put back under a name that is used again does not open.

use strongroom_model::{IncarnationId, InstallationId, Kind, SubscriptionId, VaultId, Version};

/// Which record of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The head of an active object.
    Head,
    /// The head of a deleted object.
    DeletedHead,
    /// A superseded version's record.
    Version(IncarnationId, Version),
    /// A version's body.
    Body(IncarnationId, Version),
    /// A key's rotation policy.
    RotationPolicy(IncarnationId),
    /// How often a version of a symmetric key was used.
    Uses(IncarnationId, Version),
    /// A certificate's policy, and what it has done.
    CertificatePolicy(IncarnationId),
    /// The operation that makes a certificate's next version.
    Operation(IncarnationId),
    /// An issuer; the folded name is the issuer's.
    Issuer,
    /// The vault's contacts; the folded name is empty.
    Contacts,
    /// What an authority issued under a serial number, padded with zeros in front.
    Issued(IncarnationId, [u8; 20]),
    /// That an authority revoked what it issued under a serial number, padded likewise.
    Revoked(IncarnationId, [u8; 20]),
    /// A record of an authority itself: what it has numbered so far.
    Authority(IncarnationId),
    /// A record of the ACME server: its type's letter and its id.
    Acme(u8, [u8; 16]),
}

/// The place of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place<'a> {
    /// A record of an object in a vault.
    Object {
        /// The vault.
        vault: VaultId,
        /// The kind.
        kind: Kind,
        /// The folded name.
        name: &'a str,
        /// Which record.
        part: Part,
    },
    /// A row of the system: its type and its id.
    Row(&'a str, &'a [u8]),
    /// A data key: its purpose, owner and generation.
    DataKey(u8, &'a [u8; 16], u32),
    /// A backup blob of a subscription.
    Backup(SubscriptionId, Kind),
}

impl Place<'_> {
    /// The additional authenticated data: the format, the installation, and every field of the
    /// place with its length before it.
    pub(crate) fn aad(&self, format: u8, installation: InstallationId) -> Vec<u8> {
        let mut aad = Aad(Vec::with_capacity(256));
        aad.field(&[format]);
        aad.field(installation.as_bytes());
        match *self {
            Self::Object { vault, kind, name, part } => {
                aad.field(b"object");
                aad.field(vault.as_bytes());
                aad.field(&[kind.letter()]);
                aad.field(name.as_bytes());
                aad.part(part);
            }
            Self::Row(row_type, id) => {
                aad.field(b"row");
                aad.field(row_type.as_bytes());
                aad.field(id);
            }
            Self::DataKey(purpose, owner, generation) => {
                aad.field(b"key");
                aad.field(&[purpose]);
                aad.field(owner);
                aad.field(&generation.to_be_bytes());
            }
            Self::Backup(subscription, kind) => {
                aad.field(b"backup");
                aad.field(subscription.as_bytes());
                aad.field(&[kind.letter()]);
            }
        }
        aad.0
    }

    /// The place in words, for an error. Names no secret.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Object { vault, kind, name, part } => {
                let part = match part {
                    Part::Head => "head".to_owned(),
                    Part::DeletedHead => "deleted head".to_owned(),
                    Part::Version(_, version) => format!("version {version}"),
                    Part::Body(_, version) => format!("body {version}"),
                    Part::RotationPolicy(_) => "rotation policy".to_owned(),
                    Part::Uses(_, version) => format!("uses of {version}"),
                    Part::CertificatePolicy(_) => "certificate policy".to_owned(),
                    Part::Operation(_) => "pending operation".to_owned(),
                    Part::Issuer => "issuer".to_owned(),
                    Part::Contacts => "contacts".to_owned(),
                    Part::Issued(..) => "issued certificate".to_owned(),
                    Part::Revoked(..) => "revoked certificate".to_owned(),
                    Part::Authority(_) => "authority".to_owned(),
                    Part::Acme(letter, _) => format!("ACME record {}", char::from(*letter)),
                };
                format!("vault {vault} {}/{name} {part}", kind.collection())
            }
            Self::Row(row_type, _) => format!("directory row {row_type}"),
            Self::DataKey(purpose, _, generation) => {
                format!("data key {} generation {generation}", char::from(*purpose))
            }
            Self::Backup(subscription, _) => format!("backup of subscription {subscription}"),
        }
    }
}

struct Aad(Vec<u8>);

impl Aad {
    fn field(&mut self, bytes: &[u8]) {
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        self.0.extend_from_slice(&length.to_be_bytes());
        self.0.extend_from_slice(bytes);
    }

    fn part(&mut self, part: Part) {
        match part {
            Part::Head => self.field(b"head"),
            Part::DeletedHead => self.field(b"deleted"),
            Part::Version(incarnation, version) => self.version(b"version", incarnation, version),
            Part::Body(incarnation, version) => self.version(b"body", incarnation, version),
            Part::RotationPolicy(incarnation) => self.two(b"rotation", incarnation.as_bytes()),
            Part::Uses(incarnation, version) => self.version(b"uses", incarnation, version),
            Part::CertificatePolicy(incarnation) => self.two(b"policy", incarnation.as_bytes()),
            Part::Operation(incarnation) => self.two(b"operation", incarnation.as_bytes()),
            Part::Issuer => self.field(b"issuer"),
            Part::Contacts => self.field(b"contacts"),
            Part::Issued(incarnation, serial) => {
                self.two(b"issued", incarnation.as_bytes());
                self.field(&serial);
            }
            Part::Revoked(incarnation, serial) => {
                self.two(b"revoked", incarnation.as_bytes());
                self.field(&serial);
            }
            Part::Authority(incarnation) => self.two(b"authority", incarnation.as_bytes()),
            Part::Acme(letter, id) => {
                self.two(b"acme", &[letter]);
                self.field(&id);
            }
        }
    }

    fn two(&mut self, label: &[u8], id: &[u8]) {
        self.field(label);
        self.field(id);
    }

    fn version(&mut self, label: &[u8], incarnation: IncarnationId, version: Version) {
        self.field(label);
        self.field(incarnation.as_bytes());
        self.field(version.as_bytes());
    }
}
