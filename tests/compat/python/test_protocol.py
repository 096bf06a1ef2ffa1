"""The wire: versions, spellings, headers, and every kind of bad input."""

import re
import socket
import ssl

import pytest

STABLE = [
    "2015-06-01", "2016-10-01", "7.0", "7.1", "7.2", "7.3", "7.4", "7.5", "7.6", "2025-07-01",
    "2026-04-01",
]
PREVIEWS = [
    "7.6-preview.1", "7.6-preview.2", "2025-06-01-preview", "2026-01-01-preview",
    "2026-03-01-preview", "2026-05-01-preview", "2026-07-01-preview",
]


def bad_parameter(answer):
    assert (answer.status, answer.code) == (400, "BadParameter"), answer
    return answer.message


@pytest.mark.parametrize("version", STABLE + PREVIEWS)
def test_every_api_version_is_spoken(raw, name, version):
    written = raw.call("PUT", f"/secrets/{name}", {"value": "v"}, version=version)
    assert written.status == 200, written
    read = raw.call("GET", f"/secrets/{name}", version=version)
    assert read.json()["value"] == "v"
    listed = raw.call("GET", f"/secrets/{name}/versions", version=version)
    assert len(listed.json()["value"]) == 1


@pytest.mark.parametrize("version, members", [
    ("2015-06-01", set()),
    ("2016-10-01", {"recoveryLevel"}),
    ("7.0", {"recoveryLevel"}),
    ("7.1", {"recoveryLevel", "recoverableDays"}),
    ("2026-04-01", {"recoveryLevel", "recoverableDays"}),
])
def test_attributes_grew_with_the_versions(raw, name, version, members):
    raw.set(name)
    attributes = raw.call("GET", f"/secrets/{name}", version=version).json()["attributes"]
    assert set(attributes) == {"enabled", "created", "updated"} | members


@pytest.mark.parametrize("version", ["7.6", "2025-07-01", "2026-04-01"])
def test_only_a_certificates_secret_tells_its_previous_version(raw, name, version):
    """The clients document previousVersion for secrets that back a certificate, and no others."""
    raw.set(name, "one")
    raw.set(name, "two")
    bundle = raw.call("GET", f"/secrets/{name}", version=version).json()
    assert "previousVersion" not in bundle


def test_a_form_that_a_value_cannot_be_turned_into(raw, name):
    """Only a certificate's PFX can be asked for as PEM; other forms are refused."""
    raw.set(name)
    query = {"version": "2025-07-01", "outContentType": "text/plain"}
    bad_parameter(raw.call("GET", f"/secrets/{name}", **query))


@pytest.mark.parametrize("version", ["7.99", "latest", "2014-01-01", "7.4 "])
def test_an_unknown_api_version(raw, version):
    message = bad_parameter(raw.call("GET", "/secrets", version=version))
    text = r"The specified version \((.*)\) is not recognized\. "
    text += r"Consider using the latest supported version \(2026-04-01\)\."
    assert re.fullmatch(text, message).group(1) == version


@pytest.mark.parametrize("query", ["", "?", "?api-version=", "?other=7.4"])
def test_a_missing_api_version(raw, query):
    bad_parameter(raw.send("GET", f"/secrets{query}"))


@pytest.mark.parametrize("target", [
    "/secrets/{name}?api-version=7.4",
    "/secrets/{name}/?api-version=7.4",
    "/secrets/{name}?api%2Dversion=7.4",
    "/secrets/{name}/?api%2dversion=7.4",
    "/secrets/{name}?API-VERSION=7.4",
    "/secrets/{name}/{version}?api-version=7.4",
    "/secrets/{name}/{version}/?api-version=7.4",
    "/Secrets/{name}?api-version=7.4",
    "/secrets/{upper}?api-version=7.4",
    "/secrets/{name}?x=1&api-version=7.4&y=2",
])
def test_every_spelling_that_clients_use(raw, name, target):
    """CLIENTS.md section 2: escaped query names, trailing slashes, empty versions."""
    version = raw.set(name)["id"].rsplit("/", 1)[1]
    answer = raw.send("GET", target.format(name=name, version=version, upper=name.upper()))
    assert answer.status == 200, answer
    assert answer.json()["value"] == "v"


def test_headers_of_every_answer(raw, name):
    refusal = raw.call("GET", f"/secrets/{name}")
    success = raw.send(
        "GET", "/secrets?api-version=7.4", x_ms_client_request_id="my-id", Accept="*/*"
    )
    for answer in (refusal, success):
        headers = answer.headers
        assert headers["Cache-Control"] == "no-cache"
        assert headers["Pragma"] == "no-cache"
        assert headers["Expires"] == "-1"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Strict-Transport-Security"] == "max-age=31536000;includeSubDomains"
        assert headers["Content-Type"] == "application/json; charset=utf-8"
        assert re.fullmatch("[0-9a-f-]{36}", headers["x-ms-request-id"])
        assert headers["x-ms-keyvault-region"]
        assert re.fullmatch(r"[0-9.]+", headers["x-ms-keyvault-service-version"])
        assert headers["x-ms-keyvault-network-info"].startswith("conn_type=Ipv")
    assert success.headers["x-ms-client-request-id"] == "my-id"
    assert refusal.headers["x-ms-request-id"] != success.headers["x-ms-request-id"]


