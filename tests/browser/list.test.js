// A list being put in, in each of its states; `live-list.test.js` does the same with the real stack.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { SIZES, accessibilityFaults, screenshot, widthBeyondView } from "./browser.js";
import { HOSTILE_COLUMN } from "./mock-lists.js";
import { mock, page, show } from "./stage.js";

const LOCATION = "loc_demo";
// More than the buffers of the system hold.
const LONG = Buffer.alloc(12 << 20, "a,b\n");

const says = (text, within = ".list-in") => page.locator(within).filter({ hasText: text }).first().waitFor();
const press = (name, within = "body") => page.locator(within).getByRole("button", { name, exact: true }).click();
const sent = (method, path) => mock.requests.filter((request) => request.method === method && path.test(request.url)).map(({ body }) => body);
const mappings = () => sent("PUT", /\/mapping$/).map((body) => JSON.parse(body));
const patches = () => sent("PATCH", /./).map((body) => JSON.parse(body));
const focused = () => page.evaluate(() => document.activeElement.id || document.activeElement.textContent);
const focusOn = (id) => page.waitForFunction((wanted) => document.activeElement.id === wanted, id);

async function open(options, lists = {}) {
  await show("single", options);
  Object.assign(mock.lists, lists);
  await says("Drop a file here");
}

const choose = (name, buffer = Buffer.from("Name,Email\nAda,ada@example.com\n")) => page.locator("#list-file").setInputFiles({ name, mimeType: "text/csv", buffer });

// Two seconds of redraws and polls.
const redraws = () => page.waitForTimeout(2_300);

async function looksRight(name) {
  assert.equal(await widthBeyondView(page), 0, `${name} is wider than the view`);
  assert.deepEqual(await accessibilityFaults(page), []);
  await screenshot(page, `list-${name}`);
}

