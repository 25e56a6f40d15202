// The dashboard in a real browser, in every situation that it can describe.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { SIZES, accessibilityFaults, screenshot, widthBeyondView } from "./browser.js";
import { HOSTILE_LOCATION } from "./scenarios.js";
import { PATIENCE_MS, mock, page, show } from "./stage.js";

const SYNCING = "ve9EPM428h8vShlRW1KT";
const OPEN = "C2QujeCh8ZnC7al2InWR";

// Waits until the text appears.
const says = (text, within = "body") => page.locator(within).filter({ hasText: text }).first().waitFor();

// Number of requests below the path.
const looks = (path) => mock.requests.filter(({ url }) => url.startsWith(path)).length;

// Waits until the page has read the overview this often.
async function polled(times) {
  const patience = Date.now() + PATIENCE_MS;
  while (looks("/v1/overview") < times) {
    assert.ok(Date.now() < patience, `the overview was asked for ${looks("/v1/overview")} times, not ${times}`);
    await page.waitForTimeout(100);
  }
}

const deletions = () => mock.requests.filter(({ method }) => method === "DELETE").map(({ url }) => url);

const changes = () => mock.requests.filter(({ method }) => method === "POST").map(({ url, body }) => [url, JSON.parse(body)]);

async function look(text) {
  await page.getByLabel("Name, e-mail, phone or id").fill(text);
  await press("Find");
}

const press = (name) => page.getByRole("button", { name, exact: true }).click();

const patches = () => mock.requests.filter(({ method }) => method === "PATCH").map(({ headers, body }) => [headers["if-match"], JSON.parse(body)]);

describe("the sentence about everything", () => {
  for (const [scenario, sentence] of [
    ["healthy", /All is well: 1,950 records on the way\. All of them will be sent by \d\d:\d\d:\d\d\./],
    ["breaker-open", /GoHighLevel is failing for C2QujeCh8ZnC7al2InWR\. Nothing to do: records wait, and the next try is at/],
    ["paused", "GoHighLevel does not accept the token of badToken. Nothing is sent there: connect it again."],
    ["failures", "3 records failed in ve9EPM428h8vShlRW1KT. See why, fix the cause, then replay them."],
    ["late", /The scheduler has not run for 6 min 40 s\. Waiting work does not start until it runs\./],
  ]) {
    test(`${scenario}: it names the cause and what to do`, async () => {
      await show(scenario);
      await says(sentence, "#headline");
      assert.deepEqual(page.troubles, []);
    });
  }

  test("nothing is forecast while nothing moves", async () => {
    await show("outage");
    await says("1,950 records on the way.", "#headline");
    assert.doesNotMatch(await page.locator("main").innerText(), /sent by|empty (at|in)/);
    await says("1,950 waiting, no forecast yet.", "#detail .situation");
  });
});

describe("the account of a location", () => {
  test("it shows what GoHighLevel calls it, and when its credentials end", async () => {
    await show("imports", { location: SYNCING });
    await says("Dental Care Berlin of Dental Group", "#detail .account");
    await says("Europe/Berlin, DE", "#detail .account");
    await says(/app grant, renewed automatically, expires \d+ \w+/, "#detail .account .warn");
    await screenshot(page, "account");
    assert.deepEqual(page.troubles, []);
  });

  test("settings are changed by what differs, under the revision that was read", async () => {
    await show("imports", { location: SYNCING });
    await press("Settings…");
    const dryRun = page.getByRole("dialog").getByLabel("Dry run");
    await dryRun.check();
    const tags = page.getByLabel("Tags, one per line");
    assert.equal(await tags.inputValue(), "dentists\nMitte, Berlin");
    await tags.fill("dentists\nMitte, Berlin\nnew");
    await page.getByRole("dialog").getByLabel("Calls per 10 s").fill("80");
    await press("Save");
    await says("Saved.", "#notice");
    assert.deepEqual(patches(), [['"4"', { tags: ["dentists", "Mitte, Berlin", "new"], dry_run: true, pace: { limit: 80, window_ms: 10_000 } }]]);
    await press("Settings…");
    assert.equal(await dryRun.isChecked(), true);
    await press("Save");
    await says("Nothing was changed.", "#notice");
    assert.equal(patches().length, 1);
  });

  test("what the server refuses of settings is said in its words", async () => {
    await show("imports", { location: SYNCING });
    await press("Settings…");
    await page.getByLabel("Calls per day").fill("7");
    await press("Save");
    await says("Not done. The server answered 422: daily_limit: is below what is kept for high priority.", "dialog");
  });
});

