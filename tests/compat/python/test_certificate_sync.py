"""`strongroom certificate sync`: files, and a command when they change; nginx in the end."""

import contextlib
import json
import os
import shutil
import socket
import ssl
import stat
import subprocess
import time

import pytest
from azure.keyvault.certificates import CertificatePolicyAction, LifetimeAction
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from authority import loaded, public_bytes
from moments import Moments
from ports import free_port
from strongroom import Strongroom
from test_certificates import made, policy_of

OPTIONS = ("--clock", "manual")
NGINX = shutil.which("nginx") or "/usr/sbin/nginx"


@pytest.fixture
def now(server):
    return Moments(server)


def renewing(**members):
    """Ten months of life, renewed at half of it."""
    action = LifetimeAction(CertificatePolicyAction.auto_renew, lifetime_percentage=50)
    return policy_of(key_type="EC", validity_in_months=10, lifetime_actions=[action], **members)


def command(server, name, *words):
    return [server.binary, "certificate", "sync", name, *map(str, words),
            "--ready-file", server.ready_file]


def sync(server, name, *words, environment=None):
    return subprocess.run(command(server, name, *words), capture_output=True, text=True,
                          timeout=60, env={**os.environ, **(environment or {})})


@contextlib.contextmanager
def syncing(server, name, *words):
    """It runs until the test ends."""
    running = subprocess.Popen(command(server, name, *words), stdout=subprocess.DEVNULL,
                               stderr=subprocess.PIPE, text=True)
    try:
        yield running
    finally:
        running.terminate()
        running.wait(10)


def until(condition, seconds=20):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.05)


def files(folder):
    return {"cert": folder / "cert.pem", "key": folder / "key.pem",
            "chain": folder / "chain.pem", "all": folder / "all.pem"}


def options(folder):
    found = files(folder)
    return ["--out-cert", found["cert"], "--out-key", found["key"],
            "--out-chain", found["chain"], "--out-pem", found["all"]]


