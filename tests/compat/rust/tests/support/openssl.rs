//! The `openssl` command, and the little DER that its key and signature files need.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use azure_security_keyvault_keys::models::{CurveName, JsonWebKey, KeyType};
use tempfile::TempDir;

/// A folder for the files of one check.
pub struct Desk(TempDir);

impl Desk {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn put(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, bytes).unwrap();
        path
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}

fn run(words: &[&str]) -> (bool, Vec<u8>) {
    let output = Command::new("openssl").args(words).output().expect("openssl is installed");
    (output.status.success(), output.stdout)
}

fn must(words: &[&str]) -> Vec<u8> {
    let (done, output) = run(words);
    assert!(done, "openssl {words:?}");
    output
}

fn name(path: &Path) -> &str {
    path.to_str().unwrap()
}

pub fn digest(hash: &str, message: &[u8]) -> Vec<u8> {
    let desk = Desk::new();
    must(&["dgst", &format!("-{hash}"), "-binary", name(&desk.put("message", message))])
}

pub fn hmac(hash: &str, key: &[u8], message: &[u8]) -> Vec<u8> {
    let (desk, key) = (Desk::new(), format!("hexkey:{}", hex(key)));
    let message = desk.put("message", message);
    must(&["dgst", &format!("-{hash}"), "-mac", "HMAC", "-macopt", &key, "-binary", name(&message)])
}

/// AES in CBC or key wrap, by openssl's name of the cipher.
pub fn cipher(
    way: &str,
    cipher: &str,
    key: &[u8],
    iv: &[u8],
    padded: bool,
    text: &[u8],
) -> Vec<u8> {
    let (desk, key, iv) = (Desk::new(), hex(key), hex(iv));
    let text = desk.put("text", text);
    let mut words = vec!["enc", way, cipher, "-K", &key, "-iv", &iv, "-in", name(&text)];
    if !padded {
        words.push("-nopad");
    }
    must(&words)
}

/// Whether a signature of a digest verifies; ECDSA as the server sends it, `r || s`.
pub fn verifies(key: &JsonWebKey, algorithm: &str, digest: &[u8], signature: &[u8]) -> bool {
    let desk = Desk::new();
    let der = if algorithm.starts_with("ES") { ecdsa_der(signature) } else { signature.to_vec() };
    let public = desk.put("public", &public_key(key));
    let (digest, signature) = (desk.put("digest", digest), desk.put("signature", &der));
    let mut words = vec!["pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey"];
    words.extend([name(&public), "-in", name(&digest), "-sigfile", name(&signature)]);
    let option = format!("digest:{}", hash_of(algorithm));
    words.extend(["-pkeyopt", &option]);
    words.extend(signature_options(algorithm));
    run(&words).0
}

pub fn sign(private: &[u8], algorithm: &str, digest: &[u8]) -> Vec<u8> {
    let desk = Desk::new();
    let (private, digest) = (desk.put("private", private), desk.put("digest", digest));
    let mut words = vec!["pkeyutl", "-sign", "-keyform", "DER", "-inkey", name(&private)];
    let option = format!("digest:{}", hash_of(algorithm));
    words.extend(["-in", name(&digest), "-pkeyopt", &option]);
    words.extend(signature_options(algorithm));
    must(&words)
}

fn signature_options(algorithm: &str) -> &'static [&'static str] {
    match &algorithm[..2] {
        "PS" => &["-pkeyopt", "rsa_padding_mode:pss", "-pkeyopt", "rsa_pss_saltlen:digest"],
        _ => &[],
    }
}

pub fn hash_of(algorithm: &str) -> String {
    let length: String = algorithm.chars().filter(char::is_ascii_digit).collect();
    format!("sha{length}")
}

pub fn encrypt(key: &JsonWebKey, options: &[&str], text: &[u8]) -> Vec<u8> {
    let desk = Desk::new();
    let (public, text) = (desk.put("public", &public_key(key)), desk.put("text", text));
    let words = ["pkeyutl", "-encrypt", "-pubin", "-keyform", "DER", "-inkey", name(&public)];
    must(&[&words[..], &["-in", name(&text)], options].concat())
}

pub fn decrypt(private: &[u8], options: &[&str], text: &[u8]) -> Vec<u8> {
    let desk = Desk::new();
    let (private, text) = (desk.put("private", private), desk.put("text", text));
    let words = ["pkeyutl", "-decrypt", "-keyform", "DER", "-inkey", name(&private)];
    must(&[&words[..], &["-in", name(&text)], options].concat())
}

