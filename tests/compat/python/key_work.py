"""What keys do, done by the server: the official client does the public half itself."""

from urllib.parse import urlsplit

from azure.identity import DefaultAzureCredential
from azure.keyvault.keys.crypto import CryptographyClient

from forge import decode, encode


def ask(raw, kid, operation, alg=None, version="2025-07-01", **members):
    """The answer to an operation as written; members that are bytes go as base64url."""
    members = {name: encode(value) if isinstance(value, bytes) else value
               for name, value in members.items()}
    body = ({"alg": alg} if alg is not None else {}) | members
    return raw.call("POST", f"{urlsplit(kid).path}/{operation}", body, version=version)


def done(raw, kid, operation, alg=None, **members):
    """The `value` of an operation that must succeed; further members as for `ask`."""
    answer = ask(raw, kid, operation, alg, **members)
    assert answer.status == 200, answer
    body = answer.json()
    if operation == "verify":
        assert set(body) == {"value"}
        return body["value"]
    assert body["kid"] == kid
    return decode(body["value"])


def remote(kid):
    """The client as it is for a caller who may not read the key: it does nothing by itself."""
    client = CryptographyClient(kid, DefaultAzureCredential())
    client._keys_get_forbidden = True
    return client


def refused(answer, status=400, code="BadParameter", inner=None):
    assert (answer.status, answer.code, answer.inner_code) == (status, code, inner), answer
    return answer.message
