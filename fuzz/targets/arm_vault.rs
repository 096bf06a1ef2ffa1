//! The body of a vault, as `PUT` and `PATCH` take it.

#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use strongroom_arm::fuzzing;
use strongroom_fuzz::assert_clean;
use strongroom_model::NetworkAcls;

fuzz_target!(|data: &[u8]| {
    let shut = NetworkAcls {
        bypass_azure_services: false,
        default_deny: true,
        ip_rules: vec!["192.0.2.1/32".into()],
        virtual_network_rules: Vec::new(),
    };
    let changed = fuzzing::vault(data, false, Some(&shut));
    let made = fuzzing::vault(data, true, Some(&shut));
    for refusal in [&changed, &made].into_iter().filter_map(|outcome| outcome.as_ref().err()) {
        assert_clean(refusal.status.as_u16(), &refusal.message);
    }
    // Whatever makes a vault may change one, and says the same.
    if let Ok(made) = &made {
        assert_eq!(changed.as_ref().ok(), Some(made));
    }
    let (Ok(changed), Ok(body)) = (changed, serde_json::from_slice::<Value>(bare(data))) else {
        return;
    };
    // What is left out stays as it was: leaving out never opens a vault.
    let Some(network) = changed.network else { return };
    let sent = |name| {
        member(&body, "properties")
            .and_then(|properties| member(properties, "networkAcls"))
            .and_then(|rules| member(rules, name))
            .is_some_and(|value| !value.is_null())
    };
    assert!(network.default_deny || sent("defaultAction"));
    assert!(!network.bypass_azure_services || sent("bypass"));
    assert!(network.ip_rules == shut.ip_rules || sent("ipRules"));
    assert!(network.virtual_network_rules.is_empty() || sent("virtualNetworkRules"));
});

/// A member of an object, in whatever case its name is written.
fn member<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    let mut members = value.as_object()?.iter();
    members.find(|(spelt, _)| spelt.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

/// Without the byte order mark, which is passed over.
fn bare(data: &[u8]) -> &[u8] {
    data.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(data)
}
