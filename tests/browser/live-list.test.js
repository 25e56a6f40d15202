// A list, from the file to its undo, in the dashboard of `cargo ghl-sync up`.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, afterEach, before, test } from "node:test";

import { SIZES, accessibilityFaults, launch, open, screenshot, widthBeyondView } from "./browser.js";
import { dashboardIn, startLocal } from "./local.js";

const PORT = "18807";
const PATIENCE_MS = 90_000;
// Includes compilation.
const START_MS = 1_200_000;
const HOSTILE = "<img src=x onerror=alert(1)>";
const LIST = [
  `Given name,E-mail,Birthday,Stay in touch?,${HOSTILE}`,
  "Ada,ada@example.com,03/04/1991,yes,1",
  "Bob,bob@example.com,05/06/1992,no,2",
  ",nobody at all,,yes,3",
  "",
].join("\n");

let browser;
let run;
let api;
let page;

before(async () => {
  browser = await launch();
  ({ run, answer: api } = await startLocal(["up", "--port", PORT], dashboardIn, { LOG_LEVEL: "error" }));
}, { timeout: START_MS });
after(async () => {
  await browser.close();
  run?.kill("SIGINT");
});
afterEach(() => page?.context().close());

const says = (text, within = "main") => page.locator(within).filter({ hasText: text }).first().waitFor();

async function show(options) {
  page = await open(browser, api.url, { key: api.key, ...options });
  page.setDefaultTimeout(PATIENCE_MS);
  await says("Upload a list", "#detail");
}

const choose = (name, text) => page.locator("#list-file").setInputFiles({ name, mimeType: "text/csv", buffer: Buffer.from(text) });

// The bucket's response to a link on the page.
async function downloaded(button) {
  const [file] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: button }).click()]);
  return readFileSync(await file.path(), "utf8");
}

async function looksRight(name) {
  assert.equal(await widthBeyondView(page), 0);
  assert.deepEqual(await accessibilityFaults(page), []);
  await screenshot(page, name);
}

test("a list is put in, asked about, mapped, looked at, sent, and undone", async () => {
  await show();
  await choose("people.csv", LIST);

  await says("Answers needed first", "#list-form, .card");
  await looksRight("list-questions");
  await page.getByLabel("Dates like 03/04/1991 in Birthday").selectOption("day_first");
  await page.getByLabel("Where Stay in touch? goes").selectOption("optin");
  await page.getByRole("button", { name: "Preview" }).click();

  await says("Preview: nothing is sent yet", ".card");
  assert.match(await page.locator(".card .figures").first().innerText(), /New here\s*2\s*Updated\s*0\s*Unchanged\s*0\s*Rows left out\s*1/);
  await says(HOSTILE, ".columns");
  assert.match(await downloaded("Download rows with problems (CSV)"), /nobody at all/);
  await page.getByText("The first 2 contacts as GoHighLevel will get them").click();
  await says(/dateOfBirth 1991-04-03/, ".card details");
  await looksRight("list-preview");

  await page.getByLabel("Tags for all contacts, one per line").fill("fair");
  await says("You have made changes: preview again before you send.");
  await page.getByRole("button", { name: "Preview again" }).click();
  await page.getByRole("button", { name: "Send 2 contacts…" }).and(page.locator(":not([aria-disabled])")).click();
  await page.getByRole("dialog").getByRole("button", { name: "Send" }).click();

  await says(/Done\s*2/, ".card .figures");
  await looksRight("list-done");
  const results = await downloaded("Download results (CSV)");
  assert.equal(results.split("\n").filter((line) => line.includes("synced")).length, 2, results);
  const name = decodeURIComponent(new URL(page.url()).hash.split("/list/")[1]);

  await page.reload();
  await says(/Done\s*2/, ".card .figures");
  await says("Done, but incomplete", ".list-table");
  await says("1 left out", ".list-table");
  await page.getByRole("button", { name: "Undo…" }).first().click();
  await page.getByRole("dialog").getByRole("button", { name: "Undo import" }).click();
  await says("2 records will be undone.", "#notice");
  assert.match(name, /-people\.csv$/);
  assert.deepEqual(page.troubles, []);
});

