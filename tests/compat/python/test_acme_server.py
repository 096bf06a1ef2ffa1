"""The ACME server of a vault's authority, with certbot and lego as Debian ships them.

Names below `example.test` are resolved by pebble's challenge-test server, which leads all of them
to loopback; that is also where the clients answer HTTP-01 and TLS-ALPN-01, on ports of their own.
"""

import base64
import json
import subprocess
import sys
import time
import urllib.request

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509 import ocsp

from acme_vault import API, Certbot, binding, create_authority, create_issuer, run
from ports import free_port
from raw import fetch
from strongroom import Strongroom

HOST = "www.example.test"


class Names:
    """pebble-challtestsrv as a name server, and as nothing else."""

    def __init__(self):
        self.dns, self.management = free_port(), free_port()
        command = ["pebble-challtestsrv", "-dns01", f"127.0.0.1:{self.dns}", "-http01", "",
                   "-https01", "", "-tlsalpn01", "", "-defaultIPv6", "",
                   "-management", f"127.0.0.1:{self.management}"]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(200):
            try:
                self.tell("clear-request-history", type="http", host="none")
                return
            except OSError:
                time.sleep(0.05)
        raise AssertionError("pebble-challtestsrv does not start")

    def tell(self, what, **body):
        url = f"http://127.0.0.1:{self.management}/{what}"
        with urllib.request.urlopen(url, json.dumps(body).encode(), timeout=5) as answer:
            return answer.read()

    def close(self):
        self.process.kill()
        self.process.wait()


@pytest.fixture(scope="module")
def names():
    names = Names()
    yield names
    names.close()


@pytest.fixture(scope="module")
def ports():
    """Where the clients answer: HTTP, TLS."""
    return free_port(), free_port()


@pytest.fixture(scope="module")
def server(names, ports, tmp_path_factory):
    folder = tmp_path_factory.mktemp("strongroom")
    plain = free_port()
    config = folder / "strongroom.toml"
    config.write_text(
        f'[certificates]\nhttp_listen = ["127.0.0.1:{plain}"]\n'
        f'http_url = "http://pki.localhost:{plain}"\n'
        f'validation_http_port = {ports[0]}\nvalidation_tls_port = {ports[1]}\n'
        f'validation_dns = "127.0.0.1:{names.dns}"\n'
    )
    server = Strongroom(folder, "--config", config)
    try:
        server.start()
        raw = server.raw()
        create_authority(raw, "root")
        create_issuer(raw, "root-issuer", "root", allow_ca=True, max_days=3650)
        create_authority(raw, "web-ca", issuer="root-issuer", path_len=0)
        create_issuer(raw, "web", "web-ca", acme=True, max_days=100)
        create_issuer(raw, "direct", "root", acme=True)
        create_issuer(raw, "narrow", "web-ca", acme=True, allowed_dns=["inner.example.test"])
        create_issuer(raw, "silent", "web-ca")
        yield server
        server.stop()
    finally:
        server.kill()


@pytest.fixture
def certbot(server, ports, tmp_path):
    return client(server, ports, tmp_path / "certbot")


def client(server, ports, folder, issuer="web"):
    return Certbot(folder, directory(server, issuer), server.ready["caFile"], ports[0])


def directory(server, issuer="web"):
    return f"{server.vault_url()}/acme/{issuer}/directory"


def eab(server, issuer="web"):
    return binding(server.raw(), issuer)


def root_file(server, tmp_path):
    """The root, fetched from the vault as any certificate is."""
    answer = server.raw().call("GET", "/certificates/root", version=API)
    assert answer.status == 200, answer
    der = base64.b64decode(answer.json()["cer"])
    path = tmp_path / "root.pem"
    path.write_bytes(x509.load_der_x509_certificate(der).public_bytes(serialization.Encoding.PEM))
    return path


def verify(server, folder, chain, name, *options):
    """What `openssl verify` says of a leaf below the root, strictly."""
    encoding = serialization.Encoding.PEM
    (folder / "leaf.pem").write_bytes(chain[0].public_bytes(encoding))
    (folder / "rest.pem").write_bytes(b"".join(c.public_bytes(encoding) for c in chain[1:]))
    return run(["openssl", "verify", "-x509_strict", "-purpose", "sslserver",
                "-CAfile", str(root_file(server, folder)),
                "-untrusted", str(folder / "rest.pem"), "-verify_hostname", name,
                *options, str(folder / "leaf.pem")], check=False)


