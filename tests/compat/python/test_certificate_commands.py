"""`strongroom certificate`: the verbs of `az keyvault certificate`, judged by pyca/cryptography."""

import base64
import json
import os
import re
import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import pkcs12

from authority import Authority, extension, new_key, pem, pfx, public_bytes

DOCUMENT = Path(__file__).parents[3] / "docs" / "certificates.md"
SELF_SIGNED = ["--curve", "P-256"]


def run(server, *words):
    """One command as its user runs it; the ready file says where and who."""
    command = [server.binary, "certificate", *map(str, words), "--ready-file", server.ready_file]
    return subprocess.run(command, input="", capture_output=True, text=True, timeout=60)


def shown(server, *words):
    ended = run(server, *words, "--output", "json")
    assert ended.returncode == 0, ended
    return json.loads(ended.stdout)


def refused(server, status, *words):
    """What is said, on one line, when a command ends so."""
    ended = run(server, *words)
    assert ended.returncode == status, ended
    assert len(ended.stderr.strip().splitlines()) == 1, ended.stderr
    return ended.stderr


def default_policy(server):
    command = [server.binary, "certificate", "get-default-policy"]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


def certificate_of(bundle):
    return x509.load_der_x509_certificate(base64.b64decode(bundle["cer"]))


def version_of(bundle):
    return bundle["id"].rsplit("/", 1)[1]


def test_the_default_policy_is_one_that_create_takes(server, name):
    policy = default_policy(server)
    made = shown(server, "create", "--name", name, "--policy", policy, "--validity", "24")
    assert (made["status"], made["error"]) == ("completed", None)
    assert made["target"].endswith(f"/certificates/{name}")
    bundle = shown(server, "show", name)
    certificate = certificate_of(bundle)
    assert certificate.subject.rfc4514_string() == "CN=CLIGetDefaultPolicy"
    read = bundle["policy"]
    assert read["keyProperties"]["keySize"] == 2048 and read["keyProperties"]["reuseKey"] is True
    assert read["x509CertificateProperties"]["validityInMonths"] == 24
    assert read["lifetimeActions"] == [
        {"trigger": {"daysBeforeExpiry": 90}, "action": {"actionType": "AutoRenew"}}]
    again = shown(server, "create", name, "--policy", json.dumps(read))
    assert again["requestId"] != made["requestId"]
    assert len(shown(server, "list-versions", name)) == 2
    wrong = refused(server, 2, "create", name, "--policy", '{"keyProps": {}}')
    assert "keyProps" in wrong and "--scaffold" in wrong


def test_a_policy_comes_from_a_file(server, name, tmp_path):
    file = tmp_path / "policy.json"
    file.write_text(default_policy(server))
    shown(server, "create", name, "-p", f"@{file}")
    shown(server, "create", name, "-p", file)


