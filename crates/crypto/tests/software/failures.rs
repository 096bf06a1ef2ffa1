//! Every failure of a decryption is the same error, whatever was wrong inside.

use num_bigint::BigUint;
use strongroom_crypto::provider::{Ciphertext, PrivateKey};
use strongroom_crypto::rsa_aes_key_wrap::{self, OaepHash};
use strongroom_crypto::{CryptoError, public};
use strongroom_model::{EncryptionAlgorithm as Alg, KeySpec, PublicKey};

use crate::rsa_import::published;
use crate::{generate, import, open, secret};

fn decrypt(key: &dyn PrivateKey, algorithm: Alg, value: &[u8]) -> Result<Vec<u8>, CryptoError> {
    let ciphertext = Ciphertext { value, ..Ciphertext::default() };
    key.decrypt(algorithm, ciphertext).map(|plaintext| plaintext.expose().to_vec())
}

/// Encrypts an encoded message of the modulus's length without padding.
fn raw(public: &PublicKey, encoded: &[u8]) -> Vec<u8> {
    let PublicKey::Rsa { n, e } = public else { panic!("not RSA") };
    let [encoded, e, n] = [encoded, e, n].map(BigUint::from_bytes_be);
    let power = encoded.modpow(&e, &n).to_bytes_be();
    [vec![0; 256 - power.len()], power].concat()
}

fn pkcs1(start: &[u8], padding: usize, end: &[u8]) -> Vec<u8> {
    let rest = vec![0x55; 256 - start.len() - padding - end.len()];
    [start, &vec![0x55; padding], end, &rest].concat()
}

#[test]
fn pkcs1_padding() {
    let material = import(&published().key()).unwrap();
    let key = open(&material);
    let good = raw(&material.public, &pkcs1(&[0, 2], 8, &[0]));
    assert_eq!(decrypt(&*key, Alg::Rsa15, &good).unwrap(), vec![0x55; 245]);
    let bad = [
        pkcs1(&[0, 1], 8, &[0]),
        pkcs1(&[1, 2], 8, &[0]),
        pkcs1(&[0, 0], 8, &[0]),
        pkcs1(&[0, 2], 7, &[0]),
        pkcs1(&[0, 2], 0, &[0]),
        pkcs1(&[0, 2], 8, &[]),
        vec![0; 256],
    ];
    for encoded in bad {
        let answer = decrypt(&*key, Alg::Rsa15, &raw(&material.public, &encoded));
        assert_eq!(answer, Err(CryptoError::Unauthentic), "{}", hex::encode(&encoded[..12]));
    }
}

#[test]
fn rsa_ciphertexts() {
    let material = import(&published().key()).unwrap();
    let key = open(&material);
    let PublicKey::Rsa { n, .. } = &material.public else { panic!("not RSA") };
    for algorithm in [Alg::Rsa15, Alg::RsaOaep, Alg::RsaOaep256] {
        let good = public::encrypt(&material.public, algorithm, b"plaintext").unwrap();
        assert_eq!(decrypt(&*key, algorithm, &good).unwrap(), b"plaintext");
        let mut bad = vec![
            Vec::new(),
            good[1..].to_vec(),
            [&[0], &good[..]].concat(),
            [&good[..], &[0]].concat(),
            vec![0; 256],
            vec![0xff; 256],
            n.clone(),
            vec![1; 100_000],
        ];
        bad.extend((0..256).step_by(17).map(|at| {
            let mut flipped = good.clone();
            flipped[at] ^= 1;
            flipped
        }));
        for wrong in bad {
            let answer = decrypt(&*key, algorithm, &wrong);
            assert_eq!(answer, Err(CryptoError::Unauthentic), "{algorithm}");
        }
    }
    let oaep = public::encrypt(&material.public, Alg::RsaOaep, b"plaintext").unwrap();
    assert_eq!(decrypt(&*key, Alg::RsaOaep256, &oaep), Err(CryptoError::Unauthentic));
}

/// Each of the 256 last bytes over each of 17 counts of equal bytes.
#[test]
fn cbc_padding() {
    let (_, key) = generate(KeySpec::Oct { bits: 128 });
    let iv = [9; 16];
    for last in 0..=255_u8 {
        for run in 0..=16 {
            let mut block = [last ^ 0xff; 16];
            block[16 - run..].fill(last);
            let block = [[0x33; 16], block].concat();
            let value = key.encrypt(Alg::A128Cbc, &block, Some(&iv), None).unwrap().value;
            let ciphertext = Ciphertext { value: &value, iv: Some(&iv), ..Ciphertext::default() };
            let answer = key.decrypt(Alg::A128CbcPad, ciphertext);
            let actual = usize::from(*block.last().unwrap());
            let equal = block.iter().rev().take_while(|byte| usize::from(**byte) == actual);
            if (1..=16).contains(&actual) && equal.count() >= actual {
                assert_eq!(answer.unwrap().expose(), &block[..32 - actual]);
            } else {
                assert_eq!(answer.err(), Some(CryptoError::Unauthentic), "{last} {run}");
            }
        }
    }
}

