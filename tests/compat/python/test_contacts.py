"""A vault's contacts are told of certificates that near their end, through a real SMTP server."""

import contextlib
import time

import pytest
from azure.keyvault.certificates import (
    CertificateContact, CertificatePolicyAction, LifetimeAction,
)

from moments import Moments
from smtp_server import hanging, serving
from strongroom import Strongroom
from test_certificates import made, policy_of

MAIL = CertificatePolicyAction.email_contacts
CONTACTS = ("first@example.com", "second@example.com")


@contextlib.contextmanager
def server_with(folder, lines):
    """A server whose time stands still, with the contacts of its vault."""
    config = folder / "strongroom.toml"
    config.write_text("[smtp]\n" + "\n".join(lines) + "\n")
    server = Strongroom(folder, "--clock", "manual", "--config", str(config))
    try:
        server.start()
        with server.environment():
            now = Moments(server)
            contacts = [CertificateContact(address, "A Name", "1") for address in CONTACTS]
            now.certificates.set_contacts(contacts)
            yield now
        server.stop()
    finally:
        if server.process is not None:
            server.kill()


def near_its_end(now, name="web"):
    """A certificate of a month, and the day on which its contacts are told."""
    action = LifetimeAction(MAIL, days_before_expiry=10)
    policy = policy_of(key_type="EC", validity_in_months=1, lifetime_actions=[action])
    bundle = made(now.certificates, name, policy)
    now.advance("19d", "3d")
    return bundle


@pytest.mark.parametrize("tls, auth", [
    ("starttls", True), ("starttls", False), ("implicit", True), ("none", False),
])
def test_every_contact_is_told_once(tmp_path, tls, auth):
    with serving(tmp_path, tls, auth) as (post, lines), server_with(tmp_path, lines) as now:
        bundle = near_its_end(now)
        letters = post.wait_for(2)
        now.advance("1h")
        time.sleep(1)
        assert len(letters) == 2, "nobody is told twice"
        assert sorted(to for _, (to,), _ in letters) == sorted(CONTACTS)
        assert post.signed_in == ([True] * len(post.signed_in) if auth else [])
        for sender, (recipient,), message in letters:
            assert sender == "vault@example.com"
            assert message["To"] == recipient
            assert "vault@example.com" in message["From"]
            assert message["Auto-Submitted"] == "auto-generated"
            assert message["Message-ID"] and message["Date"]
            assert "web" in message["Subject"] and "dev" in message["Subject"]
            text = message.get_content()
            assert bundle.properties.version in text
            assert bundle.properties.expires_on.strftime("%Y-%m-%d") in text
        assert len({message["Message-ID"] for _, _, message in letters}) == 2


def test_a_server_that_puts_off_is_asked_again(tmp_path):
    with serving(tmp_path) as (post, lines):
        post.answers = ["451 later", "421 not now"]
        with server_with(tmp_path, lines) as now:
            near_its_end(now)
            letters = post.wait_for(2)
            assert sorted(to for _, (to,), _ in letters) == sorted(CONTACTS)
            assert post.attempts == 4


def test_a_server_that_refuses_one_contact_gets_the_other(tmp_path):
    with serving(tmp_path) as (post, lines):
        post.answers = ["550 no such user"]
        with server_with(tmp_path, lines) as now:
            near_its_end(now)
            post.wait_for(1)
            time.sleep(4)
            assert (len(post.letters), post.attempts) == (1, 2), "no is no"
            assert "no such user" in now.server.log.read_text()


def test_a_server_that_hangs_stops_nothing(tmp_path):
    with hanging() as (taken, lines), server_with(tmp_path, lines) as now:
        begun = time.monotonic()
        near_its_end(now)
        made(now.certificates, "another", policy_of(key_type="EC"))
        assert time.monotonic() - begun < 15
        deadline = time.monotonic() + 10
        while not taken and time.monotonic() < deadline:
            time.sleep(0.05)
        assert taken, "nobody asked the server"


def test_a_server_of_a_stranger_gets_nothing(tmp_path):
    """Its certificate is not vouched for by the authority that the operator named."""
    (tmp_path / "theirs").mkdir()
    with serving(tmp_path / "theirs") as (post, lines):
        (tmp_path / "ours").mkdir()
        with serving(tmp_path / "ours") as (_, ours):
            wrong = [line for line in ours if line.startswith("ca_file")]
            lines = [line for line in lines if not line.startswith("ca_file")] + wrong
            with server_with(tmp_path, lines) as now:
                near_its_end(now)
                deadline = time.monotonic() + 15
                while "not sent" not in now.server.log.read_text():
                    assert time.monotonic() < deadline, "nothing was tried"
                    time.sleep(0.1)
                assert not post.letters and not post.attempts


def test_without_starttls_no_password_is_sent(tmp_path):
    """A server in the middle may take the offer away; the letter then does not go."""
    with serving(tmp_path, "none") as (post, lines):
        lines = [line for line in lines if not line.startswith("tls")] + [
            'tls = "starttls"', 'username = "vault"', f'password_file = "{tmp_path}/password"']
        with server_with(tmp_path, lines) as now:
            near_its_end(now)
            deadline = time.monotonic() + 15
            while "not sent" not in now.server.log.read_text():
                assert time.monotonic() < deadline, "nothing was tried"
                time.sleep(0.1)
            assert not post.letters and not post.signed_in
            assert "s3cret" not in now.server.log.read_text()


def test_names_are_no_headers(tmp_path):
    """A contact's address is checked, and no other member reaches a header."""
    with serving(tmp_path) as (post, lines), server_with(tmp_path, lines) as now:
        evil = "second@example.com\r\nBcc: third@example.com"
        answer = now.raw.call("PUT", "/certificates/contacts", {"contacts": [
            {"email": "first@example.com", "name": "A\r\nBcc: third@example.com"},
            {"email": evil},
        ]})
        near_its_end(now)
        if answer.status != 200:
            assert answer.status == 400, answer
            post.wait_for(2)
        else:
            post.wait_for(1)
            time.sleep(1)
        for _, recipients, message in post.letters:
            assert len(recipients) == 1 and recipients[0] in CONTACTS
            assert message["Bcc"] is None
