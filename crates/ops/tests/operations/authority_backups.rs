//! An authority that comes back from a backup.

use strongroom_model::certificates::{ProfileChange, RevocationReason};
use strongroom_ops::{BackupCertificate, RestoreCertificate};

use crate::authority::{Vault, serial, server};
use crate::support::name;

fn text(v: &Vault, list: &[u8]) -> String {
    v.put("crl", list);
    v.openssl("crl -inform DER -in crl -noout -text")
}

fn number(v: &Vault, list: &[u8]) -> i128 {
    v.put("crl", list);
    let text = v.openssl("crl -inform DER -in crl -noout -crlnumber");
    i128::from_str_radix(text.trim().strip_prefix("crlNumber=0x").unwrap(), 16).unwrap()
}

#[tokio::test]
async fn what_was_revoked_is_revoked_after_a_restore() {
    let mut v = Vault::new().await;
    let root = v.get("root").await.chain.remove(0);
    let mut leaves = Vec::new();
    for at in 0..30 {
        let certificate = format!("www{at}");
        let leaf = v.create(&certificate, "ca", server("www.example.com"), "P-256").await.unwrap();
        v.revoke(&certificate, RevocationReason::KeyCompromise).await.unwrap();
        leaves.push(leaf.chain[0].clone());
    }
    let good = v.create("good", "ca", server("www.example.com"), "P-256").await.unwrap();
    let was = number(&v, &v.list("root", None).await.unwrap());
    let request = v.node.admit(&v.vault, BackupCertificate { name: name("root") });
    let blob = v.node.ops.backup_certificate(request).await.unwrap();

    let elsewhere = v.node.vault("other", "rg").await.unwrap();
    let request = v.node.admit(&elsewhere, RestoreCertificate { blob });
    v.node.ops.restore_certificate(request, &mut v.node.call()).await.unwrap();
    v.vault = elsewhere;
    let after = v.list("root", None).await.unwrap();
    assert!(number(&v, &after) >= was);
    let listed = text(&v, &after);
    for leaf in &leaves {
        let number: String = serial(&v, leaf).iter().map(|byte| format!("{byte:02X}")).collect();
        assert!(listed.contains(&number), "{number}: {listed}");
    }
    let said = v.ocsp("root", &root, &leaves[7], "-no_nonce").await;
    assert!(said.contains("Response verify OK") && said.contains("leaf: revoked"), "{said}");
    // What was not taken back, the restored one knows nothing of.
    let said = v.ocsp("root", &root, &good.chain[0], "-no_nonce").await;
    assert!(said.contains("unauthorized"), "{said}");
    // It goes on from there.
    v.issuer("ca", "root", ProfileChange::default()).await;
    v.create("new", "ca", server("www.example.com"), "P-256").await.unwrap();
    v.revoke("new", RevocationReason::Superseded).await.unwrap();
    let listed = text(&v, &v.list("root", None).await.unwrap());
    assert_eq!(listed.matches("Serial Number:").count(), 31, "{listed}");
}
