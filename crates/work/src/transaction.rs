//! What a request weighs against the service limits.

use strongroom_model::{KeyType, PublicKey};

/// Parts that Key Vault's limit for one vault in 10 s is divided into: the least number that every
/// limit of its table divides.
pub(crate) const AZURE_BUDGET: u32 = 12_000;

/// Parts that an ordinary operation costs, of which Key Vault allows 4,000.
pub(crate) const OPERATION_COST: u32 = AZURE_BUDGET / 4_000;

/// A request by its place in the table of Key Vault's service limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transaction {
    /// CREATE key, of any type and size; a release shares its limit (documented), and a rotation
    /// is counted with it, since it makes a key too (assumed).
    CreateKey {
        /// Whether the key is a `-HSM` key.
        hsm: bool,
    },
    /// Any other transaction on a key: a get, a sign, an update.
    UseKey {
        /// What the key's size costs.
        size: KeySize,
        /// Whether the key is a `-HSM` key.
        hsm: bool,
    },
    /// CREATE secret, IMPORT key, IMPORT certificate: 300 together.
    Write,
    /// Everything else on secrets, certificates and the vault, and listings of keys.
    Other,
}

/// Sizes of keys that Key Vault limits differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeySize {
    /// RSA-2048, and every curve. Symmetric and ML-DSA keys, which vaults of the real service do
    /// not have, are counted here.
    Small,
    /// RSA-3072.
    Rsa3072,
    /// RSA-4096.
    Rsa4096,
}

impl Transaction {
    /// A use of a key.
    pub fn use_of(key_type: KeyType, public: &PublicKey) -> Self {
        let size = match (public, public.bits()) {
            (PublicKey::Rsa { .. }, Some(3072)) => KeySize::Rsa3072,
            (PublicKey::Rsa { .. }, Some(4096)) => KeySize::Rsa4096,
            _ => KeySize::Small,
        };
        Self::UseKey { size, hsm: key_type.is_hsm() }
    }

    /// The creation of a key.
    pub fn creation_of(key_type: KeyType) -> Self {
        Self::CreateKey { hsm: key_type.is_hsm() }
    }

    /// The cost in parts of the budget: the budget over the documented limit.
    pub(crate) fn cost(self) -> u32 {
        AZURE_BUDGET / self.azure_limit()
    }

    /// How many of this kind alone Key Vault allows in one vault in 10 s (service limits, "Key
    /// transactions" and "Secrets, managed storage account keys, and vault transactions").
    pub fn azure_limit(self) -> u32 {
        match self {
            Self::CreateKey { hsm: true } => 10,
            Self::CreateKey { hsm: false } => 20,
            Self::UseKey { size: KeySize::Small, hsm: true } => 2_000,
            Self::UseKey { size: KeySize::Small, hsm: false } => 4_000,
            Self::UseKey { size: KeySize::Rsa3072, hsm: true } => 500,
            Self::UseKey { size: KeySize::Rsa3072, hsm: false } => 1_000,
            Self::UseKey { size: KeySize::Rsa4096, hsm: true } => 250,
            Self::UseKey { size: KeySize::Rsa4096, hsm: false } => 500,
            Self::Write => 300,
            Self::Other => 4_000,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_limit_divides_the_budget() {
        let uses = [KeySize::Small, KeySize::Rsa3072, KeySize::Rsa4096]
            .into_iter()
            .flat_map(|size| [true, false].map(|hsm| Transaction::UseKey { size, hsm }));
        let creations = [true, false].map(|hsm| Transaction::CreateKey { hsm });
        for kind in uses.chain(creations).chain([Transaction::Write, Transaction::Other]) {
            assert_eq!(kind.cost() * kind.azure_limit(), AZURE_BUDGET, "{kind:?}");
        }
    }

    #[test]
    fn keys_find_their_row() {
        let rsa = |bytes| PublicKey::Rsa { n: vec![0xff; bytes], e: vec![1, 0, 1] };
        let limit =
            |key_type, public: &PublicKey| Transaction::use_of(key_type, public).azure_limit();
        assert_eq!(limit(KeyType::Rsa, &rsa(256)), 4_000);
        assert_eq!(limit(KeyType::RsaHsm, &rsa(256)), 2_000);
        assert_eq!(limit(KeyType::Rsa, &rsa(384)), 1_000);
        assert_eq!(limit(KeyType::RsaHsm, &rsa(384)), 500);
        assert_eq!(limit(KeyType::Rsa, &rsa(512)), 500);
        assert_eq!(limit(KeyType::RsaHsm, &rsa(512)), 250);
        assert_eq!(Transaction::creation_of(KeyType::EcHsm).azure_limit(), 10);
        assert_eq!(Transaction::creation_of(KeyType::Ec).azure_limit(), 20);
    }
}
