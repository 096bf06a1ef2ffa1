//! The secret bodies against the specification's own examples, letter by letter.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

#[macro_use]
mod common;

use std::collections::BTreeMap;

use common::{attributes, deletion, from, page, read};
use serde_json::Value;
use strongroom_model::{Attributes, AttributesChange, Timestamp};
use strongroom_wire::secrets::{
    BackupSecretResult, DeletedSecretBundle, DeletedSecretItem, SecretBundle, SecretItem,
    SecretRestoreParameters, SecretSetParameters, SecretUpdateParameters,
};
use strongroom_wire::{AttributesParameters, ObjectAttributes, Page, SecretValue};
use strongroom_wire::{to_json, to_secret_json};

fn bundle<'a>(from: &'a Value, value: Option<&'a SecretValue>) -> SecretBundle<'a> {
    SecretBundle {
        value,
        content_type: from["contentType"].as_str(),
        id: from["id"].as_str().unwrap().into(),
        managed: None,
        attributes: attributes(&from["attributes"]),
        tags: None,
        kid: None,
        previous_version: None,
    }
}

fn item(from: &Value) -> SecretItem<'_> {
    SecretItem {
        content_type: from["contentType"].as_str(),
        id: from["id"].as_str().unwrap().into(),
        managed: None,
        attributes: attributes(&from["attributes"]),
        tags: None,
    }
}

#[test]
fn bundles_are_the_examples() {
    for text in [example!("GetSecret"), example!("SetSecret")] {
        let example = read(text);
        let value = SecretValue::new(example.body["value"].as_str().unwrap().to_owned());
        example.has_exactly(&to_secret_json(&bundle(&example.body, Some(&value))).unwrap());
    }
    for text in [example!("RecoverDeletedSecret"), example!("RestoreSecret")] {
        let example = read(text);
        example.has_exactly(&to_json(&bundle(&example.body, None)).unwrap());
    }
}

#[test]
fn deleted_bundles_are_the_examples() {
    for text in [example!("DeleteSecret"), example!("GetDeletedSecret")] {
        let example = read(text);
        let body = &example.body;
        let ours = DeletedSecretBundle { deletion: deletion(body), secret: bundle(body, None) };
        example.has_exactly(&to_json(&ours).unwrap());
    }
}

#[test]
fn pages_are_the_examples() {
    for text in [example!("GetSecrets"), example!("GetSecretVersions")] {
        let example = read(text);
        example.has_exactly(&to_json(&page(&example.body, item)).unwrap());
    }
    let example = read(example!("GetDeletedSecrets"));
    let of = |v| DeletedSecretItem { deletion: deletion(v), secret: item(v) };
    example.has_exactly(&to_json(&page(&example.body, of)).unwrap());
}

