// The official management clients for JavaScript, unmodified, with DefaultAzureCredential: a vault
// from its creation to its purge. A cloud that is not Microsoft's is said by the endpoint alone.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";

import { AuthorizationManagementClient } from "@azure/arm-authorization";
import { KeyVaultManagementClient } from "@azure/arm-keyvault";
import { ClientSecretCredential, DefaultAzureCredential } from "@azure/identity";
import { SecretClient } from "@azure/keyvault-secrets";

import { cli, ready } from "./strongroom.mjs";

const { authority, base, port, resourceGroup, subscriptionId, tenantId } = ready();
const endpoint = `https://management.${base}${port === 443 ? "" : `:${port}`}`;
const SECRETS_USER = "4633458b-17de-408a-b874-0445c86b69e6";
const SECRETS_OFFICER = "b86a8fe4-44ce-4948-aee5-eccb2c155cd7";


const { vaults } = new KeyVaultManagementClient(
  new DefaultAzureCredential(), subscriptionId, { endpoint },
);
const { roleAssignments, roleDefinitions } = new AuthorizationManagementClient(
  new DefaultAzureCredential(), subscriptionId, { endpoint },
);

function fresh(name) {
  return `${name}-${randomUUID().slice(0, 8)}`;
}

function properties(more) {
  return { tenantId, sku: { family: "A", name: "standard" }, ...more };
}

function availability(name) {
  return vaults.checkNameAvailability({ name, type: "Microsoft.KeyVault/vaults" });
}

async function named(iterator, name) {
  const found = [];
  for await (const element of iterator) if (element.name === name) found.push(element);
  return found;
}

/** An application, and its id as the authority tells it in its token. */
async function application() {
  const name = fresh("app");
  const made = JSON.parse(cli("identity", "create-for-rbac", "--name", name));
  // The tenant as the installation's own variables say it: then nobody else is asked about it.
  const credential = new ClientSecretCredential("adfs", made.appId, made.password, {
    authorityHost: authority,
  });
  const { token } = await credential.getToken(`${endpoint}/.default`);
  const { oid } = JSON.parse(Buffer.from(token.split(".")[1], "base64url"));
  return { credential, oid };
}

/** An assertion on the control plane's refusal. */
function refusal(statusCode, code) {
  return (error) => {
    assert.equal(error.statusCode, statusCode, error.message);
    assert.equal(error.code, code);
    return true;
  };
}

test("a vault of roles, from its creation to its purge", async () => {
  const vault = fresh("js");
  assert.equal((await availability(vault)).nameAvailable, true);
  const made = await vaults.createOrUpdate(resourceGroup, vault, {
    location: "West Europe", tags: { team: "a" },
    properties: properties({ softDeleteRetentionInDays: 7, enableRbacAuthorization: true }),
  });
  assert.equal(made.location, "westeurope");
  assert.equal(made.properties.provisioningState, "Succeeded");
  assert.equal(made.properties.softDeleteRetentionInDays, 7);
  const taken = await availability(vault);
  assert.equal(taken.reason, "AlreadyExists");
  assert.deepEqual(await vaults.get(resourceGroup, vault), made);
  for (const list of [vaults.listBySubscription(), vaults.listByResourceGroup(resourceGroup)]) {
    assert.deepEqual((await named(list, vault)).map((each) => each.id), [made.id]);
  }
  const changed = await vaults.update(resourceGroup, vault, { tags: { team: "b" } });
  assert.deepEqual(changed.tags, { team: "b" });
  assert.equal(changed.properties.vaultUri, made.properties.vaultUri);

  const app = await application();
  const secrets = new SecretClient(made.properties.vaultUri, app.credential);
  const denied = { statusCode: 403, code: "Forbidden" };
  await assert.rejects(secrets.setSecret("s", "v"), denied);
  const officer = await assign(made.id, SECRETS_OFFICER, app.oid);
  await secrets.setSecret("s", "v");
  await secrets.setSecret("other", "v");
  await roleAssignments.deleteById(officer.id);
  await assert.rejects(secrets.getSecret("s"), denied);
  const user = await assign(`${made.id}/secrets/s`, SECRETS_USER, app.oid);
  assert.equal((await secrets.getSecret("s")).value, "v");
  await assert.rejects(secrets.getSecret("other"), denied);
  const held = [];
  for await (const each of roleAssignments.listForScope(user.scope, { filter: "atScope()" })) {
    held.push(each.id);
  }
  assert.ok(held.includes(user.id));

  await vaults.delete(resourceGroup, vault);
  await assert.rejects(vaults.get(resourceGroup, vault), refusal(404, "ResourceNotFound"));
  const deleted = await vaults.getDeleted(vault, "westeurope");
  assert.equal(deleted.properties.vaultId, made.id);
  const recovered = await vaults.createOrUpdate(resourceGroup, vault, {
    location: "westeurope", properties: properties({ createMode: "recover" }),
  });
  assert.equal(recovered.properties.vaultUri, made.properties.vaultUri);
  await vaults.delete(resourceGroup, vault);
  assert.equal((await named(vaults.listDeleted(), vault)).length, 1);
  await vaults.purgeDeleted(vault, "westeurope");
  await assert.rejects(vaults.getDeleted(vault, "westeurope"), { statusCode: 404 });
  assert.equal((await availability(vault)).nameAvailable, true);
});

