"""An OpenID Connect issuer of another house: discovery, keys and tokens, over TLS."""

import datetime
import http.server
import json
import ssl
import threading
import time

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from forge import encode, unsigned


class Issuer:
    """Serves at https://localhost:PORT; `keys` may be changed while it runs."""

    def __init__(self, folder):
        self.keys = {"first": rsa.generate_private_key(65537, 2048)}
        self.asked = []
        self.ca_file = folder / "issuer-ca.pem"
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.server.socket = self._tls(folder).wrap_socket(self.server.socket, server_side=True)
        self.url = f"https://localhost:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def _tls(self, folder):
        ca_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
        ca = certificate("issuer CA", ca_key.public_key(), ca_key, ca=True)
        leaf = certificate("localhost", key.public_key(), ca_key, ca=False)
        self.ca_file.write_bytes(ca.public_bytes(Encoding.PEM))
        served = folder / "issuer.pem"
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        served.write_bytes(private + leaf.public_bytes(Encoding.PEM))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(served)
        return context

    def _handler(self):
        issuer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                issuer.asked.append(self.path)
                body = json.dumps(issuer.document(self.path)).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        return Handler

    def document(self, path):
        if path == "/.well-known/openid-configuration":
            return {"issuer": self.url, "jwks_uri": f"{self.url}/keys"}
        return {"keys": [jwk(name, key.public_key()) for name, key in self.keys.items()]}

    def token(self, key="first", **claims):
        """A token as it should be, save for the claims given; None takes one away."""
        now = int(time.time())
        claims = {"iss": self.url, "sub": "someone", "iat": now, "nbf": now, "exp": now + 600,
                  **claims}
        claims = {name: value for name, value in claims.items() if value is not None}
        text = unsigned({"alg": "RS256", "typ": "JWT", "kid": key}, claims)
        signature = self.keys[key].sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{text}.{encode(signature)}"


def jwk(name, public):
    numbers = public.public_numbers()
    n, e = (encode(number.to_bytes((number.bit_length() + 7) // 8)) for number in
            (numbers.n, numbers.e))
    return {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": name, "n": n, "e": e}


def certificate(name, public, ca_key, ca):
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "issuer CA")]))
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca, None), critical=True)
    )
    if not ca:
        names = x509.SubjectAlternativeName([x509.DNSName("localhost")])
        builder = builder.add_extension(names, critical=False)
    return builder.sign(ca_key, hashes.SHA256())
