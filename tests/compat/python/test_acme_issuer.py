"""Issuers of provider ACME against pebble: every challenge, external accounts, and authorities that
refuse, lie, or say nothing."""

import base64
import contextlib
import os
import re
import socket
import ssl
import threading
import time
import uuid
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.verification import PolicyBuilder, Store

from issuer import Issuer
from pebble import BLOCKED, EAB, Names, Pebble, Zone
from ports import free_port
from strongroom import Strongroom

VERSION = "7.4"
SOON = 60

HOOK = """#!/usr/bin/env python3
import json, sys, urllib.request
open({log!r}, "a").write(" ".join(sys.argv[1:]) + "\\n")
verb, host, value = sys.argv[1:]
body = {{"host": host + ".", "value": value}}
path = {{"add": "/set-txt", "remove": "/clear-txt"}}[verb]
request = urllib.request.Request({management!r} + path, json.dumps(body).encode())
urllib.request.urlopen(request, timeout=10).read()
"""


class Site:
    """Strongroom, its authorities, and the names that they look up."""

    def __init__(self, folder):
        self.folder = folder
        self.names, self.zone = Names(folder), Zone(folder)
        self.http = free_port()
        self.pebbles = {
            "plain": Pebble(folder, "plain"),
            "bound": Pebble(folder, "bound", externalAccountBindingRequired=True,
                            externalAccountMACKeys=EAB),
            "nonces": Pebble(folder, "nonces"),
            "zone": Pebble(folder, "zone"),
        }
        self.hook_log = folder / "hook.log"
        self.hook_log.touch()
        hook = folder / "hook"
        hook.write_text(HOOK.format(
            log=str(self.hook_log), management=f"http://127.0.0.1:{self.names.management}"))
        hook.chmod(0o700)
        self.liar, self.mute = Issuer(folder), socket.create_server(("127.0.0.1", 0))
        self.asked_mute = 0
        threading.Thread(target=self._say_nothing, daemon=True).start()
        self.config = folder / "acme.toml"
        self.config.write_text(self._config(hook))
        self.server = Strongroom(folder, "--config", str(self.config))

    def _say_nothing(self):
        kept = []
        with contextlib.suppress(OSError):
            while True:
                kept.append(self.mute.accept())
                self.asked_mute += 1

    def _config(self, hook):
        plain = self.pebbles["plain"]

        def section(name, url, ca_file, challenge, **more):
            lines = [f'name = "{name}"', f'url = "{url}"', f'ca_file = "{ca_file}"',
                     f'challenge = "{challenge}"', 'contact = "ops@example.com"',
                     *(f"{key} = {value}" for key, value in more.items())]
            return "[[acme_directory]]\n" + "\n".join(lines) + "\n"

        update = (f'{{ server = "127.0.0.1:{self.zone.dns}", zone = "{Zone.NAME}", '
                  f'key_file = "{self.zone.key_file}" }}')
        mute = self.mute.getsockname()[1]
        lines = [f'[certificates]\nhttp_listen = ["127.0.0.1:{self.http}"]\n']
        for name, challenge, more in [
            ("http", "http-01", {}), ("tls", "tls-alpn-01", {}),
            ("hook", "dns-01", {"hook": f'"{hook}"', "dns_wait_seconds": 0}),
            ("failing-hook", "dns-01", {"hook": '"/bin/false"', "dns_wait_seconds": 0}),
        ]:
            lines.append(section(name, plain.url, plain.ca_file, challenge, **more))
        for name in ("bound", "nonces"):
            lines.append(section(name, self.pebbles[name].url, self.pebbles[name].ca_file,
                                 "http-01"))
        zone = self.pebbles["zone"]
        lines.append(section("zone", zone.url, zone.ca_file, "dns-01", rfc2136=update,
                             dns_wait_seconds=0))
        lines.append(section("liar", f"{self.liar.url}/dir", self.liar.ca_file, "http-01"))
        lines.append(section("mute", f"https://127.0.0.1:{mute}/dir", plain.ca_file, "http-01"))
        lines.append(section("other-ca", plain.url, zone.ca_file, "http-01"))
        return "\n".join(lines)

    def start(self):
        self.names.start()
        self.zone.start()
        self.server.start()
        tls = self.server.ready["port"]
        for name, pebble in self.pebbles.items():
            dns = self.zone.dns if name == "zone" else self.names.dns
            reject = {"PEBBLE_WFE_NONCEREJECT": "40"} if name == "nonces" else {}
            pebble.start(dns, self.http, tls, **reject)

    def stop(self):
        for program in [*self.pebbles.values(), self.names, self.zone]:
            program.stop()
        self.mute.close()
        self.liar.close()

    def issuer(self, directory, **credentials):
        """Sets an issuer and returns its name."""
        name = f"issuer-{uuid.uuid4().hex[:8]}"
        body = {"provider": "ACME", "org_details": {"id": directory}}
        if credentials:
            body["credentials"] = credentials
        answer = self.server.raw().call("PUT", f"/certificates/issuers/{name}", body, VERSION)
        assert answer.status == 200, answer
        return name

    def create(self, issuer, *names, subject=None, name=None, **policy):
        """Begins a certificate; returns its name."""
        name = name or f"c-{uuid.uuid4().hex[:8]}"
        x509_props = {"subject": subject or "CN=" + names[0], "sans": {"dns_names": list(names)}}
        body = {"policy": {"issuer": {"name": issuer}, "x509_props": x509_props,
                           "key_props": {"kty": "EC", "crv": "P-256", "exportable": True},
                           **policy}}
        answer = self.server.raw().call("POST", f"/certificates/{name}/create", body, VERSION)
        assert answer.status == 202, answer
        return name

    def pending(self, name):
        answer = self.server.raw().call("GET", f"/certificates/{name}/pending", None, VERSION)
        assert answer.status == 200, answer
        return answer.json()

    def until(self, name, met, seconds=SOON):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            operation = self.pending(name)
            if met(operation):
                return operation
            time.sleep(0.2)
        raise AssertionError(f"{operation}\n{self.server.log.read_text()[-3000:]}")

    def ended(self, name):
        return self.until(name, lambda operation: operation["status"] != "inProgress")

    def completed(self, name):
        operation = self.ended(name)
        assert operation["status"] == "completed", operation.get("error")
        return operation

    def chain(self, name):
        """The key and the certificates of the companion secret, leaf first."""
        raw = self.server.raw()
        bundle = raw.call("GET", f"/certificates/{name}", None, VERSION).json()
        secret = raw.call("GET", f"/secrets/{name}", None, VERSION).json()
        assert secret["contentType"] == "application/x-pkcs12"
        found = pkcs12.load_pkcs12(base64.b64decode(secret["value"]), None)
        leaf = found.cert.certificate
        assert x509.load_der_x509_certificate(base64.b64decode(bundle["cer"])) == leaf
        assert found.key.public_key() == leaf.public_key()
        return [leaf, *(other.certificate for other in found.additional_certs)]

    def assert_issued(self, name, pebble, *names):
        leaf, *above = self.chain(name)
        for one in names:
            subject = x509.DNSName(one.replace("*", "any"))
            verifier = PolicyBuilder().store(Store([pebble.root()])).build_server_verifier(subject)
            verifier.verify(leaf, above)
        sans = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        assert sorted(sans.get_values_for_type(x509.DNSName)) == sorted(names)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    site = Site(tmp_path_factory.mktemp("acme"))
    try:
        site.start()
        yield site
        site.server.stop()
    finally:
        site.stop()
        if site.server.process is not None:
            site.server.kill()


