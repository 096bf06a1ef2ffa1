//! Every key a provider generates, with every algorithm it lists for it.

use std::sync::Arc;

use strongroom_crypto::provider::{Ciphertext, CryptoProvider, Encrypted, KeyMaterial, PrivateKey};
use strongroom_crypto::{CryptoError, public};
use strongroom_model::{EncryptionAlgorithm, KeySpec, PublicKey, SignatureAlgorithm};

use crate::keys;

/// Every key it generates; RSA also with the smallest exponent.
pub(crate) fn specs(provider: &CryptoProvider) -> Vec<KeySpec> {
    let mut specs = Vec::new();
    for spec in &provider.key_specs {
        specs.push(*spec);
        if let KeySpec::Rsa { bits, .. } = spec {
            specs.push(KeySpec::Rsa { bits: *bits, exponent: 3 });
        }
    }
    specs
}

/// Generates a key, and uses it in every way it can be used; tells which.
pub(crate) fn try_out(provider: &CryptoProvider, spec: KeySpec) -> Vec<&'static str> {
    let material = provider.keys.generate(spec).unwrap();
    is_as_asked(&material, spec);
    let key = provider.keys.open(&material.public, &material.private).unwrap();
    let mut used = Vec::new();
    for listed in &provider.signatures {
        match material.public.signs_with(listed.algorithm) {
            true => {
                signs(&material, &key, listed.algorithm);
                used.push(listed.algorithm.name());
            }
            false => refuses_to_sign(&material, &key, listed.algorithm),
        }
    }
    for listed in &provider.encryptions {
        match material.public.encrypts_with(listed.algorithm) {
            true => {
                encrypts(&material, &key, listed.algorithm);
                used.push(listed.algorithm.name());
            }
            false => refuses_to_decrypt(&key, listed.algorithm),
        }
    }
    used
}

fn is_as_asked(material: &KeyMaterial, spec: KeySpec) {
    match (&material.public, spec) {
        (PublicKey::Rsa { n, e }, KeySpec::Rsa { bits, exponent }) => {
            assert_eq!(n.len() * 8, usize::from(bits));
            assert!(n[0] & 0x80 != 0, "the modulus is short of {bits} bits");
            assert_eq!(*e, keys::stripped(&exponent.to_be_bytes()));
        }
        (PublicKey::Ec { curve, x, y }, KeySpec::Ec(asked)) => {
            assert_eq!(*curve, asked);
            assert_eq!((x.len(), y.len()), (asked.field_bytes(), asked.field_bytes()));
        }
        (PublicKey::Oct { bits }, KeySpec::Oct { bits: asked }) => assert_eq!(*bits, asked),
        (PublicKey::Akp { algorithm, .. }, KeySpec::Akp(asked)) => assert_eq!(*algorithm, asked),
        (public, spec) => panic!("asked for {spec:?}, got {public:?}"),
    }
}

fn verifies(
    material: &KeyMaterial,
    key: &Arc<dyn PrivateKey>,
    algorithm: SignatureAlgorithm,
    digest: &[u8],
    signature: &[u8],
) -> Result<bool, CryptoError> {
    match material.public {
        PublicKey::Oct { .. } => key.verify(algorithm, digest, signature),
        _ => public::verify(&material.public, algorithm, digest, signature),
    }
}

fn signs(material: &KeyMaterial, key: &Arc<dyn PrivateKey>, algorithm: SignatureAlgorithm) {
    let name = algorithm.name();
    let mut digest = vec![0x5A; algorithm.digest_bytes().unwrap_or(40)];
    let signature = key.sign(algorithm, &digest).unwrap_or_else(|error| panic!("{name}: {error}"));
    let fits =
        |digest: &[u8], signature: &[u8]| verifies(material, key, algorithm, digest, signature);
    assert_eq!(fits(&digest, &signature), Ok(true), "{name}");
    for index in [0, signature.len() / 2, signature.len() - 1] {
        let mut tampered = signature.clone();
        tampered[index] ^= 1;
        assert_eq!(fits(&digest, &tampered), Ok(false), "{name}: byte {index} of the signature");
    }
    let longer = [&signature[..], &[0]].concat();
    for other in [&[][..], &signature[1..], &longer] {
        assert_eq!(fits(&digest, other), Ok(false), "{name}: a signature of {}", other.len());
    }
    digest[0] ^= 1;
    assert_eq!(fits(&digest, &signature), Ok(false), "{name}: another digest");
    if algorithm.digest_bytes().is_some() {
        for other in [&[][..], &digest[1..], &[&digest[..], &[0]].concat()] {
            assert_eq!(key.sign(algorithm, other), Err(CryptoError::Length), "{name}");
            assert_eq!(fits(other, &signature), Err(CryptoError::Length), "{name}");
        }
    }
}

