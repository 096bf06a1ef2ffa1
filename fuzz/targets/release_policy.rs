//! A release policy, and after a NUL byte the claims that it is held against.

#![no_main]

use libfuzzer_sys::fuzz_target;
use strongroom_model::ReleasePolicy;
use strongroom_model::release::{Authority, Claims, Grammar, Verdict};

fuzz_target!(|data: &[u8]| {
    let mut parts = data.splitn(2, |byte| *byte == 0);
    let document = parts.next().unwrap_or_default();
    let Ok(kept) = ReleasePolicy::new(None, true, document) else { return };
    let grammar = Grammar::parse(document).unwrap();
    let again = Grammar::parse(&kept.document).unwrap();
    assert_eq!(again, grammar, "{}", String::from_utf8_lossy(&kept.document));
    assert_eq!(ReleasePolicy::new(None, true, &kept.document).unwrap(), kept);
    let claims = serde_json::from_slice(parts.next().unwrap_or_default());
    judge(&grammar, &claims.unwrap_or_default());
});

fn judge(grammar: &Grammar, claims: &Claims) {
    for authority in grammar.authorities() {
        assert_eq!(Authority::parse(authority.as_str()).as_ref(), Ok(authority));
        let verdict = grammar.judge(authority, claims);
        assert_ne!(verdict, Verdict::OtherAuthority, "{authority} is named");
        // Claims satisfy conditions, nothing else does; and no condition forbids a claim.
        assert_ne!(grammar.judge(authority, &Claims::new()), Verdict::Satisfied);
        if verdict == Verdict::Satisfied {
            let mut more = claims.clone();
            more.entry("another claim, in no policy").or_insert(true.into());
            assert_eq!(grammar.judge(authority, &more), Verdict::Satisfied);
        }
    }
    let other = Authority::parse("https://named-in-no-policy.example").unwrap();
    if grammar.authorities().all(|authority| *authority != other) {
        assert_eq!(grammar.judge(&other, claims), Verdict::OtherAuthority);
    }
}
