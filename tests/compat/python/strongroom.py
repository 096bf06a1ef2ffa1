"""The server under test: starting, stopping and its command line."""

import contextlib
import json
import os
import signal
import subprocess
import time
from pathlib import Path
from unittest import mock

from ports import free_port
from raw import Raw, post_form

START_SECONDS = 30
STOP_SECONDS = 15


class Strongroom:
    """One `strongroom dev` on a data directory of its own."""

    def __init__(self, folder, *options):
        self.binary = os.environ["STRONGROOM_BIN"]
        self.data = Path(folder) / "data"
        self.log = Path(folder) / "server.log"
        self.root_key = Path(folder) / "elsewhere" / "root.key"
        self.ready_file = Path(folder) / "elsewhere" / "ready.json"
        self.root_key.parent.mkdir(mode=0o700)
        self.options = options
        self.process = None
        self.ready = None

    def start(self):
        """Returns when the ready file of this very process is there."""
        first = not self.data.exists()
        command = [self.binary, "dev", "--data", self.data, "--root-key", self.root_key]
        command += ["--ready-file", self.ready_file, *self.options]
        command += ["--port", str(free_port())] if first and "--port" not in self.options else []
        self.ready_file.unlink(missing_ok=True)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        self._wait_until_ready()
        return self

    def _wait_until_ready(self):
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise AssertionError(f"the server ended: {self.log.read_text()}")
            if self.ready_file.exists():
                self.ready = json.loads(self.ready_file.read_text())
                assert self.ready["pid"] == self.process.pid
                return
            time.sleep(0.02)
        self.kill()
        raise AssertionError(f"not ready in {START_SECONDS} s: {self.log.read_text()}")

    def stop(self):
        """Asks it to stop; a clean stop ends with 0."""
        self.process.send_signal(signal.SIGTERM)
        try:
            assert self.process.wait(STOP_SECONDS) == 0, self.log.read_text()
        finally:
            self.kill()

    def kill(self):
        """As `kill -9` or a lost machine would."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def cli(self, *arguments, check=True):
        """Runs a subcommand on this data directory and returns what it printed."""
        command = [self.binary, *arguments, "--data", self.data]
        ended = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60
        )
        if check:
            assert ended.returncode == 0, f"{command}: {ended.stdout}{ended.stderr}"
            return ended.stdout
        return ended

    @contextlib.contextmanager
    def environment(self):
        """The variables a user would `eval`: sign-in, authority and trusted certificates."""
        with mock.patch.dict(os.environ, self.ready["env"]):
            yield

    def vault_url(self, vault="dev"):
        base, port = self.ready["base"], self.ready["port"]
        return f"https://{vault}.vault.{base}" + ("" if port == 443 else f":{port}")

    def vault_id(self, vault="dev"):
        subscription, group = self.ready["subscriptionId"], self.ready["resourceGroup"]
        return (
            f"/subscriptions/{subscription}/resourceGroups/{group}"
            f"/providers/Microsoft.KeyVault/vaults/{vault}"
        )

    def create_vault(self, name, days=7, purge_protection=False):
        protection = ["--enable-purge-protection"] if purge_protection else []
        self.cli("vault", "create", name, "--retention-days", str(days), *protection)

    def create_identity(self, name, role=None, scope=None):
        """az's answer: appId, displayName, password, tenant."""
        grant = ["--role", role, "--scope", scope] if role else []
        return json.loads(self.cli("identity", "create-for-rbac", "--name", name, *grant))

    def token(self, identity=None, resource=None):
        """An access token by client credentials; the owner's unless told otherwise."""
        owner = self.ready["owner"]
        client_id = identity["appId"] if identity else owner["clientId"]
        secret = identity["password"] if identity else owner["clientSecret"]
        form = {
            "grant_type": "client_credentials",
            "client_id": client_id,
            "client_secret": secret,
            "scope": (resource or self.resource()) + "/.default",
        }
        url = f"{self.ready['authority']}/{self.ready['tenantId']}/oauth2/v2.0/token"
        answer = post_form(url, form, self.ready["caFile"])
        assert answer.status == 200, answer
        return answer.json()["access_token"]

    def resource(self):
        """What the challenge of every vault here asks a token for."""
        base, port = self.ready["base"], self.ready["port"]
        return f"https://vault.{base}" + ("" if port == 443 else f":{port}")

    def raw(self, vault="dev", token=None):
        """Requests as written, with the owner's token unless given another (or "")."""
        token = self.token() if token is None else token
        return Raw(self.vault_url(vault), self.ready["caFile"], token)