describe("imports", () => {
  test("one shows how its records stand, and is undone with a question before it", async () => {
    await show("imports", { location: SYNCING });
    await press("people-2026.csv");
    await says("Left out or altered: invalid phone 2.", "#detail .imports");
    await says("It can be undone until", "#detail .imports");
    await screenshot(page, "imports");
    await press("Undo…");
    await press("Undo import");
    await says("28 records will be undone.", "#notice");
    await says("undone", "#detail .import-list");
    const [undo] = mock.requests.filter(({ method }) => method === "POST");
    assert.equal(undo.url, `/v1/locations/${SYNCING}/imports/people-2026/undo`);
  });

  test("its records are listed", async () => {
    await show("imports", { location: SYNCING });
    await press("people-2026.csv");
    await press("Show its records");
    await says("Records of the import people-2026:", "#detail .found");
    await says("contact#people-2026-2", ".found-records");
    assert.deepEqual(await page.locator(".found-records th[scope=row]").allTextContents(), ["contact#people-2026-1", "contact#people-2026-2"]);
  });

  test("what waits of one is withdrawn", async () => {
    await show("imports", { location: SYNCING });
    await press("big list.csv");
    await says("1,200", "#detail .imports .card");
    await press("Cancel import…");
    await press("Cancel import");
    await says("1,200 records cancelled. 3 records could not be saved: cancel again.", "#notice");
    await says("cancelled", "#detail .import-list");
    await page.getByRole("button", { name: "Cancel import…" }).waitFor({ state: "detached" });
  });
});

describe("the account for everybody", () => {
  for (const [name, pageOptions] of [["light", {}], ["dark", { dark: true }], ["phone", { size: SIZES.phone }]]) {
    test(`imports, settings and their dialog are within reach, ${name}`, async () => {
      await show("imports", { location: SYNCING, ...pageOptions });
      await press("people-2026.csv");
      await says("It can be undone until", "#detail .imports");
      assert.equal(await widthBeyondView(page), 0);
      assert.deepEqual(await accessibilityFaults(page), []);
      await screenshot(page, `imports-${name}`);
      await press("Settings…");
      await page.getByRole("dialog").getByLabel("Calls per day").waitFor();
      assert.deepEqual(await accessibilityFaults(page), []);
      await screenshot(page, `settings-${name}`);
      await page.keyboard.press("Escape");
      await page.getByRole("dialog").waitFor({ state: "hidden" });
      assert.deepEqual(page.troubles, []);
    });
  }
});

