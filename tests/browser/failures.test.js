// Actions on failed records other than replay.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { SIZES, accessibilityFaults, screenshot, widthBeyondView } from "./browser.js";
import { SCENARIOS, accountOf, failuresOf } from "./scenarios.js";
import { mock, page, show } from "./stage.js";

const SYNCING = "ve9EPM428h8vShlRW1KT";

const says = (text, within = "body") => page.locator(within).filter({ hasText: text }).first().waitFor();

const press = (name) => page.getByRole("button", { name, exact: true }).click();

const sent = (method) => mock.requests.filter((request) => request.method === method).map(({ url, body }) => [url, body === "" ? null : JSON.parse(body)]);

const find = async (id) => {
  await page.getByLabel("Name, e-mail, phone or id").fill(id);
  await page.getByRole("button", { name: "Find", exact: true }).click();
};

test("a record's page follows what becomes of it, and ends with the search for another one", async () => {
  await show("single");
  await find("crm-5");
  await says("due: will be sent", ".record-status");
  mock.statuses = { "contact#crm-5": { state: "accepted", accepted_version: 3, ghl_id: "g5", name: "Gus Clark" } };
  await says("accepted: GoHighLevel has the latest version", ".record-status");
  await press("Delete in GoHighLevel…");
  await says("Gus Clark (contact#crm-5): GoHighLevel deletes it", "dialog");
  await page.keyboard.press("Escape");
  await find("lee");
  await says("Ann Lee", ".found-records");
  assert.equal(await page.locator(".record-status").count(), 0);
  assert.deepEqual(page.troubles, []);
});

describe("what GoHighLevel has of a record", () => {
  test("fields that differ stand beside each other, and what it did not keep is said", async () => {
    await show("single");
    await find("differing");
    await says("GoHighLevel accepted the record but did not keep these fields: gender, customFields.f1.", ".record-status");
    assert.deepEqual(await page.locator(".differences tbody tr").evaluateAll((rows) => rows.map((row) => [...row.cells].map((cell) => cell.textContent))), [
      ["lastName", "<b>Lee</b>", "<i>Byron</i>"], ["name", "Ada <b>Lee</b>", "ada <i>Byron</i>"], ["tags", "VIP, fair", "vip, lead"], ["tags to remove", "lead", "vip, lead"], ["custom field f1", "42", "empty"],
    ]);
    assert.equal(await page.locator(".record-status :is(i, table b)").count(), 0);
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
      await says(`contact#${id}`, ".record-status h3");
      await page.locator(".record-status .timeline").waitFor();
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
    await says("contact#crm-1977 will be sent again.", "#notice");
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
    const field = page.getByRole("dialog").getByLabel("Field to leave out");
    assert.equal(await field.inputValue(), "email");
    assert.deepEqual(await accessibilityFaults(page), []);
    await press("Send");
    await says("contact#crm-1041 will be sent again.", "#notice");
    assert.deepEqual(sent("POST"), [[`/v1/locations/${SYNCING}/failures/mend`, { records: ["contact#crm-1041"], without: ["email"] }]]);
  });

  test("what was typed stays, and what is wrong with it is said beside it, until it is right", async () => {
    await show("failures", { location: SYNCING });
    await press("Edit contact#crm-1041…");
    const content = page.getByRole("dialog").getByLabel("Content");
    await content.fill('{ "firstName": "Ada" "email": "a@example.com" }');
    await press("Send");
    await says("Not done. This is not valid JSON", "dialog");
    assert.equal(await content.inputValue(), '{ "firstName": "Ada" "email": "a@example.com" }');
    assert.deepEqual(await accessibilityFaults(page), []);
    assert.deepEqual(sent("POST"), []);
    await content.fill('["Ada"]');
    await press("Send");
    await says("Not done. This is not a JSON object.", "dialog");
    await content.fill('{ "firstName": "Ada" }');
    await press("Send");
    await says("contact#crm-1041 will be sent again.", "#notice");
    assert.equal(await page.locator("dialog[open]").count(), 0);
    assert.deepEqual(sent("POST").map(([url, [item]]) => [url, item.contact]), [[`/v1/locations/${SYNCING}/contacts`, { firstName: "Ada" }]]);
  });

  test("that stands as failed no more is not sent without a field, and that is said", async () => {
    await show("failures", { location: SYNCING });
    await press("Leave out a field of contact#crm-1041…");
    await page.getByRole("dialog").waitFor();
    mock.failures = mock.failures.filter(({ record }) => record !== "contact#crm-1041");
    await press("Send");
    await says("Not done. It is no longer failed, or does not have this field.", "dialog");
  });

  test("is not sent when nothing would be left of it", async () => {
    await show("failures", { location: SYNCING });
    mock.failures = mock.failures.map((failure) => ({ ...failure, content: { email: "x" } }));
    await press("Leave out a field of contact#crm-1041…");
    await press("Send");
    await says("Not done. Nothing would be left of the record", "dialog");
    assert.equal(mock.failures.length, 3);
  });

  test("whose content is not kept any more cannot be edited, and that is said", async () => {
    await show("failures", { location: SYNCING });
    mock.failures = mock.failures.map(({ content: _, ...failure }) => failure);
    await press("Edit contact#crm-1041…");
    await says("Not done. The content of contact#crm-1041 is no longer stored.", "#notice");
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
    await press("Location settings…");
    await page.getByRole("dialog").getByLabel("Calls per day").waitFor();
  });
});

