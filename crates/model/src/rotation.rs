//! The rotation policy of a key: when it is rotated, when its owner is told, and how long a
//! rotated version lives. Pure: the sweeper asks, and acts.
//!
//! Sources: the data-plane specification (`KeyRotationPolicy`), "Configure cryptographic key
//! auto-rotation in Azure Key Vault", and recorded answers of the real service.

use std::fmt;

use jiff::tz::TimeZone;
use jiff::{Span, civil};
use minicbor::{Decode, Encode};

use crate::{Attributes, ModelError, Timestamp};

/// The shortest life that a policy may give to a rotated version, in days.
const MIN_EXPIRY_DAYS: i64 = 28;

/// How far a rotation must be from the creation and from the expiry, in days.
const MIN_ROTATION_DAYS: i64 = 7;

/// The longest duration that is read at all, in characters.
const MAX_DURATION_CHARS: usize = 32;

/// A length of time by the calendar, as ISO 8601 writes it: `P90D`, `P1Y`, `P1Y2M10D`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Encode, Decode)]
pub struct IsoDuration {
    #[n(0)]
    years: u16,
    #[n(1)]
    months: u16,
    #[n(2)]
    days: u16,
}

impl IsoDuration {
    /// A number of days.
    pub const fn from_days(days: u16) -> Self {
        Self { years: 0, months: 0, days }
    }

    /// Reads years, months and days; weeks and times of day are not taken.
    ///
    /// # Errors
    /// [`ModelError::RotationPolicy`] for anything else, and for nothing at all (`P0D`).
    pub fn parse(text: &str) -> Result<Self, ModelError> {
        Self::read(text).ok_or_else(|| {
            let shown: String = text.chars().filter(|c| !c.is_control()).take(40).collect();
            refuse(format!(
                "'{shown}' is not a valid duration. Use an ISO 8601 duration in years, months and \
                 days, such as P90D or P1Y."
            ))
        })
    }

    fn read(text: &str) -> Option<Self> {
        // jiff reads more than ISO 8601: "90 days" and "P90d", too.
        let is_iso = text.starts_with('P')
            && text.len() <= MAX_DURATION_CHARS
            && text.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase());
        let span: Span = is_iso.then(|| text.parse().ok())??;
        let duration = Self {
            years: span.get_years().try_into().ok()?,
            months: span.get_months().try_into().ok()?,
            days: span.get_days().try_into().ok()?,
        };
        let whole = duration.span()?;
        (whole.is_positive() && whole.fieldwise() == span.fieldwise()).then_some(duration)
    }

    fn span(self) -> Option<Span> {
        let span = Span::new().try_years(self.years).ok()?;
        span.try_months(self.months).ok()?.try_days(self.days).ok()
    }

    /// `from` plus this duration, by the calendar in UTC: a day that the month lacks is the
    /// month's last. Saturates at the last time that ISO 8601 can write.
    pub fn after(self, from: Timestamp) -> Timestamp {
        self.moved(from, 1).unwrap_or(Timestamp(jiff::Timestamp::MAX.as_second()))
    }

    /// `until` minus this duration, by the calendar in UTC. Saturates at the first time that
    /// ISO 8601 can write.
    pub fn before(self, until: Timestamp) -> Timestamp {
        self.moved(until, -1).unwrap_or(Timestamp(jiff::Timestamp::MIN.as_second()))
    }

    fn moved(self, from: Timestamp, times: i64) -> Option<Timestamp> {
        let span = self.span()?.checked_mul(times).ok()?;
        let from = TimeZone::UTC.to_datetime(jiff::Timestamp::from_second(from.0).ok()?);
        let moved = TimeZone::UTC.to_timestamp(from.checked_add(span).ok()?).ok()?;
        Some(Timestamp(moved.as_second()))
    }

    /// Its length for comparisons, in days: counted from the first day of a common year, so that
    /// a policy is valid or not whatever the day.
    fn days(self) -> i64 {
        const START: civil::Date = civil::date(2001, 1, 1);
        let end = self.span().and_then(|span| START.checked_add(span).ok());
        (end.unwrap_or(civil::Date::MAX) - START).get_days().into()
    }
}

