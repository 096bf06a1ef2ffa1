//! Vaults: made through the control plane, read all over, listed, and kept while nobody asks.
//!
//! They live in a Strongroom of their own, so that what it takes in memory is theirs.

use std::ops::Range;
use std::path::Path;
use std::time::Instant;

use serde_json::{Value, json};

use super::{READERS, SETTLE, Suite, WRITERS};
use crate::Result;
use crate::client::Connection;
use crate::load::{Hosts, Load, Until, Work};
use crate::report::{Goal, Row, median};
use crate::strongroom::{Home, SAMPLE, Strongroom, block_on, folder};
use crate::{decide, process};

const VERSION: &str = "?api-version=2024-11-01";
const RESOURCES: &str = "?api-version=2021-04-01";

/// Vaults on a full page.
const PAGE: u64 = 1_000;

/// The beginning of each vault's name; its number follows.
const NAME: &str = "v";

/// The way to a vault from its group.
const VAULTS: &str = "/providers/Microsoft.KeyVault/vaults";

/// The group that holds no more vaults than fill a page.
const FEW: &str = "few";

/// A list of many, its names in the table, and the same of few.
struct List {
    page: &'static str,
    flat: &'static str,
    path: String,
    of_few: String,
}

impl Suite {
    /// All of it, with so many vaults.
    pub(super) fn vaults(&mut self, program: &Path, count: u64) -> Result<()> {
        self.decisions()?;
        let dir = folder(&self.dir, "vaults")?;
        let home = Home { program: program.to_owned(), dir, manual_clock: false };
        let mut strongroom = home.start()?;
        std::thread::sleep(SETTLE);
        let idle = process::resident_mib(strongroom.server.pid())?;
        self.make_vaults(&strongroom, count)?;
        self.pages(&strongroom)?;
        std::thread::sleep(SETTLE);
        let made = process::resident_mib(strongroom.server.pid())?;
        drop(strongroom);
        strongroom = home.start()?;
        std::thread::sleep(SETTLE);
        let again = process::resident_mib(strongroom.server.pid())?;
        let each = |resident: f64| (resident - idle) * 1024.0 / count as f64;
        let started = strongroom.first_answer.as_secs_f64();
        self.report.rows.extend([
            Row::of("start to first answer with all vaults", "s", started),
            Row::of("resident for each idle vault, after a start", "KiB", each(again))
                .must(Goal::AtMost(4_000.0 / 1024.0)),
            Row::of("the same, just after all were made and listed", "KiB", each(made))
                .must(Goal::AtMost(4_000.0 / 1024.0)),
        ]);
        self.read_all_over(&strongroom, count)?;
        self.deleted(&strongroom, count)
    }

    fn decisions(&mut self) -> Result<()> {
        let decide::Figures { spread_allowed_ns, spread_denied_ns, all_mine_denied_ns } =
            decide::measure()?;
        let row = |what, nanos: f64| Row::of(what, "µs", nanos / 1_000.0).must(Goal::AtMost(5.0));
        self.report.rows.extend([
            row("a decision among 2,000 assignments, 10 groups: allowed", spread_allowed_ns),
            row("the same, denied", spread_denied_ns),
            row("the same, denied, all 2,000 the caller's own", all_mine_denied_ns),
        ]);
        Ok(())
    }

    /// Makes all of them, few in a group of their own.
    fn make_vaults(&mut self, strongroom: &Strongroom, count: u64) -> Result<()> {
        make_group(strongroom, FEW)?;
        let few = few_of(count);
        let alone = self.make(strongroom, "vaults made, 1 connection", 1, FEW, 0..few / 2)?;
        self.make(strongroom, "vaults made", WRITERS, FEW, few / 2..few)?;
        // So many at a time, to see that it goes on, and whether it slows down.
        let mut rates = Vec::new();
        let mut made = few;
        let tenth = (count - few).div_ceil(10);
        while made < count {
            let next = count.min(made + tenth);
            let what = "vaults made, 64 connections";
            let group = &strongroom.arm.group;
            rates.push(self.make(strongroom, what, WRITERS, group, made..next)?);
            eprintln!("{next} of {count} vaults");
            made = next;
        }
        let (begin, end) = (rates.first().copied(), rates.last().copied());
        let ends = [(end.unwrap_or(f64::NAN), begin.unwrap_or(f64::NAN))];
        self.report.rows.extend([
            Row::of("vaults made over HTTPS, 1 connection", "/s", alone),
            Row::of("vaults made over HTTPS, 64 connections", "/s", median(rates))
                .must(Goal::AtLeast(200.0)),
            Row::beside("the last tenth of them; the first", "/s", &ends),
        ]);
        Ok(())
    }

