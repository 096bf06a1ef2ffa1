"""Rotation: on demand, and by policy when its time has come; time moves only when told to."""

import time
from datetime import timedelta

import pytest
from azure.core.exceptions import HttpResponseError
from azure.keyvault.keys import (
    KeyRotationLifetimeAction, KeyRotationPolicy, KeyRotationPolicyAction,
)

import independent
from key_work import ask, done, refused
from moments import Moments
from test_audit import records

OPTIONS = ("--clock", "manual")
ROTATE, NOTIFY = KeyRotationPolicyAction.rotate, KeyRotationPolicyAction.notify


@pytest.fixture
def now(server):
    """Clients of this very moment: a token does not live through a leap."""
    return Now(server)


class Now(Moments):
    def listed(self, name):
        return self.keys.list_properties_of_key_versions(name)


def policy_of(*actions, expires_in=None):
    return KeyRotationPolicy(lifetime_actions=list(actions), expires_in=expires_in)


def action(kind, after=None, before=None):
    return KeyRotationLifetimeAction(kind, time_after_create=after, time_before_expiry=before)


def shown(policy):
    return {(a.action, a.time_after_create, a.time_before_expiry) for a in policy.lifetime_actions}


def test_without_a_policy_only_the_notice_holds(now, name):
    now.keys.create_ec_key(name)
    policy = now.keys.get_key_rotation_policy(name)
    assert shown(policy) == {(NOTIFY, None, "P30D")}
    assert policy.expires_in is None


def test_what_is_set_is_read_back(now, server, name):
    now.keys.create_ec_key(name)
    sent = policy_of(action(ROTATE, after="P90D"), action(NOTIFY, before="P45D"), expires_in="P2Y")
    answered = now.keys.update_key_rotation_policy(name, sent)
    for policy in (answered, now.keys.get_key_rotation_policy(name)):
        assert policy.id == f"{server.vault_url()}/keys/{name}/rotationpolicy"
        assert shown(policy) == {(ROTATE, "P90D", None), (NOTIFY, None, "P45D")}
        assert policy.expires_in == "P2Y"
        assert policy.created_on == policy.updated_on
    now.advance("1h")
    changed = now.keys.update_key_rotation_policy(
        name, answered, lifetime_actions=[action(ROTATE, before="P60D")]
    )
    assert shown(changed) == {(ROTATE, None, "P60D"), (NOTIFY, None, "P30D")}
    assert changed.updated_on - changed.created_on == timedelta(hours=1)


def test_rotate_alone_comes_back_with_a_notice(now, name):
    """OPERATIONS.md, section 0, row 14; and an expiry that was not set is absent."""
    now.keys.create_ec_key(name)
    body = {"lifetimeActions": [
        {"action": {"type": "rotate"}, "trigger": {"timeAfterCreate": "P2M"}}
    ]}
    answer = now.raw.call("PUT", f"/keys/{name}/rotationpolicy", body)
    assert answer.status == 200, answer
    assert answer.json()["lifetimeActions"] == [
        {"trigger": {"timeAfterCreate": "P2M"}, "action": {"type": "Rotate"}},
        {"trigger": {"timeBeforeExpiry": "P30D"}, "action": {"type": "Notify"}},
    ]
    assert set(answer.json()["attributes"]) == {"created", "updated"}
    assert now.raw.call("GET", f"/keys/{name}/rotationpolicy").json() == answer.json()


def test_an_empty_policy_is_no_error(now, name):
    """The client's own test sends one."""
    now.keys.create_ec_key(name)
    now.keys.update_key_rotation_policy(name, KeyRotationPolicy())
    assert shown(now.keys.get_key_rotation_policy(name)) == {(NOTIFY, None, "P30D")}


def rotate(**trigger):
    return {"action": {"type": "Rotate"}, "trigger": trigger}


def notify(**trigger):
    return {"action": {"type": "Notify"}, "trigger": trigger}


