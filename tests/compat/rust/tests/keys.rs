//! The official Rust client for keys, unmodified: it does nothing by itself, so that each
//! operation here is the server's. What comes out is checked by the `openssl` command.

mod support;

use std::collections::HashMap;

use aes_gcm::aead::{Aead, KeyInit, Payload};
use azure_core::http::RequestContent;
use azure_security_keyvault_keys::models::{
    CreateKeyParameters, CurveName, EncryptionAlgorithm, ImportKeyParameters, JsonWebKey, Key,
    KeyAttributes, KeyClientGetKeyOptions, KeyClientListKeyPropertiesOptions, KeyOperation,
    KeyOperationParameters, KeyOperationResult, KeyRotationPolicy, KeyRotationPolicyAction,
    KeyRotationPolicyAttributes, KeyType, LifetimeAction, LifetimeActionTrigger,
    LifetimeActionType, RestoreKeyParameters, SignParameters, SignatureAlgorithm,
    UpdateKeyPropertiesParameters, VerifyParameters,
};
use azure_security_keyvault_keys::{KeyClient, ResourceExt};
use futures::TryStreamExt;
use support::openssl;
use support::{cli, fresh, inner, owner, plain, refusal, vault_url};

const MESSAGE: &[u8] = "To be signed: ß 二".as_bytes();

fn keys() -> KeyClient {
    KeyClient::new(&vault_url("dev"), owner(), None).unwrap()
}

async fn create(client: &KeyClient, name: &str, body: CreateKeyParameters) -> Key {
    client.create_key(name, body.try_into().unwrap(), None).await.unwrap().into_model().unwrap()
}

fn ec(curve: CurveName) -> CreateKeyParameters {
    CreateKeyParameters { kty: Some(KeyType::Ec), curve: Some(curve), ..Default::default() }
}

fn rsa(size: i32) -> CreateKeyParameters {
    CreateKeyParameters { kty: Some(KeyType::Rsa), key_size: Some(size), ..Default::default() }
}

async fn import(client: &KeyClient, name: &str, key: JsonWebKey) -> Key {
    let body = ImportKeyParameters { key: Some(key), ..Default::default() };
    client.import_key(name, body.try_into().unwrap(), None).await.unwrap().into_model().unwrap()
}

fn version(key: &Key) -> String {
    key.resource_id().unwrap().version.unwrap()
}

async fn sign(client: &KeyClient, name: &str, alg: &SignatureAlgorithm, digest: &[u8]) -> Vec<u8> {
    let body = SignParameters { algorithm: Some(alg.clone()), value: Some(digest.to_vec()) };
    let signed = client.sign(name, body.try_into().unwrap(), None).await.unwrap();
    signed.into_model().unwrap().result.unwrap()
}

async fn verify(
    client: &KeyClient,
    key: &Key,
    alg: &SignatureAlgorithm,
    d: &[u8],
    s: &[u8],
) -> bool {
    let body = VerifyParameters {
        algorithm: Some(alg.clone()),
        digest: Some(d.to_vec()),
        signature: Some(s.to_vec()),
    };
    let (id, body) = (key.resource_id().unwrap(), body.try_into().unwrap());
    let verified = client.verify(&id.name, &id.version.unwrap(), body, None).await.unwrap();
    verified.into_model().unwrap().value.unwrap()
}

fn work(algorithm: &EncryptionAlgorithm, value: &[u8]) -> KeyOperationParameters {
    let (algorithm, value) = (Some(algorithm.clone()), Some(value.to_vec()));
    KeyOperationParameters { algorithm, value, ..Default::default() }
}

async fn encrypt(
    client: &KeyClient,
    name: &str,
    body: KeyOperationParameters,
) -> KeyOperationResult {
    let answer = client.encrypt(name, body.try_into().unwrap(), None).await.unwrap();
    answer.into_model().unwrap()
}

