"""Certificates over plain HTTP: members, their forms, headers, and what each api-version shows.

What is compared with comes from pyca/cryptography, from the specification and from recorded
answers of the real service.
"""

import base64
import hashlib
import re
from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    pkcs12,
)

import foundry
from forge import decode

IN_PROGRESS = (
    "Pending certificate created. Certificate request is in progress. This may take some time "
    "based on the issuer provider. Please check again later."
)
RECORDED_BUNDLE = {"id", "kid", "sid", "x5t", "cer", "attributes", "policy", "pending"}
RECORDED_ATTRIBUTES = {
    "enabled", "nbf", "exp", "created", "updated", "recoveryLevel", "recoverableDays",
}
YOUNG = "2025-07-01"
PFX, PEM = "application/x-pkcs12", "application/x-pem-file"


def policy(issuer="Self", subject="CN=shape.example", **members):
    return {"x509_props": {"subject": subject}, "issuer": {"name": issuer}, **members}


def create(raw, name, sent=None, version="7.4", **members):
    body = {"policy": sent or policy(), **members}
    answer = raw.call("POST", f"/certificates/{name}/create", body, version=version)
    assert answer.status == 202, answer
    return answer


def get(raw, path, version="7.4", **query):
    answer = raw.call("GET", path, version=version, **query)
    assert answer.status == 200, answer
    return answer.json()


def spki(public):
    return public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def leaf_of(bundle):
    return x509.load_der_x509_certificate(base64.b64decode(bundle["cer"], validate=True))


def test_a_creation_is_accepted_and_says_where_to_look(raw, name):
    answer = create(raw, name)
    operation = answer.json()
    assert list(operation) == [
        "id", "issuer", "csr", "cancellation_requested", "status", "status_details", "request_id",
    ]
    assert operation["status"] == "inProgress"
    assert operation["status_details"] == IN_PROGRESS
    assert operation["issuer"] == {"name": "Self"}
    assert re.fullmatch("[0-9a-f]{32}", operation["request_id"])
    # The certificate is there already: a client need not wait the real service's ten seconds.
    assert answer.headers["Retry-After"] == "1"
    location = urlsplit(answer.headers["Location"])
    assert answer.headers["Location"].startswith(operation["id"] + "?")
    assert parse_qs(location.query) == {
        "api-version": ["7.4"], "request_id": [operation["request_id"]],
    }
    followed = raw.send("GET", f"{location.path}?{location.query}")
    assert followed.status == 200


def test_a_completed_operation_names_its_certificate(raw, name):
    pending = create(raw, name).json()
    answer = raw.call("GET", f"/certificates/{name}/pending")
    operation = answer.json()
    assert list(operation) == [
        "id", "issuer", "csr", "cancellation_requested", "status", "target", "request_id",
    ]
    assert operation["status"] == "completed"
    assert urlsplit(operation["target"]).path == f"/certificates/{name}"
    assert operation["request_id"] == pending["request_id"]
    assert operation["csr"] == pending["csr"]
    assert "Retry-After" not in answer.headers


def test_a_bundle_has_the_recorded_members(raw, name):
    csr = create(raw, name).json()["csr"]
    bundle = get(raw, f"/certificates/{name}/")
    assert set(bundle) == RECORDED_BUNDLE
    assert set(bundle["attributes"]) == RECORDED_ATTRIBUTES
    version = urlsplit(bundle["id"]).path.rsplit("/", 1)[1]
    assert urlsplit(bundle["kid"]).path == f"/keys/{name}/{version}"
    assert urlsplit(bundle["sid"]).path == f"/secrets/{name}/{version}"
    leaf = leaf_of(bundle)
    assert decode(bundle["x5t"]) == hashlib.sha1(foundry.der(leaf)).digest()
    assert "=" not in bundle["x5t"]
    request = x509.load_der_x509_csr(base64.b64decode(csr, validate=True))
    assert spki(request.public_key()) == spki(leaf.public_key())
    begins, ends = leaf.not_valid_before_utc, leaf.not_valid_after_utc
    assert bundle["attributes"]["nbf"] == int(begins.timestamp())
    assert bundle["attributes"]["exp"] == int(ends.timestamp())
    assert bundle["attributes"]["created"] - bundle["attributes"]["nbf"] == 600