#[test]
fn symmetric_ciphertexts() {
    let (_, key) = generate(KeySpec::Oct { bits: 256 });
    for algorithm in
        [Alg::A256Gcm, Alg::A256CbcPad, Alg::A256Kw, Alg::CkmAesKeyWrap, Alg::CkmAesKeyWrapPad]
    {
        let good = key.encrypt(algorithm, &[5; 32], None, None).unwrap();
        let (iv, tag) = (good.iv.as_deref(), good.tag.as_deref());
        let with = |value: &[u8], tag| {
            let ciphertext = Ciphertext { value, iv, aad: None, tag };
            key.decrypt(algorithm, ciphertext).map(|plaintext| plaintext.expose().to_vec())
        };
        assert_eq!(with(&good.value, tag).unwrap(), [5; 32]);
        let mut bad = vec![
            Vec::new(),
            vec![0; 8],
            vec![0; 16],
            good.value[1..].to_vec(),
            good.value[..good.value.len() - 8].to_vec(),
            [&good.value[..], &[0]].concat(),
        ];
        let mut flipped = good.value.clone();
        *flipped.last_mut().unwrap() ^= 1;
        if algorithm != Alg::A256CbcPad {
            bad.push(flipped);
        }
        for wrong in bad {
            assert_eq!(with(&wrong, tag), Err(CryptoError::Unauthentic), "{algorithm}");
        }
        if algorithm == Alg::A256Gcm {
            for wrong in [None, Some(&[][..]), Some(&tag.unwrap()[..12]), Some(&[0; 16])] {
                assert_eq!(with(&good.value, wrong), Err(CryptoError::Unauthentic));
            }
        }
    }
}

#[test]
fn wrapped_keys() {
    let material = import(&published().key()).unwrap();
    let key = open(&material);
    let target = secret(b"any key at all");
    let wrapped = rsa_aes_key_wrap::wrap(&material.public, OaepHash::Sha1, &target).unwrap();
    let unwrapped = rsa_aes_key_wrap::unwrap(&*key, 256, &wrapped).unwrap();
    assert_eq!(unwrapped.expose(), target.expose());
    let mut bad = vec![
        Vec::new(),
        wrapped[..255].to_vec(),
        wrapped[..256].to_vec(),
        wrapped[..264].to_vec(),
        [&wrapped[..], &[0; 8]].concat(),
    ];
    bad.extend((0..wrapped.len()).step_by(13).map(|at| {
        let mut flipped = wrapped.clone();
        flipped[at] ^= 1;
        flipped
    }));
    for aes_key in [&[][..], &[1; 15], &[1; 33], &[1; 64]] {
        let mut carried = public::encrypt(&material.public, Alg::RsaOaep, aes_key).unwrap();
        carried.extend_from_slice(&wrapped[256..]);
        bad.push(carried);
    }
    for hash in [OaepHash::Sha256, OaepHash::Sha384] {
        bad.push(rsa_aes_key_wrap::wrap(&material.public, hash, &target).unwrap());
    }
    for wrong in bad {
        let answer = rsa_aes_key_wrap::unwrap(&*key, 256, &wrong);
        assert_eq!(answer.err(), Some(CryptoError::Unauthentic), "{} bytes", wrong.len());
    }
}

/// The two parts, opened one by one with other sizes of AES keys than our own wrapping takes.
#[test]
fn wrapped_keys_by_the_standard() {
    let material = import(&published().key()).unwrap();
    let key = open(&material);
    for bits in [128, 192, 256] {
        let (aes, wrapping) = generate(KeySpec::Oct { bits });
        let carried = public::encrypt(&material.public, Alg::RsaOaep, aes.private.expose());
        let target = wrapping.encrypt(Alg::CkmAesKeyWrapPad, b"target", None, None).unwrap();
        let wrapped = [carried.unwrap(), target.value].concat();
        let unwrapped = rsa_aes_key_wrap::unwrap(&*key, 256, &wrapped).unwrap();
        assert_eq!(unwrapped.expose(), b"target");
    }
}