impl fmt::Display for IsoDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("P")?;
        for (number, unit) in [(self.years, 'Y'), (self.months, 'M'), (self.days, 'D')] {
            if number > 0 {
                write!(f, "{number}{unit}")?;
            }
        }
        Ok(())
    }
}

/// When a lifetime action is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum RotationTrigger {
    /// This long after the version's creation.
    #[n(0)]
    TimeAfterCreate(#[n(0)] IsoDuration),
    /// This long before the version's expiry, if it has one.
    #[n(1)]
    TimeBeforeExpiry(#[n(0)] IsoDuration),
}

/// What is done when a trigger is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RotationAction {
    /// Make a new version.
    Rotate,
    /// Tell that the version nears its expiry.
    Notify,
}

impl RotationAction {
    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rotate => "Rotate",
            Self::Notify => "Notify",
        }
    }

    /// Clients send the names in any case.
    fn parse(name: &str) -> Result<Self, ModelError> {
        let known = [Self::Rotate, Self::Notify];
        known
            .into_iter()
            .find(|known| known.name().eq_ignore_ascii_case(name))
            .ok_or_else(|| refuse("The type of a lifetime action must be 'Rotate' or 'Notify'."))
    }
}

/// A lifetime action as a client sends it.
#[derive(Clone, Copy, Debug)]
pub struct LifetimeActionParameters<'a> {
    /// `Rotate` or `Notify`, in any case.
    pub action: &'a str,
    /// How long after creation, ISO 8601.
    pub time_after_create: Option<&'a str>,
    /// How long before expiry, ISO 8601.
    pub time_before_expiry: Option<&'a str>,
}

impl LifetimeActionParameters<'_> {
    fn parse(&self) -> Result<(RotationAction, RotationTrigger), ModelError> {
        let action = RotationAction::parse(self.action)?;
        let trigger = match (self.time_after_create, self.time_before_expiry) {
            (Some(after), None) => RotationTrigger::TimeAfterCreate(IsoDuration::parse(after)?),
            (None, Some(before)) => RotationTrigger::TimeBeforeExpiry(IsoDuration::parse(before)?),
            _ => {
                return Err(refuse(
                    "The trigger of a lifetime action must be either timeAfterCreate or \
                     timeBeforeExpiry.",
                ));
            }
        };
        Ok((action, trigger))
    }
}

/// What a rotation policy says.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct RotationRules {
    /// How long a rotated version lives; without it, it does not expire.
    #[n(0)]
    pub expiry_time: Option<IsoDuration>,
    /// When the key is rotated; without it, only on demand.
    #[n(1)]
    pub rotate: Option<RotationTrigger>,
    /// How long before its expiry a version's owner is told.
    #[n(2)]
    pub notify_before_expiry: IsoDuration,
}

impl Default for RotationRules {
    /// What holds for a key without a policy: only the notice, 30 days before expiry.
    fn default() -> Self {
        Self { expiry_time: None, rotate: None, notify_before_expiry: IsoDuration::from_days(30) }
    }
}

