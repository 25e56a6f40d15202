// Keys and the audit trail in the page: for an admin, for others, and with access control by AWS.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { SIZES, accessibilityFaults, screenshot, widthBeyondView } from "./browser.js";
import { HOSTILE_NAME } from "./mock-access.js";
import { SCENARIOS } from "./scenarios.js";
import { mock, page, show } from "./stage.js";

const says = (text, within = "body") => page.locator(within).filter({ hasText: text }).first().waitFor();

const press = (name) => page.getByRole("button", { name, exact: true }).click();

const sent = (method) => mock.requests.filter((request) => request.method === method).map(({ url, body }) => [url, body === "" ? null : JSON.parse(body)]);

const as = (access) => ({ ...SCENARIOS.healthy, access });

async function go(name) {
  await page.getByRole("navigation").getByRole("link", { name }).click();
  await says(name, "#detail h2");
}

describe("keys", () => {
  test("an admin sees them with what they may, where, and until when", async () => {
    await show("healthy");
    await go("Keys");
    const rows = page.locator(".keys").first().locator("tbody tr");
    await rows.first().waitFor();
    assert.equal(await rows.count(), 3);
    assert.match(await rows.nth(0).innerText(), /crm[\s\S]*operate[\s\S]*ve9EPM428h8vShlRW1KT[\s\S]*C2QujeCh8ZnC7al2InWR/);
    assert.match(await rows.nth(1).innerText(), /support[\s\S]*read\s+all\s+never\s+never/);
    await page.locator("summary").filter({ hasText: "Revoked or expired (2)" }).click();
    await says(/revoked .* by ann/, "#detail details");
    await says(/expired/, "#detail details");
    assert.equal(await page.evaluate(() => document.activeElement.tagName), "SUMMARY");
    assert.deepEqual(page.troubles, []);
  });

  test("one is made, shown once, copied, and gone for good once it is had", async () => {
    await show("healthy");
    await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
    await go("Keys");
    await press("Create a key…");
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Name").fill("erp");
    await dialog.getByLabel("Role").selectOption("operate");
    await dialog.getByLabel("Only for these locations").fill("ve9EPM428h8vShlRW1KT\n\n trialA ");
    await dialog.getByLabel("And for locations with one of these tags").fill("dental");
    await dialog.getByLabel("Valid until").fill("2030-01-31");
    assert.deepEqual(await accessibilityFaults(page), []);
    await dialog.getByRole("button", { name: "Create key" }).click();
    await says("This is the only time the key is shown. Copy it now.", ".made");
    // The end of the day in the reader's time zone.
    assert.deepEqual(sent("POST"), [["/v1/keys", { name: "erp", role: "operate", locations: ["ve9EPM428h8vShlRW1KT", "trialA"], tags: ["dental"], expires_at: "2030-02-01T04:59:59.000Z" }]]);
    assert.match(await page.locator(".keys tbody tr").first().innerText(), /erp[\s\S]*trialA[\s\S]*tag dental/);
    const key = await page.locator(".made code").textContent();
    assert.match(key, /^ghls_/);
    assert.equal(await page.evaluate(() => document.activeElement.id), "made-title");
    await press("Copy");
    await says("Copied.", "#notice");
    assert.equal(await page.evaluate(() => navigator.clipboard.readText()), key);
    await screenshot(page, "key-made");
    await press("I have copied it");
    await page.locator(".made").waitFor({ state: "detached" });
    assert.ok(!(await page.content()).includes(key));
    assert.deepEqual(page.troubles, []);
  });

  test("a key that was made is not shown again after another page", async () => {
    await show("healthy");
    await go("Keys");
    await press("Create a key…");
    await page.getByRole("dialog").getByLabel("Name").fill("erp");
    await press("Create key");
    await page.locator(".made code").waitFor();
    await go("Who changed what");
    await go("Keys");
    await page.locator(".keys").first().waitFor();
    assert.equal(await page.locator(".made").count(), 0);
    assert.ok(!(await page.content()).includes("ghls_"));
  });

  test("one is revoked once the question is answered", async () => {
    await show("healthy");
    await go("Keys");
    await press("Revoke support…");
    await says("anyone using it loses access within 30 seconds", "dialog");
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "hidden" });
    assert.deepEqual(sent("DELETE"), []);
    await press("Revoke support…");
    await page.getByRole("dialog").getByRole("button", { name: "Revoke" }).click();
    await says("support is revoked.", "#notice");
    assert.deepEqual(sent("DELETE"), [["/v1/keys/00c0ffee00c0ffee", null]]);
    await says("Revoked or expired (3)", "#detail");
  });

  test("what the server refuses is said by field", async () => {
    await show("healthy");
    await go("Keys");
    await press("Create a key…");
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Name").fill("boss");
    await dialog.getByLabel("Role").selectOption("admin");
    await dialog.getByLabel("Only for these locations").fill("trialA");
    await press("Create key");
    await says("locations: an admin is good for all locations", "#notice");
    assert.equal(await page.locator(".made").count(), 0);
  });

  test("whose key is not an admin's is told so, and nothing else", async () => {
    await show(as("operate"));
    await go("Keys");
    await says("Only an admin can see, create and revoke keys.", "#detail");
    assert.equal(await page.getByRole("button", { name: "Create a key…" }).count(), 0);
    await go("Who changed what");
    await says("Only an admin can see who changed what.", "#detail");
  });

  test("where AWS checks who asks, that is said, and nothing is offered any more", async () => {
    await show(as("iam"));
    await go("Keys");
    await press("Create a key…");
    await page.getByRole("dialog").getByLabel("Name").fill("erp");
    await press("Create key");
    await says("this stack checks AWS signatures (ApiAuth=iam) and takes no keys", "#detail .problem");
    assert.equal(await page.getByRole("button", { name: "Create a key…" }).count(), 0);
  });
});