def fresh(label="www", zone="example.com"):
    return f"{label}-{uuid.uuid4().hex[:8]}.{zone}"


@pytest.mark.parametrize("directory", ["http", "tls"])
def test_names_are_proved_by_this_server_itself(site, directory):
    names = [fresh(), fresh("api")]
    name = site.create(site.issuer(directory), *names)
    first = site.pending(name)
    assert first["status"] == "inProgress"
    assert first["issuer"]["name"].startswith("issuer-")
    site.completed(name)
    site.assert_issued(name, site.pebbles["plain"], *names)


def test_a_hook_sets_and_removes_records_and_proves_a_wildcard(site):
    domain = fresh("zone")
    name = site.create(site.issuer("hook"), f"*.{domain}", domain)
    site.completed(name)
    site.assert_issued(name, site.pebbles["plain"], f"*.{domain}", domain)
    record = f"_acme-challenge.{domain}"

    def calls(verb):
        lines = [line.split() for line in site.hook_log.read_text().splitlines()]
        return sorted(value for found, host, value in lines if (found, host) == (verb, record))

    assert len(set(calls("add"))) == 2, "the name and the wildcard have a challenge each"
    deadline = time.monotonic() + SOON
    while calls("remove") != calls("add") and time.monotonic() < deadline:
        time.sleep(0.1)
    assert calls("remove") == calls("add")


