//! Revocation lists and OCSP, judged by OpenSSL.

use strongroom_model::{Curve, Timestamp};
use strongroom_pki::crl::{self, CrlTerms, Reason, Revoked};
use strongroom_pki::ocsp::{self, IssuerHashes, OcspTerms, Refusal, Responder, Status};
use strongroom_pki::{AuthorityCertificate, PkiError, facts};

use crate::support::{
    Ca, NOW, Openssl, assert_says, authority, ec, every_key, owned, properties, server, terms,
};

fn list(ca: &Ca, number: u64, revoked: &[Revoked]) -> Result<Vec<u8>, PkiError> {
    let terms = CrlTerms { number, this_update: NOW, next_update: NOW.plus_days(7) };
    crl::build(&ca.signer(), &terms, revoked)
}

fn revoked(certificate: &[u8], reason: Reason) -> Revoked {
    let serial = facts(certificate).unwrap().serial;
    Revoked { serial, at: NOW.plus_seconds(-60), reason }
}

#[test]
fn openssl_finds_the_revoked_in_lists_of_every_key() {
    let openssl = Openssl::new();
    for (name, key) in every_key() {
        let root = Ca::root_with(&authority("CN=Root", None), key);
        let [good, bad] = [(); 2].map(|()| root.below(&server(&["a.example.com"])).certificate);
        let list = list(&root, 1 << 40, &[revoked(&bad, Reason::KeyCompromise)]).unwrap();
        openssl.write("list.der", &list).pem("root.pem", &[&root.certificate]);
        openssl.does("crl -inform DER -in list.der -out list.pem");
        assert_says(&openssl.does("crl -in list.pem -noout -CAfile root.pem"), &["verify OK"]);
        let check = |leaf: &[u8]| {
            openssl.pem("leaf.pem", &[leaf]);
            openssl.says(&format!(
                "verify -x509_strict -crl_check -CRLfile list.pem -CAfile root.pem -attime {} \
                 leaf.pem",
                NOW.0
            ))
        };
        assert_eq!(check(&good), "leaf.pem: OK\n", "{name}");
        assert!(check(&bad).contains("certificate revoked"), "{name}");
    }
}

#[test]
fn a_list_says_what_it_should() {
    let openssl = Openssl::new();
    let root = Ca::root(&authority("CN=Root", None));
    let revoked: Vec<Revoked> = Reason::ALL
        .into_iter()
        .zip(1_u8..)
        .map(|(reason, i)| Revoked { serial: vec![0x80, i], at: NOW, reason })
        .collect();
    openssl.write("list.der", &list(&root, 300, &revoked).unwrap());
    let text = openssl.does("crl -inform DER -in list.der -noout -text");
    assert_says(
        &text,
        &[
            "Version 2 (0x1)",
            "Issuer: CN = Root",
            "Last Update: Sep 21 14:13:20 2026 GMT",
            "Next Update: Sep 28 14:13:20 2026 GMT",
            "X509v3 Authority Key Identifier:",
            "X509v3 CRL Number: 300",
            "Serial Number: 8001 Revocation Date: Sep 21 14:13:20 2026 GMT Serial Number: 8002",
            "Serial Number: 8002 Revocation Date: Sep 21 14:13:20 2026 GMT CRL entry extensions: \
             X509v3 CRL Reason Code: Key Compromise",
            "CA Compromise",
            "Affiliation Changed",
            "Superseded",
            "Cessation Of Operation",
            "Privilege Withdrawn",
        ],
    );
    openssl.write("empty.der", &list(&root, 1, &[]).unwrap());
    let text = openssl.does("crl -inform DER -in empty.der -noout -text");
    assert_says(&text, &["No Revoked Certificates."]);

    let leaf = root.below(&server(&["a.example.com"]));
    assert!(matches!(list(&leaf, 1, &[]), Err(PkiError::NotAuthority(_))));
    let other = Ca { certificate: root.certificate, key: ec(Curve::P256) };
    assert!(matches!(list(&other, 1, &[]), Err(PkiError::KeyMismatch)));
    for reason in Reason::ALL {
        assert_eq!(Reason::from_name(reason.name()), Some(reason));
        assert_eq!(Reason::from_code(u64::from(reason.code())), Some(reason));
    }
    assert_eq!((Reason::from_code(6), Reason::from_code(7)), (None, None));
}

/// What OpenSSL asks of a leaf.
pub(crate) fn request(openssl: &Openssl, ca: &Ca, leaf: &[u8], arguments: &str) -> Vec<u8> {
    openssl.pem("ca.pem", &[&ca.certificate]).pem("leaf.pem", &[leaf]);
    openssl.does(&format!("ocsp -issuer ca.pem -cert leaf.pem {arguments} -reqout request.der"));
    openssl.read("request.der")
}

