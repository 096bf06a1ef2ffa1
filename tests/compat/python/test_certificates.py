"""Everyday work with certificates through the official client, judged by pyca/cryptography."""

from datetime import datetime, timedelta, timezone
from ipaddress import ip_address

import pytest
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.keyvault.certificates import (
    CertificateContentType, CertificatePolicy, CertificatePolicyAction, LifetimeAction,
    WellKnownIssuerNames,
)
from azure.keyvault.keys.crypto import CryptographyClient, SignatureAlgorithm
from azure.identity import DefaultAzureCredential
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

import independent
from authority import PEM_FILE, PKCS12, extension, loaded, opened, public_bytes, thumbprint

SELF = WellKnownIssuerNames.self
# What `certificate_work` wants of every client that waits: not five seconds.
SOON = {"_polling_interval": 0.1}


def policy_of(**members):
    members = {"subject": "CN=web.example", "validity_in_months": 12, **members}
    return CertificatePolicy(members.pop("issuer_name", SELF), **members)


def made(certificates, name, policy=None, **options):
    poller = certificates.begin_create_certificate(name, policy or policy_of(), **options, **SOON)
    return poller.result()


def delete(certificates, name):
    poller = certificates.begin_delete_certificate(name, **SOON)
    poller.wait()
    return poller.result()


def months_later(start, months):
    """The same day so many months later, or the last before it."""
    year, month = divmod(start.month - 1 + months, 12)
    year, month = start.year + year, month + 1
    for day in range(start.day, start.day - 4, -1):
        try:
            return start.replace(year=year, month=month, day=day)
        except ValueError:
            pass
    raise AssertionError(start)


@pytest.mark.parametrize("size", [2048, 3072, 4096])
def test_rsa_of_each_size(certificates, name, size):
    bundle = made(certificates, name, policy_of(key_type="RSA", key_size=size))
    certificate = loaded(bundle)
    public = certificate.public_key()
    assert (public.key_size, public.public_numbers().e) == (size, 65537)
    certificate.verify_directly_issued_by(certificate)
    assert (bundle.policy.key_type, bundle.policy.key_size) == ("RSA", size)


@pytest.mark.parametrize("curve", ["P-256", "P-384", "P-521"])
def test_ec_on_each_curve(certificates, name, curve):
    bundle = made(certificates, name, policy_of(key_type="EC", key_curve_name=curve))
    certificate = loaded(bundle)
    assert certificate.public_key().curve.name == independent.CURVES[curve].name
    certificate.verify_directly_issued_by(certificate)
    assert (bundle.policy.key_type, bundle.policy.key_curve_name) == ("EC", curve)


def test_what_is_not_said_is_the_usual(certificates, name):
    """OPERATIONS.md, section 0, row 16."""
    bundle = made(certificates, name, CertificatePolicy.get_default())
    policy, certificate = bundle.policy, loaded(bundle)
    assert (policy.issuer_name, policy.subject) == ("Self", "CN=DefaultPolicy")
    assert (policy.key_type, policy.key_size, policy.exportable) == ("RSA", 2048, True)
    assert policy.content_type == CertificateContentType.pkcs12
    assert policy.validity_in_months == 12
    assert policy.key_usage == ["digitalSignature", "keyEncipherment"]
    ekus = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    assert policy.enhanced_key_usage == [oid.dotted_string for oid in ekus]
    assert list(extension(certificate, x509.ExtendedKeyUsage).value) == ekus
    usage = extension(certificate, x509.KeyUsage).value
    assert (usage.digital_signature, usage.key_encipherment) == (True, True)
    assert not (usage.key_cert_sign or usage.crl_sign or usage.data_encipherment)
    assert extension(certificate, x509.BasicConstraints).value.ca is False
    begins = certificate.not_valid_before_utc
    now = datetime.now(timezone.utc)
    assert abs(now - timedelta(minutes=10) - begins) < timedelta(minutes=2)
    ends = months_later(begins + timedelta(minutes=10), 12)
    assert abs(certificate.not_valid_after_utc - ends) < timedelta(days=1)
    assert bundle.properties.not_before == begins
    assert bundle.properties.expires_on == certificate.not_valid_after_utc


