//! Our own tokens, sound and forged, and what happens to them when the directory changes.

#![expect(clippy::unwrap_used, reason = "a failure here is a failed test")]

mod common;

use common::*;
use serde_json::{Value, json};
use strongroom_authn::{Resource, TokenFault};
use strongroom_crypto::MacKey;
use strongroom_directory::row::TokenKeyRow;
use strongroom_directory::{Application, Tenant};
use strongroom_model::{IdentityType, Timestamp};

async fn fault(installation: &Installation, token: &str) -> TokenFault {
    installation.authenticator.authenticate(token, NOW, TENANT).await.unwrap_err()
}

fn header(kid: &str) -> String {
    format!(r#"{{"typ":"JWT","alg":"RS256","kid":"{kid}"}}"#)
}

#[tokio::test]
async fn a_sound_token_names_its_caller() {
    let installation = Installation::new().await;
    installation.put(&group(&[OBJECT])).await;
    for _ in 0..2 {
        let caller =
            installation.authenticator.authenticate(&token(&claims()), NOW, TENANT).await.unwrap();
        assert_eq!(caller.tenant, TENANT);
        assert_eq!(caller.object_id, OBJECT);
        assert_eq!(caller.app_id, Some(CLIENT.to_string()));
        assert_eq!(caller.groups, [GROUP]);
        assert_eq!(caller.identity_type, IdentityType::App);
        assert_eq!(caller.issuer, format!("https://login.localhost:8443/{TENANT}/v2.0"));
    }
}

#[tokio::test]
async fn the_audience_is_this_installations_vaults_or_real_vaults() {
    let installation = Installation::new().await;
    for sound in [
        "https://vault.localhost:8443",
        "https://vault.localhost:8443/",
        "https://vault.azure.net",
        "https://vault.azure.net/",
    ] {
        let token = token(&claims_with("aud", json!(sound)));
        assert!(installation.authenticator.authenticate(&token, NOW, TENANT).await.is_ok());
    }
    for other in [
        json!("https://vault.localhost"),
        json!("https://vault.localhost:8443//"),
        json!("https://vault.azure.net.evil.example"),
        json!("https://management.azure.com"),
        json!(["https://vault.azure.net"]),
        json!(7),
        Value::Null,
    ] {
        let found = fault(&installation, &token(&claims_with("aud", other.clone()))).await;
        assert!(matches!(found, TokenFault::Audience { .. }), "{other}: {found}");
    }
}

#[tokio::test]
async fn a_token_for_one_service_opens_no_other() {
    let installation = Installation::new().await;
    let audiences = [
        (Resource::Vault, ["https://vault.localhost:8443", "https://vault.azure.net/"]),
        (
            Resource::Management,
            ["https://management.localhost:8443", "https://management.core.windows.net/"],
        ),
        (Resource::Graph, ["https://graph.localhost:8443", "https://graph.microsoft.com"]),
    ];
    for (resource, _) in audiences {
        let authenticator = installation.authenticator_for(resource);
        for (meant, audiences) in audiences {
            for audience in audiences {
                let token = token(&claims_with("aud", json!(audience)));
                let found = authenticator.authenticate(&token, NOW, TENANT).await;
                assert_eq!(found.is_ok(), resource == meant, "{audience} at {resource:?}");
                let known = authenticator.identify(&token, NOW, OTHER_TENANT).await;
                assert_eq!(known.is_ok(), resource == meant, "{audience} at {resource:?}");
            }
        }
    }
}

#[tokio::test]
async fn lifetime_is_exact() {
    let installation = Installation::new().await;
    let token = token(&claims());
    let at = async |seconds: i64| {
        let now = NOW.plus_seconds(seconds);
        installation.authenticator.authenticate(&token, now, TENANT).await.map(|_| ())
    };
    assert_eq!(at(-1).await, Err(TokenFault::NotYetValid));
    assert_eq!(at(3600).await, Err(TokenFault::Expired));
    assert_eq!(at(3599).await, Ok(()));
    assert_eq!(at(0).await, Ok(()));
    // Now from memory.
    assert_eq!(at(-1).await, Err(TokenFault::NotYetValid));
    assert_eq!(at(3600).await, Err(TokenFault::Expired));
}

#[tokio::test]
async fn dates_may_be_fractions_but_must_be_dates() {
    let installation = Installation::new().await;
    let fraction = token(&claims_with("exp", json!(NOW.0 as f64 + 0.5)));
    assert!(installation.authenticator.authenticate(&fraction, NOW, TENANT).await.is_ok());
    let later = NOW.plus_seconds(1);
    let found = installation.authenticator.authenticate(&fraction, later, TENANT).await;
    assert_eq!(found.unwrap_err(), TokenFault::Expired);
    for (bad, expected) in [
        (json!("1900000000"), TokenFault::Malformed),
        (json!(-1), TokenFault::Malformed),
        (json!(1e300), TokenFault::Malformed),
        (json!(0), TokenFault::Expired),
        (Value::Null, TokenFault::Claim),
    ] {
        assert_eq!(fault(&installation, &token(&claims_with("exp", bad))).await, expected);
    }
}

#[tokio::test]
async fn every_flipped_character_is_noticed() {
    let installation = Installation::new().await;
    let sound = token(&claims());
    assert!(installation.authenticator.authenticate(&sound, NOW, TENANT).await.is_ok());
    for at in 0..sound.len() {
        let mut flipped = sound.clone().into_bytes();
        flipped[at] = if flipped[at] == b'A' { b'B' } else { b'A' };
        let flipped = String::from_utf8(flipped).unwrap();
        let found = installation.authenticator.authenticate(&flipped, NOW, TENANT).await;
        assert!(found.is_err(), "character {at}");
    }
}

#[tokio::test]
async fn forged_algorithms_are_refused() {
    let installation = Installation::new().await;
    let payload = b64(claims().to_string());
    for algorithm in ["none", "None", "NONE", "nOnE"] {
        let header = b64(format!(r#"{{"typ":"JWT","alg":"{algorithm}","kid":"{KID}"}}"#));
        for signature in ["", "AAAA"] {
            let forged = format!("{header}.{payload}.{signature}");
            assert_eq!(fault(&installation, &forged).await, TokenFault::Malformed);
        }
        assert_eq!(
            fault(&installation, &format!("{header}.{payload}")).await,
            TokenFault::Malformed
        );
    }
    // The public key, which everybody has, as the secret of an HMAC.
    let signed =
        format!("{}.{payload}", b64(format!(r#"{{"typ":"JWT","alg":"HS256","kid":"{KID}"}}"#)));
    for secret in [key().public().n, b64(key().public().n).into_bytes()] {
        let tag = MacKey::new(&secret).tag(&[signed.as_bytes()]);
        let forged = format!("{signed}.{}", b64(tag));
        assert_eq!(fault(&installation, &forged).await, TokenFault::Malformed);
    }
    for algorithm in ["PS256", "ES256", "ES384"] {
        let header = format!(r#"{{"typ":"JWT","alg":"{algorithm}","kid":"{KID}"}}"#);
        let forged = sign(key(), &header, &claims().to_string());
        assert_eq!(fault(&installation, &forged).await, TokenFault::Malformed);
    }
}

#[tokio::test]
async fn forged_keys_are_refused() {
    let installation = Installation::new().await;
    let payload = claims().to_string();
    let forged = sign(stranger(), &header(KID), &payload);
    assert_eq!(fault(&installation, &forged).await, TokenFault::Signature);
    let forged = sign(stranger(), &header("kid-2"), &payload);
    let expected = TokenFault::UnknownKey { encoded_header: b64(header("kid-2")) };
    assert_eq!(fault(&installation, &forged).await, expected);
    // A key in the token itself is no key.
    let public = stranger().public();
    let embedded = format!(
        r#"{{"alg":"RS256","kid":"{KID}","jwk":{{"kty":"RSA","n":"{}","e":"{}"}},"jku":"x"}}"#,
        b64(public.n),
        b64(public.e)
    );
    let forged = sign(stranger(), &embedded, &payload);
    assert_eq!(fault(&installation, &forged).await, TokenFault::Signature);
}

#[tokio::test]
async fn forged_forms_are_refused() {
    let installation = Installation::new().await;
    let sound = token(&claims());
    for forged in [
        format!("{sound}.AAAA"),
        format!("{sound}="),
        format!("{sound} "),
        sound.replacen('.', "..", 1),
        "a.b.c".into(),
        "..".into(),
        String::new(),
        "A".repeat(17 * 1024),
    ] {
        let found = fault(&installation, &forged).await;
        assert_eq!(found, TokenFault::Malformed, "{forged}");
    }
    assert_eq!(fault(&installation, &format!("{sound}A")).await, TokenFault::Signature);
    let payload = claims().to_string();
    let twice = payload.replacen('{', r#"{"oid":"00000000-0000-0000-0000-000000000000","#, 1);
    let forged = sign(key(), &header(KID), &twice);
    assert_eq!(fault(&installation, &forged).await, TokenFault::Malformed);
    let forged = sign(key(), &header(KID), &format!("{payload}x"));
    assert_eq!(fault(&installation, &forged).await, TokenFault::Malformed);
    let critical = format!(r#"{{"alg":"RS256","kid":"{KID}","crit":["exp"]}}"#);
    let forged = sign(key(), &critical, &payload);
    assert_eq!(fault(&installation, &forged).await, TokenFault::Malformed);
    let padded = claims_with("padding", json!("x".repeat(20_000)));
    assert_eq!(fault(&installation, &token(&padded)).await, TokenFault::Malformed);
}

#[tokio::test]
async fn forged_claims_are_refused() {
    let installation = Installation::new().await;
    let other_issuer = format!("https://login.localhost:8443/{OTHER_TENANT}/v2.0");
    let no_tenant = "https://login.localhost:8443/99999999-2222-4333-8444-555555555555/v2.0";
    for issuer in [
        no_tenant.to_owned(),
        format!("https://sts.windows.net/{TENANT}/"),
        format!("https://login.localhost:8443/{TENANT}/v2.0/"),
        format!("https://login.localhost:8443/{TENANT}/"),
        format!("https://login.localhost/{TENANT}/v2.0"),
        format!("https://login.localhost:8443/{}/v2.0", TENANT.to_string().to_uppercase()),
    ] {
        let found = fault(&installation, &token(&claims_with("iss", json!(issuer)))).await;
        let expected = format!("https://login.localhost:8443/{TENANT}/v2.0");
        assert_eq!(found, TokenFault::Issuer { expected, found: issuer });
    }
    for (name, value, expected) in [
        ("iss", json!(other_issuer), TokenFault::Claim),
        ("iss", Value::Null, TokenFault::Claim),
        ("tid", json!(OTHER_TENANT.to_string()), TokenFault::Claim),
        ("tid", Value::Null, TokenFault::Claim),
        ("oid", json!(GROUP.to_string()), TokenFault::UnknownPrincipal),
        ("oid", Value::Null, TokenFault::UnknownPrincipal),
        ("appid", json!(OBJECT.to_string()), TokenFault::UnknownPrincipal),
        ("appid", json!("pipeline"), TokenFault::Claim),
        ("appid", Value::Null, TokenFault::Claim),
    ] {
        let found = fault(&installation, &token(&claims_with(name, value.clone()))).await;
        assert_eq!(found, expected, "{name}: {value}");
    }
}

#[tokio::test]
async fn a_token_opens_only_its_own_tenants_vaults() {
    let installation = Installation::new().await;
    let token = token(&claims());
    let elsewhere = async || {
        installation.authenticator.authenticate(&token, NOW, OTHER_TENANT).await.unwrap_err()
    };
    let expected = TokenFault::Issuer {
        expected: format!("https://login.localhost:8443/{OTHER_TENANT}/v2.0"),
        found: format!("https://login.localhost:8443/{TENANT}/v2.0"),
    };
    assert_eq!(elsewhere().await, expected);
    assert!(installation.authenticator.authenticate(&token, NOW, TENANT).await.is_ok());
    assert_eq!(elsewhere().await, expected);
}

#[tokio::test]
async fn a_change_of_the_directory_holds_on_the_next_request() {
    let installation = Installation::new().await;
    let token = token(&claims());
    let ask = async || installation.authenticator.authenticate(&token, NOW, TENANT).await;
    assert!(ask().await.unwrap().groups.is_empty());
    installation.put(&group(&[OBJECT])).await;
    assert_eq!(ask().await.unwrap().groups, [GROUP]);
    installation.put(&group(&[])).await;
    assert!(ask().await.unwrap().groups.is_empty());
    installation.delete::<Application>(CLIENT.as_bytes()).await;
    assert_eq!(ask().await.unwrap_err(), TokenFault::UnknownPrincipal);
    installation.put(&application(GROUP)).await;
    assert_eq!(ask().await.unwrap_err(), TokenFault::UnknownPrincipal);
    installation.put(&application(OBJECT)).await;
    assert!(ask().await.is_ok());
}

#[tokio::test]
async fn a_withdrawn_key_takes_its_tokens_with_it() {
    let installation = Installation::new().await;
    let token = token(&claims());
    let ask = async |now: Timestamp| {
        installation.authenticator.authenticate(&token, now, TENANT).await.map(|_| ())
    };
    assert_eq!(ask(NOW).await, Ok(()));
    installation.put(&token_key(KID, NOW.plus_seconds(60))).await;
    assert_eq!(ask(NOW.plus_seconds(59)).await, Ok(()));
    assert!(ask(NOW.plus_seconds(60)).await.is_err());
    installation.put(&token_key(KID, NOW.plus_days(30))).await;
    assert_eq!(ask(NOW).await, Ok(()));
    installation.delete::<TokenKeyRow>(KID.as_bytes()).await;
    assert_eq!(ask(NOW).await, Err(TokenFault::Signature));
    assert!(matches!(ask(NOW).await, Err(TokenFault::UnknownKey { .. })));
}

#[tokio::test]
async fn a_removed_tenant_has_no_tokens() {
    let installation = Installation::new().await;
    let token = token(&claims());
    assert!(installation.authenticator.authenticate(&token, NOW, TENANT).await.is_ok());
    installation.delete::<Tenant>(TENANT.as_bytes()).await;
    assert!(installation.authenticator.authenticate(&token, NOW, TENANT).await.is_err());
}
