"""An authority of a vault: what it issues, publishes and takes back, as OpenSSL and pyca see it."""

import base64
import http.client
import os
import socket
import subprocess
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID as Access

from ports import free_port
from raw import fetch
from strongroom import Strongroom
from test_audit import found, records


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A server that also publishes without TLS, as certificates say."""
    folder = tmp_path_factory.mktemp("authority")
    port = free_port()
    config = folder / "strongroom.toml"
    config.write_text(
        f'[certificates]\nhttp_listen = ["127.0.0.1:{port}"]\n'
        f'http_url = "http://127.0.0.1:{port}"\n'
    )
    server = Strongroom(folder, "--config", str(config))
    server.plain = port
    try:
        server.start()
        yield server
        server.stop()
    finally:
        if server.process is not None:
            server.kill()


@pytest.fixture(scope="module")
def hierarchy(server):
    """Root, intermediate, and an issuer `servers` that certifies servers from the intermediate."""
    raw = server.raw()
    authority = {"basic_constraints": {"ca": True}}
    create(raw, "root", "Self", subject="CN=Test root", validity_months=24, **authority)
    issuer(raw, "authorities", "root", allow_ca=True, max_days=800)
    below = {"validity_months": 23, **authority}
    create(raw, "inter", "authorities", subject="CN=Test intermediate", **below)
    issuer(raw, "servers", "inter")
    return server

DER = serialization.Encoding.DER
ROOT = Path(__file__).parents[3]


def issuer(raw, name, authority, **profile):
    body = {"provider": "Strongroom", "org_details": {"id": authority}, "strongroom": profile}
    answer = raw.call("PUT", f"/certificates/issuers/{name}", body)
    assert answer.status == 200, answer


def create(raw, name, by, kty="EC", **x509_props):
    """A certificate that must be made; its chain, leaf first."""
    policy = {
        "key_props": {"kty": kty, "exportable": True},
        "secret_props": {"contentType": "application/x-pem-file"},
        "x509_props": x509_props,
        "issuer": {"name": by},
    }
    answer = raw.call("POST", f"/certificates/{name}/create", {"policy": policy})
    assert answer.status == 202, answer
    pending = raw.call("GET", f"/certificates/{name}/pending").json()
    assert pending["status"] == "completed", pending
    pem = raw.call("GET", f"/secrets/{name}").json()["value"]
    return x509.load_pem_x509_certificates(pem.encode())


def server_certificate(raw, name, by="servers", **members):
    sans = {"dns_names": [f"{name[-8:]}.example.com"]}
    return create(raw, name, by, subject="CN=server", sans=sans, **members)


def revoke(raw, name, reason="keyCompromise"):
    answer = raw.call("POST", f"/certificates/{name}/revoke", {"reason": reason})
    assert answer.status == 200, answer
    return answer.json()


def get(url, method="GET", body=None):
    """One request without TLS and without a token."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=30)
    connection.request(method, parts.path, body)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, answer.headers, content


def urls(certificate):
    """Where a certificate says its list, responder and issuer are."""
    points = certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    access = certificate.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    (crl,) = [name.value for point in points for name in point.full_name]
    (responder,) = [a.access_location.value for a in access if a.access_method == Access.OCSP]
    (above,) = [a.access_location.value for a in access if a.access_method == Access.CA_ISSUERS]
    return crl, responder, above


def pem(path, *certificates):
    encoded = (each.public_bytes(serialization.Encoding.PEM) for each in certificates)
    path.write_bytes(b"".join(encoded))
    return str(path)


def openssl(*arguments):
    ended = subprocess.run(["openssl", *arguments], capture_output=True, text=True, timeout=60)
    return ended.stdout + ended.stderr


def verdict(folder, root, chain):
    """OpenSSL's, with the lists that the certificates themselves name."""
    lists = [x509.load_der_x509_crl(get(urls(each)[0])[2]) for each in chain]
    pem(folder / "root", root), pem(folder / "above", *chain[1:]), pem(folder / "leaf", chain[0])
    pem(folder / "lists", *lists)
    return openssl(
        "verify", "-x509_strict", "-crl_check_all", "-CRLfile", str(folder / "lists"),
        "-CAfile", str(folder / "root"), "-untrusted", str(folder / "above"), str(folder / "leaf"),
    )


def asked(folder, root, chain):
    """What OpenSSL's client hears of a leaf from the responder that it names."""
    leaf, above = pem(folder / "cert", chain[0]), pem(folder / "issuer", chain[1])
    return openssl(
        "ocsp", "-issuer", above, "-cert", leaf, "-url", urls(chain[0])[1],
        "-CAfile", pem(folder / "ca", root, chain[1]),
    )


def root_of(chain):
    """The root, from where the intermediate says it is."""
    status, headers, der = get(urls(chain[-1])[2])
    assert (status, headers["Content-Type"]) == (200, "application/pkix-cert")
    return x509.load_der_x509_certificate(der)