def test_a_policy_has_the_recorded_defaults(raw, name):
    """What the JavaScript SDK sends, and what was answered to it."""
    sent = {
        "key_props": {}, "secret_props": {}, "attributes": {}, "issuer": {"name": "Self"},
        "x509_props": {"subject": "cn=MyCert", "sans": {}},
    }
    create(raw, name, sent)
    found = get(raw, f"/certificates/{name}/policy")
    assert urlsplit(found.pop("id")).path == f"/certificates/{name}/policy"
    attributes = found.pop("attributes")
    assert set(attributes) == {"enabled", "created", "updated"} and attributes["enabled"]
    assert found == {
        "key_props": {"exportable": True, "kty": "RSA", "key_size": 2048, "reuse_key": False},
        "secret_props": {"contentType": PFX},
        "x509_props": {
            "subject": "cn=MyCert",
            "ekus": ["1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"],
            "key_usage": ["digitalSignature", "keyEncipherment"],
            "validity_months": 12,
            "basic_constraints": {"ca": False},
        },
        "lifetime_actions": [
            {"trigger": {"lifetime_percentage": 80}, "action": {"action_type": "AutoRenew"}},
        ],
        "issuer": {"name": "Self"},
    }


def test_a_certificate_says_what_its_policy_says(raw, name):
    sent = policy(
        subject="CN=shape.example, O=Example, C=DE",
        key_props={"kty": "EC", "crv": "P-384"},
    )
    sent["x509_props"] |= {
        "sans": {
            "dns_names": ["shape.example", "*.shape.example"], "emails": ["a@shape.example"],
            "uris": ["spiffe://shape.example/a"], "ipAddresses": ["10.1.2.3", "2001:DB8::1"],
        },
        "ekus": ["1.3.6.1.5.5.7.3.2"], "key_usage": ["digitalSignature"], "validity_months": 3,
    }
    create(raw, name, sent, version=YOUNG)
    leaf = leaf_of(get(raw, f"/certificates/{name}", YOUNG))
    assert leaf.public_key().curve.name == "secp384r1"
    assert leaf.subject.rfc4514_string() == "CN=shape.example,O=Example,C=DE"
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["shape.example", "*.shape.example"]
    assert names.get_values_for_type(x509.RFC822Name) == ["a@shape.example"]
    assert names.get_values_for_type(x509.UniformResourceIdentifier) == ["spiffe://shape.example/a"]
    addresses = [str(address) for address in names.get_values_for_type(x509.IPAddress)]
    assert addresses == ["10.1.2.3", "2001:db8::1"]
    usages = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert [usage.dotted_string for usage in usages] == ["1.3.6.1.5.5.7.3.2"]
    usage = leaf.extensions.get_extension_for_class(x509.KeyUsage).value
    assert usage.digital_signature and not usage.key_encipherment


def test_an_authority_says_so(raw, name):
    sent = policy(subject="CN=Shape root", key_props={"kty": "EC"})
    sent["x509_props"] |= {
        "basic_constraints": {"ca": True, "path_len": 1},
        "name_constraints": {"permitted_dns": ["corp.example"], "excluded_ip": ["10.0.0.0/8"]},
    }
    create(raw, name, sent)
    bundle = get(raw, f"/certificates/{name}")
    shown = bundle["policy"]["x509_props"]
    assert shown["basic_constraints"] == {"ca": True, "path_len": 1}
    assert shown["name_constraints"] == sent["x509_props"]["name_constraints"]
    extensions = leaf_of(bundle).extensions
    constraints = extensions.get_extension_for_class(x509.BasicConstraints)
    assert constraints.critical
    assert constraints.value == x509.BasicConstraints(ca=True, path_length=1)
    names = extensions.get_extension_for_class(x509.NameConstraints).value
    assert [name.value for name in names.permitted_subtrees] == ["corp.example"]
    assert [str(name.value) for name in names.excluded_subtrees] == ["10.0.0.0/8"]


@pytest.mark.parametrize("kty", ["RSA", "EC"])
@pytest.mark.parametrize("content_type", [PFX, PEM])
def test_the_secret_is_the_certificate_with_its_key(raw, name, kty, content_type):
    sent = policy(key_props={"kty": kty}, secret_props={"contentType": content_type})
    create(raw, name, sent)
    leaf = leaf_of(get(raw, f"/certificates/{name}"))
    secret = get(raw, f"/secrets/{name}")
    assert (secret["contentType"], secret["managed"]) == (content_type, True)
    key, found = opened(secret)
    assert found == leaf
    assert spki(key.public_key()) == spki(leaf.public_key())
    kept = get(raw, f"/keys/{name}")
    assert kept["managed"] is True
    assert secret["kid"] == kept["key"]["kid"]