    /// Makes vaults of these numbers in a group; answers how many in a second.
    fn make(
        &mut self,
        strongroom: &Strongroom,
        what: &'static str,
        connections: usize,
        group: &str,
        numbers: Range<u64>,
    ) -> Result<f64> {
        let arm = &strongroom.arm;
        let body = json!({
            "location": "local",
            "properties": {
                "tenantId": arm.tenant,
                "sku": { "family": "A", "name": "standard" },
                "enableRbacAuthorization": true,
            },
        });
        let work = Work::PutEach {
            prefix: format!("{}{VAULTS}/{NAME}", group_path(strongroom, group)),
            suffix: VERSION.to_owned(),
            body: body.to_string(),
            from: numbers.start,
        };
        let count = numbers.end - numbers.start;
        let load = on_arm(strongroom, connections, work, Until::Sent(count));
        Ok(self.load(what, &load)?.rps)
    }

    /// How long pages take among all vaults, beside a page of a group that fills one.
    fn pages(&mut self, strongroom: &Strongroom) -> Result<()> {
        for list in lists(strongroom) {
            let (mut pages, mut ends) = (Vec::new(), Vec::new());
            for _ in 0..self.report.rounds_each {
                let few = (0..9).map(|_| walk(strongroom, &list.of_few).map(median));
                let few = median(few.collect::<Result<_>>()?);
                let times = walk(strongroom, &list.path)?;
                ends.push(last_and_first(&times));
                pages.push((median(times), few));
            }
            self.report.rows.extend([
                Row::beside(list.page, "µs", &pages).must(Goal::RatioAtMost(1.5)),
                Row::beside(list.flat, "µs", &ends).must(Goal::RatioAtMost(1.5)),
            ]);
        }
        Ok(())
    }

    /// Reads of one secret in each vault, beside reads of one secret in one vault.
    fn read_all_over(&mut self, strongroom: &Strongroom, count: u64) -> Result<()> {
        strongroom.sample(SAMPLE)?;
        let suffix = strongroom.vault.host.strip_prefix("dev").ok_or("another host than dev's")?;
        let vaults = Hosts { prefix: NAME.to_owned(), suffix: suffix.to_owned() };
        let body = json!({ "value": "v".repeat(200) }).to_string();
        let path = SAMPLE.replace("/?", "?");
        let work = Work::SetInVaults { vaults: vaults.clone(), path, body };
        let set = on_vaults(strongroom, WRITERS, work, Until::Sent(count));
        self.load("a secret set in each vault", &set)?;
        std::thread::sleep(SETTLE);
        let mut rounds = Vec::new();
        for _ in 0..self.report.rounds_each {
            let round = Until::Elapsed(self.round);
            let one = on_vaults(strongroom, READERS, Work::Get(SAMPLE.to_owned()), round);
            let one = self.load("get in one vault", &one)?;
            let path = SAMPLE.to_owned();
            let all = Work::GetAmongVaults { vaults: vaults.clone(), path, count };
            let all =
                self.load("get among all vaults", &on_vaults(strongroom, READERS, all, round))?;
            rounds.push((all, one));
        }
        let rates: Vec<_> = rounds.iter().map(|(all, one)| (all.rps, one.rps)).collect();
        let tails: Vec<_> = rounds.iter().map(|(all, one)| (all.p99_us, one.p99_us)).collect();
        let resident = process::resident_mib(strongroom.server.pid())?;
        self.report.rows.extend([
            Row::beside("GET among all vaults; in one vault", "/s", &rates)
                .must(Goal::RatioAtLeast(1.0 / 1.5)),
            Row::beside("GET among all vaults, p99; in one vault", "µs", &tails),
            Row::of("resident when all vaults have been read", "MiB", resident),
        ]);
        Ok(())
    }

    /// The list of deleted vaults: half of them, beside a page of them.
    fn deleted(&mut self, strongroom: &Strongroom, count: u64) -> Result<()> {
        let subscription = &strongroom.arm.subscription;
        let list = format!("{subscription}/providers/Microsoft.KeyVault/deletedVaults{VERSION}");
        let (begin, few) = (few_of(count), few_of(count));
        self.delete(strongroom, begin..begin + few)?;
        let alone = (0..9).map(|_| walk(strongroom, &list).map(median));
        let alone = median(alone.collect::<Result<_>>()?);
        let rate = self.delete(strongroom, begin + few..begin + count / 2)?;
        let (mut pages, mut ends) = (Vec::new(), Vec::new());
        for _ in 0..self.report.rounds_each {
            let times = walk(strongroom, &list)?;
            ends.push(last_and_first(&times));
            pages.push((median(times), alone));
        }
        self.report.rows.extend([
            Row::of("vaults deleted over HTTPS, 64 connections", "/s", rate),
            Row::beside("a page of deleted vaults, half of all; the only page", "µs", &pages)
                .must(Goal::RatioAtMost(1.5)),
            Row::beside("the same, the last pages; the first", "µs", &ends)
                .must(Goal::RatioAtMost(1.5)),
        ]);
        Ok(())
    }