def test_a_revocation_is_seen_by_the_next_request(hierarchy, raw, name, tmp_path):
    chain = server_certificate(raw, name)
    assert len(chain) == 2, "without the root"
    root = root_of(chain)
    assert root.subject == root.issuer
    assert verdict(tmp_path, root, chain).endswith("leaf: OK\n")
    said = asked(tmp_path, root, chain)
    assert "Response verify OK" in said and "cert: good" in said, said
    assert "no nonce" not in said, said

    serial = revoke(raw, name)["serial"]
    assert int(serial, 16) == chain[0].serial_number
    said = asked(tmp_path, root, chain)
    assert "Response verify OK" in said, said
    assert "cert: revoked" in said and "keyCompromise" in said, said
    assert "certificate revoked" in verdict(tmp_path, root, chain)


def test_a_serial_number_is_enough(hierarchy, raw, name, tmp_path):
    chain = server_certificate(raw, name)
    body = {"serial": f"{chain[0].serial_number:032x}", "reason": "superseded"}
    answer = raw.call("POST", "/certificates/issuers/servers/revoke", body)
    assert answer.status == 200, answer
    revoked = x509.load_der_x509_crl(get(urls(chain[0])[0])[2])
    entry = revoked.get_revoked_certificate_by_serial_number(chain[0].serial_number)
    reason = entry.extensions.get_extension_for_class(x509.CRLReason).value.reason
    assert reason == x509.ReasonFlags.superseded
    body["serial"] = "0123"
    assert raw.call("POST", "/certificates/issuers/servers/revoke", body).status == 404


def test_the_list_is_signed_by_its_authority_for_a_day(hierarchy, raw, name):
    chain = server_certificate(raw, name)
    status, headers, der = get(urls(chain[0])[0])
    assert (status, headers["Content-Type"]) == (200, "application/pkix-crl")
    assert headers["Cache-Control"].startswith("public, max-age=")
    revoked = x509.load_der_x509_crl(der)
    assert revoked.is_signature_valid(chain[1].public_key())
    assert revoked.issuer == chain[1].subject
    assert (revoked.next_update_utc - revoked.last_update_utc).total_seconds() == 86_400
    number = revoked.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
    revoke(raw, name)
    later = x509.load_der_x509_crl(get(urls(chain[0])[0])[2])
    assert later.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number > number


@pytest.mark.parametrize("hash_of_ids", [hashes.SHA1(), hashes.SHA256()])
def test_responses_by_get_and_post_are_the_same(hierarchy, raw, name, hash_of_ids):
    """RFC 6960, A.1."""
    chain = server_certificate(raw, name)
    builder = ocsp.OCSPRequestBuilder().add_certificate(chain[0], chain[1], hash_of_ids)
    der = builder.build().public_bytes(DER)
    url = urls(chain[0])[1]
    status, headers, posted = get(url, "POST", der)
    assert (status, headers["Content-Type"]) == (200, "application/ocsp-response")
    encoded = base64.b64encode(der).decode()
    for path in (quote(encoded, safe=""), encoded):
        status, headers, got = get(f"{url}/{path}")
        assert (status, got) == (200, posted)
        assert headers["Cache-Control"].startswith("public, max-age=")
    response = ocsp.load_der_ocsp_response(posted)
    assert response.certificate_status == ocsp.OCSPCertStatus.GOOD
    assert response.serial_number == chain[0].serial_number


def test_the_vaults_own_host_publishes_too(hierarchy, raw, name):
    """Without a token, and by an issuer's name or by the certificate's."""
    chain = server_certificate(raw, name)
    ca_file = hierarchy.ready["caFile"]
    for authority in ("servers", "inter"):
        base = f"{hierarchy.vault_url()}/pki/{authority}"
        answer = fetch(f"{base}/crl", ca_file)
        assert answer.status == 200, answer
        assert x509.load_der_x509_crl(answer.body).is_signature_valid(chain[1].public_key())
        assert fetch(f"{base}/ca", ca_file).body == chain[1].public_bytes(DER)
        request = ocsp.OCSPRequestBuilder().add_certificate(chain[0], chain[1], hashes.SHA1())
        der = request.build().public_bytes(DER)
        answer = fetch(f"{base}/ocsp", ca_file, "POST", der)
        response = ocsp.load_der_ocsp_response(answer.body)
        assert response.certificate_status == ocsp.OCSPCertStatus.GOOD


def test_a_stranger_learns_of_nothing_else(hierarchy, raw, name):
    create(raw, name, "Self", subject="CN=private", basic_constraints={"ca": True})
    ca_file = hierarchy.ready["caFile"]
    host, plain = hierarchy.vault_url(), f"http://127.0.0.1:{hierarchy.plain}"
    same = set()
    for path in (f"{name}/crl", f"{name}/ca", "nobody/crl", "nobody/ca", "root/key", "root"):
        answer = fetch(f"{host}/pki/{path}", ca_file)
        status, _, body = get(f"{plain}/dev/{path}")
        same |= {(answer.status, answer.body), (status, body)}
    assert same == {(404, b"")}, "a certificate that issued nothing is as one that is not there"
    for path in ("/", "/secrets", "/certificates/root", "/dev", "/nowhere/root/crl",
                 "/pki/root/crl", "/dev/root/crl/", "/metrics"):
        assert get(plain + path)[0] == 404, path
    for method, path, status in (
        ("POST", "root/crl", 405), ("DELETE", "root/crl", 405), ("GET", "root/ocsp", 405),
        ("PUT", "root/ocsp", 405), ("GET", "root/ocsp/%%%", 400), ("HEAD", "root/crl", 200),
    ):
        assert get(f"{plain}/dev/{path}", method)[0] == status, (method, path)
    assert get(f"{plain}/dev/root/ocsp", "POST", b"0" * 5_000)[0] == 413
    garbage = get(f"{plain}/dev/root/ocsp", "POST", b"garbage")[2]
    response = ocsp.load_der_ocsp_response(garbage)
    assert response.response_status == ocsp.OCSPResponseStatus.MALFORMED_REQUEST


