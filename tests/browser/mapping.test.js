// The changes that a person makes to a mapping, and a migration's record counts and waits.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { SIZES, accessibilityFaults, screenshot, widthBeyondView } from "./browser.js";
import { mock, page, show } from "./stage.js";

const says = (text, within = "body") => page.locator(within).filter({ hasText: text }).first().waitFor();

const press = (name) => page.getByRole("button", { name, exact: true }).click();

const posted = () => mock.requests.filter(({ method }) => method === "POST").map(({ url, body }) => [url, JSON.parse(body)]);

async function openMigration(source) {
  await page.locator("#migration-list a").filter({ hasText: source }).first().click();
  await says(source, "#detail h2");
}

const unfold = (part) => page.locator("summary").filter({ hasText: part }).click();

describe("the mapping", () => {
  test("each row is changed by a select, and the changes go along with the approval", async () => {
    await show("migrations");
    await openMigration("firstAccount");
    await says("Each row can be changed.", "#detail");
    await unfold("Custom fields: 3 of 3");
    await unfold("Users: 0 of 1");
    assert.deepEqual(await page.getByLabel("Custom fields: Shirt-Size").locator("option").allTextContents(), [
      "use “shirt size” (91 % alike)", "use “Shoe size” (contact, NUMERICAL)", "use “Size” (contact, TEXT)", "create it in the target", "leave it out",
    ]);
    // GHL lets nobody create users.
    assert.deepEqual(await page.getByLabel("Users: Ann").locator("option").allTextContents(), ["left out", "use “Ann Smith” (ann@example.com)"]);
    await page.getByLabel("Custom fields: Shirt-Size").selectOption("leave it out");
    await page.getByLabel("Custom fields: Größe ✨").selectOption("use “Size” (contact, TEXT)");
    await page.getByLabel("Pipelines: Sales").selectOption({ label: "use “Sales 2026” (82 % alike)" });
    await says("3 changes will be sent with your approval.", "#detail");
    await page.waitForTimeout(2_500);
    assert.equal(await page.getByLabel("Custom fields: Größe ✨").inputValue(), "t9", "what was chosen survives the polls");
    assert.equal(await page.locator(".mapping").first().isVisible(), true, "what was unfolded stays so");
    await screenshot(page, "mapping");
    await press("Approve…");
    await says("Your 3 mapping changes are not included in these numbers.", "dialog");
    await page.getByRole("dialog").getByRole("button", { name: "Approve" }).click();
    await says("The migration continues.", "#notice");
    assert.deepEqual(posted(), [["/api/v1/migration/mig-1/approve", { overrides: { custom_fields: { f2: "skip", f3: "t9" }, pipelines: { p1: "q1" } } }]]);
    await page.getByLabel("Custom fields: Shirt-Size").waitFor({ state: "detached" });
    assert.deepEqual(page.troubles, []);
  });

  test("of more than a select can offer, one is found by its name", async () => {
    await show("migrations");
    await openMigration("firstAccount");
    await unfold("Tags: 1 of 1");
    const options = page.getByLabel("Tags: vip").locator("option");
    assert.equal(await options.count(), 503, "created, 500 tags, left out, another one");
    await page.getByLabel("Tags: vip").selectOption("use another one from the target…");
    await page.getByLabel("Name or id in the target").fill("tag 599");
    assert.equal(await page.locator("datalist option").filter({ hasText: "tag 599" }).getAttribute("value"), "tag599");
    await page.waitForTimeout(2_500);
    assert.equal(await page.getByLabel("Name or id in the target").inputValue(), "tag 599", "what was typed survives the polls");
    await press("Approve…");
    await page.getByRole("dialog").getByRole("button", { name: "Approve" }).click();
    await says("The migration continues.", "#notice");
    assert.deepEqual(posted(), [["/api/v1/migration/mig-1/approve", { overrides: { tags: { tag: "tag 599" } } }]]);
  });

  test("a stage becomes one of the pipeline that its own becomes", async () => {
    await show("migrations");
    await openMigration("firstAccount");
    await unfold("Stages: 0 of 1");
    const offered = () => page.getByLabel("Stages: Won").locator("option").allTextContents();
    assert.deepEqual(await offered(), ["left out"]);
    await page.getByLabel("Pipelines: Sales").selectOption({ label: "use “Service”" });
    assert.deepEqual(await offered(), ["left out", "use “Closed”"]);
    await page.getByLabel("Pipelines: Sales").selectOption({ label: "use “Sales 2026” (82 % alike)" });
    assert.deepEqual(await offered(), ["left out", "use “Won”"]);
  });

  test("a choice that is taken back changes nothing", async () => {
    await show("migrations");
    await openMigration("firstAccount");
    await unfold("Custom fields: 3 of 3");
    await page.getByLabel("Custom fields: Shoe size").selectOption("leave it out");
    await says("1 change will be sent with your approval.", "#detail");
    await page.getByLabel("Custom fields: Shoe size").selectOption({ label: "use “Shoe size”" });
    await says("Each row can be changed.", "#detail");
    await press("Approve…");
    await page.getByRole("dialog").getByRole("button", { name: "Approve" }).click();
    await says("The migration continues.", "#notice");
    assert.deepEqual(posted(), [["/api/v1/migration/mig-1/approve", { overrides: {} }]]);
  });

  test("an approval that is refused keeps the choices", async () => {
    await show("failing-approval");
    await openMigration("oldAccount");
    await page.getByLabel("Pipelines: Sales").selectOption("leave it out");
    await press("Approve…");
    await page.getByRole("dialog").getByRole("button", { name: "Approve" }).click();
    await says("overrides.pipelines.p1: is gone", "#notice");
    assert.equal(await page.getByLabel("Pipelines: Sales").inputValue(), "skip");
  });

  test("what is less than certain is said where it is", async () => {
    await show("migrations");
    await openMigration("firstAccount");
    await says("1 match is uncertain: check it before you approve.", "#detail");
    await unfold("Custom fields: 3 of 3, 1 uncertain");
    assert.equal(await page.locator(".mapping tr").filter({ hasText: "Shirt-Size" }).locator(".sign.warn").count(), 1);
    assert.equal(await page.locator(".mapping tr").filter({ hasText: "Shoe size" }).filter({ hasText: "100 %" }).locator(".sign.warn").count(), 0);
  });

  test("once something is written, only what is asked about can be changed", async () => {
    await show("waiting-migration");
    await openMigration("heldAccount");
    await page.getByLabel("Pipelines: Sales").waitFor();
    await unfold("Custom fields: 3 of 3");
    await says("shirt size", ".mapping");
    const selects = await page.locator(".mapping select").evaluateAll((all) => all.map((one) => one.getAttribute("aria-label")));
    assert.deepEqual(selects, ["Stages: Won"]);
  });
});

