//! The official Rust client for certificates, unmodified. What comes out is checked by the
//! `openssl` command.

mod support;

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use azure_core::base64;
use azure_security_keyvault_certificates::models::{
    Certificate, CertificateAttributes, CertificateClientGetCertificateOptions,
    CertificateClientListCertificatePropertiesOptions, CertificateOperation, CertificatePolicy,
    Contact, Contacts, CreateCertificateParameters, CurveName, ImportCertificateParameters,
    IssuerCredentials, IssuerParameters, KeyProperties, KeyType, MergeCertificateParameters,
    RestoreCertificateParameters, SetIssuerParameters, SubjectAlternativeNames,
    UpdateCertificatePropertiesParameters, X509CertificateProperties,
};
use azure_security_keyvault_certificates::{CertificateClient, ResourceExt};
use azure_security_keyvault_keys::KeyClient;
use azure_security_keyvault_secrets::SecretClient;
use futures::TryStreamExt;
use support::{fresh, owner, refusal, vault_url};
use tempfile::TempDir;

fn certificates() -> CertificateClient {
    CertificateClient::new(&vault_url("dev"), owner(), None).unwrap()
}

fn policy(issuer: &str) -> CertificatePolicy {
    CertificatePolicy {
        issuer_parameters: Some(IssuerParameters {
            name: Some(issuer.into()),
            ..Default::default()
        }),
        key_properties: Some(KeyProperties {
            key_type: Some(KeyType::Ec),
            curve: Some(CurveName::P256),
            ..Default::default()
        }),
        x509_certificate_properties: Some(X509CertificateProperties {
            subject: Some("CN=web.example".into()),
            subject_alternative_names: Some(SubjectAlternativeNames {
                dns_names: Some(vec!["web.example".into()]),
                ..Default::default()
            }),
            ..Default::default()
        }),
        ..Default::default()
    }
}

fn asked(issuer: &str) -> CreateCertificateParameters {
    CreateCertificateParameters { certificate_policy: Some(policy(issuer)), ..Default::default() }
}

async fn make(client: &CertificateClient, name: &str) -> Certificate {
    let body = asked("Self").try_into().unwrap();
    client.begin_create_certificate(name, body, None).unwrap().await.unwrap();
    get(client, name).await
}

async fn get(client: &CertificateClient, name: &str) -> Certificate {
    client.get_certificate(name, None).await.unwrap().into_model().unwrap()
}

/// An operation that waits for somebody outside.
async fn wait(client: &CertificateClient, name: &str) -> CertificateOperation {
    let body = asked("Unknown").try_into().unwrap();
    let mut poller = client.begin_create_certificate(name, body, None).unwrap();
    poller.try_next().await.unwrap().expect("an operation").into_model().unwrap()
}

fn version(certificate: &Certificate) -> String {
    certificate.resource_id().unwrap().version.unwrap()
}

async fn status<T>(asked: impl Future<Output = azure_core::Result<T>>) -> u16 {
    refusal(asked.await.err().expect("a refusal")).0
}

/// A folder in which `openssl` works.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn put(&self, name: &str, bytes: &[u8]) -> &Self {
        fs::write(self.path(name), bytes).unwrap();
        self
    }

    fn does(&self, line: &str) -> Vec<u8> {
        let mut command = Command::new("openssl");
        let output = command.args(line.split(' ')).current_dir(&self.0).output().unwrap();
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    }

    /// What identifies the public key in a file of PEM.
    fn public_key(&self, name: &str, of: &str) -> Vec<u8> {
        match of {
            "key" => self.does(&format!("pkey -in {name} -pubout")),
            _ => self.does(&format!("x509 -in {name} -noout -pubkey")),
        }
    }

    /// An authority of its own, in `ca.key` and `ca.crt`.
    fn authority(&self) -> &Self {
        self.does(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key \
             -out ca.crt -days 90 -subj /CN=ca",
        );
        self
    }
}

fn read(path: &Path) -> Vec<u8> {
    fs::read(path).unwrap()
}

