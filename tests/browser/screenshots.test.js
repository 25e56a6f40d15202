// The script of the documentation's pictures still works, and the documentation shows its pictures.

import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";

import { FOLDER, takeScreenshots } from "./screenshots.js";

const PNG = Buffer.from("89504e470d0a1a0a", "hex");

test("all pictures are made, and the documentation has each of them", async () => {
  const folder = mkdtempSync(path.join(tmpdir(), "screenshots-"));
  try {
    const files = (await takeScreenshots(folder)).map((name) => `${name}.png`).sort();
    for (const file of files) assert.deepEqual(readFileSync(path.join(folder, file)).subarray(0, 8), PNG, file);
    assert.deepEqual(readdirSync(FOLDER).sort(), files, "npm run screenshots");
    const pages = ["OPERATE.md", "ACCESS.md", "MIGRATION.md", "DROP.md"].map((page) => readFileSync(path.join(FOLDER, "..", page), "utf8")).join("");
    assert.deepEqual(files.filter((file) => !pages.includes(`](screenshots/${file})`)), []);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
