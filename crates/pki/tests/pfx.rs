//! PKCS#12 files of other programs, ours in other programs, and hostile ones.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod independent;

use independent::Folder;
use strongroom_crypto::SecretBytes;
use strongroom_pki::{Container, PkiError, pfx};

const P256: &str = "EC -pkeyopt ec_paramgen_curve:P-256";

/// Not ASCII, and one character outside of the basic plane.
const PASSWORD: &str = "pässwörd🔑";

fn read(bytes: &[u8], password: &str) -> Result<Container, PkiError> {
    pfx::read(bytes, &SecretBytes::from(password.to_owned()))
}

fn error(bytes: &[u8], password: &str) -> PkiError {
    read(bytes, password).err().unwrap()
}

/// `openssl pkcs12 -export` of a leaf, its key and the root.
fn exported(folder: &Folder, options: &str, password: &str) -> Vec<u8> {
    let export = "pkcs12 -export -in leaf.pem -inkey leaf.key -certfile root.pem -name it";
    folder.openssl(&format!("{export} {options} -passout pass:{password} -out out.p12"));
    folder.read("out.p12")
}

fn assert_is_leaf(found: &Container, folder: &Folder, case: &str) {
    let expected = [folder.certificate("leaf.pem"), folder.certificate("root.pem")];
    assert_eq!(found.certificates, expected, "{case}");
    assert_eq!(found.key.as_ref().unwrap().expose(), folder.key("leaf.key"), "{case}");
}

#[test]
fn files_of_openssl_are_read_whatever_their_ciphers() {
    let folder = Folder::with_leaf(P256);
    let options = [
        "-iter 2048",
        "-keypbe AES-128-CBC -certpbe AES-192-CBC -macalg sha384",
        "-keypbe AES-256-CBC -certpbe AES-256-CBC -macalg sha512 -iter 1",
        "-keypbe DES-EDE3-CBC -certpbe DES-EDE3-CBC -macalg sha1",
        "-legacy",
        "-legacy -keypbe PBE-SHA1-RC2-40 -certpbe PBE-SHA1-RC2-128",
        "-legacy -keypbe PBE-SHA1-2DES -certpbe PBE-SHA1-3DES -macalg sha256",
        "-keypbe NONE -certpbe NONE",
        "-nomac",
        "-legacy -nomac",
        "-keypbe NONE -certpbe NONE -nomac",
    ];
    for options in options {
        for password in ["secret", PASSWORD, ""] {
            let file = exported(&folder, options, password);
            let found = read(&file, password);
            let found = found.unwrap_or_else(|error| panic!("{options} {password}: {error}"));
            assert_is_leaf(&found, &folder, options);
            let open = options.contains("NONE") && options.contains("-nomac");
            if !open {
                let error = error(&file, "another");
                assert!(matches!(error, PkiError::Pkcs12Password), "{options}: {error}");
            }
        }
    }
}

#[test]
fn keys_of_every_kind_come_out_as_pkcs8() {
    let curve = |name: &str| format!("EC -pkeyopt ec_paramgen_curve:{name}");
    for algorithm in ["RSA", &curve("P-384"), &curve("P-521"), &curve("secp256k1")] {
        let folder = Folder::with_leaf(algorithm);
        let found = read(&exported(&folder, "-iter 1", "secret"), "secret").unwrap();
        assert_is_leaf(&found, &folder, algorithm);
    }
    let folder = Folder::with_leaf("ED25519");
    let file = exported(&folder, "-iter 1", "secret");
    assert!(matches!(error(&file, "secret"), PkiError::PrivateKey));
}

#[test]
fn a_file_without_a_password_is_read_as_empty_and_as_absent() {
    // The options -legacy and -nomac of OpenSSL above are of an empty one; certtool of GnuTLS
    // 3.7.9 with --null-password and --pkcs-cipher 3des-pkcs12 made this: see fixtures/make_pfx.py.
    let absent = include_bytes!("fixtures/absent-password.p12");
    let found = read(absent, "").unwrap();
    assert_eq!(found.key.unwrap().expose(), include_bytes!("fixtures/pfx.key.der"));
    assert_eq!(found.certificates, [include_bytes!("fixtures/pfx.cer").to_vec()]);
    assert!(matches!(error(absent, "x"), PkiError::Pkcs12Password));
}

