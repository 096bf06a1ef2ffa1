"""The `az` of azure-cli, unmodified, with a configuration of its own."""

import json
import os
import subprocess
from pathlib import Path

from arm import management_url

CLOUD = "Strongroom"
COMMAND_SECONDS = 120


class Az:
    def __init__(self, server, folder):
        self.server = server
        self.binary = os.environ["STRONGROOM_AZ"]
        self.folder = Path(folder)
        self.environment = {
            **os.environ,
            "AZURE_CONFIG_DIR": str(self.folder / "config"),
            "AZURE_CORE_COLLECT_TELEMETRY": "no",
            "AZURE_CORE_NO_COLOR": "yes",
            "AZURE_CORE_INSTANCE_DISCOVERY": "false",
            "REQUESTS_CA_BUNDLE": str(server.ready["caFile"]),
        }

    def run(self, *arguments, check=True):
        """Its exit code, what it printed, and what it said."""
        ended = subprocess.run(
            [self.binary, *arguments, "--output", "json"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            env=self.environment,
            cwd=self.folder,
        )
        if check:
            assert ended.returncode == 0, f"az {arguments}: {ended.stdout}{ended.stderr}"
        return ended

    def __call__(self, *arguments):
        """A command that succeeds, and what it answers."""
        answer = self.run(*arguments).stdout
        return json.loads(answer) if answer.strip() else None

    def refused(self, *arguments):
        """A command that fails, and what it says."""
        ended = self.run(*arguments, check=False)
        assert ended.returncode != 0, f"az {arguments}: {ended.stdout}"
        return ended.stderr

    def sign_in(self, identity=None):
        owner = self.server.ready["owner"]
        name = identity["appId"] if identity else owner["clientId"]
        secret = identity["password"] if identity else owner["clientSecret"]
        tenant = self.server.ready["tenantId"]
        said = ["--username", name, "--password", secret, "--tenant", tenant]
        return self("login", "--service-principal", *said)

    def register(self):
        self("cloud", "register", "--name", CLOUD, "--endpoint-resource-manager",
             management_url(self.server))
        self("cloud", "set", "--name", CLOUD)