describe("the states of a list", () => {
  test("a file is uploaded with its progress, and the upload can be stopped", async () => {
    let opened;
    await open({}, { gate: new Promise((resolve) => (opened = resolve)) });
    await choose("clean.csv", LONG);
    await says("Uploading the file");
    await says(/File [1-9]\d? %/, ".steps");
    await looksRight("uploading");
    await press("Cancel upload");
    await says("Drop a file here");
    assert.equal(await focused(), "list-title");
    opened();
    assert.deepEqual(page.troubles, []);
  });

  test("it is read, looked at, sent, and told of", async () => {
    await open({}, { stays: "reading" });
    await choose("people.csv");
    await says("Reading the list");
    await focusOn("list-title");
    mock.lists.stays = "importing";
    await says("Preview: nothing is sent yet");
    await focusOn("list-state");
    assert.match(await page.locator(".list-in .figures").innerText(), /New here\s*1,100\s*Updated\s*60\s*Unchanged\s*42\s*Rows left out\s*2/);
    await says("GoHighLevel may already have some of them");
    await says("7 of the new contacts have neither e-mail nor phone.");
    await says("is no e-mail address: nobody at all", ".problems");
    await says("the row is left out", ".problems");
    await press("Send 1,202 contacts…");
    await says("2 rows are left out.", "dialog");
    await press("Send", "dialog");
    await says(/GoHighLevel has [\d,]+ of the 1,202 contacts read so far/);
    assert.match(await page.locator(".list-in .figures").innerText(), /Waiting\s*[\d,]+\s*Done\s*[\d,]+\s*Failed\s*3/);
    await focusOn("list-state");
    assert.equal(mappings().at(-1).hold, false);
    mock.lists.stays = null;
    await says("Done, but incomplete");
    await says("2 contacts: email must be an email");
    await says("GoHighLevel did not store these fields of 2 contacts, and did not say why: phone, customFields.budget.");
    await looksRight("done");
    const [file] = await Promise.all([page.waitForEvent("download"), press("Download rows with problems (CSV)")]);
    assert.equal(file.suggestedFilename(), "rejects.csv");
    await press("Failed records", ".list-in");
    await focusOn("failures-title");
    await press("Upload another list");
    await says("Drop a file here");
    assert.deepEqual(page.troubles, []);
  });

  test("each kind of question is asked, and the answers go along", async () => {
    await open();
    await choose("questions.csv");
    await says("Answers needed first");
    await focusOn("list-state");
    await press("Preview");
    assert.equal(mappings().length, 0, "what is required is asked for by the browser");
    await page.getByLabel("Dates like 03/04/1991 in Born are ambiguous").selectOption("day_first");
    await page.getByLabel("Numbers like 1.234 in Budget").selectOption("comma");
    await page.getByLabel("The sheet has 17 hidden rows").selectOption("leave_out");
    await says("Stay in touch? is not used, but 1,150 cells look like opt-ins or opt-outs.");
    await says("look like e-mail addresses");
    await says("look like phone numbers");
    await page.getByLabel("Where Stay in touch? goes").selectOption("optin");
    await page.getByLabel("Where Second mail goes").selectOption("Do not use this column");
    await redraws();
    assert.equal(await page.getByLabel("Numbers like 1.234 in Budget").inputValue(), "comma", "what was chosen survives");
    await press("Preview");
    await says("Landline is not used");
    await page.getByLabel("Where Landline goes").selectOption("phone");
    await press("Preview");
    await says("Preview: nothing is sent yet");
    assert.deepEqual(mappings().at(-1), {
      hold: true, undoable: true, columns: { "Stay in touch?": "optin", "Second mail": "ignore", Landline: "phone" },
      answers: { date_order: "day_first", decimal_mark: "comma", hidden_rows: "leave_out" },
    });
    await says("certain (your choice)", ".columns");
    await says("doubtful (column name; 300 cells unreadable)", ".columns");
  });

  test("of columns with names of their own somebody says where they go", async () => {
    await open();
    await choose("codes.csv");
    await says("No column name was recognized.");
    await page.getByLabel("Where K2 goes").selectOption("email");
    await press("Preview");
    await says("Preview: nothing is sent yet");
    assert.deepEqual(mappings().at(-1).columns, { K2: "email" });
  });

  for (const [file, label, answer, expected] of [
    ["encoding.csv", "The text is not UTF-8. It may be windows-1252, which reads: Köln, Zahnärzte. Encoding", null, { encoding: "windows-1252" }],
    ["sheets.xlsx", "More than one sheet has contacts. Import", "Former <b>members</b>", { sheet: "Former <b>members</b>" }],
  ]) {
    test(`${file}: what must be known before a column is`, async () => {
      await open();
      await choose(file);
      const field = page.getByLabel(label);
      await field.waitFor();
      if (answer) await field.selectOption(answer);
      await press("Preview");
      await says("Preview: nothing is sent yet");
      assert.deepEqual(mappings().at(-1).answers, expected);
    });
  }

  test("a question of a later build is said", async () => {
    await open();
    await choose("news.csv");
    await says("This page does not know this question: moon_phase");
  });

  test("a file that is no list is refused, and another one put in", async () => {
    await open();
    await choose("photo.csv");
    await says("The file cannot be read: it is a PDF document, not a list. Nothing was sent.");
    await focusOn("list-state");
    await press("Upload another list");
    await choose("clean.csv");
    await says("No rows or cells are left out.");
    await press("Send 1,202 contacts…");
    await press("Send", "dialog");
    await says("Finished");
    assert.equal(await page.locator(".list-in h4").first().innerText(), "Done");
  });

  test("a list without a contact cannot be sent", async () => {
    await open();
    await choose("nobody.csv");
    await says("The list has no contact to send.");
    assert.equal(await page.getByRole("button", { name: "Send 0 contacts…" }).getAttribute("aria-disabled"), "true");
  });

  test("what was changed must be looked at before it is sent, and survives a refusal", async () => {
    await open();
    await choose("people.csv");
    await says("Preview: nothing is sent yet");
    await page.getByLabel("Source for rows that name none").fill("Fair");
    await page.getByLabel("Tags for all contacts, one per line").pressSequentially("fair\nberl");
    await redraws();
    await page.keyboard.type("in");
    await page.getByLabel("Country for phone numbers").fill("atlantis");
    await page.keyboard.press("Tab");
    await says("You have made changes: preview again before you send.");
    assert.equal(await page.getByRole("button", { name: "Send 1,202 contacts…" }).getAttribute("aria-disabled"), "true");
    mock.lists.refusesMapping = true;
    await press("Preview again");
    await says("answers.country: is no country", "#notice");
    assert.equal(await page.getByLabel("Tags for all contacts, one per line").inputValue(), "fair\nberlin");
    mock.lists.refusesMapping = false;
    await page.getByLabel("Country for phone numbers").fill("AT");
    await page.getByLabel("4 e-mail addresses, phone numbers or ids appear in more than one row").selectOption("merge_last");
    await press("Preview again");
    await says("The list is being read again.", "#notice");
    await page.getByRole("button", { name: "Send 1,202 contacts…" }).and(page.locator(":not([aria-disabled])")).waitFor();
    assert.deepEqual(mappings().at(-1), { hold: true, undoable: true, columns: {}, source: "Fair", tags: ["fair", "berlin"], answers: { country: "AT", same_person: "merge_last" } });
  });
});