async function assign(scope, role, principalId) {
  const id = `/subscriptions/${subscriptionId}/providers/Microsoft.Authorization`;
  const definition = await roleDefinitions.getById(`${id}/roleDefinitions/${role}`);
  assert.equal(definition.roleType, "BuiltInRole");
  return roleAssignments.create(scope, randomUUID(), {
    roleDefinitionId: definition.id, principalId, principalType: "ServicePrincipal",
  });
}

test("a vault of access policies", async () => {
  const vault = fresh("js");
  const made = await vaults.createOrUpdate(resourceGroup, vault, {
    location: "westeurope",
    properties: properties({ enableRbacAuthorization: false, accessPolicies: [] }),
  });
  const app = await application();
  const secrets = new SecretClient(made.properties.vaultUri, app.credential);
  const policy = { tenantId, objectId: app.oid, permissions: { secrets: ["set", "get"] } };
  const accessPolicies = { properties: { accessPolicies: [policy] } };
  const added = await vaults.updateAccessPolicy(resourceGroup, vault, "add", accessPolicies);
  assert.equal(added.properties.accessPolicies[0].objectId, app.oid);
  await secrets.setSecret("s", "v");
  await vaults.updateAccessPolicy(resourceGroup, vault, "remove", accessPolicies);
  await assert.rejects(secrets.getSecret("s"), { statusCode: 403, code: "Forbidden" });
});

test("what the control plane refuses", async () => {
  const vault = fresh("js");
  const body = { location: "westeurope", properties: properties({ enablePurgeProtection: true }) };
  const bad = vaults.createOrUpdate(resourceGroup, "9lives", body);
  await assert.rejects(Promise.resolve(bad), refusal(400, "VaultNameNotValid"));
  const { credential } = await application();
  const stranger = new KeyVaultManagementClient(credential, subscriptionId, { endpoint });
  const attempt = stranger.vaults.createOrUpdate(resourceGroup, vault, body);
  await assert.rejects(Promise.resolve(attempt), refusal(403, "AuthorizationFailed"));

  await vaults.createOrUpdate(resourceGroup, vault, body);
  await vaults.delete(resourceGroup, vault);
  const purge = vaults.purgeDeleted(vault, "westeurope");
  await assert.rejects(Promise.resolve(purge), refusal(405, "MethodNotAllowed"));
  assert.equal((await vaults.getDeleted(vault, "westeurope")).name, vault);
});
