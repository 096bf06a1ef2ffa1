//! Sealed records: good at their place, unchanged, and nowhere else.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use strongroom_crypto::SymmetricKey;
use strongroom_model::{IncarnationId, InstallationId, Kind, SubscriptionId, VaultId, Version};
use strongroom_seal::{KeyRing, Part, Place, Protector, Purpose, SealError};
use strongroom_store::memory::MemoryStore;
use strongroom_store::{Freshness, Snapshot, Store, Txn, layout};

const PLAIN: &[u8] = b"the plain text of a record";

fn vault(byte: u8) -> VaultId {
    VaultId::from_bytes([byte; 16])
}

fn incarnation(byte: u8) -> IncarnationId {
    IncarnationId::from_bytes([byte; 16])
}

fn version(byte: u8) -> Version {
    Version::from_bytes([byte; 16])
}

fn protector() -> Protector {
    Protector::Key(SymmetricKey::from_slice(&[1; 32]).unwrap())
}

async fn ring(installation: u8) -> (MemoryStore, KeyRing<MemoryStore>) {
    let store = MemoryStore::new();
    let installation = InstallationId::from_bytes([installation; 16]);
    KeyRing::initialise(&store, installation, &protector()).await.unwrap();
    let ring = KeyRing::open(store.clone(), &protector()).await.unwrap();
    (store, ring)
}

/// Places that differ from each other in one thing or another.
fn places() -> Vec<Place<'static>> {
    let object = |vault, kind, name, part| Place::Object { vault, kind, name, part };
    let body = Part::Body(incarnation(1), version(1));
    vec![
        object(vault(1), Kind::Secret, "a", body),
        object(vault(2), Kind::Secret, "a", body),
        object(vault(1), Kind::Key, "a", body),
        object(vault(1), Kind::Certificate, "a", body),
        object(vault(1), Kind::Secret, "b", body),
        object(vault(1), Kind::Secret, "", body),
        object(vault(1), Kind::Secret, "a", Part::Body(incarnation(2), version(1))),
        object(vault(1), Kind::Secret, "a", Part::Body(incarnation(1), version(2))),
        object(vault(1), Kind::Secret, "a", Part::Version(incarnation(1), version(1))),
        object(vault(1), Kind::Secret, "a", Part::Head),
        object(vault(1), Kind::Secret, "a", Part::DeletedHead),
        Place::Row("a", b""),
        Place::Row("", b"a"),
        Place::Row("tenant", b"x"),
        Place::Row("tenan", b"tx"),
        Place::DataKey(b'v', &[1; 16], 1),
        Place::DataKey(b'b', &[1; 16], 1),
        Place::DataKey(b'v', &[1; 16], 2),
        Place::Backup(SubscriptionId::from_bytes([1; 16]), Kind::Secret),
        Place::Backup(SubscriptionId::from_bytes([1; 16]), Kind::Key),
        Place::Backup(SubscriptionId::from_bytes([2; 16]), Kind::Secret),
    ]
}

#[tokio::test]
async fn a_record_opens_at_its_own_place_alone() {
    let (_, ring) = ring(1).await;
    for (n, place) in places().iter().enumerate() {
        let sealed = ring.system().seal(place, PLAIN).unwrap();
        for (m, other) in places().iter().enumerate() {
            match ring.system().open(other, &sealed) {
                Ok(plain) => assert_eq!((n, plain.expose()), (m, PLAIN)),
                Err(error) => {
                    assert_ne!(n, m);
                    assert!(matches!(error, SealError::Record(_)), "{error}");
                }
            }
        }
    }
}

#[tokio::test]
async fn each_changed_bit_and_every_cut_is_found() {
    let (_, ring) = ring(1).await;
    let place = &places()[0];
    let sealed = ring.system().seal(place, PLAIN).unwrap();
    // `format | generation 4 | salt 24 | ciphertext | tag 16`
    assert_eq!(sealed.len(), 1 + 4 + 24 + PLAIN.len() + 16);
    assert_eq!(sealed[..5], [1, 0, 0, 0, 1]);
    for bit in 0..sealed.len() * 8 {
        let mut changed = sealed.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        let error = ring.system().open(place, &changed).err().unwrap();
        let newer = bit < 8 && changed[0] > 1;
        assert_eq!(matches!(error, SealError::NewerFormat(_)), newer, "bit {bit}: {error}");
        assert_eq!(matches!(error, SealError::Record(_)), !newer, "bit {bit}: {error}");
    }
    for length in 0..sealed.len() {
        assert!(ring.system().open(place, &sealed[..length]).is_err(), "{length}");
    }
    assert!(ring.system().open(place, &[sealed.as_slice(), b"x"].concat()).is_err());
    assert_eq!(ring.system().open(place, &sealed).unwrap().expose(), PLAIN);
}

#[tokio::test]
async fn no_two_seals_are_alike() {
    let (_, ring) = ring(1).await;
    let place = &places()[0];
    let seals: std::collections::HashSet<Vec<u8>> =
        (0..100).map(|_| ring.system().seal(place, b"").unwrap()).collect();
    assert_eq!(seals.len(), 100);
}

