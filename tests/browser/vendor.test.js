// The page's libraries match the packages in package-lock.json, byte for byte.

import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";

import { FOLDER, vendored } from "./vendor.js";

test("the vendored libraries are those of the lock file", () => {
  const wanted = vendored();
  assert.deepEqual(readdirSync(FOLDER).sort(), Object.keys(wanted).sort());
  for (const [name, text] of Object.entries(wanted)) {
    assert.equal(readFileSync(new URL(name, FOLDER), "utf8"), text, `${name} is another one: npm run vendor`);
  }
  const lock = JSON.parse(readFileSync(new URL("package-lock.json", import.meta.url), "utf8"));
  assert.ok(wanted["preact.js"].startsWith(`/*! preact ${lock.packages["node_modules/preact"].version},`), "installed is another version than locked: npm ci");
});
