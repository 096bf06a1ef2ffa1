"""The everyday commands: the same verbs as `az keyvault secret`, and rollback."""

import json
import subprocess
import time


def run(server, *words, value=None):
    """One command as its user runs it; the ready file says where and who."""
    command = [server.binary, *words, "--ready-file", server.ready_file]
    return subprocess.run(command, input=value or "", capture_output=True, text=True, timeout=60)


def shown(server, *words, value=None):
    ended = run(server, "secret", *words, "--output", "json", value=value)
    assert ended.returncode == 0, ended
    return json.loads(ended.stdout)


def version_of(bundle):
    return bundle["id"].rsplit("/", 1)[1]


def test_set_show_and_list(server, raw, name):
    written = run(server, "secret", "set", name, value="s3cret\n")
    assert written.returncode == 0, written
    assert "s3cret" not in written.stdout + written.stderr
    assert raw.call("GET", f"/secrets/{name}").json()["value"] == "s3cret"
    assert shown(server, "show", name)["value"] == "s3cret"
    assert name in {item["name"] for item in shown(server, "list")}


def test_rollback_makes_an_older_value_the_newest_version(server, raw, name):
    first = version_of(raw.set(name, "one", tags={"n": "1"}))
    second = version_of(raw.set(name, "two"))
    rolled = shown(server, "rollback", name, "--to", first)
    newest = raw.call("GET", f"/secrets/{name}").json()
    assert newest["value"] == "one"
    assert newest["tags"] == {"n": "1"}
    assert version_of(newest) == version_of(rolled) not in (first, second)
    for version, value in [(first, "one"), (second, "two")]:
        assert raw.call("GET", f"/secrets/{name}/{version}").json()["value"] == value

    record = rollback_record(server, name)
    assert first in json.dumps(record)
    assert version_of(newest) in json.dumps(record)


def rollback_record(server, name):
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        lines = server.cli("audit", "tail", "--all", "--format", "json").splitlines()
        for record in map(json.loads, lines):
            if record["properties"].get("requestUri", "").split("?")[0].endswith("/rollback"):
                assert name in record["properties"]["requestUri"]
                return record
        time.sleep(0.1)
    raise AssertionError("the rollback left no record")


def test_rollback_to_what_is_not_there(server, raw, name):
    raw.set(name)
    ended = run(server, "secret", "rollback", name, "--to", "0" * 32)
    assert ended.returncode == 3, ended


def test_delete_recover_purge(server, raw, name):
    raw.set(name)
    shown(server, "delete", name)
    assert run(server, "secret", "show", name).returncode == 3
    shown(server, "recover", name)
    assert shown(server, "show", name)["value"] == "v"
    shown(server, "delete", name)
    assert run(server, "secret", "purge", name).returncode == 0
    assert raw.call("GET", f"/deletedsecrets/{name}").status == 404


def test_the_exit_status_says_why(server):
    missing = run(server, "secret", "show", "never-made")
    assert missing.returncode == 3
    assert len(missing.stderr.strip().splitlines()) == 1
    assert run(server, "secret", "show", "--nonsense").returncode == 2
    assert run(server, "secret", "show", "bad_name").returncode == 2


def test_a_stranger_is_denied(server, raw, name):
    raw.set(name)
    identity = server.create_identity("stranger")
    ended = subprocess.run(
        [server.binary, "token", "--ready-file", server.ready_file, "--resource",
         server.resource(), "--client-id", identity["appId"], "--client-secret-stdin"],
        input=identity["password"], capture_output=True, text=True, timeout=60,
    )
    assert ended.returncode == 0, ended
    assert server.raw(token=ended.stdout.strip()).call("GET", f"/secrets/{name}").status == 403


def test_hosts_prints_lines_for_every_vault(server):
    ended = run(server, "hosts")
    assert ended.returncode == 0, ended
    lines = [line.split() for line in ended.stdout.splitlines() if not line.startswith("#")]
    names = {name for line in lines for name in line[1:]}
    assert {"dev.vault.localhost", "login.localhost"} <= names
    assert {line[0] for line in lines if line} <= {"127.0.0.1", "::1"}


def test_hosts_installs_and_removes_one_block(server, tmp_path):
    hosts = tmp_path / "hosts"
    hosts.write_text("127.0.0.1 localhost\n")
    for _ in range(2):
        ended = run(server, "hosts", "--install", "--file", str(hosts))
        assert ended.returncode == 0, ended
    assert hosts.read_text().count("127.0.0.1 localhost\n") == 1
    assert hosts.read_text().count(" login.localhost") <= 2
    assert "dev.vault.localhost" in hosts.read_text()
    assert run(server, "hosts", "--uninstall", "--file", str(hosts)).returncode == 0
    assert hosts.read_text() == "127.0.0.1 localhost\n"
