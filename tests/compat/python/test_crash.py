"""kill -9 under writers: what was acknowledged is there afterwards."""

import os
import random
import threading
import time

ROUNDS = 50 if os.environ.get("STRONGROOM_DEEP") else 10
WRITERS = 8


class Writer(threading.Thread):
    """Sets new secrets one after the other until the server is gone."""

    def __init__(self, server, token, prefix):
        super().__init__()
        self.raw = server.raw(token=token)
        self.prefix = prefix
        self.acknowledged = {}
        self.refused = []

    def run(self):
        number = 0
        while True:
            name, value = f"{self.prefix}-{number}", f"value of {self.prefix} {number}"
            try:
                answer = self.raw.call("PUT", f"/secrets/{name}", {"value": value})
            except (OSError, ValueError, EOFError) as _gone:
                return
            except Exception as error:  # http.client's own family
                if type(error).__module__ != "http.client":
                    self.refused.append(error)
                return
            if answer.status != 200:
                self.refused.append(answer)
                return
            self.acknowledged[name] = value
            number += 1


def write_until_killed(server, token, number):
    writers = [Writer(server, token, f"r{number}-w{writer}") for writer in range(WRITERS)]
    for writer in writers:
        writer.start()
    time.sleep(random.Random(number).uniform(0.2, 1.0))
    server.kill()
    for writer in writers:
        writer.join()
        assert not writer.refused, writer.refused
    return {name: value for writer in writers for name, value in writer.acknowledged.items()}


def assert_all_there(server, token, acknowledged):
    raw = server.raw(token=token)
    for name, value in acknowledged.items():
        answer = raw.call("GET", f"/secrets/{name}")
        assert answer.status == 200, (name, answer)
        assert answer.json()["value"] == value


def test_nothing_acknowledged_is_lost(server):
    """The token outlives each crash too: the keys that sign it are kept."""
    token = server.token()
    before = server.ready
    everything = {}
    for number in range(ROUNDS):
        acknowledged = write_until_killed(server, token, number)
        assert len(acknowledged) >= WRITERS, "the writers hardly wrote: the round proves nothing"
        everything.update(acknowledged)
        server.start()
        assert_all_there(server, token, acknowledged)
    assert_all_there(server, token, everything)

    listed, target = set(), "/secrets?api-version=7.4"
    raw = server.raw(token=token)
    while target:
        page = raw.send("GET", target).json()
        listed |= {secret["id"].rsplit("/", 1)[1] for secret in page["value"]}
        target = page["nextLink"] and page["nextLink"].split(raw.host, 1)[1]
    assert set(everything) <= listed

    for member in ("port", "tenantId", "subscriptionId", "owner", "env", "vaults"):
        assert server.ready[member] == before[member], member
    server.cli("audit", "verify")


def test_a_clean_stop_loses_nothing_and_ends_well(server):
    raw = server.raw()
    raw.set("before-stop", "v")
    server.stop()
    server.start()
    assert server.raw().call("GET", "/secrets/before-stop").json()["value"] == "v"
