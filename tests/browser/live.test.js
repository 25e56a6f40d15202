// The dashboard of the real API: `cargo ghl-sync demo --dashboard` serves it while it syncs through an outage of GHL.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";

import { accessibilityFaults, launch, open, screenshot, widthBeyondView } from "./browser.js";
import { ROOT, dashboardIn, startLocal } from "./local.js";

const RECORDS = 300;
// Long enough for a machine on which the page takes half a minute to open.
const RUN = ["sync", "--records", String(RECORDS), "--outage", "4s..45s", "--dashboard"];
const PATIENCE_MS = 150_000;
// Includes compilation.
const START_MS = 1_200_000;

let browser;
let run;
let api;

before(async () => {
  browser = await launch();
  const env = { GHL_CIRCUIT_RESET_TIMEOUT: "6000", GHL_RATE_LIMIT_BASE_DELAY: "200" };
  ({ run, answer: api } = await startLocal(RUN, dashboardIn, env));
}, { timeout: START_MS });
after(async () => {
  await browser.close();
  run?.kill("SIGINT");
});

test("an outage of GHL opens the breaker, the dashboard shows it, and all goes back by itself", async () => {
  const { url, key } = api;
  const page = await open(browser, url, { key });
  page.setDefaultTimeout(PATIENCE_MS);
  const health = async () => (await fetch(`${url}/health`)).status;
  const says = (text, within) => page.locator(within).filter({ hasText: text }).first().waitFor();

  await says("loc_demo", "#detail h2");
  await says(/Stopped: GoHighLevel is failing, next try (in|now)/, "#detail .situation");
  await says("Failing", "#health");
  assert.equal(await health(), 503);
  await screenshot(page, "live-breaker-open");

  await says("Nothing to send.", "#detail .situation");
  await says("OK", "#health");
  assert.equal(await health(), 200);
  const counted = await page.locator("#detail .figures").first().textContent();
  assert.match(counted, new RegExp(`Done${RECORDS}`));
  assert.match(counted, /Breaker opens[1-9]/);

  await page.getByRole("button", { name: "Pause…" }).click();
  await page.locator("dialog").getByRole("button", { name: "Pause" }).click();
  await says("Paused by an operator until resumed.", "#detail .situation");
  await page.getByRole("button", { name: "Resume" }).click();
  await says("Nothing to send.", "#detail .situation");

  assert.equal(await widthBeyondView(page), 0);
  assert.deepEqual(await accessibilityFaults(page), []);
  await screenshot(page, "live-over");
  assert.deepEqual(page.troubles, []);
  await page.context().close();
});

test("every metric that the Grafana dashboard asks for is told", async () => {
  const panels = JSON.parse(readFileSync(`${ROOT}/docs/grafana/ghl-sync.json`, "utf8")).panels;
  const queries = panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));
  const asked = queries.flatMap((query) => query.match(/\b(ghl|sync|average)_[a-z_]+/g) ?? []);
  assert.ok(asked.length >= queries.length, "a query without a metric");
  const text = await (await fetch(`${api.url}/metrics`, { headers: { authorization: `Bearer ${api.key}` } })).text();
  const told = new Set([...text.matchAll(/^# TYPE (\S+) (\S+)/gm)].flatMap(([, name, type]) => (type === "histogram" ? [name, `${name}_bucket`] : [name])));
  assert.deepEqual(asked.filter((name) => !told.has(name)), []);
});
