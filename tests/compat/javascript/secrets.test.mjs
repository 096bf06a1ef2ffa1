// The official JavaScript client, unmodified, with nothing but the ready file's variables.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { connect } from "node:http2";
import { test } from "node:test";

import { ClientSecretCredential, DefaultAzureCredential } from "@azure/identity";
import { SecretClient } from "@azure/keyvault-secrets";

import { cli, ready } from "./strongroom.mjs";

const { authority, base, env, owner, port, tenantId, vaults } = ready();
const url = vaults[0].url;
const client = new SecretClient(url, new DefaultAzureCredential());

function fresh(name) {
  return `${name}-${randomUUID().slice(0, 8)}`;
}

function vaultUrl(name) {
  return `https://${name}.vault.${base}${port === 443 ? "" : `:${port}`}`;
}

async function collect(iterator) {
  const collected = [];
  for await (const properties of iterator) collected.push(properties);
  return collected;
}

async function remove(name) {
  return (await client.beginDeleteSecret(name)).pollUntilDone();
}

/** An assertion on the service's refusal: status, code and, where there is one, the inner code. */
function refusal(statusCode, code, inner) {
  return (error) => {
    assert.equal(error.statusCode, statusCode, error.message);
    assert.equal(error.code, code);
    if (inner) assert.equal(error.details.error.innerError.code, inner);
    return true;
  };
}

test("set, get, and get by version", async () => {
  const name = fresh("set");
  const first = await client.setSecret(name, "one");
  const second = await client.setSecret(name, "zwei 二");
  assert.notEqual(first.properties.version, second.properties.version);
  const latest = await client.getSecret(name);
  assert.equal(latest.value, "zwei 二");
  assert.equal(latest.properties.version, second.properties.version);
  assert.equal(latest.properties.vaultUrl, url);
  const old = await client.getSecret(name, { version: first.properties.version });
  assert.equal(old.value, "one");
});

test("members are kept", async () => {
  const name = fresh("members");
  const notBefore = new Date("2026-01-02T03:04:05Z");
  // This client turns seconds into 32 bits: nothing after January 2038 survives it.
  const expiresOn = new Date("2037-06-07T08:09:10Z");
  const members = { contentType: "text/plain", tags: { colour: "green" }, notBefore, expiresOn };
  await client.setSecret(name, "v", members);
  const { properties } = await client.getSecret(name);
  assert.equal(properties.contentType, "text/plain");
  assert.deepEqual({ ...properties.tags }, { colour: "green" });
  assert.deepEqual(properties.notBefore, notBefore);
  assert.deepEqual(properties.expiresOn, expiresOn);
  assert.equal(properties.recoveryLevel, "Recoverable+Purgeable");
  assert.equal(properties.recoverableDays, 90);
});

test("update", async () => {
  const name = fresh("update");
  const { properties } = await client.setSecret(name, "v", { tags: { keep: "me" } });
  const changed = await client.updateSecretProperties(name, properties.version, {
    contentType: "b",
  });
  assert.equal(changed.contentType, "b");
  const read = await client.getSecret(name);
  assert.equal(read.value, "v");
  assert.deepEqual({ ...read.properties.tags }, { keep: "me" });
});

test("a disabled secret", async () => {
  const name = fresh("disabled");
  const { properties } = await client.setSecret(name, "v", { enabled: false });
  await assert.rejects(client.getSecret(name), refusal(403, "Forbidden", "SecretDisabled"));
  await client.updateSecretProperties(name, properties.version, { enabled: true });
  assert.equal((await client.getSecret(name)).value, "v");
});

test("an expired secret is still readable", async () => {
  const name = fresh("expired");
  await client.setSecret(name, "v", { expiresOn: new Date(Date.now() - 86_400_000) });
  assert.equal((await client.getSecret(name)).value, "v");
});

test("a missing secret", async () => {
  await assert.rejects(client.getSecret(fresh("missing")), refusal(404, "SecretNotFound"));
});

