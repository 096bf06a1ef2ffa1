"""Ports that stay free until a test takes them: below those that the system gives to connections,
and each worker's own."""

import itertools
import os
import socket

FIRST, EACH = 20_000, 1_000
WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 12
OFFSETS = itertools.count(os.getpid())


def free_port():
    for offset in itertools.islice(OFFSETS, EACH):
        port = FIRST + WORKER * EACH + offset % EACH
        if is_free(port):
            return port
    raise AssertionError("no port is free")


def is_free(port):
    try:
        for family, address in [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")]:
            for kind in [socket.SOCK_STREAM, socket.SOCK_DGRAM]:
                with socket.socket(family, kind) as probe:
                    probe.bind((address, port))
    except OSError:
        return False
    return True
