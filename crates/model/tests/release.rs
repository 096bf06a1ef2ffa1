//! The grammar of release policies, and what satisfies it.

#![expect(clippy::unwrap_used, reason = "a failure here is a failed test")]

use proptest::prelude::*;
use serde_json::{Value, json};
use strongroom_model::release::{
    self, Authority, Claims, Grammar, MAX_BYTES, MAX_CONDITIONS, MAX_DEPTH, Verdict,
};
use strongroom_model::{
    AkpAlgorithm, KeyListing, KeyOperation, KeyType, ModelError, PublicKey, ReleasePolicy,
};

const ISSUER: &str = "https://sharedeus.eus.attest.azure.net";

fn claims(value: &Value) -> Claims {
    value.as_object().unwrap().clone()
}

fn parse(policy: &Value) -> Result<Grammar, ModelError> {
    Grammar::parse(policy.to_string().as_bytes())
}

/// A policy with one condition.
fn of_condition(condition: &Value) -> Value {
    json!({"version": "1.0.0", "anyOf": [{"authority": ISSUER, "allOf": [condition]}]})
}

fn judge(policy: &Value, attested: &Value) -> Verdict {
    parse(policy).unwrap().judge(&Authority::parse(ISSUER).unwrap(), &claims(attested))
}

// The policy that azure-cli gives keys of confidential VMs (`--default-cvm-policy`), and the
// claims of a confidential VM's token as Azure's documents show them.
#[test]
fn a_confidential_vm_satisfies_its_policy() {
    let policy = json!({"version": "1.0.0", "anyOf": [
        {"authority": "https://sharedeus.eus.attest.azure.net/", "allOf": [
            {"claim": "x-ms-isolation-tee.x-ms-attestation-type", "equals": "sevsnpvm"},
            {"claim": "x-ms-isolation-tee.x-ms-compliance-status", "equals": "azure-compliant-cvm"}
        ]},
        {"authority": "https://sharedwus.wus.attest.azure.net/", "allOf": [
            {"claim": "x-ms-isolation-tee.x-ms-attestation-type", "equals": "sevsnpvm"}
        ]}
    ]});
    let attested = json!({"iss": ISSUER, "secureboot": true, "x-ms-attestation-type": "azurevm",
        "x-ms-isolation-tee": {"x-ms-attestation-type": "sevsnpvm",
            "x-ms-compliance-status": "azure-compliant-cvm"}});
    assert_eq!(judge(&policy, &attested), Verdict::Satisfied);
    let other = json!({"x-ms-isolation-tee": {"x-ms-attestation-type": "sevsnpvm",
        "x-ms-compliance-status": "azure-signed-uvm"}});
    let unmet = "x-ms-isolation-tee.x-ms-compliance-status".to_owned();
    assert_eq!(judge(&policy, &other), Verdict::Unmet(unmet));
    let grammar = parse(&policy).unwrap();
    let stranger = Authority::parse("https://evil.example").unwrap();
    assert_eq!(grammar.judge(&stranger, &claims(&attested)), Verdict::OtherAuthority);
}

// What Key Vault answered to a create request, in a recording of the JavaScript SDK's tests
// (keys_client__create_read_update_and_delete_operations_releasekey): the same members in another
// order.
#[test]
fn the_document_is_answered_in_the_services_order() {
    let sent = br#"{"anyOf":[{"allOf":[{"claim":"sdk-test","equals":"true"}],
        "authority":"https://timovkeyvaultsite.azurewebsites.net/"}],"version":"1.0.0"}"#;
    let answered = concat!(
        r#"{"version":"1.0.0","anyOf":[{"authority":"#,
        r#""https://timovkeyvaultsite.azurewebsites.net/","#,
        r#""allOf":[{"claim":"sdk-test","equals":"true"}]}]}"#
    );
    assert_eq!(Grammar::parse(sent).unwrap().to_json().unwrap(), answered.as_bytes());
}

// Recorded too: `condition`, `value` and version 1.0 come back as `equals` and 1.0.0.
#[test]
fn the_older_form_of_a_condition_is_read() {
    let sent = br#"{"anyOf":[{"anyOf":[{"claim":"sdk-test","condition":"equals","value":"true"}],
        "authority":"https://skrattestation.azurewebsites.net/"}],"version":"1.0"}"#;
    let written = Grammar::parse(sent).unwrap().to_json().unwrap();
    let written: Value = serde_json::from_slice(&written).unwrap();
    let rule = &written["anyOf"][0];
    assert_eq!(written["version"], "1.0.0");
    assert_eq!(rule["anyOf"], json!([{"claim": "sdk-test", "equals": "true"}]));
}