test("a preview is begun for real with the choices that were made on it", async () => {
  await show("waiting-migration");
  await openMigration("seenAccount");
  await says("The preview is ready", "#detail .situation");
  await page.getByLabel("Pipelines: Sales").selectOption({ label: "use “Sales 2026” (82 % alike)" });
  await says("1 change will be sent when you start the migration.", "#detail");
  await press("Start migration…");
  await says("seenAccount → newAccount: both are read again and mapped with your choices.", "dialog");
  await page.getByRole("dialog").getByRole("button", { name: "Start" }).click();
  await says("Started. Both locations are being read.", "#notice");
  assert.deepEqual(posted(), [["/api/v1/migration/start", {
    source: "seenAccount", target: "newAccount", settings: { skip_opportunities: false, skip_verify: false }, overrides: { pipelines: { p1: "q1" } },
  }]]);
});

describe("how far a migration is", () => {
  test("its records are counted as GoHighLevel accepted them", async () => {
    await show("migrations");
    await openMigration("oldAccount");
    assert.match(await page.locator(".records tbody tr").first().innerText(), /Contacts\s+118 of 198\s+48\s+2\s+0/);
    assert.match(await page.locator(".records tbody tr").nth(1).innerText(), /Opportunities\s+0 of 60/);
  });

  test("a cancelled one tells what was withdrawn, and is looked at until that is over", async () => {
    await show("stopped-migrations");
    await openMigration("cancelledAccount");
    await says("Its records that GoHighLevel does not have yet are being withdrawn.", "#detail .situation");
    await says("Cancelled. 13 records stay in GoHighLevel; 104 records were withdrawn.", "#detail .situation");
    assert.match(await page.locator(".records tbody tr").first().innerText(), /Contacts\s+13 of 117\s+0\s+0\s+0\s+104/);
    assert.deepEqual(page.troubles, []);
  });

  test("of one that was rolled back, what is deleted is not told as accepted", async () => {
    await show("stopped-migrations");
    await openMigration("revertedAccount");
    await says("Rolled back: 25 contacts, 0 opportunities and 9 of the structure deleted, 1 kept.", "#detail .situation");
    assert.match(await page.locator(".records").innerText(), /Deleted/);
    assert.match(await page.locator(".records tbody tr").first().innerText(), /Contacts\s+25 of 26/);
    assert.deepEqual(page.troubles, []);
  });

  test("a question before a cancel says that what is on its way is withdrawn", async () => {
    await show("migrations");
    await openMigration("oldAccount");
    await press("Cancel…");
    await says("Its records that GoHighLevel does not have yet are withdrawn.", "dialog");
  });

  test("an account that waits is named, and its wait is in the forecast", async () => {
    await show("waiting-migration");
    await openMigration("oldAccount");
    await says(/newAccount: Waiting: the daily quota is used up, resumes in 2 h/, "#detail .waits-for");
    const end = page.locator("[aria-label=Forecast] .hint time");
    const [text, at] = [await page.locator("[aria-label=Forecast] .hint").textContent(), await end.getAttribute("datetime")];
    assert.match(text, /^This stage ends at about .*, waits included\.$/);
    assert.ok(Date.parse(at) > Date.now() + 7_200_000, at);
  });

  test("while an account is stopped without an end, no time is told", async () => {
    await show("waiting-migration");
    await openMigration("heldAccount");
    await says("heldAccount: Paused by an operator until resumed.", "#detail .waits-for");
    await says("No forecast while a location is stopped with no end time.", "#detail");
  });
});

describe("the mapping for everybody", () => {
  for (const [name, options] of [["light", {}], ["dark", { dark: true }], ["phone", { size: SIZES.phone }], ["dark phone", { size: SIZES.phone, dark: true }]]) {
    test(`its rows are within reach, ${name}`, async () => {
      await show("migrations", options);
      await openMigration("firstAccount");
      await unfold("Custom fields: 3 of 3");
      await unfold("Tags: 1 of 1");
      await page.getByLabel("Tags: vip").selectOption("use another one from the target…");
      assert.equal(await widthBeyondView(page), 0);
      assert.deepEqual(await accessibilityFaults(page), []);
      await screenshot(page, `mapping-${name.replace(" ", "-")}`);
      assert.deepEqual(page.troubles, []);
    });
  }
});
