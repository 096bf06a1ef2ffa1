//! Key transfer blobs ("Bring your own key specification"): a private key wrapped for an RSA key
//! of a vault. They come in with an import and go out inside a released key.
//!
//! A blob is a document of its own inside the protocol (base64url in `key_hsm`), so its JSON
//! members are named here and not in `wire`:
//!
//! ```json
//! {"schema_version": "1.0.0",
//!  "header": {"kid": "<the key exchange key>", "alg": "dir", "enc": "CKM_RSA_AES_KEY_WRAP"},
//!  "ciphertext": "<base64url>",
//!  "generator": "<the tool that made it>"}
//! ```

use std::borrow::Cow;

use base64::Engine;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::{Deserialize, Serialize};
use strongroom_authz::Authorized;
use strongroom_crypto::provider::ImportedKey;
use strongroom_crypto::{CryptoError, SecretBytes, rsa_aes_key_wrap};
use strongroom_model::{
    KeyListing, KeyOperation, KeyType, ObjectName, PublicKey, Version, VersionRecord,
};
use strongroom_store::Store;

use crate::objects::{Keys, Objects};
use crate::{OpError, Ops};

/// The longest blob, in bytes: an RSA-4096 key under an RSA-4096 key takes about 4,200.
const MOST_BYTES: usize = 32 * 1024;

/// Tools pad or do not.
const BASE64URL: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A blob, parsed: what it holds is still wrapped.
#[derive(Debug, PartialEq, Eq)]
pub struct TransferBlob {
    /// The key that it is wrapped for.
    pub kek: KeyExchangeKey,
    /// `RSA-OAEP(AES key) || AES-KWP(private key)`.
    pub ciphertext: Vec<u8>,
}

/// What the `kid` of a blob names: a key of the vault that the blob is sent to.
#[derive(Debug, PartialEq, Eq)]
pub struct KeyExchangeKey {
    /// The vault's name, as it is spelt in the host.
    pub vault: String,
    /// The key's name.
    pub name: ObjectName,
    /// Its version; `None` is the current one.
    pub version: Option<Version>,
}

#[derive(Serialize, Deserialize)]
struct Written<'a> {
    #[serde(borrow)]
    schema_version: Cow<'a, str>,
    #[serde(borrow)]
    header: Header<'a>,
    #[serde(borrow)]
    ciphertext: Cow<'a, str>,
}

#[derive(Serialize, Deserialize)]
struct Header<'a> {
    #[serde(borrow)]
    kid: Cow<'a, str>,
    #[serde(borrow)]
    alg: Cow<'a, str>,
    #[serde(borrow)]
    enc: Cow<'a, str>,
}

impl TransferBlob {
    /// Parses a blob. Members that the specification does not know, `generator` among them, are
    /// passed over.
    ///
    /// # Errors
    /// [`OpError::Invalid`], whose text says what is wrong.
    pub fn parse(json: &[u8]) -> Result<Self, OpError> {
        if json.len() > MOST_BYTES {
            return Err(malformed("it is longer than 32 KiB"));
        }
        let blob: Written<'_> =
            serde_json::from_slice(json).map_err(|_| malformed("it is not the expected JSON"))?;
        if !matches!(&*blob.schema_version, "1.0.0" | "1.0") {
            return Err(malformed("its schema_version is not 1.0.0"));
        }
        if blob.header.alg != "dir" || blob.header.enc != "CKM_RSA_AES_KEY_WRAP" {
            return Err(malformed("its alg is not dir, or its enc not CKM_RSA_AES_KEY_WRAP"));
        }
        let kek = KeyExchangeKey::parse(&blob.header.kid)
            .ok_or_else(|| malformed("its kid is not the identifier of a key"))?;
        let ciphertext = BASE64URL
            .decode(&*blob.ciphertext)
            .map_err(|_| malformed("its ciphertext is not base64url"))?;
        Ok(Self { kek, ciphertext })
    }
}

