"""`strongroom doctor`: each failure made for real, and told apart by its step, word and status."""

import datetime
import http.server
import json
import os
import socket
import ssl
import subprocess
import threading

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from arm import Arm, management_url, object_of, vault_name
from forge import encode, header_and_claims, signed_by_a_stranger, unsigned

# A token that has ended is made by a leap in time.
OPTIONS = ("--clock", "manual")

TRUST = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS")
ON_THE_WAY = ["name", "connection", "tls", "host", "vault", "firewall", "token", "role", "object"]


class Report:
    """What the command printed, and how it ended."""

    def __init__(self, ended):
        assert ended.returncode != 2, ended
        self.ended = ended
        self.status = ended.returncode
        self.whole = json.loads(ended.stdout)
        self.steps = {step["step"]: step for step in self.whole["steps"]}
        names = [step["step"] for step in self.whole["steps"]]
        assert names == [name for name in ON_THE_WAY if name in names], "in the order of the way"
        for step in self.whole["steps"]:
            assert (step["state"] == "wrong") == (step["code"] is not None)
            assert step["state"] != "wrong" or step["next"], step
        if self.status:
            assert len(ended.stderr.strip().splitlines()) == 1, ended
            assert ended.stderr.startswith(f"strongroom: {self.whole['wrong']}: ")

    def states(self):
        return [step["state"] for step in self.whole["steps"]]

    def last(self):
        return self.whole["steps"][-1]["step"]

    def is_wrong(self, step, code, status):
        found = self.whole["wrong"], self.steps.get(step, {}).get("code"), self.status
        assert found == (step, code, status), self.ended
        return self.steps[step]


def run(server, url, *options, **environment):
    """As a program's user runs it; a variable that is None is not set."""
    merged = {**os.environ, **environment}
    merged = {name: str(value) for name, value in merged.items() if value is not None}
    command = [server.binary, "doctor", url, *options]
    return subprocess.run(
        command, env=merged, capture_output=True, text=True, timeout=60, cwd=server.data.parent
    )


def doctor(server, url, *options, **environment):
    return Report(run(server, url, "--output", "json", *options, **environment))


def as_identity(identity):
    return {"AZURE_CLIENT_ID": identity["appId"], "AZURE_CLIENT_SECRET": identity["password"]}


@pytest.fixture
def secret(server, raw, name):
    """The URL of a secret that is there."""
    raw.set(name, "planted-value")
    return f"{server.vault_url()}/secrets/{name}"


@pytest.fixture
def vault(server):
    name = vault_name("doctor")
    server.create_vault(name)
    return name


