"""Secure key release under attack: forged and foreign tokens, claims that do not satisfy the
policy, callers without the right; and what the journal tells of it."""

import contextlib
import time

import pytest
from azure.core.exceptions import HttpResponseError
from azure.identity import ClientSecretCredential, DefaultAzureCredential
from azure.keyvault.keys import KeyClient
from cryptography.hazmat.primitives.asymmetric import rsa

import independent
from attested import (  # noqa: F401: fixtures among them
    NOT_MET, UNVERIFIED, authority, environment, is_pair, is_refused, kept, record_of, released,
    second, server, token, trusting, usual,
)
from environment import Environment, payload_of, policy, secrets_of
from forge import (
    changed_claims, encode, flipped_signature, header_and_claims, signed_by_a_stranger,
    signed_with_public_key, unsigned, without_algorithm,
)
from issuer import Issuer, jwk
from key_work import ask, refused
from strongroom import Strongroom

STRANGERS = "https://attest.elsewhere.example"

# Tokens that must not be believed, and a word of the reason that the journal alone tells.
FORGED = {
    "of another service that the operator trusts": (lambda t, a, s: s, "does not name"),
    "of a service that nobody trusts": (lambda t, a, s: changed_claims(t(), iss=STRANGERS),
                                        "does not name"),
    "the name of another service, our signature": (lambda t, a, s: t(iss=STRANGERS),
                                                   "does not name"),
    "over plain HTTP": (lambda t, a, s: t(iss=a.url.replace("https", "http")), "well-formed"),
    "of nobody": (lambda t, a, s: t(iss=None), "well-formed"),
    "of a longer name": (lambda t, a, s: t(iss=a.url + "/tenant"), "does not name"),
    "with a user in the name": (lambda t, a, s: t(iss=a.url.replace("//", "//x@")),
                                "well-formed"),
    "expired": (lambda t, a, s: t(exp=int(time.time()) - 120), "expired"),
    "expired for ever": (lambda t, a, s: t(exp=1), "expired"),
    "without an end": (lambda t, a, s: t(exp=None), "expired"),
    "an end that is no number": (lambda t, a, s: t(exp="9999999999"), "well-formed"),
    "not yet valid": (lambda t, a, s: t(nbf=int(time.time()) + 600), "not yet valid"),
    "a signature with a bit flipped": (lambda t, a, s: flipped_signature(t()), "signature"),
    "no signature": (lambda t, a, s: t().rsplit(".", 1)[0] + ".", "signature"),
    "other claims under the signature": (
        lambda t, a, s: changed_claims(t(debuggable=True), debuggable=False), "signature"),
    "another recipient under the signature": (
        lambda t, a, s: changed_claims(t(), **Environment().claims()), "signature"),
    "another end under the signature": (
        lambda t, a, s: changed_claims(t(exp=1), exp=4_102_444_800), "signature"),
    "alg none": (lambda t, a, s: without_algorithm(t()), "well-formed"),
    "alg None": (lambda t, a, s: without_algorithm(t(), "None"), "well-formed"),
    "alg none with a signature": (
        lambda t, a, s: without_algorithm(t()) + t().rsplit(".", 1)[1], "well-formed"),
    "HS256 with the public key": (
        lambda t, a, s: signed_with_public_key(t(), jwk("first", a.keys["first"].public_key())),
        "well-formed"),
    "PS256 with the key for RS256": (lambda t, a, s: signed_by_a_stranger(t(), alg="PS256"),
                                     "no key"),
    "a stranger's signature": (lambda t, a, s: signed_by_a_stranger(t()), "signature"),
    "a kid that nobody has": (lambda t, a, s: signed_by_a_stranger(t(), kid="nobody"), "no key"),
    "no kid": (lambda t, a, s: signed_by_a_stranger(t(), kid=None), "well-formed"),
    "a header that must be understood": (
        lambda t, a, s: signed_by_a_stranger(t(), crit=["exp"]), "well-formed"),
    "an access token of the service's": (
        lambda t, a, s: resigned(a.keys["first"], {"alg": "RS256", "typ": "at+jwt", "kid": "first"},
                                 header_and_claims(t())[1]), "well-formed"),
    "nothing": (lambda t, a, s: "", "well-formed"),
    "no token": (lambda t, a, s: "a.b.c", "well-formed"),
    "four parts": (lambda t, a, s: t() + ".x", "well-formed"),
    "a token with white space": (lambda t, a, s: t() + "\n", "well-formed"),
    "a token of 100 KB": (lambda t, a, s: t(filling="x" * 75_000), "well-formed"),
    "claims that are a list": (
        lambda t, a, s: ".".join([t().split(".")[0], encode(b"[]"), t().split(".")[2]]),
        "well-formed"),
}


