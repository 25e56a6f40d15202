// What is done to records that failed, besides replaying them.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { SIZES, accessibilityFaults, screenshot, widthBeyondView } from "./browser.js";
import { mock, page, show } from "./stage.js";

const SYNCING = "ve9EPM428h8vShlRW1KT";

const says = (text, within = "body") => page.locator(within).filter({ hasText: text }).first().waitFor();

const press = (name) => page.getByRole("button", { name, exact: true }).click();

const sent = (method) => mock.requests.filter((request) => request.method === method).map(({ url, body }) => [url, body === "" ? null : JSON.parse(body)]);

const find = async (id) => {
  await page.getByLabel("Name, e-mail, phone or id").fill(id);
  await page.getByRole("button", { name: "Find", exact: true }).click();
};

describe("what GoHighLevel has of a record", () => {
  test("fields that differ stand beside each other, and what it did not keep is said", async () => {
    await show("single");
    await find("differing");
    await says("GoHighLevel accepted the record, and did not keep these fields of it: gender, customFields.f1.", ".story");
    assert.deepEqual(await page.locator(".differences tbody tr").evaluateAll((rows) => rows.map((row) => [...row.cells].map((cell) => cell.textContent))), [
      ["lastName", "<b>Lee</b>", "<i>Byron</i>"], ["name", "Ada <b>Lee</b>", "ada <i>Byron</i>"], ["tags", "VIP, fair", "vip, lead"], ["tags to be removed", "lead", "vip, lead"], ["custom field f1", "42", "nothing"],
    ]);
    assert.equal(await page.locator(".story :is(i, table b)").count(), 0);
    await page.setViewportSize(SIZES.phone);
    assert.equal(await widthBeyondView(page), 0);
    assert.deepEqual(await accessibilityFaults(page), []);
    await screenshot(page, "record-differences-phone");
    assert.deepEqual(page.troubles, []);
  });

  test("a record of which GoHighLevel showed nothing, or no content is kept, has no such table", async () => {
    await show("single");
    for (const id of ["crm-5", "superseded"]) {
      await find(id);
      await says(`contact#${id}`, ".story h3");
      await page.locator(".story .timeline").waitFor();
      assert.equal(await page.locator(".differences").count(), 0);
    }
  });
});

describe("a failed record", () => {
  test("is edited from its row, and goes out again", async () => {
    await show("failures", { location: SYNCING });
    await press("Edit contact#crm-1977…");
    await says("It failed: phone: must be in E.164", "dialog");
    await page.getByLabel("Content").fill('{ "phone": "+15550100" }');
    await press("Send");
    await says("contact#crm-1977 goes out again.", "#notice");
    assert.deepEqual(sent("POST"), [[`/v1/locations/${SYNCING}/contacts`, [{ id: "crm-1977", priority: "normal", contact: { phone: "+15550100" } }]]]);
  });

  test("of a cause the example is edited", async () => {
    await show("failures", { location: SYNCING });
    await press("Edit the example… contact#crm-1041");
    await says("It failed: email must be an email", "dialog");
    await page.keyboard.press("Escape");
    assert.deepEqual(sent("POST"), []);
  });

  test("is sent without the field that the error names", async () => {
    await show("failures", { location: SYNCING });
    await press("Leave out a field of contact#crm-1041…");
    const field = page.getByRole("dialog").getByLabel("Without");
    assert.equal(await field.inputValue(), "email");
    assert.deepEqual(await accessibilityFaults(page), []);
    await press("Send");
    await says("contact#crm-1041 goes out again.", "#notice");
    assert.deepEqual(sent("POST"), [[`/v1/locations/${SYNCING}/contacts`, [{ id: "crm-1041", priority: "normal", contact: { firstName: "Ada" } }]]]);
  });

  test("is not sent when nothing would be left of it", async () => {
    await show("failures", { location: SYNCING });
    mock.failures = mock.failures.map((failure) => ({ ...failure, content: { email: "x" } }));
    await press("Leave out a field of contact#crm-1041…");
    await press("Send");
    await says("Nothing would be left of the record", "#notice");
    assert.deepEqual(sent("POST"), []);
  });

  test("whose content is not kept any more cannot be edited, and that is said", async () => {
    await show("failures", { location: SYNCING });
    mock.failures = mock.failures.map(({ content: _, ...failure }) => failure);
    await press("Edit contact#crm-1041…");
    await says("Not done. The content of contact#crm-1041 is not kept any more.", "#notice");
    assert.equal(await page.getByRole("dialog").count(), 0);
  });

  test("is forgotten from its row", async () => {
    await show("failures", { location: SYNCING });
    await press("Forget contact#crm-1041…");
    await page.getByRole("dialog").getByRole("button", { name: "Forget" }).click();
    await says("contact#crm-1041 is forgotten.", "#notice");
    assert.deepEqual(sent("DELETE"), [[`/v1/locations/${SYNCING}/records/contact/crm-1041`, null]]);
    await says("Failed records (2)", ".failures");
    await page.getByRole("button", { name: "Edit contact#crm-1041…" }).waitFor({ state: "detached" });
  });

  test("leads to the settings of its location", async () => {
    await show("failures", { location: SYNCING });
    await press("Settings of this location…");
    await page.getByRole("dialog").getByLabel("Calls a day").waitFor();
  });
});

for (const [name, options] of [["light", {}], ["dark", { dark: true }], ["phone", { size: SIZES.phone }], ["dark phone", { size: SIZES.phone, dark: true }]]) {
  test(`what is done to failed records is within reach, ${name}`, async () => {
    await show("failures", { location: SYNCING, ...options });
    await page.getByRole("button", { name: "Edit contact#crm-1041…" }).waitFor();
    assert.equal(await widthBeyondView(page), 0);
    assert.deepEqual(await accessibilityFaults(page), []);
    await screenshot(page, `failed-records-${name.replace(" ", "-")}`);
    await press("Edit contact#crm-1041…");
    assert.equal(await widthBeyondView(page), 0);
    assert.deepEqual(await accessibilityFaults(page), []);
    assert.deepEqual(page.troubles, []);
  });
}