#[tokio::test]
async fn a_certificate_signs_itself_with_a_key_and_a_secret_of_its_own() {
    let (client, name) = (certificates(), fresh("self"));
    let made = make(&client, &name).await;
    let folder = Folder::new();
    folder.put("web.der", made.cer.as_ref().unwrap());
    folder.does("x509 -inform DER -in web.der -out web.pem");
    folder.does("verify -x509_strict -check_ss_sig -CAfile web.pem web.pem");
    let text = String::from_utf8(folder.does("x509 -in web.pem -noout -text")).unwrap();
    assert!(text.contains("Subject: CN = web.example") && text.contains("DNS:web.example"));

    let keys = KeyClient::new(&vault_url("dev"), owner(), None).unwrap();
    let key = keys.get_key(&name, None).await.unwrap().into_model().unwrap();
    assert_eq!((key.key.unwrap().kid, key.managed), (made.kid.clone(), Some(true)));
    let secrets = SecretClient::new(&vault_url("dev"), owner(), None).unwrap();
    let secret = secrets.get_secret(&name, None).await.unwrap().into_model().unwrap();
    assert_eq!((secret.id, secret.kid), (made.sid, made.kid));
    assert_eq!(secret.content_type.as_deref(), Some("application/x-pkcs12"));
    folder.put("web.pfx", &base64::decode(secret.value.unwrap()).unwrap());
    folder.does("pkcs12 -in web.pfx -passin pass: -nodes -out all.pem");
    assert_eq!(folder.public_key("all.pem", "key"), folder.public_key("web.pem", "certificate"));
}

#[tokio::test]
async fn versions_lists_and_properties() {
    let (client, name) = (certificates(), fresh("many"));
    let first = make(&client, &name).await;
    let second = make(&client, &name).await;
    assert_ne!(version(&first), version(&second));
    let old = CertificateClientGetCertificateOptions {
        certificate_version: Some(version(&first)),
        ..Default::default()
    };
    let old = client.get_certificate(&name, Some(old)).await.unwrap().into_model().unwrap();
    assert_eq!(old.cer, first.cer);

    let body = UpdateCertificatePropertiesParameters {
        certificate_attributes: Some(CertificateAttributes {
            enabled: Some(false),
            ..Default::default()
        }),
        tags: Some(HashMap::from([("a".into(), "b".into())])),
        ..Default::default()
    };
    let body = body.try_into().unwrap();
    client.update_certificate_properties(&name, body, None).await.unwrap();
    let changed = get(&client, &name).await;
    assert_eq!(changed.attributes.unwrap().enabled, Some(false));
    assert_eq!(changed.tags.unwrap()["a"], "b");

    let versions = client.list_certificate_properties_versions(&name, None).unwrap();
    let versions: Vec<_> = versions.try_collect().await.unwrap();
    assert_eq!(versions.len(), 2);
    let listed: Vec<_> =
        client.list_certificate_properties(None).unwrap().try_collect().await.unwrap();
    assert!(listed.iter().any(|found| found.resource_id().unwrap().name == name));
}

#[tokio::test]
async fn an_outside_authority_signs() {
    let (client, name) = (certificates(), fresh("outside"));
    let operation = wait(&client, &name).await;
    assert_eq!(operation.status.as_deref(), Some("inProgress"));
    let pending = CertificateClientListCertificatePropertiesOptions {
        include_pending: Some(true),
        ..Default::default()
    };
    let listed = client.list_certificate_properties(Some(pending)).unwrap();
    let listed: Vec<_> = listed.try_collect().await.unwrap();
    assert!(listed.iter().any(|found| found.resource_id().unwrap().name == name));

    let folder = Folder::new();
    folder.authority().put("web.csr", operation.csr.as_ref().unwrap());
    folder.does(
        "x509 -req -inform DER -in web.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 30 \
         -outform DER -out web.der",
    );
    let merge = |certificate: Vec<u8>| MergeCertificateParameters {
        x509_certificates: Some(vec![certificate]),
        ..Default::default()
    };
    folder.does("x509 -in ca.crt -outform DER -out ca.der");
    let strange = merge(read(&folder.path("ca.der"))).try_into().unwrap();
    assert_eq!(status(client.merge_certificate(&name, strange, None)).await, 400);
    let signed = read(&folder.path("web.der"));
    let body = merge(signed.clone()).try_into().unwrap();
    client.merge_certificate(&name, body, None).await.unwrap();
    assert_eq!(get(&client, &name).await.cer, Some(signed));
}