def test_dynamic_updates_signed_with_tsig(site):
    domain = fresh("www", Zone.NAME)
    name = site.create(site.issuer("zone"), domain, f"*.{domain}")
    site.completed(name)
    site.assert_issued(name, site.pebbles["zone"], domain, f"*.{domain}")
    deadline = time.monotonic() + SOON
    while site.zone.texts(f"_acme-challenge.{domain}") and time.monotonic() < deadline:
        time.sleep(0.1)
    assert site.zone.texts(f"_acme-challenge.{domain}") == []


def test_a_name_only_in_the_subject_is_certified(site):
    domain = fresh()
    name = f"c-{uuid.uuid4().hex[:8]}"
    body = {"policy": {"issuer": {"name": site.issuer("http")},
                       "x509_props": {"subject": f"CN={domain}"}}}
    answer = site.server.raw().call("POST", f"/certificates/{name}/create", body, VERSION)
    assert answer.status == 202, answer
    site.completed(name)
    site.assert_issued(name, site.pebbles["plain"], domain)


def test_the_next_version_comes_from_the_same_account(site):
    issuer, domain = site.issuer("http"), fresh()
    name = site.create(issuer, domain)
    site.completed(name)
    first = site.chain(name)[0].serial_number
    accounts = site.pebbles["plain"].said().count("POST /sign-me-up")
    site.create(issuer, domain, name=name)
    site.completed(name)
    assert site.chain(name)[0].serial_number != first
    raw = site.server.raw()
    versions = raw.call("GET", f"/certificates/{name}/versions", None, VERSION).json()["value"]
    assert len(versions) == 2
    assert site.pebbles["plain"].said().count("POST /sign-me-up") == accounts > 0


def test_an_external_account_is_bound(site):
    key_id, hmac_key = next(iter(EAB.items()))
    issuer = site.issuer("bound", account_id=key_id, pwd=hmac_key)
    domain = fresh()
    name = site.create(issuer, domain)
    site.completed(name)
    site.assert_issued(name, site.pebbles["bound"], domain)


@pytest.mark.parametrize("credentials, said", [
    ({}, "external"),
    ({"account_id": "kid-1", "pwd": base64.urlsafe_b64encode(os.urandom(32)).decode()}, "refused"),
    ({"account_id": "kid-9", "pwd": next(iter(EAB.values()))}, "refused"),
    ({"account_id": "kid-1", "pwd": "not base64url!"}, "base64url"),
], ids=["none", "wrong key", "unknown id", "no base64url"])
def test_a_wrong_external_account_fails_at_once(site, credentials, said):
    name = site.create(site.issuer("bound", **credentials), fresh())
    operation = site.ended(name)
    assert operation["status"] == "failed", operation
    assert said in operation["error"]["message"], operation
    assert str(credentials.get("pwd", "-----")) not in str(operation)


def test_nonces_that_are_refused_are_replaced(site):
    issuer = site.issuer("nonces")
    for _ in range(3):
        domain = fresh()
        name = site.create(issuer, domain)
        site.completed(name)
        site.assert_issued(name, site.pebbles["nonces"], domain)


def test_an_order_that_the_authority_rejects_says_why(site):
    name = site.create(site.issuer("http"), f"www.{BLOCKED}")
    operation = site.ended(name)
    assert operation["status"] == "failed", operation
    assert "rejectedIdentifier" in operation["error"]["message"], operation
    raw = site.server.raw()
    assert raw.call("GET", f"/secrets/{name}", None, VERSION).status == 404
    assert raw.call("GET", f"/keys/{name}", None, VERSION).status == 404


def test_a_name_that_leads_elsewhere_is_not_proved(site):
    domain = fresh()
    site.names.leads_to(domain, "127.0.0.2")
    name = site.create(site.issuer("http"), domain)
    operation = site.ended(name)
    assert operation["status"] == "failed", operation
    assert domain in operation["error"]["message"], operation


@pytest.mark.parametrize("directory, names, said", [
    ("http", ["*.example.com"], "dns-01"),
    ("zone", ["www.example.com"], "zone"),
    ("nowhere", ["www.example.com"], "nowhere"),
])
def test_what_could_never_work_fails_at_once(site, directory, names, said):
    name = site.create(site.issuer(directory), *names)
    operation = site.pending(name)
    assert operation["status"] == "failed", operation
    assert said in operation["error"]["message"], operation


@pytest.mark.parametrize("provider, url", [
    ("DigiCert", "digicert.com"), ("GlobalSign", "globalsign.com"), ("Test", "ACME")])
