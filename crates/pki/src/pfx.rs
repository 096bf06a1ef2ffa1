//! PKCS#12 (RFC 7292): a private key and certificates in one file, under a password.

mod asn1;

use std::num::NonZeroU32;

use const_oid::ObjectIdentifier;
use der::asn1::{OctetString, SetOfVec};
use der::{Any, Decode as _, Encode as _};
use spki::AlgorithmIdentifierOwned;
use strongroom_crypto::pbe::{self, Hash, Purpose};
use strongroom_crypto::software::private_key_file::Encoding;
use strongroom_crypto::{SecretBytes, digest, random};
use x509_cert::attr::{Attribute, Attributes};

use crate::encrypted::{self, Allowance, FileKey, Locked, Password};
use crate::{Container, PkiError, pem, private_key};
use asn1::{Bag, Content, EncryptedContent, EncryptedData, Mac, Pfx, SafeBag, Typed};

pub(crate) use asn1::EncryptedKey;

/// The longest file that is read, in bytes.
const MAX_BYTES: usize = 256 * 1024;

/// How often the derivations iterate that we write: the least that RFC 8018, section 4.2,
/// recommends. The password is empty, so that iterating protects nothing, and takes 0.2 ms.
const WRITTEN_ITERATIONS: NonZeroU32 = NonZeroU32::new(1_000).unwrap();

/// The hash functions of MACs (RFC 7292, section 4).
const HASHES: [(ObjectIdentifier, Hash); 4] = [
    (ObjectIdentifier::new_unwrap("1.3.14.3.2.26"), Hash::Sha1),
    (SHA_256, Hash::Sha256),
    (ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.2"), Hash::Sha384),
    (ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.3"), Hash::Sha512),
];
const SHA_256: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1");

/// Reads a file: in binary, in base64, or in PEM, under a password in UTF-8. An empty password also
/// opens files that have none. Names and other attributes in the file are left aside.
///
/// Slow when the file's derivations iterate often, to the seconds: not for a thread that serves
/// others.
///
/// # Errors
/// [`PkiError::Pkcs12`] for what is no such file, [`PkiError::Pkcs12Password`] for another
/// password, [`PkiError::Scheme`] for an algorithm that is not read, [`PkiError::TooCostly`],
/// [`PkiError::SeveralKeys`], and [`PkiError::PrivateKey`] for a key that is malformed or of
/// another type.
pub fn read(bytes: &[u8], password: &SecretBytes) -> Result<Container, PkiError> {
    if bytes.len() > MAX_BYTES {
        return Err(PkiError::TooCostly);
    }
    if bytes.first() == Some(&SEQUENCE) {
        return read_binary(bytes, password);
    }
    let text = std::str::from_utf8(bytes).map_err(|_| PkiError::Pkcs12)?;
    let bytes = match pem::sections(text).next() {
        Some(section) => section.and_then(|section| section.der().ok()),
        None => pem::from_base64(text),
    };
    read_binary(bytes.ok_or(PkiError::Pkcs12)?.expose(), password)
}

/// The first byte of every file: the tag of a sequence.
const SEQUENCE: u8 = 0x30;

fn read_binary(bytes: &[u8], password: &SecretBytes) -> Result<Container, PkiError> {
    let pfx = Pfx::from_ber(bytes).map_err(|_| PkiError::Pkcs12)?;
    if pfx.version != asn1::VERSION || pfx.auth_safe.oid != asn1::DATA {
        return Err(PkiError::Pkcs12);
    }
    let mut passwords = vec![Password::new(password).ok_or(PkiError::Pkcs12Password)?];
    if password.is_empty() {
        passwords.push(Password::absent());
    }
    let mut allowance = Allowance::new();
    let mut opened = Err(PkiError::Pkcs12Password);
    for password in &passwords {
        opened = open(&pfx, password, &mut allowance);
        if !matches!(opened, Err(PkiError::Pkcs12Password)) {
            break;
        }
    }
    opened
}

/// Checks the MAC, if there is one, and then opens the bags.
fn open(pfx: &Pfx, password: &Password, allowance: &mut Allowance) -> Result<Container, PkiError> {
    let safe = pfx.auth_safe.value.as_bytes();
    let mut opening = Opening { password, allowance, authentic: pfx.mac.is_some(), found: NOTHING };
    if let Some(mac) = &pfx.mac {
        verify(mac, safe, password, opening.allowance)
            .map_err(|locked| locked.or_wrong(PkiError::Pkcs12Password))?;
    }
    for content in Vec::<Content>::from_ber(safe).map_err(|_| PkiError::Pkcs12)? {
        opening.content(content)?;
    }
    Ok(opening.found)
}

fn verify(
    mac: &Mac,
    safe: &[u8],
    password: &Password,
    allowance: &mut Allowance,
) -> Result<(), Locked> {
    let known = HASHES.iter().find(|(oid, _)| *oid == mac.digest.algorithm.oid);
    let (_, hash) = *known.ok_or(Locked::Scheme)?;
    let (salt, iterations, length) = (mac.salt.as_bytes(), mac.iterations, hash.bytes());
    let key = encrypted::pkcs12(hash, Purpose::Mac, password, salt, iterations, length, allowance)?;
    pbe::verify_hmac(hash, &key, safe, mac.digest.digest.as_bytes()).map_err(|_| Locked::Password)
}

const NOTHING: Container = Container { key: None, certificates: Vec::new() };

struct Opening<'a> {
    password: &'a Password,
    allowance: &'a mut Allowance,
    /// Whether a MAC says that the password is right and the file undamaged.
    authentic: bool,
    found: Container,
}

impl Opening<'_> {
    fn content(&mut self, content: Content) -> Result<(), PkiError> {
        let (bags, malformed) = match content {
            Content::Plain(bags) => (SecretBytes::new(bags.into_bytes().into()), PkiError::Pkcs12),
            Content::Encrypted(EncryptedData { content, .. }) => {
                let bags = self.decrypt(&content.scheme, content.ciphertext.as_bytes())?;
                (bags, self.malformed())
            }
        };
        let bags = Vec::<Bag>::from_ber(bags.expose()).map_err(|_| malformed)?;
        bags.into_iter().try_for_each(|bag| self.bag(bag))
    }

    fn bag(&mut self, bag: Bag) -> Result<(), PkiError> {
        if matches!(bag, Bag::Key(_) | Bag::ShroudedKey(_)) && self.found.key.is_some() {
            return Err(PkiError::SeveralKeys);
        }
        match bag {
            Bag::Key(key) => self.found.key = Some(private_key::from(Encoding::Pkcs8, &key.0)?),
            Bag::ShroudedKey(key) => {
                let key = self.decrypt(&key.scheme, key.ciphertext.as_bytes())?;
                self.found.key = Some(private_key::from_decrypted(&key, self.malformed())?);
            }
            Bag::Certificate(certificate) => self.found.certificates.push(certificate),
            Bag::Other => {}
        }
        Ok(())
    }

    fn decrypt(
        &mut self,
        scheme: &AlgorithmIdentifierOwned,
        ciphertext: &[u8],
    ) -> Result<SecretBytes, PkiError> {
        encrypted::decrypt(scheme.into(), ciphertext, self.password, self.allowance)
            .map_err(|locked| locked.or_wrong(self.malformed()))
    }

    /// What to say of a plaintext that makes no sense.
    fn malformed(&self) -> PkiError {
        if self.authentic { PkiError::Pkcs12 } else { PkiError::Pkcs12Password }
    }
}

