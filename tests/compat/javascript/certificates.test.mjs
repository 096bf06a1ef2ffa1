// The official JavaScript client for certificates, unmodified; every result checked by
// node:crypto, PKCS#12 and signing by openssl.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { X509Certificate, createPrivateKey, createHash, randomUUID } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";

import { DefaultAzureCredential } from "@azure/identity";
import { CertificateClient } from "@azure/keyvault-certificates";
import { KeyClient } from "@azure/keyvault-keys";
import { SecretClient } from "@azure/keyvault-secrets";

import { cli, ready } from "./strongroom.mjs";

const url = ready().vaults[0].url;
const credential = new DefaultAzureCredential();
const client = new CertificateClient(url, credential);
const keys = new KeyClient(url, credential);
const secrets = new SecretClient(url, credential);
const folder = mkdtempSync(join(tmpdir(), "certificates-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const SOON = { intervalInMs: 100 };
const EC = { issuerName: "Self", subject: "CN=web.example", keyType: "EC", keyCurveName: "P-256" };

function fresh(name) {
  return `${name}-${randomUUID().slice(0, 8)}`;
}

function at(name) {
  return join(folder, name);
}

function openssl(...words) {
  return execFileSync("openssl", words, { cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
}

async function collect(iterator) {
  const collected = [];
  for await (const element of iterator) collected.push(element);
  return collected;
}

async function make(name, policy = EC, options = {}) {
  const poller = await client.beginCreateCertificate(name, policy, { ...SOON, ...options });
  return poller.pollUntilDone();
}

async function remove(name) {
  return (await client.beginDeleteCertificate(name, SOON)).pollUntilDone();
}

function refusal(statusCode, code) {
  return (error) => {
    assert.equal(error.statusCode, statusCode, error.message);
    if (code) assert.equal(error.code, code);
    return true;
  };
}

/** Private key and certificate of a certificate's secret, as openssl sees them. */
async function opened(name) {
  const secret = await secrets.getSecret(name);
  assert.equal(secret.properties.contentType, "application/x-pkcs12");
  writeFileSync(at(`${name}.pfx`), Buffer.from(secret.value, "base64"));
  const pem = openssl("pkcs12", "-in", `${name}.pfx`, "-passin", "pass:", "-nodes").toString();
  return { key: createPrivateKey(pem), certificate: new X509Certificate(pem) };
}

/** A key and a certificate that openssl made. */
function outside(name) {
  openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
    "-keyout", `${name}.key`, "-out", `${name}.crt`, "-days", "90", "-subj", `/CN=${name}`);
  return new X509Certificate(readFileSync(at(`${name}.crt`)));
}

test("a certificate signs itself, with a key and a secret of its own", async () => {
  const name = fresh("self");
  const made = await make(name, { ...EC, subjectAlternativeNames: {
    dnsNames: ["web.example"], emails: [], userPrincipalNames: [] } });
  const certificate = new X509Certificate(made.cer);
  assert.ok(certificate.verify(certificate.publicKey));
  assert.equal(certificate.subject, "CN=web.example");
  assert.equal(certificate.subjectAltName, "DNS:web.example");
  assert.equal(certificate.publicKey.asymmetricKeyDetails.namedCurve, "prime256v1");
  const digest = createHash("sha1").update(certificate.raw).digest("hex");
  assert.equal(Buffer.from(made.properties.x509Thumbprint).toString("hex"), digest);
  const key = await keys.getKey(name);
  assert.equal(key.id, made.keyId);
  assert.equal(key.properties.managed, true);
  const found = await opened(name);
  assert.equal(found.certificate.fingerprint256, certificate.fingerprint256);
  assert.ok(certificate.checkPrivateKey(found.key));
  assert.equal((await secrets.getSecret(name)).properties.certificateKeyId, made.keyId);
});

test("RSA, and the policy is read back", async () => {
  const name = fresh("rsa");
  const policy = {
    issuerName: "Self", subject: "CN=rsa.example", keyType: "RSA", keySize: 3072,
    validityInMonths: 6, keyUsage: ["digitalSignature"], reuseKey: true,
    enhancedKeyUsage: ["1.3.6.1.5.5.7.3.2"],
    lifetimeActions: [{ action: "AutoRenew", daysBeforeExpiry: 20 }],
  };
  const made = await make(name, policy);
  assert.equal(new X509Certificate(made.cer).publicKey.asymmetricKeyDetails.modulusLength, 3072);
  const read = await client.getCertificatePolicy(name);
  for (const [member, value] of Object.entries(policy)) {
    if (member !== "lifetimeActions") assert.deepEqual(read[member], value, member);
  }
  assert.equal(read.lifetimeActions[0].daysBeforeExpiry, 20);
  await client.updateCertificatePolicy(name, { ...read, validityInMonths: 3 });
  const changed = await client.getCertificatePolicy(name);
  assert.deepEqual([changed.validityInMonths, changed.subject], [3, "CN=rsa.example"]);
});

test("versions, lists and properties", async () => {
  const name = fresh("many");
  const first = await make(name, EC, { tags: { n: "1" } });
  const second = await make(name);
  const version = first.properties.version;
  assert.notEqual(second.properties.version, version);
  const old = await client.getCertificateVersion(name, version);
  assert.deepEqual(old.cer, first.cer);
  const changed = await client.updateCertificateProperties(name, version, {
    enabled: false, tags: { n: "2" } });
  assert.equal(changed.properties.enabled, false);
  assert.deepEqual(changed.properties.tags, { n: "2" });
  const versions = await collect(client.listPropertiesOfCertificateVersions(name));
  assert.deepEqual(new Set(versions.map((found) => found.version)),
    new Set([version, second.properties.version]));
  const listed = await collect(client.listPropertiesOfCertificates());
  assert.ok(listed.some((found) => found.name === name));
});

test("an outside authority signs", async () => {
  const name = fresh("unknown");
  const policy = { ...EC, issuerName: "Unknown" };
  await client.beginCreateCertificate(name, policy, SOON);
  const operation = (await client.getCertificateOperation(name, SOON)).getOperationState()
    .certificateOperation;
  const waiting = await collect(client.listPropertiesOfCertificates({ includePending: true }));
  assert.ok(waiting.some((found) => found.name === name));
  outside(`${name}-ca`);
  writeFileSync(at(`${name}.csr`), Buffer.from(operation.csr));
  openssl("x509", "-req", "-inform", "DER", "-in", `${name}.csr`, "-CA", `${name}-ca.crt`,
    "-CAkey", `${name}-ca.key`, "-CAcreateserial", "-days", "30", "-out", `${name}.crt`);
  const signed = new X509Certificate(readFileSync(at(`${name}.crt`)));
  const merged = await client.mergeCertificate(name, [signed.raw]);
  assert.equal(new X509Certificate(merged.cer).fingerprint256, signed.fingerprint256);
  const found = await opened(name);
  assert.ok(signed.checkPrivateKey(found.key));
  await assert.rejects(client.mergeCertificate(name, [signed.raw]));
});

test("an operation is given up and forgotten", async () => {
  const name = fresh("given-up");
  await client.beginCreateCertificate(name, { ...EC, issuerName: "Unknown" }, SOON);
  const poller = await client.getCertificateOperation(name, SOON);
  await poller.cancelOperation();
  await client.deleteCertificateOperation(name);
  await assert.rejects(client.getCertificateOperation(name, SOON), refusal(404));
});

test("PKCS#12 and PEM are imported", async () => {
  const name = fresh("imported");
  const certificate = outside(name);
  openssl("pkcs12", "-export", "-inkey", `${name}.key`, "-in", `${name}.crt`,
    "-out", `${name}-in.pfx`, "-passout", "pass:secret");
  const pfx = readFileSync(at(`${name}-in.pfx`));
  await assert.rejects(client.importCertificate(name, pfx, { password: "wrong" }), refusal(400));
  const made = await client.importCertificate(name, pfx, { password: "secret" });
  assert.equal(new X509Certificate(made.cer).fingerprint256, certificate.fingerprint256);
  assert.equal(made.policy.issuerName, "Unknown");
  const pem = Buffer.concat([readFileSync(at(`${name}.key`)), readFileSync(at(`${name}.crt`))]);
  const policy = { contentType: "application/x-pem-file" };
  const again = await client.importCertificate(name, pem, { policy });
  assert.notEqual(again.properties.version, made.properties.version);
  const secret = await secrets.getSecret(name);
  assert.equal(secret.properties.contentType, "application/x-pem-file");
  assert.ok(certificate.checkPrivateKey(createPrivateKey(secret.value)));
});

test("delete, recover, purge, backup and restore take all three along", async () => {
  const name = fresh("lives");
  const made = await make(name);
  const blob = await client.backupCertificate(name);
  await remove(name);
  await assert.rejects(client.getCertificate(name), refusal(404));
  await assert.rejects(keys.getKey(name), refusal(404));
  await assert.rejects(secrets.getSecret(name), refusal(404));
  assert.equal((await client.getDeletedCertificate(name)).name, name);
  await (await client.beginRecoverDeletedCertificate(name, SOON)).pollUntilDone();
  assert.ok((await secrets.getSecret(name)).value);
  await remove(name);
  await client.purgeDeletedCertificate(name);
  await assert.rejects(client.getDeletedCertificate(name), refusal(404));
  const restored = await client.restoreCertificateBackup(blob);
  assert.equal(restored.id, made.id);
  assert.ok((await opened(name)).key);
});

test("issuers and contacts", async () => {
  const name = fresh("issuer");
  await client.createIssuer(name, "Test", {
    accountId: "user", password: "hidden", organizationId: "org",
    administratorContacts: [{ firstName: "A", lastName: "B", email: "a@b.example", phone: "1" }],
  });
  const issuer = await client.getIssuer(name);
  assert.equal(issuer.provider, "Test");
  assert.equal(issuer.accountId, "user");
  assert.equal(issuer.administratorContacts[0].email, "a@b.example");
  const listed = await collect(client.listPropertiesOfIssuers());
  assert.ok(listed.some((found) => found.id === issuer.id));
  await client.updateIssuer(name, { provider: "Test", accountId: "other" });
  assert.equal((await client.getIssuer(name)).accountId, "other");
  await client.deleteIssuer(name);
  await assert.rejects(client.getIssuer(name), refusal(404));

  const contacts = [{ email: "a@b.example", name: "A", phone: "1" }];
  await client.setContacts(contacts);
  assert.deepEqual(await client.getContacts(), contacts);
  await client.deleteContacts();
  await assert.rejects(client.getContacts(), refusal(404));
});

test("an authority of the vault signs", async () => {
  const [root, name] = [fresh("root"), fresh("inner")];
  const here = ["--ready-file", process.env.STRONGROOM_READY];
  cli("certificate", "create", root, "--ca", "--curve", "P-256", ...here);
  cli("certificate", "issuer", "create", root, "--provider", "Strongroom", "--authority", root,
    ...here);
  const made = await make(name, { ...EC, issuerName: root, validityInMonths: 2 });
  const authority = new X509Certificate((await client.getCertificate(root)).cer);
  assert.ok(new X509Certificate(made.cer).verify(authority.publicKey));
});

test("a missing certificate", async () => {
  await assert.rejects(client.getCertificate(fresh("never")), refusal(404, "CertificateNotFound"));
});