def test_providers_that_are_not_asked_say_what_to_do(site, provider, url):
    name = f"issuer-{uuid.uuid4().hex[:8]}"
    body = {"provider": provider, "credentials": {"account_id": "a", "pwd": "p"}}
    answer = site.server.raw().call("PUT", f"/certificates/issuers/{name}", body, VERSION)
    assert answer.status == 200, answer
    operation = site.ended(site.create(name, "www.example.com"))
    assert operation["status"] == "failed"
    assert url in operation["error"]["message"]
    assert "ACME" in operation["error"]["message"]


@pytest.mark.parametrize("directory, said", [
    ("liar", "not ACME"), ("other-ca", "certificate"), ("failing-hook", "/bin/false")])
def test_what_may_pass_delays_and_says_why(site, directory, said):
    name = site.create(site.issuer(directory), fresh())
    operation = site.until(name, lambda operation: operation.get("error"))
    assert operation["status"] == "inProgress", operation
    assert said in operation["error"]["message"], operation
    cancelled(site, name)


def test_an_authority_that_says_nothing_holds_nobody_up(site):
    """While one hangs, others go on, and its own orders can be given up."""
    stuck = [site.create(site.issuer("mute"), fresh()) for _ in range(20)]
    deadline = time.monotonic() + SOON
    while not site.asked_mute and time.monotonic() < deadline:
        time.sleep(0.05)
    assert site.asked_mute
    begun = time.monotonic()
    domain = fresh()
    name = site.create(site.issuer("http"), domain)
    site.completed(name)
    assert time.monotonic() - begun < 15
    operation = site.until(stuck[0], lambda operation: operation.get("error"))
    assert operation["status"] == "inProgress"
    assert re.search("longer than [0-9]+ s", operation["error"]["message"]), operation
    for name in stuck:
        cancelled(site, name)


def cancelled(site, name):
    raw = site.server.raw()
    body = {"cancellation_requested": True}
    answer = raw.call("PATCH", f"/certificates/{name}/pending", body, VERSION)
    assert answer.status == 200, answer
    assert site.ended(name)["status"] == "cancelled"
    assert raw.call("DELETE", f"/certificates/{name}/pending", None, VERSION).status == 200


def test_an_order_survives_kill_9(site):
    """A new process goes on with the same order: the authority sees one."""
    domain = fresh()
    pebble = site.pebbles["plain"]
    orders = pebble.said().count("Added order")
    name = site.create(site.issuer("http"), domain)
    before = site.pending(name)["request_id"]
    deadline = time.monotonic() + SOON
    while pebble.said().count("Added order") == orders and time.monotonic() < deadline:
        time.sleep(0.02)
    site.until(name, lambda operation: "placed" in operation.get("status_details", ""))
    site.server.kill()
    site.server.start()
    operation = site.completed(name)
    assert operation["request_id"] == before
    site.assert_issued(name, pebble, domain)
    assert pebble.said().count("Added order") == orders + 1


def test_what_strangers_may_see_of_challenges(site):
    """Only the answers of orders that are open, and only by their tokens."""
    raw = socket.create_connection(("127.0.0.1", site.http), 10)
    raw.sendall(b"GET /.well-known/acme-challenge/unknown HTTP/1.1\r\nHost: a\r\n\r\n")
    assert b" 404 " in raw.recv(4096).split(b"\r\n")[0]
    raw.close()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["acme-tls/1"])
    with socket.create_connection(("127.0.0.1", site.server.ready["port"]), 10) as plain:
        with pytest.raises((ssl.SSLError, ConnectionError, OSError)):
            context.wrap_socket(plain, server_hostname="www.example.com")
    context.set_alpn_protocols(["h2", "acme-tls/1"])
    with socket.create_connection(("127.0.0.1", site.server.ready["port"]), 10) as plain:
        with context.wrap_socket(plain, server_hostname="www.example.com") as tls:
            assert tls.selected_alpn_protocol() == "h2"


def test_account_keys_and_external_keys_lie_sealed(site):
    hmac_key = base64.urlsafe_b64encode(os.urandom(32)).rstrip(b"=")
    site.issuer("bound", account_id="kid-1", pwd=hmac_key.decode())
    raw = [path.read_bytes() for path in Path(site.server.data).rglob("*") if path.is_file()]
    needles = [hmac_key, base64.urlsafe_b64decode(hmac_key + b"=="), b"my-order", b"/my-account/"]
    for needle in needles:
        assert not any(needle in content for content in raw), needle