@pytest.mark.parametrize("forged", FORGED)
def test_what_must_not_be_believed(server, keys, second, environment, kept, authority, token,
                                   forged):
    make, why = FORGED[forged]
    others = second.token(debuggable=False, **environment.claims())
    target = make(token, authority, others)
    request_id = is_refused(keys, "kept", target, UNVERIFIED)
    properties = record_of(server, request_id)["properties"]
    assert why in properties["releaseRefused"], properties
    assert "releasedTo" not in properties


def test_a_header_that_points_elsewhere_is_not_followed(keys, kept, token, tmp_path):
    """jku, x5u, jwk and x5c: the attacker serves, or sends, the very key that signed."""
    evil = Issuer(tmp_path)
    try:
        stranger = evil.keys["first"]
        public = jwk("first", stranger.public_key())
        claims = header_and_claims(token())[1]
        for header in ({"jku": f"{evil.url}/keys"}, {"x5u": f"{evil.url}/keys"}, {"jwk": public},
                       {"jku": f"{evil.url}/keys", "jwk": public, "kid": "evil"},
                       {"x5c": [encode(b"certificate")]}):
            header = {"alg": "RS256", "typ": "JWT", "kid": "first", **header}
            is_refused(keys, "kept", resigned(stranger, header, claims), UNVERIFIED)
        assert evil.asked == [], "nobody asked the attacker's server"
    finally:
        evil.close()


def resigned(key, header, claims):
    text = unsigned(header, claims)
    signature = independent.sign(key, "RS256", independent.digest_of("RS256", text.encode()))
    return f"{text}.{encode(signature)}"


def test_a_token_of_this_installation_attests_nothing(server, keys, kept):
    is_refused(keys, "kept", server.token(), UNVERIFIED)


def test_a_service_that_the_operator_did_not_configure(server, keys, environment, tmp_path, name):
    """The policy's author trusts it, and it is there; the operator does not."""
    stranger = Issuer(tmp_path)
    try:
        keys.create_ec_key(name, exportable=True,
                           release_policy=policy(stranger.url, debuggable="false"))
        text = (f"{UNVERIFIED[:-1]}: the attestation authority {stranger.url} is not among those "
                "that this service's operator has configured.")
        sound = stranger.token(debuggable=False, **environment.claims())
        request_id = is_refused(keys, name, sound, text)
        assert stranger.asked == []
        why = record_of(server, request_id)["properties"]["releaseRefused"]
        assert why == f"the attestation authority {stranger.url} is not configured"
    finally:
        stranger.close()


@pytest.mark.parametrize("claims", [
    {"debuggable": True}, {"debuggable": None}, {"debuggable": "False"}, {"debuggable": [False]},
    {"debuggable": {"false": True}}, {"debuggable": 0}, {"Debuggable": False, "debuggable": None},
], ids=str)
def test_a_policy_that_is_not_satisfied(server, keys, kept, token, claims):
    request_id = is_refused(keys, "kept", token(**claims), NOT_MET)
    properties = record_of(server, request_id)["properties"]
    assert properties["releaseRefused"] == "the claim debuggable is not met"


@pytest.mark.parametrize("named, sent", [
    ({"nonce": "n-1"}, "n-2"), ({"nonce": "n-1"}, "n-1 "), ({"nonce": "n-1"}, "N-1"),
    ({"nonce": 1}, "1"), ({"nonce": ["n-1"]}, "n-1"),
], ids=str)
def test_a_nonce_of_another_request(server, keys, kept, token, named, sent):
    request_id = is_refused(keys, "kept", token(**named), UNVERIFIED, nonce=sent)
    properties = record_of(server, request_id)["properties"]
    assert properties["releaseRefused"] == "the token's nonce is not the request's"


