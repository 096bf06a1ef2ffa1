//! Keys from outside: a JSON Web Key (RFC 7517), or a BYOK transfer blob in one.

use strongroom_crypto::SecretBytes;
use strongroom_crypto::provider::ImportedKey;
use strongroom_model::KeyType;
use strongroom_ops::Imported;
use strongroom_wire::SecretValue;
use strongroom_wire::keys::JsonWebKeyParameters;

use super::members;
use crate::vault::api_version::ApiVersion;
use crate::vault::problem::Problem;

/// What is answered to a key that lacks a member or has a malformed one. It does not say which:
/// all of them may be secret.
pub(super) fn invalid() -> Problem {
    Problem::bad("The property \"key\" must be a valid JsonWebKey object.")
}

/// The key, and its type; `hsm` asks for the device whatever the key's own type says.
pub(super) fn imported(
    version: ApiVersion,
    jwk: &JsonWebKeyParameters,
    hsm: Option<bool>,
) -> Result<(KeyType, Imported), Problem> {
    let named = jwk.kty.as_deref().ok_or_else(invalid)?;
    let named = members::key_type(version, named)?;
    let key_type = if hsm == Some(true) { named.in_device() } else { named };
    if let Some(blob) = &jwk.key_hsm {
        let blob = blob.to_bytes().filter(|blob| !blob.is_empty()).ok_or_else(invalid)?;
        let curve = members::curve(version, jwk.crv.as_deref())?;
        return Ok((key_type, Imported::TransferBlob { blob: blob.to_vec(), curve }));
    }
    let key = match key_type.software() {
        KeyType::Rsa => rsa(jwk)?,
        KeyType::Oct => ImportedKey::Oct(secret(jwk.k.as_ref())?),
        KeyType::Ec => {
            let curve = members::curve(version, jwk.crv.as_deref())?.ok_or_else(invalid)?;
            let (x, y) = (public(jwk.x.as_ref())?, public(jwk.y.as_ref())?);
            ImportedKey::Ec { curve, x, y, d: secret(jwk.d.as_ref())? }
        }
        // The specification has no private member for the others.
        _ => return Err(invalid()),
    };
    Ok((key_type, Imported::Plain(key)))
}

fn rsa(jwk: &JsonWebKeyParameters) -> Result<ImportedKey, Problem> {
    Ok(ImportedKey::Rsa {
        n: public(jwk.n.as_ref())?,
        e: public(jwk.e.as_ref())?,
        d: secret(jwk.d.as_ref())?,
        p: secret(jwk.p.as_ref())?,
        q: secret(jwk.q.as_ref())?,
        dp: secret(jwk.dp.as_ref())?,
        dq: secret(jwk.dq.as_ref())?,
        qi: secret(jwk.qi.as_ref())?,
    })
}

fn public(sent: Option<&SecretValue>) -> Result<Vec<u8>, Problem> {
    let bytes = members::public("key", sent).ok().flatten();
    bytes.filter(|bytes| !bytes.is_empty()).ok_or_else(invalid)
}

fn secret(sent: Option<&SecretValue>) -> Result<SecretBytes, Problem> {
    public(sent).map(SecretBytes::new)
}
