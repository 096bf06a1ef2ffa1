//! Secure key release: tokens of an attestation service on this machine, released keys opened by
//! OpenSSL.

#[expect(dead_code, reason = "shared with the tests of authn")]
#[path = "../../../authn/tests/common/issuer_server.rs"]
mod issuer_server;

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use issuer_server::{CA, IssuerServer};
use serde_json::{Value, json};
use strongroom_authn::OutgoingRules;
use strongroom_authn::attestation::{AttestationAuthorities, AttestationFault, TrustedAuthority};
use strongroom_crypto::sign::RsaSigningKey;
use strongroom_model::release::Authority;
use strongroom_model::{
    AttributesChange, Curve, KeyListing, KeyOperation, KeySpec, KeyType, PublicKey, ReleasePolicy,
    Timestamp, VaultResource, VersionRecord,
};
use strongroom_ops::release::{
    Attestation, AttestationVerifier, KeyEncryption, MAX_NONCE_BYTES, Release, ReleaseKey,
    ReleaseRefusal, ReleaseSigner, ReleasedView, SecureUnwrapKey, SecureWrapKey, Unbelieved,
    Verifying,
};
use strongroom_ops::{CreateKey, NewKey, OpError, UpdateKey};
use strongroom_store::memory::MemoryStore;

use crate::openssl::{OpenSsl, hex};
use crate::support::{NOW, Node, name};

/// What a binary does: `authn`, as `ops` wants it.
struct Verifier(AttestationAuthorities);

impl AttestationVerifier for Verifier {
    fn verify<'a>(
        &'a self,
        token: &'a str,
        accepted: &'a [Authority],
        now: Timestamp,
    ) -> Verifying<'a> {
        Box::pin(async move {
            match self.0.verify(token, accepted, now).await {
                Ok(attested) => {
                    Ok(Attestation { authority: attested.authority, claims: attested.claims })
                }
                Err(AttestationFault::NotConfigured(authority)) => {
                    Err(Unbelieved::NotConfigured(authority))
                }
                Err(fault) => Err(Unbelieved::Refused(fault.to_string())),
            }
        })
    }
}

fn b64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn unb64(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).unwrap()
}

/// A vault, an attestation service, and an attested environment with a key.
struct Site {
    node: Node<MemoryStore>,
    vault: Arc<VaultResource>,
    server: IssuerServer,
    signing: RsaSigningKey,
    environment: RsaSigningKey,
    release: Release,
    root: Vec<u8>,
}

impl Site {
    async fn new() -> Self {
        let node = Node::new(MemoryStore::new(), true).await;
        let vault = node.vault("contoso", "rg").await.unwrap();
        let server = IssuerServer::start().await;
        let signing = RsaSigningKey::generate().unwrap();
        let public = signing.public();
        let jwk = json!({"kty": "RSA", "kid": "k", "n": b64(public.n), "e": b64(public.e)});
        server.show("/certs", json!({"keys": [jwk]}).to_string());
        let discovery = json!({"jwks_uri": server.url("/certs")});
        server.show("/.well-known/openid-configuration", discovery.to_string());
        let trusted = vec![TrustedAuthority { url: server.url("/"), ca_pem: Some(CA.into()) }];
        let outgoing = OutgoingRules::new(Vec::new());
        let verifier = Verifier(AttestationAuthorities::new(trusted, outgoing).unwrap());
        let authority = strongroom_pki::Authority::create("localhost", system_now()).unwrap();
        let names = vec!["*.vault.localhost".to_owned()];
        let signer = ReleaseSigner::new(&authority, names, system_now()).unwrap();
        let release = Release { verifier: Arc::new(verifier), signer: Arc::new(signer) };
        let root = authority.certificate_der().to_vec();
        let environment = RsaSigningKey::generate().unwrap();
        Self { node, vault, server, signing, environment, release, root }
    }

    fn policy(&self, authority: &str, immutable: bool) -> ReleasePolicy {
        let document = json!({"version": "1.0.0", "anyOf": [{"authority": authority,
            "allOf": [{"claim": "sdk-test", "equals": "true"}]}]});
        ReleasePolicy::new(None, immutable, document.to_string().as_bytes()).unwrap()
    }

