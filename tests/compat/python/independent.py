"""Every algorithm of keys once more, by pyca/cryptography: what the server must agree with."""

import hashlib
import hmac
import os

from azure.keyvault.keys import JsonWebKey
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hashes, keywrap
from cryptography.hazmat.primitives import padding as block_padding
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from forge import decode, encode

HASHES = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}
CURVES = {
    "P-256": ec.SECP256R1(),
    "P-384": ec.SECP384R1(),
    "P-521": ec.SECP521R1(),
    "P-256K": ec.SECP256K1(),
}
CURVE_OF = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521", "ES256K": "P-256K"}
RSA_SIGNATURES = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
RSA_ENCRYPTIONS = ("RSA1_5", "RSA-OAEP", "RSA-OAEP-256")


def number(raw):
    return int.from_bytes(raw)


def octets(value, length=None):
    return value.to_bytes(length or (value.bit_length() + 7) // 8)


def hash_of(algorithm):
    """RS256, ES256K, HS256… all end in the length of their hash."""
    return HASHES[algorithm.rstrip("K")[-3:]]


def digest_of(algorithm, message):
    return hashlib.new(hash_of(algorithm).name, message).digest()


def numbers_of(key):
    """A private key as the octets of the members of a JWK, RFC 7518 section 6."""
    if isinstance(key, rsa.RSAPrivateKey):
        private, public = key.private_numbers(), key.public_key().public_numbers()
        members = {"n": public.n, "e": public.e, "d": private.d, "p": private.p, "q": private.q,
                   "dp": private.dmp1, "dq": private.dmq1, "qi": private.iqmp}
        return {"kty": "RSA"} | {name: octets(value) for name, value in members.items()}
    private = key.private_numbers()
    point, length = private.public_numbers, (key.curve.key_size + 7) // 8
    curve = next(name for name, known in CURVES.items() if known.name == key.curve.name)
    members = {"x": point.x, "y": point.y, "d": private.private_value}
    members = {name: octets(value, length) for name, value in members.items()}
    return {"kty": "EC", "crv": curve, **members}


def jwk_of(key):
    """A private key as JSON."""
    return {
        name: encode(value) if isinstance(value, bytes) else value
        for name, value in numbers_of(key).items()
    }


def client_jwk_of(key):
    """A private key as the official client takes it."""
    return JsonWebKey(**numbers_of(key))


def public_key_of(jwk):
    """The public key of a JWK that the server answered, as JSON or as the client's object."""
    members = jwk if isinstance(jwk, dict) else {
        name: getattr(jwk, name) for name in ("kty", "crv", "n", "e", "x", "y")
    }
    raw = {name: decode(value) if isinstance(jwk, dict) else value
           for name, value in members.items() if name in "nexy" and value is not None}
    if members["kty"].startswith("RSA"):
        return rsa.RSAPublicNumbers(number(raw["e"]), number(raw["n"])).public_key()
    point = (number(raw["x"]), number(raw["y"]))
    return ec.EllipticCurvePublicNumbers(*point, CURVES[members["crv"]]).public_key()


def signature_padding(algorithm):
    if algorithm.startswith("RS"):
        return padding.PKCS1v15()
    used = hash_of(algorithm)
    return padding.PSS(padding.MGF1(used), used.digest_size)


def sign(key, algorithm, digest):
    """Signs a digest; ECDSA as JWS has it: r and s, one after the other."""
    prehashed = utils.Prehashed(hash_of(algorithm))
    if algorithm in RSA_SIGNATURES:
        return key.sign(digest, signature_padding(algorithm), prehashed)
    r, s = utils.decode_dss_signature(key.sign(digest, ec.ECDSA(prehashed)))
    length = (key.curve.key_size + 7) // 8
    return octets(r, length) + octets(s, length)


def verifies(public, algorithm, digest, signature):
    prehashed = utils.Prehashed(hash_of(algorithm))
    try:
        if algorithm in RSA_SIGNATURES:
            public.verify(signature, digest, signature_padding(algorithm), prehashed)
            return True
        half = (public.curve.key_size + 7) // 8
        if len(signature) != 2 * half:
            return False
        r, s = number(signature[:half]), number(signature[half:])
        public.verify(utils.encode_dss_signature(r, s), digest, ec.ECDSA(prehashed))
        return True
    except InvalidSignature:
        return False


def encryption_padding(algorithm):
    if algorithm == "RSA1_5":
        return padding.PKCS1v15()
    used = hashes.SHA256() if algorithm == "RSA-OAEP-256" else hashes.SHA1()
    return padding.OAEP(padding.MGF1(used), used, None)


def rsa_encrypt(public, algorithm, plaintext):
    return public.encrypt(plaintext, encryption_padding(algorithm))


def rsa_decrypt(key, algorithm, ciphertext):
    return key.decrypt(ciphertext, encryption_padding(algorithm))


def aes_encrypt(key, algorithm, plaintext, aad=None, iv=None):
    """Ciphertext, iv and tag (None outside GCM)."""
    if algorithm.endswith("GCM"):
        iv = iv or os.urandom(12)
        sealed = AESGCM(key).encrypt(iv, plaintext, aad)
        return sealed[:-16], iv, sealed[-16:]
    iv = iv or os.urandom(16)
    if algorithm.endswith("PAD"):
        padder = block_padding.PKCS7(128).padder()
        plaintext = padder.update(plaintext) + padder.finalize()
    encryptor = Cipher(algorithms.AES(key), modes.CBC(iv)).encryptor()
    return encryptor.update(plaintext) + encryptor.finalize(), iv, None


def aes_decrypt(key, algorithm, ciphertext, iv, tag=None, aad=None):
    if algorithm.endswith("GCM"):
        try:
            return AESGCM(key).decrypt(iv, ciphertext + tag, aad)
        except InvalidTag:
            return None
    decryptor = Cipher(algorithms.AES(key), modes.CBC(iv)).decryptor()
    plaintext = decryptor.update(ciphertext) + decryptor.finalize()
    if algorithm.endswith("PAD"):
        unpadder = block_padding.PKCS7(128).unpadder()
        plaintext = unpadder.update(plaintext) + unpadder.finalize()
    return plaintext


def aes_wrap(key, algorithm, wrapped):
    if algorithm == "CKM_AES_KEY_WRAP_PAD":
        return keywrap.aes_key_wrap_with_padding(key, wrapped)
    return keywrap.aes_key_wrap(key, wrapped)


def aes_unwrap(key, algorithm, wrapped):
    if algorithm == "CKM_AES_KEY_WRAP_PAD":
        return keywrap.aes_key_unwrap_with_padding(key, wrapped)
    return keywrap.aes_key_unwrap(key, wrapped)


def mac(key, algorithm, digest):
    return hmac.new(key, digest, hash_of(algorithm).name).digest()