// Recorded: the policy says "true" in quotes, the mock attestation service says true, and the
// service released the key.
#[test]
fn a_quoted_truth_value_equals_the_truth_value() {
    let quoted = of_condition(&json!({"claim": "sdk-test", "equals": "true"}));
    assert_eq!(judge(&quoted, &json!({"sdk-test": true})), Verdict::Satisfied);
    assert_eq!(judge(&quoted, &json!({"sdk-test": "true"})), Verdict::Satisfied);
    assert_ne!(judge(&quoted, &json!({"sdk-test": false})), Verdict::Satisfied);
    assert_ne!(judge(&quoted, &json!({"sdk-test": 1})), Verdict::Satisfied);
    assert_ne!(judge(&quoted, &json!({"sdk-test": "True"})), Verdict::Satisfied);
    let bare = of_condition(&json!({"claim": "sdk-test", "equals": true}));
    assert_eq!(judge(&bare, &json!({"sdk-test": true})), Verdict::Satisfied);
    assert_ne!(judge(&bare, &json!({"sdk-test": "true"})), Verdict::Satisfied);
}

#[test]
fn only_an_equal_value_of_the_same_type_will_do() {
    for (equals, met, unmet) in [
        (json!("a"), json!("a"), vec![json!("A"), json!("a "), json!(["a"]), json!(null)]),
        (json!(3), json!(3), vec![json!("3"), json!(4), json!([3]), json!(3.5)]),
        (json!(3), json!(3.0), vec![]),
        (json!(u64::MAX), json!(u64::MAX), vec![json!(u64::MAX - 1)]),
        (json!(""), json!(""), vec![json!(null), json!({}), json!([])]),
    ] {
        let policy = of_condition(&json!({"claim": "c", "equals": equals}));
        assert_eq!(judge(&policy, &json!({"c": met})), Verdict::Satisfied, "{equals}");
        for other in unmet {
            let verdict = judge(&policy, &json!({"c": other}));
            assert_eq!(verdict, Verdict::Unmet("c".into()), "{equals} {other}");
        }
        assert_eq!(judge(&policy, &json!({})), Verdict::Unmet("c".into()));
    }
}

#[test]
fn a_path_enters_objects_and_nothing_else() {
    let policy = of_condition(&json!({"claim": "a.b", "equals": "x"}));
    assert_eq!(judge(&policy, &json!({"a": {"b": "x"}})), Verdict::Satisfied);
    for other in [
        json!({"a.b": "x"}),
        json!({"b": "x"}),
        json!({"a": [{"b": "x"}]}),
        json!({"a": "x"}),
        json!({"a": {"b": {"": "x"}}}),
        json!({"a": null}),
    ] {
        assert_eq!(judge(&policy, &other), Verdict::Unmet("a.b".into()), "{other}");
    }
}

#[test]
fn any_and_all_nest() {
    let is = |claim: &str| json!({"claim": claim, "equals": 1});
    let policy = of_condition(&json!({"anyOf": [is("a"), {"allOf": [is("b"), is("c")]}]}));
    for (attested, expected) in [
        (json!({"a": 1}), Verdict::Satisfied),
        (json!({"b": 1, "c": 1}), Verdict::Satisfied),
        (json!({"b": 1}), Verdict::Unmet("a".into())),
        (json!({}), Verdict::Unmet("a".into())),
    ] {
        assert_eq!(judge(&policy, &attested), expected, "{attested}");
    }
}

