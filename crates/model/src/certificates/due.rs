//! When a policy acts.

use super::{CertificateAction, CertificatePolicy, CertificateTrigger};
use crate::{Attributes, Timestamp};

impl CertificatePolicy {
    /// When the next version is to be made, for a current version of these attributes; `None` if
    /// the policy does not renew, is disabled, or the version has no end.
    pub fn renewal_due(&self, current: &Attributes) -> Option<Timestamp> {
        self.due(CertificateAction::AutoRenew, current)
    }

    /// When the contacts are to be told that the version nears its end; `None` if the policy tells
    /// nobody, is disabled, or the version has no end.
    pub fn notice_due(&self, current: &Attributes) -> Option<Timestamp> {
        self.due(CertificateAction::EmailContacts, current)
    }

    fn due(&self, action: CertificateAction, current: &Attributes) -> Option<Timestamp> {
        let found = self.lifetime_actions.iter().find(|known| known.action == action)?;
        let due =
            found.trigger.due(current.not_before.unwrap_or(current.created), current.expires?);
        self.enabled.then_some(due)
    }
}

impl CertificateTrigger {
    /// When it is due in a life from one time to another.
    fn due(self, from: Timestamp, until: Timestamp) -> Timestamp {
        match self {
            Self::LifetimePercentage(percentage) => {
                let life = i128::from(until.seconds_since(from).max(0));
                let part = life * i128::from(percentage.min(100)) / 100;
                from.plus_seconds(i64::try_from(part).unwrap_or(i64::MAX))
            }
            Self::DaysBeforeExpiry(days) => {
                until.plus_seconds(-(i64::from(days) * i64::from(SECONDS_PER_DAY)))
            }
        }
    }
}

/// The seconds of a day.
const SECONDS_PER_DAY: u32 = 86_400;