describe("what failed is mended", () => {
  test("records are listed by state and kind without a name", async () => {
    await show("healthy", { location: SYNCING });
    await page.locator("#find-form").getByRole("combobox", { name: "State" }).selectOption("superseded");
    await page.locator("#find-form").getByRole("combobox", { name: "Kind" }).selectOption("contact");
    await press("Find");
    await says("contact#any-1", ".found-records");
    const [asked] = mock.requests.filter(({ url }) => url.includes("state=superseded"));
    assert.ok(asked.url.includes("kind=contact") && !asked.url.includes("q="), asked.url);
  });

  test("all that failed for one cause is replayed with one button", async () => {
    await show("failures", { location: SYNCING });
    await page.getByRole("button", { name: "Replay these… 1 record that failed for: phone: must be in E.164" }).click();
    await press("Replay");
    await says("1 record due again.", "#notice");
    assert.deepEqual(changes(), [[`/v1/locations/${SYNCING}/replay`, { cause: "REJECTED.1" }]]);
  });

  test("a record is edited and sent again, and what is no JSON is not", async () => {
    await show("failures", { location: SYNCING });
    await page.locator(".failed-records").getByRole("button", { name: "contact#crm-1041", exact: true }).click();
    await press("Edit and send…");
    const content = page.getByLabel("Content");
    assert.deepEqual(JSON.parse(await content.inputValue()), { email: "not an address", firstName: "Ada" });
    await content.fill("{ email: ");
    await press("Send");
    await says("Not done. This is not valid JSON", "dialog");
    await page.getByLabel("Content").fill('{ "email": "ada@example.com" }');
    await press("Send");
    await says("contact#crm-1041 will be sent again.", "#notice");
    assert.deepEqual(changes(), [[`/v1/locations/${SYNCING}/contacts`, [{ id: "crm-1041", priority: "normal", contact: { email: "ada@example.com" } }]]]);
  });

  test("an edit does not replace what was put meanwhile", async () => {
    await show("failures", { location: SYNCING });
    await page.locator(".failed-records").getByRole("button", { name: "contact#crm-1041", exact: true }).click();
    await press("Edit and send…");
    mock.failures = mock.failures.map((failure) => ({ ...failure, version: failure.version + 1 }));
    await press("Send");
    await says("Not done. A newer version was received in the meantime: open the record again, then edit it.", "dialog");
    assert.deepEqual(changes(), []);
  });

  test("a record tells what happened to it, in order, and leads to its page in GoHighLevel", async () => {
    await show("healthy", { location: SYNCING });
    await look("superseded");
    await says("changed in GoHighLevel, and that version is kept", ".timeline");
    const lines = await page.locator(".timeline li").allTextContents();
    assert.deepEqual(lines.map((line) => /received|attempt failed|accepted|changed/.exec(line)[0]), ["received", "attempt failed", "accepted", "changed", "changed"].slice(0, lines.length));
    const link = page.getByRole("link", { name: "Open in GoHighLevel" });
    assert.equal(await link.getAttribute("href"), `https://app.gohighlevel.com/v2/location/${SYNCING}/contacts/detail/nmFmQEsNgz6AVpgLVUJ0`);
    assert.equal(await link.getAttribute("rel"), "noreferrer");
  });
});

describe("what it says", () => {
  test("a location that is syncing has its forecast in words", async () => {
    await show("healthy", { location: SYNCING });
    await says("OK", "#health");
    await says(/Sending: 3 min (19|20) s left\./, "#detail .situation");
    await says("18,240 of 200,000 used", "#detail");
    assert.match(await page.locator(".calls svg").getAttribute("aria-label"), /at most 585 in one; the rate limit allows 600/);
    await screenshot(page, "healthy");
    assert.deepEqual(page.troubles, []);
  });

  test("an open breaker is said with the time of its probe, which counts down", async () => {
    await show("breaker-open", { location: OPEN });
    await says("Failing", "#health");
    await says(`GHL fails for ${OPEN}: its breaker is open`, "#health");
    await says(/Stopped: GoHighLevel is failing, next try in \d+ s \(breaker open\)\./, "#detail .situation");
    const before = await page.locator("#detail .situation").textContent();
    await page.waitForFunction((text) => document.querySelector("#detail .situation").textContent !== text, before);
    assert.equal(await page.title(), "failing · ghl-sync");
    await screenshot(page, "breaker-open");
  });

  test("each reason for a pause has its words", async () => {
    await show("paused");
    await says("Degraded", "#health");
    for (const [location, text] of [
      ["byHand", "Paused by an operator until resumed."],
      ["badToken", /Stopped: GoHighLevel rejects the token, next try in 4 min \d+ s\./],
      ["throttled", /Waiting: GoHighLevel asked for fewer calls, resumes/],
      ["daily", /Waiting: the daily quota is used up, resumes in 2 h/],
    ]) {
      await page.getByRole("link", { name: location, exact: true }).click();
      await says(location, "#detail h2");
      await says(text, "#detail .situation");
    }
    await page.getByRole("link", { name: "byHand", exact: true }).click();
    await says("field mapping is being changed, ask Ann", "#detail");
  });

  test("that there is nothing to show is said", async () => {
    await show("empty");
    await says("No locations yet.", "#list");
    await says("not yet", "#pulse");
    await screenshot(page, "empty");
  });

  test("the only location that there is needs no choosing", async () => {
    await show("single");
    await says("loc_demo", "#detail h2");
    assert.equal(await page.locator("#locations").isVisible(), false);
  });

  test("times are local, and tell UTC when pointed at", async () => {
    await show("healthy");
    const shown = page.locator("#pulse time").last();
    await shown.waitFor();
    const [text, at, title] = await shown.evaluate((node) => [node.textContent, node.dateTime, node.title]);
    assert.equal(text, new Intl.DateTimeFormat("en-GB", { timeStyle: "medium", timeZone: "America/New_York" }).format(new Date(at)));
    assert.equal(title, `${at.slice(0, 19).replace("T", " ")} UTC`);
  });
});