test("a file that is no list says so, on a phone and in the dark", async () => {
  await show({ size: SIZES.phone, dark: true });
  await choose("photo.csv", "%PDF-1.7\n%âãÏÓ\n");
  await says("The file cannot be read", ".card");
  await looksRight("list-refused-phone");
  await page.getByRole("button", { name: "Upload another list" }).click();
  await says("Drop a file here", "#detail");
  assert.deepEqual(page.troubles, []);
});

test("a list is put in with the keyboard alone", async () => {
  await show();
  await choose("keys.csv", "Name,Email\nEve,eve@example.com\n");
  const send = page.getByRole("button", { name: "Send 1 contact…" });
  await send.waitFor();
  for (let presses = 0; !(await send.evaluate((button) => button === document.activeElement)); presses += 1) {
    assert.ok(presses < 60, "the button is not reached");
    await page.keyboard.press("Tab");
  }
  await page.keyboard.press("Enter");
  const dialog = page.getByRole("dialog");
  await dialog.waitFor();
  await page.keyboard.press("Escape");
  assert.equal(await dialog.isVisible(), false);
  await send.press("Enter");
  await dialog.getByRole("button", { name: "Send" }).press("Enter");
  await says(/Done\s*1/, ".card .figures");
  assert.deepEqual(page.troubles, []);
});

async function put(kind, records) {
  const answer = await fetch(`${api.url}/v1/locations/loc_demo/${kind}`, { method: "POST", headers: { "x-api-key": api.key, "content-type": "application/json" }, body: JSON.stringify(records) });
  assert.equal(answer.status, 202, await answer.text());
}

test("opportunities of a pipeline that GoHighLevel does not have get one that it has, by its name", async () => {
  await put("contacts", ["roof", "door"].map((id) => ({ id: `of-${id}`, contact: { firstName: "Ada", email: `${id}@example.com` } })));
  await put("opportunities", ["roof", "door"].map((id) => ({ id, opportunity: { contactRecord: `of-${id}`, pipelineId: "old-pipeline", name: id, status: "open" } })));
  // Within seconds after its start the stack reads the location's facts.
  for (;;) {
    const { facts } = await (await fetch(`${api.url}/v1/locations/loc_demo`, { headers: { "x-api-key": api.key } })).json();
    if (facts?.pipelines) break;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  await show();
  await page.getByRole("button", { name: /^Choose another pipeline… 2 records that failed for/ }).click();
  await page.getByLabel("Pipeline and stage").selectOption("Sales: Qualified");
  await page.getByRole("dialog").getByRole("button", { name: "Send" }).click();
  await says("2 records due again in the pipeline Sales.", "#notice");
  await page.locator(".causes").waitFor({ state: "detached" });
  assert.deepEqual(page.troubles, []);
});

test("failures of one cause are sent without the field that GoHighLevel refuses", async () => {
  const refused = ["a", "b"].map((id) => ({ id: `refused-${id}`, contact: { firstName: "Ada", email: `refused-${id}@example.com`, dateOfBirth: "never" } }));
  await put("contacts", refused);
  await show();
  await page.getByRole("button", { name: /^Send without a field… 2 records that failed for/ }).click();
  const field = page.getByRole("dialog").getByLabel("Field to leave out");
  await field.waitFor();
  assert.deepEqual(await field.locator("option").allTextContents(), ["dateOfBirth", "email", "firstName"]);
  await field.selectOption("dateOfBirth");
  await page.getByRole("dialog").getByRole("button", { name: "Send" }).click();
  await says("2 records due again without dateOfBirth.", "#notice");
  await page.locator(".causes").waitFor({ state: "detached" });
  assert.deepEqual(page.troubles, []);
});