impl RotationRules {
    /// Checks what a client sends. Whatever it leaves out is as in a key without a policy, the
    /// notice too: the real service adds it.
    ///
    /// # Errors
    /// [`ModelError::RotationPolicy`] for a malformed duration or action, an action twice, a
    /// notice counted from creation, and times nearer than the service allows.
    pub fn parse(
        expiry_time: Option<&str>,
        actions: &[LifetimeActionParameters<'_>],
    ) -> Result<Self, ModelError> {
        let expiry_time = expiry_time.map(IsoDuration::parse).transpose()?;
        let (mut rotate, mut notify) = (None, None);
        for sent in actions {
            let (action, trigger) = sent.parse()?;
            let place = match action {
                RotationAction::Rotate => &mut rotate,
                RotationAction::Notify => &mut notify,
            };
            if place.replace(trigger).is_some() {
                return Err(refuse(
                    "A rotation policy can have at most two lifetime actions: one of type \
                     'Rotate' and one of type 'Notify'.",
                ));
            }
        }
        let mut rules = Self { expiry_time, rotate, ..Self::default() };
        if let Some(trigger) = notify {
            let RotationTrigger::TimeBeforeExpiry(before) = trigger else {
                return Err(refuse(
                    "The trigger timeAfterCreate is only for lifetime actions of type 'Rotate'.",
                ));
            };
            rules.notify_before_expiry = before;
        }
        rules.check()?;
        Ok(rules)
    }

    fn check(&self) -> Result<(), ModelError> {
        let life = self.expiry_time.map(IsoDuration::days);
        if life.is_some_and(|days| days < MIN_EXPIRY_DAYS) {
            return Err(refuse(format!(
                "The expiryTime of a rotation policy must be at least {MIN_EXPIRY_DAYS} days."
            )));
        }
        let (after_create, before_expiry) = match (self.rotate, life) {
            (None, _) => return Ok(()),
            (Some(RotationTrigger::TimeAfterCreate(after)), life) => {
                (after.days(), life.map(|life| life - after.days()))
            }
            (Some(RotationTrigger::TimeBeforeExpiry(before)), Some(life)) => {
                (life - before.days(), Some(before.days()))
            }
            (Some(RotationTrigger::TimeBeforeExpiry(_)), None) => {
                return Err(refuse(
                    "A lifetime action of type 'Rotate' with timeBeforeExpiry requires the \
                     expiryTime of the rotation policy to be set.",
                ));
            }
        };
        if after_create < MIN_ROTATION_DAYS || before_expiry.is_some_and(|d| d < MIN_ROTATION_DAYS)
        {
            return Err(refuse(format!(
                "The rotation must be at least {MIN_ROTATION_DAYS} days after creation and at \
                 least {MIN_ROTATION_DAYS} days before expiry."
            )));
        }
        Ok(())
    }

    /// The lifetime actions, in the order in which they are answered.
    pub fn lifetime_actions(&self) -> impl Iterator<Item = (RotationAction, RotationTrigger)> {
        let notify = RotationTrigger::TimeBeforeExpiry(self.notify_before_expiry);
        let rotate = self.rotate.map(|trigger| (RotationAction::Rotate, trigger));
        rotate.into_iter().chain([(RotationAction::Notify, notify)])
    }

    /// When a key whose current version has these attributes is to be rotated; maybe in the past.
    /// `None`: never, for want of an action, or of an expiry to count from.
    pub fn rotation_due(&self, current: &Attributes) -> Option<Timestamp> {
        match self.rotate? {
            RotationTrigger::TimeAfterCreate(after) => Some(after.after(current.created)),
            RotationTrigger::TimeBeforeExpiry(before) => Some(before.before(current.expires?)),
        }
    }

    /// When the owner of a version with these attributes is to be told of its expiry; maybe in
    /// the past. `None`: never, for it does not expire.
    pub fn notice_due(&self, version: &Attributes) -> Option<Timestamp> {
        Some(self.notify_before_expiry.before(version.expires?))
    }

    /// When a version that is rotated in at `now` expires.
    pub fn expires(&self, now: Timestamp) -> Option<Timestamp> {
        Some(self.expiry_time?.after(now))
    }
}

/// A rotation policy that a client has set.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct RotationPolicy {
    /// What it says.
    #[n(0)]
    pub rules: RotationRules,
    /// When the key first had one.
    #[n(1)]
    pub created: Timestamp,
    /// When this one was set.
    #[n(2)]
    pub updated: Timestamp,
}

