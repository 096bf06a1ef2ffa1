//! Lists, page by page.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use strongroom_store::Store;

use crate::{ArmRequest, Problem, Reply};

/// Entries on a page when the client asks for no number, and the most there are.
pub(crate) const PAGE: usize = 1_000;

/// Candidates that are looked at for one page: so many that a list of what one may see all of is
/// never cut short, and so few that a page takes milliseconds.
const EXAMINED: usize = 10_000;

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
        entries: impl Iterator<Item = (String, Value)>,
    ) -> Result<Reply, Problem> {
        self.choose(request, entries.map(|(key, value)| (key, Some(value))), |key| key)
    }

    /// The answer of a list that leaves some of its candidates out: those that nothing is shown
    /// of. They come in the order of their keys and begin behind [`Self::after`]. A page on which
    /// few of many would be shown ends early, and its link goes on from there.
    ///
    /// # Errors
    /// A [`Problem`] when the body cannot be written.
    pub fn choose<S: Store, T>(
        &self,
        request: &ArmRequest<'_, S>,
        candidates: impl Iterator<Item = (T, Option<Value>)>,
        key: impl FnOnce(T) -> String,
    ) -> Result<Reply, Problem> {
        let (values, last) = chosen(self.size, candidates);
        Reply::page(values, last.map(|last| next_link(request, &key(last))))
    }
}

/// What is shown on a page, and the candidate that it ends at unless it is the last page.
fn chosen<T>(
    size: usize,
    candidates: impl Iterator<Item = (T, Option<Value>)>,
) -> (Vec<Value>, Option<T>) {
    let (mut values, mut last) = (Vec::new(), None);
    for (looked_at, (candidate, shown)) in candidates.enumerate() {
        if looked_at == EXAMINED || (shown.is_some() && values.len() == size) {
            return (values, last);
        }
        values.extend(shown);
        last = Some(candidate);
    }
    (values, None)
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

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// All that pages of a list of `count` numbers show, and how many of them each page took.
    fn pages(count: usize, size: usize, shows: fn(usize) -> bool) -> (Vec<Value>, Vec<usize>) {
        let (mut shown, mut work, mut begin) = (Vec::new(), Vec::new(), 0);
        loop {
            let taken = Cell::new(0);
            let rest = (begin..count).inspect(|_| taken.set(taken.get() + 1));
            let (values, last) = chosen(size, rest.map(|n| (n, shows(n).then(|| n.into()))));
            assert!(values.len() <= size);
            shown.extend(values);
            work.push(taken.get());
            match last {
                Some(last) => begin = last + 1,
                None => return (shown, work),
            }
        }
    }

    #[test]
    fn a_page_takes_what_it_shows_and_one_more_however_long_the_list_is() {
        let (shown, work) = pages(25_000, 1_000, |_| true);
        assert_eq!(shown, (0..25_000).map(Value::from).collect::<Vec<_>>());
        assert_eq!((work.len(), work.iter().max()), (25, Some(&1_001)));
        assert_eq!(pages(1_000, 1_000, |_| true).1, [1_000], "no link to an empty page");
        assert_eq!(pages(0, 1_000, |_| true), (vec![], vec![0]));
    }

    #[test]
    fn a_page_of_few_among_many_ends_early_and_nothing_is_lost() {
        let rare = |n: usize| n % 9_973 == 5;
        let (shown, work) = pages(100_000, 1_000, rare);
        assert_eq!(shown, (0..100_000).filter(|n| rare(*n)).map(Value::from).collect::<Vec<_>>());
        assert_eq!((work.len(), work.iter().max()), (10, Some(&(EXAMINED + 1))));
        let (shown, work) = pages(30_000, 2, |n| n == 0 || n == 1 || n == 29_999);
        assert_eq!(shown, [0, 1, 29_999].map(Value::from));
        assert!(work.iter().all(|taken| *taken <= EXAMINED + 1));
    }
}
