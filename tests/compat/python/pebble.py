"""Debian's pebble (an ACME authority for tests), its challenge-test server, and a knot DNS server,
each on ports of its own."""

import contextlib
import json
import os
import shutil
import socket
import ssl
import subprocess
import time
import urllib.request

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from issuer import certificate
from ports import free_port

START_SECONDS = 20
EAB = {"kid-1": "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"}
BLOCKED = "blocked.example"


class Program:
    """A program with a log, ended by its own process id."""

    def __init__(self, folder, name):
        self.log = folder / f"{name}.log"
        self.process = None

    def run(self, *command, port, env=None):
        found = shutil.which(command[0]) or shutil.which(command[0], path="/usr/sbin")
        assert found, f"{command[0]} is not installed"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [found, *map(str, command[1:])], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={**os.environ, **(env or {})})
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.log.read_text()
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                return
            time.sleep(0.02)
        raise AssertionError(f"{command[0]} does not listen: {self.log.read_text()}")

    def stop(self):
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()


class Names(Program):
    """pebble-challtestsrv: every name leads to 127.0.0.1, and TXT records can be set."""

    def __init__(self, folder):
        super().__init__(folder, "challtestsrv")
        self.dns, self.management = free_port(), free_port()

    def start(self):
        self.run("pebble-challtestsrv", "-defaultIPv6", "", "-defaultIPv4", "127.0.0.1",
                 "-dns01", f"127.0.0.1:{self.dns}", "-management", f"127.0.0.1:{self.management}",
                 "-http01", "", "-https01", "", "-tlsalpn01", "", port=self.management)

    def leads_to(self, name, address):
        body = json.dumps({"host": f"{name}.", "addresses": [address]}).encode()
        url = f"http://127.0.0.1:{self.management}/add-a"
        urllib.request.urlopen(urllib.request.Request(url, body), timeout=10).read()


class Zone(Program):
    """knot with one zone that a TSIG key may update."""

    NAME = "zone.example"
    SECRET = "k9uBmGOVhMPoNY3CXGCmZhSbH6ULIyTMVVHLNzVpQGY="

    def __init__(self, folder):
        super().__init__(folder, "knot")
        self.folder = folder / "knot"
        self.folder.mkdir()
        self.dns = free_port()
        self.key_file = self.folder / "key"
        self.key_file.write_text(
            f'key "acme" {{\n\talgorithm hmac-sha256;\n\tsecret "{self.SECRET}";\n}};\n')

    def start(self):
        (self.folder / "zone").write_text(
            f"{self.NAME}. 60 SOA ns.{self.NAME}. x.{self.NAME}. 1 60 60 600 60\n"
            f"{self.NAME}. 60 NS ns.{self.NAME}.\nns.{self.NAME}. 60 A 127.0.0.1\n")
        conf = self.folder / "knot.conf"
        conf.write_text(f"""
server:
    rundir: "{self.folder}"
    listen: 127.0.0.1@{self.dns}
database:
    storage: "{self.folder}"
key:
  - id: acme
    algorithm: hmac-sha256
    secret: {self.SECRET}
acl:
  - id: update
    key: acme
    action: update
    update-type: TXT
zone:
  - domain: {self.NAME}
    file: "{self.folder}/zone"
    acl: update
""")
        self.run("knotd", "-c", conf, port=self.dns)

    def texts(self, name):
        asked = subprocess.run(
            ["kdig", "+short", "+tcp", "-p", str(self.dns), "@127.0.0.1", name, "TXT"],
            capture_output=True, text=True, timeout=20, check=True)
        return asked.stdout.split()


class Pebble(Program):
    """An ACME authority at https://localhost:PORT/dir."""

    def __init__(self, folder, name, **members):
        super().__init__(folder, name)
        self.folder = folder / name
        self.folder.mkdir()
        self.port, self.management = free_port(), free_port()
        self.env = {"PEBBLE_VA_NOSLEEP": "1", "PEBBLE_AUTHZREUSE": "0",
                    "PEBBLE_WFE_NONCEREJECT": "0"}
        self.members = members
        self.ca_file = self.folder / "ca.pem"
        self._write_certificate()

    @property
    def url(self):
        return f"https://localhost:{self.port}/dir"

    def _write_certificate(self):
        ca_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
        ca = certificate("issuer CA", ca_key.public_key(), ca_key, ca=True)
        leaf = certificate("localhost", key.public_key(), ca_key, ca=False)
        self.ca_file.write_bytes(ca.public_bytes(Encoding.PEM))
        (self.folder / "cert.pem").write_bytes(leaf.public_bytes(Encoding.PEM))
        (self.folder / "key.pem").write_bytes(
            key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))

    def start(self, dns, http=1, tls=1, **env):
        config = {"pebble": {
            "listenAddress": f"127.0.0.1:{self.port}",
            "managementListenAddress": f"127.0.0.1:{self.management}",
            "certificate": str(self.folder / "cert.pem"),
            "privateKey": str(self.folder / "key.pem"),
            "httpPort": http, "tlsPort": tls, "ocspResponderURL": "",
            "domainBlocklist": [BLOCKED], **self.members,
        }}
        path = self.folder / "config.json"
        path.write_text(json.dumps(config))
        self.run("pebble", "-config", path, "-dnsserver", f"127.0.0.1:{dns}",
                 port=self.port, env={**self.env, **env})

    def ask(self, path):
        context = ssl.create_default_context(cafile=self.ca_file)
        url = f"https://localhost:{self.management}{path}"
        with urllib.request.urlopen(url, context=context, timeout=10) as answer:
            return answer.read()

    def root(self):
        return x509.load_pem_x509_certificate(self.ask("/roots/0"))

    def said(self):
        return self.log.read_text()
