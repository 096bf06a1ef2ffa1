// The server under test: starting, stopping and its command line.

import { execFileSync, spawn } from "node:child_process";
import {
  existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const START_MILLISECONDS = 30_000;

/**
 * Starts `strongroom dev` on a fresh data directory; resolves when it can serve. Its time stands
 * still until a test moves it, and its vaults keep symmetric keys, as a Managed HSM does.
 */
export async function start() {
  const folder = mkdtempSync(join(tmpdir(), "strongroom-"));
  const data = join(folder, "data");
  const kept = join(folder, "elsewhere");
  mkdirSync(kept, { mode: 0o700 });
  const readyFile = join(kept, "ready.json");
  const logFile = join(folder, "server.log");
  const config = join(folder, "strongroom.toml");
  writeFileSync(config, "[keys]\nsymmetric_in_vaults = true\n");
  const log = openSync(logFile, "a");
  const server = spawn(
    process.env.STRONGROOM_BIN,
    ["dev", "--data", data, "--root-key", join(kept, "root.key"), "--port", "0",
      "--ready-file", readyFile, "--clock", "manual", "--config", config],
    { stdio: ["ignore", log, log] },
  );
  const exited = new Promise((resolve) => server.once("exit", resolve));
  const deadline = Date.now() + START_MILLISECONDS;
  while (!existsSync(readyFile)) {
    if (server.exitCode !== null || Date.now() > deadline) {
      server.kill("SIGKILL");
      throw new Error(`the server did not start: ${readFileSync(logFile, "utf8")}`);
    }
    await sleep(20);
  }
  return { data, readyFile, stop: () => stop(server, exited, folder) };
}

async function stop(server, exited, folder) {
  server.kill("SIGTERM");
  const code = await Promise.race([exited, sleep(15_000, "late", { ref: false })]);
  server.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
  return code;
}

/** What the server wrote when it was ready; set by run.mjs. */
export function ready() {
  return JSON.parse(readFileSync(process.env.STRONGROOM_READY, "utf8"));
}

/** Runs a subcommand on the server's data directory and returns what it printed. */
export function cli(...words) {
  const all = [...words, "--data", process.env.STRONGROOM_DATA];
  return execFileSync(process.env.STRONGROOM_BIN, all, { encoding: "utf8" });
}