/// What OpenSSL makes of a response: of the certificate, and of the nonce of what it asked last. It
/// does either, for it forgets the request that it reads when it is told of a certificate.
fn verdict(openssl: &Openssl, response: &[u8], arguments: &str) -> String {
    openssl.write("response.der", response);
    let common = "-no_nonce -respin response.der -CAfile ca.pem";
    let status = openssl.says(&format!("ocsp {arguments} -issuer ca.pem -cert leaf.pem {common}"));
    let nonce = openssl.says(&format!("ocsp -reqin request.der {common} -verify_other ca.pem"));
    format!("{status}{nonce}")
}

/// OpenSSL's client judges by its clock.
fn now() -> Timestamp {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    Timestamp(i64::try_from(now.as_secs()).unwrap())
}

fn ocsp_terms(nonce: Option<Vec<u8>>) -> OcspTerms {
    OcspTerms { this_update: now(), next_update: now().plus_days(1), nonce }
}

fn answer(
    signer: &AuthorityCertificate<'_>,
    request: &ocsp::Request,
    status: Status,
) -> Result<Vec<u8>, PkiError> {
    let statuses: Vec<_> = request.ids.iter().map(|id| (id.clone(), status)).collect();
    ocsp::respond(signer, &statuses, &ocsp_terms(request.nonce.clone()))
}

#[test]
fn openssl_believes_the_responses_of_every_key() {
    let openssl = Openssl::new();
    for (name, key) in every_key() {
        let root = Ca::root_with(&authority("CN=Root", None), key);
        let leaf = root.below(&server(&["a.example.com"])).certificate;
        for hash in ["-sha1", "-sha256"] {
            // The hash stands before the certificate it is for.
            openssl.pem("ca.pem", &[&root.certificate]).pem("leaf.pem", &[&leaf]);
            openssl.does(&format!("ocsp {hash} -issuer ca.pem -cert leaf.pem -reqout request.der"));
            let request = ocsp::parse_request(&openssl.read("request.der")).unwrap();
            assert_eq!(request.ids.len(), 1);
            assert_eq!(request.ids[0].serial, facts(&leaf).unwrap().serial);
            assert!(request.nonce.is_some());
            assert!(IssuerHashes::of(&root.certificate).unwrap().names(&request.ids[0]));
            assert!(!IssuerHashes::of(&leaf).unwrap().names(&request.ids[0]));

            let response = answer(&root.signer(), &request, Status::Good).unwrap();
            let says = verdict(&openssl, &response, hash);
            assert_says(&says, &["leaf.pem: good"]);
            assert_eq!(says.matches("Response verify OK").count(), 2, "{name}{hash}: {says}");
            assert!(!says.contains("WARNING"), "{name}{hash}: {says}");
        }
    }
}

#[test]
fn openssl_understands_every_status() {
    let openssl = Openssl::new();
    let root = Ca::root(&authority("CN=Root", None));
    let leaf = root.below(&server(&["a.example.com"])).certificate;
    let request = ocsp::parse_request(&request(&openssl, &root, &leaf, "-no_nonce")).unwrap();
    assert_eq!(request.nonce, None);
    let respond = |status| answer(&root.signer(), &request, status).unwrap();
    let says = verdict(&openssl, &respond(Status::Unknown), "");
    assert_says(&says, &["Response verify OK", "leaf.pem: unknown"]);
    let at = Timestamp(1_790_000_000);
    let revoked = respond(Status::Revoked { at, reason: Reason::Superseded });
    assert_says(
        &verdict(&openssl, &revoked, ""),
        &[
            "Response verify OK",
            "leaf.pem: revoked",
            "Reason: superseded",
            "Revocation Time: Sep 21 14:13:20 2026 GMT",
        ],
    );
    let revoked = respond(Status::Revoked { at, reason: Reason::Unspecified });
    let says = verdict(&openssl, &revoked, "");
    assert!(says.contains("leaf.pem: revoked") && !says.contains("Reason"), "{says}");

    for (refusal, text) in [
        (Refusal::MalformedRequest, "malformedrequest (1)"),
        (Refusal::InternalError, "internalerror (2)"),
        (Refusal::TryLater, "trylater (3)"),
        (Refusal::Unauthorized, "unauthorized (6)"),
    ] {
        let says = verdict(&openssl, &ocsp::refuse(refusal), "");
        assert!(says.contains(text), "{says}");
    }
}

