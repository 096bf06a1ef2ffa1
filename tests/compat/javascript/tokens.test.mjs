// Tokens that were good once, or nearly are, through the official JavaScript client. It has a file
// of its own: it moves the time of the whole server.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";

import { DefaultAzureCredential } from "@azure/identity";
import { KeyClient } from "@azure/keyvault-keys";
import { SecretClient } from "@azure/keyvault-secrets";

import { cli, ready } from "./strongroom.mjs";

const { base, port, vaults } = ready();
const url = vaults[0].url;

async function token() {
  const scope = `https://vault.${base}${port === 443 ? "" : `:${port}`}/.default`;
  return (await new DefaultAzureCredential().getToken(scope)).token;
}

/** A credential that hands out one token, whatever becomes of it. */
function kept(token) {
  return { getToken: async () => ({ token, expiresOnTimestamp: Date.now() + 3_600_000 }) };
}

test("a tampered token", async () => {
  const good = await token();
  const name = `tampered-${randomUUID().slice(0, 8)}`;
  await new SecretClient(url, kept(good)).setSecret(name, "v");
  const [header, claims, signature] = good.split(".");
  const bytes = Buffer.from(signature, "base64url");
  bytes[bytes.length >> 1] ^= 1;
  const other = { ...JSON.parse(Buffer.from(claims, "base64url")), oid: randomUUID() };
  const forged = Buffer.from(JSON.stringify(other)).toString("base64url");
  for (const bad of [
    `${header}.${claims}.${bytes.toString("base64url")}`,
    `${header}.${forged}.${signature}`,
    `${header}.${claims}.`,
  ]) {
    await assert.rejects(new SecretClient(url, kept(bad)).getSecret(name), { statusCode: 401 });
    await assert.rejects(new KeyClient(url, kept(bad)).createEcKey(name), { statusCode: 401 });
  }
});

test("an expired token", async () => {
  const credential = kept(await token());
  const name = `expired-${randomUUID().slice(0, 8)}`;
  const client = new SecretClient(url, credential);
  await client.setSecret(name, "v");
  cli("clock", "advance", "2h");
  await assert.rejects(client.getSecret(name), { statusCode: 401, code: "Unauthorized" });
  await assert.rejects(new KeyClient(url, credential).createEcKey(name), { statusCode: 401 });
  const again = new SecretClient(url, kept(await token()));
  assert.equal((await again.getSecret(name)).value, "v");
});
