"""What is said of a key that is made as a resource. The clock is manual, so that keys rotate."""

import base64
import json

import pytest
from azure.mgmt.keyvault.models import (
    Action,
    KeyCreateParameters,
    KeyProperties,
    KeyRotationPolicyAttributes,
    LifetimeAction,
    RotationPolicy,
    Trigger,
)

from arm import Arm, Mallory, management_client, refused, vault_name

OPTIONS = ("--clock", "manual")
EC = {"kty": "EC", "curveName": "P-256"}


@pytest.fixture(scope="module")
def vault(server):
    name = vault_name()
    Arm(server).create(name, enableRbacAuthorization=True)
    return name


@pytest.fixture
def arm(server):
    """With a token of now: the clock moves."""
    return Arm(server)


def put(arm, vault, key, **properties):
    return arm.vault("PUT", vault, {"properties": {**EC, **properties}}, f"/keys/{key}")


def rotation(*actions, expiry=None):
    """(type, member of the trigger, duration), as ARM templates write them."""
    said = [{"trigger": {member: span}, "action": {"type": kind}} for kind, member, span in actions]
    return {"lifetimeActions": said, **({"attributes": {"expiryTime": expiry}} if expiry else {})}


def versions(arm, vault, key):
    return arm.vault("GET", vault, rest=f"/keys/{key}/versions").json()["value"]


def test_a_key_is_made_with_its_rotation_policy(server, arm, vault):
    now = json.loads(server.cli("clock", "show"))["now"]
    policy = rotation(("rotate", "timeAfterCreate", "P30D"), ("notify", "timeBeforeExpiry", "P10D"),
                      expiry="P90D")
    made = put(arm, vault, "rotates", rotationPolicy=policy)
    assert made.status == 200, made
    shown = made.json()["properties"]["rotationPolicy"]
    assert shown["lifetimeActions"] == policy["lifetimeActions"], "in lower case, as ARM has it"
    attributes = shown["attributes"]
    assert attributes["expiryTime"] == "P90D"
    assert attributes["created"] == attributes["updated"] >= now
    assert arm.vault("GET", vault, rest="/keys/rotates").json() == made.json()
    on_data_plane = server.raw(vault).call("GET", "/keys/rotates/rotationpolicy").json()
    assert on_data_plane["attributes"] == attributes
    kinds = [action["action"]["type"] for action in on_data_plane["lifetimeActions"]]
    assert kinds == ["Rotate", "Notify"]

    assert len(versions(arm, vault, "rotates")) == 1
    server.cli("clock", "advance", "31d")
    assert len(versions(Arm(server), vault, "rotates")) == 2
    (current,) = [key for key in Arm(server).vault("GET", vault, rest="/keys").json()["value"]
                  if key["name"] == "rotates"]
    assert "rotationPolicy" not in current["properties"], "lists say less"


def test_a_key_that_is_there_keeps_its_policy(server, arm, vault):
    first = rotation(("rotate", "timeAfterCreate", "P60D"))
    made = put(arm, vault, "kept", rotationPolicy=first).json()
    other = rotation(("rotate", "timeAfterCreate", "P10D"), expiry="P30D")
    assert put(arm, vault, "kept", rotationPolicy=other).json() == made
    assert put(arm, vault, "kept").json() == made
    assert arm.vault("GET", vault, rest="/keys/kept").json() == made

    assert put(arm, vault, "plain").status == 200
    again = put(arm, vault, "plain", rotationPolicy=first).json()
    assert "rotationPolicy" not in again["properties"]
    rotate = {"trigger": {"timeAfterCreate": "P45D"}, "action": {"type": "Rotate"}}
    server.raw(vault).call("PUT", "/keys/plain/rotationpolicy", {"lifetimeActions": [rotate]})
    shown = arm.vault("GET", vault, rest="/keys/plain").json()["properties"]["rotationPolicy"]
    # The real service adds the notice that nobody asked for.
    assert shown["lifetimeActions"] == rotation(
        ("rotate", "timeAfterCreate", "P45D"), ("notify", "timeBeforeExpiry", "P30D")
    )["lifetimeActions"]