test("the size limit", async () => {
  const name = fresh("large");
  const largest = "x".repeat(25_600);
  await client.setSecret(name, largest);
  assert.equal((await client.getSecret(name)).value, largest);
  await assert.rejects(client.setSecret(name, largest + "x"), refusal(400, "BadParameter"));
});

test("lists go through every page", async () => {
  cli("vault", "create", "week", "--retention-days", "7");
  const week = new SecretClient(vaultUrl("week"), new DefaultAzureCredential());
  const names = Array.from({ length: 30 }, (_, n) => `many-${String(n).padStart(2, "0")}`);
  for (const name of names) await week.setSecret(name, "v");
  for (let n = 0; n < 27; n += 1) await week.setSecret("many-05", "v");

  const listed = await collect(week.listPropertiesOfSecrets());
  assert.deepEqual(listed.map((properties) => properties.name), names);
  assert.ok(listed.every((properties) => !("value" in properties)));
  const versions = await collect(week.listPropertiesOfSecretVersions("many-05"));
  assert.equal(new Set(versions.map((properties) => properties.version)).size, 28);
  const sizes = [];
  for await (const page of week.listPropertiesOfSecrets().byPage({ maxPageSize: 8 })) {
    if (page.length > 0) sizes.push(page.length);
  }
  assert.deepEqual(sizes, [8, 8, 8, 6]);
  assert.equal(listed[0].recoverableDays, 7);
});

test("delete, see, recover, purge", async () => {
  const name = fresh("deleted");
  const { properties } = await client.setSecret(name, "v");
  const deleted = await remove(name);
  assert.equal(deleted.name, name);
  assert.equal(deleted.recoveryId, `${url}/deletedsecrets/${name}`);
  assert.ok(deleted.scheduledPurgeDate > deleted.deletedOn);
  await assert.rejects(client.getSecret(name), refusal(404, "SecretNotFound"));
  await assert.rejects(
    client.setSecret(name, "again"),
    refusal(409, "Conflict", "ObjectIsDeletedButRecoverable"),
  );
  assert.equal((await client.getDeletedSecret(name)).name, name);
  const all = await collect(client.listDeletedSecrets());
  assert.ok(all.some((listed) => listed.name === name));

  const recovered = await (await client.beginRecoverDeletedSecret(name)).pollUntilDone();
  assert.equal(recovered.version, properties.version);
  assert.equal((await client.getSecret(name)).value, "v");

  await remove(name);
  await client.purgeDeletedSecret(name);
  await assert.rejects(client.getDeletedSecret(name), refusal(404, "SecretNotFound"));
  await client.setSecret(name, "new");
  assert.equal((await client.getSecret(name)).value, "new");
});

test("a protected vault refuses to purge", async () => {
  cli("vault", "create", "protected", "--retention-days", "90", "--enable-purge-protection");
  const guarded = new SecretClient(vaultUrl("protected"), new DefaultAzureCredential());
  await guarded.setSecret("kept", "v");
  await (await guarded.beginDeleteSecret("kept")).pollUntilDone();
  await assert.rejects(guarded.purgeDeletedSecret("kept"), refusal(403, "Forbidden"));
});

test("back up and restore", async () => {
  const name = fresh("backup");
  const first = await client.setSecret(name, "one");
  await client.setSecret(name, "two");
  const blob = await client.backupSecret(name);
  await assert.rejects(client.restoreSecretBackup(blob), refusal(409, "Conflict"));
  await remove(name);
  await client.purgeDeletedSecret(name);

  const tampered = Uint8Array.from(blob);
  tampered[tampered.length >> 1] ^= 1;
  await assert.rejects(client.restoreSecretBackup(tampered), { statusCode: 400 });

  assert.equal((await client.restoreSecretBackup(blob)).name, name);
  assert.equal((await client.getSecret(name)).value, "two");
  const old = await client.getSecret(name, { version: first.properties.version });
  assert.equal(old.value, "one");
});

