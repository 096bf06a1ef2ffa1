"""What is issued and published, by the rules of RFC 5280 and RFC 6960 as pkilint reads them."""

import subprocess
import sys
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509 import ocsp

from authority import Authority, der
from test_authority import create, get, hierarchy, revoke, server, server_certificate, urls

__all__ = ["hierarchy", "server"]

# Without a wildcard: RFC 5280 leaves those to others (4.2.1.6), and the linter refuses them.
NAMES = {
    "dns_names": ["lint.example.com", "www.lint.example.com"],
    "emails": ["someone@example.com"],
    "upns": ["someone@example.com"],
    "uris": ["https://example.com/path"],
    "ipAddresses": ["192.0.2.1", "2001:db8::1"],
}


def findings(folder, linter, content, *options):
    """What a linter of pkilint says at NOTICE or above; empty if it says nothing."""
    file = folder / "linted"
    file.write_bytes(content)
    command = [str(Path(sys.executable).with_name(linter)), "lint", *options, "-s", "NOTICE"]
    ended = subprocess.run(
        [*command, "--document-format", "DER", str(file)],
        capture_output=True, text=True, timeout=120,
    )
    return (ended.stdout + ended.stderr).strip()


def certificate_findings(folder, certificate):
    return findings(folder, "lint_pkix_cert", der(certificate))


@pytest.mark.parametrize(
    "key", [("RSA", {}), ("EC", {"crv": "P-256"}), ("EC", {"crv": "P-384"}),
            ("EC", {"crv": "P-521"})],
    ids=["RSA", "P-256", "P-384", "P-521"],
)
def test_self_signed_certificates_have_no_findings(server, tmp_path, key):
    kty, curve = key
    name = f"self-{kty}-{curve.get('crv', '2048')}"
    raw = server.raw()
    policy = {
        "key_props": {"kty": kty, **curve},
        "x509_props": {"subject": "CN=lint.example.com, O=Example, C=DE", "sans": NAMES},
        "secret_props": {"contentType": "application/x-pem-file"},
        "issuer": {"name": "Self"},
    }
    answer = raw.call("POST", f"/certificates/{name}/create", {"policy": policy})
    assert answer.status == 202, answer
    pem = raw.call("GET", f"/secrets/{name}").json()["value"].encode()
    assert certificate_findings(tmp_path, x509.load_pem_x509_certificates(pem)[0]) == ""


def test_what_an_authority_issues_has_no_findings(hierarchy, tmp_path):
    raw = hierarchy.raw()
    chain = server_certificate(raw, "linted")
    for certificate in [*chain, *create(raw, "other-root", "Self", subject="CN=Lint root",
                                        validity_months=24, basic_constraints={"ca": True})]:
        assert certificate_findings(tmp_path, certificate) == ""


def test_what_an_authority_publishes_has_no_findings(hierarchy, tmp_path):
    raw = hierarchy.raw()
    leaf, above = server_certificate(raw, "revoked-lint")[:2]
    revoke(raw, "revoked-lint")
    crl, responder, _ = urls(leaf)
    assert findings(tmp_path, "lint_crl", get(crl)[2], "-t", "CRL", "-p", "PKIX") == ""
    request = ocsp.OCSPRequestBuilder().add_certificate(leaf, above, hashes.SHA1()).build()
    asked = request.public_bytes(serialization.Encoding.DER)
    status, _, response = get(responder, "POST", asked)
    assert status == 200
    assert findings(tmp_path, "lint_ocsp_response", response) == ""


def test_the_linter_finds_what_is_wrong(tmp_path):
    """A certificate without key identifiers, so that silence means something."""
    outside = Authority()
    public = Authority("Other").key.public_key()
    assert "key_identifier" in certificate_findings(tmp_path, outside.issue(public))