const WRONG = "The pipeline id is invalid";
const TOO_LONG = "f1: is longer than GoHighLevel takes";

// Contacts with a refused custom field, opportunities in a wrong pipeline, and a record with another cause.
const GROUPS = {
  ...SCENARIOS.failures,
  failures: (now) => [
    ...failuresOf(now, [["crm-1", "REJECTED", 422, TOO_LONG], ["crm-2", "REJECTED", 422, TOO_LONG], ["crm-3", "REJECTED", 422, TOO_LONG], ["crm-9", "REJECTED", 422, "email must be an email"]])
      .map((failure, n) => ({ ...failure, name: n === 0 ? "Ann <b>Lee</b>" : null, content: { email: "a@b.example", dnd: true, ...(n === 2 ? {} : { customFields: [{ id: "f1", value: "x" }, { key: "contact.size", value: "L" }] }) } })),
    ...failuresOf(now, [["deal-1", "REJECTED", 422, WRONG], ["deal-2", "REJECTED", 422, WRONG]])
      .map((failure) => ({ ...failure, record: failure.record.replace("contact", "opportunity"), kind: "opportunity", content: { contactRecord: "crm-1", pipelineId: "old", name: "Roof" } })),
  ],
};

const forAll = (does, what, why) => page.getByRole("button", { name: `${does} ${what} that failed for: ${why}`, exact: true });