/// A new RSA key: as openssl keeps it (RFC 8017, A.1.2), and as the client takes it.
pub fn rsa_key() -> (Vec<u8>, JsonWebKey) {
    let (desk, option) = (Desk::new(), "rsa_keygen_bits:2048");
    let pkcs8 = desk.path("pkcs8");
    must(&["genpkey", "-algorithm", "RSA", "-pkeyopt", option, "-out", name(&pkcs8)]);
    let der = must(&["rsa", "-in", name(&pkcs8), "-traditional", "-outform", "DER"]);
    let numbers = content(&mut &der[..]).1.to_vec();
    let mut rest = &numbers[..];
    let mut next = || Some(unsigned(content(&mut rest).1));
    next();
    let mut jwk = JsonWebKey { kty: Some(KeyType::Rsa), ..Default::default() };
    for member in [
        &mut jwk.n,
        &mut jwk.e,
        &mut jwk.d,
        &mut jwk.p,
        &mut jwk.q,
        &mut jwk.dp,
        &mut jwk.dq,
        &mut jwk.qi,
    ] {
        *member = next();
    }
    (der, jwk)
}

/// A new key on a curve: as openssl keeps it (RFC 5915), and as the client takes it.
pub fn ec_key(curve: CurveName) -> (Vec<u8>, JsonWebKey) {
    let named = match curve {
        CurveName::P256 => "prime256v1",
        CurveName::P384 => "secp384r1",
        CurveName::P521 => "secp521r1",
        _ => "secp256k1",
    };
    let der = must(&["ecparam", "-name", named, "-genkey", "-noout", "-outform", "DER"]);
    let body = content(&mut &der[..]).1.to_vec();
    let mut rest = &body[..];
    content(&mut rest); // The version.
    let d = content(&mut rest).1.to_vec();
    content(&mut rest); // The curve.
    let mut public = content(&mut rest).1;
    let point = &content(&mut public).1[2..]; // No unused bits, and 4: not compressed.
    let (x, y) = point.split_at(point.len() / 2);
    let jwk = JsonWebKey {
        kty: Some(KeyType::Ec),
        crv: Some(curve),
        x: Some(x.to_vec()),
        y: Some(y.to_vec()),
        d: Some(d),
        ..Default::default()
    };
    (der, jwk)
}

/// SubjectPublicKeyInfo, RFC 5280.
fn public_key(key: &JsonWebKey) -> Vec<u8> {
    const RSA: &[u8] = &[0x06, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1, 5, 0];
    const EC: &[u8] = &[0x06, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];
    let (algorithm, bits) = match &key.crv {
        None => {
            let (n, e) = (key.n.as_ref().unwrap(), key.e.as_ref().unwrap());
            (RSA.to_vec(), der(0x30, &[integer(n), integer(e)].concat()))
        }
        Some(curve) => {
            let curve: &[u8] = match curve {
                CurveName::P256 => &[0x06, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7],
                CurveName::P384 => &[0x06, 5, 0x2b, 0x81, 4, 0, 0x22],
                CurveName::P521 => &[0x06, 5, 0x2b, 0x81, 4, 0, 0x23],
                _ => &[0x06, 5, 0x2b, 0x81, 4, 0, 0x0a],
            };
            let (x, y) = (key.x.as_deref().unwrap(), key.y.as_deref().unwrap());
            ([EC, curve].concat(), [&[4], x, y].concat())
        }
    };
    let bits = der(0x03, &[&[0], &bits[..]].concat());
    der(0x30, &[der(0x30, &algorithm), bits].concat())
}

fn ecdsa_der(signature: &[u8]) -> Vec<u8> {
    let (r, s) = signature.split_at(signature.len() / 2);
    der(0x30, &[integer(r), integer(s)].concat())
}

/// What openssl signs on a curve, as the server takes it.
pub fn ecdsa_flat(signature: &[u8], half: usize) -> Vec<u8> {
    let body = content(&mut &signature[..]).1.to_vec();
    let mut rest = &body[..];
    let mut flat = Vec::new();
    for _ in 0..2 {
        let number = unsigned(content(&mut rest).1);
        flat.resize(flat.len() + half - number.len(), 0);
        flat.extend(number);
    }
    flat
}

fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = match content.len() {
        short @ ..=127 => vec![short as u8],
        long => {
            let bytes = unsigned(&long.to_be_bytes());
            [&[0x80 | bytes.len() as u8], &bytes[..]].concat()
        }
    };
    [&[tag], &length[..], content].concat()
}

fn integer(number: &[u8]) -> Vec<u8> {
    let mut number = unsigned(number);
    if number.first().is_none_or(|first| first & 0x80 != 0) {
        number.insert(0, 0);
    }
    der(0x02, &number)
}

fn unsigned(number: &[u8]) -> Vec<u8> {
    number.iter().copied().skip_while(|byte| *byte == 0).collect()
}

/// Takes one element off the front: its tag and its content.
fn content<'a>(rest: &mut &'a [u8]) -> (u8, &'a [u8]) {
    let (tag, first) = (rest[0], usize::from(rest[1]));
    let (length, start) = match first.checked_sub(0x80) {
        None => (first, 2),
        Some(count) => {
            let bytes = &rest[2..2 + count];
            (bytes.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)), 2 + count)
        }
    };
    let content = &rest[start..start + length];
    *rest = &rest[start + length..];
    (tag, content)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
