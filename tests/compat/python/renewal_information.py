"""An authority with renewal information (RFC 9773), which pebble 2.4 lacks: a server in front of
pebble that adds it. pebble builds its URLs from the Host header, so all of them lead here."""

import base64
import datetime
import http.server
import json
import ssl
import threading
import urllib.error
import urllib.request


class WithRenewalInformation:
    """Serves at https://localhost:PORT with pebble's own certificate."""

    def __init__(self, pebble):
        self.pebble = pebble
        self.windows = {}
        self.asked, self.replaced = [], []
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(pebble.folder / "cert.pem", pebble.folder / "key.pem")
        self.server.socket = tls.wrap_socket(self.server.socket, server_side=True)
        self.host = f"localhost:{self.server.server_address[1]}"
        self.url = f"https://{self.host}/dir"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def _window(self, identifier):
        """A month from now, unless the test says otherwise."""
        self.asked.append(identifier)
        now = datetime.datetime.now(datetime.timezone.utc)
        first, last = self.windows.get(identifier) or (
            now + datetime.timedelta(days=400), now + datetime.timedelta(days=401))
        written = [at.strftime("%Y-%m-%dT%H:%M:%SZ") for at in (first, last)]
        return {"suggestedWindow": dict(zip(("start", "end"), written))}

    def _note(self, body):
        """What an order says that it replaces."""
        payload = json.loads(body)["payload"]
        payload = json.loads(base64.urlsafe_b64decode(payload + "==") or b"{}")
        if "identifiers" not in payload:
            return body
        if "replaces" in payload:
            self.replaced.append(payload["replaces"])
        return body

    def _handler(self):
        front = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                if self.path.startswith("/renewal-info/"):
                    window = front._window(self.path.rsplit("/", 1)[1])
                    return self._send(200, {"Retry-After": "60"}, json.dumps(window).encode())
                return self._forward(None)

            do_HEAD = do_GET

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                self._forward(front._note(body))

            def _forward(self, body):
                context = ssl.create_default_context(cafile=front.pebble.ca_file)
                request = urllib.request.Request(
                    f"https://localhost:{front.pebble.port}{self.path}", body,
                    {"Host": front.host, "Content-Type": "application/jose+json"},
                    method=self.command)
                try:
                    answer = urllib.request.urlopen(request, context=context, timeout=20)
                except urllib.error.HTTPError as refused:
                    answer = refused
                with answer:
                    content = answer.read()
                    if self.path == "/dir":
                        renewal = f"https://{front.host}/renewal-info"
                        content = json.dumps({**json.loads(content), "renewalInfo": renewal})
                        content = content.encode()
                    elif b'"authorizations"' in content and front.replaced:
                        content = self._reflected(content)
                    kept = ("Replay-Nonce", "Location", "Content-Type", "Retry-After", "Link")
                    headers = {name: answer.headers[name] for name in kept
                               if answer.headers[name]}
                    self._send(answer.status, headers, content)

            def _reflected(self, content):
                """RFC 9773, 5: an order says what it replaces."""
                return json.dumps({**json.loads(content), "replaces": front.replaced[-1]}).encode()

            def _send(self, status, headers, content):
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(content)

            def log_message(self, *_):
                pass

        return Handler