impl KeyExchangeKey {
    /// `https://{vault}.{…}/keys/{name}[/{version}]`.
    fn parse(kid: &str) -> Option<Self> {
        let rest = kid.strip_prefix("https://")?;
        let (host, path) = rest.split_once('/')?;
        let (vault, _) = host.split_once('.')?;
        let mut segments = path.trim_end_matches('/').split('/');
        if segments.next()? != "keys" {
            return None;
        }
        let name = ObjectName::parse(segments.next()?).ok()?;
        let version = match segments.next() {
            Some(version) => Some(Version::parse(version).ok()?),
            None => None,
        };
        segments.next().is_none().then(|| Self { vault: vault.to_owned(), name, version })
    }
}

/// A wrapped private key as a released key carries it: base64url of the blob's JSON. Recorded
/// answers of the service say schema 1.0 and name no generator.
pub(crate) fn key_hsm(kid: &str, enc: &str, ciphertext: &[u8]) -> Result<String, CryptoError> {
    let ciphertext = BASE64URL.encode(ciphertext);
    let header = Header { kid: kid.into(), alg: "dir".into(), enc: enc.into() };
    let blob = Written { schema_version: "1.0".into(), header, ciphertext: ciphertext.into() };
    let json = serde_json::to_vec(&blob).map_err(|_| CryptoError::Internal)?;
    Ok(BASE64URL.encode(json))
}

fn malformed(why: &str) -> OpError {
    OpError::Invalid(format!("The key transfer blob in key_hsm is malformed: {why}."))
}

/// One text whatever kept it closed, so that a caller learns neither which keys there are nor how
/// far the unwrapping got. What is wrong with a key that did come out is said as of any import.
fn not_opened() -> OpError {
    OpError::Invalid(
        "The key transfer blob in key_hsm cannot be opened. Its kid must name an enabled RSA key \
         of this vault whose only key operation is import, and its ciphertext must be wrapped for \
         that key."
            .into(),
    )
}

/// Whether a key is one that others are wrapped for, and nothing else.
fn is_key_exchange_key(record: &VersionRecord<KeyListing>) -> bool {
    let listing = &record.listing;
    record.attributes.enabled
        && listing.key_ops == [KeyOperation::Import]
        && matches!(listing.public, PublicKey::Rsa { .. })
}

fn imported(key_type: KeyType, key: SecretBytes) -> ImportedKey {
    match key_type.software() {
        KeyType::Oct => ImportedKey::Oct(key),
        _ => ImportedKey::Pkcs8(key),
    }
}