async fn decrypt(
    client: &KeyClient,
    key: &Key,
    body: KeyOperationParameters,
) -> azure_core::Result<Vec<u8>> {
    let (id, body) = (key.resource_id().unwrap(), body.try_into().unwrap());
    let answer = client.decrypt(&id.name, &id.version.unwrap(), body, None).await?;
    Ok(answer.into_model()?.result.unwrap())
}

async fn wrap(client: &KeyClient, name: &str, body: KeyOperationParameters) -> Vec<u8> {
    let answer = client.wrap_key(name, body.try_into().unwrap(), None).await.unwrap();
    answer.into_model().unwrap().result.unwrap()
}

async fn unwrap(
    client: &KeyClient,
    key: &Key,
    body: KeyOperationParameters,
) -> azure_core::Result<Vec<u8>> {
    let (id, body) = (key.resource_id().unwrap(), body.try_into().unwrap());
    let answer = client.unwrap_key(&id.name, &id.version.unwrap(), body, None).await?;
    Ok(answer.into_model()?.result.unwrap())
}

fn flipped(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    bytes
}

#[tokio::test]
async fn rsa_signatures() {
    use SignatureAlgorithm::{Ps256, Ps384, Ps512, Rs256, Rs384, Rs512};
    let (client, name) = (keys(), fresh("rsa"));
    let (private, jwk) = openssl::rsa_key();
    let key = import(&client, &name, jwk.clone()).await;
    for algorithm in [Rs256, Rs384, Rs512, Ps256, Ps384, Ps512] {
        let text = algorithm.to_string();
        let digest = openssl::digest(&openssl::hash_of(&text), MESSAGE);
        let signature = sign(&client, &name, &algorithm, &digest).await;
        assert!(openssl::verifies(&jwk, &text, &digest, &signature), "{text}");
        assert!(!openssl::verifies(&jwk, &text, &digest, &flipped(&signature)), "{text}");
        assert!(verify(&client, &key, &algorithm, &digest, &signature).await, "{text}");
        assert!(!verify(&client, &key, &algorithm, &digest, &flipped(&signature)).await, "{text}");
        let theirs = openssl::sign(&private, &text, &digest);
        assert!(verify(&client, &key, &algorithm, &digest, &theirs).await, "{text}");
        if text.starts_with("RS") {
            assert_eq!(signature, theirs, "{text}");
        }
    }
}

#[tokio::test]
async fn rsnull_signs_what_it_is_sent() {
    let (client, name) = (keys(), fresh("rsnull"));
    let (private, jwk) = openssl::rsa_key();
    let key = import(&client, &name, jwk).await;
    let signature = sign(&client, &name, &SignatureAlgorithm::Rsnull, MESSAGE).await;
    let none = ["-pkeyopt", "rsa_padding_mode:none"];
    // By openssl's private half alone: its encryption of the block is the same operation.
    let block = [&[0, 1], &[0xff; 256 - 3][MESSAGE.len()..], &[0], MESSAGE].concat();
    assert_eq!(openssl::decrypt(&private, &none, &block), signature);
    assert!(verify(&client, &key, &SignatureAlgorithm::Rsnull, MESSAGE, &signature).await);
}

#[tokio::test]
async fn ecdsa_on_each_curve() {
    let client = keys();
    for (algorithm, curve, half) in [
        (SignatureAlgorithm::Es256, CurveName::P256, 32),
        (SignatureAlgorithm::Es384, CurveName::P384, 48),
        (SignatureAlgorithm::Es512, CurveName::P521, 66),
        (SignatureAlgorithm::Es256K, CurveName::P256K, 32),
    ] {
        let (name, text) = (fresh("ec"), algorithm.to_string());
        let (private, jwk) = openssl::ec_key(curve.clone());
        let digest = openssl::digest(&openssl::hash_of(&text), MESSAGE);
        let imported = import(&client, &name, jwk.clone()).await;
        let theirs = openssl::ecdsa_flat(&openssl::sign(&private, &text, &digest), half);
        assert!(verify(&client, &imported, &algorithm, &digest, &theirs).await, "{text}");
        assert!(!verify(&client, &imported, &algorithm, &digest, &flipped(&theirs)).await);
        let signature = sign(&client, &name, &algorithm, &digest).await;
        assert_eq!(signature.len(), 2 * half);
        assert!(openssl::verifies(&jwk, &text, &digest, &signature), "{text}");

        let made = create(&client, &name, ec(curve)).await;
        let signature = sign(&client, &name, &algorithm, &digest).await;
        assert!(openssl::verifies(made.key.as_ref().unwrap(), &text, &digest, &signature));
        assert!(verify(&client, &made, &algorithm, &digest, &signature).await, "{text}");
        assert!(!verify(&client, &imported, &algorithm, &digest, &signature).await, "{text}");
    }
}