BAD_POLICIES = {
    "expiry below 28 days": {"attributes": {"expiryTime": "P27D"}},
    "no duration": {"attributes": {"expiryTime": "90"}},
    "a negative duration": {"attributes": {"expiryTime": "-P90D"}},
    "no length": {"attributes": {"expiryTime": "P0D"}},
    "an expiry that is a number": {"attributes": {"expiryTime": 90}},
    "two rotations": {"lifetimeActions": [rotate(timeAfterCreate="P30D"),
                                          rotate(timeAfterCreate="P60D")]},
    "an unknown action": {"lifetimeActions": [
        {"action": {"type": "Explode"}, "trigger": {"timeAfterCreate": "P30D"}}]},
    "an action without a trigger": {"lifetimeActions": [rotate()]},
    "a trigger without an action": {"lifetimeActions": [{"trigger": {"timeAfterCreate": "P30D"}}]},
    "both triggers": {"lifetimeActions": [
        rotate(timeAfterCreate="P30D", timeBeforeExpiry="P30D")],
        "attributes": {"expiryTime": "P90D"}},
    "before an expiry that there is not": {"lifetimeActions": [rotate(timeBeforeExpiry="P30D")]},
    "less than 7 days after creation": {"lifetimeActions": [rotate(timeAfterCreate="P6D")]},
    "less than 7 days before expiry": {"lifetimeActions": [rotate(timeAfterCreate="P85D")],
                                       "attributes": {"expiryTime": "P90D"}},
    "after the expiry": {"lifetimeActions": [rotate(timeAfterCreate="P91D")],
                         "attributes": {"expiryTime": "P90D"}},
    "a notice after creation": {"lifetimeActions": [notify(timeAfterCreate="P30D")]},
    "no list": {"lifetimeActions": {"action": "Rotate"}},
}


@pytest.mark.parametrize("fault", BAD_POLICIES)
def test_a_bad_policy_is_refused(now, name, fault):
    now.keys.create_ec_key(name)
    refused(now.raw.call("PUT", f"/keys/{name}/rotationpolicy", BAD_POLICIES[fault]))
    assert shown(now.keys.get_key_rotation_policy(name)) == {(NOTIFY, None, "P30D")}


def test_the_policy_of_a_missing_key(now, name):
    for call in (now.keys.get_key_rotation_policy,
                 lambda name: now.keys.update_key_rotation_policy(name, KeyRotationPolicy())):
        with pytest.raises(HttpResponseError) as missing:
            call(name)
        assert (missing.value.status_code, missing.value.error.code) == (404, "KeyNotFound")


@pytest.mark.parametrize("make, given", [
    ("create_rsa_key", {"size": 3072, "key_operations": ["sign", "verify"]}),
    ("create_ec_key", {"curve": "P-384"}),
    ("create_ec_key", {"curve": "P-256K", "hardware_protected": True}),
])
def test_rotation_on_demand(now, name, make, given):
    made = getattr(now.keys, make)(name, tags={"keep": "me"}, **given)
    rotated = now.keys.rotate_key(name)
    assert rotated.properties.version != made.properties.version
    assert now.keys.get_key(name).id == rotated.id
    assert (rotated.key_type, rotated.key.crv) == (made.key_type, made.key.crv)
    assert rotated.key_operations == made.key_operations
    assert rotated.properties.tags == {"keep": "me"}
    assert rotated.properties.enabled is True
    assert rotated.properties.expires_on is None
    public = [independent.public_key_of(key.key) for key in (made, rotated)]
    assert public[0] != public[1]
    assert getattr(public[0], "key_size", None) == getattr(public[1], "key_size", None)
    algorithm = {"P-384": "ES384", "P-256K": "ES256K"}.get(made.key.crv, "PS256")
    digest = independent.digest_of(algorithm, b"x")
    for key, half in zip((made, rotated), public):
        signature = done(now.raw, key.id, "sign", algorithm, value=digest)
        assert independent.verifies(half, algorithm, digest, signature)


def test_a_rotated_version_expires_as_the_policy_says(now, name):
    """exp = now + expiryTime, by the calendar (OPERATIONS.md, section 0, row 14)."""
    made = now.keys.create_ec_key(name)
    now.keys.update_key_rotation_policy(name, policy_of(expires_in="P90D"))
    assert now.keys.get_key(name).properties.expires_on is None, "the policy is for new versions"
    now.advance("10d")
    rotated = now.keys.rotate_key(name).properties
    assert rotated.created_on - made.properties.created_on == timedelta(days=10)
    assert rotated.expires_on - rotated.created_on == timedelta(days=90)
    assert now.keys.get_key(name, made.properties.version).properties.expires_on is None