@pytest.mark.parametrize("policy", [
    rotation(("explode", "timeAfterCreate", "P30D")),
    rotation(("rotate", "timeAfterCreate", "30 days")),
    rotation(("rotate", "timeAfterCreate", "P1D")),
    rotation(("notify", "timeAfterCreate", "P30D")),
    rotation(("rotate", "timeAfterCreate", "P30D"), ("rotate", "timeBeforeExpiry", "P30D")),
    rotation(expiry="P1D"),
    {"lifetimeActions": [{"action": {"type": "rotate"}}]},
    {"lifetimeActions": [{"trigger": {"timeAfterCreate": "P30D"}}]},
    {"lifetimeActions": [{"trigger": {}, "action": {"type": "rotate"}}]},
    {"lifetimeActions": "daily"},
    "daily",
])
def test_a_bad_rotation_policy_leaves_no_key(arm, vault, policy):
    refused(put(arm, vault, "bad", rotationPolicy=policy), 400, "BadRequest")
    refused(arm.vault("GET", vault, rest="/keys/bad"), 404, "ResourceNotFound")


def test_attributes_operations_and_release_policy(server, arm, vault):
    rules = {"version": "1.0.0", "anyOf": [{
        "authority": "https://attest.example",
        "allOf": [{"claim": "svn", "equals": 2}]}]}
    data = base64.urlsafe_b64encode(json.dumps(rules).encode()).decode().rstrip("=")
    attributes = {"enabled": False, "nbf": 1_900_000_000, "exp": 2_000_000_000, "exportable": True}
    made = put(arm, vault, "released", kty="EC-HSM", keyOps=["sign", "verify"],
               attributes=attributes, release_policy={"data": data})
    assert made.status == 200, made
    properties = made.json()["properties"]
    assert {name: properties["attributes"][name] for name in attributes} == attributes
    assert properties["keyOps"] == ["sign", "verify"]
    sent = properties["release_policy"]
    assert sent["contentType"] == "application/json; charset=utf-8"
    assert json.loads(base64.urlsafe_b64decode(sent["data"] + "==")) == rules
    assert arm.vault("GET", vault, rest="/keys/released").json()["properties"] == properties
    version = properties["keyUriWithVersion"].rsplit("/", 1)[1]
    of_version = arm.vault("GET", vault, rest=f"/keys/released/versions/{version}").json()
    assert of_version["properties"]["release_policy"] == sent

    # A key that may leave needs a policy that says when, and the other way round.
    for bad in [{"attributes": {"exportable": True}}, {"release_policy": {"data": data}},
                {"attributes": {"exportable": True}, "release_policy": {"data": "{}"}}]:
        refused(put(arm, vault, "not-released", kty="EC-HSM", **bad), 400, "BadRequest")


def test_the_sdk_sets_a_rotation_policy(server, vault):
    client = management_client(server)
    policy = RotationPolicy(
        attributes=KeyRotationPolicyAttributes(expiry_time="P1Y"),
        lifetime_actions=[LifetimeAction(
            trigger=Trigger(time_before_expiry="P30D"), action=Action(type="rotate"))],
    )
    properties = KeyProperties(kty="EC", curve_name="P-256", rotation_policy=policy)
    key = client.keys.create_if_not_exist(
        server.ready["resourceGroup"], vault, "sdk", KeyCreateParameters(properties=properties))
    assert key.rotation_policy.attributes.expiry_time == "P1Y"
    assert key.rotation_policy.lifetime_actions[0].action.type == "rotate"
    found = client.keys.get(server.ready["resourceGroup"], vault, "sdk")
    assert found.rotation_policy.lifetime_actions[0].trigger.time_before_expiry == "P30D"


def test_who_may_only_write_keys_makes_them_with_a_policy_and_reads_none(server, arm, vault):
    policy = rotation(("rotate", "timeAfterCreate", "P30D"))
    writer = Mallory(server, arm, ["Microsoft.KeyVault/vaults/keys/write"])
    assert put(writer.arm, vault, "written", rotationPolicy=policy).status == 200
    refused(writer.arm.vault("GET", vault, rest="/keys/written"), 403, "AuthorizationFailed")
    reader = Mallory(server, arm, ["Microsoft.KeyVault/vaults/keys/read"])
    assert reader.arm.vault("GET", vault, rest="/keys/written").status == 200
    refused(put(reader.arm, vault, "unwritten", rotationPolicy=policy), 403, "AuthorizationFailed")
    # Nor does either right set a policy where it is set otherwise.
    for somebody in (writer, reader):
        answer = server.raw(vault, somebody.token).call(
            "PUT", "/keys/written/rotationpolicy", {"lifetimeActions": []})
        assert answer.status == 403
