// The main paths through the page by keyboard alone, and on a current phone without horizontal scrolling.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { SIZES, widthBeyondView } from "./browser.js";
import { HOSTILE_LOCATION } from "./scenarios.js";
import { mock, page, show } from "./stage.js";

const SYNCING = "ve9EPM428h8vShlRW1KT";
const MOST_TABS = 150;

const says = (text, within = "body") => page.locator(within).filter({ hasText: text }).first().waitFor();

const sent = (method) => mock.requests.filter((request) => request.method === method).map(({ url, body }) => [url, body === "" ? null : JSON.parse(body)]);

const key = (name) => page.keyboard.press(name);

// The name of the focused element: its label, its placeholder's label, or its text.
const focused = () => page.evaluate(() => {
  const { activeElement: element } = document;
  if (!element || element === document.body) return null;
  const label = element.getAttribute("aria-label") ?? element.labels?.[0]?.textContent ?? element.textContent;
  return label.replace(/\s+/g, " ").trim();
});

// Presses Tab until an element whose name begins like this has focus, and returns it.
async function tabTo(name) {
  const seen = [];
  for (let presses = 0; presses < MOST_TABS; presses += 1) {
    await key("Tab");
    const at = await focused();
    if (at?.startsWith(name)) return assert.ok(await page.evaluate(() => document.activeElement.matches(":focus-visible")), `${name} does not show that it has the focus`);
    seen.push(at);
  }
  assert.fail(`Tab does not reach "${name}", only ${[...new Set(seen)].join(", ")}`);
}

describe("by keyboard alone", () => {
  test("from the list to a location, and what failed for one cause is replayed", async () => {
    await show("failures");
    await says(SYNCING, "#list");
    await tabTo(SYNCING);
    await key("Enter");
    await says(SYNCING, "#detail h2");
    assert.match(await focused(), new RegExp(SYNCING), "reading goes on at the location's name");
    await says("phone: must be in E.164", ".causes");
    await tabTo("Replay these… 1 record that failed for: phone");
    await key("Enter");
    await says("become due again", "dialog");
    await key("Escape");
    assert.match(await focused(), /^Replay these… 1 record that failed for: phone/, "the focus is where it was");
    await key("Space");
    await tabTo("Replay");
    await key("Enter");
    await says("1 record due again.", "#notice");
    assert.deepEqual(sent("POST"), [[`/v1/locations/${SYNCING}/replay`, { cause: "REJECTED.1" }]]);
    // Its row is gone; the focus must not jump to the top of the page.
    await page.waitForFunction(() => document.activeElement.id === "failures-title");
    assert.deepEqual(page.troubles, []);
  });

  test("a record is found and read", async () => {
    await show("single");
    await says("loc_demo", "#detail h2");
    await tabTo("Name, e-mail, phone or id");
    await page.keyboard.type("lee");
    await key("Enter");
    await says("Ann Lee", ".found-records");
    await tabTo("contact#crm-2");
    await key("Enter");
    await page.waitForFunction(() => document.activeElement.id === "record-status-title");
    assert.equal(await focused(), "Record contact#crm-2");
  });

  test("settings are changed", async () => {
    await show("imports", { location: SYNCING });
    await says("Dental Care Berlin", "#detail .account");
    await tabTo("Settings…");
    await key("Space");
    await page.getByRole("dialog").waitFor();
    await key("Escape");
    assert.equal(await focused(), "Settings…");
    await key("Enter");
    await tabTo("Dry run");
    await key("Space");
    await tabTo("Save");
    await key("Enter");
    await says("Saved.", "#notice");
    assert.deepEqual(sent("PATCH").map(([, body]) => body), [{ dry_run: true }]);
  });

  test("a question that follows another one at once is answered for itself", async () => {
    await show("imports", { location: SYNCING });
    await says("Dental Care Berlin", "#detail .account");
    const settings = page.getByRole("button", { name: "Settings…" });
    await settings.click();
    // The browser reports the close of a dialog only after the current code.
    await settings.evaluate((button) => {
      document.querySelector("dialog").close();
      button.click();
    });
    await page.getByRole("dialog").getByLabel("Dry run").check();
    await page.getByRole("button", { name: "Save" }).click();
    await says("Saved.", "#notice");
    assert.deepEqual(sent("PATCH").map(([, body]) => body), [{ dry_run: true }]);
  });

  test("a migration is begun, its mapping changed and approved", async () => {
    await show("migrations");
    await says("firstAccount", "#migration-list");
    await tabTo("Migrate a location…");
    await key("Enter");
    await tabTo("From");
    await page.keyboard.type("oldAccount");
    await tabTo("Into");
    await page.keyboard.type("newAccount");
    await tabTo("Start");
    await key("Enter");
    await says("Started. Both locations are being read.", "#notice");
    assert.equal(sent("POST")[0][0], "/api/v1/migration/start");
    await page.waitForFunction(() => location.hash === "#/migration/mig-2");
    await tabTo("firstAccount");
    await key("Enter");
    await says("Decisions needed (1)", ".decisions");
    await tabTo("Pipelines: Sales");
    await page.keyboard.type("leave");
    await tabTo("Custom fields: 3 of 3");
    await key("Enter");
    await tabTo("Custom fields: Shirt-Size");
    await page.keyboard.type("create");
    await tabTo("Approve…");
    await key("Enter");
    await tabTo("Approve");
    await key("Enter");
    await says("The migration continues.", "#notice");
    assert.deepEqual(sent("POST")[1], ["/api/v1/migration/mig-1/approve", { overrides: { pipelines: { p1: "skip" }, custom_fields: { f2: "create" } } }]);
    await page.waitForFunction(() => document.activeElement.id === "detail-title");
    assert.deepEqual(page.troubles, []);
  });

  test("a key is made, taken, and revoked", async () => {
    await show("healthy");
    await tabTo("Keys");
    await key("Enter");
    await says("crm", ".keys");
    await tabTo("Create a key…");
    await key("Enter");
    await tabTo("Name");
    await page.keyboard.type("erp");
    await tabTo("Role");
    await page.keyboard.type("operate");
    await tabTo("Create key");
    await key("Enter");
    await page.waitForFunction(() => document.activeElement.id === "made-title");
    assert.deepEqual(sent("POST"), [["/v1/keys", { name: "erp", role: "operate" }]]);
    await tabTo("I have copied it");
    await key("Space");
    await page.locator(".made").waitFor({ state: "detached" });
    assert.equal(await focused(), "Keys");
    await tabTo("Revoke support…");
    await key("Enter");
    await tabTo("Revoke");
    await key("Enter");
    await says("support is revoked.", "#notice");
    assert.equal(sent("DELETE").length, 1);
    await page.waitForFunction(() => document.activeElement.id === "detail-title");
    assert.deepEqual(page.troubles, []);
  });
});

