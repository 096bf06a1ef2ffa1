"""An SMTP server for tests: aiosmtpd, with STARTTLS, TLS from the start, or neither; and what
misbehaving ones do."""

import contextlib
import socket
import ssl
import threading
import time
from email import message_from_bytes, policy

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

from authority import Authority, PEM, new_key, pem
from ports import free_port

HOST = "localhost"


class Post:
    """What arrived, and how."""

    def __init__(self):
        self.letters = []
        self.attempts = 0
        self.answers = []
        self.signed_in = []

    async def handle_RCPT(self, server, session, envelope, address, options):
        self.attempts += 1
        if self.answers:
            answer = self.answers.pop(0)
            if answer:
                return answer
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        message = message_from_bytes(envelope.content, policy=policy.default)
        self.letters.append((envelope.mail_from, list(envelope.rcpt_tos), message))
        return "250 OK"

    def authenticate(self, server, session, envelope, mechanism, data):
        good = (isinstance(data, LoginPassword)
                and (data.login, data.password) == (b"vault", b"s3cret"))
        self.signed_in.append(good)
        return AuthResult(success=good, handled=good)

    def wait_for(self, count, seconds=30):
        deadline = time.monotonic() + seconds
        while len(self.letters) < count and time.monotonic() < deadline:
            time.sleep(0.05)
        assert len(self.letters) >= count, f"{len(self.letters)} of {count} letters came"
        return self.letters


@contextlib.contextmanager
def serving(folder, tls="starttls", auth=False):
    """A server, its letters, and the lines of `[smtp]` that lead there."""
    authority, key = Authority("Mail"), new_key()
    certificate = authority.issue(key.public_key(), name=HOST, sans=[HOST])
    (folder / "ca.pem").write_bytes(authority.certificate.public_bytes(PEM))
    (folder / "server.pem").write_bytes(pem(key, certificate))
    (folder / "password").write_text("s3cret\n")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "server.pem")
    post, port = Post(), free_port()
    options = {"hostname": "127.0.0.1", "port": port}
    if auth:
        options |= {"authenticator": post.authenticate, "auth_required": True,
                    "auth_require_tls": tls == "starttls"}
    if tls == "starttls":
        options |= {"tls_context": context, "require_starttls": True}
    if tls == "implicit":
        options |= {"ssl_context": context}
    controller = Controller(post, **options)
    controller.start()
    lines = [f'host = "{HOST}"', f"port = {port}", f'tls = "{tls}"', 'from = "vault@example.com"']
    if tls != "none":
        lines.append(f'ca_file = "{folder}/ca.pem"')
    if auth:
        lines += ['username = "vault"', f'password_file = "{folder}/password"']
    try:
        yield post, lines
    finally:
        controller.stop()


@contextlib.contextmanager
def hanging():
    """A server that takes connections and says nothing; counts them."""
    listener = socket.create_server(("127.0.0.1", 0))
    taken = []

    def take():
        with contextlib.suppress(OSError):
            while True:
                taken.append(listener.accept()[0])

    threading.Thread(target=take, daemon=True).start()
    try:
        yield taken, [f'host = "{HOST}"', f"port = {listener.getsockname()[1]}", 'tls = "none"',
                      'from = "vault@example.com"']
    finally:
        listener.close()
        for connection in taken:
            connection.close()
