//! What a request costs its vault, by the real service's weights.

use strongroom_authz::Authorized;
use strongroom_model::{KeyType, Operation, PublicKey, VaultId};
use strongroom_store::Store;
use strongroom_work::{Busy, GeneratorStats, PoolStats, Throttled, Transaction, WorkError};

use crate::{OpError, Ops};

impl<S: Store> Ops<S> {
    /// Charges an operation whose weight does not depend on a key; the others are charged when
    /// their key is known.
    ///
    /// # Errors
    /// [`OpError::Throttled`] beyond the limit of the vault or the subscription.
    pub(crate) fn charge_operation(&self, authorized: &Authorized) -> Result<(), OpError> {
        match authorized.operation() {
            Operation::CreateKey
            | Operation::RotateKey
            | Operation::CreateCertificate
            | Operation::ReleaseKey
            | Operation::GetKey
            | Operation::GetKeyAttestation
            | Operation::Encrypt
            | Operation::Decrypt
            | Operation::WrapKey
            | Operation::UnwrapKey
            | Operation::SecureWrapKey
            | Operation::SecureUnwrapKey
            | Operation::Sign
            | Operation::Verify => Ok(()),
            Operation::SetSecret
            | Operation::RollbackSecret
            | Operation::ImportKey
            | Operation::ImportCertificate
            | Operation::MergeCertificate => self.charge(authorized, Transaction::Write),
            _ => self.charge(authorized, Transaction::Other),
        }
    }

    /// Charges the generation or the release of a key.
    ///
    /// # Errors
    /// As [`Ops::charge_operation`].
    pub(crate) fn charge_creation(
        &self,
        authorized: &Authorized,
        key_type: KeyType,
    ) -> Result<(), OpError> {
        self.charge(authorized, Transaction::creation_of(key_type))
    }

    /// Charges the use of a key.
    ///
    /// # Errors
    /// As [`Ops::charge_operation`].
    pub(crate) fn charge_use(
        &self,
        authorized: &Authorized,
        key_type: KeyType,
        public: &PublicKey,
    ) -> Result<(), OpError> {
        self.charge(authorized, Transaction::use_of(key_type, public))
    }

    /// Charges a refusal of what would have been charged by its key.
    ///
    /// # Errors
    /// As [`Ops::charge_operation`].
    pub(crate) fn charge_refusal(&self, authorized: &Authorized) -> Result<(), OpError> {
        self.charge(authorized, Transaction::Other)
    }

    /// How much of its limit each vault has used in these 10 s, in per cent; of vaults that did
    /// something.
    pub fn saturations(&self) -> Vec<(VaultId, u8)> {
        self.work.limits.saturations(self.clock.now_ms())
    }

    /// What the pool for private-key work has done and has to do.
    pub fn pool_stats(&self) -> PoolStats {
        self.work.pool.stats()
    }

    /// What the generators of keys have done and have to do.
    pub fn generator_stats(&self) -> GeneratorStats {
        self.work.generators.stats()
    }

    fn charge(&self, authorized: &Authorized, transaction: Transaction) -> Result<(), OpError> {
        let vault = authorized.vault();
        let now_ms = self.clock.now_ms();
        Ok(self.work.limits.admit(vault.id, vault.subscription, transaction, now_ms)?)
    }
}

impl From<Throttled> for OpError {
    fn from(throttled: Throttled) -> Self {
        let reason = throttled.reason.name();
        Self::Throttled { reason, retry_after: throttled.retry_after_s }
    }
}

impl From<Busy> for OpError {
    fn from(busy: Busy) -> Self {
        Self::Busy { retry_after: busy.retry_after_s }
    }
}

impl From<WorkError> for OpError {
    fn from(error: WorkError) -> Self {
        match error {
            WorkError::Busy(busy) => busy.into(),
            other => Self::Internal(other.to_string()),
        }
    }
}
