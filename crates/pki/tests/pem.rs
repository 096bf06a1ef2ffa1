//! PEM of OpenSSL, ours in OpenSSL, and hostile text.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod independent;

use independent::Folder;
use strongroom_crypto::provider::ImportedKey;
use strongroom_crypto::{SecretBytes, software};
use strongroom_pki::{Container, PkiError, pem, subject_public_key_info};

const P256: &str = "EC -pkeyopt ec_paramgen_curve:P-256";

fn read(text: &str, password: &str) -> Result<Container, PkiError> {
    pem::read(text.as_bytes(), &SecretBytes::from(password.to_owned()))
}

fn error(text: &str, password: &str) -> PkiError {
    read(text, password).err().unwrap()
}

fn text(folder: &Folder, name: &str) -> String {
    String::from_utf8(folder.read(name)).unwrap()
}

fn assert_is_leaf(found: &Container, folder: &Folder, case: &str) {
    let expected = [folder.certificate("leaf.pem"), folder.certificate("root.pem")];
    assert_eq!(found.certificates, expected, "{case}");
    assert_eq!(found.key.as_ref().unwrap().expose(), folder.key("leaf.key"), "{case}");
}

#[test]
fn the_key_may_stand_anywhere_and_lines_end_in_any_way() {
    let folder = Folder::with_leaf(P256);
    let [key, leaf, root] = ["leaf.key", "leaf.pem", "root.pem"].map(|name| text(&folder, name));
    let first = [key.as_str(), &leaf, &root].concat();
    let last = [leaf.as_str(), &root, &key].concat();
    let amid = ["Bag Attributes: <none>\n", &leaf, "\n\n", &key, "issuer=CN=x\n", &root].concat();
    let windows = first.replace('\n', "\r\n");
    let base64 = {
        folder.write("all.pem", first.as_bytes());
        String::from_utf8(folder.openssl("base64 -in all.pem")).unwrap()
    };
    let unbroken = first.replace("\n", "").replace("-----B", "\n-----B");
    let commented = format!("\u{feff}# für Tests\n{first}trailing");
    for text in [first, last, amid, windows, base64, unbroken, commented] {
        assert_is_leaf(&read(&text, "").unwrap(), &folder, &text);
        assert_is_leaf(&read(&text, "not needed").unwrap(), &folder, &text);
    }
    let found = read(&[root, leaf].concat(), "").unwrap();
    assert!(found.key.is_none());
    assert_eq!(found.certificates[0], folder.certificate("root.pem"));
}

#[test]
fn keys_of_every_form_come_out_as_pkcs8() {
    let curve = |name: &str| format!("EC -pkeyopt ec_paramgen_curve:{name}");
    let algorithms = ["RSA", P256, &curve("P-384"), &curve("P-521"), &curve("secp256k1")];
    for algorithm in algorithms {
        let folder = Folder::with_leaf(algorithm);
        let tool = if algorithm == "RSA" { "rsa -traditional" } else { "ec" };
        folder.openssl(&format!("{tool} -in leaf.key -out own.key"));
        let own = text(&folder, "own.key");
        assert!(!own.contains("BEGIN PRIVATE KEY"), "{own}");
        for key in [own, text(&folder, "leaf.key")] {
            let found = read(&key, "").unwrap().key.unwrap();
            folder.write("found.der", found.expose());
            let same = "pkcs8 -topk8 -nocrypt -inform DER -in found.der -outform DER";
            assert_eq!(folder.openssl(same), folder.key("leaf.key"), "{algorithm}");
            assert_imports(found, &folder);
        }
    }
}

/// Our provider takes the key in, and it is the certificate's.
fn assert_imports(key: SecretBytes, folder: &Folder) {
    let imported = software::provider().keys.import(&ImportedKey::Pkcs8(key)).unwrap();
    let spki = subject_public_key_info(&imported.public).unwrap();
    let expected = folder.openssl("pkey -in leaf.key -pubout -outform DER");
    assert_eq!(spki, expected);
}

