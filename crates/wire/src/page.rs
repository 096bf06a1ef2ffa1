//! Pages of lists.

use serde::Serialize;

/// One page of a list. `nextLink` is there on the last page too, as `null`.
#[derive(Clone, Debug, Serialize)]
pub struct Page<T> {
    /// What the page shows.
    pub value: Vec<T>,
    /// Where the next page is; `None` on the last one.
    #[serde(rename = "nextLink")]
    pub next_link: Option<String>,
}