def test_rotation_by_itself_exactly_once(now, name):
    made = now.keys.create_rsa_key(name, tags={"keep": "me"}, key_operations=["sign", "verify"])
    sent = policy_of(action(ROTATE, after="P30D"), expires_in="P90D")
    now.keys.update_key_rotation_policy(name, sent)
    now.advance("29d", "23h")
    now.wait_for(name, 1)
    now.advance("1h")
    first, second = now.wait_for(name, 2)
    assert first.version == made.properties.version
    assert second.created_on - first.created_on == timedelta(days=30)
    assert second.expires_on - second.created_on == timedelta(days=90)
    assert second.tags == {"keep": "me"}
    current = now.keys.get_key(name)
    assert current.properties.version == second.version
    assert current.key_operations == ["sign", "verify"]
    assert current.key.n != made.key.n

    signature = done(now.raw, current.id, "sign", "PS256", value=bytes(32))
    assert independent.verifies(
        independent.public_key_of(current.key), "PS256", bytes(32), signature
    )
    assert done(now.raw, made.id, "sign", "PS256", value=bytes(32)), "old versions stay"
    now.advance("1h", "1d")
    now.wait_for(name, 2)
    now.advance("29d")
    now.wait_for(name, 3)


def test_a_leap_over_several_periods_rotates_once(now, name):
    """As after a long stop: what was missed is not made up for, one new key is enough."""
    now.keys.create_ec_key(name)
    now.keys.update_key_rotation_policy(name, policy_of(action(ROTATE, after="P10D")))
    now.advance("100d")
    versions = now.wait_for(name, 2)
    assert versions[1].created_on - versions[0].created_on == timedelta(days=100)


def test_rotation_before_expiry_counts_from_the_versions_own(now, name):
    made = now.keys.create_ec_key(name)
    born = made.properties.created_on
    sent = policy_of(action(ROTATE, before="P10D"), expires_in="P60D")
    now.keys.update_key_rotation_policy(name, sent)
    now.advance("200d")
    now.wait_for(name, 1)  # Without an expiry there is nothing to be before of.
    ends = born + timedelta(days=240)
    now.keys.update_key_properties(name, expires_on=ends)
    now.advance("29d")
    now.wait_for(name, 1)
    now.advance("1d")
    _, second = now.wait_for(name, 2)
    assert second.created_on == ends - timedelta(days=10)
    assert second.expires_on == second.created_on + timedelta(days=60)
    now.advance("50d")
    _, _, third = now.wait_for(name, 3)
    assert third.created_on == second.expires_on - timedelta(days=10)


def test_a_new_version_starts_the_time_anew(now, name):
    now.keys.create_ec_key(name)
    now.keys.update_key_rotation_policy(name, policy_of(action(ROTATE, after="P30D")))
    now.advance("20d")
    now.keys.create_ec_key(name)
    now.advance("20d")
    now.wait_for(name, 2)
    now.advance("10d")
    now.wait_for(name, 3)


def test_a_policy_that_is_taken_back_rotates_no_more(now, name):
    now.keys.create_ec_key(name)
    now.keys.update_key_rotation_policy(name, policy_of(action(ROTATE, after="P30D")))
    now.keys.update_key_rotation_policy(name, policy_of(action(NOTIFY, before="P30D")))
    now.advance("60d")
    now.wait_for(name, 1)


def test_a_deleted_key_is_not_rotated_until_it_is_back(now, name):
    now.keys.create_ec_key(name)
    now.keys.update_key_rotation_policy(name, policy_of(action(ROTATE, after="P30D")))
    now.keys.begin_delete_key(name).wait()
    now.advance("40d")
    now.keys.begin_recover_deleted_key(name).wait()
    assert shown(now.keys.get_key_rotation_policy(name)) == {
        (ROTATE, "P30D", None), (NOTIFY, None, "P30D")
    }
    now.advance("1m")
    now.wait_for(name, 2)


