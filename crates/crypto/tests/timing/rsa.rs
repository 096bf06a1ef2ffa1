//! RSA ciphertexts that are wrong in one chosen way: the padded block is made by hand, and raised
//! to the public exponent.

use std::sync::Arc;

use aws_lc_rs::{digest, rand};
use num_bigint::BigUint;
use strongroom_crypto::SecretBytes;
use strongroom_crypto::provider::{Ciphertext, CryptoProvider, PrivateKey};
use strongroom_crypto::rsa_aes_key_wrap::{self, OaepHash};
use strongroom_model::{EncryptionAlgorithm, KeySpec, PublicKey};

use crate::stopwatch::{Class, Experiment};

/// How many ciphertexts a class has: its time must not be that of one number.
const INPUTS: usize = 24;
const SAMPLES: usize = 700;

/// A key, and its public half as numbers.
pub(crate) struct RsaKey {
    public: PublicKey,
    private: Arc<dyn PrivateKey>,
    n: BigUint,
    e: BigUint,
    modulus_bytes: usize,
}

impl RsaKey {
    pub(crate) fn generate(provider: &CryptoProvider) -> Self {
        let spec = KeySpec::rsa(2048, None).unwrap();
        let material = provider.keys.generate(spec).unwrap();
        let private = provider.keys.open(&material.public, &material.private).unwrap();
        let PublicKey::Rsa { n, e } = &material.public else { panic!("no RSA key") };
        let modulus_bytes = n.len();
        let [n, e] = [n, e].map(|number| BigUint::from_bytes_be(number));
        Self { public: material.public, private, n, e, modulus_bytes }
    }

    fn decrypts(&self, algorithm: EncryptionAlgorithm, value: &[u8]) -> bool {
        self.private.decrypt(algorithm, Ciphertext { value, ..Ciphertext::default() }).is_ok()
    }

    /// Ciphertexts of fresh blocks.
    fn class(&self, name: &'static str, block: impl Fn() -> Vec<u8>) -> Class {
        Class::new(name, (0..INPUTS).map(|_| self.encrypt(&block())).collect())
    }

    fn encrypt(&self, block: &[u8]) -> Vec<u8> {
        let number = BigUint::from_bytes_be(block).modpow(&self.e, &self.n).to_bytes_be();
        [vec![0; self.modulus_bytes - number.len()], number].concat()
    }