    /// Deletes vaults of these numbers; answers how many in a second.
    fn delete(&mut self, strongroom: &Strongroom, numbers: Range<u64>) -> Result<f64> {
        let group = group_path(strongroom, &strongroom.arm.group);
        let work = Work::DeleteEach {
            prefix: format!("{group}{VAULTS}/{NAME}"),
            suffix: VERSION.to_owned(),
            from: numbers.start,
        };
        let until = Until::Sent(numbers.end - numbers.start);
        Ok(self.load("vaults deleted", &on_arm(strongroom, WRITERS, work, until))?.rps)
    }
}

/// How many of so many are few: a page full, where there are enough.
fn few_of(count: u64) -> u64 {
    PAGE.min(count / 4)
}

fn lists(strongroom: &Strongroom) -> [List; 3] {
    let subscription = &strongroom.arm.subscription;
    let (many, few) = (group_path(strongroom, &strongroom.arm.group), group_path(strongroom, FEW));
    let resources =
        format!("/resources{RESOURCES}&$filter=resourceType%20eq%20'Microsoft.KeyVault/vaults'");
    [
        List {
            page: "a page of a subscription's vaults; of a group of 1,000",
            flat: "the same, the last pages; the first",
            path: format!("{subscription}{VAULTS}{VERSION}"),
            of_few: format!("{few}{VAULTS}{VERSION}"),
        },
        List {
            page: "a page of a group's vaults; of a group of 1,000",
            flat: "the same, the last pages; the first",
            path: format!("{many}{VAULTS}{VERSION}"),
            of_few: format!("{few}{VAULTS}{VERSION}"),
        },
        List {
            page: "a page of resources that are vaults; of a group of 1,000",
            flat: "the same, the last pages; the first",
            path: format!("{subscription}{resources}"),
            of_few: format!("{few}{resources}"),
        },
    ]
}

fn group_path(strongroom: &Strongroom, group: &str) -> String {
    format!("{}/resourceGroups/{group}", strongroom.arm.subscription)
}

fn make_group(strongroom: &Strongroom, group: &str) -> Result<()> {
    let arm = &strongroom.arm;
    let path = format!("{}{RESOURCES}", group_path(strongroom, group));
    let body = Some(("application/json", r#"{"location":"local"}"#));
    let request = arm.endpoint.request("PUT", &path, Some(&arm.token), body);
    block_on(async {
        let mut connection = arm.endpoint.connect().await?;
        match connection.exchange(&request).await?.status {
            200 | 201 => Ok(()),
            status => Err(format!("{path} was answered {status}").into()),
        }
    })
}

/// Goes through a list from its first page to its last; answers what each full page took, in µs.
/// One that is never full is measured all the same.
fn walk(strongroom: &Strongroom, path: &str) -> Result<Vec<f64>> {
    block_on(async {
        let mut connection = strongroom.arm.endpoint.connect().await?;
        let (mut times, mut next) = (Vec::new(), Some(path.to_owned()));
        while let Some(path) = next {
            let (took, page) = page(strongroom, &mut connection, &path).await?;
            let shown = page["value"].as_array().map_or(0, Vec::len) as u64;
            let link = page["nextLink"].as_str();
            next = link.and_then(|l| l.strip_prefix(&strongroom.arm.url)).map(str::to_owned);
            if shown == PAGE || times.is_empty() {
                times.push(took);
            }
        }
        Ok(times)
    })
}

/// One page, and how long it took to come, in µs.
async fn page(
    strongroom: &Strongroom,
    connection: &mut Connection,
    path: &str,
) -> Result<(f64, Value)> {
    let arm = &strongroom.arm;
    let request = arm.endpoint.request("GET", path, Some(&arm.token), None);
    let begun = Instant::now();
    let response = connection.exchange(&request).await?;
    let took = begun.elapsed().as_secs_f64() * 1e6;
    if response.status != 200 {
        let body = String::from_utf8_lossy(response.body);
        return Err(format!("{path} was answered {}: {body}", response.status).into());
    }
    Ok((took, serde_json::from_slice(response.body)?))
}

/// What the last and the first tenth of the pages took.
fn last_and_first(times: &[f64]) -> (f64, f64) {
    let tenth = times.len().div_ceil(10);
    let (first, last) = (&times[..tenth], &times[times.len() - tenth..]);
    (median(last.to_vec()), median(first.to_vec()))
}

fn on_arm(strongroom: &Strongroom, connections: usize, work: Work, until: Until) -> Load {
    let (endpoint, bearer) = (strongroom.arm.endpoint.clone(), strongroom.arm.token.clone());
    let server_pid = Some(strongroom.server.pid());
    Load { endpoint, connections, bearer: Some(bearer), work, until, server_pid }
}

fn on_vaults(strongroom: &Strongroom, connections: usize, work: Work, until: Until) -> Load {
    let (endpoint, bearer) = (strongroom.vault.clone(), strongroom.token.clone());
    let server_pid = Some(strongroom.server.pid());
    Load { endpoint, connections, bearer: Some(bearer), work, until, server_pid }
}