describe("who changed what", () => {
  test("it is told page by page, and of a span", async () => {
    await show("healthy");
    await go("Who changed what");
    const rows = page.locator(".audit tbody tr");
    await rows.first().waitFor();
    assert.equal(await rows.count(), 50);
    assert.match(await rows.nth(3).innerText(), /crm\s+change location\s+ve9EPM428h8vShlRW1KT\s+–\s+not allowed/);
    assert.match(await rows.nth(5).innerText(), /undo import[\s\S]*people-2026\s+failed \(503\)/);
    await press("Show more");
    await rows.nth(59).waitFor();
    assert.equal(await page.getByRole("button", { name: "Show more" }).count(), 0);
    await page.getByLabel("Period").selectOption("7");
    await page.waitForFunction(() => document.querySelectorAll(".audit tbody tr").length === 50);
    const since = new URL(mock.requests.filter(({ url }) => url.includes("since=")).at(-1).url, mock.url).searchParams.get("since");
    assert.ok(Math.abs(Date.now() - 7 * 86_400_000 - Date.parse(since)) < 60_000, since);
    assert.deepEqual(page.troubles, []);
  });
});

describe("access for everybody", () => {
  for (const [name, options] of [["light", {}], ["dark", { dark: true }], ["phone", { size: SIZES.phone }], ["dark phone", { size: SIZES.phone, dark: true }]]) {
    test(`keys and the audit trail are within reach, ${name}`, async () => {
      await show("healthy", options);
      for (const view of ["Keys", "Who changed what"]) {
        await go(view);
        await page.locator("#detail tbody tr").first().waitFor();
        assert.equal(await widthBeyondView(page), 0);
        assert.deepEqual(await accessibilityFaults(page), []);
        await screenshot(page, `${view.toLowerCase().replaceAll(" ", "-")}-${name.replace(" ", "-")}`);
      }
      await go("Keys");
      await press("Create a key…");
      assert.deepEqual(await accessibilityFaults(page), []);
      assert.equal(await widthBeyondView(page), 0);
      await page.getByRole("dialog").getByLabel("Name").fill("erp");
      await press("Create key");
      await page.locator(".made").waitFor();
      assert.equal(await widthBeyondView(page), 0);
      assert.deepEqual(await accessibilityFaults(page), []);
      assert.deepEqual(page.troubles, []);
    });
  }

  test("what keys and callers are called is shown, and never run", async () => {
    await show("hostile");
    await go("Keys");
    await says(HOSTILE_NAME, ".keys");
    await go("Who changed what");
    await says(HOSTILE_NAME, ".audit");
    assert.equal(await page.evaluate(() => window.hacked), undefined);
    assert.equal(await page.locator("#detail img, #detail td i, #detail script").count(), 0);
    // It is the only location, so it opens on return.
    await page.evaluate(() => (globalThis.location.hash = "#/"));
    await says("loc</a>", "#detail h2");
    assert.deepEqual(page.troubles, []);
  });
});