#[tokio::test]
async fn rsa_encryption_and_wrapping() {
    let (client, name) = (keys(), fresh("oaep"));
    let (private, jwk) = openssl::rsa_key();
    let key = import(&client, &name, jwk.clone()).await;
    let oaep = ["-pkeyopt", "rsa_padding_mode:oaep", "-pkeyopt"];
    for (algorithm, options) in [
        (EncryptionAlgorithm::Rsa1_5, [&["-pkeyopt", "rsa_padding_mode:pkcs1"][..], &[]].concat()),
        (EncryptionAlgorithm::RsaOaep, [&oaep[..], &["rsa_oaep_md:sha1"]].concat()),
        (EncryptionAlgorithm::RsaOaep256, [&oaep[..], &["rsa_oaep_md:sha256"]].concat()),
    ] {
        let ciphertext = encrypt(&client, &name, work(&algorithm, MESSAGE)).await.result.unwrap();
        assert_eq!(openssl::decrypt(&private, &options, &ciphertext), MESSAGE, "{algorithm}");
        let wrapped = wrap(&client, &name, work(&algorithm, MESSAGE)).await;
        assert_eq!(openssl::decrypt(&private, &options, &wrapped), MESSAGE, "{algorithm}");
        let theirs = openssl::encrypt(&jwk, &options, MESSAGE);
        assert_eq!(decrypt(&client, &key, work(&algorithm, &theirs)).await.unwrap(), MESSAGE);
        assert_eq!(unwrap(&client, &key, work(&algorithm, &theirs)).await.unwrap(), MESSAGE);
        let error = decrypt(&client, &key, work(&algorithm, &flipped(&theirs))).await.unwrap_err();
        assert_eq!(refusal(error), plain(400, "BadParameter"), "{algorithm}");
    }
}

/// A symmetric key that is known here, too. The server of this suite keeps them in its vaults.
async fn symmetric(client: &KeyClient, bytes: usize) -> (String, Key, Vec<u8>) {
    let name = fresh("oct");
    let secret = openssl::digest("sha256", name.as_bytes())[..bytes].to_vec();
    let permitted = ["encrypt", "decrypt", "wrapKey", "unwrapKey", "sign", "verify"];
    let key = import(
        client,
        &name,
        JsonWebKey {
            kty: Some(KeyType::Oct),
            k: Some(secret.clone()),
            key_ops: Some(permitted.map(String::from).to_vec()),
            ..Default::default()
        },
    );
    let key = key.await;
    assert!(key.key.as_ref().unwrap().k.is_none());
    (name, key, secret)
}