fn refuses_to_sign(
    material: &KeyMaterial,
    key: &Arc<dyn PrivateKey>,
    algorithm: SignatureAlgorithm,
) {
    let digest = vec![0x5A; algorithm.digest_bytes().unwrap_or(40)];
    let name = algorithm.name();
    assert_eq!(key.sign(algorithm, &digest), Err(CryptoError::Algorithm), "{name}");
    let answer = verifies(material, key, algorithm, &digest, &[0; 64]);
    assert_eq!(answer, Err(CryptoError::Algorithm), "{name}");
}

fn encrypt(
    material: &KeyMaterial,
    key: &Arc<dyn PrivateKey>,
    algorithm: EncryptionAlgorithm,
    plaintext: &[u8],
    aad: Option<&[u8]>,
) -> Result<Encrypted, CryptoError> {
    match material.public {
        PublicKey::Rsa { .. } => {
            let value = public::encrypt(&material.public, algorithm, plaintext)?;
            Ok(Encrypted { value, ..Encrypted::default() })
        }
        _ => key.encrypt(algorithm, plaintext, None, aad),
    }
}

fn encrypts(material: &KeyMaterial, key: &Arc<dyn PrivateKey>, algorithm: EncryptionAlgorithm) {
    let name = algorithm.name();
    let authenticates = name.ends_with("GCM");
    let aad = authenticates.then_some(&b"beside"[..]);
    let plaintext = [0xA5; 32];
    let made = encrypt(material, key, algorithm, &plaintext, aad)
        .unwrap_or_else(|error| panic!("{name}: {error}"));
    let again = encrypt(material, key, algorithm, &plaintext, aad).unwrap();
    let drawn = !algorithm.only_wraps();
    assert_eq!(made != again, drawn, "{name}: what is encrypted twice");
    let decrypt = |value: &[u8], aad: Option<&[u8]>| {
        let (iv, tag) = (made.iv.as_deref(), made.tag.as_deref());
        key.decrypt(algorithm, Ciphertext { value, iv, aad, tag })
    };
    assert_eq!(decrypt(&made.value, aad).unwrap().expose(), plaintext, "{name}");
    let unauthenticated = name.ends_with("CBC") || name.ends_with("CBCPAD");
    if !unauthenticated {
        for index in [0, made.value.len() - 1] {
            let mut tampered = made.value.clone();
            tampered[index] ^= 1;
            let answer = decrypt(&tampered, aad).err();
            assert_eq!(answer, Some(CryptoError::Unauthentic), "{name}: byte {index}");
        }
    }
    if authenticates {
        let answer = decrypt(&made.value, Some(b"other")).err();
        assert_eq!(answer, Some(CryptoError::Unauthentic), "{name}: what stands beside");
    }
}

fn refuses_to_decrypt(key: &Arc<dyn PrivateKey>, algorithm: EncryptionAlgorithm) {
    let value = Ciphertext { value: &[0; 256], iv: Some(&[0; 16]), ..Ciphertext::default() };
    let name = algorithm.name();
    let answer = key.decrypt(algorithm, value).err();
    assert_eq!(answer, Some(CryptoError::Algorithm), "{name}");
    let answer = key.encrypt(algorithm, &[0; 32], None, None).err();
    assert_eq!(answer, Some(CryptoError::Algorithm), "{name}");
}
