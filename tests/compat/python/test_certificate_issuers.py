"""Who signs: an authority outside, one of the vault, and those only named. And contacts."""

import subprocess

import pytest
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.keyvault.certificates import (
    AdministratorContact, CertificateContact, WellKnownIssuerNames,
)
from cryptography import x509

from authority import Authority, der, loaded, new_key, opened, pem, public_bytes
from test_certificates import SOON, made, policy_of

UNKNOWN = WellKnownIssuerNames.unknown


def pending(certificates, name, **members):
    """An operation that waits for somebody outside, and its request."""
    policy = policy_of(issuer_name=UNKNOWN, key_type="EC", **members)
    operation = certificates.begin_create_certificate(name, policy, **SOON).result()
    assert (operation.status, operation.issuer_name) == ("inProgress", "Unknown")
    return bytes(operation.csr)


def test_an_outside_authority_signs(certificates, keys, client, name):
    csr = pending(certificates, name, san_dns_names=["web.example"])
    request = x509.load_der_x509_csr(csr)
    names = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["web.example"]
    listed = {found.name for found in certificates.list_properties_of_certificates()}
    assert name not in listed
    every = certificates.list_properties_of_certificates(include_pending=True)
    assert name in {found.name for found in every}
    for read in (keys.get_key, client.get_secret):
        with pytest.raises(ResourceNotFoundError):
            read(name)

    root = Authority("Root")
    middle = Authority("Middle", below=root)
    leaf = middle.sign(csr, name="web.example")
    merged = certificates.merge_certificate(name, [der(leaf), *map(der, middle.chain())])
    assert loaded(merged) == leaf
    assert merged.properties.expires_on == leaf.not_valid_after_utc
    private, chain = opened(client.get_secret(name))
    assert public_bytes(private) == public_bytes(leaf)
    assert chain == [leaf, middle.certificate, root.certificate]
    assert certificates.get_certificate_operation(name).status == "completed"


def test_the_next_version_is_merged_while_the_first_serves(certificates, name):
    authority = Authority()
    first = authority.sign(pending(certificates, name))
    certificates.merge_certificate(name, [der(first)])
    second = authority.sign(pending(certificates, name))
    assert loaded(certificates.get_certificate(name)) == first
    certificates.merge_certificate(name, [der(second)])
    assert loaded(certificates.get_certificate(name)) == second


def refused(error, *statuses):
    assert error.value.status_code in statuses, error.value
    assert error.value.error.message


def test_only_the_certificate_of_the_key_is_merged(certificates, name):
    authority = Authority()
    csr = pending(certificates, name)
    strange = authority.issue(new_key().public_key())
    other_above = Authority("Other")
    leaf = authority.sign(csr)
    for chain in [[der(strange)], [b"\x30\x00"], [b"hello"], [],
                  [der(leaf), der(other_above.certificate)]]:
        with pytest.raises(HttpResponseError) as wrong:
            certificates.merge_certificate(name, chain)
        refused(wrong, 400)
    assert certificates.get_certificate_operation(name).status == "inProgress"
    assert loaded(certificates.merge_certificate(name, [der(leaf)])) == leaf
    with pytest.raises(HttpResponseError) as again:
        certificates.merge_certificate(name, [der(leaf)])
    refused(again, 400, 404, 409)


def test_merge_without_an_operation(certificates, name):
    made(certificates, name, policy_of(key_type="EC"))
    certificate = bytes(certificates.get_certificate(name).cer)
    with pytest.raises(HttpResponseError) as wrong:
        certificates.merge_certificate(name, [certificate])
    refused(wrong, 400, 404, 409)
    with pytest.raises(ResourceNotFoundError):
        certificates.merge_certificate(f"{name}-never", [certificate])


def test_one_operation_at_a_time(certificates, name):
    csr = pending(certificates, name)
    with pytest.raises(HttpResponseError) as second:
        certificates.begin_create_certificate(name, policy_of(), **SOON)
    refused(second, 409)
    assert bytes(certificates.get_certificate_operation(name).csr) == csr


def test_an_operation_is_cancelled(certificates, name):
    csr = pending(certificates, name)
    certificates.cancel_certificate_operation(name)
    operation = certificates.get_certificate_operation(name)
    assert operation.cancellation_requested or operation.status == "cancelled"
    with pytest.raises(HttpResponseError):
        certificates.merge_certificate(name, [der(Authority().sign(csr))])


def test_an_operation_is_deleted(certificates, name):
    pending(certificates, name)
    assert certificates.delete_certificate_operation(name).status == "inProgress"
    with pytest.raises(ResourceNotFoundError):
        certificates.get_certificate_operation(name)
    with pytest.raises(ResourceNotFoundError):
        certificates.delete_certificate_operation(name)
    assert loaded(made(certificates, name, policy_of(key_type="EC")))