/// Another installation with the same root key: its records are no good here.
#[tokio::test]
async fn an_installation_opens_its_own_records_alone() {
    let (_, one) = ring(1).await;
    let (store, two) = ring(2).await;
    let place = &places()[0];
    let sealed = one.system().seal(place, PLAIN).unwrap();
    assert!(two.system().open(place, &sealed).is_err());
    // Nor do its wrapped keys open there.
    let (key, row) = one.new_key(Purpose::Vault(vault(1))).unwrap();
    store.commit(Txn::new().put(key, row)).await.unwrap();
    let error = two.vault(vault(1)).await.err().unwrap();
    assert!(matches!(error, SealError::Record(_)), "{error}");
}

#[tokio::test]
async fn each_owner_has_a_key_of_its_own() {
    let (store, ring) = ring(1).await;
    let subscription = SubscriptionId::from_bytes([1; 16]);
    let missing = ring.vault(vault(1)).await.err().unwrap();
    assert!(matches!(missing, SealError::NoSuchKey("vault")), "{missing}");
    for purpose in
        [Purpose::Vault(vault(1)), Purpose::Vault(vault(2)), Purpose::Backup(subscription)]
    {
        let (key, row) = ring.new_key(purpose).unwrap();
        store.commit(Txn::new().put(key, row)).await.unwrap();
    }
    let keys = [
        ring.vault(vault(1)).await.unwrap(),
        ring.vault(vault(2)).await.unwrap(),
        ring.backup(subscription).await.unwrap(),
        ring.system().clone(),
        ring.audit().clone(),
        ring.list_token().clone(),
    ];
    let place = &places()[0];
    for (n, one) in keys.iter().enumerate() {
        let sealed = one.seal(place, PLAIN).unwrap();
        for (m, other) in keys.iter().enumerate() {
            assert_eq!(other.open(place, &sealed).is_ok(), n == m, "{n} {m}");
        }
    }
}

/// The wrapped keys are bound to their owners, too.
#[tokio::test]
async fn swapped_and_changed_keys_are_found() {
    let (store, ring) = ring(1).await;
    let rows = [ring.new_key(Purpose::Vault(vault(1))), ring.new_key(Purpose::Vault(vault(2)))];
    let [(first, first_row), (second, second_row)] = rows.map(Result::unwrap);
    let swapped = Txn::new().put(first.clone(), second_row).put(second, first_row.clone());
    store.commit(swapped).await.unwrap();
    for owner in [vault(1), vault(2)] {
        let error = ring.vault(owner).await.err().unwrap();
        assert!(matches!(error, SealError::Record(_)), "{error}");
    }
    for at in 0..first_row.len() {
        let mut changed = first_row.clone();
        changed[at] ^= 1;
        store.commit(Txn::new().put(first.clone(), changed)).await.unwrap();
        assert!(ring.vault(vault(1)).await.is_err(), "byte {at}");
    }
    let mut newer = first_row.clone();
    newer[0] = 2;
    store.commit(Txn::new().put(first.clone(), newer)).await.unwrap();
    let error = ring.vault(vault(1)).await.err().unwrap();
    assert!(matches!(error, SealError::NewerFormat(_)), "{error}");
    store.commit(Txn::new().put(first, first_row)).await.unwrap();
    ring.vault(vault(1)).await.unwrap();
}

/// The system keys' rows: whoever damages one is told at the start, not later.
#[tokio::test]
async fn a_damaged_system_key_stops_the_start() {
    let (store, _) = ring(1).await;
    for purpose in [b's', b'a', b'l'] {
        let key = layout::data_key(purpose, &[0; 16], 1);
        let snapshot = store.snapshot(Freshness::Linearizable).await.unwrap();
        let sound = snapshot.get(&key).await.unwrap().unwrap().value;
        let mut damaged = sound.to_vec();
        damaged[30] ^= 1;
        store.commit(Txn::new().put(key.clone(), damaged)).await.unwrap();
        let error = KeyRing::open(store.clone(), &protector()).await.err().unwrap();
        assert!(matches!(error, SealError::Record(_)), "{error}");
        store.commit(Txn::new().delete(key.clone())).await.unwrap();
        let error = KeyRing::open(store.clone(), &protector()).await.err().unwrap();
        assert!(matches!(error, SealError::NoSuchKey(_)), "{error}");
        store.commit(Txn::new().put(key, sound)).await.unwrap();
    }
    KeyRing::open(store, &protector()).await.unwrap();
}

#[tokio::test]
async fn the_key_of_one_record_opens_that_record_at_that_place_only() {
    let (_, ring) = ring(1).await;
    let keys = ring.system();
    let (here, there) = (Place::Row("a", b"1"), Place::Row("a", b"2"));
    let (sealed, other) = (keys.seal(&here, PLAIN).unwrap(), keys.seal(&here, PLAIN).unwrap());
    let key = keys.record_key(&here, &sealed).unwrap();
    for _ in 0..2 {
        assert_eq!(key.open(&here, &sealed).unwrap().expose(), PLAIN);
    }
    assert!(matches!(key.open(&here, &other), Err(SealError::Record(_))));
    assert!(matches!(key.open(&there, &sealed), Err(SealError::Record(_))));
    for at in 0..sealed.len() {
        let mut flipped = sealed.clone();
        flipped[at] ^= 1;
        assert!(key.open(&here, &flipped).is_err() || at == 1 || at == 2 || at == 3 || at == 4);
    }
}
