//! Lists, page by page.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use strongroom_store::Store;

use crate::{ArmRequest, Problem, Reply};

/// Entries on a page when the client asks for no number, and the most there are.
pub(crate) const PAGE: usize = 1_000;

/// Where a page begins, and how long it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// The key of the last entry of the page before.
    pub after: Option<String>,
    /// Entries on the page.
    pub size: usize,
}

impl Window {
    /// The page that `$skiptoken` and `$top` ask for.
    ///
    /// # Errors
    /// `InvalidTopParameter` or `InvalidSkipToken`.
    pub fn of<S: Store>(request: &ArmRequest<'_, S>) -> Result<Self, Problem> {
        let size = Self::size(request)?;
        let after = request.query.get("$skiptoken").map(decode).transpose()?;
        Ok(Self { after, size: size.min(PAGE) })
    }

    /// How many entries `$top` asks for.
    ///
    /// # Errors
    /// `InvalidTopParameter`.
    pub fn size<S: Store>(request: &ArmRequest<'_, S>) -> Result<usize, Problem> {
        let Some(text) = request.query.get("$top") else { return Ok(PAGE) };
        text.parse().ok().filter(|size| *size > 0).ok_or_else(|| {
            let text = crate::problem::shown(text);
            Problem::bad(
                "InvalidTopParameter",
                format!("The value '{text}' of $top is not valid: it is a number above zero."),
            )
        })
    }

    /// The answer: the page of `entries`, which come in the order of their keys and begin behind
    /// [`Self::after`], and the link to the next page. Reads no more entries than it shows, and
    /// one.
    ///
    /// # Errors
    /// A [`Problem`] when the body cannot be written.
    pub fn reply<S: Store>(
        &self,
        request: &ArmRequest<'_, S>,
        mut entries: impl Iterator<Item = (String, Value)>,
    ) -> Result<Reply, Problem> {
        let mut values = Vec::new();
        let mut last = String::new();
        for (key, value) in entries.by_ref().take(self.size) {
            last = key;
            values.push(value);
        }
        let more = values.len() == self.size && entries.next().is_some();
        let next = more.then(|| next_link(request, &last));
        Reply::page(values, next)
    }
}

fn decode(token: &str) -> Result<String, Problem> {
    URL_SAFE_NO_PAD
        .decode(token)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .ok_or_else(|| Problem::bad("InvalidSkipToken", "The $skiptoken is not valid."))
}

fn next_link<S: Store>(request: &ArmRequest<'_, S>, last: &str) -> String {
    let mut link = request.url(&request.target.path());
    for name in ["$filter", "$top", "$expand"] {
        if let Some(value) = request.query.get(name) {
            let value =
                percent_encoding::utf8_percent_encode(value, percent_encoding::NON_ALPHANUMERIC);
            link.push_str(&format!("&{name}={value}"));
        }
    }
    link.push_str("&$skiptoken=");
    link.push_str(&URL_SAFE_NO_PAD.encode(last));
    link
}
