//! OpenSSL, which opens what we wrapped and wraps what we open.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// A directory to which a test brings files, and in which OpenSSL works.
pub(crate) struct OpenSsl(TempDir);

impl OpenSsl {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn put(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// What a command answers on its standard output.
    pub(crate) fn run(&self, arguments: &str) -> Vec<u8> {
        let output = Command::new("openssl")
            .args(arguments.split_whitespace())
            .current_dir(self.path())
            .output()
            .unwrap();
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "openssl {arguments}: {errors}");
        output.stdout
    }

    /// Opens `RSA-OAEP(AES key) || AES-KWP(target)` with an RSA-2048 key in PKCS#8.
    pub(crate) fn unwrap(&self, pkcs8: &[u8], hash: &str, wrapped: &[u8]) -> Vec<u8> {
        let (carrier, target) = wrapped.split_at(256);
        self.put("recipient", pkcs8);
        self.put("carrier", carrier);
        self.put("target", target);
        let aes_key = self.run(&format!(
            "pkeyutl -decrypt -inkey recipient -keyform DER -in carrier {}",
            oaep(hash)
        ));
        assert_eq!(aes_key.len(), 32);
        self.run(&format!(
            "enc -d -id-aes256-wrap-pad -iv A65959A6 -K {} -in target",
            hex(&aes_key)
        ))
    }

    /// Wraps a key for an RSA key, as a BYOK tool does.
    pub(crate) fn wrap(&self, n: &[u8], e: &[u8], target: &[u8]) -> Vec<u8> {
        let aes_key = self.run("rand 32");
        self.put("kek", &rsa_spki(n, e));
        self.put("aes", &aes_key);
        self.put("target", target);
        let carrier = self.run(&format!(
            "pkeyutl -encrypt -pubin -inkey kek -keyform DER -in aes {}",
            oaep("sha1")
        ));
        let key = hex(&aes_key);
        let wrapped =
            self.run(&format!("enc -id-aes256-wrap-pad -iv A65959A6 -K {key} -in target"));
        [carrier, wrapped].concat()
    }

    /// The modulus of an RSA private key in PKCS#8.
    pub(crate) fn modulus(&self, pkcs8: &[u8]) -> String {
        self.put("pkcs8", pkcs8);
        let text = self.run("rsa -inform DER -in pkcs8 -noout -modulus");
        let text = String::from_utf8(text).unwrap();
        text.trim().strip_prefix("Modulus=").unwrap().to_lowercase()
    }

    /// The public half of any private key in PKCS#8, as certificates hold it.
    pub(crate) fn public(&self, pkcs8: &[u8]) -> Vec<u8> {
        self.put("pkcs8", pkcs8);
        self.run("pkey -inform DER -in pkcs8 -pubout -outform DER")
    }
}

fn oaep(hash: &str) -> String {
    format!(
        "-pkeyopt rsa_padding_mode:oaep -pkeyopt rsa_oaep_md:{hash} -pkeyopt rsa_mgf1_md:{hash}"
    )
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// RFC 3279, 2.3.1.
fn rsa_spki(n: &[u8], e: &[u8]) -> Vec<u8> {
    let whole = |number: &[u8]| tlv(2, &[&[0], number].concat());
    let rsa = tlv(0x30, &[whole(n), whole(e)].concat());
    let rsa_encryption = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00";
    let bits = tlv(3, &[&[0][..], &rsa].concat());
    tlv(0x30, &[tlv(0x30, rsa_encryption), bits].concat())
}

fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    // A positive integer has a leading zero only before a set bit.
    let content = match content {
        [0, first, ..] if tag == 2 && *first < 0x80 => &content[1..],
        content => content,
    };
    let length = u16::try_from(content.len()).unwrap().to_be_bytes();
    let head = match content.len() {
        0..=127 => vec![tag, length[1]],
        128..=255 => vec![tag, 0x81, length[1]],
        _ => vec![tag, 0x82, length[0], length[1]],
    };
    [&head, content].concat()
}
