"""HTTP as written: no client library tidies the request on its way."""

import http.client
import json
import ssl
from dataclasses import dataclass
from urllib.parse import quote, urlencode, urlsplit


@dataclass
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    def json(self):
        return json.loads(self.body)

    @property
    def error(self):
        """The `error` object of Azure's error shape; anything else is a failure."""
        body = self.json()
        assert set(body) == {"error"}, body
        assert isinstance(body["error"]["code"], str), body
        assert isinstance(body["error"]["message"], str), body
        return body["error"]

    @property
    def code(self):
        return self.error["code"]

    @property
    def message(self):
        return self.error["message"]

    @property
    def inner_code(self):
        return self.error.get("innererror", {}).get("code")


class Raw:
    """One kept-alive connection to a vault, with certificates verified."""

    def __init__(self, url, ca_file, token=""):
        self.host = urlsplit(url).netloc
        self.token = token
        context = ssl.create_default_context(cafile=ca_file)
        self.connection = http.client.HTTPSConnection(self.host, context=context, timeout=60)

    def send(self, method, target, body=None, **headers):
        """`body`: bytes as they are, anything else as JSON. Header names: `_` for `-`."""
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.token:
            headers.setdefault("Authorization", f"Bearer {self.token}")
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        if body is not None:
            headers.setdefault("Content-Type", "application/json")
        self.connection.request(method, target, body, headers)
        response = self.connection.getresponse()
        return Answer(response.status, response.headers, response.read())

    def call(self, method, path, body=None, version="7.4", **query):
        """A well-formed request: path, api-version, further query."""
        query = urlencode({"api-version": version, **query}, safe="$", quote_via=quote)
        return self.send(method, f"{path}?{query}", body)

    def set(self, name, value="v", **members):
        """Sets a secret that must be set, and returns its bundle."""
        answer = self.call("PUT", f"/secrets/{name}", {"value": value, **members})
        assert answer.status == 200, answer
        return answer.json()


def fetch(url, ca_file, method="GET", body=None, headers=None):
    """One request on a connection of its own."""
    parts = urlsplit(url)
    context = ssl.create_default_context(cafile=ca_file)
    connection = http.client.HTTPSConnection(parts.netloc, context=context, timeout=60)
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    connection.request(method, target, body, headers or {})
    response = connection.getresponse()
    answer = Answer(response.status, response.headers, response.read())
    connection.close()
    return answer


def post_form(url, form, ca_file):
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    return fetch(url, ca_file, "POST", urlencode(form).encode(), headers)
