//! The header: which protector, and the root key it wraps.

use minicbor::{Decode, Encode};
use strongroom_crypto::kdf::Argon2Cost;
use strongroom_crypto::{SecretBytes, SymmetricKey, aead, random};
use strongroom_model::InstallationId;

use super::{Derivation, Protector};
use crate::SealError;

const FORMAT: u32 = 1;

/// The record at `s/protector`, in clear.
#[derive(Encode, Decode)]
pub(crate) struct Header {
    #[n(0)]
    format: u32,
    #[n(1)]
    pub(crate) installation: InstallationId,
    #[n(2)]
    pub(crate) root_generation: u32,
    #[n(3)]
    argon2id: Option<Argon2id>,
    #[cbor(n(4), with = "minicbor::bytes")]
    nonce: [u8; aead::NONCE_BYTES],
    #[cbor(n(5), with = "minicbor::bytes")]
    wrapped_root: Vec<u8>,
}

#[derive(Clone, Encode, Decode)]
struct Argon2id {
    #[n(0)]
    memory_kib: u32,
    #[n(1)]
    passes: u32,
    #[n(2)]
    lanes: u32,
    #[cbor(n(3), with = "minicbor::bytes")]
    salt: [u8; 16],
}

impl Header {
    /// Wraps a root key.
    pub(crate) fn wrap(
        installation: InstallationId,
        root_generation: u32,
        root: &SymmetricKey,
        protector: &Protector,
    ) -> Result<Self, SealError> {
        let derivation = protector.new_derivation()?;
        let argon2id = match &derivation {
            Derivation::Key => None,
            Derivation::Argon2id { cost, salt } => Some(Argon2id {
                memory_kib: cost.memory_kib,
                passes: cost.passes,
                lanes: cost.lanes,
                salt: *salt,
            }),
        };
        let mut header = Self {
            format: FORMAT,
            installation,
            root_generation,
            argon2id,
            nonce: random::bytes()?,
            wrapped_root: Vec::new(),
        };
        let kek = protector.kek(&derivation)?;
        let mut wrapped = Vec::with_capacity(48);
        aead::seal(kek.expose(), header.nonce, &header.aad(), root.expose(), &mut wrapped)?;
        header.wrapped_root = wrapped;
        Ok(header)
    }

    /// The root key.
    pub(crate) fn unwrap_root(&self, protector: &Protector) -> Result<SymmetricKey, SealError> {
        let derivation = match &self.argon2id {
            None => Derivation::Key,
            Some(argon2id) => Derivation::Argon2id {
                cost: Argon2Cost {
                    memory_kib: argon2id.memory_kib,
                    passes: argon2id.passes,
                    lanes: argon2id.lanes,
                },
                salt: argon2id.salt,
            },
        };
        let kek = protector.kek(&derivation)?;
        let root: SecretBytes =
            aead::open(kek.expose(), self.nonce, &self.aad(), &self.wrapped_root).map_err(
                |_| SealError::WrongProtector("it is another one, or the header is damaged".into()),
            )?;
        Ok(SymmetricKey::from_slice(root.expose())?)
    }

    /// Everything but the wrapped key itself.
    fn aad(&self) -> Vec<u8> {
        let bare = Self {
            format: self.format,
            installation: self.installation,
            root_generation: self.root_generation,
            argon2id: self.argon2id.clone(),
            nonce: self.nonce,
            wrapped_root: Vec::new(),
        };
        bare.encode()
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        // Encoding to a vector cannot fail; an empty vector would not open again.
        minicbor::to_vec(self).unwrap_or_default()
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, SealError> {
        // First the format alone: a newer one may have another shape.
        match format_of(bytes) {
            Some(format) if format > FORMAT => Err(SealError::NewerFormat("s/protector".into())),
            _ => minicbor::decode(bytes).map_err(|_| SealError::Record("s/protector".into())),
        }
    }
}

fn format_of(bytes: &[u8]) -> Option<u32> {
    let mut decoder = minicbor::Decoder::new(bytes);
    decoder.array().ok()?;
    decoder.u32().ok()
}
