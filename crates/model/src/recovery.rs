//! Soft delete: how long a deleted object can be recovered, and whether it can be purged before.

use minicbor::{Decode, Encode};

use crate::ModelError;

/// A vault's rules for deleted objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct SoftDelete {
    #[n(0)]
    retention_days: u32,
    #[n(1)]
    purge_protection: bool,
}

impl SoftDelete {
    /// The retention of a vault that says nothing, in days.
    pub const DEFAULT_RETENTION_DAYS: u32 = 90;

    /// Checks a retention.
    ///
    /// # Errors
    /// [`ModelError::Retention`] outside 7 to 90 days.
    pub fn new(retention_days: u32, purge_protection: bool) -> Result<Self, ModelError> {
        if !(7..=90).contains(&retention_days) {
            return Err(ModelError::Retention(retention_days));
        }
        Ok(Self { retention_days, purge_protection })
    }

    /// How long a deleted object is kept, in days: 7 to 90.
    pub fn retention_days(self) -> u32 {
        self.retention_days
    }

    /// Whether a deleted object can only go when its retention ends.
    pub fn purge_protection(self) -> bool {
        self.purge_protection
    }

    /// The `recoveryLevel` of every object of the vault.
    pub fn recovery_level(self) -> &'static str {
        match (self.retention_days >= Self::DEFAULT_RETENTION_DAYS, self.purge_protection) {
            (true, false) => "Recoverable+Purgeable",
            (true, true) => "Recoverable",
            (false, false) => "CustomizedRecoverable+Purgeable",
            (false, true) => "CustomizedRecoverable",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Azure REST API specification, 7.5 keys.json, DeletionRecoveryLevel.
    #[test]
    fn levels_follow_the_specification() {
        let level = |days, protect| SoftDelete::new(days, protect).unwrap().recovery_level();
        assert_eq!(level(90, false), "Recoverable+Purgeable");
        assert_eq!(level(90, true), "Recoverable");
        assert_eq!(level(89, false), "CustomizedRecoverable+Purgeable");
        assert_eq!(level(7, true), "CustomizedRecoverable");
        assert!(SoftDelete::new(6, false).is_err());
        assert!(SoftDelete::new(91, false).is_err());
    }
}
