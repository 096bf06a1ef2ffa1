"""Certificates by pyca/cryptography: an authority outside, and what comes out of a vault."""

import base64
import hashlib
from datetime import datetime, timedelta, timezone

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DER, PEM = serialization.Encoding.DER, serialization.Encoding.PEM
PKCS8 = serialization.PrivateFormat.PKCS8
PKCS12, PEM_FILE = "application/x-pkcs12", "application/x-pem-file"


def named(name):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def new_key(kind="EC"):
    return ec.generate_private_key(ec.SECP256R1()) if kind == "EC" else (
        rsa.generate_private_key(65537, 2048))


def public_bytes(key):
    """What tells one key from another."""
    public = key.public_key() if hasattr(key, "public_key") else key
    return public.public_bytes(DER, serialization.PublicFormat.SubjectPublicKeyInfo)


class Authority:
    """A certificate that signs others: a root, or below another authority."""

    def __init__(self, name="Outside", below=None):
        self.key = new_key()
        self.above = below.chain() if below else []
        signer = below or self
        self.certificate = self._signed(
            signer.key, below.certificate.subject if below else named(name), named(name),
            self.key.public_key(), 3650,
            (x509.BasicConstraints(True, None), True),
            (x509.KeyUsage(True, False, False, False, False, True, True, False, False), True),
        )

    @staticmethod
    def _signed(key, issuer, subject, public, days, *extensions, start=None):
        start = start or datetime.now(timezone.utc) - timedelta(hours=1)
        builder = (
            x509.CertificateBuilder().subject_name(subject).issuer_name(issuer)
            .public_key(public).serial_number(x509.random_serial_number())
            .not_valid_before(start).not_valid_after(start + timedelta(days=days))
        )
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        return builder.sign(key, hashes.SHA256())

    def chain(self):
        """From itself up to the root."""
        return [self.certificate, *self.above]

    def issue(self, public, name="leaf.example", days=90, start=None, sans=()):
        return self._signed(
            self.key, self.certificate.subject, named(name), public, days,
            (x509.BasicConstraints(False, None), True),
            (x509.SubjectAlternativeName([x509.DNSName(n) for n in sans or [name]]), False),
            (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),
            start=start,
        )

    def sign(self, csr, **options):
        """What an authority does with a request: checks it, and signs what it asks for."""
        request = x509.load_der_x509_csr(csr)
        assert request.is_signature_valid
        return self.issue(request.public_key(), **options)


def der(certificate):
    return certificate.public_bytes(DER)


def pem(*parts):
    """Keys and certificates, one after the other."""
    none = serialization.NoEncryption()
    return b"".join(
        part.public_bytes(PEM) if isinstance(part, x509.Certificate)
        else part.private_bytes(PEM, PKCS8, none) for part in parts
    )


def pfx(key, certificate, others=(), password=None, protection=None):
    protection = protection or (
        serialization.BestAvailableEncryption(password) if password
        else serialization.NoEncryption())
    return pkcs12.serialize_key_and_certificates(
        b"name", key, certificate, list(others), protection)


def loaded(bundle):
    """The certificate of what the official client answers."""
    return x509.load_der_x509_certificate(bytes(bundle.cer))


def thumbprint(certificate):
    return hashlib.sha1(der(certificate)).digest()


def opened(secret):
    """Private key and chain of a certificate's secret, leaf first."""
    if secret.properties.content_type == PEM_FILE:
        text = secret.value.encode()
        chain = x509.load_pem_x509_certificates(text)
        key = serialization.load_pem_private_key(text, None) if b"PRIVATE KEY" in text else None
        return key, chain
    assert secret.properties.content_type == PKCS12
    found = pkcs12.load_pkcs12(base64.b64decode(secret.value), b"")
    others = [other.certificate for other in found.additional_certs]
    return found.key, ([found.cert.certificate] if found.cert else []) + others


def extension(certificate, kind):
    return certificate.extensions.get_extension_for_class(kind)
