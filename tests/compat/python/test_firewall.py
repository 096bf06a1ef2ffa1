"""A vault's firewall, from the side of who should not come in."""

import json
import socket
import ssl
from pathlib import Path

import pytest
from azure.core.exceptions import HttpResponseError
from azure.identity import DefaultAzureCredential
from azure.keyvault.secrets import SecretClient

from arm import until
from forge import header_and_claims

OPTIONS = ("--config", str(Path(__file__).with_name("network.toml")))


@pytest.fixture
def vault(server):
    """A vault of the test's own, open again at its end."""
    name = f"fw{len(json.loads(server.cli('vault', 'list')))}"
    server.create_vault(name)
    return name


def update(server, vault, *said):
    return json.loads(server.cli("vault", "update", vault, *said))["properties"]


def only(server, vault, *rules):
    return update(server, vault, "--default-action", "Deny", "--network-acls-ips", *rules)


def test_a_rule_holds_on_the_next_request(server, vault):
    with SecretClient(server.vault_url(vault), DefaultAzureCredential()) as client:
        client.set_secret("a", "v")
        acls = only(server, vault, "192.0.2.7", "198.51.100.0/24")["networkAcls"]
        assert acls == {
            "bypass": "AzureServices",
            "defaultAction": "Deny",
            "ipRules": [{"value": "192.0.2.7/32"}, {"value": "198.51.100.0/24"}],
            "virtualNetworkRules": [],
        }
        with pytest.raises(HttpResponseError) as refused:
            client.get_secret("a")
        assert refused.value.status_code == 403
        assert refused.value.error.innererror["code"] == "ForbiddenByFirewall"
        only(server, vault, "127.0.0.0/8", "::1")
        assert client.get_secret("a").value == "v"
        update(server, vault, "--public-network-access", "Disabled")
        with pytest.raises(HttpResponseError) as refused:
            client.get_secret("a")
        assert refused.value.error.innererror["code"] == "ForbiddenByConnection"


def test_the_text_says_who_and_from_where(server, vault):
    only(server, vault, "192.0.2.7")
    raw = server.raw(vault)
    _, claims = header_and_claims(raw.token)
    answer = raw.send("GET", "/secrets?api-version=7.4", X_Forwarded_For="203.0.113.9")
    assert (answer.status, answer.code) == (403, "Forbidden")
    assert answer.message == (
        "Client address is not authorized and caller is not a trusted service.\r\n"
        "Client address: 203.0.113.9\r\n"
        f"Caller: appid={claims['appid']};oid={claims['oid']};numgroups=0;iss={claims['iss']}\r\n"
        f"Vault: {vault};location={server.ready['location']}"
    )


def test_a_proxy_s_own_words_count_and_a_client_s_do_not(server, vault):
    only(server, vault, "192.0.2.7", "2001:db8::/32")
    raw = server.raw(vault)

    def through(forwarded):
        return raw.send("GET", "/secrets?api-version=7.4", X_Forwarded_For=forwarded).status

    assert through("192.0.2.7") == 200
    assert through("2001:db8::1") == 200
    assert through("192.0.2.7, 203.0.113.9") == 403
    assert through("203.0.113.9, 192.0.2.7") == 200
    assert through("192.0.2.7, unknown") == 403
    assert through("::ffff:192.0.2.7") == 200


def proxied(server, vault, address, forwarded=None):
    """A request on a connection that begins with the PROXY protocol's header, version 2."""
    header = b"\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c" + socket.inet_aton(address)
    header += socket.inet_aton("127.0.0.1") + (49152).to_bytes(2) + (443).to_bytes(2)
    host = server.vault_url(vault).removeprefix("https://")
    context = ssl.create_default_context(cafile=server.ready["caFile"])
    plain = socket.create_connection(("127.0.0.1", server.ready["port"]), timeout=30)
    plain.sendall(header)
    with context.wrap_socket(plain, server_hostname=host.split(":")[0]) as tls:
        extra = f"x-forwarded-for: {forwarded}\r\n" if forwarded else ""
        request = (
            f"GET /secrets?api-version=7.4 HTTP/1.1\r\nhost: {host}\r\n{extra}"
            f"authorization: Bearer {server.token()}\r\nconnection: close\r\n\r\n"
        )
        tls.sendall(request.encode())
        answer = b""
        while part := tls.recv(65536):
            answer += part
    return int(answer.split(b" ", 2)[1]), answer


