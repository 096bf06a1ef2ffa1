//! A condition of a role assignment.

#![no_main]

use libfuzzer_sys::fuzz_target;
use strongroom_authz::condition::{Facts, holds};
use strongroom_fuzz::assert_clean;
use strongroom_model::{Condition, DataAction, Kind, Scope};

const VAULT: &str = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg/\
                     providers/Microsoft.KeyVault/vaults/dev";

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let condition = match Condition::parse(text) {
        Ok(condition) => condition,
        Err(error) => return assert_clean(400, &error.to_string()),
    };
    assert_eq!(condition.as_str(), text);
    let stored = minicbor::to_vec(&condition).unwrap();
    let again: Condition = minicbor::decode(&stored).unwrap();
    assert_eq!(again.expression(), condition.expression());

    let vault = Scope::parse(VAULT).unwrap();
    let secret = Some((Kind::Secret, "db-password"));
    for facts in [
        Facts::of_action("Microsoft.Authorization/roleAssignments/write"),
        Facts::of_data(DataAction::SecretsGet, &vault, secret),
        Facts::of_data(DataAction::SecretsSet, &vault, secret),
        Facts::of_data(DataAction::SecretsReadMetadata, &vault, None),
    ] {
        let verdict = holds(&condition, &facts);
        assert_eq!(holds(&again, &facts), verdict);
        // What is neither true nor false is so negated, too.
        let negated = Condition::parse(&format!("!({text})"));
        if let Ok(negated) = negated {
            assert_eq!(holds(&negated, &facts), verdict.map(|holds| !holds), "{text}");
        }
        for (joined, expected) in [("&&", verdict), ("||", verdict)] {
            if let Ok(twice) = Condition::parse(&format!("({text}) {joined} ({text})")) {
                assert_eq!(holds(&twice, &facts), expected, "{text}");
            }
        }
    }
});
