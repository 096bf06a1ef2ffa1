#!/usr/bin/env python3
"""Makes corpus/, with pyca/cryptography: an implementation other than ours.

The keys are those that OpenSSL made for the tests of crates/crypto. What is encrypted differs each
time.
"""

import base64
import datetime
import ipaddress
import json
import pathlib
import struct

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.keywrap import aes_key_wrap_with_padding
from cryptography.hazmat.primitives.serialization import pkcs12

HERE = pathlib.Path(__file__).parent
KEYS = HERE / "../crates/crypto/tests/software/keys"
EXAMPLES = HERE / "../tests/compat/spec-examples"
CURVES = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521", "secp256k1": "P-256K"}
VERSION = "4387e9f3d6e14c459867679a90fd0f79"
NOW = 1_767_225_600


def b64(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def compact(value):
    return json.dumps(value, separators=(",", ":")).encode()


def write(target, name, data):
    folder = HERE / "corpus" / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data if isinstance(data, bytes) else compact(data))


def der(name):
    return (KEYS / f"{name}.der").read_bytes()


def load(name):
    return serialization.load_der_private_key(der(name), None)


def jwk(key):
    numbers = key.private_numbers()
    public = numbers.public_numbers
    if isinstance(key, ec.EllipticCurvePrivateKey):
        size = (key.curve.key_size + 7) // 8
        values = {"x": public.x, "y": public.y, "d": numbers.private_value}
        named = {name: b64(value.to_bytes(size, "big")) for name, value in values.items()}
        return {"kty": "EC", "crv": CURVES[key.curve.name], **named}
    values = {"n": public.n, "e": public.e, "d": numbers.d, "p": numbers.p, "q": numbers.q,
              "dp": numbers.dmp1, "dq": numbers.dmq1, "qi": numbers.iqmp}
    octets = lambda value: b64(value.to_bytes((value.bit_length() + 7) // 8, "big"))
    return {"kty": "RSA", **{name: octets(value) for name, value in values.items()}}


def example(operation):
    sent = json.loads((EXAMPLES / f"{operation}-example.json").read_text())["parameters"]
    return next(body for body in sent.values() if isinstance(body, dict))


POLICY = {"version": "1.0.0", "anyOf": [{
    "authority": "https://attest.example",
    "allOf": [
        {"claim": "x-ms-isolation-tee.x-ms-attestation-type", "equals": "sevsnpvm"},
        {"anyOf": [{"claim": "svn", "equals": 2}, {"claim": "debug", "equals": False}]},
    ]}]}
CLAIMS = {"iss": "https://attest.example", "iat": NOW, "exp": NOW + 3600, "svn": 2,
          "x-ms-isolation-tee": {"x-ms-attestation-type": "sevsnpvm"}}


def blob(target):
    """As "Bring your own key specification" describes it."""
    aes_key = bytes(range(32))
    oaep = padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), None)
    carrier = load("rsa-2048").public_key().encrypt(aes_key, oaep)
    wrapped = carrier + aes_key_wrap_with_padding(aes_key, target)
    header = {"kid": f"https://v.vault.azure.net/keys/kek/{VERSION}", "alg": "dir",
              "enc": "CKM_RSA_AES_KEY_WRAP"}
    return {"schema_version": "1.0.0", "header": header, "ciphertext": b64(wrapped),
            "generator": "seeds"}


def jwk_import():
    write("jwk_import", "example", example("ImportKey"))
    for name in ["rsa-2048-e3", "rsa-1024", "p256", "p384", "p521", "p256k"]:
        write("jwk_import", name, {"key": jwk(load(name))})
    for length in [16, 24, 32]:
        write("jwk_import", f"oct-{length}", {"key": {"kty": "oct", "k": b64(bytes(length))}})
    released = {"contentType": "application/json; charset=utf-8", "data": b64(compact(POLICY))}
    write("jwk_import", "everything", {
        "Hsm": True, "key": {**jwk(load("p256")), "key_ops": ["sign", "verify", "export"]},
        "attributes": {"enabled": True, "nbf": 0, "exp": NOW, "exportable": True},
        "tags": {"a": "b"}, "release_policy": {**released, "immutable": True}})
    write("jwk_import", "key_hsm", {
        "key": {"kty": "RSA-HSM", "key_hsm": b64(compact(blob(der("p256"))))}})
    write("jwk_import", "swapped", bytes([0, 3, 8, 4, 5, 8, 6]))
    for key in range(6):
        write("jwk_import", f"whole-{key}", bytes([key]))
        write("jwk_import", f"zeros-{key}", bytes([key, 2, 1, 1, 0, 1, 2]))
        write("jwk_import", f"others-{key}", bytes([key, 2, 5, 0, 8, 5, 0]))


