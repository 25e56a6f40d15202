// A migration, from its start to its report, by the dashboard and the API of `cargo ghl-sync up`.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { accessibilityFaults, launch, open, screenshot, widthBeyondView } from "./browser.js";
import { dashboardIn, startLocal } from "./local.js";

const PORT = "18797";
const PATIENCE_MS = 90_000;
// Compilation included.
const START_MS = 1_200_000;

let browser;
let run;
let api;

before(async () => {
  browser = await launch();
  ({ run, answer: api } = await startLocal(["up", "--port", PORT], dashboardIn, { LOG_LEVEL: "error" }));
}, { timeout: START_MS });
after(async () => {
  await browser.close();
  run?.kill("SIGINT");
});

async function ask(method, path, body) {
  const headers = { authorization: `Bearer ${api.key}`, "content-type": "application/json" };
  const response = await fetch(api.url + path, { method, headers, body: JSON.stringify(body) });
  assert.ok(response.ok, `${path}: ${response.status}`);
  return response.json();
}

test("a migration waits for consent in the dashboard, gets it there, and its report is a link away", async () => {
  await ask("PUT", "/v1/locations/new_account", {});
  const page = await open(browser, api.url, { key: api.key });
  page.setDefaultTimeout(PATIENCE_MS);
  const says = (text, within) => page.locator(within).filter({ hasText: text }).first().waitFor();
  await page.getByRole("button", { name: "Move an account…" }).click();
  const form = page.getByRole("dialog");
  await form.getByLabel("From").fill("loc_demo");
  await form.getByLabel("Into").fill("new_account");
  await form.getByLabel("Compare both accounts at the end").uncheck();
  await form.getByRole("button", { name: "Begin" }).click();
  await page.waitForFunction(() => location.hash.startsWith("#/migration/"));
  const id = decodeURIComponent(new URL(page.url()).hash.slice("#/migration/".length));
  await says("It waits for your consent before it writes anything.", "#detail .situation");
  await says("Mapping: 100 % ready", "#detail");
  await page.locator("summary").filter({ hasText: /Pipelines: (\d+) of \1/ }).click();
  assert.equal(await widthBeyondView(page), 0);
  assert.deepEqual(await accessibilityFaults(page), []);
  await screenshot(page, "live-migration-approval");

  await page.getByRole("button", { name: "Approve…" }).click();
  await page.locator("dialog").getByRole("button", { name: "Approve" }).click();
  await says("Complete: 0 contacts and 0 opportunities migrated.", "#detail .situation");
  const opened = page.context().waitForEvent("page");
  await page.getByRole("link", { name: "Report as HTML" }).click();
  const report = await opened;
  await report.waitForLoadState();
  assert.equal(await report.title(), "Migration of loc_demo into new_account");
  assert.ok((await report.content()).includes(id));
  await screenshot(report, "live-migration-report");
  assert.deepEqual(page.troubles, []);
  await page.context().close();
});