#[test]
fn openssl_believes_a_delegated_responder_and_no_other() {
    let openssl = Openssl::new();
    let root = Ca::root(&authority("CN=Root", None));
    let leaf = root.below(&server(&["a.example.com"])).certificate;
    let mut x509 = properties("CN=OCSP");
    x509.ekus = owned(&["1.3.6.1.5.5.7.3.9"]);
    x509.key_usage = vec![strongroom_model::certificates::KeyUsage::DigitalSignature];
    let key = ec(Curve::P384);
    let mut terms = terms(1);
    // It has to be valid by OpenSSL's clock.
    terms.validity.not_after = now().plus_days(1);
    let certificate = root.certify(&x509, key.public(), &terms).unwrap();
    let delegated = Ca { certificate, key };
    let request = ocsp::parse_request(&request(&openssl, &root, &leaf, "")).unwrap();
    let response = answer(&delegated.signer(), &request, Status::Good).unwrap();
    assert_says(&verdict(&openssl, &response, ""), &["Response verify OK", "leaf.pem: good"]);

    let mut replayed = request.clone();
    replayed.nonce = Some(vec![7; 16]);
    let response = answer(&delegated.signer(), &replayed, Status::Good).unwrap();
    assert!(verdict(&openssl, &response, "").contains("Nonce Verify error"));

    let stranger = Ca::root(&authority("CN=Root", None));
    let response = answer(&stranger.signer(), &request, Status::Good).unwrap();
    assert!(verdict(&openssl, &response, "").contains("Response Verify Failure"));
    let server = root.below(&server(&["b.example.com"]));
    let refused = answer(&server.signer(), &request, Status::Good);
    assert!(matches!(refused, Err(PkiError::NotAuthority(_))));
    let other = AuthorityCertificate { certificate: &root.certificate, key: &*stranger.key };
    assert!(matches!(answer(&other, &request, Status::Good), Err(PkiError::KeyMismatch)));
}

#[test]
fn many_certificates_may_be_asked_for_but_not_any_number() {
    let openssl = Openssl::new();
    let root = Ca::root(&authority("CN=Root", None));
    let leaf = root.below(&server(&["a.example.com"])).certificate;
    let ask = |count: usize| {
        let more = (1..count).map(|i| format!("-serial {i} ")).collect::<String>();
        ocsp::parse_request(&request(&openssl, &root, &leaf, &more))
    };
    let two = ask(ocsp::MAX_IDS).unwrap();
    assert_eq!(two.ids.len(), ocsp::MAX_IDS);
    assert_eq!(two.ids[1].serial, [1]);
    let responder = Responder::new(&root.certificate).unwrap();
    let statuses: Vec<_> = two.ids.iter().map(|id| (id.clone(), Status::Good)).collect();
    let response = responder.respond(&*root.key, &statuses, &ocsp_terms(two.nonce)).unwrap();
    assert_says(
        &verdict(&openssl, &response, "-issuer ca.pem -serial 1"),
        &["leaf.pem: good", "1: good"],
    );
    assert!(matches!(ask(ocsp::MAX_IDS + 1), Err(PkiError::OcspRequest)));
    assert!(ocsp::parse_request(&vec![0x30; 20_000]).is_err());

    // Parameters of the hash that mean nothing would name one certificate in endless ways.
    let mut odd = request(&openssl, &root, &leaf, "-no_nonce");
    let at = odd.windows(4).position(|window| window == [2, 26, 5, 0]).unwrap();
    odd[at + 2] = 4;
    assert!(matches!(ocsp::parse_request(&odd), Err(PkiError::OcspRequest)));
}

/// RFC 6960, appendix B, by another implementation: OpenSSL reads what it needs not.
#[test]
fn a_response_has_the_parts_it_should() {
    let openssl = Openssl::new();
    let root = Ca::root(&authority("CN=Root", None));
    let leaf = root.below(&server(&["a.example.com"])).certificate;
    let request = ocsp::parse_request(&request(&openssl, &root, &leaf, "")).unwrap();
    let response = answer(&root.signer(), &request, Status::Good).unwrap();
    openssl.write("response.der", &response);
    assert_says(
        &openssl.says("ocsp -respin response.der -noverify -resp_text"),
        &[
            "OCSP Response Status: successful (0x0)",
            "Response Type: Basic OCSP Response",
            "Version: 1 (0x0)",
            "Responder Id:",
            "Hash Algorithm: sha1",
            "Cert Status: good",
            "OCSP Nonce:",
            "Signature Algorithm: ecdsa-with-SHA256",
        ],
    );
}