def test_an_issuer_is_kept_but_not_its_password(certificates, server, raw, name):
    admins = [AdministratorContact("John", "Doe", "admin@example.com", "4255555555")]
    issuer = certificates.create_issuer(
        name, "Test", account_id="keyvaultuser", password="hidden-password",
        organization_id="org", admin_contacts=admins, enabled=True)
    assert issuer.id == f"{server.vault_url()}/certificates/issuers/{name}"
    assert (issuer.provider, issuer.account_id) == ("Test", "keyvaultuser")
    read = certificates.get_issuer(name)
    assert (read.organization_id, read.enabled) == ("org", True)
    (admin,) = read.admin_contacts
    assert (admin.first_name, admin.last_name, admin.email, admin.phone) == (
        "John", "Doe", "admin@example.com", "4255555555")
    answer = raw.call("GET", f"/certificates/issuers/{name}")
    assert b"hidden-password" not in answer.body and b"pwd" not in answer.body
    assert name in {found.name for found in certificates.list_properties_of_issuers()}
    changed = certificates.update_issuer(name, account_id="other", enabled=False)
    assert (changed.account_id, changed.enabled, changed.organization_id) == ("other", False, "org")
    assert certificates.delete_issuer(name).id == issuer.id
    with pytest.raises(ResourceNotFoundError):
        certificates.get_issuer(name)


@pytest.mark.parametrize("provider", ["DigiCert", "GlobalSign"])
def test_what_is_only_named_says_how_to_go_on(certificates, name, provider):
    certificates.create_issuer(name, provider, account_id="a", password="p")
    policy = policy_of(issuer_name=name, key_type="EC")
    operation = certificates.begin_create_certificate(name, policy, **SOON).result()
    assert operation.status == "failed"
    assert "ACME" in operation.error.message


def test_an_unknown_provider_is_refused(certificates, name):
    with pytest.raises(HttpResponseError) as wrong:
        certificates.create_issuer(name, "Nobody")
    refused(wrong, 400)


def run(server, *words):
    command = [server.binary, "certificate", *words, "--ready-file", server.ready_file]
    ended = subprocess.run(command, input="", capture_output=True, text=True, timeout=60)
    assert ended.returncode == 0, ended
    return ended.stdout


def test_an_authority_of_the_vault_signs(server, certificates, client, name, tmp_path):
    """Root, intermediate, leaf; the chain is for OpenSSL to judge."""
    root, middle = f"{name}-r", f"{name}-m"
    run(server, "create", root, "--ca", "--curve", "P-384", "--subject", "CN=Root",
        "--months", "24")
    run(server, "issuer", "create", root, "--provider", "Strongroom", "--authority", root,
        "--allow-ca")
    run(server, "create", middle, "--ca", "--path-len", "0", "--curve", "P-256",
        "--subject", "CN=Middle", "--issuer", root)
    run(server, "issuer", "create", middle, "--provider", "Strongroom", "--authority", middle,
        "--allow-dns", "inner.example", "--max-days", "90")
    policy = policy_of(issuer_name=middle, key_type="EC", subject="CN=a.inner.example",
                       san_dns_names=["a.inner.example"], validity_in_months=2)
    leaf = loaded(made(certificates, name, policy))
    _, chain = opened(client.get_secret(name))
    above = [loaded(certificates.get_certificate(each)) for each in (middle, root)]
    assert chain[:2] == [leaf, above[0]]
    (tmp_path / "root.pem").write_bytes(pem(above[1]))
    (tmp_path / "chain.pem").write_bytes(pem(above[0]))
    (tmp_path / "leaf.pem").write_bytes(pem(leaf))
    verify = ["openssl", "verify", "-x509_strict", "-purpose", "sslserver",
              "-verify_hostname", "a.inner.example", "-CAfile", "root.pem",
              "-untrusted", "chain.pem", "leaf.pem"]
    judged = subprocess.run(verify, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert judged.returncode == 0, judged

    outside = policy_of(issuer_name=middle, key_type="EC", subject="CN=evil.example",
                        san_dns_names=["evil.example"], validity_in_months=2)
    try:
        operation = certificates.begin_create_certificate(f"{name}-evil", outside, **SOON).result()
        assert getattr(operation, "status", None) == "failed", operation
    except HttpResponseError as wrong:
        assert wrong.status_code == 400, wrong


def test_contacts_are_set_read_and_deleted(certificates, server):
    contacts = [CertificateContact("admin@example.com", "John Doe", "1111111111"),
                CertificateContact("second@example.com")]
    certificates.set_contacts(contacts)
    read = certificates.get_contacts()
    assert [(c.email, c.name, c.phone) for c in read] == [
        ("admin@example.com", "John Doe", "1111111111"), ("second@example.com", None, None)]
    certificates.set_contacts(contacts[1:])
    assert [c.email for c in certificates.get_contacts()] == ["second@example.com"]
    assert [c.email for c in certificates.delete_contacts()] == ["second@example.com"]
    with pytest.raises(ResourceNotFoundError):
        certificates.get_contacts()
