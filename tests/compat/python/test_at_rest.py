"""On disk nothing secret lies in clear, and no file is open to others."""

import base64
import stat

import pytest

PLANTED = {
    "value": "planted-value-9d3f6a1c",
    "tag name": "planted-tag-4b7e2d",
    "tag value": "planted-meaning-8c5a",
    "content type": "planted-type-6f1b3e",
}


def spellings(text):
    """As it is, in UTF-16, in hexadecimal, and in base64 at each of the three alignments."""
    raw = text.encode()
    yield from (raw, text.encode("utf-16-le"), raw.hex().encode())
    for lead in range(3):
        inner = base64.b64encode(b"\0" * lead + raw).rstrip(b"=")
        yield inner[4 if lead else 0 : -1]
        yield inner[4 if lead else 0 : -1].replace(b"+", b"-").replace(b"/", b"_")


def files(server):
    kept = [path for path in server.data.rglob("*") if path.is_file()]
    assert kept
    return [*kept, server.log]


def assert_absent(server, what, text):
    for path in files(server):
        raw = path.read_bytes()
        for spelling in spellings(text):
            assert spelling not in raw, f"{what} lies in clear in {path}"


@pytest.fixture(scope="module")
def used(server):
    """Everything that touches a value: set, update, backup, delete, restore, refusals."""
    raw = server.raw()
    for number in range(50):
        raw.set(
            f"planted-{number}",
            PLANTED["value"],
            tags={PLANTED["tag name"]: PLANTED["tag value"]},
            contentType=PLANTED["content type"],
        )
    raw.call("GET", "/secrets/planted-1")
    blob = raw.call("POST", "/secrets/planted-1/backup").json()["value"]
    raw.call("DELETE", "/secrets/planted-1")
    raw.call("DELETE", "/deletedsecrets/planted-1")
    raw.call("POST", "/secrets/restore", {"value": blob})
    raw.call("PUT", "/secrets/planted-2", {"value": PLANTED["value"], "tags": 5})
    raw.call("PUT", "/secrets/bad_name", {"value": PLANTED["value"]})
    return raw.token


def test_the_search_finds_what_is_there(server, used, tmp_path):
    """Names are kept in clear: the search must see them."""
    assert any(b"planted-2" in path.read_bytes() for path in files(server))


@pytest.mark.parametrize("what", PLANTED)
def test_while_running(server, used, what):
    assert_absent(server, what, PLANTED[what])


def test_credentials(server, used):
    identity = server.create_identity("planted", "Key Vault Secrets User", server.vault_id())
    token = server.token(identity)
    assert server.raw(token=token).call("GET", "/secrets").status == 200
    assert_absent(server, "the owner's secret", server.ready["owner"]["clientSecret"])
    assert_absent(server, "an identity's secret", identity["password"])
    for bearer in (used, token):
        assert_absent(server, "a token", bearer.rsplit(".", 1)[1])


def test_the_root_key_lies_elsewhere(server, used):
    digits = server.root_key.read_text().split()[-1]
    assert len(digits) == 64
    for path in files(server):
        raw = path.read_bytes()
        assert digits.encode() not in raw and bytes.fromhex(digits) not in raw, path
    for path in (server.root_key, server.ready_file):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path


def test_nobody_else_may_look(server, used):
    assert stat.S_IMODE(server.data.stat().st_mode) == 0o700
    for path in server.data.rglob("*"):
        mode = stat.S_IMODE(path.lstat().st_mode)
        public = path.suffix == ".pem" and b"PRIVATE" not in path.read_bytes()
        assert public or mode & 0o077 == 0, (path, oct(mode))


def test_no_private_key_in_clear(server, used):
    for path in files(server):
        assert b"PRIVATE KEY" not in path.read_bytes(), path


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_after_the_end(server, used, how):
    getattr(server, how)()
    try:
        for what, text in PLANTED.items():
            assert_absent(server, what, text)
    finally:
        server.start()


def test_without_the_root_key_it_does_not_open(server, used):
    server.stop()
    hidden = server.root_key.with_suffix(".hidden")
    server.root_key.rename(hidden)
    try:
        with pytest.raises(AssertionError, match="(?s)root.?key"):
            server.start()
    finally:
        server.kill()
        server.root_key.unlink(missing_ok=True)
        hidden.rename(server.root_key)
        server.start()
    assert server.raw().call("GET", "/secrets/planted-3").json()["value"] == PLANTED["value"]


def test_a_second_server_on_the_same_data_is_refused(server, used):
    command = ["dev", "--root-key", server.root_key, "--ready-file", server.data / "second.json"]
    second = server.cli(*command, check=False)
    assert second.returncode == 1
    assert "in use" in second.stderr
