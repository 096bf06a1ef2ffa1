//! The floor of private-key work: aws-lc in a loop on every core, and nothing else.

use std::time::{Duration, Instant};

use aws_lc_rs::digest::{Digest, SHA256};
use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::rsa::{
    KeyPair, KeySize, OAEP_SHA256_MGF1SHA256, OaepPrivateDecryptingKey, OaepPublicEncryptingKey,
    PrivateDecryptingKey, PublicEncryptingKey,
};
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaEncoding};

use crate::Result;

/// What is looped.
#[derive(Clone, Copy)]
pub(crate) enum Loop {
    /// RSASSA-PKCS1-v1_5 with SHA-256, of a digest.
    Rs256,
    /// RSASSA-PSS with SHA-256, of a digest.
    Ps256,
    /// RSAES-OAEP decryption of 32 bytes, with SHA-256.
    Oaep256,
}

/// An RSA key, and something for it to do.
pub(crate) struct Bare {
    key: KeyPair,
    decrypting: OaepPrivateDecryptingKey,
    ciphertext: Vec<u8>,
}

impl Bare {
    /// A fresh key of 2048, 3072 or 4096 bits.
    pub(crate) fn new(bits: u16) -> Result<Self> {
        let size = match bits {
            2048 => KeySize::Rsa2048,
            3072 => KeySize::Rsa3072,
            _ => KeySize::Rsa4096,
        };
        let key = KeyPair::generate(size).map_err(|_| "aws-lc generates no key")?;
        let der: Pkcs8V1Der<'_> = key.as_der().map_err(|_| "aws-lc exports no key")?;
        let private = PrivateDecryptingKey::from_pkcs8(der.as_ref()).map_err(|_| "no key")?;
        let public: PublicEncryptingKey = private.public_key();
        let public = OaepPublicEncryptingKey::new(public).map_err(|_| "no public key")?;
        let mut ciphertext = vec![0; public.ciphertext_size()];
        public
            .encrypt(&OAEP_SHA256_MGF1SHA256, &[7; 32], &mut ciphertext, None)
            .map_err(|_| "aws-lc encrypts nothing")?;
        let decrypting = OaepPrivateDecryptingKey::new(private).map_err(|_| "no private key")?;
        Ok(Self { key, decrypting, ciphertext })
    }

    /// Operations in a second, on all cores together.
    pub(crate) fn rate(&self, what: Loop, time: Duration) -> Result<f64> {
        let cores = std::thread::available_parallelism()?.get();
        let begun = Instant::now();
        let done: u64 = std::thread::scope(|scope| {
            let threads: Vec<_> =
                (0..cores).map(|_| scope.spawn(|| self.count(what, begun + time))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap_or(0)).sum()
        });
        Ok(done as f64 / begun.elapsed().as_secs_f64())
    }

    fn count(&self, what: Loop, until: Instant) -> u64 {
        let mut done = 0;
        while Instant::now() < until {
            let worked = match what {
                Loop::Rs256 => self.sign(&RSA_PKCS1_SHA256),
                Loop::Ps256 => self.sign(&RSA_PSS_SHA256),
                Loop::Oaep256 => self.decrypt(),
            };
            if worked.is_none() {
                return 0;
            }
            done += 1;
        }
        done
    }

    fn sign(&self, encoding: &'static dyn RsaEncoding) -> Option<Vec<u8>> {
        let digest = Digest::import_less_safe(&[7; 32], &SHA256).ok()?;
        let mut signature = vec![0; self.key.public_modulus_len()];
        self.key.sign_digest(encoding, &digest, &mut signature).ok()?;
        Some(signature)
    }

    fn decrypt(&self) -> Option<Vec<u8>> {
        let mut plaintext = vec![0; self.decrypting.min_output_size()];
        let hash = &OAEP_SHA256_MGF1SHA256;
        let found = self.decrypting.decrypt(hash, &self.ciphertext, &mut plaintext, None).ok()?;
        Some(found.to_vec())
    }
}
