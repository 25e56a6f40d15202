// The libraries of the page, built from the packages in package-lock.json.
//
//     npm run vendor     rebuilds them, after `npm ci` or a version update in package.json
//
// `vendor.test.js` checks that the repository contains exactly this output.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

export const FOLDER = new URL("../../functions/api/src/dashboard/vendor/", import.meta.url);
const PACKAGES = new URL("node_modules/", import.meta.url);

const read = (path) => readFileSync(new URL(path, PACKAGES), "utf8");

// Wraps the module in a function: the page is one script, and the names of a minified module would be global.
function preact() {
  const { version, license } = JSON.parse(read("preact/package.json"));
  const module = read("preact/dist/preact.mjs").replace(/\s*\/\/# sourceMappingURL=.*\s*$/, "");
  const exported = /;export\{([^}]*)\};?$/.exec(module);
  if (!exported) throw new Error("preact exports in another way than before");
  const names = exported[1].split(",").map((pair) => pair.split(" as ")).map(([own, name = own]) => `${name}:${own}`);
  const about = `/*! preact ${version}, ${license}, Copyright (c) 2015-present Jason Miller; made by tests/browser/vendor.js */`;
  return `${about}\nconst preact = (() => {\n${module.slice(0, exported.index)};return{${names.join(",")}};\n})();\n`;
}

// The files by name.
export const vendored = () => ({ "preact.js": preact(), "preact.LICENSE": read("preact/LICENSE") });

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  mkdirSync(FOLDER, { recursive: true });
  for (const [name, text] of Object.entries(vendored())) writeFileSync(new URL(name, FOLDER), text);
}