fn refuse(text: impl Into<String>) -> ModelError {
    ModelError::RotationPolicy(text.into())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::AttributesChange;

    type Sent<'a> = (&'a str, Option<&'a str>, Option<&'a str>);

    fn parse(expiry: Option<&str>, sent: &[Sent<'_>]) -> Result<RotationRules, ModelError> {
        let actions: Vec<_> = sent
            .iter()
            .map(|&(action, time_after_create, time_before_expiry)| LifetimeActionParameters {
                action,
                time_after_create,
                time_before_expiry,
            })
            .collect();
        RotationRules::parse(expiry, &actions)
    }

    fn answered(rules: &RotationRules) -> Vec<String> {
        rules
            .lifetime_actions()
            .map(|(action, trigger)| format!("{action:?} {trigger:?}"))
            .collect()
    }

    fn version(created: i64, expires: Option<i64>) -> Attributes {
        let change = AttributesChange { expires: expires.map(Timestamp), ..Default::default() };
        Attributes::new(&change, Timestamp(created))
    }

    fn seconds(rfc3339: &str) -> i64 {
        rfc3339.parse::<jiff::Timestamp>().unwrap().as_second()
    }

    #[test]
    fn durations_are_answered_as_they_were_sent() {
        for text in ["P30D", "P1Y", "P2M", "P18M", "P1Y2M10D", "P28D", "P65535D", "P19998Y"] {
            assert_eq!(IsoDuration::parse(text).unwrap().to_string(), text);
        }
        for bad in [
            "",
            "P",
            "30D",
            "P30",
            "PD",
            "P-30D",
            "-P30D",
            "P0D",
            "P30.5D",
            "P4W",
            "PT48H",
            "P1DT1H",
            "P30D ",
            "P30D\n",
            "P10D1Y",
            "P65536D",
            "P99999999999999999999D",
            "P1Y1Y",
            "thirty days",
            "90 days",
            "90D",
            "90d",
            "p90d",
            "P90d",
            "P90 d",
            "+P90D",
        ] {
            let Err(ModelError::RotationPolicy(text)) = IsoDuration::parse(bad) else {
                panic!("accepted {bad}")
            };
            assert!(text.contains("ISO 8601"), "{text}");
        }
    }

    #[test]
    fn durations_follow_the_calendar() {
        let after = |from, text| {
            let end = IsoDuration::parse(text).unwrap().after(Timestamp(seconds(from))).0;
            jiff::Timestamp::from_second(end).unwrap().to_string()
        };
        assert_eq!(after("2024-01-31T12:00:00Z", "P1M"), "2024-02-29T12:00:00Z");
        assert_eq!(after("2023-01-31T12:00:00Z", "P1M"), "2023-02-28T12:00:00Z");
        assert_eq!(after("2024-02-29T00:00:01Z", "P1Y"), "2025-02-28T00:00:01Z");
        assert_eq!(after("2023-12-31T23:59:59Z", "P1Y2M10D"), "2025-03-10T23:59:59Z");
        let before =
            IsoDuration::parse("P1M").unwrap().before(Timestamp(seconds("2024-03-31T06:00:00Z")));
        assert_eq!(before.0, seconds("2024-02-29T06:00:00Z"));
    }

    #[test]
    fn what_the_real_service_was_seen_to_answer() {
        // azure-sdk-for-python, test_key_rotation_policy: an empty policy, then Rotate alone.
        assert_eq!(parse(None, &[]).unwrap(), RotationRules::default());
        let rotate_only = parse(None, &[("Rotate", Some("P2M"), None)]).unwrap();
        assert_eq!(rotate_only.notify_before_expiry.to_string(), "P30D");
        assert_eq!(rotate_only.expires(Timestamp(0)), None);
        // Then Notify alone, with an expiry.
        let notify_only = parse(Some("P90D"), &[("Notify", None, Some("P60D"))]).unwrap();
        assert_eq!((notify_only.rotate, notify_only.notify_before_expiry.days()), (None, 60));
        // azure-sdk-for-go, TestRotateKey: lower case, and the expiry of the rotated version.
        let rules = parse(Some("P90D"), &[("rotate", Some("P30D"), None)]).unwrap();
        assert_eq!(rules.expires(Timestamp(1_656_356_487)), Some(Timestamp(1_664_132_487)));
        // azure-cli, test_keyvault_key_rotation.
        let sent = [("Rotate", Some("P15D"), None), ("Notify", None, Some("P7D"))];
        assert_eq!(answered(&parse(Some("P30D"), &sent).unwrap()).len(), 2);
        assert!(answered(&parse(Some("P30D"), &sent).unwrap())[0].starts_with("Rotate"));
    }

    #[test]
    fn the_documented_limits_hold() {
        for (expiry, after, before) in [
            (Some("P28D"), Some("P21D"), None),
            (Some("P28D"), Some("P7D"), None),
            (Some("P28D"), None, Some("P21D")),
            (Some("P28D"), None, Some("P7D")),
            (Some("P1M"), Some("P24D"), None),
            (None, Some("P7D"), None),
            (None, Some("P20Y"), None),
        ] {
            parse(expiry, &[("Rotate", after, before)]).unwrap();
        }
        for (expiry, after, before) in [
            (Some("P27D"), Some("P7D"), None),
            (Some("P28D"), Some("P22D"), None),
            (Some("P28D"), Some("P6D"), None),
            (Some("P28D"), None, Some("P22D")),
            (Some("P28D"), None, Some("P6D")),
            (Some("P1Y"), Some("P12M"), None),
            (Some("P3607D"), Some("P120M"), None),
            (None, Some("P6D"), None),
            (None, None, Some("P30D")),
            (Some("P90D"), Some("P30D"), Some("P30D")),
            (Some("P90D"), None, None),
        ] {
            let refused = parse(expiry, &[("Rotate", after, before)]);
            assert!(refused.is_err(), "accepted {expiry:?} {after:?} {before:?}");
        }
        let notify = ("Notify", None, Some("P30D"));
        let rotate = ("Rotate", Some("P30D"), None);
        assert!(parse(None, &[notify, notify]).is_err());
        assert!(parse(None, &[rotate, rotate]).is_err());
        assert!(parse(None, &[rotate, notify, notify]).is_err());
        assert!(parse(None, &[("Notify", Some("P30D"), None)]).is_err());
        assert!(parse(None, &[("Delete", Some("P30D"), None)]).is_err());
        assert!(parse(Some("P27D"), &[]).is_err());
        // Without an expiryTime, the expiry that the version itself has is what Notify counts from.
        assert!(parse(None, &[notify]).is_ok());
    }

    #[test]
    fn due_times_count_from_the_current_version() {
        let day = 86_400;
        let after = parse(None, &[("Rotate", Some("P30D"), None)]).unwrap();
        assert_eq!(after.rotation_due(&version(1_000, None)), Some(Timestamp(1_000 + 30 * day)));
        assert_eq!(after.notice_due(&version(1_000, None)), None);
        let before = parse(Some("P90D"), &[("Rotate", None, Some("P10D"))]).unwrap();
        let expiring = version(0, Some(100 * day));
        assert_eq!(before.rotation_due(&expiring), Some(Timestamp(90 * day)));
        assert_eq!(before.notice_due(&expiring), Some(Timestamp(70 * day)));
        assert_eq!(before.rotation_due(&version(0, None)), None, "nothing to count from");
        assert_eq!(RotationRules::default().rotation_due(&expiring), None);
    }

    proptest! {
        #[test]
        fn no_time_and_no_duration_overflow(from: i64, years: u16, months: u16, days: u16) {
            let duration = IsoDuration { years, months, days };
            duration.after(Timestamp(from));
            duration.before(Timestamp(from));
            duration.days();
        }

        #[test]
        fn policies_survive_the_store(years: u16, months: u16, days: u16, at: i64, before: bool) {
            let duration = IsoDuration { years, months, days };
            let trigger = match before {
                true => RotationTrigger::TimeBeforeExpiry(duration),
                false => RotationTrigger::TimeAfterCreate(duration),
            };
            let policy = RotationPolicy {
                rules: RotationRules {
                    expiry_time: Some(duration),
                    rotate: Some(trigger),
                    notify_before_expiry: duration,
                },
                created: Timestamp(at),
                updated: Timestamp(at),
            };
            let bytes = minicbor::to_vec(&policy).unwrap();
            prop_assert_eq!(minicbor::decode::<RotationPolicy>(&bytes).unwrap(), policy);
        }
    }
}
