"""Certificates that come from elsewhere: PKCS#12 and PEM, as OpenSSL and pyca write them."""

import subprocess
from datetime import datetime, timedelta, timezone

import pytest
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.keyvault.certificates import CertificateContentType, CertificatePolicy
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import PrivateFormat, pkcs12

from authority import (
    PEM_FILE, PKCS12, Authority, der, loaded, new_key, opened, pem, pfx, public_bytes,
)

PEM = CertificatePolicy(content_type=CertificateContentType.pem)
LEGACY = pkcs12.PBES.PBESv1SHA1And3KeyTripleDESCBC
MODERN = pkcs12.PBES.PBESv2SHA256AndAES256CBC


@pytest.fixture(scope="module")
def middle():
    return Authority("Middle", below=Authority("Root"))


@pytest.fixture(params=["RSA", "EC"])
def leaf(request, middle):
    key = new_key(request.param)
    return key, middle.issue(key.public_key(), name="web.example", days=100)


def check(certificates, keys, client, name, key, chain):
    """What every import must leave behind."""
    bundle = certificates.get_certificate(name)
    assert loaded(bundle) == chain[0]
    assert bundle.properties.expires_on == chain[0].not_valid_after_utc
    assert keys.get_key(name).properties.managed is True
    private, found = opened(client.get_secret(name))
    assert public_bytes(private) == public_bytes(key) == public_bytes(chain[0])
    assert private.private_numbers() == key.private_numbers()
    assert found == chain
    return bundle


def test_pkcs12_with_its_chain(certificates, keys, client, middle, leaf, name):
    key, certificate = leaf
    data = pfx(key, certificate, middle.chain(), b"p\xc3\xa4ssword")
    bundle = certificates.import_certificate(name, data, password="pässword", tags={"a": "b"})
    assert bundle.properties.tags == {"a": "b"}
    bundle = check(certificates, keys, client, name, key, [certificate, *middle.chain()])
    policy = bundle.policy
    assert (policy.issuer_name, policy.subject) == ("Unknown", "CN=web.example")
    assert policy.key_type == ("RSA" if isinstance(key, rsa.RSAPrivateKey) else "EC")
    assert policy.content_type == PKCS12
    assert policy.san_dns_names == ["web.example"]
    # OPERATIONS.md, section 0, row 16: months are rounded up, and nothing is pending.
    assert policy.validity_in_months == 4
    with pytest.raises(ResourceNotFoundError):
        certificates.get_certificate_operation(name)


@pytest.mark.parametrize("scheme, mac", [
    (LEGACY, hashes.SHA1()), (MODERN, hashes.SHA256()), (MODERN, hashes.SHA512()),
])
def test_old_and_new_ciphers(certificates, keys, client, middle, leaf, name, scheme, mac):
    key, certificate = leaf
    protection = (PrivateFormat.PKCS12.encryption_builder().kdf_rounds(20_000)
                  .key_cert_algorithm(scheme).hmac_hash(mac).build(b"secret"))
    data = pfx(key, certificate, protection=protection)
    certificates.import_certificate(name, data, password="secret")
    check(certificates, keys, client, name, key, [certificate])


@pytest.mark.parametrize("options", [
    [], ["-legacy"], ["-keypbe", "AES-128-CBC", "-certpbe", "AES-128-CBC"],
    ["-keypbe", "NONE", "-certpbe", "NONE", "-nomac"],
], ids=["usual", "legacy", "aes-128", "open"])
def test_what_openssl_writes(certificates, keys, client, middle, leaf, name, options, tmp_path):
    key, certificate = leaf
    (tmp_path / "all.pem").write_bytes(pem(key, certificate, *middle.chain()))
    command = ["openssl", "pkcs12", "-export", "-in", "all.pem", "-out", "all.pfx",
               "-passout", "pass:secret", *options]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, timeout=60)
    data = (tmp_path / "all.pfx").read_bytes()
    certificates.import_certificate(name, data, password="secret")
    check(certificates, keys, client, name, key, [certificate, *middle.chain()])


def test_pkcs12_without_a_password(certificates, keys, client, leaf, name):
    key, certificate = leaf
    certificates.import_certificate(name, pfx(key, certificate))
    check(certificates, keys, client, name, key, [certificate])


@pytest.mark.parametrize("order", ["key first", "key last", "chain upside down"])
def test_pem_in_any_order(certificates, keys, client, middle, leaf, name, order):
    key, certificate = leaf
    parts = {
        "key first": [key, certificate, *middle.chain()],
        "key last": [certificate, *middle.chain(), key],
        "chain upside down": [*reversed(middle.chain()), certificate, key],
    }[order]
    certificates.import_certificate(name, pem(*parts), policy=PEM)
    bundle = check(certificates, keys, client, name, key, [certificate, *middle.chain()])
    assert bundle.policy.content_type == PEM_FILE