def test_the_nonce_that_the_token_names(server, keys, environment, kept, token):
    _, payload = released(server, keys, environment, "kept", token(nonce="n-1"), nonce="n-1")
    assert payload["request"]["nonce"] == "n-1"


WEAK = rsa.generate_private_key(65537, 1024).public_key().public_numbers().n

RECIPIENTS = {
    "none": lambda e: {"x-ms-runtime": None},
    "an empty set": lambda e: {"x-ms-runtime": {"keys": []}},
    "a key for signatures": lambda e: e.claims(use="sig"),
    "a key for nothing": lambda e: e.claims(use=None),
    "a key on a curve": lambda e: e.claims(kty="EC", crv="P-256"),
    "1024 bits": lambda e: e.claims(n=encode(independent.octets(WEAK))),
    "e of 1": lambda e: e.claims(e="AQ"),
    "an even modulus": lambda e: e.claims(n=e.jwk()["n"][:-1] + "A"),
    "no modulus": lambda e: e.claims(n=None),
    "a weak one before a good one": lambda e: {"x-ms-runtime": {"keys": [
        e.jwk(n=encode(independent.octets(WEAK))), e.jwk()]}},
    "the platform's": lambda e: {"x-ms-runtime": None, "x-ms-isolation-tee": e.claims()},
    "in the token's own claims": lambda e: {"x-ms-runtime": None, "keys": [e.jwk()]},
}


@pytest.mark.parametrize("recipient", RECIPIENTS)
def test_nobody_to_release_to(server, keys, environment, kept, token, recipient):
    text = ("The attestation token has no RSA key of 2048 to 8192 bits for encryption among the "
            "keys of its x-ms-runtime claim.")
    target = token(**RECIPIENTS[recipient](environment))
    request_id = is_refused(keys, "kept", target, text, 400, "BadParameter", None)
    properties = record_of(server, request_id)["properties"]
    assert properties["releaseRefused"] == "the token names no suitable RSA key for encryption"


@pytest.mark.parametrize("body", [
    {}, {"target": None}, {"target": 5}, {"target": ["x"]}, [], None, b"", b"{",
    {"target": "GOOD", "enc": "RSA-OAEP"}, {"target": "GOOD", "enc": "none"},
    {"target": "GOOD", "enc": ""}, {"target": "GOOD", "enc": 5},
    {"target": "GOOD", "enc": "ckm_rsa_aes_key_wrap"},
    {"target": "GOOD", "nonce": 5}, {"target": "GOOD", "nonce": "n" * 1025},
], ids=lambda body: str(body)[:50])
def test_a_request_that_is_none(raw, kept, token, body):
    if isinstance(body, dict) and body.get("target") == "GOOD":
        body = {**body, "target": token()}
    refused(raw.call("POST", "/keys/kept//release", body))


def test_before_its_api_version_there_is_no_release(raw, kept, token):
    for version in ("7.2", "7.0", "2016-10-01"):
        answer = raw.call("POST", "/keys/kept//release", {"target": token()}, version=version)
        assert answer.status == 400, answer


def test_a_key_that_stays(server, keys, token, name):
    keys.create_ec_key(name)
    is_refused(keys, name, token(), "The key is not exportable.", 400, "BadParameter", None)


def test_a_key_that_is_not_there(keys, token, name, usual):
    with pytest.raises(HttpResponseError) as heard:
        keys.release_key(name, token())
    assert (heard.value.status_code, heard.value.error.code) == (404, "KeyNotFound")
    keys.create_ec_key(name, exportable=True, release_policy=usual)
    keys.begin_delete_key(name).wait()
    with pytest.raises(HttpResponseError) as heard:
        keys.release_key(name, token())
    assert (heard.value.status_code, heard.value.error.code) == (404, "KeyNotFound")
    keys.begin_recover_deleted_key(name).wait()
    assert keys.release_key(name, token()).value


