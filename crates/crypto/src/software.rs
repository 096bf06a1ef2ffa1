//! The provider of this process: keys in memory, work by aws-lc-rs.

mod ec;
mod ml_dsa;
mod oct;
mod pkcs8;
pub mod private_key_file;
mod rsa;
mod secp256k1;

use std::sync::Arc;

use strongroom_model::keys::DEFAULT_EXPONENT;
use strongroom_model::{
    AkpAlgorithm, Curve, EncryptionAlgorithm, KeySpec, PublicKey, SignatureAlgorithm,
};

use crate::provider::{
    CryptoProvider, ImportedKey, KeyMaterial, KeyProvider, Placement, PrivateKey, Supported,
};
use crate::{CryptoError, SecretBytes};

/// The provider.
pub fn provider() -> CryptoProvider {
    CryptoProvider {
        name: "software",
        hsm_platform: 0,
        key_specs: key_specs(),
        signatures: supported(SignatureAlgorithm::ALL, signing_placement),
        encryptions: supported(EncryptionAlgorithm::ALL, decrypting_placement),
        keys: Arc::new(SoftwareKeys),
    }
}

fn key_specs() -> Vec<KeySpec> {
    let rsa = [2048, 3072, 4096].map(|bits| KeySpec::Rsa { bits, exponent: DEFAULT_EXPONENT });
    let ec = [Curve::P256, Curve::P384, Curve::P521, Curve::P256K].map(KeySpec::Ec);
    let oct = [128, 192, 256].map(|bits| KeySpec::Oct { bits });
    let akp =
        [AkpAlgorithm::MlDsa44, AkpAlgorithm::MlDsa65, AkpAlgorithm::MlDsa87].map(KeySpec::Akp);
    [&rsa[..], &ec, &oct, &akp].concat()
}

fn supported<A: Copy>(all: &[A], placement: fn(A) -> Placement) -> Vec<Supported<A>> {
    let supported = |&algorithm| Supported { algorithm, placement: placement(algorithm) };
    all.iter().map(supported).collect()
}

fn signing_placement(algorithm: SignatureAlgorithm) -> Placement {
    use SignatureAlgorithm as Alg;
    match algorithm {
        Alg::Es256 | Alg::Es256k | Alg::Hs256 | Alg::Hs384 | Alg::Hs512 => Placement::Inline,
        _ => Placement::CpuPool,
    }
}

fn decrypting_placement(algorithm: EncryptionAlgorithm) -> Placement {
    if algorithm.is_rsa() { Placement::CpuPool } else { Placement::Inline }
}

struct SoftwareKeys;

impl KeyProvider for SoftwareKeys {
    fn generate(&self, spec: KeySpec) -> Result<KeyMaterial, CryptoError> {
        match spec {
            KeySpec::Rsa { bits, exponent } => rsa::generate(bits, exponent),
            KeySpec::Ec(curve) => ec::generate(curve),
            KeySpec::Oct { bits } => oct::generate(bits),
            KeySpec::Akp(algorithm) => ml_dsa::generate(algorithm),
        }
    }

    fn import(&self, key: &ImportedKey) -> Result<KeyMaterial, CryptoError> {
        match key {
            ImportedKey::Rsa { n, e, d, p, q, dp, dq, qi } => rsa::import(&rsa::Parts {
                n,
                e,
                d: d.expose(),
                p: p.expose(),
                q: q.expose(),
                dp: dp.expose(),
                dq: dq.expose(),
                qi: qi.expose(),
            }),
            ImportedKey::Ec { curve, x, y, d } => ec::import(*curve, x, y, d),
            ImportedKey::Oct(key) => oct::import(key),
            ImportedKey::Pkcs8(der) => pkcs8::import(der),
        }
    }

    fn open(
        &self,
        public: &PublicKey,
        private: &SecretBytes,
    ) -> Result<Arc<dyn PrivateKey>, CryptoError> {
        Ok(match public {
            PublicKey::Rsa { .. } => Arc::new(rsa::open(public, private)?),
            PublicKey::Ec { curve: Curve::P256K, .. } => {
                Arc::new(secp256k1::open(public, private)?)
            }
            PublicKey::Ec { .. } => Arc::new(ec::open(public, private)?),
            PublicKey::Oct { .. } => Arc::new(oct::open(public, private)?),
            PublicKey::Akp { .. } => Arc::new(ml_dsa::open(public, private)?),
        })
    }
}
