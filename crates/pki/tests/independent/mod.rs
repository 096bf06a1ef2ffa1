//! Other implementations of the formats, as programs: OpenSSL and Java's keytool.

#![allow(dead_code, reason = "each test uses some of it")]

use std::process::Command;

use tempfile::TempDir;

/// A folder in which the programs work.
pub(crate) struct Folder(TempDir);

impl Folder {
    /// An empty one.
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// With a root `root.pem`, and a leaf `leaf.pem` of it, whose key is `leaf.key` (PKCS#8).
    pub(crate) fn with_leaf(algorithm: &str) -> Self {
        let folder = Self::new();
        let root = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30";
        folder.openssl(&format!("{root} -subj /CN=root -keyout root.key -out root.pem"));
        folder.openssl(&format!("genpkey -algorithm {algorithm} -out leaf.key"));
        folder.openssl("req -new -key leaf.key -subj /CN=leaf -out leaf.csr");
        let sign = "x509 -req -in leaf.csr -CA root.pem -CAkey root.key -set_serial 7 -days 30";
        folder.openssl(&format!("{sign} -out leaf.pem"));
        folder
    }

    /// What OpenSSL prints; arguments are separated by one space.
    pub(crate) fn openssl(&self, arguments: &str) -> Vec<u8> {
        self.run("openssl", &arguments.split(' ').collect::<Vec<_>>())
    }

    /// What keytool prints.
    pub(crate) fn keytool(&self, arguments: &[&str]) -> String {
        String::from_utf8(self.run("keytool", arguments)).unwrap()
    }

    fn run(&self, program: &str, arguments: &[&str]) -> Vec<u8> {
        let mut command = Command::new(program);
        let output = command.args(arguments).current_dir(&self.0).output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{program} {arguments:?}: {error}");
        output.stdout
    }

    /// A file's bytes.
    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.0.path().join(name)).unwrap()
    }

    /// Writes a file.
    pub(crate) fn write(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.0.path().join(name), bytes).unwrap();
    }

    /// A certificate in DER, as OpenSSL has it.
    pub(crate) fn certificate(&self, name: &str) -> Vec<u8> {
        self.openssl(&format!("x509 -in {name} -outform DER"))
    }

    /// A private key in PKCS#8, DER, as OpenSSL has it.
    pub(crate) fn key(&self, name: &str) -> Vec<u8> {
        self.openssl(&format!("pkcs8 -topk8 -nocrypt -in {name} -outform DER"))
    }
}