describe("many locations", () => {
  test("of 300 the troubled ones come first, and a filter finds one", async () => {
    await show("many");
    const rows = page.locator("#list tbody tr");
    await rows.first().waitFor();
    assert.match(await rows.nth(0).textContent(), /loc250.*breaker open/);
    assert.match(await rows.nth(1).textContent(), /loc120.*100\+/);
    await says("100 of 200 shown", "#list");
    await says("200 of 300 locations loaded", "#list");
    await says("300", "#totals");
    await screenshot(page, "many");
    await page.getByLabel("With problems only").check();
    assert.equal(await rows.count(), 2);
    await page.getByLabel("With problems only").uncheck();
    // It is not among the first 200, so the server must find it.
    await page.getByLabel("Filter by name, id, tag or state").fill("loc299");
    await says("loc299", "#list tbody");
    assert.equal(await rows.count(), 1);
    await page.getByLabel("Filter by name, id, tag or state").fill("nowhere");
    await says("No match among 300 locations.", "#list");
  });

  test("the rest is looked at when somebody asks for it, and a location on no page opens by its address", async () => {
    await show("many");
    await press("Load more locations");
    await says("loc299", "#list tbody");
    assert.equal(await page.locator("#list tbody tr").count(), 300);
    await page.evaluate(() => (globalThis.location.hash = "#/loc298xEPM428h8vShl"));
    await says("loc298xEPM428h8vShl", "#detail h2");
  });

  test("columns sort both ways and say so", async () => {
    await show("many");
    await page.getByRole("button", { name: "Waiting" }).click();
    assert.match(await page.locator("#list tbody tr").first().textContent(), /2,970/);
    assert.equal(await page.locator("#list th.due").getAttribute("aria-sort"), "descending");
    await page.getByRole("button", { name: "Waiting" }).click();
    assert.equal(await page.locator("#list th.due").getAttribute("aria-sort"), "ascending");
    assert.equal(await page.locator("#list td.due").first().textContent(), "0");
  });
});

