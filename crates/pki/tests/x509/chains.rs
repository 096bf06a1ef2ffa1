//! Chains in any order, and chains that are none.

use strongroom_model::Curve;
use strongroom_pki::{MAX_CHAIN, PkiError, check_validity, facts, order_chain};

use crate::support::{Ca, NOW, Openssl, authority, ec, every_key, rsa, server, terms};

/// A leaf, what is between, and a root.
fn chain() -> (Vec<Vec<u8>>, crate::support::Key) {
    let root = Ca::root(&authority("CN=Root", None));
    let upper = root.below(&authority("CN=Upper", None));
    let lower = upper.below(&authority("CN=Lower", None));
    let leaf = lower.below(&server(&["a.example.com"]));
    let chain = [leaf.certificate, lower.certificate, upper.certificate, root.certificate];
    (chain.to_vec(), leaf.key)
}

#[test]
fn chains_are_put_in_order() {
    let (chain, key) = chain();
    let order = |certificates: Vec<Vec<u8>>| order_chain(certificates, key.public());
    assert_eq!(order(chain.clone()).unwrap(), chain);
    for i in 0..24 {
        let mut shuffled = chain.clone();
        shuffled.swap(0, i % 4);
        shuffled.swap(1, 1 + i / 4 % 3);
        shuffled.swap(2, 2 + i / 12);
        shuffled.push(shuffled[i % 4].clone());
        assert_eq!(order(shuffled).unwrap(), chain, "a certificate twice counts once");
    }
    for length in 1..4 {
        assert_eq!(order(chain[..length].to_vec()).unwrap(), chain[..length]);
    }
}

#[test]
fn chains_of_every_key_are_verified() {
    for (name, key) in every_key() {
        let root = Ca::root_with(&authority("CN=Root", None), key);
        let leaf = root.below(&server(&["a.example.com"]));
        let chain = vec![root.certificate.clone(), leaf.certificate.clone()];
        let ordered = order_chain(chain, leaf.key.public()).unwrap();
        assert_eq!(ordered, [leaf.certificate, root.certificate], "{name}");
    }
}

#[test]
fn what_belongs_nowhere_is_refused() {
    let (chain, key) = chain();
    let order = |certificates: &[&[Vec<u8>]]| order_chain(certificates.concat(), key.public());
    let stranger = vec![Ca::root(&authority("CN=Stranger", None)).certificate];
    assert!(matches!(order(&[&chain, &stranger]), Err(PkiError::Stray(s)) if s == "CN=Stranger"));
    // A gap makes what lies above it strays.
    assert!(matches!(order(&[&chain[..1], &chain[2..]]), Err(PkiError::Stray(_))));
    assert!(matches!(order(&[&chain[1..]]), Err(PkiError::NoCertificateOfKey)));
    assert!(matches!(order(&[]), Err(PkiError::NoCertificateOfKey)));
    assert!(matches!(order(&[&chain, &[b"junk".to_vec()]]), Err(PkiError::Certificate)));
}

#[test]
fn long_chains_are_refused() {
    let mut authorities = vec![Ca::root(&authority("CN=0", None))];
    for i in 1..MAX_CHAIN {
        let below = authorities[i - 1].below(&authority(&format!("CN={i}"), None));
        authorities.push(below);
    }
    let leaf = authorities[MAX_CHAIN - 1].key.clone();
    let all: Vec<Vec<u8>> = authorities.iter().map(|ca| ca.certificate.clone()).collect();
    assert_eq!(order_chain(all.clone(), leaf.public()).unwrap().len(), MAX_CHAIN);
    let hundred: Vec<Vec<u8>> = all.iter().cycle().take(100).cloned().collect();
    assert!(matches!(order_chain(hundred, leaf.public()), Err(PkiError::LongChain { max: 10 })));
}

#[test]
fn signatures_that_do_not_fit_are_refused() {
    let root = Ca::root(&authority("CN=Root", None));
    let leaf = root.below(&server(&["a.example.com"]));
    let mut forged = leaf.certificate.clone();
    let at = forged.windows(13).position(|window| window == b"a.example.com").unwrap();
    forged[at] = b'b';
    let order = |chain: Vec<Vec<u8>>| order_chain(chain, leaf.key.public());
    let refused = order(vec![forged, root.certificate.clone()]);
    assert!(matches!(refused, Err(PkiError::Signature(subject)) if subject == "CN=server"));
    // Another authority of the same name: the key's identifier tells them apart.
    let namesake = Ca::root(&authority("CN=Root", None));
    let refused = order(vec![leaf.certificate.clone(), namesake.certificate]);
    assert!(matches!(refused, Err(PkiError::Stray(_))));
    // One that claims the key's identifier as well has not its key.
    let mut damaged = root.certificate.clone();
    let last = damaged.len() - 1;
    damaged[last] ^= 1;
    let refused = order_chain(vec![damaged], root.key.public());
    assert!(matches!(refused, Err(PkiError::Signature(_))), "its own signature");
}

