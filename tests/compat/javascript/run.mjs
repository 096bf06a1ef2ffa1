// Starts the server, then the tests in a node of their own: node reads NODE_EXTRA_CA_CERTS only
// when it starts, so the variables of the ready file must be there before it does.

import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";

import { start } from "./strongroom.mjs";

const server = await start();
const variables = JSON.parse(readFileSync(server.readyFile, "utf8")).env;
const tests = spawn(
  process.execPath,
  // One file after the other: the last moves the server's time.
  ["--test", "--test-reporter=tap", "--test-concurrency=1",
    "arm.test.mjs", "certificates.test.mjs", "keys.test.mjs", "secrets.test.mjs",
    "tokens.test.mjs"],
  {
    cwd: import.meta.dirname,
    env: {
      ...process.env,
      ...variables,
      STRONGROOM_DATA: server.data,
      STRONGROOM_READY: server.readyFile,
    },
    stdio: "inherit",
  },
);
const code = await new Promise((resolve) => tests.once("exit", resolve));
const stopped = await server.stop();
if (stopped !== 0) {
  console.error(`the server stopped with ${stopped}`);
}
process.exitCode = code === 0 && stopped === 0 ? 0 : 1;
