"""Groups, locks and tags of the control plane, for its tests."""

import time

from arm import vault_name

CORE = "2022-12-01"
LOCKS = "2020-05-01"


def error(answer, status, code):
    """The message of a refusal of this status and code."""
    assert (answer.status, answer.code) == (status, code), answer
    return answer.message


def finished(arm, answer):
    """What a client does with 202: it asks the Location again until it is done."""
    assert answer.status == 202, answer
    assert int(answer.headers["Retry-After"]) > 0
    deadline = time.monotonic() + 30
    while answer.status == 202:
        assert time.monotonic() < deadline, answer
        time.sleep(0.05)
        answer = arm.follow(answer.headers["Location"])
    assert answer.status == 200, answer


def new_group(arm):
    """A group of a test's own."""
    name = vault_name("Group")
    made = arm.send("PUT", arm.group_path(name), {"location": "West Europe"}, version=CORE)
    assert made.status == 201, made
    return name


def lock_path(scope, name):
    return f"{scope}/providers/Microsoft.Authorization/locks/{name}"


def tags_path(scope):
    return f"{scope}/providers/Microsoft.Resources/tags/default"
