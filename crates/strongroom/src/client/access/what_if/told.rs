//! The report, for people and for programs.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::{Value, json};
use strongroom_model::Timestamp;
use strongroom_ops::what_if::{Difference, Report, Seen};

/// What was seen, the most frequent first.
type Sorted<'a> = Vec<(&'a Difference, Seen)>;

/// The report as a document; `period` is the time it is about, in Unix milliseconds.
pub(super) fn document(report: &Report, period: (i64, i64)) -> Value {
    let not_judged = report.not_judged.iter();
    let not_judged =
        not_judged.map(|(why, count)| json!({ "reason": why, "text": why.text(), "count": count }));
    json!({
        "from": time(period.0),
        "to": time(period.1),
        "lookedAt": report.looked_at,
        "judged": report.judged,
        "wouldBeRefused": rows(&report.refused),
        "wouldBeAllowed": rows(&report.allowed),
        "unnamed": report.unnamed,
        "notJudged": not_judged.collect::<Vec<_>>(),
    })
}

/// The report in sentences.
pub(super) fn text(report: &Report, period: (i64, i64)) -> String {
    let mut text = format!(
        "{} requests from {} to {}, {} of them judged, by the roles, groups, vaults and principals \
         of today.\n",
        report.looked_at,
        time(period.0),
        time(period.1),
        report.judged
    );
    let refused = ("Would be refused, and is allowed today", report.refusals(), &report.refused);
    let allowed = ("Would be allowed, and is refused today", report.allowances(), &report.allowed);
    for (what, count, differences) in [refused, allowed] {
        let _ = match count {
            0 => writeln!(text, "{what}: nothing."),
            _ => writeln!(text, "{what}: {count} requests."),
        };
        for (difference, seen) in sorted(differences) {
            let _ = writeln!(text, "  {}", line(difference, seen));
        }
    }
    if report.unnamed > 0 {
        let _ = writeln!(text, "{} more requests differ: too many to list.", report.unnamed);
    }
    for (why, count) in &report.not_judged {
        let _ = writeln!(text, "Not judged: {count} requests: {}.", why.text());
    }
    text
}

fn line(difference: &Difference, seen: Seen) -> String {
    let Difference { principal_id, principal, operation, scope, address, code, .. } = difference;
    let who = match principal {
        Some(name) => format!("{name} ({principal_id})"),
        None => principal_id.clone(),
    };
    let from = address.map(|address| format!(" from {address}")).unwrap_or_default();
    let last = time(seen.last_ms);
    let often = match seen.count {
        1 => "once".to_owned(),
        count => format!("{count} times, last"),
    };
    format!("{often} {last}: {operation} on {scope} by {who}{from}: {code}")
}

fn sorted(differences: &BTreeMap<Difference, Seen>) -> Sorted<'_> {
    let mut sorted: Sorted<'_> = differences.iter().map(|(one, seen)| (one, *seen)).collect();
    sorted.sort_by_key(|(_, seen)| (Reverse(seen.count), Reverse(seen.last_ms)));
    sorted
}

fn rows(differences: &BTreeMap<Difference, Seen>) -> Value {
    let row = |(difference, seen): (&Difference, Seen)| {
        json!({
            "principalId": difference.principal_id,
            "principal": difference.principal,
            "appId": difference.app_id,
            "operation": difference.operation,
            "scope": difference.scope,
            "vault": difference.vault,
            "object": difference.object,
            "address": difference.address,
            "code": difference.code,
            "count": seen.count,
            "lastSeen": time(seen.last_ms),
        })
    };
    sorted(differences).into_iter().map(row).collect()
}

fn time(unix_ms: i64) -> String {
    Timestamp(unix_ms.div_euclid(1_000)).rfc3339()
}

#[cfg(test)]
mod tests {
    use strongroom_ops::what_if::NotJudged;

    use super::*;

    fn report() -> Report {
        let difference = |object: &str| Difference {
            principal_id: "p".into(),
            operation: "SecretGet".into(),
            scope: format!("/v/secrets/{object}"),
            object: Some(object.into()),
            address: Some([192, 0, 2, 1].into()),
            code: "ForbiddenByRbac".into(),
            ..Difference::default()
        };
        let mut report = Report { looked_at: 9, judged: 7, ..Report::default() };
        report.refused.insert(difference("a"), Seen { count: 1, last_ms: 5_000 });
        report.refused.insert(difference("b"), Seen { count: 4, last_ms: 4_000 });
        report.not_judged.insert(NotJudged::VaultGone, 2);
        report
    }

    #[test]
    fn people_are_told_the_most_frequent_first() {
        let told = text(&report(), (0, 86_400_000));
        let lines: Vec<&str> = told.lines().collect();
        assert!(lines[0].starts_with("9 requests from 1970-01-01T00:00:00Z to 1970-01-02"));
        assert_eq!(lines[1], "Would be refused, and is allowed today: 5 requests.");
        let first = "  4 times, last 1970-01-01T00:00:04Z: SecretGet on /v/secrets/b by p from \
                     192.0.2.1: ForbiddenByRbac";
        assert_eq!(lines[2], first);
        assert!(lines[3].starts_with("  once 1970-01-01T00:00:05Z: SecretGet"), "{told}");
        assert_eq!(lines[4], "Would be allowed, and is refused today: nothing.");
        assert!(lines[5].starts_with("Not judged: 2 requests: the vault"), "{told}");
    }

    #[test]
    fn programs_get_every_figure() {
        let document = document(&report(), (0, 1_000));
        assert_eq!(document["wouldBeRefused"][0]["object"], "b");
        assert_eq!(document["wouldBeRefused"][1]["lastSeen"], "1970-01-01T00:00:05Z");
        assert_eq!(document["wouldBeAllowed"], json!([]));
        assert_eq!(document["notJudged"][0]["reason"], "vaultGone");
        assert_eq!(document["to"], "1970-01-01T00:00:01Z");
    }
}
