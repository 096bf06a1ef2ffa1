"""An ACME authority (RFC 8555) that never comes to an end: its orders stay pending, and it may list
their authorizations as often as it likes. It checks no signature."""

import base64
import http.server
import itertools
import json
import threading

from issuer import Issuer


class Hostile(Issuer):
    """`listed`: how often each authorization is listed."""

    def __init__(self, folder, listed=1):
        folder.mkdir(exist_ok=True)
        self.listed, self.orders, self.lock = listed, [], threading.Lock()
        self.numbers = itertools.count(1)
        super().__init__(folder)

    def directory(self):
        names = {"newNonce": "nonce", "newAccount": "account", "newOrder": "order",
                 "revokeCert": "revoke", "keyChange": "key"}
        return {name: f"{self.url}/{path}" for name, path in names.items()}

    def order(self, number):
        names = self.orders[number]["names"]
        return {"status": "pending", "finalize": f"{self.url}/finalize/{number}",
                "identifiers": [{"type": "dns", "value": name} for name in names],
                "authorizations": [f"{self.url}/authz/{number}/{at}"
                                   for at in range(len(names))] * self.listed}

    def answer(self, path, payload):
        """Status, headers, body."""
        if path == "/account":
            return 201, {"Location": f"{self.url}/account/1"}, {"status": "valid"}
        if path == "/order":
            names = [one["value"] for one in payload["identifiers"]]
            self.orders.append({"names": names})
            number = len(self.orders) - 1
            return 201, {"Location": f"{self.url}/order/{number}"}, self.order(number)
        kind, *rest = path.strip("/").split("/")
        if kind == "order":
            return 200, {}, self.order(int(rest[0]))
        if kind == "authz":
            name = self.orders[int(rest[0])]["names"][int(rest[1])]
            kinds = ("http-01", "dns-01", "tls-alpn-01")
            challenges = [{"type": one, "url": f"{self.url}/challenge", "status": "pending",
                           "token": f"token-{rest[0]}-{rest[1]}"} for one in kinds]
            return 200, {}, {"status": "pending", "challenges": challenges,
                             "identifier": {"type": "dns", "value": name}}
        if kind == "challenge":
            return 200, {}, {"type": "dns-01", "url": f"{self.url}/challenge", "token": "t",
                             "status": "processing"}
        return 404, {}, {"type": "urn:ietf:params:acme:error:malformed"}

    def _handler(self):
        authority = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_HEAD(self):
                self._send(200, {}, None)

            def do_GET(self):
                authority.asked.append(self.path)
                self._send(200, {}, authority.directory())

            def do_POST(self):
                authority.asked.append(self.path)
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                text = body["payload"]
                text = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
                with authority.lock:
                    self._send(*authority.answer(self.path, json.loads(text) if text else None))

            def _send(self, status, headers, body):
                body = b"" if body is None else json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.send_header("Replay-Nonce", f"nonce{next(authority.numbers)}")
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        return Handler