    /// RSAES-PKCS1-v1_5 (RFC 8017, 7.2): `00 02 PS 00 M`, of which something is wrong.
    pub(crate) fn pkcs1(&self) -> Experiment<'_> {
        let whole = |message: usize| {
            let mut block = nonzero(self.modulus_bytes);
            block[..2].copy_from_slice(&[0, 2]);
            block[self.modulus_bytes - message - 1] = 0;
            block
        };
        let changed = |message: usize, place: usize, byte: u8| {
            let mut block = whole(message);
            block[place] = byte;
            block
        };
        let classes = vec![
            self.class("first byte 1", || changed(32, 0, 1)),
            self.class("block type 1", || changed(32, 1, 1)),
            self.class("zero in the padding's first 8", || changed(32, 5, 0)),
            self.class("no zero", || {
                let mut block = whole(32);
                block[self.modulus_bytes - 33] = 1;
                block
            }),
            self.class("block type 1, message of 1", || changed(1, 1, 1)),
            self.class("block type 1, message of 240", || changed(240, 1, 1)),
        ];
        let operation = Box::new(|value: &[u8]| self.decrypts(EncryptionAlgorithm::Rsa15, value));
        let sound = self.encrypt(&whole(32));
        Experiment { name: "RSA1_5", classes, operation, sound, samples: SAMPLES }
    }

    /// RSAES-OAEP (RFC 8017, 7.1), of which something is wrong.
    pub(crate) fn oaep(&self, algorithm: EncryptionAlgorithm) -> Experiment<'_> {
        let operation = Box::new(move |value: &[u8]| self.decrypts(algorithm, value));
        let classes = self.oaep_classes(algorithm);
        let hash = oaep_hash(algorithm);
        let sound = self.encrypt(&masked(hash, 0, &self.data_block(hash)));
        Experiment { name: algorithm.name(), classes, operation, sound, samples: SAMPLES }
    }

    fn oaep_classes(&self, algorithm: EncryptionAlgorithm) -> Vec<Class> {
        let hash = oaep_hash(algorithm);
        let hash_bytes = hash.output_len();
        let oaep = |first: u8, change: &dyn Fn(&mut Vec<u8>)| {
            let mut data = self.data_block(hash);
            change(&mut data);
            masked(hash, first, &data)
        };
        let last_zero = move |data: &Vec<u8>| data.len() - 33;
        vec![
            self.class("first byte 1 (Manger)", || oaep(1, &|_| ())),
            self.class("lHash, first byte", || oaep(0, &|data| data[0] ^= 1)),
            self.class("lHash, last byte", || oaep(0, &|data| data[hash_bytes - 1] ^= 1)),
            self.class("a byte of PS", || oaep(0, &|data| data[hash_bytes + 3] = 7)),
            self.class("no 01", || {
                oaep(0, &|data| {
                    let place = last_zero(data);
                    data[place..].fill(0);
                })
            }),
            self.class("first byte 1 and lHash", || oaep(1, &|data| data[0] ^= 1)),
        ]
    }

    /// CKM_RSA_AES_KEY_WRAP: what is wrong with the RSA half must not show behind the AES half.
    pub(crate) fn key_wrap(&self) -> Experiment<'_> {
        let mut classes = self.oaep_classes(EncryptionAlgorithm::RsaOaep);
        classes.push(self.sound_carrier());
        for class in &mut classes {
            for input in &mut class.inputs {
                input.extend(nonzero(40));
            }
        }
        let operation = Box::new(|wrapped: &[u8]| {
            rsa_aes_key_wrap::unwrap(&*self.private, self.modulus_bytes, wrapped).is_ok()
        });
        let target = SecretBytes::new(nonzero(32));
        let sound = rsa_aes_key_wrap::wrap(&self.public, OaepHash::Sha1, &target).unwrap();
        Experiment { name: "CKM_RSA_AES_KEY_WRAP", classes, operation, sound, samples: SAMPLES }
    }

    /// An RSA half with nothing wrong: that it opens may show, since OAEP stands an attacker who
    /// sees what opens (IND-CCA2), as long as all that does not open looks the same.
    fn sound_carrier(&self) -> Class {
        let hash = &digest::SHA1_FOR_LEGACY_USE_ONLY;
        let block = || masked(hash, 0, &self.data_block(hash));
        Class { judged: false, ..self.class("OAEP of an AES key", block) }
    }

    /// DB of RFC 8017, 7.1.1, with 32 bytes in it.
    fn data_block(&self, hash: &'static digest::Algorithm) -> Vec<u8> {
        let mut data = vec![0; self.modulus_bytes - hash.output_len() - 1];
        data[..hash.output_len()].copy_from_slice(digest::digest(hash, b"").as_ref());
        let message = data.len() - 32;
        data[message..].copy_from_slice(&nonzero(32));
        data[message - 1] = 1;
        data
    }
}

fn oaep_hash(algorithm: EncryptionAlgorithm) -> &'static digest::Algorithm {
    match algorithm {
        EncryptionAlgorithm::RsaOaep256 => &digest::SHA256,
        _ => &digest::SHA1_FOR_LEGACY_USE_ONLY,
    }
}

/// Random bytes, none of them zero.
pub(crate) fn nonzero(count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    rand::fill(&mut bytes).unwrap();
    bytes.into_iter().map(|byte| byte % 255 + 1).collect()
}

/// The block `first || maskedSeed || maskedDB`.
fn masked(hash: &'static digest::Algorithm, first: u8, data: &[u8]) -> Vec<u8> {
    let mut seed = nonzero(hash.output_len());
    let mut data = data.to_vec();
    mask(hash, &seed, &mut data);
    mask(hash, &data, &mut seed);
    [&[first], &seed[..], &data].concat()
}

/// MGF1 (RFC 8017, B.2.1).
fn mask(hash: &'static digest::Algorithm, seed: &[u8], data: &mut [u8]) {
    for (counter, block) in (0_u32..).zip(data.chunks_mut(hash.output_len())) {
        let digest = digest::digest(hash, &[seed, &counter.to_be_bytes()].concat());
        block.iter_mut().zip(digest.as_ref()).for_each(|(byte, mask)| *byte ^= mask);
    }
}
