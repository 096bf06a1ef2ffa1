//! The errors that the boundary promises for what does not belong together.

use strongroom_crypto::provider::{Ciphertext, ImportedKey, KeyMaterial, Placement, PrivateKey};
use strongroom_crypto::{CryptoError, public, software};
use strongroom_model::{
    AkpAlgorithm, Curve, EncryptionAlgorithm, KeySpec, PublicKey, SignatureAlgorithm,
};

use crate::{generate, refused, secret};

const SPECS: [KeySpec; 9] = [
    KeySpec::Rsa { bits: 2048, exponent: 65_537 },
    KeySpec::Ec(Curve::P256),
    KeySpec::Ec(Curve::P384),
    KeySpec::Ec(Curve::P521),
    KeySpec::Ec(Curve::P256K),
    KeySpec::Oct { bits: 128 },
    KeySpec::Oct { bits: 192 },
    KeySpec::Oct { bits: 256 },
    KeySpec::Akp(AkpAlgorithm::MlDsa44),
];

fn keys() -> Vec<(KeyMaterial, std::sync::Arc<dyn PrivateKey>)> {
    SPECS.into_iter().map(generate).collect()
}

#[test]
fn keys_refuse_the_algorithms_of_others() {
    for (material, key) in keys() {
        for algorithm in SignatureAlgorithm::ALL.iter().copied() {
            let digest = vec![7; algorithm.digest_bytes().unwrap_or(32)];
            if material.public.signs_with(algorithm) {
                continue;
            }
            assert_eq!(key.sign(algorithm, &digest), Err(CryptoError::Algorithm));
            assert_eq!(key.verify(algorithm, &digest, &[0; 64]), Err(CryptoError::Algorithm));
            let verified = public::verify(&material.public, algorithm, &digest, &[0; 64]);
            assert_eq!(verified, Err(CryptoError::Algorithm));
        }
        for algorithm in EncryptionAlgorithm::ALL.iter().copied() {
            if material.public.encrypts_with(algorithm) {
                continue;
            }
            let encrypted = key.encrypt(algorithm, &[7; 32], None, None);
            assert_eq!(encrypted, Err(CryptoError::Algorithm));
            let ciphertext = Ciphertext { value: &[7; 32], ..Ciphertext::default() };
            let decrypted = key.decrypt(algorithm, ciphertext);
            assert_eq!(decrypted.err(), Some(CryptoError::Algorithm));
            let encrypted = public::encrypt(&material.public, algorithm, &[7; 32]);
            assert_eq!(encrypted, Err(CryptoError::Algorithm));
        }
    }
}

#[test]
fn digests_of_another_length_are_refused() {
    for (material, key) in keys() {
        for algorithm in SignatureAlgorithm::ALL.iter().copied() {
            let Some(len) = algorithm.digest_bytes() else { continue };
            if !material.public.signs_with(algorithm) {
                continue;
            }
            for len in [0, 20, len - 1, len + 1, 1_000] {
                let digest = vec![7; len];
                assert_eq!(key.sign(algorithm, &digest), Err(CryptoError::Length));
                let verified = key.verify(algorithm, &digest, &[0; 64]);
                assert_eq!(verified, Err(CryptoError::Length));
            }
        }
    }
}

#[test]
fn a_private_half_opens_under_its_own_public_half_alone() {
    let keys = software::provider().keys;
    for spec in SPECS {
        let (one, other) = (keys.generate(spec).unwrap(), keys.generate(spec).unwrap());
        assert!(keys.open(&one.public, &one.private).is_ok());
        let truncated = &one.private.expose()[..one.private.len() - 1];
        for private in [&[][..], &[0; 32], truncated] {
            if matches!(spec, KeySpec::Oct { bits: 256 }) && private.len() == 32 {
                continue;
            }
            let opened = keys.open(&one.public, &secret(private));
            assert_eq!(opened.err(), Some(CryptoError::Key), "{spec:?}");
        }
        if !matches!(spec, KeySpec::Oct { .. }) {
            let opened = keys.open(&one.public, &other.private);
            assert_eq!(opened.err(), Some(CryptoError::Key), "{spec:?}");
        }
    }
}

#[test]
fn symmetric_keys_are_of_the_sizes_of_aes() {
    for len in [0, 1, 8, 15, 17, 23, 25, 31, 33, 48, 64, 1_000] {
        refused(&format!("{len} bytes"), &ImportedKey::Oct(secret(&vec![7; len])));
    }
}

#[test]
fn specs_outside_the_lists_are_refused() {
    let keys = software::provider().keys;
    let specs = [
        KeySpec::Rsa { bits: 1024, exponent: 65_537 },
        KeySpec::Rsa { bits: 8192, exponent: 65_537 },
        KeySpec::Rsa { bits: 2048, exponent: 1 },
        KeySpec::Rsa { bits: 2048, exponent: 65_536 },
        KeySpec::Oct { bits: 0 },
        KeySpec::Oct { bits: 64 },
        KeySpec::Oct { bits: 512 },
    ];
    for spec in specs {
        assert_eq!(keys.generate(spec).err(), Some(CryptoError::Key), "{spec:?}");
    }
}

