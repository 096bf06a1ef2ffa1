"""`init` and `serve`: no demo credentials, a named protector of the root key."""

import json
import os
import secrets
import signal
import socket
import stat
import subprocess
import time
from unittest import mock

import pytest
from azure.identity import DefaultAzureCredential
from azure.keyvault.secrets import SecretClient

from ports import free_port


class Installation:
    """A configuration file and what `init` makes of it."""

    def __init__(self, folder, root_key, strict=False):
        self.binary = os.environ["STRONGROOM_BIN"]
        self.folder = folder
        self.data = folder / "data"
        self.config = folder / "strongroom.toml"
        self.administrator = folder / "administrator.json"
        self.port, self.metrics = free_port(), free_port()
        self.environment = dict(os.environ)
        self.process = None
        self.config.write_text(
            f'[server]\ndata = "{self.data}"\nbase = "localhost"\nport = {self.port}\n'
            f'metrics = "127.0.0.1:{self.metrics}"\n'
            f"[root_key]\n{root_key}\n[audit]\nstrict = {str(strict).lower()}\n"
        )

    def run(self, *words):
        return subprocess.run(
            [self.binary, *words], env=self.environment, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=20,
        )

    def init(self, *options):
        secret = ["--secret-file", self.administrator]
        return self.run("init", "--config", self.config, *(options or secret))

    def serve(self):
        log = (self.folder / "server.log").open("ab")
        self.process = subprocess.Popen(
            [self.binary, "serve", "--config", self.config], env=self.environment,
            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        )
        deadline = time.monotonic() + 30
        while not self.is_ready():
            assert self.process.poll() is None, self.log()
            assert time.monotonic() < deadline, self.log()
            time.sleep(0.02)

    def is_ready(self):
        try:
            with socket.create_connection(("127.0.0.1", self.metrics), timeout=1) as probe:
                probe.sendall(b"GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                return b" 200 " in probe.recv(64)
        except OSError:
            return False

    def stop(self):
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            assert self.process.wait(15) == 0, self.log()
            self.process = None

    def log(self):
        return (self.folder / "server.log").read_text()

    def client(self, vault):
        """The administrator's, with the variables that the README names."""
        administrator = json.loads(self.administrator.read_text())
        variables = {
            "AZURE_TENANT_ID": "adfs",
            "AZURE_CLIENT_ID": administrator["clientId"],
            "AZURE_CLIENT_SECRET": administrator["clientSecret"],
            "AZURE_AUTHORITY_HOST": f"https://login.localhost:{self.port}",
            "REQUESTS_CA_BUNDLE": str(self.data / "ca.pem"),
        }
        patch = mock.patch.dict(os.environ, variables)
        patch.start()
        client = SecretClient(
            f"https://{vault}.vault.localhost:{self.port}", DefaultAzureCredential()
        )
        return client, patch

    def read_and_write(self, value):
        client, patch = self.client("payroll")
        try:
            client.set_secret("salary", value)
            return [client.get_secret("salary", listed.version).value
                    for listed in client.list_properties_of_secret_versions("salary")]
        finally:
            patch.stop()


def configured(folder, protector):
    """An installation whose root key is opened by this protector."""
    passphrase, credentials = folder / "passphrase", folder / "credentials"
    passphrase.write_text("correct horse battery staple 1793 Ü\n")
    passphrase.chmod(0o600)
    credentials.mkdir(mode=0o700)
    (credentials / "root-key").write_text(f"strongroom-root-key-v1 {secrets.token_hex(32)}\n")
    (credentials / "root-key").chmod(0o400)
    root_key = {
        "file": f'file = "{folder / "root.key"}"',
        "passphrase": f'passphrase_file = "{passphrase}"',
        "credential": 'credential = "root-key"',
    }
    installation = Installation(folder, root_key[protector], strict=protector == "file")
    installation.environment["CREDENTIALS_DIRECTORY"] = str(credentials)
    return installation


@pytest.fixture
def start(tmp_path):
    """Makes installations, and ends their servers whatever happens."""
    made = []

    def make(protector="file"):
        made.append(configured(tmp_path, protector))
        return made[-1]

    yield make
    for installation in made:
        if installation.process is not None:
            installation.process.kill()
            installation.process.wait()


@pytest.mark.parametrize("protector", ["file", "passphrase", "credential"])
def test_from_init_to_a_secret_that_outlives_a_restart(start, protector):
    installation = start(protector)
    made = installation.init()
    assert made.returncode == 0, made
    administrator = json.loads(installation.administrator.read_text())
    assert stat.S_IMODE(installation.administrator.stat().st_mode) == 0o600
    assert administrator["clientSecret"] not in made.stdout + made.stderr

    installation.serve()
    data = ["--data", installation.data]
    created = installation.run("vault", "create", "payroll", *data)
    assert created.returncode == 0, created
    scope = json.loads(created.stdout)["id"]
    granted = installation.run(
        "role", "assignment", "create", "--assignee", administrator["clientId"],
        "--role", "Key Vault Administrator", "--scope", scope, *data,
    )
    assert granted.returncode == 0, granted
    assert installation.read_and_write("one") == ["one"]
    installation.stop()
    installation.serve()
    assert sorted(installation.read_and_write("two")) == ["one", "two"]
    installation.stop()
    for path in [*installation.data.rglob("*"), installation.folder / "server.log"]:
        if path.is_file():
            assert administrator["clientSecret"].encode() not in path.read_bytes(), path


def test_an_installation_is_made_once(start):
    installation = start()
    assert installation.init().returncode == 0
    first = installation.administrator.read_text()
    again = installation.init("--secret-file", installation.folder / "second.json")
    assert again.returncode == 1
    assert installation.administrator.read_text() == first
    assert not (installation.folder / "second.json").exists()


def test_a_secret_is_never_printed_where_it_may_be_logged(start):
    """Standard output is a pipe here, as under a service manager."""
    installation = start()
    refused = installation.init("--administrator", "first")
    assert refused.returncode == 2
    assert "--secret-file" in refused.stderr
    assert installation.init().returncode == 0, "the refusal must leave nothing behind"


def test_a_secret_that_cannot_be_handed_out_makes_no_installation(start):
    """Else nobody could ever sign in."""
    installation = start()
    nowhere = installation.folder / "no" / "such" / "folder" / "administrator.json"
    assert installation.init("--secret-file", nowhere).returncode == 1
    assert installation.init().returncode == 0
    assert "clientSecret" in json.loads(installation.administrator.read_text())


def test_serve_needs_what_init_makes(start):
    installation = start()
    refused = installation.run("serve", "--config", installation.config)
    assert refused.returncode == 1
    assert "strongroom init" in refused.stderr


@pytest.mark.parametrize("protector", ["file", "passphrase", "credential"])
def test_another_key_does_not_open_it(start, protector):
    installation = start(protector)
    assert installation.init().returncode == 0
    folder = installation.folder
    key = {
        "file": folder / "root.key",
        "passphrase": folder / "passphrase",
        "credential": folder / "credentials" / "root-key",
    }[protector]
    other = "another horse battery staple 1793"
    if protector != "passphrase":
        other = f"strongroom-root-key-v1 {secrets.token_hex(32)}"
    key.chmod(0o600)
    key.write_text(other)
    refused = installation.run("serve", "--config", installation.config)
    assert refused.returncode == 1
    assert len(refused.stderr.strip().splitlines()) <= 2, refused.stderr
    assert other.split()[-1] not in refused.stderr


def test_a_weak_passphrase_is_refused(start):
    installation = start("passphrase")
    (installation.folder / "passphrase").write_text("hunter2\n")
    assert installation.init().returncode == 1
    assert "hunter2" not in installation.init().stderr


@pytest.mark.parametrize("protector, name", [("file", "root.key"), ("passphrase", "passphrase")])
def test_a_key_that_others_may_read_is_refused(start, protector, name):
    installation = start(protector)
    assert installation.init().returncode == 0
    (installation.folder / name).chmod(0o644)
    refused = installation.run("serve", "--config", installation.config)
    assert refused.returncode == 1
    assert "chmod 600" in refused.stderr


@pytest.mark.parametrize("line", ['[server]\nporrt = 1', "[serverr]", "[server]\nport = 99999"])
def test_a_misspelt_configuration_is_refused(start, line):
    installation = start()
    installation.config.write_text(line)
    refused = installation.init()
    assert refused.returncode == 1
    assert str(installation.config) in refused.stderr
