"""Tokens as an attacker would make them."""

import base64
import hashlib
import hmac
import json

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat


def encode(raw):
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def decode(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def header_and_claims(token):
    header, claims, _ = token.split(".")
    return json.loads(decode(header)), json.loads(decode(claims))


def unsigned(header, claims):
    return f"{encode(json.dumps(header).encode())}.{encode(json.dumps(claims).encode())}"


def flipped_signature(token):
    start, signature = token.rsplit(".", 1)
    raw = bytearray(decode(signature))
    raw[len(raw) // 2] ^= 1
    return f"{start}.{encode(bytes(raw))}"


def changed_claims(token, **claims):
    """Other claims under the old signature."""
    header, old = header_and_claims(token)
    return f"{unsigned(header, {**old, **claims})}.{token.rsplit('.', 1)[1]}"


def without_algorithm(token, algorithm="none"):
    header, claims = header_and_claims(token)
    return unsigned({**header, "alg": algorithm}, claims) + "."


def signed_with_public_key(token, jwk):
    """HS256 with the published RSA key as the secret, in PEM: the classic confusion."""
    numbers = rsa.RSAPublicNumbers(
        int.from_bytes(decode(jwk["e"])), int.from_bytes(decode(jwk["n"]))
    )
    pem = numbers.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    header, claims = header_and_claims(token)
    text = unsigned({**header, "alg": "HS256"}, claims)
    return f"{text}.{encode(hmac.new(pem, text.encode(), hashlib.sha256).digest())}"


def signed_by_a_stranger(token, **header_members):
    """RS256 by a key of our own, under the issuer's key id unless another is given."""
    header, claims = header_and_claims(token)
    text = unsigned({**header, **header_members}, claims)
    key = rsa.generate_private_key(65537, 2048)
    signature = key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())
    return f"{text}.{encode(signature)}"