def opened(secret):
    """Key and certificate of a secret; a PFX has an empty password."""
    if secret["contentType"] == PFX:
        file = base64.b64decode(secret["value"])
        key, own, others = pkcs12.load_key_and_certificates(file, b"")
        return key, own or others[0]
    text = secret["value"].encode()
    key = load_pem_private_key(text, None) if b"PRIVATE KEY" in text else None
    return key, x509.load_pem_x509_certificate(text)


@pytest.mark.parametrize("content_type", [PFX, PEM])
def test_a_key_that_stays_is_not_in_the_secret(raw, name, content_type):
    sent = policy(
        key_props={"kty": "EC", "exportable": False}, secret_props={"contentType": content_type}
    )
    create(raw, name, sent)
    secret = get(raw, f"/secrets/{name}")
    key, found = opened(secret)
    assert key is None
    assert found == leaf_of(get(raw, f"/certificates/{name}"))
    for wanted in (PFX, PEM):
        asked = get(raw, f"/secrets/{name}", YOUNG, outContentType=wanted)
        assert opened(asked)[0] is None, "no conversion brings it out"


@pytest.mark.parametrize("stored, wanted", [(PFX, PEM), (PEM, PFX), (PFX, PFX)])
def test_the_secret_comes_in_the_form_asked_for(raw, name, stored, wanted):
    create(raw, name, policy(key_props={"kty": "EC"}, secret_props={"contentType": stored}))
    secret = get(raw, f"/secrets/{name}", YOUNG, outContentType=wanted)
    assert secret["contentType"] == wanted
    key, found = opened(secret)
    assert spki(key.public_key()) == spki(found.public_key())
    before = get(raw, f"/secrets/{name}", "7.6", outContentType=wanted)
    assert before["contentType"] == stored, "older versions do not know the question"
    refused = raw.call("GET", f"/secrets/{name}", version=YOUNG, outContentType="text/plain")
    assert (refused.status, refused.code) == (400, "BadParameter")


def test_the_secret_names_the_version_before(raw, name):
    first = create(raw, name, policy(key_props={"kty": "EC"})) and get(raw, f"/secrets/{name}")
    assert "previousVersion" not in get(raw, f"/secrets/{name}", YOUNG)
    create(raw, name, policy(key_props={"kty": "EC"}))
    before = urlsplit(first["id"]).path.rsplit("/", 1)[1]
    assert get(raw, f"/secrets/{name}", YOUNG)["previousVersion"] == before
    assert "previousVersion" not in get(raw, f"/secrets/{name}", "7.6")


def test_members_come_with_their_version(raw, name):
    sent = policy(key_props={"kty": "EC"})
    sent["x509_props"]["sans"] = {"dns_names": ["a.example"], "uris": ["urn:a"]}
    create(raw, name, sent)
    shown = (("7.5", False, False), ("7.6", True, False), (YOUNG, True, True))
    for version, ordered, uris in shown:
        bundle = get(raw, f"/certificates/{name}", version)
        assert ("preserveCertOrder" in bundle) == ordered, version
        assert ("uris" in bundle["policy"]["x509_props"]["sans"]) == uris, version
    old = get(raw, f"/certificates/{name}", "2015-06-01")
    assert set(old["attributes"]) == {"enabled", "nbf", "exp", "created", "updated"}
    for method, path in (("POST", f"/certificates/{name}/backup"), ("GET", "/deletedcertificates")):
        answer = raw.call(method, path, version="2015-06-01")
        assert (answer.status, answer.code) == (400, "BadParameter"), path


def test_a_certificate_that_is_being_made_has_no_key_yet(raw, name):
    create(raw, name, policy("Unknown"), tags={"a": "b"})
    bundle = get(raw, f"/certificates/{name}")
    assert set(bundle) == {"id", "attributes", "tags", "policy", "pending"}
    assert set(bundle["attributes"]) == RECORDED_ATTRIBUTES
    assert bundle["attributes"]["enabled"] is False
    for kind in ("keys", "secrets"):
        assert raw.call("GET", f"/{kind}/{name}").status == 404
    listed = [urlsplit(item["id"]).path for item in pages(raw, "/certificates")]
    assert f"/certificates/{name}" not in listed
    listed = pages(raw, "/certificates", includePending="true")
    found = next(item for item in listed if item["id"].endswith(f"/{name}"))
    assert "x5t" not in found