def test_the_proxy_protocol(server, vault):
    only(server, vault, "192.0.2.7")
    assert proxied(server, vault, "192.0.2.7")[0] == 200
    status, answer = proxied(server, vault, "203.0.113.9")
    assert status == 403 and b"Client address: 203.0.113.9" in answer
    # Whoever came through a proxy is none: what they say themselves counts for nothing.
    assert proxied(server, vault, "203.0.113.9", forwarded="192.0.2.7")[0] == 403


def test_malformed_rules_change_nothing(server, vault):
    only(server, vault, "192.0.2.7")
    for bad in ["1.2.3", "1.2.3.4/33", "host.example", "1.2.3.4-1.2.3.9"]:
        refused = server.cli(
            "vault", "update", vault, "--network-acls-ips", "8.8.8.8", bad, check=False
        )
        assert refused.returncode != 0
        place = "properties.networkAcls.ipRules[1].value: "
        assert f"Invalid value found at {place}{bad}" in refused.stderr
    shown = json.loads(server.cli("vault", "show", vault))["properties"]["networkAcls"]
    assert shown["ipRules"] == [{"value": "192.0.2.7/32"}]


def test_locked_out_the_host_gets_back_in(server, vault):
    only(server, vault, "192.0.2.7")
    update(server, vault, "--public-network-access", "Disabled")
    raw = server.raw(vault)
    assert raw.call("GET", "/secrets").status == 403
    server.cli("vault", "unlock", vault)
    assert raw.call("GET", "/secrets").status == 200
    shown = json.loads(server.cli("vault", "show", vault))["properties"]
    assert shown["publicNetworkAccess"] == "Enabled"
    assert shown["networkAcls"]["defaultAction"] == "Allow"
    assert shown["networkAcls"]["ipRules"] == [{"value": "192.0.2.7/32"}], "kept"
    until(lambda: "VaultUnlock" in server.cli("audit", "tail", "--lines", "200"))


def test_a_deleted_vault_is_no_vault_until_it_is_recovered(server, vault):
    raw = server.raw(vault)
    raw.set("a", "kept")
    server.cli("vault", "delete", vault)
    answer = raw.call("GET", "/secrets/a")
    assert (answer.status, answer.code) == (404, "VaultNotFound")
    deleted = json.loads(server.cli("vault", "list-deleted"))
    assert vault in [one["name"] for one in deleted]
    taken = server.cli("vault", "create", vault, check=False)
    assert taken.returncode != 0
    assert "A vault with the same name already exists in deleted state." in taken.stderr
    server.cli("vault", "recover", vault)
    assert raw.call("GET", "/secrets/a").json()["value"] == "kept"
    server.cli("vault", "delete", vault)
    server.cli("vault", "purge", vault)
    server.create_vault(vault)
    assert raw.call("GET", "/secrets/a").status == 404


def test_purge_protection_is_one_way(server):
    server.create_vault("guarded", purge_protection=True)
    off = server.cli(
        "vault", "update", "guarded", "--enable-purge-protection", "false", check=False
    )
    assert off.returncode != 0
    assert 'The property "enablePurgeProtection" cannot be set to false.' in off.stderr
    server.cli("vault", "delete", "guarded")
    purged = server.cli("vault", "purge", "guarded", check=False)
    assert purged.returncode != 0
    assert "Operation 'DeletedVaultPurge' is not allowed." in purged.stderr
    server.cli("vault", "recover", "guarded")