def byok_blob():
    for name in ["rsa-2048", "p256", "p256k"]:
        write("byok_blob", f"blob-{name}", blob(der(name)))
    for name in ["rsa-2048-e3", "rsa-2048-pkcs1", "rsa-2048-three-primes", "rsa-1024",
                 "rsa-pss-2048", "p256", "p256-sec1", "p256-without-point", "p256-explicit", "p384",
                 "p521", "p521-sec1", "p256k", "p256k-without-point", "ed25519"]:
        write("byok_blob", name, der(name))
    # Seeds of ML-DSA (RFC 9881): [0] of 32 bytes.
    for last, name in [(17, "44"), (18, "65"), (19, "87")]:
        oid = bytes.fromhex("0609608648016503040300")[:-1] + bytes([last])
        inner = b"\x80\x20" + bytes(32)
        body = b"\x02\x01\x00\x30" + bytes([len(oid)]) + oid + b"\x04" + bytes([len(inner)]) + inner
        write("byok_blob", f"ml-dsa-{name}", b"\x30" + bytes([len(body)]) + body)
    for length in [16, 24, 32]:
        wrapped = aes_key_wrap_with_padding(b"\x01" * length, der("p256"))
        write("byok_blob", f"carried-{length}", b"C" + bytes([length]) + wrapped)
    write("byok_blob", "carried-nothing", b"C\x20")


def release_policy():
    write("release_policy", "met", compact(POLICY) + b"\0" + compact(CLAIMS))
    older = {"anyOf": [{"authority": "https://Attest.example:443/a/", "anyOf": [
        {"claim": "sdk-test", "condition": "equals", "value": "true"}]}]}
    write("release_policy", "older", compact(older) + b"\0" + compact({"sdk-test": True}))
    number = lambda value: {"claim": "n", "equals": value}
    numbers = {"version": "1.0", "anyOf": [
        {"authority": "https://a", "allOf": [number(1.5), number(-1), number(2**64 - 1)]},
        {"authority": "https://b", "anyOf": [{"allOf": [{"anyOf": [number(1e20)]}]}]}]}
    write("release_policy", "numbers", compact(numbers) + b"\0" + compact({"n": 1.5}))
    # What has crashed the target once.
    for name, authority, value in [("ports", "https://a:443:443", 1),
                                   ("rounded", "https://a", 98446744073709557157)]:
        rule = {"authority": authority, "allOf": [number(value)]}
        write("release_policy", name, {"anyOf": [rule]})


def token(header, claims):
    signed = f"{b64(header)}.{b64(claims)}"
    signature = load("rsa-2048").sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
    return f"{signed}.{b64(signature)}".encode()


def attestation_token():
    header = compact({"alg": "RS256", "typ": "JWT", "kid": "x"})
    public = jwk(load("rsa-2048-e3"))
    key = {"kty": "RSA", "kid": "k", "n": public["n"], "e": public["e"]}
    runtime = {"keys": [{**key, "use": "enc"}]}
    of = lambda **more: compact({**CLAIMS, **more})
    write("attestation_token", "genuine", token(header, of()))
    for name, claims in {
        "runtime": of(**{"x-ms-runtime": runtime}),
        "key_ops": of(**{"x-ms-runtime": {"keys": [{**key, "key_ops": ["encrypt"]}]}}),
        "held": of(**{"maa-ehd": b64(compact(runtime))}),
        "times": of(nbf=NOW, exp=NOW + 0.5),
        "expired": of(exp=NOW - 3600),
    }.items():
        write("attestation_token", name, header + b"\0" + claims)
    signing = {**jwk(load("rsa-2048")), "kid": "x", "alg": "RS256", "use": "sig"}
    curve = {name: value for name, value in jwk(load("p256")).items() if name != "d"}
    public = {name: signing[name] for name in ["kty", "n", "e", "kid", "alg", "use"]}
    sets = {"keys": [{**curve, "kid": "y"}, public, {"kty": "RSA", "kid": "z", "x5c": ["MIIB"]}]}
    write("attestation_token", "keys", header + b"\0" + of() + b"\0" + compact(sets))


