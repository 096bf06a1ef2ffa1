//! What the operations on every kind of object share: bodies, identifiers, attributes, pages.

use serde::Serialize;
use serde::de::DeserializeOwned;
use strongroom_model::{Attributes, Kind, ObjectName, SoftDelete, Tags, Timestamp, Version};
use strongroom_ops::{DeletedView, MAX_PAGE, Ops, Page, PageRequest};
use strongroom_store::Store;
use strongroom_wire::{Deletion, ObjectAttributes};

use super::Exchange;
use super::answer::Answer;
use super::problem::Problem;
use crate::body::Body;

/// The body as the operation's type. The parser's own text may quote a misplaced secret, so it is
/// neither answered nor logged.
pub(super) fn parse<T: DeserializeOwned>(body: Body) -> Result<T, Problem> {
    let read = serde_json::from_slice(&body);
    // What was sent is zeroized before the operation begins.
    drop(body);
    read.map_err(|_| Problem::bad("Property  has invalid value\r\n"))
}

/// Tags, none of them longer than the kind of object allows.
pub(super) fn tags(
    sent: Option<std::collections::BTreeMap<String, String>>,
    max_chars: usize,
) -> Result<Option<Tags>, Problem> {
    Ok(sent.map(|map| Tags::parse(map, max_chars)).transpose()?)
}

impl<S: Store> Exchange<'_, S> {
    pub(super) fn ops(&self) -> &Ops<S> {
        &self.service.ops
    }

    /// The identifier of an object; of a version, where one is given.
    pub(super) fn id(&self, kind: Kind, name: &ObjectName, version: Option<Version>) -> String {
        let (base, collection) = (self.base, kind.collection());
        match version {
            Some(version) => format!("{base}/{collection}/{name}/{version}"),
            None => format!("{base}/{collection}/{name}"),
        }
    }

    /// The attributes that every object has.
    pub(super) fn attributes(
        &self,
        attributes: &Attributes,
        rules: SoftDelete,
    ) -> ObjectAttributes<'static> {
        let version = self.api_version;
        ObjectAttributes {
            recovery_level: version.has_soft_delete().then(|| rules.recovery_level()),
            recoverable_days: version.has_recoverable_days().then(|| rules.retention_days()),
            ..ObjectAttributes::from(attributes)
        }
    }

    /// How an object was deleted.
    pub(super) fn deletion<L>(&self, kind: Kind, view: &DeletedView<L>) -> Deletion<'static> {
        self.deleted_at(kind, &view.name, view.deleted, view.scheduled_purge)
    }

    /// How an object of a name was deleted.
    pub(super) fn deleted_at(
        &self,
        kind: Kind,
        name: &ObjectName,
        deleted: Timestamp,
        scheduled_purge: Timestamp,
    ) -> Deletion<'static> {
        let (base, collection) = (self.base, kind.collection());
        Deletion {
            recovery_id: format!("{base}/deleted{collection}/{name}").into(),
            deleted_date: deleted.0,
            scheduled_purge_date: scheduled_purge.0,
        }
    }

    /// Whether a list of certificates shows those whose first version is still being made.
    pub(super) fn include_pending(&self) -> Result<bool, Problem> {
        match self.query.get("includePending") {
            None | Some("") => Ok(false),
            Some(text) if text.eq_ignore_ascii_case("true") => Ok(true),
            Some(text) if text.eq_ignore_ascii_case("false") => Ok(false),
            Some(_) => Err(Problem::bad("includePending must be true or false.")),
        }
    }

    /// Which page the query asks for, and the length of it that the client sent.
    pub(super) fn page_request(&self) -> Result<(PageRequest, Option<usize>), Problem> {
        let max_results = match self.query.get("maxresults") {
            None => None,
            Some(text) => {
                let wanted = text.parse().ok().filter(|wanted| (1..=MAX_PAGE).contains(wanted));
                Some(wanted.ok_or_else(|| {
                    Problem::bad(format!("maxresults must be a number from 1 to {MAX_PAGE}."))
                })?)
            }
        };
        let skip_token = self.query.get("$skiptoken").map(str::to_owned);
        let request = PageRequest { max_results: max_results.unwrap_or(MAX_PAGE), skip_token };
        Ok((request, max_results))
    }

    /// The answer of a list at `path`.
    pub(super) fn page<'a, T, W: Serialize>(
        &self,
        path: &str,
        max_results: Option<usize>,
        page: &'a Page<T>,
        shown: impl Fn(&'a T) -> W,
    ) -> Result<Answer, Problem> {
        Answer::json(&strongroom_wire::Page {
            value: page.values.iter().map(shown).collect(),
            next_link: self.next_link(path, max_results, page),
        })
    }

    /// `https://{host}:443/secrets?api-version=…&$skiptoken=…&maxresults=…`: the port is always
    /// there, and maxresults only if the client sent it.
    fn next_link<T>(
        &self,
        path: &str,
        max_results: Option<usize>,
        page: &Page<T>,
    ) -> Option<String> {
        let token = page.skip_token.as_ref()?;
        let port = if self.service.endpoints.port() == 443 { ":443" } else { "" };
        let (base, version) = (self.base, self.api_version.as_str());
        let mut link = format!("{base}{port}/{path}?api-version={version}&$skiptoken={token}");
        if let Some(wanted) = max_results {
            link.push_str(&format!("&maxresults={wanted}"));
        }
        if self.include_pending().is_ok_and(|included| included) {
            link.push_str("&includePending=true");
        }
        Some(link)
    }
}
