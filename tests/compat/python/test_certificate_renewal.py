"""Certificates renew themselves by their policies; time moves only when told to."""

from datetime import timedelta

import pytest
from azure.keyvault.certificates import (
    CertificatePolicyAction, LifetimeAction, WellKnownIssuerNames,
)

from authority import loaded, opened, public_bytes
from moments import Moments
from test_certificates import SOON, made, policy_of

OPTIONS = ("--clock", "manual")
RENEW, MAIL = CertificatePolicyAction.auto_renew, CertificatePolicyAction.email_contacts


@pytest.fixture
def now(server):
    return Moments(server)


def renewing(action=RENEW, months=12, **trigger):
    members = {"key_type": "EC", "validity_in_months": months}
    members |= {name: trigger.pop(name) for name in ("reuse_key", "subject") if name in trigger}
    return policy_of(lifetime_actions=[LifetimeAction(action, **trigger)], **members)


def test_days_before_the_end(now, name):
    first = made(now.certificates, name, renewing(days_before_expiry=30), tags={"kept": "yes"})
    lives = first.properties.expires_on - first.properties.not_before
    now.advance(f"{lives.days - 32}d")
    now.wait_for(name, 1)
    now.advance("3d")
    old, new = now.wait_for(name, 2)
    assert old.version == first.properties.version
    latest = now.certificates.get_certificate(name)
    assert latest.properties.version == new.version
    assert latest.properties.tags == {"kept": "yes"}
    certificate = loaded(latest)
    certificate.verify_directly_issued_by(certificate)
    assert certificate.subject == loaded(first).subject
    assert certificate.not_valid_after_utc - loaded(first).not_valid_after_utc > timedelta(300)
    assert public_bytes(certificate) != public_bytes(loaded(first))
    private, chain = opened(now.secrets.get_secret(name))
    assert chain == [certificate] and public_bytes(private) == public_bytes(certificate)
    assert now.keys.get_key(name).id == latest.key_id
    assert opened(now.secrets.get_secret(name, old.version))[1] == [loaded(first)]


def test_a_share_of_its_life(now, name):
    made(now.certificates, name, renewing(lifetime_percentage=50, months=10))
    now.advance("140d")
    now.wait_for(name, 1)
    now.advance("20d")
    now.wait_for(name, 2)


def test_each_renewal_once_and_the_next_in_its_turn(now, name):
    made(now.certificates, name, renewing(lifetime_percentage=80, months=1))
    for count in (2, 3, 4):
        now.advance("26d")
        now.wait_for(name, count)


def test_a_long_sleep_makes_one_version_not_many(now, name):
    made(now.certificates, name, renewing(lifetime_percentage=80, months=1))
    now.advance("300d")
    now.wait_for(name, 2)


def test_the_key_is_kept_where_the_policy_says_so(now, name):
    first = made(now.certificates, name,
                 renewing(lifetime_percentage=80, months=1, reuse_key=True))
    now.advance("26d")
    now.wait_for(name, 2)
    second = now.certificates.get_certificate(name)
    assert public_bytes(loaded(second)) == public_bytes(loaded(first))
    assert loaded(second).serial_number != loaded(first).serial_number


def test_a_changed_policy_counts_from_then_on(now, name):
    made(now.certificates, name, renewing(days_before_expiry=10))
    now.advance("100d")
    now.wait_for(name, 1)
    policy = renewing(lifetime_percentage=20, subject="CN=renewed.example")
    now.certificates.update_certificate_policy(name, policy)
    now.advance("1h")
    now.wait_for(name, 2)
    latest = now.certificates.get_certificate(name)
    assert loaded(latest).subject.rfc4514_string() == "CN=renewed.example"


def test_who_only_wants_mail_renews_by_hand(now, name):
    made(now.certificates, name, renewing(MAIL, days_before_expiry=20, months=1))
    now.advance("40d")
    now.wait_for(name, 1)


def test_what_an_outsider_signs_is_not_renewed_alone(now, name):
    policy = policy_of(issuer_name=WellKnownIssuerNames.unknown, key_type="EC")
    now.certificates.begin_create_certificate(name, policy, **SOON).result()
    now.advance("400d")
    assert now.certificates.get_certificate_operation(name).status == "inProgress"


def test_a_policy_that_is_off_does_nothing(now, name):
    made(now.certificates, name, renewing(lifetime_percentage=80, months=1))
    answer = now.raw.call("PATCH", f"/certificates/{name}/policy",
                          {"attributes": {"enabled": False}})
    assert answer.status == 200, answer
    now.advance("27d")
    now.wait_for(name, 1)


def test_a_deleted_certificate_does_not_renew(now, name):
    made(now.certificates, name, renewing(lifetime_percentage=80, months=1))
    now.certificates.begin_delete_certificate(name, **SOON).wait()
    now.advance("40d")
    now.certificates.begin_recover_deleted_certificate(name, **SOON).wait()
    # What fell due meanwhile is made up for.
    now.wait_for(name, 2)
