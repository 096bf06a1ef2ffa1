//! The activity log: the changes of the control plane, as `az monitor activity-log list` asks for
//! them, read from the audit journal. A failed attempt is one of them, a read is not.

mod event;
mod filter;

use http::Method;
use jiff::Timestamp;
use serde_json::{Value, json};
use strongroom_audit::{Findings, History, Search, Spot};
use strongroom_model::Scope;
use strongroom_store::Store;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use crate::{ArmRequest, Problem, Reply};
use event::Change;
use filter::Filter;

/// Changes on a page; each is two events at most, its beginning and its end.
const PAGE: usize = 100;

/// Records of the journal that are read for one page. Most are of the data plane.
const MOST_READ: usize = 200_000;

/// Searches at once: each keeps a thread and the disk busy.
static SEARCHES: Semaphore = Semaphore::const_new(2);

const READ: &str = "Microsoft.Insights/eventtypes/values/read";

/// Answers a request for `Microsoft.Insights`.
///
/// # Errors
/// A [`Problem`].
pub(crate) async fn answer<S: Store>(request: &mut ArmRequest<'_, S>) -> Result<Reply, Problem> {
    let at_subscription = request.target.subscription_text().is_some();
    match (request.target.route().as_slice(), at_subscription) {
        (_, _) if request.method != Method::GET => Err(Problem::method(&request.method)),
        (["eventtypes", "management", "values"], true) => list(request).await,
        (["eventcategories"], false) => Reply::list(vec![
            json!({ "value": "Administrative", "localizedValue": "Administrative" }),
        ]),
        _ => Err(Problem::no_path(&request.target.path())),
    }
}

async fn list<S: Store>(request: &mut ArmRequest<'_, S>) -> Result<Reply, Problem> {
    let subscription = request.subscription()?;
    let filter = Filter::parse(request.query.get("$filter"))?;
    let scope = filter.scope(subscription.id);
    request.permit(READ, &scope)?;
    let before = request.query.get("$skiptoken").map(str::parse::<Spot>).transpose();
    let before = before
        .map_err(|_| Problem::bad("InvalidSkipToken", "The provided skip token is not valid."))?;
    let search = Search {
        from_ms: filter.from_ms,
        to_ms: filter.to_ms,
        before,
        records: PAGE,
        read: MOST_READ,
    };
    let base = request.service.endpoints.url("management");
    let root = Scope::subscription(subscription.id);
    let history = request.service.ops.audit().history();
    let wanted = filter.clone();
    let found = search_for(history, search, move |record| {
        Change::of(record, &base)
            .is_some_and(|change| change.is_below(&root) && wanted.fits(&change))
    })
    .await?;
    let base = request.service.endpoints.url("management");
    let select = request.query.get("$select").map(selected);
    let events: Vec<Value> = found
        .records
        .iter()
        .filter_map(|record| Change::of(record, &base))
        .flat_map(|change| change.events(&subscription, &request.directory))
        .filter(|event| filter.fits_status(event))
        .map(|event| project(event, select.as_deref()))
        .collect();
    Reply::page(events, found.next.map(|spot| next_link(request, spot)))
}

/// Searches on a thread that may block.
async fn search_for(
    history: History,
    search: Search,
    is_wanted: impl Fn(&strongroom_audit::Record) -> bool + Send + 'static,
) -> Result<Findings, Problem> {
    let found = in_turn(&SEARCHES, move || history.search(&search, is_wanted)).await?;
    found.map_err(|error| Problem::internal(&error))
}

/// Works on a thread that may block, when it is its turn. The work goes on when the client does
/// not wait for it, and so does its turn.
async fn in_turn<T: Send + 'static>(
    turns: &'static Semaphore,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Problem> {
    let turn = turns.acquire().await.map_err(|error| Problem::internal(&error))?;
    let worked = spawn_blocking(move || {
        let _turn = turn;
        work()
    });
    worked.await.map_err(|error| Problem::internal(&error))
}

fn selected(text: &str) -> Vec<String> {
    text.split(',').map(|name| name.trim().to_ascii_lowercase()).collect()
}

/// The event with the members that were asked for.
fn project(mut event: Value, select: Option<&[String]>) -> Value {
    if let (Some(names), Value::Object(members)) = (select, &mut event) {
        members.retain(|member, _| names.contains(&member.to_ascii_lowercase()));
    }
    event
}

fn next_link<S: Store>(request: &ArmRequest<'_, S>, spot: Spot) -> String {
    let mut link = request.url(&request.target.path());
    for name in ["$filter", "$select"] {
        if let Some(value) = request.query.get(name) {
            let encoded =
                percent_encoding::utf8_percent_encode(value, percent_encoding::NON_ALPHANUMERIC);
            link.push_str(&format!("&{name}={encoded}"));
        }
    }
    format!("{link}&$skiptoken={spot}")
}

/// A time with seven digits of a second, as the real service writes it.
fn written(unix_ms: i64) -> String {
    let time = Timestamp::from_millisecond(unix_ms).unwrap_or_default();
    time.strftime("%Y-%m-%dT%H:%M:%S%.3f0000Z").to_string()
}

/// Whether the scope that a `$filter` asks about lies in the subscription, for `fuzz/`.
#[cfg(any(fuzzing, test))]
pub(crate) fn is_within(
    text: &str,
    subscription: strongroom_model::SubscriptionId,
) -> Result<bool, Problem> {
    let scope = Filter::parse(Some(text))?.scope(subscription);
    Ok(Scope::subscription(subscription).contains(&scope))
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    /// Who asks and goes away, again and again, keeps no more threads busy than who waits.
    #[tokio::test]
    async fn a_client_that_goes_away_gives_no_turn_back_before_its_work_ends() {
        static TURNS: Semaphore = Semaphore::const_new(1);
        let (end, ended) = channel::<()>();
        let (begin, begun) = channel();
        let gone = tokio::spawn(in_turn(&TURNS, move || {
            begin.send(()).unwrap();
            ended.recv().ok();
        }));
        let begun = move || begun.recv().unwrap();
        spawn_blocking(begun).await.unwrap();
        gone.abort();
        assert!(gone.await.unwrap_err().is_cancelled());
        assert!(TURNS.try_acquire().is_err(), "the work goes on, and another one may begin");
        drop(end);
        assert_eq!(in_turn(&TURNS, || 7).await.unwrap(), 7);
    }
}