#[test]
fn files_of_nss_are_read_though_their_lengths_are_indefinite() {
    // NSS 3.87, `pk12util -o`, with its 600,000 iterations: see fixtures/make_pfx.py.
    let file = include_bytes!("fixtures/nss.p12");
    let found = read(file, "secret").unwrap();
    assert_eq!(found.key.unwrap().expose(), include_bytes!("fixtures/pfx.key.der"));
    assert_eq!(found.certificates, [include_bytes!("fixtures/pfx.cer").to_vec()]);
    assert!(matches!(error(file, "Secret"), PkiError::Pkcs12Password));
}

#[test]
fn files_of_keytool_are_read() {
    let folder = Folder::new();
    let make = |store: &str, alias: &str, algorithm: &[&str], option: &[&str]| {
        let store = ["-keystore", store, "-storetype", "PKCS12", "-storepass", "secret"];
        let name = ["-genkeypair", "-alias", alias, "-dname", "CN=leaf", "-keyalg"];
        folder.keytool(&[option, &name, algorithm, &store].concat());
    };
    make("ec.p12", "one", &["EC", "-groupname", "secp256r1"], &[]);
    make("rsa.p12", "one", &["RSA", "-keysize", "2048"], &["-J-Dkeystore.pkcs12.legacy"]);
    for store in ["ec.p12", "rsa.p12"] {
        let found = read(&folder.read(store), "secret").unwrap();
        folder.openssl(&format!(
            "pkcs12 -legacy -in {store} -passin pass:secret -nodes -nocerts -out key.pem"
        ));
        assert_eq!(found.key.unwrap().expose(), folder.key("key.pem"), "{store}");
        assert_eq!(found.certificates.len(), 1, "{store}");
        assert!(matches!(error(&folder.read(store), "wrong"), PkiError::Pkcs12Password));
    }
    make("ec.p12", "two", &["EC", "-groupname", "secp256r1"], &[]);
    assert!(matches!(error(&folder.read("ec.p12"), "secret"), PkiError::SeveralKeys));
}

#[test]
fn certificates_may_come_without_a_key_and_in_any_order() {
    let folder = Folder::with_leaf(P256);
    folder.openssl(
        "pkcs12 -export -nokeys -in root.pem -certfile leaf.pem -passout pass:x -out out.p12",
    );
    let found = read(&folder.read("out.p12"), "x").unwrap();
    assert!(found.key.is_none());
    let expected = [folder.certificate("root.pem"), folder.certificate("leaf.pem")];
    assert_eq!(found.certificates, expected);
}

#[test]
fn text_around_a_file_is_taken_off() {
    let folder = Folder::with_leaf(P256);
    exported(&folder, "-iter 1", "secret");
    let base64 = String::from_utf8(folder.openssl("base64 -in out.p12")).unwrap();
    let armoured = format!("-----BEGIN PKCS12-----\r\n{base64}-----END PKCS12-----\r\n");
    for text in [base64, armoured] {
        assert_is_leaf(&read(text.as_bytes(), "secret").unwrap(), &folder, &text);
    }
}

#[test]
fn other_programs_open_what_we_write() {
    for algorithm in [P256, "RSA"] {
        let folder = Folder::with_leaf(algorithm);
        let (key, chain) = (folder.key("leaf.key"), ["leaf.pem", "root.pem"]);
        let chain = chain.map(|name| folder.certificate(name));
        let file = pfx::write(Some(&SecretBytes::new(key.clone())), &chain).unwrap();
        assert_is_leaf(&read(file.expose(), "").unwrap(), &folder, algorithm);
        folder.write("ours.p12", file.expose());
        assert_openssl_opens(&folder, &key, &chain);
        assert_keytool_opens(&folder, &key);
    }
}