#[test]
fn encrypted_keys_are_read_under_their_password() {
    let folder = Folder::with_leaf(P256);
    let schemes = [
        "-v2 aes-128-cbc -v2prf hmacWithSHA1",
        "-v2 aes-192-cbc -v2prf hmacWithSHA384",
        "-v2 aes-256-cbc -v2prf hmacWithSHA512 -iter 600000",
        "-v2 aes256",
        "-v2 des3",
        "-v1 PBE-SHA1-3DES",
        "-v1 PBE-SHA1-2DES",
        "-v1 PBE-SHA1-RC2-128 -provider legacy -provider default",
        "-v1 PBE-SHA1-RC2-40 -provider legacy -provider default",
    ];
    for scheme in schemes {
        for password in ["secret", "pässwörd🔑"] {
            let encrypt = "pkcs8 -topk8 -in leaf.key -out encrypted.key";
            folder.openssl(&format!("{encrypt} {scheme} -passout pass:{password}"));
            let key = text(&folder, "encrypted.key");
            assert!(key.contains("BEGIN ENCRYPTED PRIVATE KEY"), "{key}");
            let found = read(&key, password).unwrap();
            assert_eq!(found.key.unwrap().expose(), folder.key("leaf.key"), "{scheme}");
            for wrong in ["Secret", ""] {
                let error = error(&key, wrong);
                assert!(matches!(error, PkiError::PemPassword), "{scheme}: {error}");
            }
        }
    }
}

#[test]
fn encryptions_that_are_not_read_say_so() {
    let folder = Folder::with_leaf(P256);
    let others = [
        "pkcs8 -topk8 -scrypt -in leaf.key -out other.key -passout pass:x",
        "ec -in leaf.key -aes256 -out other.key -passout pass:x",
    ];
    for other in others {
        folder.openssl(other);
        assert!(matches!(error(&text(&folder, "other.key"), "x"), PkiError::Scheme), "{other}");
    }
    folder.openssl("genpkey -algorithm ED25519 -out other.key");
    assert!(matches!(error(&text(&folder, "other.key"), ""), PkiError::PrivateKey));
}

#[test]
fn a_second_key_is_refused() {
    let folder = Folder::with_leaf(P256);
    let two = [text(&folder, "leaf.key"), text(&folder, "root.key")].concat();
    assert!(matches!(error(&two, ""), PkiError::SeveralKeys));
}

#[test]
fn openssl_reads_what_we_write() {
    for algorithm in [P256, "RSA"] {
        let folder = Folder::with_leaf(algorithm);
        let chain = ["leaf.pem", "root.pem"].map(|name| folder.certificate(name));
        let key = SecretBytes::new(folder.key("leaf.key"));
        let ours = pem::write(Some(&key), &chain).unwrap();
        // OpenSSL's own text is the same to the byte: key, leaf, root.
        let theirs = ["leaf.key", "leaf.pem", "root.pem"].map(|name| text(&folder, name)).concat();
        assert_eq!(std::str::from_utf8(ours.expose()).unwrap(), theirs);
        let certificates = pem::write(None, &chain).unwrap();
        assert!(theirs.ends_with(std::str::from_utf8(certificates.expose()).unwrap()));
    }
}

#[test]
fn lines_are_full_when_the_text_is_a_multiple_of_them() {
    for length in [0, 1, 47, 48, 49, 96] {
        let folder = Folder::new();
        folder.write("der", &vec![7; length]);
        let base64 = String::from_utf8(folder.openssl("base64 -in der")).unwrap();
        let expected = format!("-----BEGIN CERTIFICATE-----\n{base64}-----END CERTIFICATE-----\n");
        let ours = pem::write(None, &[vec![7; length]]).unwrap();
        assert_eq!(std::str::from_utf8(ours.expose()).unwrap(), expected);
    }
}

#[test]
fn what_is_no_pem_is_refused() {
    let folder = Folder::with_leaf(P256);
    let good = text(&folder, "leaf.pem");
    for length in 0..good.len() - 1 {
        let cut = read(good.get(..length).unwrap(), "");
        assert!(matches!(cut, Err(PkiError::Pem)), "{length}");
    }
    let bad = [
        "hello",
        "-----BEGIN CERTIFICATE-----",
        "-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END PRIVATE KEY-----\n",
        "-----BEGIN CERTIFICATE-----\n-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n",
        "-----BEGIN DH PARAMETERS-----\nAAAA\n-----END DH PARAMETERS-----\n",
    ];
    for bad in bad {
        assert!(matches!(error(bad, ""), PkiError::Pem), "{bad}");
    }
    let no_text = SecretBytes::default();
    assert!(matches!(pem::read(b"\xff\xfe-----BEGIN ", &no_text), Err(PkiError::Pem)));
    let key = "-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n";
    assert!(matches!(error(key, ""), PkiError::PrivateKey));
    let huge = "-----BEGIN ".repeat(100_000);
    assert!(matches!(error(&huge, ""), PkiError::TooCostly));
    assert!(matches!(error(&"-----BEGIN ".repeat(20_000), ""), PkiError::Pem));
}
