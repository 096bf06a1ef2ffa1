"""What keeps issuers of provider ACME within what the operator allows, authorities that never
come to their end, and orders of certificates that are deleted meanwhile."""

import time
import uuid

import pytest

from hostile import Hostile
from strongroom import Strongroom
from test_production import Installation

VERSION = "7.4"
SOON = 60

HOOK = """#!/usr/bin/env python3
import sys
open({log!r}, "a").write(" ".join(sys.argv[1:]) + "\\n")
"""


class Site:
    def __init__(self, folder):
        self.log = folder / "hook.log"
        self.log.touch()
        hook = folder / "hook"
        hook.write_text(HOOK.format(log=str(self.log)))
        hook.chmod(0o700)
        self.patient = Hostile(folder / "patient")
        self.endless = Hostile(folder / "endless", listed=200)
        sections = []
        for name, authority, more in [
            ("patient", self.patient, ""), ("endless", self.endless, ""),
            ("others", self.patient, 'vaults = ["payments", "billing"]'),
            ("ours", self.patient, 'vaults = ["DEV"]\nallowed_dns = ["apps.example.com"]'),
        ]:
            sections.append(f'[[acme_directory]]\nname = "{name}"\nurl = "{authority.url}/dir"\n'
                            f'ca_file = "{authority.ca_file}"\nchallenge = "dns-01"\n'
                            f'hook = "{hook}"\ndns_wait_seconds = 0\n{more}\n')
        config = folder / "acme.toml"
        config.write_text("\n".join(sections))
        self.server = Strongroom(folder, "--config", str(config))

    def call(self, method, path, body=None, status=(200, 202)):
        answer = self.server.raw().call(method, path, body, VERSION)
        assert answer.status in status, answer
        return answer.json()

    def create(self, directory, *names):
        issuer, name = (f"{kind}-{uuid.uuid4().hex[:8]}" for kind in ("i", "c"))
        self.call("PUT", f"/certificates/issuers/{issuer}",
                  {"provider": "ACME", "org_details": {"id": directory}})
        self.call("POST", f"/certificates/{name}/create", {"policy": {
            "issuer": {"name": issuer}, "key_props": {"kty": "EC", "crv": "P-256"},
            "x509_props": {"subject": f"CN={names[0]}", "sans": {"dns_names": list(names)}}}})
        return name

    def pending(self, name):
        return self.call("GET", f"/certificates/{name}/pending")

    def until(self, met):
        deadline = time.monotonic() + SOON
        while time.monotonic() < deadline:
            if found := met():
                return found
            time.sleep(0.1)
        raise AssertionError(self.server.log.read_text()[-3000:])

    def hooked(self, verb, domain):
        lines = [line.split() for line in self.log.read_text().splitlines()]
        return [value for found, host, value in lines
                if (found, host) == (verb, f"_acme-challenge.{domain}")]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    site = Site(tmp_path_factory.mktemp("limits"))
    try:
        site.server.start()
        yield site
        site.server.stop()
    finally:
        for authority in (site.patient, site.endless):
            authority.close()
        if site.server.process is not None:
            site.server.kill()


def fresh(zone="example.com"):
    return f"www-{uuid.uuid4().hex[:8]}.{zone}"


@pytest.mark.parametrize("directory, domain, said", [
    ("others", "www.example.com", ["others", "dev", "acme_directory.vaults"]),
    ("ours", "www.example.com", ["www.example.com", "acme_directory.allowed_dns"]),
    ("ours", "evilapps.example.com", ["acme_directory.allowed_dns"]),
    ("ours", "*.example.com", ["acme_directory.allowed_dns"]),
])
def test_what_the_operator_does_not_allow_is_never_asked_for(site, directory, domain, said):
    asked = len(site.patient.orders)
    operation = site.pending(site.create(directory, domain))
    assert operation["status"] == "failed", operation
    for part in said:
        assert part in operation["error"]["message"], operation
    assert len(site.patient.orders) == asked


def test_a_directory_of_others_is_not_named_to_who_guesses(site):
    operation = site.pending(site.create("nowhere", fresh()))
    assert "patient" in operation["error"]["message"], operation
    assert "others" not in operation["error"]["message"], operation


def test_what_the_operator_allows_is_asked_for(site):
    names = [f"*.{fresh('apps.example.com')}", "apps.example.com"]
    name = site.create("ours", *names)
    site.until(lambda: "placed" in site.pending(name).get("status_details", ""))
    assert sorted(names) in [sorted(order["names"]) for order in site.patient.orders]


def test_an_authority_that_lists_an_authorization_endlessly_is_refused(site):
    domain = fresh()
    name = site.create("endless", domain)
    operation = site.until(lambda: (found := site.pending(name)).get("error") and found)
    assert "200 authorizations for 1 name" in operation["error"]["message"], operation
    assert not [path for path in site.endless.asked if path.startswith("/authz")]
    assert site.hooked("add", domain) == []


@pytest.mark.parametrize("again", [False, True], ids=["deleted", "recovered"])
def test_a_deleted_certificate_takes_its_records_back(site, again):
    domain = fresh()
    name = site.create("patient", domain)
    site.until(lambda: "validates" in site.pending(name).get("status_details", ""))
    added = site.hooked("add", domain)
    assert added and site.hooked("remove", domain) == []
    site.call("DELETE", f"/certificates/{name}")
    site.until(lambda: site.hooked("remove", domain) == added)
    if again:
        site.until(lambda: site.server.raw().call(
            "POST", f"/deletedcertificates/{name}/recover", None, VERSION).status == 200)
        operation = site.pending(name)
        assert operation["status"] == "cancelled", operation
        assert "deleted" in operation["status_details"], operation
    orders = len(site.patient.orders)
    time.sleep(3)
    assert len(site.patient.orders) == orders
    assert site.hooked("add", domain) == added, "nobody goes on with the order"


@pytest.mark.parametrize("vaults, said", [
    ("", 'vaults is missing'), ('vaults = ["*", "payments"]', '"*"'),
    ('vaults = ["no vault"]', "no vault"),
    ('vaults = ["*"]\nallowed_dns = ["*.example.com"]', "allowed_dns"),
])
def test_serve_wants_it_said_whose_a_directory_is(tmp_path, vaults, said):
    passphrase = tmp_path / "passphrase"
    passphrase.write_text("correct horse battery staple")
    passphrase.chmod(0o600)
    installation = Installation(tmp_path, f'passphrase_file = "{passphrase}"')
    made = installation.init()
    assert made.returncode == 0, made.stderr
    with installation.config.open("a") as config:
        config.write('[[acme_directory]]\nname = "ca"\nurl = "https://ca.example/directory"\n'
                     f'challenge = "tls-alpn-01"\n{vaults}\n')
    served = installation.run("serve", "--config", installation.config)
    assert served.returncode != 0
    assert "ACME directory ca: " in served.stderr and said in served.stderr, served.stderr
