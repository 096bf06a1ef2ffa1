//! How long a certificate is valid.

use std::time::Duration;

use der::DateTime;
use jiff::Span;
use jiff::tz::TimeZone;
use strongroom_model::Timestamp;
use x509_cert::time::Time;

use crate::PkiError;

/// Certificates begin a little before they are made, for clients whose clock is behind.
const BACKDATE_SECONDS: i64 = 600;

/// The time in which a certificate is valid; both ends belong to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// Its begin.
    pub not_before: Timestamp,
    /// Its end.
    pub not_after: Timestamp,
}

impl Validity {
    /// From ten minutes before `now`, as Key Vault has it, to `end`.
    pub fn until(now: Timestamp, end: Timestamp) -> Self {
        Self { not_before: now.plus_seconds(-BACKDATE_SECONDS), not_after: end }
    }

    /// From ten minutes before `now` until so many months of the calendar (UTC) after it. A month
    /// that lacks the day ends on its last.
    ///
    /// # Errors
    /// [`PkiError::Time`] beyond the year 9999, the last that certificates can say.
    pub fn months(now: Timestamp, months: u32) -> Result<Self, PkiError> {
        let span = Span::new().try_months(months).ok();
        let end = span.and_then(|span| shift(now, span)).ok_or(PkiError::Time)?;
        Ok(Self::until(now, end))
    }

    /// How many months it lasts, begun ones counted: what a policy says of an imported certificate.
    /// The minutes by which certificates begin early are no month begun.
    pub fn months_rounded_up(&self) -> u32 {
        let end = self.not_after.plus_seconds(-BACKDATE_SECONDS);
        let later = |months| shift(self.not_before, Span::new().try_months(months).ok()?);
        let days = u32::try_from(end.seconds_since(self.not_before) / 86_400).unwrap_or_default();
        // A month has 31 days at the most: the first guess is never too high, and not far off.
        let least = days / 31;
        let most = days / 28 + 1;
        (least..=most).find(|months| later(*months).is_none_or(|t| t >= end)).unwrap_or(most)
    }

    pub(crate) fn to_x509(self) -> Result<x509_cert::time::Validity, PkiError> {
        if self.not_after < self.not_before {
            return Err(PkiError::Time);
        }
        Ok(x509_cert::time::Validity::new(time(self.not_before)?, time(self.not_after)?))
    }

    pub(crate) fn of(validity: &x509_cert::time::Validity) -> Self {
        Self {
            not_before: timestamp(validity.not_before),
            not_after: timestamp(validity.not_after),
        }
    }
}

/// A time for messages.
pub(crate) fn rfc3339(at: Timestamp) -> String {
    jiff::Timestamp::from_second(at.0).map_or_else(|_| at.0.to_string(), |at| at.to_string())
}

/// A time as certificates write it: UTCTime through 2049 (RFC 5280, 4.1.2.5).
pub(crate) fn time(at: Timestamp) -> Result<Time, PkiError> {
    Ok(Time::from(date_time(at)?))
}

pub(crate) fn date_time(at: Timestamp) -> Result<DateTime, PkiError> {
    let seconds = u64::try_from(at.0).map_err(|_| PkiError::Time)?;
    DateTime::from_unix_duration(Duration::from_secs(seconds)).map_err(|_| PkiError::Time)
}

pub(crate) fn timestamp(time: Time) -> Timestamp {
    Timestamp(i64::try_from(time.to_unix_duration().as_secs()).unwrap_or(i64::MAX))
}

fn shift(at: Timestamp, span: Span) -> Option<Timestamp> {
    let instant = jiff::Timestamp::from_second(at.0).ok()?;
    let later = TimeZone::UTC.to_datetime(instant).checked_add(span).ok()?;
    Some(Timestamp(TimeZone::UTC.to_timestamp(later).ok()?.as_second()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp(text.parse::<jiff::Timestamp>().unwrap().as_second())
    }

    #[test]
    fn months_are_those_of_the_calendar() {
        for (now, months, end) in [
            ("2026-01-31T12:00:00Z", 1, "2026-02-28T12:00:00Z"),
            ("2024-02-29T00:00:00Z", 12, "2025-02-28T00:00:00Z"),
            ("2026-11-24T10:20:30Z", 120, "2036-11-24T10:20:30Z"),
        ] {
            let validity = Validity::months(at(now), months).unwrap();
            assert_eq!(validity.not_after, at(end), "{now} + {months}");
            assert_eq!(validity.not_before, at(now).plus_seconds(-600));
            assert_eq!(validity.months_rounded_up(), months, "{now} + {months}");
        }
        assert!(Validity::months(at("2026-01-01T00:00:00Z"), 12 * 8000).is_err());
        assert!(Validity::months(Timestamp(i64::MAX), 1).is_err());
    }

    #[test]
    fn begun_months_count() {
        let months = |days| {
            let not_before = at("2026-01-01T00:00:00Z");
            Validity { not_before, not_after: not_before.plus_days(days) }.months_rounded_up()
        };
        assert_eq!([0, 1, 31, 32, 90, 365, 366, 398].map(months), [0, 1, 1, 2, 3, 12, 13, 14]);
    }
}