fn assert_openssl_opens(folder: &Folder, key: &[u8], chain: &[Vec<u8>; 2]) {
    let open = "pkcs12 -in ours.p12 -passin pass: -nodes";
    folder.openssl(&format!("{open} -nocerts -out key.pem"));
    assert_eq!(folder.key("key.pem"), key);
    folder.openssl(&format!("{open} -clcerts -nokeys -out own.pem"));
    folder.openssl(&format!("{open} -cacerts -nokeys -out other.pem"));
    assert_eq!([folder.certificate("own.pem"), folder.certificate("other.pem")], *chain);
    let wrong = std::panic::catch_unwind(|| folder.openssl("pkcs12 -in ours.p12 -passin pass:x"));
    assert!(wrong.is_err());
}

/// Java lists an entry with the whole chain, and carries the key into a store of its own.
fn assert_keytool_opens(folder: &Folder, key: &[u8]) {
    let list = ["-list", "-v", "-keystore", "ours.p12", "-storetype", "PKCS12", "-storepass", ""];
    let listed = folder.keytool(&list);
    assert!(listed.contains("PrivateKeyEntry"), "{listed}");
    assert!(listed.contains("Certificate chain length: 2"), "{listed}");
    let from = ["-srckeystore", "ours.p12", "-srcstoretype", "PKCS12", "-srcstorepass", ""];
    let to = ["-destkeystore", "java.p12", "-deststorepass", "secret"];
    folder.keytool(&[&["-importkeystore"], &from[..], &to].concat());
    folder.openssl("pkcs12 -in java.p12 -passin pass:secret -nodes -nocerts -out java.pem");
    assert_eq!(folder.key("java.pem"), key);
}

#[test]
fn a_file_without_our_key_has_the_chain_alone() {
    let folder = Folder::with_leaf(P256);
    let chain = [folder.certificate("leaf.pem"), folder.certificate("root.pem")];
    folder.write("ours.p12", pfx::write(None, &chain).unwrap().expose());
    let opened = folder.openssl("pkcs12 -in ours.p12 -passin pass: -nodes");
    let opened = String::from_utf8(opened).unwrap();
    assert_eq!(opened.matches("BEGIN CERTIFICATE").count(), 2);
    assert!(!opened.contains("PRIVATE KEY"));
}

#[test]
fn no_two_files_are_alike() {
    let write = || pfx::write(None, &[vec![0x30, 0]]).unwrap().expose().to_vec();
    assert_ne!(write(), write());
}

#[test]
fn a_damaged_file_is_refused() {
    let folder = Folder::with_leaf(P256);
    for options in ["-iter 1", "-legacy -iter 1", "-iter 1 -nomac"] {
        let file = exported(&folder, options, "secret");
        for length in 0..file.len() {
            assert!(read(&file[..length], "secret").is_err(), "{options}: {length} bytes");
        }
        for place in 0..file.len() {
            let mut damaged = file.clone();
            damaged[place] ^= 1 << (place % 8);
            let found = read(&damaged, "secret");
            if !options.contains("-nomac")
                && let Ok(found) = found
            {
                assert_is_leaf(&found, &folder, &format!("{options}: byte {place}"));
            }
        }
    }
}

#[test]
fn a_huge_file_is_refused() {
    let mut file = vec![0x30, 0x84, 0x7f, 0xff, 0xff, 0xff];
    file.resize(1_000_000, 0);
    assert!(matches!(error(&file, ""), PkiError::TooCostly));
    assert!(matches!(error(&file[..1000], ""), PkiError::Pkcs12));
    for nonsense in [&b""[..], b"0", b"\x30\x80", b"hello", &[0x30; 4096], &[0xff; 64]] {
        assert!(matches!(error(nonsense, ""), PkiError::Pkcs12), "{nonsense:?}");
    }
}

/// A value of ASN.1 in DER.
fn tlv(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let value = parts.concat();
    let length = u16::try_from(value.len()).unwrap().to_be_bytes();
    let header = match value.len() {
        0..128 => vec![tag, length[1]],
        128..256 => vec![tag, 0x81, length[1]],
        _ => vec![tag, 0x82, length[0], length[1]],
    };
    [header, value].concat()
}

const DATA: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01";
const ENCRYPTED_DATA: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x06";
const PBE_SHA1_3DES: &[u8] = b"\x06\x0a\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x01\x03";
const PBES2: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0d";
const PBKDF2: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0c";
const AES_256_CBC: &[u8] = b"\x06\x09\x60\x86\x48\x01\x65\x03\x04\x01\x2a";
const SHA_1: &[u8] = b"\x30\x07\x06\x05\x2b\x0e\x03\x02\x1a";