describe("failures and replay", () => {
  test("the list shows why, page by page", async () => {
    await show("failures", { location: SYNCING });
    await says("Failed records (3)", ".failures");
    await says("email must be an email", ".failures");
    assert.equal(await page.locator(".failed-records tbody tr").count(), 2);
    await press("Show more");
    await says("nothing to look for it by", ".failures");
    await screenshot(page, "failures");
  });

  for (const [name, expected, left] of [
    ["Replay contact#crm-1977", { records: ["contact#crm-1977"] }, "Failed records (2)"],
    ["Replay all REJECTED…", { code: "REJECTED" }, "Failed records (1)"],
    ["Replay all 3…", { all: true }, "None."],
  ]) {
    test(`"${name}" asks, sends what it says, and shows what became of it`, async () => {
      await show("failures", { location: SYNCING });
      await press(name);
      await says("become due again", "dialog");
      assert.deepEqual(changes(), []);
      await page.locator("dialog").getByRole("button", { name: "Replay" }).click();
      await says(/\d records? due again\./, "#notice");
      assert.deepEqual(changes(), [[`/v1/locations/${SYNCING}/replay`, expected]]);
      await says(left, ".failures");
    });
  }

  test("nothing is replayed when the question is cancelled", async () => {
    await show("failures", { location: SYNCING });
    await press("Replay all 3…");
    await press("Cancel");
    await page.locator("dialog").waitFor({ state: "hidden" });
    await press("Replay all 3…");
    await page.keyboard.press("Escape");
    await page.locator("dialog").waitFor({ state: "hidden" });
    assert.deepEqual(changes(), []);
  });

  test("a replay that the API refuses says why, and keeps the list", async () => {
    await show("failing-replay");
    await press("Replay contact#crm-1041");
    await page.locator("dialog").getByRole("button", { name: "Replay" }).click();
    await says("Not done. The server answered 503: the store does not answer.", "#notice");
    await says("contact#crm-1041", ".failures");
  });

  test("a record's status is shown, and an unknown record is said to be unknown", async () => {
    await show("failures", { location: SYNCING });
    await page.locator(".failed-records").getByRole("button", { name: "contact#crm-1041", exact: true }).click();
    await says("email must be an email", ".record-status .card");
    await look("a/b?c#d%2F");
    await says("contact#a/b?c#d%2F", ".record-status h3");
    await says("backoff", ".record-status .card");
    await look("missing");
    await says("no record contact#missing is known", ".record-status .problem");
  });

  test("a record that somebody changed in GHL says so, what it has there, and which errors it met", async () => {
    await show("failures", { location: SYNCING });
    await look("superseded");
    for (const text of [
      "superseded: changed in GoHighLevel, and GoHighLevel's content is kept",
      "by someone else (reported by reconciliation)", "Bob", "503", "Service Unavailable",
    ]) await says(text, ".record-status .card");
  });
});

describe("finding records", () => {
  test("people are found by name, page by page, and a record is read and forgotten", async () => {
    await show("single");
    await look("lee");
    await says("Ann Lee", ".found-records");
    assert.equal(await page.locator(".found-records tbody tr").count(), 2);
    await press("Search further");
    await says("Eve <b>Lee</b>", ".found-records");
    assert.equal(await page.locator(".found-records b").count(), 0);
    await screenshot(page, "found");
    await press("contact#crm-1");
    await says("contact#crm-1", ".record-status h3");
    await press("Forget…");
    await says("Nothing is deleted in GoHighLevel", "dialog");
    await page.locator("dialog").getByRole("button", { name: "Forget" }).click();
    await says("contact#crm-1 is forgotten.", "#notice");
    await page.locator(".record-status").waitFor({ state: "detached" });
    assert.equal(await page.locator(".found-records tbody tr").count(), 2);
    assert.deepEqual(deletions(), ["/v1/locations/loc_demo/records/contact/crm-1"]);
  });

  test("nobody is said to be nobody, and the keyboard is enough", async () => {
    await show("single");
    await page.getByLabel("Name, e-mail, phone or id").fill("nobody");
    await page.keyboard.press("Enter");
    await says("No record matches nobody.", ".found");
  });

  test("a record is deleted in GHL only once the question is answered", async () => {
    await show("single");
    await look("superseded");
    await press("Delete in GoHighLevel…");
    await says("This cannot be undone", "dialog");
    assert.deepEqual(deletions(), []);
    await page.locator("dialog").getByRole("button", { name: "Delete" }).click();
    await says("will be deleted in GoHighLevel", "#notice");
    assert.deepEqual(deletions(), ["/v1/locations/loc_demo/records/contact/superseded?in_ghl=true"]);
  });

  test("failures of one cause are told once, with an example to look at", async () => {
    await show("failures", { location: SYNCING });
    await says("email must be an email", ".causes");
    assert.equal(await page.locator(".causes tbody tr").count(), 3);
    await page.locator(".causes").getByRole("button", { name: "contact#crm-2203", exact: true }).click();
    await says("contact#crm-2203", ".record-status h3");
  });
});