def rotation_policy():
    times = struct.pack("<qqq", NOW, NOW + 90 * 86_400, NOW + 86_400)
    for name, text in {
        "both": "P90D\nRotate P30D -\nNotify - P7D",
        "before": "P1Y2M10D\nrotate - P1M",
        "after": "-\nRotate P18M",
        "notify": "P90D\nNotify - P60D",
        "soon": "P28D\nRotate P21D -",
        "late": "P1Y\nRotate - P358D",
        "never": "P28D\nRotate - P9Y",
        "nothing": "-",
    }.items():
        write("rotation_policy", name, times + text.encode())


def key_requests():
    for operation in ["CreateKey", "UpdateKey", "UpdateKeyRotationPolicy", "wrapKey", "unwrapKey"]:
        write("key_requests", operation, example(operation))
    released = {"contentType": "application/json", "data": b64(compact(POLICY))}
    write("key_requests", "everything", {
        "kty": "RSA-HSM", "key_size": 3072, "public_exponent": 17, "key_ops": ["wrapKey", "export"],
        "attributes": {"enabled": False, "nbf": 1, "exp": 2, "exportable": True},
        "tags": {"a": "b"}, "crv": "P-256", "release_policy": released, "alg": "ML-DSA-44"})
    for alg, length in [("RS256", 32), ("PS512", 64), ("RSNULL", 40), ("ES256", 32), ("ES384", 48),
                        ("ES512", 64), ("ES256K", 32), ("HS256", 32)]:
        digest, signature = b64(bytes(length)), b64(b"x" * 64)
        write("key_requests", f"sign-{alg}", {"alg": alg, "value": digest})
        write("key_requests", f"verify-{alg}", {"alg": alg, "digest": digest, "value": signature})
    for alg in ["RSA1_5", "RSA-OAEP", "RSA-OAEP-256", "A128KW", "CKM_AES_KEY_WRAP_PAD"]:
        write("key_requests", f"encrypt-{alg}", {"alg": alg, "value": b64(bytes(16))})
    write("key_requests", "encrypt-GCM", {"alg": "A256GCM", "value": "AAAA", "aad": "AAAA"})
    write("key_requests", "decrypt-GCM", {"alg": "A128GCM", "value": "AAAA", "iv": b64(bytes(12)),
                                          "aad": "AA", "tag": b64(bytes(16))})
    for alg in ["A192CBC", "A256CBCPAD"]:
        write("key_requests", f"decrypt-{alg}", {
            "alg": alg, "value": b64(bytes(32)), "iv": b64(bytes(16))})
    # Of every algorithm: see src/work.rs.
    for number in range(34):
        write("key_requests", f"work-{number}", bytes([number, 16, 16, 255, 255, 255]))
        write("key_requests", f"opened-{number}", bytes([number, 8, 32, 6, 2, 8, 0]))
    oaep = padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), None)
    sealed = load("rsa-2048").public_key().encrypt(b"secret", oaep)
    write("key_requests", "decrypt-OAEP", {"alg": "RSA-OAEP", "value": b64(sealed)})
    write("key_requests", "release", {
        "target": "a.b.c", "nonce": "n", "enc": "RSA_AES_KEY_WRAP_256"})
    # What has crashed the target once.
    write("key_requests", "control", b'{"target":"a","enc":"a\x7fb"}')


def key_path():
    for line in ["GET /keys", "POST /keys/restore", "PUT /keys/a", "POST /keys/a/create",
                 "GET /keys/a/versions", "PUT /keys/a/rotationpolicy", "POST /keys/a//sign",
                 f"POST /keys/a/{VERSION}/release", f"PATCH /keys/a/{VERSION}",
                 f"GET /keys/a/{VERSION}/attestation", "POST /deletedkeys/a/recover",
                 "DELETE /deletedkeys/a", "GET /Secrets/%61/", "PATCH /secrets/a/",
                 "POST /secrets/a/backup", "POST /certificates/a/create",
                 "PATCH /certificates/a/pending", "POST /certificates/a/pending/merge",
                 "GET /certificates/a/policy/", f"POST /certificates/a/{VERSION}/revoke",
                 "PUT /certificates/issuers/a", "POST /certificates/issuers/a/eab",
                 "DELETE /Certificates/contacts", "POST /deletedcertificates/a/recover"]:
        name = line.replace("/", "-").replace(" ", "").replace("%", "")
        query = "?api%2Dversion=2026-07-01-preview&$skiptoken=a%3Db&maxresults=2"
        write("key_path", name, (line + query).encode())