@pytest.mark.parametrize("body", [
    b"", b"{", b"[]", b"null", b'"v"', b"{}", b'{"value": 5}', b'{"value": null}', b'{"value": {}}',
    b'{"value": "v", "tags": 5}', b'{"value": "v", "tags": {"a": 5}}',
    b'{"value": "v", "contentType": []}', b'{"value": "v", "attributes": []}',
    b'{"value": "v", "attributes": {"enabled": "yes"}}',
    b'{"value": "v", "attributes": {"exp": "soon"}}',
    b'{"value": "v", "attributes": {"nbf": 1.5}}',
    b'{"value": "v", "attributes": {"exp": 99999999999999999999}}',
    b'{"value": "v"} trailing', b'{"value": "\xff\xfe"}', b"[" * 100_000,
])
def test_a_body_that_cannot_be_meant(raw, name, body):
    bad_parameter(raw.send("PUT", f"/secrets/{name}?api-version=7.4", body))
    assert raw.call("GET", f"/secrets/{name}").status == 404


def test_unknown_members_are_ignored(raw, name):
    body = {"value": "v", "colour": "red", "attributes": {"enabled": True, "shape": [1]}}
    assert raw.call("PUT", f"/secrets/{name}", body).status == 200
    assert raw.call("PATCH", f"/secrets/{name}/", {"colour": "red"}).status == 200


def test_what_the_service_sets_cannot_be_sent(raw, name):
    body = {"value": "v", "id": "x", "attributes": {"created": 1, "updated": 1}}
    written = raw.call("PUT", f"/secrets/{name}", body)
    assert written.status == 200
    assert written.json()["attributes"]["created"] > 1_600_000_000


@pytest.mark.parametrize("path", [
    "/secrets/bad_name", "/secrets/bad.name", "/secrets/bad%20name", "/secrets/b%C3%A4d",
    "/secrets/" + "x" * 128, "/secrets/..%2Fx", "/secrets/x%00",
])
def test_a_name_that_is_none(raw, path):
    bad_parameter(raw.call("PUT", path, {"value": "v"}))


def test_the_longest_name(raw):
    assert raw.call("PUT", "/secrets/" + "x" * 127, {"value": "v"}).status == 200


@pytest.mark.parametrize("version", ["x", "0" * 31, "0" * 33, "g" * 32, "%00"])
def test_a_version_that_is_none(raw, name, version):
    raw.set(name)
    answer = raw.call("GET", f"/secrets/{name}/{version}")
    assert answer.status in (400, 404), answer
    assert answer.code in ("BadParameter", "SecretNotFound")


@pytest.mark.parametrize("members", [
    {"tags": {f"t{number}": "v" for number in range(16)}},
    {"tags": {"x" * 513: "v"}},
    {"tags": {"t": "x" * 513}},
    {"contentType": "x" * 256},
])
def test_limits_of_members(raw, name, members):
    bad_parameter(raw.call("PUT", f"/secrets/{name}", {"value": "v", **members}))


def test_members_at_their_limits(raw, name):
    tags = {f"{number:x}" * 256: "v" * 512 for number in range(15)}
    body = raw.set(name, tags=tags, contentType="x" * 255)
    assert body["tags"] == tags


@pytest.mark.parametrize("method, path, status", [
    ("PUT", "/secrets/", 405),
    ("POST", "/secrets", 405),
    ("GET", "/", 404),
    ("GET", "/nothing", 404),
    ("GET", "/secrets/a/b/c", 404),
    ("POST", "/secrets/a/nothing", 404),
])
def test_what_is_not_there(raw, method, path, status):
    body = {} if method != "GET" else None
    answer = raw.call(method, path, body)
    assert answer.status in (status, 404, 405), answer
    assert answer.code
    if status == 405:
        assert (answer.status, answer.code) == (405, "MethodNotAllowed")


def test_a_body_over_the_limit(server, raw, name):
    body = b'{"value": "' + b"x" * (2 << 20) + b'"}'
    answer = raw.send("PUT", f"/secrets/{name}?api-version=7.4", body)
    assert answer.status in (400, 413), answer
    assert answer.code
    assert server.raw().call("GET", f"/secrets/{name}").status == 404