def pages(raw, path, **query):
    answer, found = get(raw, path, maxresults=3, **query), []
    while True:
        found += answer["value"]
        link = answer["nextLink"]
        if link is None:
            return found
        parts = urlsplit(link)
        answer = raw.send("GET", f"{parts.path}?{parts.query}").json()


def test_a_merged_certificate_completes_its_operation(raw, name):
    pending = create(raw, name, policy("Unknown")).json()
    root, root_key = foundry.authority("Shape outside")
    csr = base64.b64decode(pending["csr"])
    leaf = foundry.sign_request(csr, root, root_key)
    stray, _ = foundry.authority("Shape stray")
    path = f"/certificates/{name}/pending/merge"
    wrong = foundry.ec_key()
    other = foundry.certificate("shape.example", wrong.public_key(), root, root_key)
    for x5c in ([other], [leaf, stray], [root]):
        body = {"x5c": [foundry.base64_der(made) for made in x5c]}
        refused = raw.call("POST", path, body)
        assert (refused.status, refused.code) == (400, "BadParameter"), refused
    assert get(raw, f"/certificates/{name}/pending")["status"] == "inProgress"
    body = {"x5c": [foundry.base64_der(root), foundry.base64_der(leaf)], "tags": {"a": "b"}}
    answer = raw.call("POST", path, body)
    assert answer.status == 201, answer
    assert answer.json()["cer"] == foundry.base64_der(leaf)
    assert answer.json()["tags"] == {"a": "b"}
    assert get(raw, f"/certificates/{name}/pending")["status"] == "completed"
    again = raw.call("POST", path, body)
    assert again.status in (404, 409), again
    secret = get(raw, f"/secrets/{name}")
    held = pkcs12.load_key_and_certificates(base64.b64decode(secret["value"]), b"")
    assert (held[1], held[2]) == (leaf, [root])


@pytest.mark.parametrize("coat", ["base64 of base64", "base64 of PEM", "PEM"])
def test_merged_certificates_come_in_every_coat(raw, name, coat):
    """As .NET, PowerShell and others were seen to send them."""
    csr = base64.b64decode(create(raw, name, policy("Unknown")).json()["csr"])
    root, root_key = foundry.authority("Shape coat")
    leaf = foundry.sign_request(csr, root, root_key)
    armored = leaf.public_bytes(Encoding.PEM)
    text = {
        "base64 of base64": base64.b64encode(foundry.base64_der(leaf).encode()).decode(),
        "base64 of PEM": base64.b64encode(armored).decode(),
        "PEM": armored.decode(),
    }[coat]
    answer = raw.call("POST", f"/certificates/{name}/pending/merge", {"x5c": [text]})
    assert answer.status == 201, answer


def test_an_operation_is_given_up_and_forgotten(raw, name):
    create(raw, name, policy("Unknown"))
    path = f"/certificates/{name}/pending"
    cancelled = raw.call("PATCH", path, {"cancellation_requested": True})
    assert cancelled.status == 200 and cancelled.json()["cancellation_requested"] is True
    assert get(raw, path)["status"] in ("cancelled", "inProgress")
    assert raw.call("DELETE", path).status == 200
    for method in ("GET", "DELETE"):
        gone = raw.call(method, path)
        assert (gone.status, gone.code) == (404, "PendingCertificateNotFound")
        assert gone.message == f"Pending certificate not found: {name}"
    assert "pending" not in get(raw, f"/certificates/{name}")


def test_an_import_has_no_operation(raw, name):
    key = foundry.rsa_key()
    made = foundry.certificate("imported.example", key.public_key(), None, key, days=390)
    body = {"value": foundry.pfx(key, made, password=b"pass"), "pwd": "pass"}
    path = f"/certificates/{name}/import"
    for wrong in ({"pwd": "word"}, {"pwd": ""}, {"pwd": None}):
        refused = raw.call("POST", path, body | wrong)
        assert (refused.status, refused.code) == (400, "BadParameter"), refused
        assert "pass" not in refused.message.replace("password", "")
    answer = raw.call("POST", path, body)
    assert answer.status == 200, answer
    bundle = answer.json()
    assert set(bundle) == RECORDED_BUNDLE - {"pending"}
    assert leaf_of(bundle) == made
    assert bundle["policy"]["issuer"] == {"name": "Unknown"}
    assert bundle["policy"]["x509_props"]["subject"] == "CN=imported.example"
    assert bundle["policy"]["x509_props"]["validity_months"] == 13
    assert bundle["policy"]["lifetime_actions"] == [
        {"trigger": {"lifetime_percentage": 80}, "action": {"action_type": "EmailContacts"}},
    ]
    assert raw.call("GET", f"/certificates/{name}/pending").status == 404


