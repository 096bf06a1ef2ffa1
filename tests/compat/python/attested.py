"""Fixtures for secure key release: two attestation services of our own over TLS, a server that
trusts them, and an environment that they vouch for."""

import contextlib
import os
import re
from pathlib import Path

import pytest
from azure.core.exceptions import HttpResponseError

import independent
from environment import Environment, payload_of, policy
from issuer import Issuer
from key_work import done
from strongroom import Strongroom
from test_audit import records

DOCUMENTATION = Path(__file__).parents[3] / "docs" / "keys.md"
UNVERIFIED = "Target environment attestation statement cannot be verified."
NOT_MET = "Target environment attestation does not meet key release policy requirements."


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """The attestation service that policies here name."""
    authority = Issuer(tmp_path_factory.mktemp("authority"))
    yield authority
    authority.close()


@pytest.fixture(scope="module")
def second(tmp_path_factory):
    """Another one that the operator trusts, too."""
    second = Issuer(tmp_path_factory.mktemp("second"))
    yield second
    second.close()


@contextlib.contextmanager
def trusting(folder, *authorities):
    """A running server whose operator trusts these attestation services, and its variables."""
    config = folder / "strongroom.toml"
    config.write_text("".join(
        f'[[attestation_authority]]\nurl = "{trusted.url}"\nca_file = "{trusted.ca_file}"\n'
        for trusted in authorities
    ))
    server = Strongroom(folder, "--config", config)
    try:
        server.start()
        with server.environment():
            yield server
        server.stop()
    finally:
        if server.process is not None:
            server.kill()


@pytest.fixture(scope="module")
def server(authority, second, tmp_path_factory):
    with trusting(tmp_path_factory.mktemp("strongroom"), authority, second) as server:
        yield server


@pytest.fixture(scope="module")
def environment():
    return Environment()


@pytest.fixture(scope="module")
def usual(authority):
    return policy(authority.url, debuggable="false")


@pytest.fixture(scope="module")
def token(authority, environment):
    """What the attestation service says of the environment, save for the claims given."""
    def token(**claims):
        return authority.token(**{"debuggable": False, **environment.claims(), **claims})
    return token


@pytest.fixture(scope="module")
def kept(keys, usual):
    """A key that most tests try to get at."""
    return keys.create_ec_key("kept", exportable=True, release_policy=usual)


def released(server, keys, environment, name, token, **options):
    """The private key, and the payload it came in."""
    payload = payload_of(server, keys.release_key(name, token, **options).value)
    return environment.opened(payload), payload


def is_pair(keys, raw, made, private):
    """Whether a private key and the vault's belong together, by their numbers and by their work."""
    public = independent.public_key_of(made.key)
    algorithm = {"RSA": "PS256", "P-256": "ES256", "P-384": "ES384", "P-521": "ES512",
                 "P-256K": "ES256K"}[made.key.crv or "RSA"]
    digest = independent.digest_of(algorithm, made.name.encode())
    ours = independent.sign(private, algorithm, digest)
    theirs = done(raw, made.id, "sign", algorithm, value=digest)
    return (
        private.public_key() == public
        and done(raw, made.id, "verify", algorithm, digest=digest, value=ours)
        and independent.verifies(private.public_key(), algorithm, digest, theirs)
    )


def is_refused(keys, name, token, text, status=403, code="Forbidden", inner="AccessDenied",
               **options):
    with pytest.raises(HttpResponseError) as heard:
        keys.release_key(name, token, **options)
    error = heard.value.error
    assert (heard.value.status_code, error.code) == (status, code), heard.value
    assert (error.innererror or {}).get("code") == inner, heard.value
    assert error.message == text
    return heard.value.response.headers["x-ms-request-id"]


def record_of(server, request_id):
    """The record of a request that changed nothing: it is there before the answer is."""
    found = [record for record in records(server)
             if record["properties"]["requestId"] == request_id]
    assert len(found) == 1
    return found[0]


def printed(language, start):
    """The block of docs/keys.md that begins so."""
    blocks = re.findall(f"```{language}\n(.*?)```", DOCUMENTATION.read_text(), re.DOTALL)
    found = [block for block in blocks if block.startswith(start)]
    assert len(found) == 1
    return found[0]


def with_binary(server):
    """The user's variables, and `strongroom` where the shell finds it."""
    assert Path(server.binary).name == "strongroom"
    folder = Path(server.binary).resolve().parent
    return {**os.environ, "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}