describe("trouble with a list", () => {
  test("a stack without a bucket says what to do", async () => {
    await open({}, { hasNoBucket: true });
    await choose("people.csv");
    await says("This stack has no bucket for lists, so it cannot take any yet. Ask whoever runs it to deploy it again with the parameter ImportBucketName");
    await press("Close list");
    await says("Drop a file here");
  });

  test("an upload that fails is tried again with the same file", async () => {
    await open({}, { losesUploads: true });
    await choose("people.csv");
    await says("Not done. The bucket did not accept the file (503).");
    mock.lists.losesUploads = false;
    await press("Try again");
    await says("Preview: nothing is sent yet");
    assert.deepEqual(sent("POST", /lists$/).map((body) => JSON.parse(body).undoable), [true, true]);
  });

  test("a key that may only look says so", async () => {
    await open({}, { refusesKey: true });
    await choose("people.csv");
    await says("Not done. The server answered 403: this takes a key with the role operate.");
  });

  test("a bucket that does not answer for a while is asked again, and a list that is gone is not", async () => {
    await open();
    await choose("people.csv");
    await says("Preview: nothing is sent yet");
    mock.lists.fails = true;
    await page.reload();
    await says("the bucket does not answer");
    mock.lists.fails = false;
    await says("Preview: nothing is sent yet");
    await page.evaluate(() => (globalThis.location.hash = "#/loc_demo/list/gone.csv"));
    await says("there is no such list; they are deleted some days after they were put there");
    const looks = mock.requests.filter(({ url }) => url.endsWith("/gone.csv")).length;
    await redraws();
    assert.equal(mock.requests.filter(({ url }) => url.endsWith("/gone.csv")).length, looks);
  });
});