/// Writes a file whose password is empty, as OpenSSL 3 does by default: PBES2 with AES-256-CBC and
/// HMAC-SHA-256, and a MAC with SHA-256; Windows Server 2016 and older do not read AES. Key (in
/// PKCS#8) and first certificate say that they belong together.
///
/// # Errors
/// [`PkiError::Encoding`], or [`PkiError::Crypto`] when there are no random numbers.
pub fn write(key: Option<&SecretBytes>, chain: &[Vec<u8>]) -> Result<SecretBytes, PkiError> {
    let file_key = FileKey::without_password(WRITTEN_ITERATIONS)?;
    let own = chain.first().map(|leaf| local_key_id(&digest::sha1(leaf))).transpose()?;
    let mut safe = vec![certificates(&file_key, chain, own.as_ref())?];
    if let Some(key) = key {
        safe.push(shrouded(&file_key, key, own)?);
    }
    let safe = safe.to_der()?;
    let pfx = Pfx {
        version: asn1::VERSION,
        mac: Some(mac(&safe)?),
        auth_safe: Typed { oid: asn1::DATA, value: OctetString::new(safe)? },
    };
    Ok(SecretBytes::new(pfx.to_der()?))
}

fn certificates(
    file_key: &FileKey,
    chain: &[Vec<u8>],
    own: Option<&Attributes>,
) -> Result<Typed<Any>, PkiError> {
    let bag = |(place, certificate): (usize, &Vec<u8>)| {
        let value = OctetString::new(certificate.as_slice())?;
        let attributes = own.filter(|_| place == 0).cloned();
        let value = Typed { oid: asn1::X509_CERTIFICATE, value };
        Ok(SafeBag { oid: asn1::CERTIFICATE, value, attributes })
    };
    let bags = chain.iter().enumerate().map(bag).collect::<der::Result<Vec<_>>>()?;
    let (scheme, ciphertext) = file_key.encrypt(&bags.to_der()?)?;
    let ciphertext = OctetString::new(ciphertext)?;
    let content = EncryptedContent { content_type: asn1::DATA, scheme, ciphertext };
    let value = Any::encode_from(&EncryptedData { version: 0, content })?;
    Ok(Typed { oid: asn1::ENCRYPTED_DATA, value })
}

fn shrouded(
    file_key: &FileKey,
    key: &SecretBytes,
    own: Option<Attributes>,
) -> Result<Typed<Any>, PkiError> {
    let (scheme, ciphertext) = file_key.encrypt(key.expose())?;
    let value = EncryptedKey { scheme, ciphertext: OctetString::new(ciphertext)? };
    let bags = vec![SafeBag { oid: asn1::SHROUDED_KEY, value, attributes: own }];
    let value = Any::encode_from(&OctetString::new(bags.to_der()?)?)?;
    Ok(Typed { oid: asn1::DATA, value })
}

fn local_key_id(id: &[u8]) -> Result<Attributes, PkiError> {
    let value = Any::encode_from(&OctetString::new(id)?)?;
    let values = SetOfVec::from_iter([value])?;
    Ok(SetOfVec::from_iter([Attribute { oid: asn1::LOCAL_KEY_ID, values }])?)
}

fn mac(safe: &[u8]) -> Result<Mac, PkiError> {
    let (salt, empty) = (random::bytes::<16>()?, SecretBytes::new(vec![0, 0]));
    let (hash, iterations) = (Hash::Sha256, WRITTEN_ITERATIONS);
    let key = pbe::pkcs12(hash, Purpose::Mac, &empty, &salt, iterations, hash.bytes());
    let algorithm = AlgorithmIdentifierOwned { oid: SHA_256, parameters: Some(Any::null()) };
    let digest = OctetString::new(pbe::hmac(hash, &key, safe))?;
    Ok(Mac {
        digest: asn1::DigestInfo { algorithm, digest },
        salt: OctetString::new(salt)?,
        iterations: iterations.get(),
    })
}