def test_certbot_obtains_renews_and_revokes(server, certbot, tmp_path):
    certbot.obtain(HOST, "api.example.test", eab=eab(server), options=["--cert-name", HOST])
    first = certbot.chain(HOST)
    assert len(first) == 2, "the leaf and the authority, without the root"
    names = first[0].extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert set(names.get_values_for_type(x509.DNSName)) == {HOST, "api.example.test"}
    verified = verify(server, tmp_path, first, HOST)
    assert verified.returncode == 0, verified.stderr
    assert verify(server, tmp_path, first, "other.example.test").returncode != 0

    certbot.run("renew", "--force-renewal", "--cert-name", HOST, "--no-random-sleep-on-renew")
    second = certbot.chain(HOST)
    assert second[0].serial_number != first[0].serial_number

    assert status(first)[0] == ocsp.OCSPCertStatus.GOOD
    live = certbot.folder / "config" / "live" / HOST / "cert.pem"
    certbot.run("revoke", "--cert-path", str(live), "--reason", "superseded",
                "--no-delete-after-revoke")
    answer, reason = status(second)
    assert (answer, reason) == (ocsp.OCSPCertStatus.REVOKED, x509.ReasonFlags.superseded)
    assert status(first)[0] == ocsp.OCSPCertStatus.GOOD
    assert revoked(second) is not None
    assert revoked(first) is None
    again = certbot.run("revoke", "--cert-path", str(live), "--no-delete-after-revoke",
                        check=False)
    assert again.returncode != 0
    assert "urn:ietf:params:acme:error:alreadyRevoked" in certbot.log()


def status(chain):
    """What the authority's OCSP responder says."""
    leaf, authority = chain[0], chain[1]
    access = leaf.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    url = next(a.access_location.value for a in access
               if a.access_method == x509.AuthorityInformationAccessOID.OCSP)
    request = ocsp.OCSPRequestBuilder().add_certificate(leaf, authority, hashes.SHA1()).build()
    body = request.public_bytes(serialization.Encoding.DER)
    sent = urllib.request.Request(url, body, {"Content-Type": "application/ocsp-request"})
    with urllib.request.urlopen(sent, timeout=10) as answer:
        response = ocsp.load_der_ocsp_response(answer.read())
    return response.certificate_status, response.revocation_reason


def revoked(chain):
    """The leaf's entry in its authority's list."""
    points = chain[0].extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    with urllib.request.urlopen(points[0].full_name[0].value, timeout=10) as answer:
        crl = x509.load_der_x509_crl(answer.read())
    assert crl.is_signature_valid(chain[1].public_key())
    return crl.get_revoked_certificate_by_serial_number(chain[0].serial_number)


def test_certbot_takes_a_chain_directly_below_a_root(server, ports, tmp_path):
    certbot = client(server, ports, tmp_path / "certbot", "direct")
    certbot.obtain(HOST, eab=eab(server, "direct"))
    chain = certbot.chain(HOST)
    assert len(chain) == 2
    assert chain[1].subject == chain[1].issuer
    verified = verify(server, tmp_path, chain, HOST)
    assert verified.returncode == 0, verified.stderr


def lego(server, folder, *names, options, eab, action=("run",), check=True):
    """lego wants the binding's key each time, and uses it once."""
    domains = [part for name in names for part in ("--domains", name)]
    account = ["--eab", "--kid", eab[0], "--hmac", eab[1]]
    command = ["lego", "--path", str(folder), "--server", directory(server), "--accept-tos",
               "--email", "ops@example.com", *domains, *options, *account, *action]
    return run(command, {"LEGO_CA_CERTIFICATES": server.ready["caFile"]}, check)


@pytest.mark.parametrize("challenge", ["http", "tls"])
def test_lego_obtains_renews_and_revokes(server, ports, tmp_path, challenge):
    port = ports[0] if challenge == "http" else ports[1]
    options = [f"--{challenge}", f"--{challenge}.port", f"127.0.0.1:{port}"]
    folder = tmp_path / "lego"
    name = f"{challenge}.example.test"
    key = eab(server)
    lego(server, folder, name, options=options, eab=key)
    path = folder / "certificates" / f"{name}.crt"
    first = x509.load_pem_x509_certificates(path.read_bytes())
    assert verify(server, tmp_path, first, name).returncode == 0
    lego(server, folder, name, options=options, eab=key,
         action=("renew", "--days", "1000", "--no-random-sleep"))
    second = x509.load_pem_x509_certificates(path.read_bytes())
    assert second[0].serial_number != first[0].serial_number
    lego(server, folder, name, options=options, eab=key, action=("revoke", "--reason", "4"))
    assert status(second)[0] == ocsp.OCSPCertStatus.REVOKED


