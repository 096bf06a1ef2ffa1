"""The specification's own examples of certificates, sent as they stand: same status, same shape.

The examples' certificates and blobs are cut short or sealed elsewhere; ours stand in for them.
"""

import copy
from urllib.parse import parse_qsl, urlsplit

import foundry
from test_examples import FOLDER, Example, snake

SUBJECT = "KeyVaultTest"


def test_every_example_of_certificates_is_replayed():
    tested = {test.removeprefix("test_") for test in globals() if test.startswith("test_")}
    operations = {path.name.split("-")[0] for path in FOLDER.glob("*Certificate*.json")}
    assert {operation for operation in operations if snake(operation) not in tested} == set()
    assert len(operations) == 27


def free(raw, name):
    """Leaves the name free, whatever was there."""
    raw.call("DELETE", f"/certificates/{name}")
    raw.call("DELETE", f"/deletedcertificates/{name}")


def import_plain(raw, name, **members):
    """What most examples hold: a certificate of somebody else, without any usage."""
    key = foundry.rsa_key()
    made = foundry.certificate(SUBJECT, key.public_key(), None, key, days=297 * 30)
    body = {"value": foundry.pfx(key, made), **members}
    answer = raw.call("POST", f"/certificates/{name}/import", body, version="7.6-preview.1")
    assert answer.status == 200, answer
    return answer.json()


def create(raw, name, issuer="Self"):
    policy = {"x509_props": {"subject": f"CN={SUBJECT}"}, "issuer": {"name": issuer}}
    answer = raw.call("POST", f"/certificates/{name}/create", {"policy": policy})
    assert answer.status == 202, answer
    return answer.json()


def version_of(bundle):
    return urlsplit(bundle["id"]).path.rsplit("/", 1)[1]


def test_create_certificate(raw):
    example = Example("CreateCertificate")
    answer = example.send(raw, "POST", f"/certificates/{example.name}/create", example.body)
    example.check(answer)
    for member in ("issuer", "status", "status_details", "cancellation_requested"):
        assert answer.json()[member] == example.answer[member]


def test_import_certificate(raw):
    example = Example("ImportCertificate")
    key = foundry.rsa_key()
    made = foundry.certificate(SUBJECT, key.public_key(), None, key)
    password = example.body["pwd"].encode()
    body = {**example.body, "value": foundry.pfx(key, made, password=password)}
    answer = example.send(raw, "POST", f"/certificates/{example.name}/import", body)
    example.check(answer)
    policy = answer.json()["policy"]
    for member in ("key_props", "secret_props", "lifetime_actions", "issuer"):
        assert policy[member] == example.answer["policy"][member]
    assert policy["x509_props"]["subject"] == example.answer["policy"]["x509_props"]["subject"]


def test_get_certificate(raw):
    example = Example("GetCertificate")
    free(raw, example.name)
    version = version_of(import_plain(raw, example.name))
    example.check(example.send(raw, "GET", f"/certificates/{example.name}/{version}"))


def test_update_certificate(raw):
    """The example's answer lacks the policy, which every recorded answer has."""
    example = Example("UpdateCertificate")
    free(raw, example.name)
    version = version_of(import_plain(raw, example.name))
    answer = example.send(raw, "PATCH", f"/certificates/{example.name}/{version}", example.body)
    assert answer.json()["tags"] == example.answer["tags"]
    example.answer["policy"] = Example("GetCertificatePolicy").answer
    example.check(answer)


def test_get_certificates(server):
    server.create_vault("week")
    week = server.raw("week")
    for number in range(2):
        import_plain(week, f"listCert{number}")
    example = Example("GetCertificates")
    example.check(example.send(week, "GET", "/certificates"))


def test_get_certificate_versions(raw):
    example = Example("GetCertificateVersions")
    name = urlsplit(example.answer["value"][0]["id"]).path.split("/")[2]
    for _ in range(2):
        import_plain(raw, name)
    example.check(example.send(raw, "GET", f"/certificates/{name}/versions"))


def test_delete_certificate(raw):
    example = Example("DeleteCertificate")
    free(raw, example.name)
    import_plain(raw, example.name)
    example.check(example.send(raw, "DELETE", f"/certificates/{example.name}"))
    free(raw, example.name)


def test_get_deleted_certificate(raw):
    example = Example("GetDeletedCertificate")
    import_plain(raw, example.name)
    raw.call("DELETE", f"/certificates/{example.name}")
    example.check(example.send(raw, "GET", f"/deletedcertificates/{example.name}"))