class Authority:
    """A certificate authority of our own."""

    def __init__(self, folder):
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "elsewhere")])
        now = datetime.datetime.now(datetime.UTC)
        self.certificate = self.build(self.name, self.key, now, 1000).add_extension(
            x509.BasicConstraints(True, None), True
        ).sign(self.key, hashes.SHA256())
        self.file = folder / "elsewhere.pem"
        self.file.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))

    def build(self, subject, key, start, days):
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(self.name)
        builder = builder.public_key(key.public_key()).serial_number(x509.random_serial_number())
        start -= datetime.timedelta(days=500)
        return builder.not_valid_before(start).not_valid_after(
            start + datetime.timedelta(days=days)
        )

    def issue(self, host, days=1000):
        """A file with a server's key and certificate, which began 500 days ago."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = self.build(x509.Name([]), key, datetime.datetime.now(datetime.UTC), days)
        names = x509.SubjectAlternativeName([x509.DNSName(host)])
        certificate = builder.add_extension(names, True).sign(self.key, hashes.SHA256())
        file = self.folder / f"{host}-{days}.pem"
        file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            + certificate.public_bytes(serialization.Encoding.PEM)
        )
        return file

    def trusted(self):
        return dict.fromkeys(TRUST, self.file)


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path)


class Page(http.server.BaseHTTPRequestHandler):
    """A web server that is no vault."""

    protocol_version = "HTTP/1.1"
    lag = datetime.timedelta()

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"hi")

    def date_time_string(self, timestamp=None):
        now = datetime.datetime.now(datetime.UTC) + self.lag
        return now.strftime("%a, %d %b %Y %H:%M:%S GMT")

    def log_message(self, *_):
        pass


@pytest.fixture
def serve():
    """Runs HTTP servers until the test ends; with a certificate, over TLS."""
    servers = []

    def start(certificate=None, handler=Page):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            server.socket = context.wrap_socket(
                server.socket, server_side=True, do_handshake_on_connect=False
            )
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return server.server_address[1]

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_all_is_well(server, secret):
    report = doctor(server, secret)
    assert (report.status, report.whole["wrong"]) == (0, None), report.ended
    assert report.states() == ["ok"] * 9
    assert "planted-value" not in report.ended.stdout + report.ended.stderr
    assert server.ready["owner"]["clientSecret"] not in report.ended.stdout
    report = doctor(server, server.vault_url())
    assert report.states() == ["ok"] * 8
    assert "secrets and keys and certificates" in report.steps["role"]["found"]


def test_people_read_what_is_wrong_and_what_to_do(server, secret):
    ended = run(server, secret)
    assert ended.returncode == 0, ended
    lines = [line.split()[:2] for line in ended.stdout.splitlines()]
    assert lines == [["ok", step] for step in ON_THE_WAY]
    ended = run(server, secret, AZURE_CLIENT_SECRET="wrong")
    assert ended.returncode == 4
    assert "WRONG  token       sign-in failed: AADSTS7000215" in ended.stdout
    assert ended.stdout.splitlines()[-1].strip().startswith("next: ")


def test_a_ready_file_is_enough(server, secret):
    nothing = dict.fromkeys([*TRUST, *(n for n in os.environ if n.startswith("AZURE_"))])
    report = doctor(server, secret, "--ready-file", str(server.ready_file), **nothing)
    assert report.states() == ["ok"] * 9
    assert server.ready["caFile"] in report.steps["tls"]["found"]


def test_what_is_no_url_is_wrong_use(server):
    for url in ["http://dev.vault.localhost", "", "https://user:word@dev.vault.localhost"]:
        ended = run(server, url)
        assert (ended.returncode, ended.stdout) == (2, ""), ended


def test_a_name_that_does_not_resolve(server):
    report = doctor(server, "https://dev.vault.doctor.invalid")
    report.is_wrong("name", "unresolved", 1)
    assert report.last() == "name"


def test_a_port_at_which_nobody_listens(server):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"https://dev.vault.localhost:{closed.getsockname()[1]}"
        report = doctor(server, url)
    found = report.is_wrong("connection", "refused", 1)
    assert f"this installation is at port {server.ready['port']}" in found["next"]
    assert report.last() == "connection"


def test_a_service_without_tls(server, serve):
    report = doctor(server, f"https://dev.vault.localhost:{serve()}")
    report.is_wrong("tls", "notTls", 1)
    assert report.last() == "tls"


def test_an_authority_that_is_not_trusted(server, secret, authority):
    report = doctor(server, secret, **authority.trusted())
    found = report.is_wrong("tls", "unknownAuthority", 1)
    assert "SSL_CERT_FILE" in found["next"] and report.last() == "tls"
    report = doctor(server, secret, **dict.fromkeys(TRUST))
    found = report.is_wrong("tls", "unknownAuthority", 1)
    assert "the system's roots" in found["found"]


def test_programs_of_one_language_do_not_trust_it(server, secret, authority):
    report = doctor(server, secret, REQUESTS_CA_BUNDLE=authority.file)
    found = report.is_wrong("tls", "unknownAuthority", 1)["found"]
    assert found.index("REQUESTS_CA_BUNDLE") < found.index("though") < found.index("SSL_CERT_FILE")
    assert report.last() == "object", "the others go on"
    report = doctor(server, secret, REQUESTS_CA_BUNDLE="/nowhere/ca.pem")
    assert "/nowhere/ca.pem" in report.is_wrong("tls", "trustUnusable", 1)["found"]


def test_a_certificate_for_other_names(server):
    report = doctor(server, f"https://dev.other.localhost:{server.ready['port']}")
    found = report.is_wrong("tls", "nameMismatch", 1)
    assert "*.vault.localhost" in found["found"], "says which it has"
    assert report.last() == "tls"


def test_a_certificate_that_has_ended(server, authority, serve):
    port = serve(authority.issue("dev.vault.localhost", days=400))
    report = doctor(server, f"https://dev.vault.localhost:{port}", **authority.trusted())
    report.is_wrong("tls", "expired", 1)


def test_a_clock_that_is_wrong(server, authority, serve):
    class Earlier(Page):
        lag = datetime.timedelta(days=-200)

    port = serve(authority.issue("dev.vault.localhost", days=400), Earlier)
    report = doctor(server, f"https://dev.vault.localhost:{port}", **authority.trusted())
    found = report.is_wrong("tls", "clockSkew", 1)["found"]
    seconds = int(found.split("this machine's clock is ")[1].split()[0])
    assert abs(seconds - 200 * 86400) < 60 and "ahead of" in found


def test_a_web_server_is_no_vault(server, authority, serve):
    port = serve(authority.issue("dev.vault.localhost"))
    report = doctor(server, f"https://dev.vault.localhost:{port}", **authority.trusted())
    report.is_wrong("host", "notAVault", 1)
    assert report.last() == "host"


def test_no_secret_goes_to_another_host(server, authority, serve):
    """It says that it is a vault, with this installation's own authority."""
    seen = []

    class Liar(Page):
        def do_GET(self):
            seen.append(self.headers.get("Authorization"))
            base = f"localhost:{self.server.server_address[1]}"
            challenge = f'Bearer authorization="{server.ready["authority"]}/t", '
            self.send_response(401)
            self.send_header("WWW-Authenticate", challenge + f'resource="https://vault.{base}"')
            self.send_header("Content-Length", "0")
            self.end_headers()

    port = serve(authority.issue("dev.vault.localhost"), Liar)
    url = f"https://dev.vault.localhost:{port}/secrets/a"
    doctor(server, url, **authority.trusted()).is_wrong("token", "authority", 4)
    foreign = unsigned({"alg": "RS256"}, {"aud": "https://vault.azure.net", "iss": "https://sts"})
    file = authority.folder / "token"
    file.write_text(f"{foreign}.{encode(b'signature')}")
    report = doctor(server, url, "--token-file", str(file), **authority.trusted())
    report.is_wrong("token", "audience", 4)
    assert seen and set(seen) == {None}