    async fn create(
        &self,
        spec: KeySpec,
        policy: Option<ReleasePolicy>,
    ) -> VersionRecord<KeyListing> {
        let key_type = match spec {
            KeySpec::Rsa { .. } => KeyType::Rsa,
            KeySpec::Oct { .. } => KeyType::Oct,
            _ => KeyType::Ec,
        };
        let new = NewKey {
            exportable: Some(policy.is_some()),
            release_policy: policy,
            ..NewKey::default()
        };
        let request = CreateKey { name: name("key"), key_type, spec, new };
        let request = self.node.admit(&self.vault, request);
        self.node.ops.create_key(request, &mut self.node.call()).await.unwrap().record
    }

    /// A key under the policy of the usual authority.
    async fn exportable(&self, spec: KeySpec) -> VersionRecord<KeyListing> {
        self.create(spec, Some(self.policy(&self.server.url("/"), false))).await
    }

    fn now(&self) -> i64 {
        self.node.clock.now().0
    }

    fn claims(&self) -> Value {
        let public = self.environment.public();
        let key = json!({"kty": "RSA", "kid": "fake-release-key", "use": "enc",
            "e": b64(public.e), "n": b64(public.n)});
        json!({"iss": self.server.url("/"), "sdk-test": true, "iat": self.now(),
            "exp": self.now() + 3600, "x-ms-runtime": {"keys": [key]}})
    }

    fn sign(&self, header: &str, claims: &Value) -> String {
        let signed = format!("{}.{}", b64(header), b64(claims.to_string()));
        let signature = self.signing.sign(signed.as_bytes()).unwrap();
        format!("{signed}.{}", b64(signature))
    }