def test_get_deleted_certificates(server):
    server.create_vault("protected")
    raw = server.raw("protected")
    for number in range(2):
        import_plain(raw, f"listdeletedcerttest{number}")
        raw.call("DELETE", f"/certificates/listdeletedcerttest{number}")
    example = Example("GetDeletedCertificates")
    size = example.parameters["maxresults"]
    answer = example.send(raw, "GET", "/deletedcertificates", maxresults=size)
    example.check(answer)
    token = dict(parse_qsl(urlsplit(answer.json()["nextLink"]).query))["$skiptoken"]
    query = {"maxresults": size, "$skiptoken": token}
    rest = example.send(raw, "GET", "/deletedcertificates", **query).json()
    assert urlsplit(rest["value"][0]["id"]).path == "/certificates/listdeletedcerttest1"


def test_recover_deleted_certificate(raw):
    example = Example("RecoverDeletedCertificate")
    import_plain(raw, example.name)
    raw.call("DELETE", f"/certificates/{example.name}")
    example.check(example.send(raw, "POST", f"/deletedcertificates/{example.name}/recover"))


def test_purge_deleted_certificate(raw):
    example = Example("PurgeDeletedCertificate")
    import_plain(raw, example.name)
    raw.call("DELETE", f"/certificates/{example.name}")
    example.check(example.send(raw, "DELETE", f"/deletedcertificates/{example.name}"))


def test_backup_certificate(raw):
    example = Example("BackupCertificate")
    free(raw, example.name)
    import_plain(raw, example.name)
    example.check(example.send(raw, "POST", f"/certificates/{example.name}/backup"))
    free(raw, example.name)


def test_restore_certificate(raw):
    """A certificate that signed itself, as in the example; the operation is not in the backup."""
    example = Example("RestoreCertificate")
    foreign = example.send(raw, "POST", "/certificates/restore", example.body)
    assert (foreign.status, foreign.code) == (400, "Malformed backup blob")

    name = urlsplit(example.answer["id"]).path.split("/")[2]
    free(raw, name)
    create(raw, name)
    assert raw.call("GET", f"/certificates/{name}/pending").json()["status"] == "completed"
    blob = raw.call("POST", f"/certificates/{name}/backup").json()["value"]
    free(raw, name)
    answer = example.send(raw, "POST", "/certificates/restore", {"value": blob})
    example.check(answer)
    for member in ("key_props", "secret_props", "lifetime_actions", "issuer"):
        assert answer.json()["policy"][member] == example.answer["policy"][member]
    usages = ("ekus", "key_usage", "validity_months")
    for member in usages:
        restored = answer.json()["policy"]["x509_props"][member]
        assert restored == example.answer["policy"]["x509_props"][member]


def test_get_certificate_policy(raw):
    example = Example("GetCertificatePolicy")
    free(raw, example.name)
    import_plain(raw, example.name)
    example.check(example.send(raw, "GET", f"/certificates/{example.name}/policy"))


def test_update_certificate_policy(raw):
    example = Example("UpdateCertificatePolicy")
    free(raw, example.name)
    import_plain(raw, example.name)
    answer = example.send(raw, "PATCH", f"/certificates/{example.name}/policy", example.body)
    example.check(answer)
    theirs, ours = copy.deepcopy(example.answer), answer.json()
    for policy in (theirs, ours):
        for member in ("id", "attributes"):
            policy.pop(member)
        policy["x509_props"].pop("basic_constraints", None)
    assert ours == theirs


def test_get_certificate_operation(raw):
    """An operation that is still going on: nobody but its owner can end one of `Unknown`."""
    example = Example("GetCertificateOperation")
    free(raw, example.name)
    create(raw, example.name, "Unknown")
    example.check(example.send(raw, "GET", f"/certificates/{example.name}/pending"))
    free(raw, example.name)


def test_update_certificate_operation(raw):
    example = Example("UpdateCertificateOperation")
    create(raw, example.name, "Unknown")
    path = f"/certificates/{example.name}/pending"
    answer = example.send(raw, "PATCH", path, example.body)
    example.check(answer)
    assert answer.json()["cancellation_requested"] is True