SUBJECT = x509.Name.from_rfc4514_string("CN=leaf.example,OU=a\\+b,O=Example,L=Bern,C=CH")
NAMES = x509.SubjectAlternativeName([
    x509.DNSName("*.example"), x509.RFC822Name("a@example"),
    x509.IPAddress(ipaddress.ip_address("192.0.2.1")),
    x509.IPAddress(ipaddress.ip_address("2001:db8::1")),
    x509.UniformResourceIdentifier("https://example/a"),
    x509.OtherName(x509.ObjectIdentifier("1.3.6.1.4.1.311.20.2.3"), b"\x0c\x03a@b")])
USAGES = [
    x509.BasicConstraints(ca=True, path_length=1),
    x509.KeyUsage(True, False, True, False, False, True, True, False, False),
    x509.ExtendedKeyUsage([x509.OID_SERVER_AUTH, x509.ObjectIdentifier("1.2.3.4.5")]),
    x509.NameConstraints(
        [x509.DNSName("example"), x509.IPAddress(ipaddress.ip_network("192.0.2.0/24"))],
        [x509.DNSName("bad.example")])]


def certified(key, extensions, signer=None, issuer=SUBJECT):
    begin = datetime.datetime(2026, 1, 1)
    builder = x509.CertificateBuilder(issuer, SUBJECT, key.public_key(), 4711, begin,
                                      begin + datetime.timedelta(days=90))
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(signer or key, hashes.SHA256())


def certificate():
    key = load("p256")
    key_id = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    crl = x509.CRLDistributionPoints([
        x509.DistributionPoint([x509.UniformResourceIdentifier("http://a/b")], None, None, None)])
    for name, certified_as in {
        "bare": certified(key, []),
        "everything": certified(key, [NAMES, *USAGES, key_id, crl]),
        "rsa": certified(load("rsa-2048"), USAGES[:2]),
        "p521": certified(load("p521"), [NAMES]),
        "nameless": certified(key, [NAMES], issuer=x509.Name([])),
    }.items():
        write("certificate", name, certified_as.public_bytes(serialization.Encoding.DER))


def certificate_request():
    key = load("p256")
    bare = x509.CertificateSigningRequestBuilder(SUBJECT)
    named = bare.add_extension(NAMES, critical=False)
    full = named
    for extension in USAGES:
        full = full.add_extension(extension, critical=True)
    challenged = named.add_attribute(x509.oid.AttributeOID.CHALLENGE_PASSWORD, b"a")
    for name, builder in {"bare": bare, "named": named, "everything": full,
                          "attributes": challenged}.items():
        request = builder.sign(key, hashes.SHA256())
        write("certificate_request", f"whole-{name}",
              request.public_bytes(serialization.Encoding.DER))
        write("certificate_request", f"said-{name}", b"I" + request.tbs_certrequest_bytes)
    rsa = full.sign(load("rsa-2048"), hashes.SHA384())
    write("certificate_request", "whole-rsa", rsa.public_bytes(serialization.Encoding.DER))


def schemes():
    """Of PKCS#12, with few iterations."""
    builder = serialization.PrivateFormat.PKCS12.encryption_builder().kdf_rounds(10)
    for scheme in [pkcs12.PBES.PBESv2SHA256AndAES256CBC,
                   pkcs12.PBES.PBESv1SHA1And3KeyTripleDESCBC]:
        named = builder.key_cert_algorithm(scheme)
        yield scheme.name, named.hmac_hash(hashes.SHA256()).build(b"secret")
    yield "open", serialization.NoEncryption()