describe("failed records of one cause", () => {
  test("are sent without the field that the cause names, and what is left is told by its reason", async () => {
    await show(GROUPS, { location: SYNCING });
    await forAll("Send without a field…", "3 records", TOO_LONG).click();
    await says("Affected: Ann <b>Lee</b> (contact#crm-1), contact#crm-2 and 1 more.", "dialog");
    const field = page.getByRole("dialog").getByLabel("Field to leave out");
    assert.deepEqual(await field.locator("option").allTextContents(), ["email", "customFields.f1", "customFields.contact.size"]);
    assert.equal(await field.inputValue(), "customFields.f1");
    assert.deepEqual(await accessibilityFaults(page), []);
    await screenshot(page, "cause-without-field");
    await press("Send");
    await says("2 records due again without customFields.f1. Left unchanged: 1 record without this field.", "#notice");
    const [[url, body]] = sent("POST");
    assert.deepEqual([url, body.without, Object.keys(body)], [`/v1/locations/${SYNCING}/failures/mend`, ["customFields.f1"], ["cause", "without"]]);
    await says("Failed records (4)", ".failures");
  });

  test("get another pipeline by its name", async () => {
    await show(GROUPS, { location: SYNCING });
    await forAll("Choose another pipeline…", "2 records", WRONG).click();
    const place = page.getByLabel("Pipeline and stage");
    await place.waitFor();
    assert.deepEqual(await accessibilityFaults(page), []);
    assert.deepEqual(await place.locator("option").allTextContents(), ["Choose one", "Sales: New", "Sales: Won", "Sales: no stage is sent", "Service: no stage is sent"]);
    await press("Send");
    assert.deepEqual(sent("POST"), [], "without a pipeline nothing is sent");
    await place.selectOption("Sales: Won");
    await press("Send");
    await says("2 records due again in the pipeline Sales.", "#notice");
    const [[, { cause: _, ...body }]] = sent("POST");
    assert.deepEqual(body, { kind: "opportunity", set: { pipelineId: "q1", pipelineStageId: "r2" } });
  });

  test("get another pipeline by its id where none is known, with a stage or without", async () => {
    await show(GROUPS);
    const account = accountOf(Date.now(), SYNCING);
    mock.settings[SYNCING] = { ...account, facts: { ...account.facts, pipelines: undefined } };
    await page.evaluate((id) => (location.hash = `#/${id}`), SYNCING);
    await forAll("Choose another pipeline…", "2 records", WRONG).waitFor();
    assert.equal(await page.getByRole("button", { name: "Choose another pipeline…" }).count(), 1, "only where a pipeline is what failed");
    await forAll("Choose another pipeline…", "2 records", WRONG).click();
    await says("Another pipeline for 2 opportunities", "dialog");
    assert.deepEqual(await accessibilityFaults(page), []);
    await press("Send");
    assert.deepEqual(sent("POST"), [], "without a pipeline nothing is sent");
    await page.getByRole("textbox", { name: "Pipeline" }).fill(" sales ");
    await press("Send");
    await says("2 records due again in the pipeline sales.", "#notice");
    const [[url, { cause: _, ...body }]] = sent("POST");
    assert.deepEqual([url, body], [`/v1/locations/${SYNCING}/failures/mend`, { kind: "opportunity", without: ["pipelineStageId"], set: { pipelineId: "sales" } }]);
  });

  test("are dismissed after a question that says how many and what it means, by keyboard alone", async () => {
    await show(GROUPS, { location: SYNCING });
    await forAll("Dismiss…", "3 records", TOO_LONG).focus();
    await page.keyboard.press("Enter");
    await says("Dismiss 3 records?", "dialog");
    await says("Nothing changes in GoHighLevel.", "dialog");
    assert.deepEqual(await accessibilityFaults(page), []);
    await page.keyboard.press("Escape");
    assert.deepEqual(sent("POST"), []);
    await forAll("Dismiss…", "3 records", TOO_LONG).click();
    await press("Dismiss");
    await says("3 records forgotten. Left unchanged: 1 record received again in the meantime.", "#notice");
    assert.deepEqual(sent("POST").map(([url, { cursor }]) => [url, cursor]), [[`/v1/locations/${SYNCING}/failures/dismiss`, undefined], [`/v1/locations/${SYNCING}/failures/dismiss`, "1.next"]]);
    await says("Failed records (3)", ".failures");
  });

  test("that somebody else has dealt with are left alone, and that is said", async () => {
    await show(GROUPS, { location: SYNCING });
    await forAll("Dismiss…", "2 records", WRONG).waitFor();
    mock.failures = mock.failures.filter(({ kind }) => kind === "contact");
    await forAll("Dismiss…", "2 records", WRONG).click();
    await says("Not done. None of them is still failed for this cause.", "#notice");
    assert.deepEqual(sent("POST"), []);
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