@pytest.mark.parametrize("coat", ["PEM", "base64 of PEM"])
def test_pem_is_imported_in_either_order(raw, name, coat):
    root, root_key = foundry.authority("Shape import")
    key = foundry.ec_key()
    leaf = foundry.certificate("pem.example", key.public_key(), root, root_key)
    text = foundry.pem(key, root, leaf)
    value = text if coat == "PEM" else base64.b64encode(text.encode()).decode()
    answer = raw.call("POST", f"/certificates/{name}/import", {"value": value})
    assert answer.status == 200, answer
    assert leaf_of(answer.json()) == leaf
    assert answer.json()["policy"]["secret_props"] == {"contentType": PEM}
    secret = get(raw, f"/secrets/{name}")["value"].encode()
    assert x509.load_pem_x509_certificates(secret) == [leaf, root]


def test_what_is_not_there(raw, name):
    recovery = (
        f"A certificate with (name/id) {name} was not found in this key vault. If you recently "
        "deleted this certificate you may be able to recover it using the correct recovery "
        "command. For help resolving this issue, please see "
        "https://go.microsoft.com/fwlink/?linkid=2125182"
    )
    for method, path, code, message in [
        ("GET", f"/certificates/{name}", "CertificateNotFound", recovery),
        ("GET", f"/certificates/{name}/policy", "CertificateNotFound", recovery),
        ("DELETE", f"/certificates/{name}", "CertificateNotFound", recovery),
        ("GET", f"/deletedcertificates/{name}", "CertificateNotFound",
         f"Deleted Certificate not found: {name}"),
        ("GET", f"/certificates/{name}/pending", "PendingCertificateNotFound",
         f"Pending certificate not found: {name}"),
        ("GET", f"/certificates/issuers/{name}", "CertificateIssuerNotFound", "Issuer not found"),
    ]:
        answer = raw.call(method, path)
        assert (answer.status, answer.code, answer.message) == (404, code, message), path


def test_a_deleted_name_is_kept(raw, name):
    create(raw, name)
    deleted = raw.call("DELETE", f"/certificates/{name}").json()
    assert {"recoveryId", "deletedDate", "scheduledPurgeDate"} <= set(deleted)
    for path in (f"/certificates/{name}/create", f"/certificates/{name}/import"):
        key = foundry.ec_key()
        made = foundry.certificate("a", key.public_key(), None, key)
        body = {"policy": policy(), "value": foundry.pfx(key, made)}
        answer = raw.call("POST", path, body)
        assert (answer.status, answer.code) == (409, "Conflict"), answer
        assert answer.inner_code == "ObjectIsDeletedButRecoverable"
    for kind in ("keys", "secrets"):
        assert raw.call("GET", f"/{kind}/{name}").status == 404
    recovered = raw.call("POST", f"/deletedcertificates/{name}/recover")
    assert recovered.status == 200
    for kind in ("keys", "secrets"):
        assert get(raw, f"/{kind}/{name}")["managed"] is True


@pytest.mark.parametrize("method, path", [
    ("PUT", "/certificates/a"),
    ("POST", "/certificates/issuers/create"),
    ("PATCH", "/certificates/contacts"),
    ("GET", "/certificates/a/create"),
    ("POST", "/certificates/a/pending"),
])
def test_what_is_no_operation(raw, method, path):
    answer = raw.call(method, path, {})
    assert (answer.status, answer.code) == (405, "MethodNotAllowed")