def test_a_certificate_says_what_its_policy_says(certificates, name):
    oid = "1.3.6.1.5.5.7.3.4"
    bundle = made(certificates, name, policy_of(
        subject="CN=web.example, O=Example Ltd, L=Köln, C=DE",
        san_dns_names=["web.example", "*.web.example"],
        san_emails=["web@example.com"],
        san_user_principal_names=["web@corp.example"],
        enhanced_key_usage=[oid],
        key_usage=["digitalSignature", "nonRepudiation"],
        validity_in_months=5,
    ))
    certificate = loaded(bundle)
    subject = certificate.subject
    for kind, value in [(NameOID.COMMON_NAME, "web.example"), (NameOID.LOCALITY_NAME, "Köln"),
                        (NameOID.ORGANIZATION_NAME, "Example Ltd"), (NameOID.COUNTRY_NAME, "DE")]:
        assert [found.value for found in subject.get_attributes_for_oid(kind)] == [value]
    names = extension(certificate, x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["web.example", "*.web.example"]
    assert names.get_values_for_type(x509.RFC822Name) == ["web@example.com"]
    (upn,) = names.get_values_for_type(x509.OtherName)
    assert upn.type_id.dotted_string == "1.3.6.1.4.1.311.20.2.3"
    assert upn.value == b"\x0c\x10web@corp.example"
    usage = extension(certificate, x509.KeyUsage).value
    assert (usage.digital_signature, usage.content_commitment) == (True, True)
    assert not usage.key_encipherment
    ekus = extension(certificate, x509.ExtendedKeyUsage).value
    assert [found.dotted_string for found in ekus] == [oid]
    read = certificates.get_certificate_policy(name)
    assert read.san_dns_names == ["web.example", "*.web.example"]
    assert read.san_emails == ["web@example.com"]
    assert read.san_user_principal_names == ["web@corp.example"]
    assert sorted(read.key_usage) == ["digitalSignature", "nonRepudiation"]


def test_addresses_and_uris(certificates, name):
    """Since 2025-06-01-preview."""
    bundle = made(certificates, name, policy_of(
        san_ip_addresses=["10.1.2.3", "2001:db8::1"], san_uris=["https://web.example/a"]))
    names = extension(loaded(bundle), x509.SubjectAlternativeName).value
    addresses = [ip_address("10.1.2.3"), ip_address("2001:db8::1")]
    assert names.get_values_for_type(x509.IPAddress) == addresses
    assert names.get_values_for_type(x509.UniformResourceIdentifier) == ["https://web.example/a"]
    assert bundle.policy.san_ip_addresses == ["10.1.2.3", "2001:db8::1"]
    assert bundle.policy.san_uris == ["https://web.example/a"]


def test_names_without_a_subject(certificates, name):
    """RFC 5280: an issuer has a name, so what signs itself needs a subject; another does not."""
    names = {"subject": None, "san_dns_names": ["only.example"], "key_type": "EC"}
    with pytest.raises(HttpResponseError) as refused:
        made(certificates, name, policy_of(**names))
    assert refused.value.status_code == 400
    assert "signs itself" in refused.value.error.message
    operation = made(certificates, name, policy_of(issuer_name="Unknown", **names))
    request = x509.load_der_x509_csr(bytes(operation.csr))
    assert list(request.subject) == []
    found = request.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert found.value.get_values_for_type(x509.DNSName) == ["only.example"]
    assert found.critical, "RFC 5280, 4.2.1.6: there is no other name"


def test_the_operation_is_seen_to_its_end(certificates, server, name):
    poller = certificates.begin_create_certificate(name, policy_of(), **SOON)
    bundle = poller.result()
    operation = certificates.get_certificate_operation(name)
    assert operation.id == f"{server.vault_url()}/certificates/{name}/pending"
    assert (operation.status, operation.issuer_name) == ("completed", "Self")
    assert operation.target == f"{server.vault_url()}/certificates/{name}"
    request = x509.load_der_x509_csr(bytes(operation.csr))
    assert request.is_signature_valid
    assert public_bytes(request) == public_bytes(loaded(bundle))
    assert poller.status() == "completed"


def test_key_and_secret_come_along(certificates, keys, client, server, name):
    bundle = made(certificates, name)
    version, base = bundle.properties.version, server.vault_url()
    assert bundle.id == f"{base}/certificates/{name}/{version}"
    assert bundle.key_id == f"{base}/keys/{name}/{version}"
    assert bundle.secret_id == f"{base}/secrets/{name}/{version}"
    certificate = loaded(bundle)
    assert bytes(bundle.properties.x509_thumbprint) == thumbprint(certificate)
    key = keys.get_key(name)
    assert (key.id, key.properties.managed) == (bundle.key_id, True)
    assert public_bytes(independent.public_key_of(key.key)) == public_bytes(certificate)
    secret = client.get_secret(name)
    assert secret.id == bundle.secret_id
    assert (secret.properties.managed, secret.properties.key_id) == (True, bundle.key_id)
    for properties in (key.properties, secret.properties):
        assert properties.expires_on == bundle.properties.expires_on
        assert properties.not_before == bundle.properties.not_before
    private, chain = opened(secret)
    assert public_bytes(private) == public_bytes(certificate)
    assert chain == [certificate]


@pytest.mark.parametrize("key_type", ["RSA", "EC"])
def test_the_secret_as_pem(certificates, client, name, key_type):
    policy = policy_of(content_type=CertificateContentType.pem, key_type=key_type)
    certificate = loaded(made(certificates, name, policy))
    secret = client.get_secret(name)
    assert secret.properties.content_type == PEM_FILE
    private, chain = opened(secret)
    assert public_bytes(private) == public_bytes(certificate)
    assert chain == [certificate]


@pytest.mark.parametrize("content_type", [PKCS12, PEM_FILE])
def test_a_key_that_is_not_exportable_stays(certificates, client, name, content_type):
    policy = policy_of(exportable=False, content_type=content_type, key_type="EC")
    certificate = loaded(made(certificates, name, policy))
    private, chain = opened(client.get_secret(name))
    assert private is None
    assert chain == [certificate]


def test_the_key_signs_in_the_vault(certificates, name):
    bundle = made(certificates, name, policy_of(key_type="EC", exportable=False))
    signing = CryptographyClient(bundle.key_id, DefaultAzureCredential())
    digest = independent.digest_of("ES256", b"message")
    signature = signing.sign(SignatureAlgorithm.es256, digest).signature
    assert independent.verifies(loaded(bundle).public_key(), "ES256", digest, signature)


def test_each_create_is_a_new_version_and_old_ones_stay(certificates, client, name):
    first = made(certificates, name, tags={"n": "1"})
    second = made(certificates, name, policy_of(subject="CN=second.example"))
    assert first.properties.version != second.properties.version
    latest = certificates.get_certificate(name)
    assert latest.id == second.id and bytes(latest.cer) == bytes(second.cer)
    old = certificates.get_certificate_version(name, first.properties.version)
    assert bytes(old.cer) == bytes(first.cer)
    assert old.properties.tags == {"n": "1"}
    _, chain = opened(client.get_secret(name, first.properties.version))
    assert chain == [loaded(first)]
    listed = list(certificates.list_properties_of_certificate_versions(name))
    assert {found.version for found in listed} == {
        first.properties.version, second.properties.version}
    assert {bytes(found.x509_thumbprint) for found in listed} == {
        thumbprint(loaded(first)), thumbprint(loaded(second))}


def test_reuse_key_keeps_the_key(certificates, name):
    policy = policy_of(key_type="EC", reuse_key=True)
    first, second = (loaded(made(certificates, name, policy)) for _ in range(2))
    assert first.serial_number != second.serial_number
    assert public_bytes(first) == public_bytes(second)
    changed = made(certificates, name, policy_of(key_type="EC", reuse_key=False))
    assert public_bytes(loaded(changed)) != public_bytes(first)


def test_members_are_kept_and_listed(certificates, name):
    made(certificates, name, tags={"colour": "green", "Ümlaut": "ß"}, enabled=False)
    read = certificates.get_certificate(name)
    assert read.properties.tags == {"colour": "green", "Ümlaut": "ß"}
    assert read.properties.enabled is False
    assert (read.properties.recovery_level, read.properties.recoverable_days) == (
        "Recoverable+Purgeable", 90)
    listed = {found.name: found for found in certificates.list_properties_of_certificates()}
    assert listed[name].tags == read.properties.tags
    assert bytes(listed[name].x509_thumbprint) == bytes(read.properties.x509_thumbprint)


def test_update_changes_what_is_sent_and_nothing_else(certificates, client, name):
    first = made(certificates, name, tags={"keep": "me"})
    changed = certificates.update_certificate_properties(name, enabled=False)
    assert changed.properties.tags == {"keep": "me"}
    assert changed.properties.enabled is False
    with pytest.raises(HttpResponseError) as disabled:
        client.get_secret(name)
    assert disabled.value.status_code == 403
    version = first.properties.version
    changed = certificates.update_certificate_properties(
        name, version, enabled=True, tags={"new": "tag"})
    assert changed.properties.tags == {"new": "tag"}
    assert bytes(changed.cer) == bytes(first.cer)
    assert client.get_secret(name).value


def test_a_policy_is_changed_in_part(certificates, name):
    made(certificates, name)
    actions = [LifetimeAction(CertificatePolicyAction.auto_renew, days_before_expiry=25)]
    certificates.update_certificate_policy(
        name, CertificatePolicy(None, lifetime_actions=actions, validity_in_months=6))
    read = certificates.get_certificate_policy(name)
    assert (read.validity_in_months, read.subject) == (6, "CN=web.example")
    (action,) = read.lifetime_actions
    assert (action.action, action.days_before_expiry, action.lifetime_percentage) == (
        "AutoRenew", 25, None)
    assert read.issuer_name == "Self"


def test_delete_recover_purge_take_all_three(certificates, keys, client, server, name):
    bundle = made(certificates, name, policy_of(key_type="EC"))
    deleted = delete(certificates, name)
    assert deleted.recovery_id == f"{server.vault_url()}/deletedcertificates/{name}"
    assert deleted.scheduled_purge_date - deleted.deleted_on == timedelta(days=90)
    for read in (certificates.get_certificate, keys.get_key, client.get_secret):
        with pytest.raises(ResourceNotFoundError):
            read(name)
    assert certificates.get_deleted_certificate(name).id == deleted.id
    assert name in {found.name for found in certificates.list_deleted_certificates()}
    assert keys.get_deleted_key(name).name == client.get_deleted_secret(name).name == name
    with pytest.raises(ResourceExistsError) as refused:
        made(certificates, name)
    assert refused.value.status_code == 409

    certificates.begin_recover_deleted_certificate(name, **SOON).wait()
    assert bytes(certificates.get_certificate(name).cer) == bytes(bundle.cer)
    assert keys.get_key(name).id == bundle.key_id
    assert opened(client.get_secret(name))[1] == [loaded(bundle)]

    delete(certificates, name)
    certificates.purge_deleted_certificate(name)
    gone = (certificates.get_deleted_certificate, keys.get_deleted_key, client.get_deleted_secret)
    for read in gone:
        with pytest.raises(ResourceNotFoundError):
            read(name)
    made(certificates, name)


def test_key_and_secret_are_not_deleted_alone(certificates, keys, client, name):
    """OPERATIONS.md, section 0, row 22."""
    made(certificates, name, policy_of(key_type="EC"))
    for remove in (keys.begin_delete_key, client.begin_delete_secret):
        with pytest.raises(HttpResponseError) as refused:
            remove(name)
        assert refused.value.status_code == 403
    assert client.get_secret(name).value and keys.get_key(name)


def test_every_version_comes_back_from_a_backup(certificates, keys, client, name):
    first, second = (made(certificates, name, policy_of(key_type="EC")) for _ in range(2))
    blob = certificates.backup_certificate(name)
    delete(certificates, name)
    certificates.purge_deleted_certificate(name)
    restored = certificates.restore_certificate_backup(blob)
    assert restored.id == second.id and bytes(restored.cer) == bytes(second.cer)
    old = certificates.get_certificate_version(name, first.properties.version)
    assert bytes(old.cer) == bytes(first.cer)
    assert keys.get_key(name, first.properties.version).properties.managed is True
    private, _ = opened(client.get_secret(name))
    assert public_bytes(private) == public_bytes(loaded(second))
    assert certificates.get_certificate_policy(name).subject == "CN=web.example"
    with pytest.raises(ResourceExistsError):
        certificates.restore_certificate_backup(blob)


def test_a_missing_certificate(certificates, name):
    with pytest.raises(ResourceNotFoundError) as missing:
        certificates.get_certificate(name)
    assert missing.value.error.code == "CertificateNotFound"
    assert f"A certificate with (name/id) {name} was not found" in missing.value.error.message
    for read in (certificates.get_certificate_policy, certificates.backup_certificate,
                 certificates.get_certificate_operation, certificates.begin_delete_certificate):
        with pytest.raises(ResourceNotFoundError):
            read(name)


@pytest.mark.parametrize("members", [
    {"key_type": "RSA", "key_size": 1024},
    {"key_type": "EC", "key_curve_name": "P-255"},
    {"subject": "no name at all"},
    {"validity_in_months": 0},
    {"validity_in_months": 2_000_000},
    {"san_dns_names": ["not a name!"]},
    {"enhanced_key_usage": ["one.two"]},
    {"key_usage": ["everything"]},
    {"issuer_name": "never-made"},
    {"content_type": "text/plain"},
    {"lifetime_actions": [LifetimeAction("AutoRenew", lifetime_percentage=100)]},
    {"lifetime_actions": [LifetimeAction("AutoRenew", days_before_expiry=4_000)]},
], ids=lambda members: "-".join(members))
def test_a_policy_that_makes_no_sense_is_refused(certificates, name, members):
    with pytest.raises(HttpResponseError) as refused:
        made(certificates, name, policy_of(**members))
    assert refused.value.status_code in (400, 404), refused.value
    with pytest.raises(ResourceNotFoundError):
        certificates.get_certificate(name)


def test_key_and_secret_get_no_versions_of_their_own(certificates, keys, client, name):
    made(certificates, name, policy_of(key_type="EC"))
    for change in (
        lambda: client.set_secret(name, "another"),
        lambda: client.backup_secret(name),
        lambda: keys.create_ec_key(name),
        lambda: keys.rotate_key(name),
        lambda: keys.backup_key(name),
    ):
        with pytest.raises(HttpResponseError) as refused:
            change()
        assert refused.value.status_code == 403, refused.value
        assert "managed" in refused.value.error.message
    assert client.get_secret(name).properties.managed is True
    assert keys.get_key(name).properties.managed is True