test("a wrong client secret", async () => {
  const credential = new ClientSecretCredential(env.AZURE_TENANT_ID, owner.clientId, "wrong");
  const attempt = new SecretClient(url, credential).getSecret("x");
  await assert.rejects(attempt, { message: /AADSTS7000215/ });
});

test("the tenant's GUID", async () => {
  const credential = new ClientSecretCredential(tenantId, owner.clientId, owner.clientSecret, {
    authorityHost: authority,
    disableInstanceDiscovery: true,
  });
  const name = fresh("guid");
  const other = new SecretClient(url, credential);
  await other.setSecret(name, "v");
  assert.equal((await other.getSecret(name)).value, "v");
});

test("an identity without a role is refused", async () => {
  const name = fresh("refused");
  await client.setSecret(name, "v");
  const identity = JSON.parse(cli("identity", "create-for-rbac", "--name", fresh("id")));
  const credential = new ClientSecretCredential("adfs", identity.appId, identity.password);
  const stranger = new SecretClient(url, credential);
  await assert.rejects(stranger.getSecret(name), refusal(403, "Forbidden", "ForbiddenByRbac"));
});

test("a token that is not ours", async () => {
  const credential = {
    getToken: async () => ({ token: "e30.e30.e30", expiresOnTimestamp: Date.now() + 3_600_000 }),
  };
  await assert.rejects(new SecretClient(url, credential).getSecret("x"), { statusCode: 401 });
});

test("an unknown vault", async () => {
  const other = new SecretClient(vaultUrl("nowhere"), new DefaultAzureCredential());
  await assert.rejects(other.getSecret("x"), refusal(404, "VaultNotFound"));
});

/** Requests on one HTTP/2 connection; resolves with status and body of each, in order. */
async function overHttp2(origin, requests) {
  const session = connect(origin);
  const ask = ({ body, ...headers }) => new Promise((resolve, reject) => {
    const stream = session.request(headers);
    const parts = [];
    let status;
    stream.on("response", (answer) => { status = answer[":status"]; });
    stream.on("data", (part) => parts.push(part));
    stream.on("end", () => resolve({ status, body: JSON.parse(Buffer.concat(parts)) }));
    stream.on("error", reject);
    stream.end(body);
  });
  try {
    return await Promise.all(requests.map(ask));
  } finally {
    session.close();
  }
}

test("HTTP/2, many requests on one connection", async () => {
  const credential = new DefaultAzureCredential();
  const { token } = await credential.getToken(`https://vault.${base}:${port}/.default`);
  const authorization = `Bearer ${token}`;
  const path = (n) => `/secrets/h2-${n}?api-version=7.4`;
  const numbers = Array.from({ length: 40 }, (_, n) => n);
  const written = await overHttp2(url, numbers.map((n) => ({
    ":method": "PUT", ":path": path(n), authorization, body: JSON.stringify({ value: `v${n}` }),
  })));
  assert.deepEqual([...new Set(written.map(({ status }) => status))], [200]);
  const read = await overHttp2(url, numbers.map((n) => ({ ":path": path(n), authorization })));
  assert.deepEqual(read.map(({ body }) => body.value), numbers.map((n) => `v${n}`));
  const [stranger] = await overHttp2(url, [{ ":path": path(0) }]);
  assert.equal(stranger.status, 401);
});

test("HTTP/2, another vault on the same connection", async () => {
  const { token } = await new DefaultAzureCredential()
    .getToken(`https://vault.${base}:${port}/.default`);
  const authorization = `Bearer ${token}`;
  const other = new URL(vaultUrl("nowhere")).host;
  const [coalesced] = await overHttp2(url, [
    { ":path": "/secrets?api-version=7.4", ":authority": other, authorization },
  ]);
  assert.equal(coalesced.status, 404);
  assert.equal(coalesced.body.error.code, "VaultNotFound");
  const login = new URL(authority).host;
  const [misdirected] = await overHttp2(url, [{ ":path": "/", ":authority": login }]);
  assert.equal(misdirected.status, 421);
});
