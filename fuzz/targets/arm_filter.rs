//! A `$filter`, as each list of the control plane and of Graph takes it.

#![no_main]

use std::collections::BTreeMap;

use libfuzzer_sys::fuzz_target;
use strongroom_arm::fuzzing::{self, Listed};
use strongroom_fuzz::assert_clean;
use strongroom_model::SubscriptionId;
use uuid::Uuid;

const SUBSCRIPTION: SubscriptionId = SubscriptionId(Uuid::from_u128(1));

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    resources(text);
    if let Err(refusal) = fuzzing::clauses(text) {
        assert_clean(refusal.status.as_u16(), &refusal.message);
    }
    match fuzzing::activity(text, SUBSCRIPTION) {
        Ok(is_within) => assert!(is_within, "{text}"),
        Err(refusal) => assert_clean(refusal.status.as_u16(), &refusal.message),
    }
    if let Err((status, message)) = strongroom_graph::fuzzing::filter(text) {
        assert_clean(status, &message);
    }
});

/// What is looked up instead of listed loses nothing that the filter would let pass, and groups
/// take no more than resources do.
fn resources(text: &str) {
    let tags = BTreeMap::from([("env".to_owned(), "prod".to_owned())]);
    for name in ["dev", "prod"] {
        let resource_type = "Microsoft.KeyVault/vaults";
        let found = Listed { name, resource_type, group: "rg", tags: &tags };
        let of_resources = fuzzing::resources(text, false, found);
        let of_groups = fuzzing::resources(text, true, found);
        match &of_resources {
            Ok(verdict) if verdict.admits => {
                for (only, is) in verdict.only.iter().zip([name, resource_type, "rg"]) {
                    assert!(only.as_ref().is_none_or(|only| same(only, is)), "{text}");
                }
            }
            Ok(_) => {}
            Err(refusal) => {
                assert_clean(refusal.status.as_u16(), &refusal.message);
                assert!(of_groups.is_err(), "{text}");
            }
        }
        if let (Ok(group), Ok(resource)) = (of_groups, of_resources) {
            assert_eq!(group.admits, resource.admits, "{text}");
        }
    }
}

fn same(left: &str, right: &str) -> bool {
    left.to_lowercase() == right.to_lowercase()
}