    fn token(&self, claims: &Value) -> String {
        self.sign(r#"{"alg":"RS256","kid":"k","typ":"JWT"}"#, claims)
    }

    fn token_with(&self, name: &str, value: Value) -> String {
        let mut claims = self.claims();
        claims[name] = value;
        self.token(&claims)
    }

    fn request(&self, target: String) -> ReleaseKey {
        let enc = KeyEncryption::default();
        ReleaseKey { name: name("key"), version: None, target, nonce: None, enc }
    }

    async fn ask(
        &self,
        request: ReleaseKey,
    ) -> (Result<ReleasedView, OpError>, Vec<(String, String)>) {
        let request = self.node.admit(&self.vault, request);
        let mut call = self.node.call();
        let answer = self.node.ops.release_key(Some(&self.release), request, &mut call).await;
        (answer, call.close(200, None).properties)
    }

    async fn released(&self, request: ReleaseKey) -> ReleasedView {
        match self.ask(request).await {
            (Ok(view), _) => view,
            (Err(error), properties) => panic!("{error:?} {properties:?}"),
        }
    }

    /// The refusal, and the reason in the audit record.
    async fn refused(&self, request: ReleaseKey) -> (ReleaseRefusal, String) {
        match self.ask(request).await {
            (Err(OpError::Release(refusal)), properties) => {
                let reason = properties.into_iter().find(|(name, _)| name == "releaseRefused");
                (refusal, reason.map(|(_, reason)| reason).unwrap_or_default())
            }
            (Err(other), _) => panic!("{other:?}"),
            (Ok(_), _) => panic!("the key was released"),
        }
    }
}

/// Certificates are judged by OpenSSL's clock.
fn system_now() -> Timestamp {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    Timestamp(i64::try_from(now.as_secs()).unwrap())
}

const KID: &str = "https://contoso.vault.localhost:8443/keys/key";

/// The payload of a signed answer.
async fn payload(site: &Site, released: &ReleasedView) -> Value {
    let bundle = json!({"key": {"kid": KID, "kty": "RSA"}, "attributes": {"exportable": true}});
    let jws = site.node.ops.sign_released(released, "7.4", KID, &bundle).await.unwrap();
    serde_json::from_slice(&unb64(jws.split('.').nth(1).unwrap())).unwrap()
}

/// The released private key, opened as the attested environment does.
fn open(site: &Site, payload: &Value, hash: &str) -> Vec<u8> {
    let key_hsm = payload["response"]["key"]["key"]["key_hsm"].as_str().unwrap();
    let key_hsm: Value = serde_json::from_slice(&unb64(key_hsm)).unwrap();
    assert_eq!(key_hsm["schema_version"], "1.0");
    let header = &payload["request"]["enc"];
    let expected = json!({"kid": "fake-release-key", "alg": "dir", "enc": header});
    assert_eq!(key_hsm["header"], expected);
    let ciphertext = unb64(key_hsm["ciphertext"].as_str().unwrap());
    let environment = site.environment.to_pkcs8().unwrap();
    OpenSsl::new().unwrap(environment.expose(), hash, &ciphertext)
}

#[tokio::test]
async fn an_rsa_key_is_released_in_each_of_the_three_ways() {
    let site = Site::new().await;
    let record = site.exportable(KeySpec::rsa(2048, None).unwrap()).await;
    let PublicKey::Rsa { n, .. } = &record.listing.public else { panic!("an RSA key") };
    for (enc, hash) in [
        ("CKM_RSA_AES_KEY_WRAP", "sha1"),
        ("RSA_AES_KEY_WRAP_256", "sha256"),
        ("RSA_AES_KEY_WRAP_384", "sha384"),
    ] {
        let mut request = site.request(site.token(&site.claims()));
        request.enc = KeyEncryption::parse(enc).unwrap();
        let payload = payload(&site, &site.released(request).await).await;
        assert_eq!(payload["request"]["enc"], enc);
        let pkcs8 = open(&site, &payload, hash);
        assert_eq!(OpenSsl::new().modulus(&pkcs8), hex(n), "{enc}");
    }
    assert_eq!(KeyEncryption::default().name(), "CKM_RSA_AES_KEY_WRAP");
    assert!(KeyEncryption::parse("RSA-OAEP").is_err());
}

#[tokio::test]
async fn an_elliptic_key_and_a_symmetric_one_are_released() {
    let site = Site::new().await;
    let record = site.exportable(KeySpec::Ec(Curve::P256)).await;
    let PublicKey::Ec { x, y, .. } = &record.listing.public else { panic!("an EC key") };
    let view = site.released(site.request(site.token(&site.claims()))).await;
    let pkcs8 = open(&site, &payload(&site, &view).await, "sha1");
    assert!(OpenSsl::new().public(&pkcs8).ends_with(&[&[4][..], x, y].concat()));

    site.exportable(KeySpec::oct(256).unwrap()).await;
    let view = site.released(site.request(site.token(&site.claims()))).await;
    assert_eq!(open(&site, &payload(&site, &view).await, "sha1").len(), 32);
}

/// What confidential-sidecar-containers does with an answer (`pkg/common/akv.go`), and the
/// members of recorded answers.
#[tokio::test]
async fn the_answer_is_signed_under_the_installations_root() {
    let site = Site::new().await;
    let record = site.exportable(KeySpec::Ec(Curve::P256)).await;
    let mut request = site.request(site.token(&site.claims()));
    request.version = Some(record.version);
    request.nonce = Some("nonce".into());
    let view = site.released(request).await;
    let kid = format!("{KID}/{}", record.version);
    let bundle = json!({"key": {"kid": kid}, "attributes": {}, "release_policy": {"data": "e30"}});
    let jws = site.node.ops.sign_released(&view, "7.4", &kid, &bundle).await.unwrap();
    let [header, payload, signature] = jws.split('.').collect::<Vec<_>>().try_into().unwrap();
    let signed = format!("{header}.{payload}");
    let (header, payload): (Value, Value) = (
        serde_json::from_slice(&unb64(header)).unwrap(),
        serde_json::from_slice(&unb64(payload)).unwrap(),
    );
    let asked = json!({"api-version": "7.4", "enc": "CKM_RSA_AES_KEY_WRAP", "kid": kid,
        "nonce": "nonce"});
    assert_eq!(payload["request"], asked);
    let key = &payload["response"]["key"];
    assert_eq!((&key["key"]["kid"], &key["release_policy"]["data"]), (&json!(kid), &json!("e30")));

    assert_eq!((&header["alg"], &header["typ"]), (&json!("RS256"), &json!("JWT")));
    let chain: Vec<Vec<u8>> = header["x5c"]
        .as_array()
        .unwrap()
        .iter()
        .map(|der| STANDARD.decode(der.as_str().unwrap()).unwrap())
        .collect();
    assert_eq!(chain.len(), 2);
    assert_eq!(chain[1], site.root);
    let openssl = OpenSsl::new();
    for (name, bytes) in [("leaf.der", &chain[0]), ("root.der", &chain[1])] {
        openssl.put(name, bytes);
        let pem = openssl.run(&format!("x509 -inform DER -in {name}"));
        openssl.put(&name.replace("der", "pem"), &pem);
    }
    let thumbprint = openssl.run("x509 -in leaf.pem -noout -fingerprint -sha1");
    let thumbprint = String::from_utf8(thumbprint).unwrap().trim().replace(':', "");
    assert!(thumbprint.ends_with(header["kid"].as_str().unwrap()), "{thumbprint}");
    assert_eq!(hex(&unb64(header["x5t"].as_str().unwrap())).to_uppercase(), header["kid"]);
    openssl.run(
        "verify -x509_strict -purpose sslserver -verify_hostname \
        contoso.vault.localhost -CAfile root.pem leaf.pem",
    );
    let public = openssl.run("x509 -in leaf.pem -noout -pubkey");
    openssl.put("public.pem", &public);
    openssl.put("signature", &unb64(signature));
    openssl.put("signed", signed.as_bytes());
    openssl.run("dgst -sha256 -verify public.pem -signature signature signed");
}

#[tokio::test]
async fn a_token_that_is_not_believed_has_one_answer() {
    let site = Site::new().await;
    site.exportable(KeySpec::Ec(Curve::P256)).await;
    let sound = site.token(&site.claims());
    let parts: Vec<&str> = sound.split('.').collect();
    let claims = b64(site.claims().to_string().replace("fake-release-key", "fake-release-kez"));
    let forged = RsaSigningKey::generate().unwrap();
    let forged = forged.sign(format!("{}.{}", parts[0], parts[1]).as_bytes()).unwrap();
    let none = b64(r#"{"alg":"none","kid":"k","typ":"JWT"}"#);
    let mut reasons = Vec::new();
    for target in [
        String::new(),
        "not a token".into(),
        format!("{}.{claims}.{}", parts[0], parts[2]),
        format!("{}.{}.{}", parts[0], parts[1], b64(forged)),
        format!("{none}.{}.", parts[1]),
        format!("{none}.{}.{}", parts[1], parts[2]),
        site.sign(r#"{"alg":"HS256","kid":"k"}"#, &site.claims()),
        site.sign(r#"{"alg":"RS256","kid":"other"}"#, &site.claims()),
        site.token_with("iss", json!("https://other.example/")),
        site.token_with("iss", json!("http://localhost:8023/")),
        site.token_with("exp", json!(site.now() - 61)),
        site.token_with("nbf", json!(site.now() + 3600)),
    ] {
        let (refusal, reason) = site.refused(site.request(target)).await;
        assert_eq!(refusal, ReleaseRefusal::Unverified, "{reason}");
        assert!(!reason.is_empty());
        reasons.push(reason);
    }
    reasons.dedup();
    assert!(reasons.len() > 5, "the audit tells them apart: {reasons:?}");
    let text = ReleaseRefusal::Unverified.to_string();
    assert_eq!(text, "Target environment attestation statement cannot be verified.");
}

#[tokio::test]
async fn a_nonce_that_the_token_names_must_be_the_requests() {
    let site = Site::new().await;
    site.exportable(KeySpec::Ec(Curve::P256)).await;
    let runtime = |nonce: Value| {
        let mut claims = site.claims();
        claims["x-ms-runtime"]["client-payload"] = json!({"nonce": nonce});
        site.token(&claims)
    };
    let with = |target: String, nonce: Option<&str>| ReleaseKey {
        nonce: nonce.map(str::to_owned),
        ..site.request(target)
    };
    let plain = || site.token(&site.claims());
    let named = || site.token_with("nonce", json!("n1"));
    let encoded = || runtime(json!(STANDARD.encode("n1")));
    for fits in [
        with(plain(), None),
        with(plain(), Some("n1")),
        with(named(), None),
        with(named(), Some("n1")),
        with(encoded(), Some("n1")),
    ] {
        site.released(fits).await;
    }
    for other in [
        with(named(), Some("n2")),
        with(named(), Some("")),
        with(encoded(), Some("n2")),
        with(site.token_with("nonce", json!(1)), Some("1")),
        with(runtime(Value::Null), Some("n1")),
    ] {
        let (refusal, reason) = site.refused(other).await;
        assert_eq!(refusal, ReleaseRefusal::Unverified);
        assert_eq!(reason, "the token's nonce is not the request's");
    }
    let long = "n".repeat(MAX_NONCE_BYTES + 1);
    let refused = site.ask(with(plain(), Some(&long))).await.0.err();
    assert!(matches!(refused, Some(OpError::Invalid(_))), "{refused:?}");
}

#[tokio::test]
async fn claims_that_do_not_satisfy_the_policy_have_one_answer() {
    let site = Site::new().await;
    site.exportable(KeySpec::Ec(Curve::P256)).await;
    for value in [json!(false), json!(null), json!("True"), json!([true]), json!({"a": true})] {
        let (refusal, reason) =
            site.refused(site.request(site.token_with("sdk-test", value))).await;
        assert_eq!(refusal, ReleaseRefusal::PolicyNotMet);
        assert_eq!(reason, "the claim sdk-test is not met");
        let text = refusal.to_string();
        assert!(!text.contains("sdk-test"), "{text}");
    }
}

#[tokio::test]
async fn a_token_without_a_key_to_release_to_is_refused() {
    let site = Site::new().await;
    site.exportable(KeySpec::Ec(Curve::P256)).await;
    for keys in [json!({}), json!({"keys": []}), json!({"keys": [{"kty": "RSA", "use": "enc"}]})] {
        let target = site.token_with("x-ms-runtime", keys);
        let (refusal, _) = site.refused(site.request(target)).await;
        assert_eq!(refusal, ReleaseRefusal::NoRecipient);
    }
}

#[tokio::test]
async fn an_authority_that_is_not_configured_is_named() {
    let site = Site::new().await;
    let policy = site.policy("https://attest.example/", false);
    site.create(KeySpec::Ec(Curve::P256), Some(policy)).await;
    let target = site.token_with("iss", json!("https://attest.example"));
    let (refusal, reason) = site.refused(site.request(target)).await;
    assert_eq!(refusal, ReleaseRefusal::UnknownAuthority("https://attest.example".into()));
    assert!(reason.contains("https://attest.example"), "{reason}");
    let other = site.request(site.token(&site.claims()));
    assert_eq!(site.refused(other).await.0, ReleaseRefusal::Unverified);
}

#[tokio::test]
async fn without_a_configured_authority_nothing_is_released() {
    let site = Site::new().await;
    site.exportable(KeySpec::Ec(Curve::P256)).await;
    let request = site.node.admit(&site.vault, site.request(site.token(&site.claims())));
    let mut call = site.node.call();
    let refused = site.node.ops.release_key(None, request, &mut call).await.err();
    assert!(matches!(refused, Some(OpError::Release(ReleaseRefusal::NoAuthority))), "{refused:?}");
    let why = ("releaseRefused".into(), "no attestation authority is configured".into());
    assert_eq!(call.close(403, None).properties, [why]);
}

#[tokio::test]
async fn a_key_that_is_not_exportable_or_disabled_stays() {
    let site = Site::new().await;
    site.create(KeySpec::Ec(Curve::P256), None).await;
    let request = || site.request(site.token(&site.claims()));
    assert_eq!(site.refused(request()).await.0, ReleaseRefusal::NotExportable);
    site.exportable(KeySpec::Ec(Curve::P256)).await;
    let update = UpdateKey {
        name: name("key"),
        version: None,
        key_ops: None,
        attributes: AttributesChange { enabled: Some(false), ..AttributesChange::default() },
        exportable: None,
        release_policy: None,
        tags: None,
    };
    let update = site.node.admit(&site.vault, update);
    site.node.ops.update_key(update, &mut site.node.call()).await.unwrap();
    let refused = site.ask(request()).await.0.err();
    assert!(matches!(refused, Some(OpError::NotUsable { verb: "release", .. })), "{refused:?}");
    assert_eq!(site.server.requests(), 0, "nobody was asked about keys that stay anyway");
}

#[tokio::test]
async fn what_was_released_to_whom_is_in_the_audit_record() {
    let site = Site::new().await;
    site.exportable(KeySpec::Ec(Curve::P256)).await;
    let (answer, properties) = site.ask(site.request(site.token(&site.claims()))).await;
    answer.unwrap();
    let expected = [
        ("attestationAuthority".to_owned(), site.server.url("")),
        ("releasedTo".to_owned(), "fake-release-key".to_owned()),
    ];
    assert_eq!(properties, expected);
}

#[tokio::test]
async fn the_signer_is_renewed_before_its_end() {
    let authority = strongroom_pki::Authority::create("localhost", NOW).unwrap();
    let names = vec!["*.vault.localhost".to_owned()];
    let signer = ReleaseSigner::new(&authority, names, NOW).unwrap();
    let header = |jws: String| jws.split('.').next().unwrap().to_owned();
    let before = header(signer.sign(b"{}").unwrap());
    assert!(!signer.renew_if_due(&authority, NOW.plus_days(59)).unwrap());
    assert_eq!(header(signer.sign(b"{}").unwrap()), before);
    assert!(signer.renew_if_due(&authority, NOW.plus_days(60)).unwrap());
    assert_ne!(header(signer.sign(b"{}").unwrap()), before);
}

#[tokio::test]
async fn secure_wrapping_is_refused_in_vaults() {
    let site = Site::new().await;
    let wrap = SecureWrapKey { name: name("key"), version: None };
    let unwrap = SecureUnwrapKey { name: name("key"), version: None };
    let refused = site.node.ops.secure_wrap_key(site.node.admit(&site.vault, wrap));
    assert!(matches!(refused, OpError::Invalid(text) if text.contains("Managed HSM")));
    let refused = site.node.ops.secure_unwrap_key(site.node.admit(&site.vault, unwrap));
    assert!(matches!(refused, OpError::Invalid(text) if text.contains("Managed HSM")));
}

/// `export` among `key_ops` is not asked for: the service releases keys without it (recorded).
#[tokio::test]
async fn the_key_operation_export_is_not_needed() {
    let site = Site::new().await;
    let record = site.exportable(KeySpec::Ec(Curve::P256)).await;
    assert!(!record.listing.key_ops.contains(&KeyOperation::Export));
    site.released(site.request(site.token(&site.claims()))).await;
}

#[tokio::test]
async fn a_tightened_policy_holds_for_older_versions_too() {
    let site = Site::new().await;
    let first = site.exportable(KeySpec::Ec(Curve::P256)).await;
    let document = json!({"version": "1.0.0", "anyOf": [{"authority": site.server.url("/"),
        "allOf": [{"claim": "sdk-test", "equals": "true"}, {"claim": "fw", "equals": "new"}]}]});
    let policy = ReleasePolicy::new(None, false, document.to_string().as_bytes()).unwrap();
    site.create(KeySpec::Ec(Curve::P256), Some(policy)).await;
    let of_first = |target| ReleaseKey { version: Some(first.version), ..site.request(target) };
    let (refusal, why) = site.refused(of_first(site.token(&site.claims()))).await;
    assert_eq!(refusal, ReleaseRefusal::PolicyNotMet, "{why}");
    site.released(of_first(site.token_with("fw", json!("new")))).await;
}