#[tokio::test]
async fn aes_gcm() {
    use EncryptionAlgorithm::{A128Gcm, A192Gcm, A256Gcm};
    type Aes192Gcm = aes_gcm::AesGcm<aes_gcm::aes::Aes192, aes_gcm::aead::consts::U12>;
    let client = keys();
    let open = |secret: &[u8], iv: &[u8], msg: &[u8]| {
        let (iv, text) = (iv.try_into().unwrap(), Payload { msg, aad: b"beside" });
        match secret.len() {
            16 => aes_gcm::Aes128Gcm::new_from_slice(secret).unwrap().decrypt(iv, text),
            24 => Aes192Gcm::new_from_slice(secret).unwrap().decrypt(iv, text),
            _ => aes_gcm::Aes256Gcm::new_from_slice(secret).unwrap().decrypt(iv, text),
        }
    };
    for (algorithm, bytes) in [(A128Gcm, 16), (A192Gcm, 24), (A256Gcm, 32)] {
        let (name, key, secret) = symmetric(&client, bytes).await;
        let mut body = work(&algorithm, MESSAGE);
        body.additional_authenticated_data = Some(b"beside".to_vec());
        let made = encrypt(&client, &name, body.clone()).await;
        let (iv, tag) = (made.iv.unwrap(), made.authentication_tag.unwrap());
        let value = made.result.unwrap();
        assert_eq!((iv.len(), tag.len(), value.len()), (12, 16, MESSAGE.len()));
        assert_eq!(open(&secret, &iv, &[&value[..], &tag].concat()).unwrap(), MESSAGE);

        (body.value, body.iv, body.authentication_tag) = (Some(value), Some(iv), Some(tag));
        assert_eq!(decrypt(&client, &key, body.clone()).await.unwrap(), MESSAGE);
        body.additional_authenticated_data = Some(b"other".to_vec());
        let error = decrypt(&client, &key, body).await.unwrap_err();
        assert_eq!(refusal(error), plain(400, "BadParameter"), "{algorithm}");
    }
}

#[tokio::test]
async fn aes_cbc() {
    use EncryptionAlgorithm::{A128Cbc, A128Cbcpad, A192Cbc, A192Cbcpad, A256Cbc, A256Cbcpad};
    let client = keys();
    let (text, iv) = ([7; 48], [9; 16]);
    for (algorithm, padded, bytes) in [
        (A128Cbc, false, 16),
        (A192Cbc, false, 24),
        (A256Cbc, false, 32),
        (A128Cbcpad, true, 16),
        (A192Cbcpad, true, 24),
        (A256Cbcpad, true, 32),
    ] {
        let (name, key, secret) = symmetric(&client, bytes).await;
        let text = if padded { MESSAGE } else { &text[..] };
        let cipher = format!("-aes-{}-cbc", bytes * 8);
        let expected = openssl::cipher("-e", &cipher, &secret, &iv, padded, text);
        let mut body = work(&algorithm, text);
        body.iv = Some(iv.to_vec());
        let made = encrypt(&client, &name, body.clone()).await;
        assert_eq!(made.result.as_ref(), Some(&expected), "{algorithm}");
        body.value = Some(expected);
        assert_eq!(decrypt(&client, &key, body).await.unwrap(), text, "{algorithm}");

        let made = encrypt(&client, &name, work(&algorithm, text)).await;
        let (drawn, value) = (made.iv.unwrap(), made.result.unwrap());
        assert_eq!(openssl::cipher("-d", &cipher, &secret, &drawn, padded, &value), text);
    }
}

#[tokio::test]
async fn aes_key_wrap() {
    use EncryptionAlgorithm::{A128Kw, A192Kw, A256Kw, CkmAesKeyWrap, CkmAesKeyWrapPad};
    let client = keys();
    for (own, bytes) in [(A128Kw, 16), (A192Kw, 24), (A256Kw, 32)] {
        let (name, key, secret) = symmetric(&client, bytes).await;
        for (algorithm, suffix, iv, length) in [
            (own, "", &[0xa6; 8][..], 32),
            (CkmAesKeyWrap, "", &[0xa6; 8][..], 24),
            (CkmAesKeyWrapPad, "-pad", &[0xa6, 0x59, 0x59, 0xa6][..], 33),
        ] {
            let cipher = format!("-id-aes{}-wrap{suffix}", bytes * 8);
            let wrapped = vec![5; length];
            let expected = openssl::cipher("-e", &cipher, &secret, iv, true, &wrapped);
            assert_eq!(wrap(&client, &name, work(&algorithm, &wrapped)).await, expected);
            assert_eq!(unwrap(&client, &key, work(&algorithm, &expected)).await.unwrap(), wrapped);
            let bad = unwrap(&client, &key, work(&algorithm, &flipped(&expected))).await;
            assert_eq!(refusal(bad.unwrap_err()), plain(400, "BadParameter"), "{algorithm}");
        }
    }
}