def test_a_disabled_key(keys, token, name, usual):
    first = keys.create_ec_key(name, exportable=True, release_policy=usual)
    keys.create_ec_key(name)
    old = first.properties.version
    assert keys.release_key(name, token(), version=old).value
    keys.update_key_properties(name, old, enabled=False)
    text = "Operation release is not allowed on a disabled key."
    is_refused(keys, name, token(), text, inner="KeyDisabled", version=old)
    assert keys.release_key(name, token()).value
    keys.update_key_properties(name, enabled=False)
    is_refused(keys, name, token(), text, inner="KeyDisabled")


def client_of(server, identity):
    credential = ClientSecretCredential(identity["tenant"], identity["appId"],
                                        identity["password"],
                                        authority=server.ready["authority"],
                                        disable_instance_discovery=True)
    return KeyClient(server.vault_url(), credential)


@pytest.mark.parametrize("role, may", [
    ("Key Vault Crypto Service Release User", True), ("Key Vault Crypto Officer", True),
    ("Key Vault Crypto User", False), ("Key Vault Reader", False),
    ("Key Vault Crypto Service Encryption User", False), ("Key Vault Secrets Officer", False),
    ("Owner", False), (None, False),
])
def test_who_may(server, kept, token, name, role, may):
    identity = server.create_identity(name, role, server.vault_id() if role else None)
    raw = server.raw(token=server.token(identity))
    answer = raw.call("POST", "/keys/kept//release", {"target": token()})
    if may:
        assert answer.status == 200, answer
        return
    message = refused(answer, 403, "Forbidden", "ForbiddenByRbac")
    assert "\r\nAction: 'Microsoft.KeyVault/vaults/keys/release/action'\r\n" in message
    forged = raw.call("POST", "/keys/kept//release", {"target": "a.b.c"})
    absent = raw.call("POST", "/keys/absn//release", b"{")
    assert forged.body == answer.body == absent.body.replace(b"absn", b"kept")


def test_the_official_client_with_the_release_role_alone(server, environment, keys, raw, kept,
                                                         token, name):
    identity = server.create_identity(name, "Key Vault Crypto Service Release User",
                                      server.vault_id() + "/keys/kept")
    with client_of(server, identity) as theirs:
        private, _ = released(server, theirs, environment, "kept", token())
        assert is_pair(keys, raw, kept, private)
        with pytest.raises(HttpResponseError) as heard:
            theirs.get_key("kept")
        assert heard.value.error.innererror["code"] == "ForbiddenByRbac"
        with pytest.raises(HttpResponseError) as heard:
            theirs.release_key("kept-2", token())
        assert heard.value.error.innererror["code"] == "ForbiddenByRbac"


def test_what_the_journal_and_the_log_keep(server, keys, environment, authority, token, usual,
                                           name):
    """Who got which key, and who did not; neither the key nor the token."""
    made = keys.create_rsa_key(name, exportable=True, release_policy=usual)
    good, other = token(nonce="journal"), token(debuggable=True)
    value = raw_release(server, name, good, nonce="journal")
    private = environment.opened(payload_of(server, value.json()["value"]))
    assert private.public_key() == independent.public_key_of(made.key)
    record = record_of(server, value.headers["x-ms-request-id"])
    assert (record["operationName"], record["resultType"]) == ("KeyRelease", "Success")
    properties = record["properties"]
    assert properties["releasedTo"] == "environment"
    assert properties["attestationAuthority"] == authority.url
    assert "releaseRefused" not in properties
    assert properties["requestUri"].startswith(f"{server.vault_url()}/keys/{name}/")

    refusal = raw_release(server, name, other)
    record = record_of(server, refusal.headers["x-ms-request-id"])
    assert (record["operationName"], record["resultType"]) == ("KeyRelease", "Failure")
    assert record["properties"]["releaseRefused"] == "the claim debuggable is not met"
    assert record["properties"]["attestationAuthority"] == authority.url
    assert "releasedTo" not in record["properties"]

    journal = server.cli("audit", "tail", "--all", "--format", "json")
    kept = journal + server.log.read_text()
    key_hsm = header_and_claims(value.json()["value"])[1]["response"]["key"]["key"]["key_hsm"]
    for planted in [*secrets_of(private), key_hsm[-60:], good.split(".")[1][:60],
                    good.rsplit(".", 1)[1], other.rsplit(".", 1)[1]]:
        assert planted not in kept
    assert all(secret not in str(header_and_claims(value.json()["value"]))
               for secret in secrets_of(private))