def test_a_backup_brings_the_policy_along(now, name):
    now.keys.create_ec_key(name)
    now.keys.update_key_rotation_policy(name, policy_of(action(ROTATE, after="P30D")))
    blob = now.keys.backup_key(name)
    now.keys.begin_delete_key(name).wait()
    now.keys.purge_deleted_key(name)
    now.keys.restore_key_backup(blob)
    assert (ROTATE, "P30D", None) in shown(now.keys.get_key_rotation_policy(name))
    now.advance("30d")
    now.wait_for(name, 2)


def test_a_purged_keys_policy_does_not_come_back(now, name):
    now.keys.create_ec_key(name)
    now.keys.update_key_rotation_policy(name, policy_of(action(ROTATE, after="P30D")))
    now.keys.begin_delete_key(name).wait()
    now.keys.purge_deleted_key(name)
    now.keys.create_ec_key(name)
    assert shown(now.keys.get_key_rotation_policy(name)) == {(NOTIFY, None, "P30D")}
    now.advance("60d")
    now.wait_for(name, 1)


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_a_rotation_survives_a_restart(now, server, name, end):
    now.keys.create_ec_key(name)
    now.keys.update_key_rotation_policy(name, policy_of(action(ROTATE, after="P30D")))
    now.advance("29d")
    getattr(server, end)()
    server.start()
    with server.environment():
        now.wait_for(name, 1)
        now.advance("1d")
        now.wait_for(name, 2)
        getattr(server, end)()
        server.start()
    with server.environment():
        now.wait_for(name, 2)


def test_rotations_and_notices_are_in_the_audit(now, server, name):
    now.keys.create_ec_key(name, expires_on=None)
    sent = policy_of(action(ROTATE, after="P60D"), action(NOTIFY, before="P40D"), expires_in="P90D")
    now.keys.update_key_rotation_policy(name, sent)

    def about(operation):
        return [record for record in records(server) if record["operationName"] == operation
                and record["properties"].get("objectName") == name]

    def settled(operation, count):
        deadline = time.monotonic() + 10
        while len(about(operation)) < count and time.monotonic() < deadline:
            time.sleep(0.2)
        assert len(about(operation)) == count, about(operation)
        return about(operation)

    now.advance("60d")
    _, second = now.wait_for(name, 2)
    rotation, = settled("KeyRotateIfDue", 1)
    assert rotation["resultType"] == "Success"
    assert rotation["resourceId"] == server.vault_id().upper()
    assert second.version in str(rotation["properties"])
    settled("KeyNearExpiryEventGridNotification", 0)
    now.advance("50d")  # 40 days before the second version's expiry.
    notice, = settled("KeyNearExpiryEventGridNotification", 1)
    assert second.version in str(notice["properties"])
    now.advance("1d")
    settled("KeyNearExpiryEventGridNotification", 1)
    settled("KeyRotateIfDue", 1)


def test_a_key_expires_to_the_second(now, name):
    made = now.keys.create_ec_key(name)
    ends = made.properties.created_on + timedelta(seconds=60)
    now.keys.update_key_properties(name, expires_on=ends)
    now.advance("59s")
    assert ask(now.raw, made.id, "sign", "ES256", value=bytes(32)).status == 200
    now.advance("1s")
    answer = ask(now.raw, made.id, "sign", "ES256", value=bytes(32))
    refused(answer, 403, "Forbidden", "KeyExpired")


def test_a_key_becomes_valid_to_the_second(now, name):
    made = now.keys.create_ec_key(name)
    starts = made.properties.created_on + timedelta(seconds=60)
    now.keys.update_key_properties(name, not_before=starts)
    now.advance("59s")
    answer = ask(now.raw, made.id, "sign", "ES256", value=bytes(32))
    refused(answer, 403, "Forbidden", "KeyNotYetValid")
    now.advance("1s")
    assert ask(now.raw, made.id, "sign", "ES256", value=bytes(32)).status == 200


def test_a_deleted_key_is_purged_when_its_retention_ends(now, name):
    now.keys.create_ec_key(name)
    now.keys.begin_delete_key(name).wait()
    now.advance("89d")
    assert now.keys.get_deleted_key(name).name == name
    now.advance("1d", "1h")
    with pytest.raises(HttpResponseError) as gone:
        now.keys.get_deleted_key(name)
    assert gone.value.status_code == 404
