//! What opens the root key, and what must not.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs;
use std::os::unix::fs::PermissionsExt;

use minicbor::{Decode, Encode};
use strongroom_crypto::{SecretBytes, SymmetricKey};
use strongroom_model::InstallationId;
use strongroom_seal::protector::{create_key_file, read_key_file};
use strongroom_seal::{KeyRing, Place, Protector, SealError};
use strongroom_store::memory::MemoryStore;
use strongroom_store::{Freshness, Snapshot, Store, Txn, layout};

const PASSPHRASE: &str = "correct horse battery staple";
const PLACE: Place<'static> = Place::Row("test", b"row");

fn installation() -> InstallationId {
    InstallationId::from_bytes([7; 16])
}

fn key(byte: u8) -> Protector {
    Protector::Key(SymmetricKey::from_slice(&[byte; 32]).unwrap())
}

fn passphrase(text: &str) -> Result<Protector, SealError> {
    Protector::passphrase(SecretBytes::from(text.to_owned()))
}

async fn initialised(protector: &Protector) -> MemoryStore {
    let store = MemoryStore::new();
    KeyRing::initialise(&store, installation(), protector).await.unwrap();
    store
}

/// The header beside the wrapped root key, as the format's version 1 lays it out.
#[derive(Clone, Encode, Decode)]
struct Header {
    #[n(0)]
    format: u32,
    #[n(1)]
    installation: InstallationId,
    #[n(2)]
    root_generation: u32,
    #[n(3)]
    argon2id: Option<Argon2id>,
    #[cbor(n(4), with = "minicbor::bytes")]
    nonce: [u8; 12],
    #[cbor(n(5), with = "minicbor::bytes")]
    wrapped_root: Vec<u8>,
}

#[derive(Clone, Encode, Decode)]
struct Argon2id {
    #[n(0)]
    memory_kib: u32,
    #[n(1)]
    passes: u32,
    #[n(2)]
    lanes: u32,
    #[cbor(n(3), with = "minicbor::bytes")]
    salt: [u8; 16],
}

async fn header_bytes(store: &MemoryStore) -> Vec<u8> {
    let snapshot = store.snapshot(Freshness::Linearizable).await.unwrap();
    snapshot.get(layout::PROTECTOR).await.unwrap().unwrap().value.to_vec()
}

async fn with_header(store: &MemoryStore, bytes: Vec<u8>, protector: &Protector) -> SealError {
    store.commit(Txn::new().put(layout::PROTECTOR, bytes)).await.unwrap();
    KeyRing::open(store.clone(), protector).await.err().unwrap()
}

#[tokio::test]
async fn a_hierarchy_is_made_once_and_opens_with_its_key_alone() {
    let store = MemoryStore::new();
    assert_eq!(KeyRing::installation_of(&store).await.unwrap(), None);
    let none = KeyRing::open(store.clone(), &key(1)).await.err().unwrap();
    assert!(matches!(none, SealError::NotInitialised), "{none}");
    KeyRing::initialise(&store, installation(), &key(1)).await.unwrap();
    let twice = KeyRing::initialise(&store, installation(), &key(2)).await.unwrap_err();
    assert!(matches!(twice, SealError::AlreadyInitialised), "{twice}");
    assert_eq!(KeyRing::installation_of(&store).await.unwrap(), Some(installation()));

    let sealed = {
        let ring = KeyRing::open(store.clone(), &key(1)).await.unwrap();
        assert_eq!(ring.installation(), installation());
        ring.system().seal(&PLACE, b"plain").unwrap()
    };
    let again = KeyRing::open(store.clone(), &key(1)).await.unwrap();
    assert_eq!(again.system().open(&PLACE, &sealed).unwrap().expose(), b"plain");
    let wrong = KeyRing::open(store.clone(), &key(2)).await.err().unwrap();
    assert!(matches!(wrong, SealError::WrongProtector(_)), "{wrong}");
    let other_kind = passphrase(PASSPHRASE).unwrap();
    let wrong = KeyRing::open(store, &other_kind).await.err().unwrap();
    assert!(wrong.to_string().contains("key file"), "{wrong}");
}

#[tokio::test]
async fn each_changed_byte_of_the_header_is_found() {
    let store = initialised(&key(1)).await;
    let sound = header_bytes(&store).await;
    for at in 0..sound.len() {
        let mut changed = sound.clone();
        changed[at] ^= 1;
        let error = with_header(&store, changed, &key(1)).await;
        let refused = matches!(
            error,
            SealError::WrongProtector(_) | SealError::Record(_) | SealError::NewerFormat(_)
        );
        assert!(refused, "byte {at}: {error}");
    }
    for length in 0..sound.len() {
        let error = with_header(&store, sound[..length].to_vec(), &key(1)).await;
        let refused = matches!(error, SealError::WrongProtector(_) | SealError::Record(_));
        assert!(refused, "cut at {length}: {error}");
    }
    store.commit(Txn::new().put(layout::PROTECTOR, sound)).await.unwrap();
    KeyRing::open(store, &key(1)).await.unwrap();
}

#[tokio::test]
async fn a_newer_format_is_named_as_such() {
    let store = initialised(&key(1)).await;
    let mut header: Header = minicbor::decode(&header_bytes(&store).await).unwrap();
    header.format = 2;
    let newer = with_header(&store, minicbor::to_vec(&header).unwrap(), &key(1)).await;
    assert!(matches!(newer, SealError::NewerFormat(_)), "{newer}");
    // Even one whose other members this release cannot read.
    let newer = with_header(&store, minicbor::to_vec((9_u32, "new")).unwrap(), &key(1)).await;
    assert!(matches!(newer, SealError::NewerFormat(_)), "{newer}");
}

