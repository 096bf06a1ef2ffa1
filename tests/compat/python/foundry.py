"""Certificates made by pyca/cryptography: what the server must read, and must agree with."""

import base64
import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)
from cryptography.x509.oid import NameOID

DAY = datetime.timedelta(days=1)


def name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def rsa_key(bits=2048):
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def ec_key(curve=None):
    return ec.generate_private_key(curve or ec.SECP256R1())


def certificate(subject, public, issuer=None, issuer_key=None, extensions=(), days=365, begins=-1):
    """Signed by `issuer_key`; of `begins` days from now, for `days`. Without `issuer` it is its
    own."""
    now = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name(subject))
        .issuer_name(issuer.subject if issuer else name(subject))
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + begins * DAY)
        .not_valid_after(now + (begins + days) * DAY)
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    return builder.sign(issuer_key, hashes.SHA256())


def authority(subject, days=3650):
    """A root and its key."""
    key = ec_key()
    constraints = (x509.BasicConstraints(ca=True, path_length=None), True)
    return certificate(subject, key.public_key(), None, key, [constraints], days), key


def sign_request(csr, issuer, issuer_key, **options):
    """What an authority outside makes of a request (DER)."""
    request = x509.load_der_x509_csr(csr)
    assert request.is_signature_valid
    subject = request.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value
    return certificate(subject, request.public_key(), issuer, issuer_key, **options)


def der(made):
    return made.public_bytes(Encoding.DER)


def base64_der(made):
    return base64.b64encode(der(made)).decode()


def pfx(key, leaf, others=(), password=b""):
    encryption = BestAvailableEncryption(password) if password else NoEncryption()
    made = pkcs12.serialize_key_and_certificates(b"", key, leaf, list(others), encryption)
    return base64.b64encode(made).decode()


def pem(key, *certificates):
    text = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    for made in certificates:
        text += made.public_bytes(Encoding.PEM)
    return text.decode()