@pytest.mark.parametrize("change", [
    {"key_props": {"kty": "oct"}},
    {"key_props": {"kty": "RSA", "key_size": 1024}},
    {"key_props": {"kty": "EC", "crv": "P-192"}},
    {"key_props": {"kty": "RSA-HSM", "exportable": True}},
    {"secret_props": {"contentType": "text/plain"}},
    {"x509_props": {"subject": ""}},
    {"x509_props": {"subject": "no name"}},
    {"x509_props": {"subject": "CN=a", "ekus": ["serverAuth"]}},
    {"x509_props": {"subject": "CN=a", "key_usage": ["sign"]}},
    {"x509_props": {"subject": "CN=a", "validity_months": 0}},
    {"x509_props": {"subject": "CN=a", "validity_months": "twelve"}},
    {"x509_props": {"subject": "CN=a", "sans": {"dns_names": ["not a name"]}}},
    {"x509_props": {"subject": "CN=a", "sans": {"dns_names": ["a.b"] * 251}}},
    {"x509_props": {"subject": "CN=a", "basic_constraints": {"ca": False, "path_len": 0}}},
    {"lifetime_actions": [{"trigger": {"lifetime_percentage": 0}, "action": {}}]},
    {"lifetime_actions": [
        {"trigger": {"days_before_expiry": 325}, "action": {"action_type": "AutoRenew"}}]},
    {"issuer": {"name": "nobody-of-this-name"}},
    {"issuer": {"name": ""}},
    {"issuer": {}},
])
def test_policies_that_cannot_be(raw, name, change):
    answer = raw.call("POST", f"/certificates/{name}/create", {"policy": policy() | change})
    assert answer.status in (400, 404), answer
    assert answer.message
    assert raw.call("GET", f"/certificates/{name}").status == 404
    assert raw.call("GET", f"/keys/{name}").status == 404


def test_tags_are_bounded(raw, name):
    for tags in ({str(n): "" for n in range(16)}, {"a" * 257: ""}, {"a": "b" * 257}):
        body = {"policy": policy(), "tags": tags}
        answer = raw.call("POST", f"/certificates/{name}/create", body)
        assert (answer.status, answer.code) == (400, "BadParameter")


@pytest.fixture
def authority(raw, name):
    """An authority of the vault, and the issuer that is it."""
    root, issuer = f"{name[:100]}-root", f"{name[:100]}-ca"
    sent = policy(subject="CN=Shape root", key_props={"kty": "EC", "exportable": False})
    sent["x509_props"]["basic_constraints"] = {"ca": True}
    create(raw, root, sent)
    body = {
        "provider": "Strongroom", "org_details": {"id": root}, "strongroom": {"acme": True},
    }
    answer = raw.call("PUT", f"/certificates/issuers/{issuer}", body)
    assert answer.status == 200, answer
    assert answer.json()["strongroom"] == {
        "max_days": 398, "allowed_dns": [], "allowed_ekus": [], "allow_ca": False, "acme": True,
    }
    return issuer


def test_what_an_authority_issued_is_revoked(raw, name, authority):
    sent = policy(authority, key_props={"kty": "EC"})
    sent["x509_props"]["sans"] = {"dns_names": ["shape.example"]}
    create(raw, name, sent)
    serial = leaf_of(get(raw, f"/certificates/{name}")).serial_number
    path = f"/certificates/issuers/{authority}/revoke"
    digits = f"{serial:x}"
    revoked = raw.call("POST", path, {"serial": digits, "reason": "superseded"})
    assert revoked.status == 200, revoked
    assert set(revoked.json()) == {"serial", "revoked", "reason"}
    assert int(revoked.json()["serial"], 16) == serial
    assert revoked.json()["reason"] == "superseded"
    unknown = raw.call("POST", path, {"serial": "0102"})
    assert (unknown.status, unknown.code) == (404, "CertificateNotFound")


def test_a_version_is_revoked_by_name(raw, name, authority):
    sent = policy(authority, key_props={"kty": "EC"})
    sent["x509_props"]["sans"] = {"dns_names": ["shape.example"]}
    create(raw, name, sent)
    bundle = get(raw, f"/certificates/{name}")
    revoked = raw.call("POST", urlsplit(bundle["id"]).path + "/revoke", {})
    assert revoked.status == 200, revoked
    assert int(revoked.json()["serial"], 16) == leaf_of(bundle).serial_number
    assert revoked.json()["reason"] == "unspecified"


def test_an_acme_account_is_bound_to_its_caller(raw, authority):
    answer = raw.call("POST", f"/certificates/issuers/{authority}/eab")
    assert answer.status == 200, answer
    binding = answer.json()
    assert set(binding) == {"key_id", "hmac_key", "directory", "expires"}
    assert len(decode(binding["hmac_key"])) >= 32
    assert urlsplit(binding["directory"]).path == f"/acme/{authority}/directory"
    other = raw.call("POST", f"/certificates/issuers/{authority}/eab").json()
    assert other["hmac_key"] != binding["hmac_key"]
    nobody = raw.call("POST", "/certificates/issuers/nobody/eab")
    assert nobody.status == 404