def octets_of(value):
    """What DER says after a tag and a length."""
    if value[1] < 0x80:
        return value[2:2 + value[1]]
    size = value[1] & 0x7F
    length = int.from_bytes(value[2:2 + size], "big")
    return value[2 + size:2 + size + length]


def safe_of(file):
    """The authenticated safe of a file: the octets of the data in its ContentInfo."""
    content = octets_of(file)[3:]
    explicit = octets_of(content)[11:]
    return octets_of(octets_of(explicit))


def pfx():
    fixtures = HERE / "../crates/pki/tests/fixtures"
    for name in ["nss", "absent-password"]:
        write("pfx", name, (fixtures / f"{name}.p12").read_bytes())
    for key in ["p256", "rsa-2048"]:
        loaded = load(key)
        leaf, other = certified(loaded, [NAMES]), certified(load("p384"), [])
        for name, encryption in schemes():
            file = pkcs12.serialize_key_and_certificates(b"a", loaded, leaf, [other], encryption)
            write("pfx", f"whole-{key}-{name}", file)
            safe = safe_of(file)
            write("pfx", f"safe-{key}-{name}", b"A" + safe)
            if name == "open":
                bags = octets_of(octets_of(octets_of(octets_of(safe))[11:]))
                write("pfx", f"bags-{key}", b"S" + bags)
    write("pfx", "base64", base64.encodebytes(file))


def pem():
    key, text = load("p256"), serialization.Encoding.PEM
    chain = b"".join(certified(key, extensions).public_bytes(text) for extensions in [[], [NAMES]])
    forms = serialization.PrivateFormat
    open_key = serialization.NoEncryption()
    pkcs8 = key.private_bytes(text, forms.PKCS8, open_key)
    sec1 = key.private_bytes(text, forms.TraditionalOpenSSL, open_key)
    pkcs1 = load("rsa-2048").private_bytes(text, forms.TraditionalOpenSSL, open_key)
    encryption = forms.PKCS12.encryption_builder().kdf_rounds(10).build(b"secret")
    file = pkcs12.serialize_key_and_certificates(None, key, None, None, encryption)
    shrouded = octets_of(octets_of(octets_of(octets_of(safe_of(file)))[11:]))
    encrypted = base64.encodebytes(octets_of(octets_of(octets_of(shrouded))[13:]))
    armour = b"-----%s ENCRYPTED PRIVATE KEY-----\n"
    for name, content in {
        "first": pkcs8 + chain, "last": chain + pkcs8, "sec1": sec1 + chain, "pkcs1": pkcs1,
        "windows": (pkcs8 + chain).replace(b"\n", b"\r\n"),
        "base64": base64.encodebytes(pkcs8 + chain),
        "encrypted": armour % b"BEGIN" + encrypted + armour % b"END",
    }.items():
        write("pem", name, content)


def acme_jws():
    url = "https://v.vault.azure.net/acme/ca/new-order"
    public = {name: value for name, value in jwk(load("p256")).items() if name != "d"}
    rsa = {name: jwk(load("rsa-2048-e3"))[name] for name in ["kty", "n", "e"]}
    order = {"identifiers": [{"type": "dns", "value": "a.example"}]}
    of = lambda **more: compact({"alg": "ES256", "nonce": "bm9uY2U", "url": url, **more})
    for name, header, payload in [
        ("account", of(jwk=public), compact({"termsOfServiceAgreed": True})),
        ("order", of(kid=f"{url}/1"), compact(order)),
        ("get", of(kid=f"{url}/1"), b""),
        ("rsa", of(alg="RS256", jwk=rsa), b"{}"),
        ("binding", compact({"alg": "HS256", "kid": "1", "url": url}), compact(public)),
        ("crit", of(kid="1", crit=["b64"], b64=False), b"{}"),
    ]:
        write("acme_jws", name, header + b"\0" + payload)
        write("acme_jws", f"whole-{name}", {
            "protected": b64(header), "payload": b64(payload), "signature": b64(bytes(64))})
    # One that was signed.
    signed = f"{b64(of(alg='RS256', jwk=rsa))}.{b64(b'{}')}"
    signature = load("rsa-2048-e3").sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
    protected, payload = signed.split(".")
    write("acme_jws", "whole-signed", {
        "protected": protected, "payload": payload, "signature": b64(signature)})


