"""Renewal by an ACME authority: when the policy says so, and when the authority wants it
(RFC 9773)."""

import base64
import datetime
import time

import pytest
from cryptography import x509

from pebble import Names, Pebble
from ports import free_port
from renewal_information import WithRenewalInformation
from strongroom import Strongroom

VERSION = "7.4"
SOON = 60


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    site = Site(tmp_path_factory.mktemp("renewal"))
    try:
        site.start()
        yield site
        site.server.stop()
    finally:
        for program in (site.pebble, site.names):
            program.stop()
        site.front.close()
        if site.server.process is not None:
            site.server.kill()


class Site:
    def __init__(self, folder):
        self.names, self.http = Names(folder), free_port()
        self.pebble = Pebble(folder, "pebble")
        self.front = WithRenewalInformation(self.pebble)
        config = folder / "acme.toml"
        config.write_text(f"""
[certificates]
http_listen = ["127.0.0.1:{self.http}"]
[[acme_directory]]
name = "front"
url = "{self.front.url}"
ca_file = "{self.pebble.ca_file}"
""")
        self.server = Strongroom(folder, "--clock", "manual", "--config", str(config))

    def start(self):
        self.names.start()
        self.server.start()
        self.pebble.start(self.names.dns, self.http)
        self.call("PUT", "/certificates/issuers/front",
                  {"provider": "ACME", "org_details": {"id": "front"}})

    def call(self, method, path, body=None):
        answer = self.server.raw().call(method, path, body, VERSION)
        assert answer.status in (200, 202), answer
        return answer.json()

    def create(self, name, **policy):
        body = {"policy": {"issuer": {"name": "front"},
                           "key_props": {"kty": "EC", "crv": "P-256"},
                           "x509_props": {"subject": f"CN={name}.example.com"}, **policy}}
        self.call("POST", f"/certificates/{name}/create", body)
        self.until(lambda: self.operation(name)["status"] != "inProgress")
        assert self.operation(name)["status"] == "completed", self.operation(name)

    def operation(self, name):
        return self.call("GET", f"/certificates/{name}/pending")

    def leaf(self, name):
        bundle = self.call("GET", f"/certificates/{name}")
        return x509.load_der_x509_certificate(base64.b64decode(bundle["cer"]))

    def advance(self, span):
        self.server.cli("clock", "advance", span)

    def until(self, met):
        deadline = time.monotonic() + SOON
        while time.monotonic() < deadline:
            if met():
                return
            time.sleep(0.2)
        raise AssertionError(self.server.log.read_text()[-3000:])


def identifier(leaf):
    """RFC 9773, 4.1, by pyca."""
    extension = leaf.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier)
    number = leaf.serial_number
    serial = number.to_bytes(number.bit_length() // 8 + 1)
    parts = (extension.value.key_identifier, serial)
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


def test_an_authority_that_wants_it_earlier_is_heard(site):
    """The policy would renew years later; the window of the authority is now."""
    site.create("early")
    first = site.leaf("early")
    now = datetime.datetime.now(datetime.timezone.utc)
    day = datetime.timedelta(days=1)
    site.front.windows[identifier(first)] = (now - day, now - day / 2)
    for _ in range(12):
        site.advance("6h")
        time.sleep(1.5)
        if site.leaf("early").serial_number != first.serial_number:
            break
    site.until(lambda: site.leaf("early").serial_number != first.serial_number)
    assert identifier(first) in site.front.asked
    assert site.front.replaced == [identifier(first)], "the order says what it replaces"
    versions = site.call("GET", "/certificates/early/versions")["value"]
    assert len(versions) == 2, "renewed once"