def test_a_wildcard_by_dns(server, names, certbot, tmp_path):
    """certbot's hooks put the TXT records where the vault's name server looks."""
    def hook(name, what, body):
        path = tmp_path / name
        path.write_text(
            f"#!{sys.executable}\n"
            "import json, os, urllib.request\n"
            "host = '_acme-challenge.' + os.environ['CERTBOT_DOMAIN'] + '.'\n"
            f"body = {body}\n"
            f"url = 'http://127.0.0.1:{names.management}/{what}'\n"
            "urllib.request.urlopen(url, json.dumps(body).encode(), timeout=10)\n"
        )
        path.chmod(0o700)
        return str(path)

    value = "'value': os.environ['CERTBOT_VALIDATION']"
    set_txt = hook("set", "set-txt", f"{{'host': host, {value}}}")
    clear = hook("clear", "clear-txt", "{'host': host}")
    key = eab(server)
    certbot.run("certonly", "--manual", "--preferred-challenges", "dns", "--agree-tos",
                "--no-eff-email", "--email", "ops@example.com", "--eab-kid", key[0],
                "--eab-hmac-key", key[1], "-d", "*.wild.example.test",
                "--manual-auth-hook", set_txt, "--manual-cleanup-hook", clear)
    chain = certbot.chain("wild.example.test")
    assert verify(server, tmp_path, chain, "any.wild.example.test").returncode == 0
    assert verify(server, tmp_path, chain, "wild.example.test").returncode != 0


def test_an_answer_that_is_not_there_is_refused_and_says_why(server, ports, certbot):
    """Nobody answers on the port that the vault looks at."""
    certbot.http_port = free_port()
    ended = certbot.obtain(HOST, eab=eab(server), check=False)
    assert ended.returncode != 0
    assert "no connection to port" in certbot.log()


def test_a_binding_makes_one_account(server, ports, tmp_path):
    key = eab(server)
    client(server, ports, tmp_path / "first").obtain(HOST, eab=key)
    second = client(server, ports, tmp_path / "second")
    assert second.obtain(HOST, eab=key, check=False).returncode != 0
    assert "was used" in second.log()


def test_no_account_without_a_binding(server, certbot):
    ended = certbot.obtain(HOST, check=False)
    assert ended.returncode != 0
    assert "external account binding" in (ended.stdout + ended.stderr).lower()


def test_a_profile_keeps_names_in_its_subtrees(server, ports, tmp_path):
    certbot = client(server, ports, tmp_path / "certbot", "narrow")
    ended = certbot.obtain(HOST, eab=eab(server, "narrow"), check=False)
    assert ended.returncode != 0
    assert "urn:ietf:params:acme:error:rejectedIdentifier" in certbot.log()
    certbot.obtain("a.inner.example.test")


def test_an_account_ends_with_its_principals_role(server, ports, tmp_path):
    role = "Key Vault Certificates Officer"
    identity = server.create_identity("acme", role, server.vault_id())
    raw = server.raw(token=server.token(identity))
    certbot = client(server, ports, tmp_path / "certbot")
    certbot.obtain(HOST, eab=binding(raw, "web"))
    server.cli("role", "assignment", "delete", "--assignee", identity["appId"], "--role", role,
               "--scope", server.vault_id())
    ended = certbot.run("renew", "--force-renewal", "--no-random-sleep-on-renew", check=False)
    assert ended.returncode != 0
    assert "urn:ietf:params:acme:error:unauthorized" in certbot.log()
    assert "may not create certificates here any more" in certbot.log()


def test_only_an_issuer_that_says_so_serves_acme(server):
    unknown = [
        f"{server.vault_url()}/acme/silent/directory",
        f"{server.vault_url()}/acme/nothing/directory",
        f"{server.vault_url('nosuch')}/acme/web/directory",
    ]
    answers = [fetch(url, server.ready["caFile"]) for url in unknown]
    assert {answer.status for answer in answers} == {404}
    assert len({answer.body for answer in answers}) == 1, "nobody learns what there is"
    refused = server.raw().call("POST", "/certificates/issuers/silent/eab", {}, API)
    assert refused.status == 404


def test_what_accounts_do_is_audited(server, ports, tmp_path):
    identity = server.create_identity(
        "audited", "Key Vault Certificates Officer", server.vault_id()
    )
    raw = server.raw(token=server.token(identity))
    client(server, ports, tmp_path / "certbot").obtain(HOST, eab=binding(raw, "web"))
    wanted = {
        "CertificateAcmeBindingCreate", "CertificateAcmeAccountCreate",
        "CertificateAcmeOrderCreate", "CertificateAcmeOrderFinalize",
    }
    deadline = time.monotonic() + 10
    while not wanted <= (found := operations_of(server, identity["appId"])):
        assert time.monotonic() < deadline, found
        time.sleep(0.1)


def operations_of(server, client):
    lines = server.cli("audit", "tail", "--all", "--format", "json").splitlines()
    return {json.loads(line)["operationName"] for line in lines if client in line}
