"""An attested environment that asks for keys, and checks what it gets as Microsoft's sidecar of
confidential containers does (confidential-sidecar-containers, pkg/common/akv.go)."""

import base64
import hashlib
import json
from urllib.parse import urlsplit

from azure.keyvault.keys import KeyReleasePolicy
from cryptography import x509
from cryptography.hazmat.primitives import hashes, keywrap, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.verification import PolicyBuilder, Store

import independent
from forge import decode, encode

HASHES = {
    "CKM_RSA_AES_KEY_WRAP": hashes.SHA1(),
    "RSA_AES_KEY_WRAP_256": hashes.SHA256(),
    "RSA_AES_KEY_WRAP_384": hashes.SHA384(),
}


def policy(*authorities, immutable=None, **claims):
    """A policy under which each of the authorities may attest the claims."""
    conditions = [{"claim": name.replace("__", "."), "equals": value}
                  for name, value in claims.items()]
    rules = [{"authority": authority, "allOf": conditions} for authority in authorities]
    return written({"version": "1.0.0", "anyOf": rules}, immutable)


def written(document, immutable=None):
    return KeyReleasePolicy(json.dumps(document).encode(), immutable=immutable)


class Environment:
    """What runs in there has an RSA key that only it can use."""

    def __init__(self, bits=2048):
        self.private = rsa.generate_private_key(65537, bits)

    def jwk(self, **members):
        """Its key as attestation services repeat it; None takes a member away."""
        numbers = self.private.public_key().public_numbers()
        n, e = (encode(independent.octets(number)) for number in (numbers.n, numbers.e))
        jwk = {"kty": "RSA", "kid": "environment", "use": "enc", "n": n, "e": e, **members}
        return {name: value for name, value in jwk.items() if value is not None}

    def claims(self, **members):
        return {"x-ms-runtime": {"keys": [self.jwk(**members)]}}

    def opened(self, payload):
        """(7): the released private key, as it comes out of the payload."""
        key_hsm = json.loads(decode(payload["response"]["key"]["key"]["key_hsm"]))
        assert set(key_hsm) == {"schema_version", "header", "ciphertext"}
        enc = payload["request"]["enc"]
        assert key_hsm["header"] == {"kid": "environment", "alg": "dir", "enc": enc}
        ciphertext = decode(key_hsm["ciphertext"])
        carrier = self.private.key_size // 8
        oaep = padding.OAEP(padding.MGF1(HASHES[enc]), HASHES[enc], None)
        aes = self.private.decrypt(ciphertext[:carrier], oaep)
        assert len(aes) == 32
        pkcs8 = keywrap.aes_key_unwrap_with_padding(aes, ciphertext[carrier:])
        return serialization.load_der_private_key(pkcs8, None)


def payload_of(server, jws):
    """(1) to (6): the payload of a released key, when its signature and the chain behind it are
    good, the root is the installation's, and the certificate is the vault's."""
    header, payload, signature = jws.split(".")
    members = json.loads(decode(header))
    assert (members["alg"], members["typ"]) == ("RS256", "JWT")
    chain = [x509.load_der_x509_certificate(base64.b64decode(der)) for der in members["x5c"]]
    leaf = chain[0]
    leaf.public_key().verify(decode(signature), f"{header}.{payload}".encode(),
                             padding.PKCS1v15(), hashes.SHA256())
    with open(server.ready["caFile"], "rb") as file:
        root = x509.load_pem_x509_certificate(file.read())
    assert chain[-1] == root
    host = urlsplit(server.vault_url()).hostname
    verifier = PolicyBuilder().store(Store([root])).build_server_verifier(x509.DNSName(host))
    verifier.verify(leaf, chain[1:-1])
    der = leaf.public_bytes(serialization.Encoding.DER)
    assert members["x5t"] == encode(hashlib.sha1(der).digest())
    assert members["x5t#S256"] == encode(hashlib.sha256(der).digest())
    assert members["kid"] == hashlib.sha1(der).hexdigest().upper()
    return json.loads(decode(payload))


def secrets_of(private):
    """The secret numbers of a key as they would stand in JSON, to look for where they must not
    be; and as hexadecimal digits."""
    members = independent.numbers_of(private)
    secret = [members[name] for name in ("d", "p", "q", "dp", "dq", "qi") if name in members]
    return [text for octets in secret for text in (encode(octets), octets.hex())]
