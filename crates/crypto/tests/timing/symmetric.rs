//! Ciphertexts, wrapped keys and tags under a symmetric key that are wrong in one chosen way.

use std::sync::Arc;

use aws_lc_rs::cipher::{AES_256, EncryptingKey, UnboundCipherKey};
use strongroom_crypto::SecretBytes;
use strongroom_crypto::provider::{Ciphertext, CryptoProvider, ImportedKey, PrivateKey};
use strongroom_model::{EncryptionAlgorithm, SignatureAlgorithm};

use crate::rsa::nonzero;
use crate::stopwatch::{Class, Experiment, Operation};

const INPUTS: usize = 64;
const SAMPLES: usize = 12_000;
const IV: [u8; 16] = [9; 16];
const IV_GCM: [u8; 12] = [9; 12];

/// A key of 256 bits, and its bytes to make wrapped keys by hand.
pub(crate) struct OctKey {
    private: Arc<dyn PrivateKey>,
    bytes: Vec<u8>,
}

impl OctKey {
    pub(crate) fn generate(provider: &CryptoProvider) -> Self {
        let bytes = nonzero(32);
        let imported = ImportedKey::Oct(SecretBytes::new(bytes.clone()));
        let material = provider.keys.import(&imported).unwrap();
        let private = provider.keys.open(&material.public, &material.private).unwrap();
        Self { private, bytes }
    }

    /// A256CBCPAD: three blocks, the last with a padding that is none.
    pub(crate) fn padding(&self) -> Experiment<'_> {
        let classes = self.padding_classes();
        let operation = Box::new(|value: &[u8]| {
            let value = Ciphertext { value, iv: Some(&IV), ..Ciphertext::default() };
            self.private.decrypt(EncryptionAlgorithm::A256CbcPad, value).is_ok()
        });
        let sound = self.padded(&|_| ());
        Experiment { name: "A256CBCPAD", classes, operation, sound, samples: SAMPLES }
    }

    /// Two blocks, and one of padding that is changed.
    fn padded(&self, change: &dyn Fn(&mut [u8])) -> Vec<u8> {
        let mut blocks = nonzero(48);
        blocks[32..].fill(16);
        change(&mut blocks[32..]);
        let cbc = EncryptionAlgorithm::A256Cbc;
        self.private.encrypt(cbc, &blocks, Some(&IV), None).unwrap().value
    }

    fn padding_classes(&self) -> Vec<Class> {
        let class = |name, change: &dyn Fn(&mut [u8])| {
            let encrypt = || self.padded(change);
            Class::new(name, (0..INPUTS).map(|_| encrypt()).collect())
        };
        vec![
            class("last byte 0", &|last| last[15] = 0),
            class("last byte 17", &|last| last[15] = 17),
            class("last byte 255", &|last| last[15] = 255),
            class("16 of them, the first wrong", &|last| last[0] = 15),
            class("16 of them, the last but one wrong", &|last| last[14] = 15),
            class("2 of them, the first wrong", &|last| last[14..].copy_from_slice(&[1, 2])),
        ]
    }

    /// The same ciphertexts, but the padding is looked at as it must not be: from the end, until a
    /// byte is wrong.
    pub(crate) fn leaky_padding(&self) -> Experiment<'_> {
        let operation = Box::new(|value: &[u8]| {
            let value = Ciphertext { value, iv: Some(&IV), ..Ciphertext::default() };
            let blocks = self.private.decrypt(EncryptionAlgorithm::A256Cbc, value).unwrap();
            leaky_unpad(blocks.expose())
        });
        let classes = self.padding_classes();
        let sound = self.padded(&|_| ());
        Experiment { name: "control: early padding", classes, operation, sound, samples: SAMPLES }
    }

    /// A256KW (RFC 3394): the integrity check value is wrong in one byte, or in all.
    pub(crate) fn key_wrap(&self) -> Experiment<'_> {
        let wrapped = |name, change: fn(&mut [u8; 8])| {
            let wrap = || {
                let mut value = [0xA6; 8];
                change(&mut value);
                self.wrap(value, &nonzero(32))
            };
            Class::new(name, (0..INPUTS).map(|_| wrap()).collect())
        };
        let classes = vec![
            wrapped("first byte of the check value", |value| value[0] ^= 1),
            wrapped("last byte of the check value", |value| value[7] ^= 1),
            wrapped("all of the check value", |value| value.fill(0)),
        ];
        let sound = self.wrap([0xA6; 8], &nonzero(32));
        self.unwraps(EncryptionAlgorithm::A256Kw, classes, sound)
    }

    /// AES-KWP (RFC 5649): the prefix, the length or the padding is wrong.
    pub(crate) fn padded_key_wrap(&self) -> Experiment<'_> {
        let wrapped = |name, length: u8, change: fn(&mut [u8; 8], &mut [u8])| {
            let wrap = || {
                let mut value = [0xA6, 0x59, 0x59, 0xA6, 0, 0, 0, length];
                let mut padded = nonzero(32);
                padded[usize::from(length.min(32))..].fill(0);
                change(&mut value, &mut padded);
                self.wrap(value, &padded)
            };
            Class::new(name, (0..INPUTS).map(|_| wrap()).collect())
        };
        let classes = vec![
            wrapped("first byte of the prefix", 27, |value, _| value[0] ^= 1),
            wrapped("last byte of the prefix", 27, |value, _| value[3] ^= 1),
            wrapped("length too great", 33, |_, _| ()),
            wrapped("length too small", 24, |_, _| ()),
            wrapped("first byte of the padding", 27, |_, padded| padded[27] = 1),
            wrapped("last byte of the padding", 27, |_, padded| padded[31] = 1),
        ];
        let sound = self.wrap([0xA6, 0x59, 0x59, 0xA6, 0, 0, 0, 32], &nonzero(32));
        self.unwraps(EncryptionAlgorithm::CkmAesKeyWrapPad, classes, sound)
    }

    fn unwraps(
        &self,
        algorithm: EncryptionAlgorithm,
        classes: Vec<Class>,
        sound: Vec<u8>,
    ) -> Experiment<'_> {
        let operation = Box::new(move |value: &[u8]| {
            let value = Ciphertext { value, ..Ciphertext::default() };
            self.private.decrypt(algorithm, value).is_ok()
        });
        Experiment { name: algorithm.name(), classes, operation, sound, samples: SAMPLES }
    }

    /// The wrapping function W of SP 800-38F, 6.1, on an initial value of one's own.
    fn wrap(&self, initial: [u8; 8], plaintext: &[u8]) -> Vec<u8> {
        let key = UnboundCipherKey::new(&AES_256, &self.bytes).unwrap();
        let key = EncryptingKey::ecb(key).unwrap();
        let mut value = initial;
        let mut registers: Vec<[u8; 8]> =
            plaintext.chunks(8).map(|chunk| chunk.try_into().unwrap()).collect();
        let mut step = 0_u64;
        for _ in 0..6 {
            for register in &mut registers {
                step += 1;
                let mut block = [value, *register].concat();
                key.encrypt(&mut block).unwrap();
                let high = u64::from_be_bytes(block[..8].try_into().unwrap());
                value = (high ^ step).to_be_bytes();
                register.copy_from_slice(&block[8..]);
            }
        }
        [value.to_vec(), registers.concat()].concat()
    }

    /// A256GCM: the tag is wrong in its first byte, its last, or all of them.
    pub(crate) fn gcm(&self) -> Experiment<'_> {
        let made = self.private.encrypt(EncryptionAlgorithm::A256Gcm, &[7; 64], None, None);
        let made = made.unwrap();
        let (value, iv, tag) = (made.value, made.iv.unwrap(), made.tag.unwrap());
        assert_eq!(iv.len(), IV_GCM.len());
        let operation = Box::new(move |tag: &[u8]| {
            let value = Ciphertext { value: &value, iv: Some(&iv), aad: None, tag: Some(tag) };
            self.private.decrypt(EncryptionAlgorithm::A256Gcm, value).is_ok()
        });
        experiment("A256GCM", tag, operation)
    }

    /// HS256: as with GCM.
    pub(crate) fn hmac(&self) -> Experiment<'_> {
        let digest = [7; 32];
        let tag = self.private.sign(SignatureAlgorithm::Hs256, &digest).unwrap();
        let operation = Box::new(move |tag: &[u8]| {
            self.private.verify(SignatureAlgorithm::Hs256, &digest, tag).unwrap()
        });
        experiment("HS256", tag, operation)
    }

    /// The same tags, compared as they must not be: until a byte differs.
    pub(crate) fn leaky_hmac(&self) -> Experiment<'_> {
        let digest = [7; 32];
        let tag = self.private.sign(SignatureAlgorithm::Hs256, &digest).unwrap();
        let operation = Box::new(move |tag: &[u8]| {
            let made = self.private.sign(SignatureAlgorithm::Hs256, &digest).unwrap();
            leaky_equal(&made, tag)
        });
        experiment("control: early compare", tag, operation)
    }
}