@pytest.mark.parametrize("content_type", ["application/x-pkcs12", "application/x-pem-file"])
def test_once(server, now, name, tmp_path, content_type):
    bundle = made(now.certificates, name, renewing(content_type=content_type))
    marker = tmp_path / "ran"
    words = [*options(tmp_path), "--exec", f"touch '{marker}'", "--once"]
    ended = sync(server, name, *words)
    assert ended.returncode == 0, ended
    assert ended.stdout.strip() == bundle.properties.version
    found = files(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {
        *(path.name for path in found.values()), "ran"}
    for path in found.values():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert x509.load_pem_x509_certificates(found["cert"].read_bytes()) == [loaded(bundle)]
    key = serialization.load_pem_private_key(found["key"].read_bytes(), None)
    assert public_bytes(key) == public_bytes(loaded(bundle))
    assert found["chain"].read_bytes() == b""
    assert found["all"].read_bytes() == found["key"].read_bytes() + found["cert"].read_bytes()

    marker.unlink()
    again = sync(server, name, *words)
    assert (again.returncode, again.stdout) == (0, ""), again
    assert not marker.exists(), "nothing has changed"


def test_a_command_that_failed_is_run_again(server, now, name, tmp_path):
    made(now.certificates, name, renewing())
    out = ["--out-pem", tmp_path / "all.pem", "--once"]
    failed = sync(server, name, *out, "--exec", "false")
    assert failed.returncode == 1 and "false" in failed.stderr, failed
    marker = tmp_path / "ran"
    for _ in range(2):
        assert sync(server, name, *out, "--exec", f"touch {marker}").returncode == 0
        assert marker.exists()
    marker.unlink()
    assert sync(server, name, *out, "--exec", f"touch {marker}").returncode == 0
    assert not marker.exists()


def test_no_shell_and_no_secret(server, now, name, tmp_path):
    made(now.certificates, name, renewing())
    seen = tmp_path / "seen"
    words = ["--out-cert", tmp_path / "cert.pem", "--once", "--exec",
             f"sh -c 'env > {seen}; echo \"$@\" >> {seen}' x $HOME ; `id`"]
    ended = sync(server, name, *words, environment={"AZURE_CLIENT_SECRET": "hidden"})
    assert ended.returncode == 0, ended
    text = seen.read_text()
    assert text.endswith("$HOME ; `id`\n")
    assert "AZURE_CLIENT_SECRET" not in text and "hidden" not in text


def test_a_key_that_stays_in_the_vault(server, now, name, tmp_path):
    made(now.certificates, name, renewing(exportable=False))
    cert = tmp_path / "cert.pem"
    assert sync(server, name, "--out-cert", cert, "--once").returncode == 0
    assert cert.exists()
    for option in ("--out-key", "--out-pem"):
        refused = sync(server, name, option, tmp_path / "key.pem", "--once")
        assert refused.returncode == 1 and "exportable" in refused.stderr, refused
    assert not (tmp_path / "key.pem").exists()


def test_failures_have_their_exit_status(server, now, name, tmp_path):
    out = ["--out-cert", tmp_path / "cert.pem", "--once"]
    assert sync(server, name, *out).returncode == 3
    made(now.certificates, name, renewing())
    nowhere = sync(server, name, "--out-cert", tmp_path / "nowhere" / "cert.pem", "--once")
    assert nowhere.returncode == 1, nowhere
    assert sync(server, name, "--once").returncode == 2
    assert not list(tmp_path.iterdir())


def test_it_goes_on_when_the_server_comes_back(tmp_path):
    """A server that is away is no reason to stop."""
    (tmp_path / "server").mkdir()
    server = Strongroom(tmp_path / "server")
    server.start()
    try:
        with server.environment():
            made(Moments(server).certificates, "web", renewing())
            cert = tmp_path / "cert.pem"
            with syncing(server, "web", "--out-cert", cert, "--interval", "1s") as running:
                until(cert.exists)
                server.stop()
                cert.unlink()
                time.sleep(2)
                assert running.poll() is None, "it gave up"
                server.start()
                until(cert.exists)
    finally:
        server.kill()


CONFIG = """
daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log info; worker_processes 1;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port} ssl;
        ssl_certificate {folder}/cert.pem;
        ssl_certificate_key {folder}/key.pem;
        location / {{ return 200 "served\\n"; }}
    }}
}}
"""


def page(port, certificate, host="web.example"):
    """The page, from whoever shows exactly this certificate; `None` from anybody else. OpenSSL
    believes in no certificate of the future, so the name and the signature are checked, not the
    time."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with socket.create_connection(("127.0.0.1", port), 10) as plain:
        with context.wrap_socket(plain, server_hostname=host) as connection:
            shown = x509.load_der_x509_certificate(connection.getpeercert(True))
            if shown != certificate:
                return None
            connection.sendall(f"GET / HTTP/1.0\r\nHost: {host}\r\n\r\n".encode())
            answer = b"".join(iter(lambda: connection.recv(4096), b""))
            return answer.split(b"\r\n\r\n", 1)[1].decode()


@contextlib.contextmanager
def nginx(folder, port):
    config = folder / "nginx.conf"
    config.write_text(CONFIG.format(folder=folder, port=port))
    serving = subprocess.Popen([NGINX, "-p", folder, "-c", config])
    try:
        until(lambda: (folder / "nginx.pid").exists() and (folder / "nginx.pid").read_text())
        yield config
    finally:
        serving.terminate()
        serving.wait(10)


def test_nginx_serves_the_renewed_certificate(server, now, name, tmp_path):
    """Debian's nginx, a certificate of the vault, a renewal by policy, and a reload by sync."""
    assert os.path.exists(NGINX), "install nginx"
    first = made(now.certificates, name, renewing(san_dns_names=["web.example"]))
    out = ["--out-cert", tmp_path / "cert.pem", "--out-key", tmp_path / "key.pem"]
    assert sync(server, name, *out, "--once").returncode == 0
    port = free_port()
    with nginx(tmp_path, port) as config:
        until(lambda: page(port, loaded(first)) == "served\n")
        reload = f"{NGINX} -p {tmp_path} -c {config} -s reload"
        with syncing(server, name, *out, "--interval", "1s", "--exec", reload):
            now.advance("160d")
            now.wait_for(name, 2)
            second = loaded(now.certificates.get_certificate(name))
            assert second != loaded(first)
            until(lambda: page(port, second) == "served\n")
        assert "emerg" not in (tmp_path / "error.log").read_text()


def test_keytool_and_openssl_read_the_download(server, now, name, tmp_path):
    bundle = made(now.certificates, name, renewing())
    target = tmp_path / "web.pfx"
    words = [server.binary, "certificate", "download", name, "--file", target,
             "--encoding", "PFX", "--ready-file", server.ready_file]
    subprocess.run(words, check=True, timeout=60)
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    listed = subprocess.run(
        ["openssl", "pkcs12", "-in", target, "-passin", "pass:", "-nodes"],
        capture_output=True, check=True, timeout=60).stdout
    assert x509.load_pem_x509_certificates(listed) == [loaded(bundle)]
    key = serialization.load_pem_private_key(listed[listed.index(b"-----BEGIN PRIVATE"):], None)
    assert public_bytes(key) == public_bytes(loaded(bundle))

    # keytool opens no store without a password: it imports one that has none by asking for none.
    listed = subprocess.run(
        ["keytool", "-list", "-v", "-storetype", "PKCS12", "-keystore", target,
         "-storepass", ""], capture_output=True, text=True, timeout=60)
    assert listed.returncode == 0, listed
    thumbprint = bytes(bundle.properties.x509_thumbprint).hex(":").upper()
    assert "PrivateKeyEntry" in listed.stdout and thumbprint in listed.stdout, listed


def test_show_is_json_that_scripts_read(server, now, name):
    bundle = made(now.certificates, name, renewing())
    words = [server.binary, "certificate", "show", name, "--ready-file", server.ready_file]
    shown = json.loads(subprocess.run(words, capture_output=True, check=True, timeout=60).stdout)
    assert shown["x509ThumbprintHex"] == bytes(bundle.properties.x509_thumbprint).hex().upper()
    assert shown["policy"]["issuerParameters"]["name"] == "Self"
