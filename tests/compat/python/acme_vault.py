"""A vault whose authority serves ACME, and clients of it that are not ours."""

import os
import subprocess
from pathlib import Path

from cryptography import x509

API = "2025-07-01"


def create_authority(raw, name, issuer="Self", path_len=None):
    """A certificate of the vault that may issue others."""
    policy = {
        "key_props": {"kty": "EC", "crv": "P-256", "exportable": False},
        "x509_props": {
            "subject": f"CN={name}",
            "validity_months": 60,
            "key_usage": ["keyCertSign", "cRLSign", "digitalSignature"],
            "ekus": [],
            "basic_constraints": {"ca": True},
        },
        "issuer": {"name": issuer},
    }
    if path_len is not None:
        policy["x509_props"]["basic_constraints"]["path_len"] = path_len
    answer = raw.call("POST", f"/certificates/{name}/create", {"policy": policy}, API)
    assert answer.status == 202, answer
    pending = raw.call("GET", f"/certificates/{name}/pending", version=API).json()
    assert pending["status"] == "completed", pending


def create_issuer(raw, name, authority, **profile):
    body = {"provider": "Strongroom", "org_details": {"id": authority}, "strongroom": profile}
    answer = raw.call("PUT", f"/certificates/issuers/{name}", body, API)
    assert answer.status == 200, answer


def binding(raw, issuer):
    """A key that binds one account to whoever asks: its id, and the key in base64url."""
    answer = raw.call("POST", f"/certificates/issuers/{issuer}/eab", {}, API)
    assert answer.status == 200, answer
    body = answer.json()
    return body["key_id"], body["hmac_key"]


def run(command, env=None, check=True, timeout=120):
    environment = {**os.environ, **(env or {})}
    ended = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                           timeout=timeout, env=environment)
    if check:
        assert ended.returncode == 0, f"{command}: {ended.stdout}{ended.stderr}"
    return ended


class Certbot:
    """Debian's certbot with a folder of its own."""

    def __init__(self, folder, directory, ca_file, http_port):
        self.folder, self.directory = Path(folder), directory
        self.ca_file, self.http_port = ca_file, http_port

    def run(self, *arguments, check=True):
        folders = [f"--{kind}-dir={self.folder / kind}" for kind in ("config", "work", "logs")]
        command = ["certbot", *arguments, "--non-interactive", *folders,
                   "--server", self.directory]
        return run(command, {"REQUESTS_CA_BUNDLE": self.ca_file}, check)

    def obtain(self, *names, eab=None, check=True, options=()):
        eab = ["--eab-kid", eab[0], "--eab-hmac-key", eab[1]] if eab else []
        domains = [part for name in names for part in ("-d", name)]
        return self.run("certonly", "--standalone", "--agree-tos", "--no-eff-email",
                        "--email", "ops@example.com", "--preferred-challenges", "http",
                        "--http-01-address", "127.0.0.1",
                        "--http-01-port", str(self.http_port), *eab, *domains, *options,
                        check=check)

    def log(self):
        """What was said in the last run."""
        return (self.folder / "logs" / "letsencrypt.log").read_text()

    def chain(self, name):
        pem = (self.folder / "config" / "live" / name / "fullchain.pem").read_bytes()
        return x509.load_pem_x509_certificates(pem)