#[tokio::test]
async fn weak_passphrases_are_refused() {
    for weak in [
        "",
        "short",
        "thirteen char",
        "aaaaaaaaaaaaaaaaaaaaaaaa",
        "ababababababababab",
        "abcdeabcdeabcdeabcde",
        "\u{1f511}\u{1f511}\u{1f511}\u{1f511}",
    ] {
        assert!(matches!(passphrase(weak), Err(SealError::WeakPassphrase)), "{weak}");
    }
    let not_utf8 = Protector::passphrase(SecretBytes::new(vec![0xff; 40]));
    assert!(matches!(not_utf8, Err(SealError::WeakPassphrase)));
    for strong in [PASSPHRASE, "fourteen chars", "p\u{e4}ssw\u{f6}rt-m\u{fc}nchen"] {
        assert!(passphrase(strong).is_ok(), "{strong}");
    }
}

#[tokio::test]
async fn a_passphrase_opens_what_it_closed() {
    let store = initialised(&passphrase(PASSPHRASE).unwrap()).await;
    KeyRing::open(store.clone(), &passphrase(PASSPHRASE).unwrap()).await.unwrap();
    let wrong = passphrase("correct horse battery stapler").unwrap();
    let wrong = KeyRing::open(store.clone(), &wrong).await.err().unwrap();
    assert!(matches!(wrong, SealError::WrongProtector(_)), "{wrong}");
    let other_kind = KeyRing::open(store, &key(1)).await.err().unwrap();
    assert!(other_kind.to_string().contains("passphrase"), "{other_kind}");
}

/// Who can write the header must neither make guessing cheap nor exhaust the machine.
#[tokio::test]
async fn forged_costs_of_argon2id_are_refused() {
    let protector = passphrase(PASSPHRASE).unwrap();
    let store = initialised(&protector).await;
    let sound: Header = minicbor::decode(&header_bytes(&store).await).unwrap();
    let sound_cost = sound.argon2id.clone().unwrap();
    assert!(sound_cost.memory_kib >= 19 * 1024 && sound_cost.passes >= 2, "OWASP's least");
    let forged = |change: &dyn Fn(&mut Argon2id)| {
        let mut header = sound.clone();
        change(header.argon2id.as_mut().unwrap());
        minicbor::to_vec(&header).unwrap()
    };
    let began = std::time::Instant::now();
    for header in [
        forged(&|cost| cost.memory_kib = 8),
        forged(&|cost| cost.memory_kib = 19 * 1024 - 1),
        forged(&|cost| cost.memory_kib = 1024 * 1024 + 1),
        forged(&|cost| cost.memory_kib = u32::MAX),
        forged(&|cost| cost.passes = 0),
        forged(&|cost| cost.passes = 1),
        forged(&|cost| cost.passes = u32::MAX),
        forged(&|cost| cost.lanes = 0),
        forged(&|cost| cost.lanes = u32::MAX),
    ] {
        let error = with_header(&store, header, &protector).await;
        assert!(matches!(error, SealError::Crypto(_)), "{error}");
    }
    assert!(began.elapsed().as_secs() < 2, "nothing of it was computed");
    // Within the bounds, the header is authenticated.
    for header in [forged(&|cost| cost.memory_kib = 32 * 1024), forged(&|cost| cost.salt[0] ^= 1)] {
        let error = with_header(&store, header, &protector).await;
        assert!(matches!(error, SealError::WrongProtector(_)), "{error}");
    }
    let mut without = sound.clone();
    without.argon2id = None;
    let error = with_header(&store, minicbor::to_vec(&without).unwrap(), &protector).await;
    assert!(matches!(error, SealError::WrongProtector(_)), "{error}");
}

#[test]
fn a_key_file_is_private_and_made_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new/folder/root.key");
    let made = create_key_file(&path).unwrap();
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o600);
    assert_eq!(mode(path.parent().unwrap()), 0o700);
    assert_eq!(read_key_file(&path).unwrap().expose(), made.expose());
    assert!(matches!(create_key_file(&path), Err(SealError::KeyFile(_))), "never overwritten");
    assert_eq!(read_key_file(&path).unwrap().expose(), made.expose());
}

#[test]
fn a_key_file_that_others_may_read_or_of_another_form_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("root.key");
    let refused = |why: &str| {
        let error = read_key_file(&path).err().unwrap().to_string();
        assert!(error.contains(why), "{error}");
        assert!(error.contains("root.key"), "{error}");
    };
    refused("No such file");
    create_key_file(&path).unwrap();
    for mode in [0o640, 0o604, 0o660, 0o644, 0o610] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        refused("chmod 600");
    }
    fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).unwrap();
    read_key_file(&path).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let digits = "ab".repeat(32);
    for text in [
        String::new(),
        digits.clone(),
        format!("strongroom-root-key-v2 {digits}"),
        format!("strongroom-root-key-v1 {}", "ab".repeat(31)),
        format!("strongroom-root-key-v1 {}", "ab".repeat(33)),
        format!("strongroom-root-key-v1 {}", "xy".repeat(32)),
        format!("strongroom-root-key-v1 {digits} {digits}"),
    ] {
        fs::write(&path, &text).unwrap();
        refused("not of the form");
    }
    fs::write(&path, [0xff; 80]).unwrap();
    assert!(read_key_file(&path).is_err());
    fs::write(&path, format!("strongroom-root-key-v1 {digits}\n")).unwrap();
    assert_eq!(read_key_file(&path).unwrap().expose(), &[0xab; 32]);
}