def arm_filter():
    guid = "00000000-0000-0000-0000-000000000001"
    for name, text in {
        "az": "resourceType eq 'Microsoft.KeyVault/vaults' and name eq 'dev'",
        "tag": "tagName eq 'env' and tagValue eq 'prod'",
        "either": "name eq 'a' or substringof('b', name) or startswith(tagName, 'c')",
        "not": "location ne 'West Europe' and resourceGroup eq 'rg'",
        "assigned": f"atScope() and assignedTo('{guid}')",
        "principal": f"principalId eq '{guid}'",
        "role": "roleName eq 'It''s one' and type eq 'CustomRole'",
        "log": "eventTimestamp ge '2026-01-01T00:00:00Z' and eventTimestamp le "
               "2026-02-01T00:00:00.5Z and resourceGroupName eq 'rg' and caller eq a@example.com",
        "resource": "eventTimestamp ge 2026-01-01 and resourceUri eq "
                    f"/subscriptions/{guid}/resourceGroups/rg",
        "graph": f"servicePrincipalNames/any(c:c eq '{guid}') and not (accountEnabled eq false)",
        "people": "startswith(displayName,'A') or userPrincipalName in ('a@example.com', 'b')",
    }.items():
        write("arm_filter", name, text.encode())


def arm_vault():
    tenant = "00000000-0000-0000-0000-000000000002"
    least = {"tenantId": tenant, "sku": {"family": "A", "name": "standard"}}
    of = lambda **more: {"location": "West Europe", "properties": {**least, **more}}
    policy = {"tenantId": tenant, "objectId": tenant, "applicationId": "",
              "permissions": {"keys": ["all"], "secrets": ["get"], "certificates": [],
                              "storage": ["list"]}}
    acls = {"bypass": "None", "defaultAction": "Deny", "ipRules": [{"value": "192.0.2.0/24"}],
            "virtualNetworkRules": [{"id": "/subscriptions/s", "ignoreMissingVnetServiceEndpoint":
                                     True}]}
    for name, body in {
        "least": of(),
        "policies": of(accessPolicies=[policy], enableRbacAuthorization=False),
        "firewall": of(networkAcls=acls, publicNetworkAccess="Disabled"),
        "left-out": {"properties": {"networkAcls": {"ipRules": []}}},
        "rules": of(createMode="recover", enableSoftDelete=True, softDeleteRetentionInDays=7,
                    enablePurgeProtection=True, enabledForDeployment=True,
                    enabledForDiskEncryption=False, enabledForTemplateDeployment=None),
        "patch": {"tags": {"a": "b"}, "properties": {"sku": {"family": "a", "name": "Premium"}}},
    }.items():
        write("arm_vault", name, body)
    write("arm_vault", "marked", b"\xef\xbb\xbf" + compact(of()))
    write("arm_vault", "list", b"[{}]")


def condition():
    action = "Microsoft.KeyVault/vaults/secrets/getSecret/action"
    name = "Microsoft.KeyVault/vaults/secrets:name"
    role = "Microsoft.Authorization/roleAssignments"
    guids = "{4633458b-17de-408a-b874-0445c86b69e6, 00000000-0000-0000-0000-000000000001}"
    for file, text in {
        "name": f"((!(ActionMatches{{'{action}'}})) OR (@Resource[{name}] StringEquals 'db'))",
        "like": f"@Resource[{name}] StringLikeIgnoreCase 'DB-*' && Exists @Request[{name}]",
        "delegate": f"@Request[{role}:RoleDefinitionId] ForAnyOfAnyValues:GuidEquals {guids}",
        "type": f"@Resource[{role}:PrincipalType] "
                "ForAnyOfAnyValues:StringEqualsIgnoreCase {'User', 'Group'}",
        "all": f"NOT @Resource[{name}] ForAnyOfAllValues:StringNotEquals {{'a', 'b'}}",
        "part": "SubOperationMatches{'x'} AND "
                "@Principal[Microsoft.Directory/CustomSecurityAttributes/Id:a_b] StringEquals 'c'",
    }.items():
        write("condition", file, text.encode())


for make in [jwk_import, byok_blob, release_policy, attestation_token, rotation_policy,
             key_requests, key_path, certificate, certificate_request, pfx, pem, acme_jws,
             arm_filter, arm_vault, condition]:
    make()