def test_an_answer_never_repeats_the_value(raw, name):
    body = {"value": "planted-7c1d", "tags": 5}
    assert b"planted-7c1d" not in raw.call("PUT", f"/secrets/{name}", body).body
    raw.set(name, "planted-7c1d")
    for answer in (
        raw.call("PATCH", f"/secrets/{name}/", {"contentType": "a"}),
        raw.call("GET", f"/secrets/{name}/versions"),
        raw.call("POST", f"/secrets/{name}/backup"),
        raw.call("DELETE", f"/secrets/{name}"),
    ):
        assert answer.status == 200
        assert b"planted-7c1d" not in answer.body


def connect(server, sni, **options):
    context = ssl.create_default_context(cafile=server.ready["caFile"])
    context.set_alpn_protocols(options.get("alpn", ["http/1.1"]))
    context.minimum_version = options.get("lowest", ssl.TLSVersion.TLSv1_2)
    context.maximum_version = options.get("highest", ssl.TLSVersion.TLSv1_3)
    plain = socket.create_connection(("127.0.0.1", server.ready["port"]), timeout=20)
    return context.wrap_socket(plain, server_hostname=sni)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("host", ["dev.vault", "login", "management", "graph", "portal"])
def test_every_host_has_a_certificate(server, version, host):
    with connect(server, f"{host}.localhost", lowest=version, highest=version) as tls:
        assert tls.version() == {"TLSv1_2": "TLSv1.2", "TLSv1_3": "TLSv1.3"}[version.name]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_old_tls_is_refused(server):
    old = ssl.TLSVersion.TLSv1_1
    with pytest.raises((ssl.SSLError, ConnectionError)):
        connect(server, "dev.vault.localhost", lowest=old, highest=old).close()


@pytest.mark.parametrize("offer, chosen", [
    (["h2", "http/1.1"], "h2"), (["http/1.1"], "http/1.1"), (["h2"], "h2"),
])
def test_both_versions_of_http_are_offered(server, offer, chosen):
    with connect(server, "dev.vault.localhost", alpn=offer) as tls:
        assert tls.selected_alpn_protocol() == chosen


def test_a_name_of_another_kind_is_misdirected(server):
    port = server.ready["port"]
    with connect(server, "login.localhost") as tls:
        tls.sendall(
            b"GET /secrets?api-version=7.4 HTTP/1.1\r\n"
            b"Host: dev.vault.localhost:%d\r\nConnection: close\r\n\r\n" % port
        )
        assert tls.recv(64).startswith(b"HTTP/1.1 421 ")


def speak(server, *lines, body=b""):
    """One request, line by line; the status of the answer."""
    with connect(server, "dev.vault.localhost") as tls:
        tls.sendall("".join(f"{line}\r\n" for line in (*lines, "Connection: close", "")).encode())
        tls.sendall(body)
        return int(tls.recv(64).split()[1])


def test_a_body_in_chunks(server, raw, name):
    status = speak(
        server,
        f"PUT /secrets/{name}?api-version=7.4 HTTP/1.1",
        f"Host: dev.vault.localhost:{server.ready['port']}",
        f"Authorization: Bearer {raw.token}",
        "Transfer-Encoding: chunked",
        body=b'9\r\n{"value":\r\n8\r\n"pieces"\r\n1\r\n}\r\n0\r\n\r\n',
    )
    assert status == 200
    assert raw.call("GET", f"/secrets/{name}").json()["value"] == "pieces"


def test_two_hosts_are_refused(server, raw):
    """RFC 9112, section 3.2: more than one Host must be answered 400."""
    ours = f"Host: dev.vault.localhost:{server.ready['port']}"
    request = ["GET /secrets?api-version=7.4 HTTP/1.1", f"Authorization: Bearer {raw.token}"]
    assert speak(server, *request, ours) == 200
    assert speak(server, *request, ours, "Host: example.org") == 400
    assert speak(server, *request, ours, ours) == 400


def test_no_host_is_refused(server, raw):
    status = speak(
        server, "GET /secrets?api-version=7.4 HTTP/1.1", f"Authorization: Bearer {raw.token}"
    )
    assert 400 <= status < 500


def test_a_body_said_to_be_too_long_is_refused_before_it_comes(server, raw):
    status = speak(
        server,
        "POST /secrets/restore?api-version=7.4 HTTP/1.1",
        f"Host: dev.vault.localhost:{server.ready['port']}",
        f"Authorization: Bearer {raw.token}",
        f"Content-Length: {25 << 20}",
    )
    assert status in (400, 413)


def test_a_host_that_is_not_ours(server):
    with connect(server, "dev.vault.localhost") as tls:
        tls.sendall(b"GET / HTTP/1.1\r\nHost: example.org\r\nConnection: close\r\n\r\n")
        status = int(tls.recv(64).split()[1])
        assert 400 <= status < 500