def test_options_in_place_of_a_policy(server, name):
    shown(server, "create", name, "--dns", "a.example", "b.example", "--ip", "10.0.0.1",
          "--key-type", "ec", "--curve", "p-384", "--months", "3", "--tags", "a=b")
    bundle = shown(server, "show", name)
    certificate = certificate_of(bundle)
    assert certificate.subject.rfc4514_string() == "CN=a.example"
    names = extension(certificate, x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["a.example", "b.example"]
    assert certificate.public_key().curve.name == "secp384r1"
    assert bundle["tags"] == {"a": "b"}


@pytest.mark.parametrize("encoding", ["PEM", "DER", "PFX"])
def test_download(server, name, tmp_path, encoding):
    shown(server, "create", name, *SELF_SIGNED)
    certificate = certificate_of(shown(server, "show", name))
    file = tmp_path / "file"
    written = run(server, "download", name, "--file", file, "--encoding", encoding)
    assert written.returncode == 0, written
    content = file.read_bytes()
    if encoding == "PEM":
        assert x509.load_pem_x509_certificate(content) == certificate
    elif encoding == "DER":
        assert x509.load_der_x509_certificate(content) == certificate
    else:
        found = pkcs12.load_key_and_certificates(content, b"")
        assert found[1] == certificate and public_bytes(found[0]) == public_bytes(certificate)
    assert "--overwrite" in refused(server, 1, "download", name, "--file", file)


@pytest.mark.parametrize("form", ["pfx", "pem"])
def test_import(server, name, tmp_path, form):
    middle = Authority("Middle", below=Authority("Root"))
    key = new_key()
    leaf = middle.issue(key.public_key())
    file, password = tmp_path / "in", tmp_path / "password"
    password.write_text("pass word\n")
    if form == "pfx":
        file.write_bytes(pfx(key, leaf, middle.chain(), b"pass word"))
        refused(server, 2, "import", name, "--file", file)
        words = ["--password-file", password]
    else:
        file.write_bytes(pem(key, leaf, *middle.chain()))
        words = []
    bundle = shown(server, "import", name, "--file", file, *words, "--tags", "a=b")
    assert certificate_of(bundle) == leaf and bundle["tags"] == {"a": "b"}
    content_type = bundle["policy"]["secretProperties"]["contentType"]
    assert content_type == ("application/x-pkcs12" if form == "pfx" else "application/x-pem-file")


def test_an_outside_authority_signs(server, name, tmp_path):
    made = shown(server, "create", name, *SELF_SIGNED, "--issuer", "Unknown")
    assert made["status"] == "inProgress"
    pending = shown(server, "pending", "show", name)
    assert pending["csr"] == made["csr"]
    assert name not in {each["name"] for each in shown(server, "list")}
    assert name in {each["name"] for each in shown(server, "list", "--include-pending")}
    authority = Authority()
    leaf = authority.sign(base64.b64decode(pending["csr"]))
    file = tmp_path / "chain.pem"
    file.write_bytes(pem(leaf, authority.certificate))
    assert certificate_of(shown(server, "pending", "merge", name, "--file", file)) == leaf
    shown(server, "create", name, *SELF_SIGNED, "--issuer", "Unknown")
    shown(server, "pending", "cancel", name)
    shown(server, "pending", "delete", name)
    assert run(server, "pending", "show", name).returncode == 3


def test_attributes_and_the_policy_of_later_versions(server, name):
    shown(server, "create", name, *SELF_SIGNED)
    policy = '{"x509CertificateProperties": {"validityInMonths": 2}}'
    changed = shown(server, "set-attributes", name, "--enabled", "false", "--tags", "a=b",
                    "--policy", policy)
    assert changed["attributes"]["enabled"] is False and changed["tags"] == {"a": "b"}
    read = shown(server, "show", name)["policy"]["x509CertificateProperties"]
    assert (read["validityInMonths"], read["subject"]) == (2, f"CN={name}")


def test_delete_recover_purge_backup_restore(server, name, tmp_path):
    shown(server, "create", name, *SELF_SIGNED)
    bundle, file = shown(server, "show", name), tmp_path / "backup"
    assert run(server, "backup", name, "--file", file).returncode == 0
    shown(server, "delete", name)
    assert run(server, "show", name).returncode == 3
    assert shown(server, "show-deleted", name)["name"] == name
    assert name in {each["name"] for each in shown(server, "list-deleted")}
    shown(server, "recover", name)
    shown(server, "delete", name)
    assert run(server, "purge", name).returncode == 0
    assert run(server, "show-deleted", name).returncode == 3
    assert shown(server, "restore", "--file", file)["id"] == bundle["id"]


def test_contacts(server):
    added = shown(server, "contact", "add", "--email", "a@b.example", "--name", "A")
    assert added == [{"email": "a@b.example", "name": "A", "phone": None}]
    shown(server, "contact", "add", "--email", "c@d.example")
    assert "already" in refused(server, 1, "contact", "add", "--email", "A@B.example")
    assert len(shown(server, "contact", "list")) == 2
    shown(server, "contact", "delete", "--email", "a@b.example")
    assert run(server, "contact", "delete", "--email", "a@b.example").returncode == 3
    assert shown(server, "contact", "delete", "--email", "c@d.example") == []
    assert shown(server, "contact", "list") == []


def test_issuers(server, name, tmp_path):
    password = tmp_path / "password"
    password.write_text("hidden\n")
    made = shown(server, "issuer", "create", "--issuer-name", name, "--provider-name", "DigiCert",
                 "--account-id", "u", "--password-file", password, "--organization-id", "7")
    assert (made["name"], made["provider"], made["accountId"]) == (name, "DigiCert", "u")
    assert "hidden" not in json.dumps(made)
    shown(server, "issuer", "admin", "add", name, "--email", "a@b.example", "--first-name", "A")
    shown(server, "issuer", "admin", "add", name, "--email", "c@d.example")
    read = shown(server, "issuer", "show", name)
    assert read["organizationId"] == "7", "an administrator takes no organization away"
    assert [admin["email"] for admin in read["adminContacts"]] == ["a@b.example", "c@d.example"]
    left = shown(server, "issuer", "admin", "delete", name, "--email", "a@b.example")
    assert [admin["email"] for admin in left] == ["c@d.example"]
    assert shown(server, "issuer", "update", name, "--disabled")["enabled"] is False
    assert name in {each["name"] for each in shown(server, "issuer", "list")}
    shown(server, "issuer", "delete", name)
    assert run(server, "issuer", "show", name).returncode == 3


def test_what_is_only_named_fails_and_says_so(server, name):
    shown(server, "issuer", "create", name, "--provider", "DigiCert")
    ended = run(server, "create", name, *SELF_SIGNED, "--issuer", name)
    assert ended.returncode == 1 and "ACME" in ended.stderr, ended
    assert json.loads(ended.stdout)["status"] == "failed"


def test_an_authority_issues_revokes_and_binds(server, name):
    root = f"{name}-root"
    shown(server, "create", root, "--ca", "--curve", "P-384", "--months", "120")
    assert extension(certificate_of(shown(server, "show", root)),
                        x509.BasicConstraints).value.ca is True
    made = shown(server, "issuer", "create", root, "--provider", "Strongroom", "--authority", root,
                 "--max-days", "90", "--allow-dns", "inner.example", "--acme")
    assert made["strongroom"] == {
        "max_days": 90, "allowed_dns": ["inner.example"], "allowed_ekus": [], "allow_ca": False,
        "acme": True}
    shown(server, "create", name, *SELF_SIGNED, "--dns", "a.inner.example", "--months", "2",
          "--issuer", root)
    leaf = certificate_of(shown(server, "show", name))
    authority = certificate_of(shown(server, "show", root))
    leaf.verify_directly_issued_by(authority)

    revoked = shown(server, "revoke", name, "--reason", "superseded")
    assert (int(revoked["serial"], 16), revoked["reason"]) == (leaf.serial_number, "superseded")
    shown(server, "create", name, *SELF_SIGNED, "--dns", "a.inner.example", "--months", "2",
          "--issuer", root)
    again = certificate_of(shown(server, "show", name))
    revoked = shown(server, "issuer", "revoke", root, "--serial", f"{again.serial_number:x}",
                    "--reason", "keyCompromise")
    assert int(revoked["serial"], 16) == again.serial_number
    assert run(server, "issuer", "revoke", root, "--serial", "7f").returncode == 3

    binding = shown(server, "issuer", "eab", root)
    assert binding["keyId"] and len(base64.urlsafe_b64decode(binding["hmacKey"] + "==")) >= 32
    assert binding["directory"].endswith(f"/acme/{root}/directory")


def test_the_document_does_what_it_says(server, tmp_path):
    """The shell of docs/certificates.md, one block after the other."""
    blocks = re.findall(r"```sh\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    assert len(blocks) == 2
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "strongroom").symlink_to(server.binary)
    path = f"{tmp_path}/bin:{os.environ['PATH']}"
    for block in blocks:
        ran = subprocess.run(["sh", "-euxc", block], cwd=tmp_path, capture_output=True, text=True,
                             env={**os.environ, "PATH": path}, timeout=60)
        assert ran.returncode == 0, ran.stderr
    chain = x509.load_pem_x509_certificates((tmp_path / "shop.crt").read_bytes())
    assert [c.subject.rfc4514_string() for c in chain] == ["CN=shop.example.com", "CN=Outside"]


def test_the_exit_status_says_why(server, name):
    assert "not found" in refused(server, 3, "show", "never-made")
    assert run(server, "show", "--nonsense").returncode == 2
    assert run(server, "show", "bad_name").returncode == 2
    refused(server, 2, "create", name, "--subject", "no name at all")