#[tokio::test]
async fn hmac() {
    use SignatureAlgorithm::{Hs256, Hs384, Hs512};
    let client = keys();
    let (name, key, secret) = symmetric(&client, 32).await;
    for algorithm in [Hs256, Hs384, Hs512] {
        let hash = openssl::hash_of(&algorithm.to_string());
        let digest = openssl::digest(&hash, MESSAGE);
        let expected = openssl::hmac(&hash, &secret, &digest);
        assert_eq!(sign(&client, &name, &algorithm, &digest).await, expected, "{algorithm}");
        assert!(verify(&client, &key, &algorithm, &digest, &expected).await);
        assert!(!verify(&client, &key, &algorithm, &digest, &flipped(&expected)).await);
    }
}

#[tokio::test]
async fn each_type_and_size() {
    let client = keys();
    for size in [2048, 3072, 4096] {
        let key = create(&client, &fresh("rsa"), rsa(size)).await.key.unwrap();
        assert_eq!((key.kty, key.n.unwrap().len()), (Some(KeyType::Rsa), size as usize / 8));
        assert!(key.d.is_none() && key.p.is_none());
    }
    for curve in [CurveName::P256, CurveName::P384, CurveName::P521, CurveName::P256K] {
        let key = create(&client, &fresh("ec"), ec(curve.clone())).await.key.unwrap();
        assert_eq!((key.kty, key.crv), (Some(KeyType::Ec), Some(curve)));
        assert!(key.d.is_none());
    }
    let in_device = CreateKeyParameters { kty: Some(KeyType::EcHsm), ..Default::default() };
    let key = create(&client, &fresh("hsm"), in_device).await;
    assert_eq!(key.key.unwrap().kty, Some(KeyType::EcHsm));
    assert_eq!(key.attributes.unwrap().hsm_platform.as_deref(), Some("0"));
}

#[tokio::test]
async fn members_are_kept_and_updated() {
    let (client, name) = (keys(), fresh("members"));
    let body = CreateKeyParameters {
        key_ops: Some(vec![KeyOperation::Sign, KeyOperation::Verify]),
        tags: Some(HashMap::from([("keep".into(), "me".into())])),
        ..rsa(2048)
    };
    let made = create(&client, &name, body).await;
    let body = UpdateKeyPropertiesParameters {
        key_ops: Some(vec![KeyOperation::Decrypt]),
        ..Default::default()
    };
    client.update_key_properties(&name, body.try_into().unwrap(), None).await.unwrap();
    let options =
        KeyClientGetKeyOptions { key_version: Some(version(&made)), ..Default::default() };
    let key = client.get_key(&name, Some(options)).await.unwrap().into_model().unwrap();
    assert_eq!(key.tags.unwrap()["keep"], "me");
    let jwk = key.key.unwrap();
    assert_eq!(jwk.key_ops.unwrap(), ["decrypt"]);
    assert_eq!(jwk.n, made.key.unwrap().n);
    let attributes = key.attributes.unwrap();
    assert_eq!((attributes.enabled, attributes.exportable), (Some(true), Some(false)));
    assert_eq!(attributes.recoverable_days, Some(90));
    assert_eq!(attributes.recovery_level.unwrap().to_string(), "Recoverable+Purgeable");
}

