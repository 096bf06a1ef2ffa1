//! The types of PKCS#12 (RFC 7292, section 4), as far as they are read and written.

use const_oid::ObjectIdentifier;
use der::asn1::{ContextSpecific, OctetString};
use der::{
    Any, Decode, DecodeValue, EncodeValue, FixedTag, Header, Reader, Sequence, Tag, TagNumber,
    Tagged,
};
use spki::AlgorithmIdentifierOwned;
use strongroom_crypto::SecretBytes;
use x509_cert::attr::Attributes;

/// RFC 5652, sections 4 and 8.
pub(super) const DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.1");
pub(super) const ENCRYPTED_DATA: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.6");

/// The bags.
pub(super) const KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.10.1.1");
pub(super) const SHROUDED_KEY: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.10.1.2");
pub(super) const CERTIFICATE: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.10.1.3");

/// RFC 2985, section 5.5: what a bag and another have in common that belong together.
pub(super) const LOCAL_KEY_ID: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.21");

/// RFC 7292, section 4.2.3.
pub(super) const X509_CERTIFICATE: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.22.1");

/// PFX.
#[derive(Sequence)]
pub(super) struct Pfx {
    pub(super) version: u8,
    /// Of type [`DATA`]: the octets hold the authenticated safe, a sequence of [`Content`].
    pub(super) auth_safe: Typed<OctetString>,
    #[asn1(optional = "true")]
    pub(super) mac: Option<Mac>,
}

/// Version 3 is the only one.
pub(super) const VERSION: u8 = 3;

/// A value of a type that is named beside it: ContentInfo, CertBag.
#[derive(Sequence)]
pub(super) struct Typed<T>
where
    T: for<'a> Decode<'a, Error = der::Error> + EncodeValue + Tagged,
{
    pub(super) oid: ObjectIdentifier,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT")]
    pub(super) value: T,
}

/// MacData.
#[derive(Sequence)]
pub(super) struct Mac {
    pub(super) digest: DigestInfo,
    pub(super) salt: OctetString,
    #[asn1(default = "once")]
    pub(super) iterations: u32,
}

fn once() -> u32 {
    1
}

/// DigestInfo (RFC 8017, section 9.2).
#[derive(Sequence)]
pub(super) struct DigestInfo {
    pub(super) algorithm: AlgorithmIdentifierOwned,
    pub(super) digest: OctetString,
}

/// EncryptedData (RFC 5652, section 8).
#[derive(Sequence)]
pub(super) struct EncryptedData {
    pub(super) version: u8,
    pub(super) content: EncryptedContent,
}

/// EncryptedContentInfo (RFC 5652, section 6.1).
#[derive(Sequence)]
pub(super) struct EncryptedContent {
    pub(super) content_type: ObjectIdentifier,
    pub(super) scheme: AlgorithmIdentifierOwned,
    #[asn1(context_specific = "0", tag_mode = "IMPLICIT")]
    pub(super) ciphertext: OctetString,
}

/// EncryptedPrivateKeyInfo (RFC 5958, section 3).
#[derive(Sequence)]
pub(crate) struct EncryptedKey {
    pub(crate) scheme: AlgorithmIdentifierOwned,
    pub(crate) ciphertext: OctetString,
}

impl EncryptedKey {
    /// `None` for what is malformed.
    pub(crate) fn read(der: &[u8]) -> Option<Self> {
        Self::from_der(der).ok()
    }
}

/// SafeBag, to be written.
#[derive(Sequence)]
pub(super) struct SafeBag<T>
where
    T: for<'a> Decode<'a, Error = der::Error> + EncodeValue + Tagged,
{
    pub(super) oid: ObjectIdentifier,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT")]
    pub(super) value: T,
    #[asn1(optional = "true")]
    pub(super) attributes: Option<Attributes>,
}

/// ContentInfo: a sequence of bags, or one that is encrypted.
pub(super) enum Content {
    Plain(OctetString),
    Encrypted(EncryptedData),
}

impl FixedTag for Content {
    const TAG: Tag = Tag::Sequence;
}

impl<'a> DecodeValue<'a> for Content {
    type Error = der::Error;

    fn decode_value<R: Reader<'a>>(reader: &mut R, _: Header) -> der::Result<Self> {
        match ObjectIdentifier::decode(reader)? {
            DATA => Ok(Self::Plain(explicit(reader)?)),
            ENCRYPTED_DATA => Ok(Self::Encrypted(explicit(reader)?)),
            _ => Err(Tag::ObjectIdentifier.value_error().into()),
        }
    }
}

/// SafeBag, as it is read.
pub(super) enum Bag {
    Key(KeyInfo),
    ShroudedKey(EncryptedKey),
    Certificate(Vec<u8>),
    /// A secret, a list of revocations, more bags, or what is not X.509: left aside.
    Other,
}

impl FixedTag for Bag {
    const TAG: Tag = Tag::Sequence;
}

impl<'a> DecodeValue<'a> for Bag {
    type Error = der::Error;

    fn decode_value<R: Reader<'a>>(reader: &mut R, _: Header) -> der::Result<Self> {
        let bag = match ObjectIdentifier::decode(reader)? {
            KEY => Self::Key(explicit(reader)?),
            SHROUDED_KEY => Self::ShroudedKey(explicit(reader)?),
            CERTIFICATE => match explicit(reader)? {
                Typed::<OctetString> { oid: X509_CERTIFICATE, value } => {
                    Self::Certificate(value.into_bytes().into())
                }
                _ => Self::Other,
            },
            _ => explicit::<Any, R>(reader).map(|_| Self::Other)?,
        };
        // A friendly name and the like.
        if !reader.is_finished() {
            Any::decode(reader)?;
        }
        Ok(bag)
    }
}

/// PrivateKeyInfo (RFC 5958), DER.
pub(super) struct KeyInfo(pub(super) SecretBytes);

impl<'a> Decode<'a> for KeyInfo {
    type Error = der::Error;

    fn decode<R: Reader<'a>>(reader: &mut R) -> der::Result<Self> {
        Ok(Self(SecretBytes::new(reader.tlv_bytes()?.to_vec())))
    }
}

/// What stands in the explicit tag 0.
fn explicit<'a, T, R>(reader: &mut R) -> der::Result<T>
where
    T: Decode<'a, Error = der::Error>,
    R: Reader<'a>,
{
    let field = ContextSpecific::decode_explicit(reader, TagNumber(0))?;
    let missing = || Tag::ContextSpecific { constructed: true, number: TagNumber(0) }.value_error();
    field.map(|field| field.value).ok_or_else(|| missing().into())
}