/// What a leaf signs is none of its business, though the signature fits.
#[test]
fn a_leaf_is_no_authority() {
    let openssl = Openssl::new();
    openssl.does("ecparam -name P-256 -genkey -noout -out server.key");
    openssl.does(
        "req -x509 -key server.key -subj /CN=server -addext basicConstraints=critical,CA:FALSE \
         -days 9000 -out server.pem",
    );
    openssl.does("x509 -in server.pem -outform DER -out server.der");
    openssl.does("ecparam -name P-384 -genkey -noout -out leaf.key");
    openssl.does("req -new -key leaf.key -subj /CN=forged -out leaf.csr");
    openssl.does(
        "x509 -req -in leaf.csr -CA server.pem -CAkey server.key -CAcreateserial -outform DER \
         -out leaf.der",
    );
    let leaf = openssl.read("leaf.der");
    let public = facts(&leaf).unwrap().public;
    let refused = order_chain(vec![leaf, openssl.read("server.der")], &public);
    assert!(matches!(refused, Err(PkiError::NotAuthority(subject)) if subject == "CN=server"));
}

#[test]
fn weak_signatures_are_refused_above_a_leaf() {
    let openssl = Openssl::new();
    openssl.does("genrsa -out root.key 2048");
    openssl
        .does("req -x509 -key root.key -subj /CN=Root -sha1 -days 9000 -outform DER -out root.der");
    openssl.does("x509 -inform DER -in root.der -out root.pem");
    openssl.does("genrsa -out leaf.key 2048");
    openssl.does("req -new -key leaf.key -subj /CN=leaf -out leaf.csr");
    let issue = |hash: &str| {
        openssl.does(&format!(
            "x509 -req -in leaf.csr -CA root.pem -CAkey root.key -CAcreateserial -{hash} \
             -outform DER -out leaf.der"
        ));
        let leaf = openssl.read("leaf.der");
        let public = facts(&leaf).unwrap().public;
        order_chain(vec![openssl.read("root.der"), leaf], &public)
    };
    // What a root says of itself proves nothing: its hash does not matter.
    assert_eq!(issue("sha256").unwrap().len(), 2);
    assert_eq!(issue("sha512").unwrap().len(), 2);
    assert!(matches!(issue("sha1"), Err(PkiError::SignatureAlgorithm(_))));
}

#[test]
fn chains_are_valid_in_their_time() {
    let root = Ca::root(&authority("CN=Root", None));
    let public = rsa().public().clone();
    let leaf = root.certify(&server(&["a.example.com"]), &public, &terms(30)).unwrap();
    let chain = [leaf, root.certificate];
    check_validity(&chain, NOW).unwrap();
    check_validity(&chain, NOW.plus_days(30)).unwrap();
    let expired = check_validity(&chain, NOW.plus_days(30).plus_seconds(1));
    assert!(matches!(
        expired,
        Err(PkiError::Expired { subject, end })
            if subject == "CN=server" && end == "2026-10-21T14:13:20Z"
    ));
    let early = check_validity(&chain, NOW.plus_seconds(-601));
    assert!(matches!(early, Err(PkiError::NotYetValid { .. })));
    let root_expired = check_validity(&chain[1..], NOW.plus_days(4000));
    assert!(matches!(root_expired, Err(PkiError::Expired { subject, .. }) if subject == "CN=Root"));
}

/// A renewed certificate of the same key may come with the one before it: the one that begins the
/// chain is not guessed.
#[test]
fn two_certificates_of_one_key_are_no_chain() {
    let root = Ca::root(&authority("CN=Root", None));
    let key = ec(Curve::P256);
    let leaf = |name: &str| root.certify(&server(&[name]), key.public(), &terms(30)).unwrap();
    let refused = order_chain(vec![leaf("a.b"), leaf("c.d")], key.public());
    assert!(matches!(refused, Err(PkiError::Stray(_))));
}