def forwarder(to):
    """A port that leads to another one, as `ssh -L` and container runtimes make them."""
    listener = socket.create_server(("127.0.0.1", 0))

    def copy(source, sink):
        with source, sink:
            try:
                while part := source.recv(65536):
                    sink.sendall(part)
            except OSError:
                pass

    def accept():
        while True:
            try:
                one, _ = listener.accept()
            except OSError:
                return
            other = socket.create_connection(("127.0.0.1", to))
            for ends in [(one, other), (other.dup(), one.dup())]:
                threading.Thread(target=copy, args=ends, daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    return listener


def test_a_port_that_the_server_does_not_know(server):
    with forwarder(server.ready["port"]) as listener:
        port = listener.getsockname()[1]
        report = doctor(server, f"https://dev.vault.localhost:{port}")
    found = report.is_wrong("host", "wrongPort", 1)
    assert server.resource() in found["found"]


def test_a_host_that_is_not_served(server):
    report = doctor(server, f"https://dev.managedhsm.localhost:{server.ready['port']}")
    report.is_wrong("host", "unknownHost", 1)


def test_a_deleted_vault(server, vault):
    url = server.vault_url(vault)
    server.cli("vault", "delete", vault)
    found = doctor(server, url).is_wrong("vault", "deleted", 3)
    assert f"strongroom vault recover {vault}" in found["next"]
    nobody = as_identity(server.create_identity("doctor-nobody"))
    report = doctor(server, url, **nobody)
    assert "not known" in report.is_wrong("vault", "vaultNotFound", 3)["found"]
    report = doctor(server, url, "--data", str(server.data), **nobody)
    assert report.last() == "vault"
    # The ready file of this server lies elsewhere; its socket is in the directory all the same.
    report.is_wrong("vault", "deleted", 3)
    server.cli("vault", "recover", vault)
    assert doctor(server, url).status == 0


def test_a_vault_that_never_was(server):
    url = server.vault_url(vault_name("never"))
    doctor(server, url).is_wrong("vault", "vaultNotFound", 3)
    report = doctor(server, url, "--data", str(server.data))
    assert "none of that name is deleted" in report.is_wrong("vault", "vaultNotFound", 3)["found"]


def test_a_firewall_that_keeps_this_machine_out(server, vault):
    url = server.vault_url(vault)
    server.cli("vault", "update", vault, "--default-action", "Deny",
               "--network-acls-ips", "192.0.2.7")
    report = doctor(server, url)
    found = report.is_wrong("firewall", "firewall", 4)
    assert "127.0.0.1" in found["next"] or "::1" in found["next"], "as the server sees it"
    assert report.steps["vault"]["state"] == "ok" and report.last() == "firewall"
    server.cli("vault", "update", vault, "--public-network-access", "Disabled")
    doctor(server, url).is_wrong("firewall", "publicAccessDisabled", 4)
    server.cli("vault", "unlock", vault)
    assert doctor(server, url).status == 0


@pytest.mark.parametrize(
    ("code", "environment"),
    [
        ("wrongSecret", {"AZURE_CLIENT_SECRET": "wrong"}),
        ("unknownClient", {"AZURE_CLIENT_ID": "00000000-0000-4000-8000-000000000001"}),
        ("tenant", {"AZURE_TENANT_ID": "00000000-0000-4000-8000-000000000001"}),
        ("tenant", {"AZURE_TENANT_ID": "elsewhere"}),
        ("authority", {"AZURE_AUTHORITY_HOST": "https://login.kv.example"}),
        ("authority", {"AZURE_AUTHORITY_HOST": None}),
        ("noCredential", {"AZURE_CLIENT_SECRET": None}),
        ("noCredential", {"AZURE_CLIENT_ID": None, "AZURE_AUTHORITY_HOST": None}),
    ],
)
def test_a_sign_in_that_fails(server, secret, code, environment):
    report = doctor(server, secret, **environment)
    report.is_wrong("token", code, 4)
    assert report.steps["vault"]["state"] == report.steps["firewall"]["state"] == "unknown"
    assert report.last() == "token"


def test_the_server_on_this_machine_knows_without_a_token(server, secret):
    wrong = {"AZURE_CLIENT_SECRET": "wrong"}
    report = doctor(server, secret, "--data", str(server.data), **wrong)
    report.is_wrong("token", "wrongSecret", 4)
    assert report.steps["vault"]["state"] == report.steps["firewall"]["state"] == "ok"


def test_a_token_that_is_refused(server, secret, tmp_path):
    token, file = server.token(), tmp_path / "token"

    def told(text):
        file.write_text(text)
        return doctor(server, secret, "--token-file", str(file), AZURE_CLIENT_SECRET="wrong")

    assert told(token).status == 0
    told(signed_by_a_stranger(token)).is_wrong("token", "signature", 4)
    told(server.token(resource=management_url(server))).is_wrong("token", "audience", 4)
    told("no token").is_wrong("token", "malformedToken", 4)
    file.unlink()
    report = doctor(server, secret, "--token-file", str(file))
    report.is_wrong("token", "noCredential", 4)


def test_a_caller_without_a_role(server, secret):
    identity = server.create_identity("doctor-no-role")
    report = doctor(server, secret, **as_identity(identity))
    found = report.is_wrong("role", "noRole", 4)
    scope = server.vault_id() + "/secrets/" + secret.rsplit("/", 1)[1]
    assert "microsoft.keyvault/vaults/secrets/getsecret/action" in found["found"].lower()
    assert scope.lower() in found["found"].lower()
    assert object_of(server, identity) in found["found"]
    assert "'Key Vault Secrets User'" in found["next"]
    doctor(server, server.vault_url(), **as_identity(identity)).is_wrong("role", "noRole", 4)
    server.cli("role", "assignment", "create", "--assignee", identity["appId"],
               "--role", "Key Vault Secrets User", "--scope", scope)
    assert doctor(server, secret, **as_identity(identity)).status == 0


def test_who_may_ask_is_told_why(server, secret):
    """An owner without a data role: the control plane explains it, and so does the host."""
    owner = server.create_identity("doctor-owner", "Owner", server.vault_id())
    nobody = server.create_identity("doctor-stranger", "Key Vault Crypto User", server.vault_id())
    for identity, options in [(owner, []), (nobody, ["--data", str(server.data)])]:
        report = doctor(server, secret, *options, **as_identity(identity))
        found = report.is_wrong("role", "noRole", 4)["found"]
        role = "Owner" if identity is owner else "Key Vault Crypto User"
        assert "explained: " in found and role in found.split("explained: ")[1]
    found = doctor(server, secret, **as_identity(nobody)).is_wrong("role", "noRole", 4)["found"]
    assert "explained: " not in found, "who has no rights is not told"


def test_some_rights(server):
    scope = server.vault_id()
    identity = server.create_identity("doctor-crypto", "Key Vault Crypto User", scope)
    report = doctor(server, server.vault_url(), **as_identity(identity))
    assert report.status == 0
    assert "may list keys; not secrets and certificates" in report.steps["role"]["found"]


def test_a_vault_of_access_policies(server, vault):
    server.cli("vault", "update", vault, "--enable-rbac-authorization", "false")
    url = f"{server.vault_url(vault)}/secrets/a"
    report = doctor(server, url)
    found = report.is_wrong("role", "noPermission", 4)
    assert "az keyvault set-policy" in found["next"]
    _, claims = header_and_claims(server.token())
    server.cli("vault", "set-policy", vault, "--object-id", claims["oid"],
               "--secret-permissions", "get", "set")
    doctor(server, url).is_wrong("object", "objectNotFound", 3)


def test_the_object_itself(server, raw, secret, name):
    report = doctor(server, secret + "-other")
    report.is_wrong("object", "objectNotFound", 3)
    assert report.steps["role"]["state"] == "ok"
    raw.call("PATCH", f"/secrets/{name}", {"attributes": {"enabled": False}})
    report = doctor(server, secret)
    assert "SecretDisabled" in report.is_wrong("object", "objectNotUsable", 4)["found"]


def test_the_other_hosts(server):
    report = doctor(server, server.ready["authority"])
    assert report.status == 0 and "vault" not in report.steps, report.ended
    assert doctor(server, server.ready["graph"]).status == 0
    management = management_url(server)
    report = doctor(server, management)
    assert report.status == 0 and report.last() == "role", report.ended
    nobody = as_identity(server.create_identity("doctor-outsider"))
    doctor(server, management, **nobody).is_wrong("role", "noRole", 4)
    url = f"{management}{Arm(server).vault_path('dev')}?api-version=2026-02-01"
    assert doctor(server, url).status == 0
    doctor(server, url, **nobody).is_wrong("role", "noRole", 4)


def test_a_token_that_has_ended(server, secret, tmp_path):
    """The last one: the clock moves."""
    file = tmp_path / "token"
    file.write_text(server.token())
    server.cli("clock", "advance", "2h")
    report = doctor(server, secret, "--token-file", str(file))
    report.is_wrong("token", "expired", 4)
    assert doctor(server, secret).status == 0, "by sign-in it gets a new one"
