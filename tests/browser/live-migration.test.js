// The dashboard with the API of `cargo ghl-sync up`: a migration from its start to its report, keys, and failed
// records.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { accessibilityFaults, launch, open, screenshot, widthBeyondView } from "./browser.js";
import { dashboardIn, startLocal } from "./local.js";

const PORT = "18797";
const PATIENCE_MS = 90_000;
// Includes compilation.
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
  await page.getByRole("button", { name: "Migrate a location…" }).click();
  const form = page.getByRole("dialog");
  await form.getByLabel("From").fill("loc_demo");
  await form.getByLabel("Into").fill("new_account");
  await form.getByLabel("Compare both locations at the end").uncheck();
  await form.getByRole("button", { name: "Start" }).click();
  await page.waitForFunction(() => location.hash.startsWith("#/migration/"));
  const id = decodeURIComponent(new URL(page.url()).hash.slice("#/migration/".length));
  await says("Nothing is written until you approve it.", "#detail .situation");
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

test("keys are made, used, revoked and audited by the real API", async () => {
  const page = await open(browser, api.url, { key: api.key });
  page.setDefaultTimeout(PATIENCE_MS);
  const says = (text, within) => page.locator(within).filter({ hasText: text }).first().waitFor();
  const dialog = page.getByRole("dialog");
  await page.getByRole("navigation").getByRole("link", { name: "Keys" }).click();
  await page.getByRole("button", { name: "Create a key…" }).click();
  await dialog.getByLabel("Name").fill("support");
  await dialog.getByLabel("Only for these locations").fill("loc_demo");
  await dialog.getByLabel("Valid until").fill("2030-01-31");
  await dialog.getByRole("button", { name: "Create key" }).click();
  const key = await page.locator("#made-key").textContent();
  await says(/support[\s\S]*read[\s\S]*loc_demo/, ".keys tbody tr");

  const theirs = await open(browser, api.url, { key });
  theirs.setDefaultTimeout(PATIENCE_MS);
  await theirs.getByRole("navigation").getByRole("link", { name: "Keys" }).click();
  await theirs.locator("#detail").filter({ hasText: "Your key is not an admin key." }).waitFor();
  await theirs.context().close();

  await page.getByRole("button", { name: "Revoke support…" }).click();
  await dialog.getByRole("button", { name: "Revoke" }).click();
  await says("Revoked or expired (1)", "#detail");
  await page.getByRole("navigation").getByRole("link", { name: "Who changed what" }).click();
  for (const what of ["revoke key", "make key"]) await says(what, ".audit tbody tr");
  assert.deepEqual(page.troubles, []);
  await page.context().close();
});

test("a row of a preview's mapping is changed, and a record that GHL refuses is sent without its field", async () => {
  await ask("POST", "/v1/locations/loc_demo/contacts", [{ id: "crm-1", contact: { firstName: "Ada", phone: "12" } }]);
  const begun = await ask("POST", "/api/v1/migration/preview", { source: "loc_demo", target: "new_account" });
  const page = await open(browser, api.url, { key: api.key });
  page.setDefaultTimeout(PATIENCE_MS);
  const says = (text, within) => page.locator(within).filter({ hasText: text }).first().waitFor();
  const dialog = page.getByRole("dialog");
  await page.evaluate((id) => (globalThis.location.hash = `#/migration/${id}`), begun.migration_id);
  await says("The preview is ready", "#detail .situation");
  await page.locator("summary").filter({ hasText: /^Pipelines: / }).click();
  const row = page.getByLabel("Pipelines: Sales");
  await row.selectOption("leave it out");
  await page.getByRole("button", { name: "Start migration…" }).click();
  await dialog.getByRole("button", { name: "Start" }).click();
  await says("Nothing is written until you approve it.", "#detail .situation");
  assert.equal(await row.locator("option").first().textContent(), "left out");

  await page.evaluate(() => (globalThis.location.hash = "#/loc_demo"));
  await page.getByRole("button", { name: "Leave out a field of contact#crm-1…" }).click();
  assert.equal(await dialog.getByLabel("Field to leave out").inputValue(), "phone");
  await dialog.getByRole("button", { name: "Send" }).click();
  await says("contact#crm-1 will be sent again.", "#notice");
  await says("None.", ".failures");
  await page.getByLabel("Name, e-mail, phone or id").fill("crm-1");
  const accepted = async () => {
    await page.getByRole("button", { name: "Find", exact: true }).click();
    return (await page.locator(".found-records tbody").innerText()).includes("accepted");
  };
  while (!(await accepted())) await page.waitForTimeout(500);
  const { content } = await ask("GET", "/v1/locations/loc_demo/records/contact/crm-1");
  assert.deepEqual(content, { firstName: "Ada" });
  assert.deepEqual(page.troubles, []);
  await page.context().close();
});
