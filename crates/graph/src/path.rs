//! Where a request goes.

use percent_encoding::percent_decode_str;

use crate::object::Kind;
use crate::problem::Problem;

/// The most segments that are looked at.
const MOST_SEGMENTS: usize = 8;

/// A path below its version, taken apart.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Path {
    /// `v1.0` or `beta`; they answer the same.
    pub(crate) version: String,
    /// The segments; a key in parentheses, `users('x')`, is a segment of its own.
    pub(crate) segments: Vec<String>,
}

impl Path {
    /// Takes a path apart.
    ///
    /// # Errors
    /// `BadRequest` for another version.
    pub(crate) fn parse(path: &str) -> Result<Self, Problem> {
        let mut parts = path.split('/').filter(|part| !part.is_empty()).map(decode);
        let version = parts.next().unwrap_or_default();
        if !["v1.0", "beta"].iter().any(|known| known.eq_ignore_ascii_case(&version)) {
            return Err(Problem::no_version(&version));
        }
        let mut segments = Vec::new();
        for part in parts.take(MOST_SEGMENTS) {
            match part.strip_suffix(')').and_then(|part| part.split_once('(')) {
                Some((name, key)) if !name.is_empty() => {
                    segments.extend([name.to_owned(), key.replace('\'', "")]);
                }
                _ => segments.push(part),
            }
        }
        Ok(Self { version: version.to_ascii_lowercase(), segments })
    }

    /// The segments in lower case, for routing.
    pub(crate) fn route(&self) -> Vec<String> {
        self.segments.iter().map(|segment| segment.to_ascii_lowercase()).collect()
    }

    /// A segment as it was spelt; empty if there is none.
    pub(crate) fn segment(&self, index: usize) -> &str {
        self.segments.get(index).map_or("", String::as_str)
    }
}

/// The kinds that a collection holds, by its name in lower case.
pub(crate) fn kinds(collection: &str) -> Option<&'static [Kind]> {
    Some(match collection {
        "users" => &[Kind::User],
        "groups" => &[Kind::Group],
        "serviceprincipals" => &[Kind::ServicePrincipal],
        "applications" => &[Kind::Application],
        "directoryobjects" => &Kind::ALL,
        _ => return None,
    })
}

fn decode(part: &str) -> String {
    percent_decode_str(part).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_stand_in_segments_or_in_parentheses() {
        let segments = |path: &str| Path::parse(path).map(|path| path.segments.join("|"));
        for (path, expected) in [
            ("/v1.0/me", "me"),
            ("/beta/users/ada%40x.example", "users|ada@x.example"),
            ("/V1.0/users('$ada@x.example')", "users|$ada@x.example"),
            ("/v1.0/servicePrincipals(appId='7')/memberOf", "servicePrincipals|appId=7|memberOf"),
            ("/v1.0//groups/", "groups"),
        ] {
            assert_eq!(segments(path).ok().as_deref(), Some(expected), "{path}");
        }
        for other in ["/", "/me", "/v2.0/me", ""] {
            assert!(segments(other).is_err(), "{other}");
        }
    }
}