describe("on a phone of 390 px", () => {
  const within = async (view) => assert.equal(await widthBeyondView(page), 0, `${view} is wider than the view`);

  test("nothing is wider than the view: locations, failures, a record, its dialogs", async () => {
    await show("failures", { size: SIZES.modernPhone });
    await says(SYNCING, "#list");
    await within("the list");
    await page.getByRole("link", { name: SYNCING }).click();
    await says("email must be an email", ".failed-records");
    await within("a location");
    await page.locator(".failed-records").getByRole("button", { name: "contact#crm-1041", exact: true }).click();
    await page.locator(".record-status .card").waitFor();
    await within("a record");
    for (const [name, dialog] of [["Edit and send…", "Edit and send again"], ["Send without a field…", "Send without a field"], ["Settings…", "Settings"], ["Pause…", "Pause this location?"]]) {
      await page.getByRole("button", { name, exact: true }).click();
      await says(dialog, "dialog");
      await within(`the dialog “${dialog}”`);
      await key("Escape");
    }
  });

  test("nothing is wider than the view: migrations, keys, who changed what, and hostile names", async () => {
    await show("migrations", { size: SIZES.modernPhone });
    await page.locator("#migration-list a").filter({ hasText: "firstAccount" }).click();
    for (const summary of await page.locator("#detail summary").all()) await summary.click();
    await within("a migration");
    for (const name of ["Keys", "Who changed what"]) {
      await page.getByRole("navigation").getByRole("link", { name }).click();
      await page.locator("#detail tbody tr").first().waitFor();
      await within(name);
    }
    await page.context().close();
    await mock.close();
    await show("hostile", { size: SIZES.modernPhone });
    await says(HOSTILE_LOCATION, "#detail h2");
    await within("a hostile location");
  });
});

test("what the fields of a record are called is shown, and never run", async () => {
  const hostile = "<img src=x onerror=\"window.hacked = 40\">";
  await show("failures", { location: SYNCING });
  mock.failures = mock.failures.map((failure) => ({ ...failure, content: { [hostile]: hostile, constructor: 1, key: "k", ref: "r" } }));
  await page.getByRole("button", { name: "Leave out a field of contact#crm-1041…" }).click();
  await page.getByRole("dialog").getByLabel("Field to leave out").waitFor();
  assert.deepEqual(await page.getByRole("dialog").getByRole("option").allTextContents(), [hostile, "constructor", "key", "ref"]);
  await key("Escape");
  await page.getByRole("button", { name: "Edit contact#crm-1041…" }).click();
  assert.match(await page.getByLabel("Content").inputValue(), /onerror/);
  assert.equal(await page.locator("dialog img").count(), 0);
  assert.equal(await page.evaluate(() => window.hacked), undefined);
  assert.deepEqual(page.troubles, []);
});