fn salt_and(iterations: u32) -> Vec<u8> {
    // One byte more, so that the number is not negative.
    let bytes = [&[0], &iterations.to_be_bytes()[..]].concat();
    let longer = |window: &[u8]| window[0] == 0 && window[1] & 0x80 == 0;
    let zeros = bytes.windows(2).take_while(|window| longer(window)).count();
    [tlv(4, &[b"saltsalt"]), tlv(2, &[&bytes[zeros..]])].concat()
}

fn pkcs12_scheme(iterations: u32) -> Vec<u8> {
    tlv(0x30, &[PBE_SHA1_3DES, &tlv(0x30, &[&salt_and(iterations)])])
}

fn pbes2_scheme(iterations: u32) -> Vec<u8> {
    let derivation = tlv(0x30, &[PBKDF2, &tlv(0x30, &[&salt_and(iterations)])]);
    let cipher = tlv(0x30, &[AES_256_CBC, &tlv(4, &[&[0; 16]])]);
    tlv(0x30, &[PBES2, &tlv(0x30, &[&derivation, &cipher])])
}

fn encrypted(scheme: &[u8]) -> Vec<u8> {
    let content = tlv(0x30, &[DATA, scheme, &tlv(0x80, &[&[0; 32]])]);
    let encrypted = tlv(0x30, &[b"\x02\x01\x00", &content]);
    tlv(0x30, &[ENCRYPTED_DATA, &tlv(0xa0, &[&encrypted])])
}

fn file(contents: &[&[u8]], mac_iterations: Option<u32>) -> Vec<u8> {
    let safe = tlv(4, &[&tlv(0x30, contents)]);
    let auth_safe = tlv(0x30, &[DATA, &tlv(0xa0, &[&safe])]);
    let digest = tlv(0x30, &[SHA_1, &tlv(4, &[&[0; 20]])]);
    let mac = mac_iterations.map(|iterations| tlv(0x30, &[&digest, &salt_and(iterations)]));
    tlv(0x30, &[b"\x02\x01\x03", &auth_safe, &mac.unwrap_or_default()])
}

#[test]
fn derivations_that_iterate_too_often_are_refused_and_not_computed() {
    for iterations in [6_000_001, 1 << 31, u32::MAX] {
        let bad = [
            file(&[], Some(iterations)),
            file(&[&encrypted(&pkcs12_scheme(iterations))], None),
            file(&[&encrypted(&pbes2_scheme(iterations))], None),
        ];
        for bad in bad {
            assert!(matches!(error(&bad, "x"), PkiError::TooCostly), "{iterations}");
        }
    }
    // As the file would be, were it one of few iterations: none of the above is just malformed.
    let few = [
        file(&[], Some(1)),
        file(&[&encrypted(&pkcs12_scheme(1))], None),
        file(&[&encrypted(&pbes2_scheme(1))], None),
    ];
    for few in few {
        assert!(matches!(error(&few, "x"), PkiError::Pkcs12Password));
    }
    let never = [file(&[], Some(0)), file(&[&encrypted(&pbes2_scheme(0))], None)];
    for never in never {
        assert!(matches!(error(&never, "x"), PkiError::Scheme));
    }
}

#[test]
fn work_is_bounded_over_a_whole_file() {
    // An empty password is tried in two forms: the second exceeds what the first has left.
    let mac = file(&[], Some(3_500_000));
    assert!(matches!(error(&mac, "x"), PkiError::Pkcs12Password));
    assert!(matches!(error(&mac, ""), PkiError::TooCostly));
}

#[test]
fn a_wrong_password_is_called_so_even_when_the_padding_is_right_by_chance() {
    let folder = Folder::with_leaf(P256);
    let file = exported(&folder, "-iter 1 -certpbe NONE -nomac", "secret");
    for number in 0..1_000 {
        let error = error(&file, &format!("{number}"));
        assert!(matches!(error, PkiError::Pkcs12Password), "{number}: {error}");
    }
}