#[test]
fn rsa_keys_have_the_exponent_that_was_asked_for() {
    for exponent in [3_u32, 17, 0xffff_ffff] {
        let (material, key) = generate(KeySpec::Rsa { bits: 2048, exponent });
        let PublicKey::Rsa { n, e } = &material.public else { panic!("not RSA") };
        let expected = exponent.to_be_bytes();
        assert!(expected.ends_with(e) && e[0] != 0);
        assert_eq!(n.len(), 256);
        let signature = key.sign(SignatureAlgorithm::Rs256, &[7; 32]).unwrap();
        assert!(key.verify(SignatureAlgorithm::Rs256, &[7; 32], &signature).unwrap());
    }
}

#[test]
fn ivs_are_for_cbc_alone_and_have_16_bytes() {
    use EncryptionAlgorithm as Alg;
    let (_, key) = generate(KeySpec::Oct { bits: 256 });
    for algorithm in [Alg::A256Gcm, Alg::A256Kw, Alg::CkmAesKeyWrap, Alg::CkmAesKeyWrapPad] {
        let encrypted = key.encrypt(algorithm, &[7; 32], Some(&[0; 12]), None);
        assert_eq!(encrypted, Err(CryptoError::Length), "{algorithm}");
    }
    for algorithm in [Alg::A256Cbc, Alg::A256CbcPad] {
        for iv in [&[][..], &[0; 12], &[0; 15], &[0; 17]] {
            let encrypted = key.encrypt(algorithm, &[7; 32], Some(iv), None);
            assert_eq!(encrypted, Err(CryptoError::Length));
        }
        for iv in [None, Some(&[0; 12][..])] {
            let ciphertext = Ciphertext { value: &[7; 32], iv, ..Ciphertext::default() };
            assert_eq!(key.decrypt(algorithm, ciphertext).err(), Some(CryptoError::Length));
        }
        let drawn = key.encrypt(algorithm, &[7; 32], None, None).unwrap();
        let again = key.encrypt(algorithm, &[7; 32], None, None).unwrap();
        assert_ne!(drawn.iv, again.iv);
        assert_ne!(drawn.value, again.value);
    }
    for iv in [None, Some(&[][..]), Some(&[0; 11]), Some(&[0; 16])] {
        let ciphertext = Ciphertext { value: &[7; 32], iv, aad: None, tag: Some(&[0; 16]) };
        assert_eq!(key.decrypt(Alg::A256Gcm, ciphertext).err(), Some(CryptoError::Length));
    }
}

#[test]
fn additional_data_is_for_gcm_alone() {
    use EncryptionAlgorithm as Alg;
    let (_, key) = generate(KeySpec::Oct { bits: 256 });
    for algorithm in [Alg::A256Cbc, Alg::A256CbcPad, Alg::A256Kw, Alg::CkmAesKeyWrapPad] {
        let encrypted = key.encrypt(algorithm, &[7; 32], None, Some(b"aad"));
        assert_eq!(encrypted, Err(CryptoError::Algorithm), "{algorithm}");
        assert!(key.encrypt(algorithm, &[7; 32], None, Some(b"")).is_ok());
    }
}

#[test]
fn plaintexts_of_lengths_that_an_algorithm_does_not_take_are_refused() {
    use EncryptionAlgorithm as Alg;
    let (_, key) = generate(KeySpec::Oct { bits: 256 });
    let lengths: [(Alg, &[usize]); 4] = [
        (Alg::A256Cbc, &[0, 1, 15, 17]),
        (Alg::A256Kw, &[0, 8, 15, 17, 23]),
        (Alg::CkmAesKeyWrap, &[0, 8, 15, 17, 23]),
        (Alg::CkmAesKeyWrapPad, &[0]),
    ];
    for (algorithm, lengths) in lengths {
        for len in lengths {
            let encrypted = key.encrypt(algorithm, &vec![7; *len], None, None);
            assert_eq!(encrypted, Err(CryptoError::Length), "{algorithm}, {len} bytes");
        }
    }
    let (rsa, _) = generate(KeySpec::Rsa { bits: 2048, exponent: 65_537 });
    for (algorithm, room) in [(Alg::Rsa15, 245), (Alg::RsaOaep, 214), (Alg::RsaOaep256, 190)] {
        assert!(public::encrypt(&rsa.public, algorithm, &vec![7; room]).is_ok());
        let encrypted = public::encrypt(&rsa.public, algorithm, &vec![7; room + 1]);
        assert_eq!(encrypted, Err(CryptoError::Length), "{algorithm}");
    }
}

#[test]
fn heavy_work_goes_to_the_pool() {
    use SignatureAlgorithm as Alg;
    let provider = software::provider();
    for algorithm in [Alg::Es256, Alg::Es256k, Alg::Hs256, Alg::Hs384, Alg::Hs512] {
        assert_eq!(provider.signs(algorithm), Some(Placement::Inline), "{algorithm}");
    }
    for algorithm in [Alg::Rs256, Alg::Ps512, Alg::Rsnull, Alg::Es384, Alg::Es512, Alg::MlDsa87] {
        assert_eq!(provider.signs(algorithm), Some(Placement::CpuPool), "{algorithm}");
    }
    let decrypts = |algorithm| provider.encrypts(algorithm);
    assert_eq!(decrypts(EncryptionAlgorithm::RsaOaep), Some(Placement::CpuPool));
    assert_eq!(decrypts(EncryptionAlgorithm::A256Kw), Some(Placement::Inline));
}