def raw_release(server, name, token, **members):
    return ask(server.raw(), f"{server.vault_url()}/keys/{name}/", "release", target=token,
               **members)


def test_a_key_in_backups_and_answers_stays_sealed(server, keys, environment, token, usual, name):
    """What is released stands nowhere in the clear: not in the data directory, either."""
    keys.create_ec_key(name, exportable=True, release_policy=usual)
    private, _ = released(server, keys, environment, name, token())
    d = independent.numbers_of(private)["d"]
    for path in server.data.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert d not in content and encode(d).encode() not in content, path


def test_another_key_of_the_attestation_service(server, keys, environment, kept, second, name):
    """The one that it shows beside the first; and one that it took away is no longer good."""
    keys.create_ec_key(name, exportable=True, release_policy=policy(second.url, debuggable="false"))
    second.keys["hidden"] = rsa.generate_private_key(65537, 2048)
    hidden = second.token("hidden", debuggable=False, **environment.claims())
    del second.keys["hidden"]
    is_refused(keys, name, hidden, UNVERIFIED)
    assert keys.release_key(name, second.token(debuggable=False, **environment.claims())).value


@contextlib.contextmanager
def keys_of(server):
    with KeyClient(server.vault_url(), DefaultAzureCredential()) as client:
        yield client


def test_a_dead_attestation_service(tmp_path, environment):
    """Its keys cannot be had, so nothing is released; everything else goes on."""
    dead = Issuer(tmp_path)
    sound = dead.token(debuggable=False, **environment.claims())
    dead.close()
    usual = policy(dead.url, debuggable="false")
    with trusting(tmp_path, dead) as server, keys_of(server) as keys:
        made = keys.create_ec_key("kept", exportable=True, release_policy=usual)
        request_id = is_refused(keys, "kept", sound, UNVERIFIED)
        why = record_of(server, request_id)["properties"]["releaseRefused"]
        assert why == (f"no key of {dead.url} fits the attestation token, or its keys could not "
                       "be fetched")
        assert keys.get_key("kept").id == made.id


def test_an_attestation_service_with_another_certificate(tmp_path, environment):
    """Whoever answers at its address must have a certificate of the authority configured."""
    (tmp_path / "other").mkdir()
    right, other = Issuer(tmp_path), Issuer(tmp_path / "other")
    right.ca_file = other.ca_file
    try:
        with trusting(tmp_path, right) as server, keys_of(server) as keys:
            keys.create_ec_key("kept", exportable=True,
                               release_policy=policy(right.url, debuggable="false"))
            sound = right.token(debuggable=False, **environment.claims())
            is_refused(keys, "kept", sound, UNVERIFIED)
            assert right.asked == []
    finally:
        right.close()
        other.close()


def test_a_trusted_issuer_attests_nothing(tmp_path, authority):
    """Else a token of its users, with claims of their choosing, could release keys."""
    config = tmp_path / "strongroom.toml"
    config.write_text(
        f'[[trusted_issuer]]\nissuer = "{authority.url}"\naudience = "api://strongroom-compat"\n'
        f'[[attestation_authority]]\nurl = "{authority.url}/"\n')
    with pytest.raises(AssertionError, match="it is a trusted issuer too"):
        Strongroom(tmp_path, "--config", config).start()


def test_without_any_attestation_service(tmp_path, authority, token):
    """As `dev` is without a configuration: keys may be exportable, and stay."""
    with trusting(tmp_path) as server, keys_of(server) as keys:
        keys.create_ec_key("kept", exportable=True,
                           release_policy=policy(authority.url, debuggable="false"))
        text = (f"{UNVERIFIED[:-1]}: this service's operator has configured no attestation "
                "authority.")
        request_id = is_refused(keys, "kept", token(), text)
        why = record_of(server, request_id)["properties"]["releaseRefused"]
        assert why == "no attestation authority is configured"
