"""Clients of this very moment, for servers with a manual clock: a token does not live through a
leap."""

import time

from azure.identity import DefaultAzureCredential
from azure.keyvault.certificates import CertificateClient
from azure.keyvault.keys import KeyClient
from azure.keyvault.secrets import SecretClient


class Moments:
    def __init__(self, server):
        self.server = server

    @property
    def certificates(self):
        return CertificateClient(self.server.vault_url(), DefaultAzureCredential())

    @property
    def keys(self):
        return KeyClient(self.server.vault_url(), DefaultAzureCredential())

    @property
    def secrets(self):
        return SecretClient(self.server.vault_url(), DefaultAzureCredential())

    @property
    def raw(self):
        return self.server.raw()

    def advance(self, *spans):
        for span in spans:
            self.server.cli("clock", "advance", span)

    def listed(self, name):
        """The versions of what is watched, in no order."""
        return self.certificates.list_properties_of_certificate_versions(name)

    def versions(self, name):
        """Oldest first."""
        return sorted(self.listed(name), key=lambda properties: properties.created_on)

    def wait_for(self, name, count):
        """The sweeper may take a moment; then it must stay so."""
        deadline = time.monotonic() + 20
        while len(self.versions(name)) < count and time.monotonic() < deadline:
            time.sleep(0.1)
        time.sleep(0.5)
        versions = self.versions(name)
        assert len(versions) == count, [str(p.created_on) for p in versions]
        return versions