#[tokio::test]
async fn what_a_key_may_not_do() {
    let (client, name) = (keys(), fresh("refused"));
    create(&client, &name, rsa(2048)).await;
    let attempt = |algorithm: &str, length: usize| {
        let algorithm = Some(algorithm.parse().unwrap());
        let body = SignParameters { algorithm, value: Some(vec![0; length]) };
        client.sign(&name, body.try_into().unwrap(), None)
    };
    assert_eq!(refusal(attempt("RS256", 31).await.unwrap_err()), plain(400, "BadParameter"));
    assert_eq!(refusal(attempt("ES256", 32).await.unwrap_err()), plain(400, "BadParameter"));
    assert_eq!(refusal(attempt("nonsense", 32).await.unwrap_err()), plain(400, "BadParameter"));
    let update = async |body: UpdateKeyPropertiesParameters| {
        client.update_key_properties(&name, body.try_into().unwrap(), None).await.unwrap();
    };
    let key_ops = Some(vec![KeyOperation::Verify]);
    update(UpdateKeyPropertiesParameters { key_ops, ..Default::default() }).await;
    let refused = inner(403, "Forbidden", "KeyOperationForbidden");
    assert_eq!(refusal(attempt("RS256", 32).await.unwrap_err()), refused);
    let disabled = KeyAttributes { enabled: Some(false), ..Default::default() };
    let key_attributes = Some(disabled);
    update(UpdateKeyPropertiesParameters { key_attributes, ..Default::default() }).await;
    let refused = inner(403, "Forbidden", "KeyDisabled");
    assert_eq!(refusal(attempt("RS256", 32).await.unwrap_err()), refused);
}

#[tokio::test]
async fn a_missing_key() {
    let error = keys().get_key("missing", None).await.unwrap_err();
    assert_eq!(refusal(error), plain(404, "KeyNotFound"));
}

#[tokio::test]
async fn lists_go_through_every_page() {
    cli(&["vault", "create", "keys", "--retention-days", "7"]);
    let client = KeyClient::new(&vault_url("keys"), owner(), None).unwrap();
    let names: Vec<String> = (0..30).map(|n| format!("many-{n:02}")).collect();
    for name in &names {
        create(&client, name, ec(CurveName::P256)).await;
    }
    for _ in 0..27 {
        create(&client, "many-05", ec(CurveName::P256)).await;
    }
    let options = KeyClientListKeyPropertiesOptions { maxresults: Some(8), ..Default::default() };
    let listed: Vec<_> =
        client.list_key_properties(Some(options)).unwrap().try_collect().await.unwrap();
    let found: Vec<String> = listed.iter().map(|p| p.resource_id().unwrap().name).collect();
    assert_eq!(found, names);
    let versions: Vec<_> =
        client.list_key_properties_versions("many-05", None).unwrap().try_collect().await.unwrap();
    assert_eq!(versions.len(), 28);
}