#[test]
fn what_is_not_understood_is_refused() {
    let rule = |body: &str| format!(r#"{{"version":"1.0.0","anyOf":[{{{body}}}]}}"#);
    let with = |condition: &str| rule(&format!(r#""authority":"{ISSUER}","allOf":[{condition}]"#));
    for bad in [
        String::new(),
        "[]".into(),
        "null".into(),
        "{}".into(),
        r#"{"version":"1.0.0","anyOf":[]}"#.into(),
        r#"{"version":"2.0.0","anyOf":[{"authority":"https://a","allOf":[]}]}"#.into(),
        r#"{"version":1,"anyOf":[]}"#.into(),
        rule(r#""authority":"https://a""#),
        rule(r#""authority":"https://a","allOf":[]"#),
        rule(r#""allOf":[{"claim":"a","equals":1}]"#),
        rule(r#""authority":"https://a","allOf":[{"claim":"a","equals":1}],"anyOf":[]"#),
        rule(r#""authority":"a.example","allOf":[{"claim":"a","equals":1}]"#),
        rule(r#""authority":"http://localhost:8023/","allOf":[{"claim":"a","equals":1}]"#),
        with(r#"{"claim":"a"}"#),
        with(r#"{"claim":"a","equals":null}"#),
        with(r#"{"claim":"a","equals":[1]}"#),
        with(r#"{"claim":"a","equals":{"b":1}}"#),
        with(r#"{"claim":"a","notEquals":1}"#),
        with(r#"{"claim":"a","equals":1,"exists":true}"#),
        with(r#"{"claim":"a","condition":"notEquals","value":1}"#),
        with(r#"{"claim":"a","condition":"equals"}"#),
        with(r#"{"claim":"a","equals":1,"condition":"equals","value":1}"#),
        with(r#"{"claim":"a","equals":1,"equals":2}"#),
        with(r#"{"claim":"a","equals":1,"allOf":[]}"#),
        with(r#"{"claim":"","equals":1}"#),
        with(r#"{"claim":"a..b","equals":1}"#),
        with(r#"{"claim":".","equals":1}"#),
        with(r#"{"equals":1}"#),
        with(r#"{"allOf":[]}"#),
        with("{}"),
        with("1"),
        with(r#"{"claim":"a","equals":1}"#) + "x",
    ] {
        let refused = Grammar::parse(bad.as_bytes());
        assert!(matches!(refused, Err(ModelError::ReleasePolicy(_))), "{bad}");
    }
    assert!(Grammar::parse(with(r#"{"claim":"a","equals":1}"#).as_bytes()).is_ok());
}

#[test]
fn size_depth_and_number_are_bounded() {
    let nested = |depth: usize| {
        (1..depth).fold(json!({"claim": "a", "equals": 1}), |inner, _| json!({"allOf": [inner]}))
    };
    assert!(parse(&of_condition(&nested(MAX_DEPTH))).is_ok());
    assert!(parse(&of_condition(&nested(MAX_DEPTH + 1))).is_err());
    let (open, close) = (r#"{"allOf":["#.repeat(2_000), "]}".repeat(2_000));
    let deep = format!(r#"{{"anyOf":[{{"authority":"{ISSUER}","allOf":[{open}{close}]}}]}}"#);
    assert!(deep.len() < MAX_BYTES && Grammar::parse(deep.as_bytes()).is_err());
    let many = |n: usize| {
        let all: Vec<Value> = (0..n).map(|i| json!({"claim": "a", "equals": i})).collect();
        json!({"anyOf": [{"authority": ISSUER, "anyOf": all}]})
    };
    assert!(parse(&many(MAX_CONDITIONS)).is_ok());
    assert!(parse(&many(MAX_CONDITIONS + 1)).is_err());
    let long = of_condition(&json!({"claim": "a", "equals": "x".repeat(MAX_BYTES)}));
    assert!(parse(&long).is_err());
}

#[test]
fn an_authority_has_one_form() {
    for same in [
        "https://a.example/",
        "https://A.Example",
        "HTTPS://a.example:443",
        "https://a.example:443//",
    ] {
        assert_eq!(Authority::parse(same).unwrap().as_str(), "https://a.example", "{same}");
    }
    let with_path = Authority::parse("https://a.example:8443/Tenant/").unwrap();
    assert_eq!(with_path.as_str(), "https://a.example:8443/Tenant");
    let address = Authority::parse("https://[2001:DB8::1]:443/").unwrap();
    assert_eq!(address.as_str(), "https://[2001:db8::1]");
    for bad in [
        "",
        "https://",
        "https:///x",
        "http://a.example",
        "a.example",
        "https://user@a.example",
        "https://a.example/@b.example",
        "https://a.example?x",
        "https://a.example/?x",
        "https://a.example/#x",
        "https://a.example\\@b.example",
        "https://a example",
        "https://a.example/\n",
        "https://ä.example",
        "https://a.example:443:443",
        "https://a.example:",
        "https://a.example:x",
        "https://:443",
        "https://[::1",
        "https://[::1]x",
        "https://a[::1]",
    ] {
        assert!(Authority::parse(bad).is_err(), "{bad}");
    }
    assert!(Authority::parse(&format!("https://{}", "a".repeat(600))).is_err());
}

fn policy(immutable: bool, claim: &str) -> ReleasePolicy {
    let document = of_condition(&json!({"claim": claim, "equals": 1})).to_string();
    ReleasePolicy::new(None, immutable, document.as_bytes()).unwrap()
}

fn listing(exportable: bool, release_policy: Option<ReleasePolicy>) -> KeyListing {
    KeyListing {
        key_type: KeyType::Akp,
        public: PublicKey::Akp { algorithm: AkpAlgorithm::MlDsa44, public: vec![1] },
        key_ops: vec![KeyOperation::Sign],
        exportable,
        release_policy,
        managed: None,
        hsm_platform: 0,
    }
}

#[test]
fn a_policy_says_what_it_is() {
    let document = of_condition(&json!({"claim": "a", "equals": 1})).to_string();
    for content_type in [None, Some("application/json; charset=utf-8; version=1.0")] {
        let policy = ReleasePolicy::new(content_type, false, document.as_bytes()).unwrap();
        assert_eq!(policy.content_type.as_deref(), Some("application/json; charset=utf-8"));
    }
    assert!(ReleasePolicy::new(Some("text/plain"), false, document.as_bytes()).is_err());
    assert!(ReleasePolicy::new(None, false, b"{}").is_err());
}

#[test]
fn exportable_and_policy_go_together() {
    let of_new = |exportable, ops: &[KeyOperation], policy| {
        release::policy_of_new_version(None, exportable, ops, policy).map_err(|e| e.to_string())
    };
    let sign = [KeyOperation::Sign];
    assert_eq!(of_new(true, &sign, Some(policy(false, "a"))), Ok(Some(policy(false, "a"))));
    assert_eq!(of_new(false, &sign, None), Ok(None));
    assert_eq!(
        of_new(true, &sign, None).unwrap_err(),
        "AKV.SKR.1004: Exportable keys must have release policy."
    );
    assert_eq!(
        of_new(false, &sign, Some(policy(false, "a"))).unwrap_err(),
        "AKV.SKR.1005: Non-exportable keys must not have release policy."
    );
    let secure = [KeyOperation::SecureWrapKey, KeyOperation::SecureUnwrapKey];
    assert!(of_new(false, &secure, Some(policy(false, "a"))).is_ok());
    assert!(of_new(false, &secure, None).is_err());
    assert!(of_new(true, &secure, Some(policy(false, "a"))).is_err());
}

#[test]
fn a_later_version_has_the_policy_of_the_one_before() {
    let before = listing(true, Some(policy(true, "a")));
    let sign = [KeyOperation::Sign];
    let of_new = |policy| release::policy_of_new_version(Some(&before), true, &sign, policy);
    assert_eq!(of_new(None).unwrap(), Some(policy(true, "a")));
    assert_eq!(of_new(Some(policy(true, "a"))).unwrap(), Some(policy(true, "a")));
    for other in [policy(true, "b"), policy(false, "a")] {
        let refused = of_new(Some(other)).unwrap_err().to_string();
        assert_eq!(refused, "AKV.SKR.1020: Immutable Key Release Policy cannot be modified.");
    }
    let mutable = policy(false, "a");
    assert!(release::check_change(Some(&mutable), &policy(true, "b")).is_ok());
    assert!(release::check_change(None, &policy(true, "b")).is_ok());
}

fn condition() -> impl Strategy<Value = Value> {
    let value = prop_oneof![
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[ -~]{0,12}".prop_map(Value::from),
    ];
    let claim = ("[a-c]{1,2}(\\.[a-c])?", value)
        .prop_map(|(claim, equals)| json!({"claim": claim, "equals": equals}));
    claim.prop_recursive(4, 24, 4, |inner| {
        (any::<bool>(), prop::collection::vec(inner, 1..4))
            .prop_map(|(all, conditions)| json!({if all { "allOf" } else { "anyOf" }: conditions}))
    })
}

/// A policy without a version whose one condition equals `value`.
fn bare(value: &str) -> String {
    let condition = format!(r#"{{"claim":"a","equals":{value}}}"#);
    format!(r#"{{"anyOf":[{{"authority":"https://a","allOf":[{condition}]}}]}}"#)
}

#[test]
fn numbers_are_kept_as_they_are() {
    for number in ["98446744073709557157", "0.1", "1e300", "-0.0", "18446744073709551615"] {
        let kept = ReleasePolicy::new(None, true, bare(number).as_bytes()).unwrap();
        assert_eq!(ReleasePolicy::new(None, true, &kept.document).unwrap(), kept, "{number}");
    }
}

// What is kept has a version.
#[test]
fn what_would_be_too_long_to_be_read_again_is_refused() {
    let longest = MAX_BYTES - bare("\"\"").len();
    for (length, fits) in [(longest - 100, true), (longest, false)] {
        let sent = bare(&format!("\"{}\"", "a".repeat(length)));
        assert!(Grammar::parse(sent.as_bytes()).is_ok());
        assert_eq!(ReleasePolicy::new(None, true, sent.as_bytes()).is_ok(), fits, "{length}");
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_do_not_panic(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
        let _ = Grammar::parse(&bytes);
        let _ = Authority::parse(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn a_policy_survives_being_written(condition in condition()) {
        let grammar = parse(&of_condition(&condition)).unwrap();
        let again = Grammar::parse(&grammar.to_json().unwrap()).unwrap();
        prop_assert_eq!(&again, &grammar);
        prop_assert_eq!(again.to_json().unwrap(), grammar.to_json().unwrap());
    }

    // No claims satisfy no condition: there is no policy that releases to anyone.
    #[test]
    fn nothing_attested_satisfies_nothing(condition in condition()) {
        let verdict = judge(&of_condition(&condition), &json!({}));
        prop_assert!(matches!(verdict, Verdict::Unmet(_)));
    }
}