describe("operating", () => {
  test("a location is paused with a note and an end, and resumed", async () => {
    await show("single");
    await press("Pause…");
    await page.locator("dialog select").selectOption({ label: "1 hour" });
    await page.getByLabel("Note for others").fill("mapping changes");
    await page.locator("dialog").getByRole("button", { name: "Pause" }).click();
    await says(/Paused by an operator, resumes in (1 h|59 min)/, "#detail .situation");
    const [[path, body]] = changes();
    assert.equal(path, "/v1/locations/loc_demo/pause");
    assert.equal(body.note, "mapping changes");
    assert.ok(Math.abs(Date.parse(body.until) - Date.now() - 3_600_000) < 60_000, body.until);
    await press("Resume");
    await says(/Sending: .* left\./, "#detail .situation");
    assert.deepEqual(changes()[1], ["/v1/locations/loc_demo/resume", {}]);
  });

  test("a breaker is reset, once the question is answered", async () => {
    await show("breaker-open", { location: OPEN });
    await press("Reset breaker…");
    await page.locator("dialog").getByRole("button", { name: "Reset" }).click();
    await says("The breaker is closed.", "#notice");
    assert.deepEqual(changes(), [[`/v1/locations/${OPEN}/breaker/reset`, {}]]);
    await page.getByRole("button", { name: "Reset breaker…" }).waitFor({ state: "detached" });
  });

  test("everything can be reached and done with the keyboard alone", async () => {
    await show("failures");
    await page.locator("#list tbody tr").first().waitFor();
    const focused = () => page.evaluate(() => document.activeElement.getAttribute("aria-label") ?? document.activeElement.textContent);
    const tabTo = async (text) => {
      for (let presses = 0; presses < 60; presses += 1) {
        await page.keyboard.press("Tab");
        if ((await focused()) === text) return;
      }
      assert.fail(`Tab never came to ${text}`);
    };
    await tabTo(SYNCING);
    const outline = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
    assert.equal(outline, "solid");
    await page.keyboard.press("Enter");
    await page.waitForFunction(() => document.activeElement.id === "detail-title");
    await page.locator(".failed-records").waitFor();
    await tabTo("Replay contact#crm-1041");
    await page.keyboard.press("Enter");
    await page.locator("dialog[open]").waitFor();
    await tabTo("Replay");
    await page.keyboard.press("Enter");
    await says("1 record due again.", "#notice");
    assert.deepEqual(changes()[0][1], { records: ["contact#crm-1041"] });
  });

  test("focus and what was typed survive the polls", async () => {
    await show("failures", { location: SYNCING });
    await page.getByLabel("Name, e-mail, phone or id").fill("half-ty");
    await polled(looks("/v1/overview") + 2);
    await page.keyboard.type("ped");
    assert.equal(await page.getByLabel("Name, e-mail, phone or id").inputValue(), "half-typed");
  });
});