#[tokio::test]
async fn an_operation_is_forgotten() {
    let (client, name) = (certificates(), fresh("forgotten"));
    wait(&client, &name).await;
    client.delete_certificate_operation(&name, None).await.unwrap();
    assert_eq!(status(client.get_certificate_operation(&name, None)).await, 404);
}

#[tokio::test]
async fn pkcs12_is_imported() {
    let (client, name) = (certificates(), fresh("imported"));
    let folder = Folder::new();
    folder.authority();
    folder.does("pkcs12 -export -inkey ca.key -in ca.crt -out in.pfx -passout pass:secret");
    let import = |password: &str| ImportCertificateParameters {
        base64_encoded_certificate: Some(base64::encode(read(&folder.path("in.pfx")))),
        password: Some(password.into()),
        ..Default::default()
    };
    let wrong = import("wrong").try_into().unwrap();
    assert_eq!(status(client.import_certificate(&name, wrong, None)).await, 400);
    let body = import("secret").try_into().unwrap();
    client.import_certificate(&name, body, None).await.unwrap();
    folder.does("x509 -in ca.crt -outform DER -out ca.der");
    assert_eq!(get(&client, &name).await.cer, Some(read(&folder.path("ca.der"))));
    let policy = client.get_certificate_policy(&name, None).await.unwrap().into_model().unwrap();
    assert_eq!(policy.issuer_parameters.unwrap().name.as_deref(), Some("Unknown"));
}

#[tokio::test]
async fn deleted_recovered_purged_restored() {
    let (client, name) = (certificates(), fresh("lives"));
    let made = make(&client, &name).await;
    let blob = client.backup_certificate(&name, None).await.unwrap().into_model().unwrap();
    client.delete_certificate(&name, None).await.unwrap();
    assert_eq!(status(client.get_certificate(&name, None)).await, 404);
    client.get_deleted_certificate(&name, None).await.unwrap();
    client.recover_deleted_certificate(&name, None).await.unwrap();
    assert_eq!(get(&client, &name).await.cer, made.cer);
    client.delete_certificate(&name, None).await.unwrap();
    client.purge_deleted_certificate(&name, None).await.unwrap();
    assert_eq!(status(client.get_deleted_certificate(&name, None)).await, 404);
    let body = RestoreCertificateParameters { certificate_backup: blob.value };
    client.restore_certificate(body.try_into().unwrap(), None).await.unwrap();
    assert_eq!(get(&client, &name).await.id, made.id);
}

#[tokio::test]
async fn issuers_and_contacts() {
    let (client, name) = (certificates(), fresh("issuer"));
    let body = SetIssuerParameters {
        provider: Some("Test".into()),
        credentials: Some(IssuerCredentials {
            account_id: Some("user".into()),
            password: Some("hidden".into()),
        }),
        ..Default::default()
    };
    client.set_issuer(&name, body.try_into().unwrap(), None).await.unwrap();
    let issuer = client.get_issuer(&name, None).await.unwrap().into_model().unwrap();
    let credentials = issuer.credentials.unwrap();
    assert_eq!((credentials.account_id.as_deref(), credentials.password), (Some("user"), None));
    let listed: Vec<_> = client.list_issuer_properties(None).unwrap().try_collect().await.unwrap();
    assert!(listed.iter().any(|found| found.id == issuer.id));
    client.delete_issuer(&name, None).await.unwrap();
    assert_eq!(status(client.get_issuer(&name, None)).await, 404);

    let contact = Contact { email: Some("a@b.example".into()), ..Default::default() };
    let contacts = Contacts { contact_list: Some(vec![contact]), ..Default::default() };
    client.set_contacts(contacts.try_into().unwrap(), None).await.unwrap();
    let read = client.get_contacts(None).await.unwrap().into_model().unwrap();
    assert_eq!(read.contact_list.unwrap()[0].email.as_deref(), Some("a@b.example"));
    client.delete_contacts(None).await.unwrap();
    assert_eq!(status(client.get_contacts(None)).await, 404);
}