/// An experiment on tags.
fn experiment<'a>(name: &'static str, tag: Vec<u8>, operation: Operation<'a>) -> Experiment<'a> {
    Experiment { name, classes: wrong_tags(&tag), operation, sound: tag, samples: SAMPLES }
}

fn wrong_tags(tag: &[u8]) -> Vec<Class> {
    let class = |name, change: &dyn Fn(&mut [u8])| {
        let wrong = || {
            let mut tag = tag.to_vec();
            change(&mut tag);
            tag
        };
        Class::new(name, (0..INPUTS).map(|_| wrong()).collect())
    };
    let last = tag.len() - 1;
    vec![
        class("first byte of the tag", &|tag| tag[0] ^= 1),
        class("last byte of the tag", &|tag| tag[last] ^= 1),
        class("all of the tag", &|tag| tag.iter_mut().for_each(|byte| *byte ^= 0x55)),
    ]
}

fn leaky_equal(one: &[u8], other: &[u8]) -> bool {
    for (one, other) in one.iter().zip(other) {
        if one != other {
            return false;
        }
    }
    true
}

fn leaky_unpad(blocks: &[u8]) -> bool {
    let count = blocks[blocks.len() - 1];
    if count == 0 || count > 16 {
        return false;
    }
    let padding = &blocks[blocks.len() - usize::from(count)..];
    leaky_equal(padding, &vec![count; padding.len()])
}