describe("trouble with the server", () => {
  test("a lost connection is said with its time, and so is that it is back", async () => {
    await show("healthy");
    await says("OK", "#health");
    mock.down = true;
    await says(/Connection lost at \d\d:\d\d:\d\d \(.* ago\)\. The server cannot be reached\./, "#connection");
    await says("You are seeing figures from", "#connection");
    assert.equal(await page.title(), "connection lost · ghl-sync");
    assert.equal(await page.locator("body.stale").count(), 1);
    assert.deepEqual(await accessibilityFaults(page), []);
    await screenshot(page, "lost");
    const again = page.getByRole("button", { name: "Try now", exact: true });
    await again.waitFor();
    mock.down = false;
    // Pressed at once: the page also tries by itself, and then the button is gone.
    assert.equal(await again.evaluateAll((buttons) => buttons.map((button) => button.click()).length), 1);
    await page.locator("body:not(.stale)").waitFor();
    assert.equal(await page.locator("#connection").textContent(), "");
  });

  test("it comes back by itself, too", async () => {
    await show("healthy");
    await says("OK", "#health");
    mock.down = true;
    await says("Connection lost", "#connection");
    mock.down = false;
    await page.locator("body:not(.stale)").waitFor();
  });

  test("a key that is revoked is said, and not asked for over and over", async () => {
    await show("healthy", { options: { key: "secret" }, key: "secret" });
    await says("OK", "#health");
    mock.key = "another";
    await says("The key was not accepted.", "#connection");
    const asked = mock.requests.length;
    await page.waitForTimeout(5_000);
    assert.equal(mock.requests.length, asked);
  });

  test("nothing is asked for while the tab is hidden", async () => {
    await show("healthy");
    await says("OK", "#health");
    const hide = (hidden) => page.evaluate((is) => {
      Object.defineProperty(document, "hidden", { value: is, configurable: true });
      document.dispatchEvent(new Event("visibilitychange"));
    }, hidden);
    await hide(true);
    await page.waitForTimeout(500);
    const asked = mock.requests.length;
    await page.waitForTimeout(5_000);
    assert.equal(mock.requests.length, asked);
    await hide(false);
    await page.waitForTimeout(1_000);
    assert.ok(mock.requests.length > asked);
  });
});