def test_delete_certificate_operation(raw):
    example = Example("DeleteCertificateOperation")
    create(raw, example.name, "Unknown")
    path = f"/certificates/{example.name}/pending"
    example.check(example.send(raw, "DELETE", path))
    gone = raw.call("GET", path)
    assert (gone.status, gone.code) == (404, "PendingCertificateNotFound")
    assert gone.message == f"Pending certificate not found: {example.name}"


def test_merge_certificate(raw):
    """Since the example was recorded, `key_usage` and the operation came to the answer."""
    example = Example("MergeCertificate")
    free(raw, example.name)
    pending = create(raw, example.name, "Unknown")
    root, root_key = foundry.authority("Example root")
    csr = foundry.base64.b64decode(pending["csr"])
    made = foundry.sign_request(csr, root, root_key)
    body = {"x5c": [foundry.base64_der(made)]}
    answer = example.send(raw, "POST", f"/certificates/{example.name}/pending/merge", body)
    merged = answer.json()
    assert merged["policy"]["x509_props"]["key_usage"] == ["digitalSignature", "keyEncipherment"]
    assert merged["pending"] == {"id": pending["id"]}
    example.answer["policy"]["x509_props"]["key_usage"] = ["", ""]
    example.answer["pending"] = {"id": ""}
    example.check(answer)
    assert merged["cer"] == body["x5c"][0]


def test_set_certificate_contacts(raw):
    example = Example("SetCertificateContacts")
    answer = example.send(raw, "PUT", "/certificates/contacts", example.body)
    example.check(answer)
    assert answer.json()["contacts"] == example.answer["contacts"]


def test_get_certificate_contacts(raw):
    raw.call("PUT", "/certificates/contacts", Example("SetCertificateContacts").body)
    example = Example("GetCertificateContacts")
    answer = example.send(raw, "GET", "/certificates/contacts")
    example.check(answer)
    assert answer.json()["contacts"] == example.answer["contacts"]


def test_delete_certificate_contacts(raw):
    raw.call("PUT", "/certificates/contacts", Example("SetCertificateContacts").body)
    example = Example("DeleteCertificateContacts")
    example.check(example.send(raw, "DELETE", "/certificates/contacts"))
    gone = raw.call("GET", "/certificates/contacts")
    assert (gone.status, gone.code, gone.message) == (404, "ContactsNotFound", "Contacts not found")


def set_issuer(raw, name):
    answer = raw.call("PUT", f"/certificates/issuers/{name}", Example("SetCertificateIssuer").body)
    assert answer.status == 200, answer


def same_issuer(example, answer):
    """Their times, and the vault of theirs."""
    example.check(answer)
    for member in ("provider", "credentials", "org_details"):
        assert answer.json()[member] == example.answer[member]
    assert "pwd" not in answer.body.decode()


def test_set_certificate_issuer(raw):
    example = Example("SetCertificateIssuer")
    path = f"/certificates/issuers/{example.name}"
    same_issuer(example, example.send(raw, "PUT", path, example.body))


def test_get_certificate_issuer(raw):
    example = Example("GetCertificateIssuer")
    set_issuer(raw, example.name)
    same_issuer(example, example.send(raw, "GET", f"/certificates/issuers/{example.name}"))


def test_update_certificate_issuer(raw):
    """The example answers the account it was to replace."""
    example = Example("UpdateCertificateIssuer")
    set_issuer(raw, example.name)
    path = f"/certificates/issuers/{example.name}"
    answer = example.send(raw, "PATCH", path, example.body)
    example.answer["credentials"] = {"account_id": example.body["credentials"]["account_id"]}
    same_issuer(example, answer)


def test_get_certificate_issuers(server):
    server.create_vault("issuers")
    raw = server.raw("issuers")
    example = Example("GetCertificateIssuers")
    for issuer in example.answer["value"]:
        set_issuer(raw, urlsplit(issuer["id"]).path.rsplit("/", 1)[1])
    answer = example.send(raw, "GET", "/certificates/issuers")
    example.check(answer)
    paths = [urlsplit(issuer["id"]).path for issuer in answer.json()["value"]]
    assert paths == [urlsplit(issuer["id"]).path for issuer in example.answer["value"]]


def test_delete_certificate_issuer(raw):
    example = Example("DeleteCertificateIssuer")
    set_issuer(raw, example.name)
    path = f"/certificates/issuers/{example.name}"
    same_issuer(example, example.send(raw, "DELETE", path))
    gone = raw.call("GET", path)
    assert (gone.status, gone.code) == (404, "CertificateIssuerNotFound")
    assert gone.message == "Issuer not found"