def test_an_unknown_serial_number_is_not_signed_for(hierarchy, raw, name):
    chain = server_certificate(raw, name)
    root = root_of(chain)
    # The root issued the intermediate, and nobody issued this number.
    request = ocsp.OCSPRequestBuilder().add_certificate_by_hash(
        *issuer_hashes(chain[1], root), 4711, hashes.SHA1()
    )
    der = request.build().public_bytes(DER)
    response = ocsp.load_der_ocsp_response(get(urls(chain[1])[1], "POST", der)[2])
    assert response.response_status == ocsp.OCSPResponseStatus.UNAUTHORIZED


def issuer_hashes(certificate, above):
    known = ocsp.OCSPRequestBuilder().add_certificate(certificate, above, hashes.SHA1()).build()
    return known.issuer_name_hash, known.issuer_key_hash


def test_revocations_stand_in_the_audit_and_reads_do_not_flood_it(hierarchy, raw, name):
    chain = server_certificate(raw, name)
    answer = raw.call("POST", f"/certificates/{name}/revoke", {"reason": "superseded"})
    for _ in range(100):
        get(urls(chain[0])[0])
        get(f"http://127.0.0.1:{hierarchy.plain}/dev/nobody/crl")
    record = found(hierarchy, answer.headers["x-ms-request-id"])
    assert record["operationName"] == "CertificateRevoke"
    assert record["properties"]["serial"] == answer.json()["serial"]
    assert record["properties"]["authority"] == "inter"
    reads = [r for r in records(hierarchy) if r["operationName"] == "CertificateAuthorityRead"]
    assert 10 <= len(reads) < 80, "refusals alone, and summed"
    assert {record["resultType"] for record in reads} == {"Failure"}, reads[0]


def test_many_connections_without_tls_are_bounded(hierarchy):
    """A client that says nothing is let go, and others are served meanwhile."""
    silent = [socket.create_connection(("127.0.0.1", hierarchy.plain)) for _ in range(50)]
    assert get(f"http://127.0.0.1:{hierarchy.plain}/dev/servers/crl")[0] == 200
    for each in silent:
        each.close()


def test_an_issuer_holds_its_users_within_its_profile(hierarchy, raw, name):
    issuer(raw, "narrow", "inter", allowed_dns=["corp.example"])
    refused = []
    for sans in (
        {"dns_names": ["evil.example"]},
        {"dns_names": ["corp.example.evil.com"]},
        {"dns_names": ["corp.example"], "emails": ["root@evil.example"]},
        {"dns_names": ["corp.example"], "ipAddresses": ["10.0.0.1"]},
    ):
        policy = {
            "key_props": {"kty": "EC"}, "issuer": {"name": "narrow"},
            "x509_props": {"subject": "CN=x", "sans": sans},
        }
        answer = raw.call("POST", f"/certificates/{name}/create", {"policy": policy})
        if answer.status == 202:
            pending = raw.call("GET", f"/certificates/{name}/pending").json()
            assert pending["status"] == "failed", pending
            refused.append(pending["error"]["message"])
            raw.call("DELETE", f"/certificates/{name}/pending")
        else:
            assert answer.status == 400, answer
            refused.append(answer.message)
    assert len(refused) == 4 and all("does not certify" in text for text in refused), refused
    create(raw, name, "narrow", subject="CN=x", sans={"dns_names": ["a.corp.example"]})


def test_the_documents_commands_do_what_it_says(server, tmp_path):
    """The shell of docs/authorities.md, in a vault of its own."""
    text = (ROOT / "docs/authorities.md").read_text()
    blocks = [part.split("```")[0] for part in text.split("```sh\n")[1:]]
    server.create_vault("documented")
    script = blocks[0].replace("https://dev.vault.localhost:8443", server.vault_url("documented"))
    script = script.replace("ca.pem", server.ready["caFile"])
    script = "set -e\n" + script + blocks[1].splitlines()[0]
    environment = {**os.environ, "TOKEN": server.token()}
    ended = subprocess.run(["bash", "-c", script], env=environment, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert '"reason":"keyCompromise"' in ended.stdout
    raw = server.raw("documented")
    assert raw.call("GET", "/certificates/www/pending").json()["status"] == "completed"
    held = raw.call("GET", "/certificates/issuers/servers").json()
    assert held["strongroom"]["max_days"] == 100
