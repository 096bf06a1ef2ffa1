//! A rotation policy, in lines: its expiry time, then for each lifetime action `type after before`
//! with `-` for what is absent. The first 24 bytes are the times of the version and of now.

#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::json;
use strongroom_fuzz::assert_refusal;
use strongroom_http::fuzzing;
use strongroom_model::{
    Attributes, AttributesChange, LifetimeActionParameters, RotationPolicy, RotationRules,
    RotationTrigger, Timestamp,
};
use strongroom_wire::rotation::LifetimeActions;

/// The years that ISO 8601 writes with four digits, in Unix seconds.
const YEARS: std::ops::RangeInclusive<i64> = -62_135_596_800..=253_402_207_200;

fuzz_target!(|data: &[u8]| {
    let Some((times, text)) = data.split_first_chunk::<24>() else { return };
    let Ok(text) = std::str::from_utf8(text) else { return };
    let sent = |text| Some(text).filter(|text| *text != "-");
    let mut lines = text.split('\n');
    let expiry_time = lines.next().and_then(sent);
    let mut actions = Vec::new();
    for line in lines {
        let mut words = line.splitn(3, ' ');
        let (Some(action), after, before) = (words.next(), words.next(), words.next()) else {
            return;
        };
        let (time_after_create, time_before_expiry) = (after.and_then(sent), before.and_then(sent));
        actions.push(LifetimeActionParameters { action, time_after_create, time_before_expiry });
    }
    let parsed = RotationRules::parse(expiry_time, &actions);
    on_the_wire(expiry_time, &actions, parsed.as_ref().ok());
    if let Ok(rules) = parsed {
        comes_back(&rules);
        let [created, expires, now] = [0, 8, 16].map(|at| {
            let bytes = times[at..at + 8].try_into().unwrap();
            Timestamp(i64::from_le_bytes(bytes))
        });
        is_due_in_order(&rules, created, expires, now);
    }
});

/// The body that says the same is read as the same.
fn on_the_wire(
    expiry_time: Option<&str>,
    actions: &[LifetimeActionParameters<'_>],
    parsed: Option<&RotationRules>,
) {
    let actions: Vec<_> = actions
        .iter()
        .map(|sent| {
            let trigger = json!({
                "timeAfterCreate": sent.time_after_create,
                "timeBeforeExpiry": sent.time_before_expiry,
            });
            json!({ "trigger": trigger, "action": { "type": sent.action } })
        })
        .collect();
    let body = json!({ "lifetimeActions": actions, "attributes": { "expiryTime": expiry_time } });
    let read = fuzzing::rotation_policy(body.to_string().as_bytes());
    if let Err(refusal) = &read {
        assert_refusal(refusal);
    }
    assert_eq!(read.as_ref().ok(), parsed);
}

/// What is answered is read as the same, and so is what is stored.
fn comes_back(rules: &RotationRules) {
    let actions: Vec<LifetimeActions<'_>> = rules.lifetime_actions().map(Into::into).collect();
    let expiry_time = rules.expiry_time.map(|life| life.to_string());
    let body = json!({ "lifetimeActions": actions, "attributes": { "expiryTime": expiry_time } });
    let again = fuzzing::rotation_policy(body.to_string().as_bytes());
    assert_eq!(again.as_ref(), Ok(rules), "{body}");
    let policy =
        RotationPolicy { rules: rules.clone(), created: Timestamp(1), updated: Timestamp(2) };
    let stored = minicbor::to_vec(&policy).unwrap();
    assert_eq!(minicbor::decode::<RotationPolicy>(&stored).unwrap(), policy);
}

/// Nothing is due before it was made or after it ends, whatever the times.
fn is_due_in_order(rules: &RotationRules, created: Timestamp, expires: Timestamp, now: Timestamp) {
    let change = AttributesChange { expires: Some(expires), ..AttributesChange::default() };
    let version = Attributes::new(&change, created);
    let rotation = rules.rotation_due(&version);
    let notice = rules.notice_due(&version).expect("it expires");
    let end = rules.expires(now);
    assert_eq!(end.is_some(), rules.expiry_time.is_some());
    if ![created, expires, now].iter().all(|time| YEARS.contains(&time.0)) {
        return;
    }
    assert!(notice <= expires && end.is_none_or(|end| end > now));
    match rules.rotate {
        Some(RotationTrigger::TimeAfterCreate(_)) => assert!(rotation.unwrap() > created),
        Some(RotationTrigger::TimeBeforeExpiry(_)) => assert!(rotation.unwrap() < expires),
        None => assert_eq!(rotation, None),
    }
    // A rotated version is rotated again while it lives.
    if let (Some(end), Some(_)) = (end, rules.rotate)
        && end.0 < *YEARS.end()
    {
        let change = AttributesChange { expires: Some(end), ..AttributesChange::default() };
        let due = rules.rotation_due(&Attributes::new(&change, now)).unwrap();
        assert!(now < due && due < end, "{now:?} {due:?} {end:?}");
    }
}