#[tokio::test]
async fn delete_see_recover_purge() {
    let (client, name) = (keys(), fresh("deleted"));
    let made = create(&client, &name, ec(CurveName::P256)).await;
    let deleted = client.delete_key(&name, None).await.unwrap().into_model().unwrap();
    assert_eq!(deleted.recovery_id.unwrap(), format!("{}/deletedkeys/{name}", vault_url("dev")));
    assert!(deleted.scheduled_purge_date > deleted.deleted_date);
    let error = client.get_key(&name, None).await.unwrap_err();
    assert_eq!(refusal(error), plain(404, "KeyNotFound"));
    let again = RequestContent::from_str(r#"{"kty":"EC"}"#);
    let error = client.create_key(&name, again, None).await.unwrap_err();
    assert_eq!(refusal(error), inner(409, "Conflict", "ObjectIsDeletedButRecoverable"));

    client.get_deleted_key(&name, None).await.unwrap();
    let listed: Vec<_> =
        client.list_deleted_key_properties(None).unwrap().try_collect().await.unwrap();
    assert!(listed.iter().any(|p| p.resource_id().unwrap().name == name));
    let recovered = client.recover_deleted_key(&name, None).await.unwrap().into_model().unwrap();
    assert_eq!(version(&recovered), version(&made));
    client.delete_key(&name, None).await.unwrap();
    client.purge_deleted_key(&name, None).await.unwrap();
    let error = client.get_deleted_key(&name, None).await.unwrap_err();
    assert_eq!(refusal(error), plain(404, "KeyNotFound"));
}

#[tokio::test]
async fn back_up_and_restore() {
    let (client, name) = (keys(), fresh("backup"));
    let made = create(&client, &name, ec(CurveName::P384)).await;
    let backup = client.backup_key(&name, None).await.unwrap().into_model().unwrap();
    let blob = backup.value.unwrap();
    let restore = |blob: Vec<u8>| {
        let body = RestoreKeyParameters { key_backup: Some(blob) };
        client.restore_key(body.try_into().unwrap(), None)
    };
    let (status, code, _) = refusal(restore(blob.clone()).await.unwrap_err());
    assert_eq!((status, code.as_str()), (409, "Conflict"));
    client.delete_key(&name, None).await.unwrap();
    client.purge_deleted_key(&name, None).await.unwrap();
    assert_eq!(refusal(restore(flipped(&blob)).await.unwrap_err()).0, 400);
    restore(blob).await.unwrap();
    let digest = openssl::digest("sha384", MESSAGE);
    let signature = sign(&client, &name, &SignatureAlgorithm::Es384, &digest).await;
    assert!(openssl::verifies(made.key.as_ref().unwrap(), "ES384", &digest, &signature));
}

#[tokio::test]
async fn rotation_and_its_policy() {
    let (client, name) = (keys(), fresh("rotated"));
    let tags = Some(HashMap::from([("keep".into(), "me".into())]));
    let made = create(&client, &name, CreateKeyParameters { tags, ..ec(CurveName::P521) }).await;
    let expiry_time = Some("P90D".to_owned());
    let time_after_create = Some("P60D".to_owned());
    let trigger = Some(LifetimeActionTrigger { time_after_create, ..Default::default() });
    let action = LifetimeActionType { type_prop: Some(KeyRotationPolicyAction::Rotate) };
    let policy = KeyRotationPolicy {
        attributes: Some(KeyRotationPolicyAttributes { expiry_time, ..Default::default() }),
        lifetime_actions: Some(vec![LifetimeAction { trigger, action: Some(action) }]),
        ..Default::default()
    };
    client.update_key_rotation_policy(&name, policy.try_into().unwrap(), None).await.unwrap();
    let read = client.get_key_rotation_policy(&name, None).await.unwrap().into_model().unwrap();
    assert_eq!(read.attributes.unwrap().expiry_time.as_deref(), Some("P90D"));
    let actions = read.lifetime_actions.unwrap();
    assert_eq!(actions.len(), 2, "the notice is added");
    let trigger = actions[0].trigger.as_ref().unwrap();
    assert_eq!(trigger.time_after_create.as_deref(), Some("P60D"));

    let rotated = client.rotate_key(&name, None).await.unwrap().into_model().unwrap();
    assert_ne!(version(&rotated), version(&made));
    assert_eq!(rotated.tags.unwrap()["keep"], "me");
    let attributes = rotated.attributes.unwrap();
    let life = attributes.expires.unwrap() - attributes.created.unwrap();
    assert_eq!(life.whole_seconds(), 90 * 86_400);
    let jwk = rotated.key.unwrap();
    assert_eq!(jwk.crv, Some(CurveName::P521));
    assert_ne!(jwk.x, made.key.unwrap().x);
}

#[tokio::test]
async fn an_identity_without_a_role_is_refused() {
    let created = cli(&["identity", "create-for-rbac", "--name", &fresh("id")]);
    let identity: serde_json::Value = serde_json::from_str(&created).unwrap();
    let credential =
        support::signed_in(support::text(&identity["appId"]), support::text(&identity["password"]));
    let client = KeyClient::new(&vault_url("dev"), credential, None).unwrap();
    let error = client.get_key("x", None).await.unwrap_err();
    assert_eq!(refusal(error), inner(403, "Forbidden", "ForbiddenByRbac"));
}
