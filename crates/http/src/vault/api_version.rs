//! The versions of the data plane, and what each brought.

use super::problem::Problem;

/// A version of the data plane that clients may ask for, oldest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ApiVersion(usize);

/// Every version, oldest first: OPERATIONS, section 1.
const KNOWN: &[&str] = &[
    "2015-06-01",
    "2016-10-01",
    "7.0-preview",
    "7.0",
    "7.1-preview",
    "7.1",
    "7.2-preview",
    "7.2",
    "7.3-preview",
    "7.3",
    "7.4-preview.1",
    "7.4",
    "7.5-preview.1",
    "7.5",
    "7.6-preview.1",
    "7.6-preview.2",
    "7.6",
    "2025-06-01-preview",
    "2025-07-01",
    "2026-01-01-preview",
    "2026-03-01-preview",
    "2026-04-01",
    "2026-05-01-preview",
    "2026-07-01-preview",
];

/// The newest stable version.
const LATEST_STABLE: &str = "2026-04-01";

impl ApiVersion {
    /// The version that the query names.
    pub(crate) fn parse(text: Option<&str>) -> Result<Self, Problem> {
        let text = text.filter(|text| !text.is_empty()).ok_or_else(|| {
            Problem::bad(
                "The api-version query parameter (?api-version=) is required for all requests.",
            )
        })?;
        KNOWN.iter().position(|known| known.eq_ignore_ascii_case(text)).map(Self).ok_or_else(|| {
            let shown: String = text.chars().filter(|c| !c.is_control()).take(40).collect();
            Problem::bad(format!(
                "The specified version ({shown}) is not recognized. Consider using the latest \
                     supported version ({LATEST_STABLE})."
            ))
        })
    }

    /// As it is written.
    pub(crate) fn as_str(self) -> &'static str {
        KNOWN.get(self.0).copied().unwrap_or_default()
    }

    /// Whether it is `version` or newer.
    fn since(self, version: &str) -> bool {
        KNOWN.iter().position(|known| *known == version).is_some_and(|at| self.0 >= at)
    }

    /// Soft delete, and `recoveryLevel` in attributes.
    pub(crate) fn has_soft_delete(self) -> bool {
        self.since("2016-10-01")
    }

    /// `recoverableDays` in attributes.
    pub(crate) fn has_recoverable_days(self) -> bool {
        self.since("7.1-preview")
    }

    /// `outContentType` of a read.
    pub(crate) fn has_out_content_type(self) -> bool {
        self.since("2025-06-01-preview")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_bring_their_members() {
        let version = |text| ApiVersion::parse(Some(text)).unwrap_or(ApiVersion(0));
        assert!(!version("2015-06-01").has_soft_delete());
        assert!(version("2016-10-01").has_soft_delete());
        assert!(!version("7.0").has_recoverable_days());
        assert!(version("7.1").has_recoverable_days());
        assert!(!version("7.6").has_out_content_type());
        assert!(version("2025-07-01").has_out_content_type());
        assert!(ApiVersion::parse(None).is_err());
        assert!(ApiVersion::parse(Some("7.9")).is_err());
    }
}
