//! Attributes and tags: as options, and as members of a body.

use std::collections::BTreeMap;

use clap::Args;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::Offset;
use serde::Serialize;

/// What is said of every version.
#[derive(Args)]
pub(crate) struct AttributesArgs {
    /// Not to be used from then on: 2030-01-31T12:00:00Z, or a date.
    #[arg(long, value_name = "TIME", value_parser = unix_seconds)]
    expires: Option<i64>,
    /// Not to be used before.
    #[arg(long, value_name = "TIME", value_parser = unix_seconds)]
    not_before: Option<i64>,
    #[command(flatten)]
    tags: TagsArgs,
}

/// The tags of a version.
#[derive(Args)]
pub(crate) struct TagsArgs {
    /// Tags, in place of all old ones; `--tags ""` clears them.
    #[arg(long, value_name = "NAME=VALUE", num_args = 0.., value_parser = tag)]
    tags: Option<Vec<Tag>>,
}

/// A tag, or nothing.
type Tag = Option<(String, String)>;

/// Whether a new version may be used.
#[derive(Args)]
pub(crate) struct DisabledArgs {
    /// Make it, but let nobody use it yet.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    disabled: Option<bool>,
}

/// Whether a version may be used from now on.
#[derive(Args)]
pub(crate) struct EnabledArgs {
    /// Whether it may be used.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    pub(crate) enabled: Option<bool>,
}

/// The attributes in a body. What is not said is left out.
#[derive(Serialize)]
pub(crate) struct AttributesBody {
    #[serde(skip_serializing_if = "Option::is_none")]
    enabled: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nbf: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exp: Option<i64>,
}

/// The tags in a body.
pub(crate) type TagsBody = Option<BTreeMap<String, String>>;

impl AttributesBody {
    /// Whether it may be used, and nothing else.
    pub(crate) fn enabled(enabled: Option<bool>) -> Self {
        Self { enabled, nbf: None, exp: None }
    }
}

impl DisabledArgs {
    /// The attribute that says so.
    pub(crate) fn enabled(&self) -> Option<bool> {
        self.disabled.map(|disabled| !disabled)
    }
}

impl AttributesArgs {
    /// The attributes.
    pub(crate) fn attributes(&self, enabled: Option<bool>) -> AttributesBody {
        AttributesBody { enabled, nbf: self.not_before, exp: self.expires }
    }

    /// The tags.
    pub(crate) fn tags(&self) -> TagsBody {
        self.tags.body()
    }
}

impl TagsArgs {
    /// As they stand in a body.
    pub(crate) fn body(&self) -> TagsBody {
        self.tags.as_ref().map(|tags| tags.iter().flatten().cloned().collect())
    }
}

fn unix_seconds(text: &str) -> Result<i64, String> {
    let refused = || "give a time like 2030-01-31T12:00:00Z, or a date".to_owned();
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(time.as_second());
    }
    // A date would swallow a time of day without its zone.
    let date: Date = text.parse().ok().filter(|_| text.len() == 10).ok_or_else(refused)?;
    let midnight = Offset::UTC.to_timestamp(date.at(0, 0, 0, 0));
    midnight.map(|time| time.as_second()).map_err(|_| refused())
}

fn tag(text: &str) -> Result<Tag, String> {
    if text.is_empty() {
        return Ok(None);
    }
    let (name, value) = text.split_once('=').unwrap_or((text, ""));
    if name.is_empty() {
        Err("a tag is NAME=VALUE".into())
    } else {
        Ok(Some((name.into(), value.into())))
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: AttributesArgs,
        #[command(flatten)]
        disabled: DisabledArgs,
    }

    fn line(words: &[&str]) -> Line {
        Line::try_parse_from(["x"].iter().chain(words)).unwrap()
    }

    #[test]
    fn tags_are_cleared_by_nothing() {
        assert_eq!(line(&["--tags", ""]).args.tags(), Some(BTreeMap::new()));
        assert_eq!(line(&["--tags"]).args.tags(), Some(BTreeMap::new()));
        assert_eq!(line(&[]).args.tags(), None);
    }

    #[test]
    fn disabled_is_not_enabled() {
        let enabled = |words| line(words).disabled.enabled();
        assert_eq!(enabled(&["--disabled"]), Some(false));
        assert_eq!(enabled(&["--disabled", "false"]), Some(true));
        assert_eq!(enabled(&[]), None);
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in ["", "tomorrow", "2030-13-01", "2030-01-31T12:00:00", "1896091200"] {
            assert!(unix_seconds(text).is_err(), "{text}");
        }
    }
}
