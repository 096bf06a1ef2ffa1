//! The specification's own examples, read by serde_json alone.

#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, reason = "a test may fail")]

use serde_json::Value;
use strongroom_wire::{Deletion, ObjectAttributes, Page};

macro_rules! example {
    ($name:literal) => {
        include_str!(concat!("examples/", $name, "-example.json"))
    };
}

/// An example's parts, read by serde_json alone.
pub struct Example {
    pub body: Value,
    pub parameters: Value,
    text: String,
}

pub fn read(text: &str) -> Example {
    let example: Value = serde_json::from_str(text).unwrap();
    Example {
        body: example["responses"]["200"]["body"].clone(),
        parameters: example["parameters"]["parameters"].clone(),
        text: text.split_whitespace().collect(),
    }
}

impl Example {
    /// Ours, member for member and in the same order.
    pub fn has_exactly(&self, ours: &[u8]) {
        let ours = std::str::from_utf8(ours).unwrap();
        assert_eq!(serde_json::from_str::<Value>(ours).unwrap(), self.body);
        // White space is in the examples' layout, and in a tag's name.
        let ours: String = ours.split_whitespace().collect();
        assert!(self.text.contains(&ours), "another order than in {}: {ours}", self.text);
    }
}

pub fn attributes(from: &Value) -> ObjectAttributes<'_> {
    ObjectAttributes {
        enabled: from["enabled"].as_bool().unwrap(),
        nbf: from["nbf"].as_i64(),
        exp: from["exp"].as_i64(),
        created: from["created"].as_i64().unwrap(),
        updated: from["updated"].as_i64().unwrap(),
        recovery_level: from["recoveryLevel"].as_str(),
        recoverable_days: None,
    }
}

pub fn deletion(from: &Value) -> Deletion<'_> {
    Deletion {
        recovery_id: from["recoveryId"].as_str().unwrap().into(),
        deleted_date: from["deletedDate"].as_i64().unwrap(),
        scheduled_purge_date: from["scheduledPurgeDate"].as_i64().unwrap(),
    }
}

pub fn page<'a, T>(from: &'a Value, of: impl Fn(&'a Value) -> T) -> Page<T> {
    Page {
        value: from["value"].as_array().unwrap().iter().map(of).collect(),
        next_link: from["nextLink"].as_str().map(str::to_owned),
    }
}

/// A request as serde_json reads it.
pub fn from<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, serde_json::Error> {
    serde_json::from_str(text)
}