describe("where a list is", () => {
  test("it is left, and come back to by its address and the browser's back", async () => {
    await open();
    await choose("people.csv");
    await says("Preview: nothing is sent yet");
    const address = page.url();
    assert.match(address, /#\/loc_demo\/list\/20261130-194501-000000-people\.csv$/);
    await press("Close list");
    await says("Drop a file here");
    await says("The list stays as it is. You can find it under Lists.", "#notice");
    assert.match(page.url(), /#\/loc_demo$/);
    await says("Previewed, not sent", ".list-table");
    await page.getByRole("link", { name: "people.csv", exact: true }).click();
    await says("Preview: nothing is sent yet");
    await press("Close list");
    await says("Drop a file here");
    await page.goBack();
    await says("Preview: nothing is sent yet");
    await page.goto("about:blank");
    await page.goto(address);
    await says("Preview: nothing is sent yet");
    await says("20261130-194501-000000-people.csv", ".list-in .card");
  });

  test("who is elsewhere when the upload ends is told where to go on", async () => {
    let opened;
    await show("healthy", { location: "C2QujeCh8ZnC7al2InWR" });
    mock.lists.gate = new Promise((resolve) => (opened = resolve));
    await choose("people.csv");
    await says("Uploading the file");
    await page.evaluate(() => (globalThis.location.hash = "#/trialA"));
    await says("Drop a file here");
    opened();
    await says("people.csv is uploaded. Nothing has been sent yet", "#notice");
    await page.getByRole("link", { name: "review the list" }).click();
    await says("Preview: nothing is sent yet");
    assert.deepEqual(page.troubles, []);
  });

  test("a file is dropped anywhere on the zone; beside it nothing happens, and two are too many", async () => {
    await open();
    const drop = (selector, names) => page.evaluate(([where, files]) => {
      const dataTransfer = new DataTransfer();
      for (const name of files) dataTransfer.items.add(new File(["Name,Email\nAda,ada@example.com\n"], name));
      const target = document.querySelector(where);
      for (const type of ["dragover", "drop"]) target.dispatchEvent(new DragEvent(type, { bubbles: true, cancelable: true, composed: true, dataTransfer }));
    }, [selector, names]);
    await drop("#detail-title", ["people.csv"]);
    await drop(".drop", ["people.csv", "more.csv"]);
    await says("One file at a time", "#notice");
    assert.equal(sent("POST", /lists$/).length, 0);
    await page.getByLabel("Can be undone for 30 days").uncheck();
    await drop(".drop span", ["people.csv"]);
    await says("Preview: nothing is sent yet");
    assert.deepEqual(JSON.parse(sent("POST", /lists$/)[0]), { name: "people.csv", size: 31, undoable: false });
  });
});

describe("the lists of a location", () => {
  const AT = Date.UTC(2026, 10, 29, 9);
  const listed = (number, changes) => ({
    name: `20261129-090000-${String(number).padStart(6, "0")}-list-${number}.csv`, state: "done", since: new Date(AT + 60_000).toISOString(), uploaded_at: new Date(AT - number * 60_000).toISOString(),
    stands_still: false, rows: 1_200, left_out: 0, failed: 0, import_id: `drop-${number}`, ...changes,
  });
  const names = () => page.locator(".list-table tbody th").allInnerTexts();
  const state = (name) => page.locator(".list-table tbody tr").filter({ hasText: name }).locator("[data-head=State]").innerText();

  test("each says where it stands, and those that wait for somebody are first", async () => {
    await show("single");
    mock.lists.listed = [
      listed(1, { state: "importing", left_out: null, failed: null }), listed(2), listed(3, { state: "held", left_out: 2, failed: null }), listed(4, { left_out: 3, failed: 4 }),
      listed(5, { state: "refused", rows: null, left_out: null, failed: null }), listed(6, { state: "needs_mapping", left_out: null, failed: null }),
      listed(7, { state: "importing", stands_still: true }), listed(8, { state: "reading", rows: null }), listed(9, { name: "2026/<b>night</b>.csv" }), listed(10, { state: "baking" }),
    ];
    await page.reload();
    await says("3 lists need your attention.", ".lists");
    assert.deepEqual(await names(), ["list-3.csv", "list-6.csv", "list-7.csv", "list-1.csv", "list-2.csv", "list-4.csv", "list-5.csv", "list-8.csv", "2026/<b>night</b>.csv", "list-10.csv"]);
    for (const [name, words] of [["list-3", /Previewed, not sent, since/], ["list-6", /Waiting for your answer/], ["list-7", /Stopped: tell whoever runs this stack/], ["list-1.csv", /Sending/], ["list-2", /Done,/], ["list-4", /Done, but incomplete/], ["list-5", /Cannot be read/], ["list-8", /Reading/], ["list-10", /baking/]]) assert.match(await state(name), words);
    await says("1,200 (3 left out, 4 failed)", ".list-table");
    assert.equal(await page.getByRole("link", { name: "night" }).count(), 0, "one in a folder has no address here");
    await looksRight("lists");
    assert.deepEqual(page.troubles, []);
  });

  test("they come by pages, stay as they are by now, and are none without a bucket", async () => {
    await show("single");
    mock.lists.listed = Array.from({ length: 45 }, (_, number) => listed(number));
    await page.reload();
    await says("list-19.csv", ".list-table");
    assert.equal((await names()).length, 20);
    await press("Show more", ".lists");
    await says("list-39.csv", ".list-table");
    await press("Show more", ".lists");
    await says("list-44.csv", ".list-table");
    assert.equal((await names()).length, 45);
    assert.equal(await page.locator(".lists").getByRole("button").count(), 0);
    mock.lists.listed = null;
    mock.lists.listsFail = true;
    await page.reload();
    await says("the store does not answer", ".lists");
    mock.lists.hasNoBucket = true;
    await page.reload();
    await says("Drop a file here");
    const asked = () => mock.requests.filter(({ method, url }) => method === "GET" && url.includes("/lists?")).length;
    const before = asked();
    await redraws();
    assert.equal(await page.locator(".lists").count(), 0);
    assert.equal(asked(), before, "a stack without a bucket is not asked again");
  });
});

describe("the mapping that lists begin with", () => {
  async function held(options) {
    await open({}, options);
    await choose("people.csv");
    await says("Preview: nothing is sent yet");
  }

  test("it is remembered without what is about one list, replaced as a whole, and forgotten", async () => {
    await held();
    assert.equal(await page.getByRole("button", { name: "Remember this mapping…" }).count(), 0, "nothing was said yet");
    await page.getByLabel("Where Stay in touch? goes").selectOption("optin");
    await page.getByLabel("Tags for all contacts, one per line").fill("members");
    await press("Preview again");
    await press("Remember this mapping…");
    await says("start with 1 column, the tags members.", "dialog");
    await press("Remember", "dialog");
    await says("The mapping is remembered.", "#notice");
    await says("This mapping is remembered for lists of this location: 1 column, the tags members.");
    assert.deepEqual(patches(), [{ mapping: { columns: { "Stay in touch?": "optin" }, tags: ["members"] } }]);
    await press("Close list");
    await choose("people.csv");
    await says("certain (your choice)", ".columns");
    await press("Start over without a mapping");
    await says("Stay in touch?", ".columns .unused");
    await page.getByLabel("Where Landline goes").selectOption("phone");
    await press("Preview again");
    await press("Remember this mapping…");
    await press("Remember", "dialog");
    await says("This mapping is remembered for lists of this location: 1 column.");
    assert.deepEqual(patches()[1], { mapping: { tags: null, columns: { "Stay in touch?": null, Landline: "phone" } } });
    assert.equal(mock.requests.filter(({ method }) => method === "PATCH").every(({ headers }) => /^"\d+"$/.test(headers["if-match"])), true);
    await press("Close list");
    await says("New lists start with the mapping remembered for this location: 1 column.");
    await press("Forget mapping…");
    await press("Forget", "dialog");
    await says("The mapping is forgotten.", "#notice");
    await page.getByRole("button", { name: "Forget mapping…" }).waitFor({ state: "detached" });
    assert.deepEqual(patches().at(-1), { mapping: null });
    assert.deepEqual(page.troubles, []);
  });

  test("it takes an admin", async () => {
    await held();
    mock.isNoAdmin = true;
    await page.getByLabel("Source for rows that name none").fill("Fair");
    await press("Preview again");
    await press("Remember this mapping…");
    await press("Remember", "dialog");
    await says("Not done. Only an admin may change the remembered mapping of a location", "#notice");
  });

  test("one that does not fit is done without", async () => {
    await open();
    mock.settings[LOCATION] = { id: LOCATION, revision: 4, settings: { pace: { limit: 100, window_ms: 10_000 } }, overrides: { mapping: { columns: { Fax: "ignore" } } } };
    await choose("wrong.csv");
    await says("the mapping names the column `Fax`, which the list does not have");
    await press("Start over without a mapping");
    await says("Preview: nothing is sent yet");
    assert.deepEqual(mappings(), [{ hold: true, undoable: true }]);
  });
});

describe("for everybody", () => {
  test("names with HTML in them stay text", async () => {
    await open();
    await choose("hostile <b>.csv");
    await says("Preview: nothing is sent yet");
    await says(HOSTILE_COLUMN, ".columns");
    await says("<svg onload", ".problems");
    await page.getByText("The first 2 contacts as GoHighLevel will get them").click();
    await says(HOSTILE_COLUMN, ".list-in details");
    await press("Send 1,202 contacts…");
    await press("Send", "dialog");
    await says(`1 contact: ${HOSTILE_COLUMN}`);
    assert.equal(await page.locator(".list-in :is(img, script, b b)").count(), 0);
    assert.equal(await page.evaluate(() => globalThis.hacked), undefined);
    assert.deepEqual(page.troubles, []);
  });

  test("by keyboard alone, from the file to its end", async () => {
    await open();
    await choose("questions.csv");
    await focusOn("list-state");
    const label = () => page.evaluate(() => document.activeElement.getAttribute("aria-label") ?? document.activeElement.labels?.[0]?.textContent ?? document.activeElement.textContent);
    const tabTo = async (text) => {
      for (let presses = 0; presses < 40; presses += 1) {
        await page.keyboard.press("Tab");
        if ((await label()).includes(text)) return;
      }
      assert.fail(`Tab never came to ${text}`);
    };
    for (const [field, keys] of [["Dates like", "the d"], ["Numbers like", "with a c"], ["17 hidden", "leave"], ["Where Stay in touch? goes", "Opt-in: no means no contact"], ["Where Second mail goes", "E-mail"], ["Where Landline goes", "Phone"]]) {
      await tabTo(field);
      await page.keyboard.type(keys);
    }
    await tabTo("Preview");
    await page.keyboard.press("Enter");
    await says("Preview: nothing is sent yet");
    await focusOn("list-state");
    await tabTo("Send 1,202 contacts…");
    await page.keyboard.press("Enter");
    await page.getByRole("dialog").waitFor();
    assert.equal(await label(), "Send");
    await page.keyboard.press("Enter");
    await says("Done, but incomplete");
    await focusOn("list-state");
    assert.deepEqual(page.troubles, []);
  });

  for (const [name, options] of [
    ["light", {}], ["dark", { dark: true }], ["phone", { size: SIZES.phone }], ["dark-modern-phone", { size: SIZES.modernPhone, dark: true }],
  ]) {
    test(`every state is within the view and accessible, ${name}`, async () => {
      await open(options);
      await looksRight(`drop-${name}`);
      for (const [file, text] of [["questions.csv", "Answers needed first"], ["encoding.csv", "The text is not UTF-8"], ["photo.csv", "The file cannot be read"], ["hostile.csv", "Preview: nothing is sent yet"]]) {
        await choose(file);
        await says(text);
        await looksRight(`${file.split(".")[0]}-${name}`);
        if (file !== "hostile.csv") await page.locator("[data-do=leave-list]").click();
      }
      mock.lists.stays = "importing";
      await press("Send 1,202 contacts…");
      await press("Send", "dialog");
      await says("The list is being sent");
      await looksRight(`sending-${name}`);
      mock.lists.stays = null;
      await says("Done, but incomplete");
      await looksRight(`done-${name}`);
      assert.deepEqual(page.troubles, []);
    });
  }
});