def test_the_order_is_kept_when_that_is_asked(certificates, client, middle, leaf, name):
    key, certificate = leaf
    data = pem(key, certificate, *reversed(middle.chain()))
    bundle = certificates.import_certificate(name, data, policy=PEM, preserve_order=True)
    assert bundle.properties.preserve_order is True
    _, chain = opened(client.get_secret(name))
    assert chain == [certificate, *reversed(middle.chain())]


def test_a_key_that_is_not_exportable_stays(certificates, client, leaf, name):
    key, certificate = leaf
    # The client forgets `exportable` unless something else is said of the key.
    kind = "RSA" if isinstance(key, rsa.RSAPrivateKey) else "EC"
    policy = CertificatePolicy(exportable=False, key_type=kind)
    certificates.import_certificate(name, pfx(key, certificate), policy=policy)
    private, chain = opened(client.get_secret(name))
    assert private is None and chain == [certificate]


def test_an_import_is_a_new_version(certificates, middle, name):
    versions = set()
    for _ in range(2):
        key = new_key()
        data = pfx(key, middle.issue(key.public_key()))
        versions.add(certificates.import_certificate(name, data).properties.version)
    assert len(versions) == 2
    listed = certificates.list_properties_of_certificate_versions(name)
    assert {found.version for found in listed} == versions


def weak():
    key = rsa.generate_private_key(65537, 1024)
    return pfx(key, Authority().issue(key.public_key()))


def mismatched():
    return pem(new_key(), Authority().issue(new_key().public_key()))


def expired():
    key = new_key()
    start = datetime.now(timezone.utc) - timedelta(days=200)
    return pem(key, Authority().issue(key.public_key(), days=100, start=start))


def deep():
    authority = Authority("A0")
    for number in range(1, 101):
        authority = Authority(f"A{number}", below=authority)
    key = new_key()
    return pem(key, authority.issue(key.public_key()), *authority.chain())


def many_names():
    key = new_key()
    names = [f"n{number}.example" for number in range(20_000)]
    return pem(key, Authority().issue(key.public_key(), sans=names))


def without_key():
    return pem(Authority().certificate)


def without_certificate():
    return pem(new_key())


def malformed():
    key = new_key()
    certificate = Authority().issue(key.public_key())
    text = pem(key, certificate).decode()
    return text.replace("MII", "MIJ", 2).encode()


@pytest.mark.parametrize("made", [
    weak, mismatched, expired, deep, many_names, without_key, without_certificate, malformed,
], ids=lambda made: made.__name__)
def test_what_cannot_be_served_is_refused(certificates, keys, client, name, made):
    data = made()
    policy = PEM if data.startswith(b"-----") else None
    with pytest.raises(HttpResponseError) as refused:
        certificates.import_certificate(name, data, policy=policy)
    assert refused.value.status_code in (400, 413), refused.value
    assert len(refused.value.error.message) > 10
    nothing_is_left(certificates, keys, client, name)


@pytest.mark.parametrize("password", [None, "", "wrong"])
def test_a_wrong_password(certificates, keys, client, leaf, name, password):
    data = pfx(*leaf, password=b"right")
    with pytest.raises(HttpResponseError) as refused:
        certificates.import_certificate(name, data, password=password)
    assert refused.value.status_code == 400
    assert "password" in refused.value.error.message.lower()
    nothing_is_left(certificates, keys, client, name)


@pytest.mark.parametrize("data", [b"", b"hello", b"\x30\x82", b"\x30" * 500])
def test_what_is_no_certificate_at_all(certificates, keys, client, name, data):
    with pytest.raises(HttpResponseError) as refused:
        certificates.import_certificate(name, data)
    assert refused.value.status_code == 400
    nothing_is_left(certificates, keys, client, name)


def nothing_is_left(certificates, keys, client, name):
    for read in (certificates.get_certificate, keys.get_key, client.get_secret):
        with pytest.raises(ResourceNotFoundError):
            read(name)


def test_what_comes_out_goes_in_again(certificates, client, leaf, name):
    """The companion secret is a file that other programs, and this vault, can import."""
    import base64

    key, certificate = leaf
    certificates.import_certificate(name, pfx(key, certificate))
    value = base64.b64decode(client.get_secret(name).value)
    again = certificates.import_certificate(f"{name}-again", value)
    assert der(loaded(again)) == der(certificate)
