"""Fixtures: each module has a server of its own, each test names of its own."""

import os
import re
import uuid

import pytest
from azure.identity import DefaultAzureCredential
from azure.keyvault.certificates import CertificateClient
from azure.keyvault.keys import KeyClient
from azure.keyvault.secrets import SecretClient

from strongroom import Strongroom

# What needs azure-cli is run by its own step, which says where it is.
collect_ignore = [] if "STRONGROOM_AZ" in os.environ else ["test_az.py", "test_tasks.py"]


@pytest.fixture(scope="module")
def server(request, tmp_path_factory):
    """A running server with the user's variables set; a module's OPTIONS go to `dev`."""
    options = getattr(request.module, "OPTIONS", ())
    server = Strongroom(tmp_path_factory.mktemp("strongroom"), *options)
    try:
        server.start()
        with server.environment():
            yield server
        server.stop()
    finally:
        if server.process is not None:
            server.kill()


@pytest.fixture(scope="module")
def client(server):
    """What a user writes: no option, everything verified."""
    with SecretClient(server.vault_url(), DefaultAzureCredential()) as client:
        yield client


@pytest.fixture(scope="module")
def keys(server):
    """The same for keys."""
    with KeyClient(server.vault_url(), DefaultAzureCredential()) as client:
        yield client


@pytest.fixture(scope="module")
def certificates(server):
    """The same for certificates."""
    with CertificateClient(server.vault_url(), DefaultAzureCredential()) as client:
        yield client


@pytest.fixture
def raw(server):
    return server.raw()


@pytest.fixture
def name(request):
    """An object's name that no other test uses."""
    test = re.sub("[^0-9a-z]+", "-", request.node.name.lower()).strip("-")
    return f"{test[:80]}-{uuid.uuid4().hex[:8]}"
