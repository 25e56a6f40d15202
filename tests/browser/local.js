// `cargo ghl-sync`, or the built `ghl-sync` in LOCAL_STACK.

import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

export const ROOT = new URL("../..", import.meta.url).pathname;
const CARGO = ["cargo", "run", "--quiet", "--locked", "--package", "ghl-sync-cli", "--"];

// Starts the program; returns the process and the first result of `found` for a line of its output.
export async function startLocal(args, found, env = {}) {
  const [command, ...prefix] = process.env.LOCAL_STACK ? [process.env.LOCAL_STACK] : CARGO;
  const run = spawn(command, [...prefix, ...args], { cwd: ROOT, stdio: ["ignore", "pipe", "inherit"], env: { ...process.env, ...env } });
  const answer = await new Promise((resolve, reject) => {
    run.on("error", reject);
    run.on("exit", (code) => reject(new Error(`the run ended with ${code}`)));
    createInterface({ input: run.stdout }).on("line", (line) => {
      const made = found(line);
      if (made) resolve(made);
    });
  });
  return { run, answer };
}

// The dashboard's URL and its key.
export function dashboardIn(line) {
  const match = /(http:\/\/)key:([0-9a-f]+)@([^/\s]+)\/dashboard/.exec(line);
  return match && { url: match[1] + match[3], key: match[2] };
}