describe("migrations", () => {
  const openMigration = async (source) => {
    await page.locator("#migration-list a").filter({ hasText: source }).click();
    await says(source, "#detail h2");
  };

  test("one that runs is shown with its stage, its share, its rate and the time left", async () => {
    await show("migrations");
    await says("running", "#migration-list");
    await openMigration("oldAccount");
    await says("Running: contacts: 120 of 198.", "#detail .situation");
    await says("120 of 198, 60.6 %", "#detail");
    await says("9.4 per second", "#detail");
    assert.equal(await page.locator(".stages [aria-current=step]").textContent(), "contacts");
    assert.equal(await page.locator(".stages .past").count(), 8);
    await screenshot(page, "migration-running");
    await press("Pause…");
    await page.locator("dialog").getByRole("button", { name: "Pause" }).click();
    await says("Paused. It continues when you resume it.", "#detail .situation");
    await press("Resume");
    await says("Running:", "#detail .situation");
    assert.deepEqual(mock.requests.filter(({ method }) => method === "POST").map(({ url }) => url), [
      "/api/v1/migration/mig-2/pause", "/api/v1/migration/mig-2/resume",
    ]);
    assert.deepEqual(page.troubles, []);
  });

  test("one that waits for consent tells what it will do, asks what is open, and sends the choices along", async () => {
    await show("migrations");
    await openMigration("firstAccount");
    await says("Nothing is written until you approve it.", "#detail .situation");
    await says("Decisions needed (1)", ".decisions");
    await page.locator("summary").filter({ hasText: "Custom fields: 3 of 3" }).click();
    await says("the names are 91 % alike", ".mapping");
    await page.getByLabel("Pipelines: Sales").selectOption({ label: "use “Sales 2026” (82 % alike)" });
    await page.waitForTimeout(2_500);
    assert.equal(await page.getByLabel("Pipelines: Sales").inputValue(), "q1", "the choice survives the polls");
    await screenshot(page, "migration-approval");
    await press("Approve…");
    await says("firstAccount → newAccount: 290 items are created and 8 records updated in the target, with 412 calls in about 44 s.", "dialog");
    await page.locator("dialog").getByRole("button", { name: "Approve" }).click();
    await says("The migration continues.", "#notice");
    assert.deepEqual(changes(), [["/api/v1/migration/mig-1/approve", { overrides: { pipelines: { p1: "q1" } } }]]);
  });

  test("an approval that is refused says why, by name", async () => {
    await show("failing-approval");
    await openMigration("oldAccount");
    await says('the mapping has questions: pipelines "Sales"', "#detail .reason");
    await press("Approve…");
    await page.locator("dialog").getByRole("button", { name: "Approve" }).click();
    await says("overrides.pipelines.p1: is gone", "#notice");
  });

  test("nothing is deleted before the question is answered, and a report is a link away", async () => {
    await show("migrations");
    await openMigration("doneAccount");
    await says("Complete: 198 contacts and 60 opportunities migrated.", "#detail .situation");
    assert.equal(await page.getByRole("link", { name: "Report as HTML" }).getAttribute("href"), "api/v1/migration/mig-0/report?format=html");
    await press("Roll back…");
    await says("What this migration created in the target is deleted, and nothing else.", "dialog");
    await page.keyboard.press("Escape");
    await page.locator("dialog").waitFor({ state: "hidden" });
    assert.deepEqual(mock.requests.filter(({ method }) => method === "POST"), []);
    await press("Roll back…");
    await page.locator("dialog").getByRole("button", { name: "Delete" }).click();
    await says("The rollback has started.", "#notice");
  });

  test("without any, that is said, and they are rarely asked for", async () => {
    await show("healthy");
    await says("OK", "#health");
    await polled(3);
    await says("None yet.", "#migrations");
    assert.equal(looks("/api/v1/migration"), 1);
  });

  test("one is begun from a form, as a preview or for real, and opened", async () => {
    await show("migrations");
    await press("Migrate a location…");
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("From").fill("oldAccount");
    await dialog.getByLabel("Into").fill("newAccount");
    assert.deepEqual(await accessibilityFaults(page), []);
    await dialog.getByLabel("Include opportunities").uncheck();
    await dialog.getByLabel("Preview only").check();
    await press("Start");
    await says("Started. Both locations are being read.", "#notice");
    const begun = ["/api/v1/migration/preview", { source: "oldAccount", target: "newAccount", settings: { skip_opportunities: true, skip_verify: false } }];
    assert.deepEqual(changes(), [begun]);
    await page.waitForFunction(() => location.hash === "#/migration/mig-2");
  });
});

test("what the records and locations are called is shown, and never run", async () => {
  await show("hostile");
  await says(HOSTILE_LOCATION, "#detail h2");
  await says('<img src=x onerror="window.hacked = 2">', "#health");
  await says('contact#<img src=x onerror="window.hacked = 3">', ".failures");
  await press("Show more");
  await says("javascript:window.hacked = 5", ".failures");
  await press('Replay contact#<img src=x onerror="window.hacked = 3">');
  await page.locator("dialog").getByRole("button", { name: "Replay" }).click();
  await says("1 record due again.", "#notice");
  assert.deepEqual(changes()[0][1], { records: ['contact#<img src=x onerror="window.hacked = 3">'] });
  // A single location is always open, so its page also lists the migrations.
  await page.locator("#migration-list a").click();
  await says("<script>window.hacked = 9</script>", ".decisions");
  assert.equal(await page.evaluate(() => window.hacked), undefined);
  assert.equal(await page.locator("#detail img, #detail script, #detail b b").count(), 0);
  assert.deepEqual(page.troubles, []);
});

test("a script that is not the page's own is not run by the browser", async () => {
  await show("healthy");
  await page.evaluate(() => {
    const script = document.createElement("script");
    script.textContent = "window.hacked = 7";
    document.body.append(script);
  });
  assert.equal(await page.evaluate(() => window.hacked), undefined);
  assert.match(page.troubles.join(), /script-src/);
});