impl<S: Store> Ops<S> {
    /// The private key in a blob that is imported as a key of `key_type`.
    ///
    /// # Errors
    /// [`OpError::Invalid`] for a type without a device (a blob comes from a device and goes to
    /// one), for a malformed blob, and with one text for whatever keeps it closed.
    pub(crate) async fn unwrap_transfer_blob(
        &self,
        authorized: &Authorized,
        objects: &Objects<Keys>,
        key_type: KeyType,
        blob: &[u8],
    ) -> Result<ImportedKey, OpError> {
        if !key_type.is_hsm() {
            return Err(OpError::Invalid(format!(
                "key_hsm is for keys of the types with -HSM at their end, not for {key_type}."
            )));
        }
        let TransferBlob { kek, ciphertext } = TransferBlob::parse(blob)?;
        if !kek.vault.eq_ignore_ascii_case(authorized.vault().name.as_str()) {
            return Err(not_opened());
        }
        let snapshot = self.snapshot().await?;
        let (found, record) = match objects.find(&snapshot, &kek.name, kek.version).await {
            Ok(found) => found,
            Err(OpError::NotFound { .. }) => return Err(not_opened()),
            Err(error) => return Err(error),
        };
        let PublicKey::Rsa { n, .. } = &record.listing.public else { return Err(not_opened()) };
        if !is_key_exchange_key(&record) {
            return Err(not_opened());
        }
        let modulus_bytes = n.len();
        let access = self.access(objects, &snapshot, &found.head, &record).await?;
        let unwrapped = self
            .on_pool(authorized, move || {
                let key = access.open()?;
                rsa_aes_key_wrap::unwrap(&*key, modulus_bytes, &ciphertext)
            })
            .await?;
        unwrapped.map(|key| imported(key_type, key)).map_err(|_| not_opened())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KID: &str = "https://ContosoKeyVaultHSM.vault.azure.net/keys/mykek/\
                       eba63d27e4e34e028839b53fac905621";

    fn blob(kid: &str, alg: &str, enc: &str, ciphertext: &str) -> String {
        format!(
            r#"{{"schema_version":"1.0.0","header":{{"kid":"{kid}","alg":"{alg}","enc":"{enc}"}},
            "ciphertext":"{ciphertext}","generator":"BYOK tool 1.0; HSM 7.4"}}"#
        )
    }

    fn sound(ciphertext: &str) -> String {
        blob(KID, "dir", "CKM_RSA_AES_KEY_WRAP", ciphertext)
    }

    // The example of the specification, with a ciphertext.
    #[test]
    fn the_specifications_blob_is_read() {
        for ciphertext in ["AQIDBA", "AQIDBA=="] {
            let blob = TransferBlob::parse(sound(ciphertext).as_bytes()).unwrap();
            assert_eq!(blob.ciphertext, [1, 2, 3, 4]);
            assert_eq!(blob.kek.vault, "ContosoKeyVaultHSM");
            assert_eq!(blob.kek.name.as_str(), "mykek");
            let version = blob.kek.version.unwrap().to_string();
            assert_eq!(version, "eba63d27e4e34e028839b53fac905621");
        }
        let current = KID.rsplit_once('/').unwrap().0;
        assert_eq!(KeyExchangeKey::parse(current).unwrap().version, None);
    }

    #[test]
    fn a_blob_may_escape_what_json_lets_it() {
        let plain = sound("AQIDBA");
        let escaped = plain.replace('/', "\\/");
        assert_ne!(plain, escaped);
        let read = |json: &str| TransferBlob::parse(json.as_bytes()).unwrap();
        assert_eq!(read(&escaped), read(&plain));
    }

    #[test]
    fn other_blobs_are_refused() {
        let enc = "CKM_RSA_AES_KEY_WRAP";
        for bad in [
            String::new(),
            "{}".into(),
            "[]".into(),
            sound("AQ IDBA"),
            sound("AQID+A"),
            sound("A"),
            blob(KID, "RSA-OAEP", enc, "AQIDBA"),
            blob(KID, "none", enc, "AQIDBA"),
            blob(KID, "dir", "RSA_AES_KEY_WRAP_256", "AQIDBA"),
            blob("", "dir", enc, "AQIDBA"),
            blob("mykek", "dir", enc, "AQIDBA"),
            blob("http://v.vault.azure.net/keys/a", "dir", enc, "AQIDBA"),
            blob("https://v.vault.azure.net/secrets/a", "dir", enc, "AQIDBA"),
            blob("https://v.vault.azure.net/keys/", "dir", enc, "AQIDBA"),
            blob("https://v.vault.azure.net/keys/a/b", "dir", enc, "AQIDBA"),
            blob(&format!("{KID}/more"), "dir", enc, "AQIDBA"),
            sound("AQIDBA").replace("1.0.0", "2.0.0"),
            sound("AQIDBA").replace("\"ciphertext\"", "\"Ciphertext\""),
            sound("AQIDBA") + "x",
            sound("AQIDBA").replace("\"alg\":\"dir\"", "\"alg\":\"dir\",\"alg\":\"dir\""),
            sound(&"A".repeat(MOST_BYTES)),
        ] {
            assert!(TransferBlob::parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    // The first bytes of `key_hsm` in a recording of the JavaScript SDK's tests.
    #[test]
    fn a_released_blob_begins_as_recorded() {
        let recorded = "eyJzY2hlbWFfdmVyc2lvbiI6IjEuMCIsImhlYWRlciI6eyJraWQiOiJmYWtlLXJlbGVhc2Uta2\
                        V5IiwiYWxnIjoiZGlyIiwiZW5jIjoiQ0tNX1JTQV9BRVNfS0VZX1dSQVAifSwiY2lwaGVydGV4\
                        dCI6";
        let made = key_hsm("fake-release-key", "CKM_RSA_AES_KEY_WRAP", &[1; 600]).unwrap();
        assert!(made.starts_with(recorded), "{made}");
    }
}
