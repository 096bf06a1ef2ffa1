"""Lists: complete, in order, in pages of at most 25, without values."""

from urllib.parse import parse_qsl, urlsplit

import pytest
from azure.identity import DefaultAzureCredential
from azure.keyvault.secrets import SecretClient


@pytest.fixture(scope="module")
def many(server):
    """A vault of its own with 60 secrets; one of them has 30 versions."""
    server.create_vault("week")
    with SecretClient(server.vault_url("week"), DefaultAzureCredential()) as client:
        for number in range(60):
            client.set_secret(f"many-{number:02}", "value", content_type=f"type-{number}")
        for _ in range(29):
            client.set_secret("many-07", "value")
        yield client


NAMES = [f"many-{number:02}" for number in range(60)]


def test_every_secret_is_listed_once(many, server):
    listed = list(many.list_properties_of_secrets())
    assert [properties.name for properties in listed] == NAMES
    assert listed[3].content_type == "type-3"
    assert listed[3].id == f"{server.vault_url('week')}/secrets/many-03"
    assert listed[3].enabled is True
    assert listed[3].recovery_level == "CustomizedRecoverable+Purgeable"


@pytest.mark.parametrize("size, sizes", [
    (25, [25, 25, 10]), (20, [20, 20, 20]), (7, [7] * 8 + [4]),
])
def test_pages_have_the_size_asked_for(many, size, sizes):
    pages = many.list_properties_of_secrets(max_page_size=size).by_page()
    lengths = [len(list(page)) for page in pages]
    assert [length for length in lengths if length] == sizes


def test_every_version_is_listed_once(many):
    listed = many.list_properties_of_secret_versions("many-07")
    versions = [properties.version for properties in listed]
    assert len(versions) == len(set(versions)) == 30
    assert many.get_secret("many-07").properties.version in versions


def test_deleted_secrets_are_listed(many):
    names = [f"gone-{number:02}" for number in range(27)]
    for name in names:
        many.set_secret(name, "value")
        many.begin_delete_secret(name).wait()
    listed = {deleted.name: deleted for deleted in many.list_deleted_secrets()}
    assert sorted(listed) == names
    assert listed["gone-00"].scheduled_purge_date > listed["gone-00"].deleted_date
    assert [p.name for p in many.list_properties_of_secrets()] == NAMES


def test_the_wire_form_of_pages(many, server):
    raw = server.raw("week")
    page = raw.call("GET", "/secrets", maxresults=25).json()
    assert set(page) == {"value", "nextLink"}
    assert all("value" not in listed for listed in page["value"])

    link = urlsplit(page["nextLink"])
    assert link.scheme == "https"
    assert link.netloc == f"week.vault.localhost:{server.ready['port']}"
    query = [name for name, _ in parse_qsl(link.query)]
    assert query == ["api-version", "$skiptoken", "maxresults"]

    default = raw.call("GET", "/secrets").json()
    assert len(default["value"]) == 25
    query = [name for name, _ in parse_qsl(urlsplit(default["nextLink"]).query)]
    assert query == ["api-version", "$skiptoken"]


def test_the_last_page_says_so(many, server):
    raw = server.raw("week")
    target, pages = "/secrets?api-version=7.4", 0
    while target is not None:
        page = raw.send("GET", target).json()
        pages += 1
        link = page["nextLink"]
        target = link and f"{urlsplit(link).path}?{urlsplit(link).query}"
    assert pages == 3
    assert page["nextLink"] is None


@pytest.mark.parametrize("size", ["0", "26", "-1", "x"])
def test_a_page_size_out_of_range_is_refused(many, server, size):
    answer = server.raw("week").call("GET", "/secrets", maxresults=size)
    assert (answer.status, answer.code) == (400, "BadParameter")


def forge(token):
    """Another character in the middle: same length, same alphabet."""
    middle = len(token) // 2
    return token[:middle] + ("A" if token[middle] != "A" else "B") + token[middle + 1 :]


def test_a_forged_skip_token_is_refused(many, server):
    raw = server.raw("week")
    link = urlsplit(raw.call("GET", "/secrets", maxresults=2).json()["nextLink"])
    token = dict(parse_qsl(link.query))["$skiptoken"]
    for path, bad in [
        ("/secrets", forge(token)),
        ("/secrets", "bm9uc2Vuc2U"),
        ("/secrets", "%00"),
        ("/deletedsecrets", token),
        ("/secrets/many-07/versions", token),
    ]:
        answer = raw.call("GET", path, maxresults=2, **{"$skiptoken": bad})
        assert answer.status == 400, (path, bad, answer)
        assert answer.code == "BadParameter"
    good = raw.call("GET", "/secrets", maxresults=2, **{"$skiptoken": token})
    assert good.status == 200


def test_a_skip_token_is_good_for_its_own_vault_only(many, server):
    link = urlsplit(server.raw("week").call("GET", "/secrets", maxresults=2).json()["nextLink"])
    token = dict(parse_qsl(link.query))["$skiptoken"]
    answer = server.raw().call("GET", "/secrets", maxresults=2, **{"$skiptoken": token})
    assert (answer.status, answer.code) == (400, "BadParameter")