#[test]
fn the_last_page_says_null() {
    let last: Page<SecretItem<'_>> = Page { value: Vec::new(), next_link: None };
    assert_eq!(to_json(&last).unwrap(), br#"{"value":[],"nextLink":null}"#);
}

#[test]
fn backup_and_restore_are_the_examples() {
    let backup = read(example!("BackupSecret"));
    let value = backup.body["value"].as_str().unwrap().to_owned();
    backup.has_exactly(&to_json(&BackupSecretResult { value }).unwrap());
    let restore = read(example!("RestoreSecret"));
    let sent: SecretRestoreParameters = from(&restore.parameters.to_string()).unwrap();
    assert_eq!(sent.value, restore.parameters["value"].as_str().unwrap());
}

/// The order of the members that no example has, as the real service was seen to answer them.
#[test]
fn every_member_has_its_place() {
    let value = SecretValue::new("v\"\n\u{1F511}".to_owned());
    let tags = BTreeMap::from([("a".to_owned(), "1".to_owned())]);
    let attributes = ObjectAttributes {
        nbf: Some(1),
        exp: Some(2),
        recovery_level: Some("CustomizedRecoverable+Purgeable"),
        recoverable_days: Some(7),
        ..ObjectAttributes::from(&Attributes::new(&AttributesChange::default(), Timestamp(3)))
    };
    let bundle = SecretBundle {
        value: Some(&value),
        content_type: Some("text"),
        id: "id".into(),
        managed: Some(true),
        attributes,
        tags: Some(&tags),
        kid: Some("kid".into()),
        previous_version: Some("before".into()),
    };
    let json = to_secret_json(&bundle).unwrap();
    assert_eq!(
        std::str::from_utf8(&json).unwrap(),
        "{\"value\":\"v\\\"\\n\u{1F511}\",\"contentType\":\"text\",\"id\":\"id\",\
         \"managed\":true,\"attributes\":{\"enabled\":true,\"nbf\":1,\"exp\":2,\"created\":3,\
         \"updated\":3,\"recoveryLevel\":\"CustomizedRecoverable+Purgeable\",\
         \"recoverableDays\":7},\"tags\":{\"a\":\"1\"},\"kid\":\"kid\",\
         \"previousVersion\":\"before\"}"
    );
    assert_eq!(json.capacity(), 512, "the buffer has the usual room and never grew");

    let long = SecretValue::new("\"".repeat(2_000));
    let json = to_secret_json(&SecretBundle { value: Some(&long), ..bundle }).unwrap();
    let whole: Value = serde_json::from_slice(&json).unwrap();
    assert_eq!(whole["value"], "\"".repeat(2_000));
    assert_eq!(json.capacity(), json.len(), "a longer one is measured first");
}

#[test]
fn requests_are_read_as_sent() {
    let set: SecretSetParameters =
        from(&read(example!("SetSecret")).parameters.to_string()).unwrap();
    assert_eq!(set.value.expose(), "mysecretvalue");
    assert!(set.tags.is_none() && set.content_type.is_none() && set.attributes.is_none());
    let update: SecretUpdateParameters =
        from(&read(example!("UpdateSecret")).parameters.to_string()).unwrap();
    assert_eq!(update.content_type.as_deref(), Some("myContentType"));
    assert_eq!(update.tags.unwrap()["mytag"], "myvalue");
    let sent = update.attributes.unwrap();
    let expected = AttributesParameters { enabled: Some(true), nbf: None, exp: None };
    assert_eq!(sent, expected);
    assert_eq!(AttributesChange::from(sent).enabled, Some(true));
}

#[test]
fn unknown_members_and_nulls_are_ignored() {
    let set: SecretSetParameters = from(
        r#"{"value":"a\u00e9\ud83d\udd11","tags":null,"contentType":null,"novel":[{}],
            "attributes":{"enabled":null,"nbf":5,"created":1,"recoveryLevel":"x","novel":1}}"#,
    )
    .unwrap();
    assert_eq!(set.value.into_string(), "a\u{e9}\u{1F511}");
    assert!(set.tags.is_none() && set.content_type.is_none());
    let sent = set.attributes.unwrap();
    assert_eq!(sent, AttributesParameters { enabled: None, nbf: Some(5), exp: None });
    assert!(from::<SecretUpdateParameters>("{}").unwrap().attributes.is_none());
}

#[test]
fn wrong_types_and_missing_values_are_errors_that_do_not_show_the_value() {
    for bad in [
        "",
        "[]",
        "{}",
        "{\"value\":null}",
        "{\"value\":17}",
        "{\"value\":[\"planted\"]}",
        "{\"value\":\"planted\"",
        "{\"value\":\"planted\\x\"}",
        "{\"value\":\"planted\\ud800\"}",
        "{\"value\":\"planted\",\"contentType\":1}",
        "{\"value\":\"planted\",\"tags\":{\"a\":1}}",
        "{\"value\":\"planted\",\"tags\":[]}",
        "{\"value\":\"planted\",\"attributes\":{\"enabled\":\"true\"}}",
        "{\"value\":\"planted\",\"attributes\":{\"exp\":1.5}}",
        "{\"value\":\"planted\",\"attributes\":{\"exp\":9223372036854775808}}",
        "{\"value\":\"planted\",\"value\":\"twice\"}",
    ] {
        let Err(error) = from::<SecretSetParameters>(bad) else { panic!("accepted {bad}") };
        assert!(!error.to_string().contains("planted"), "{error}");
    }
}
