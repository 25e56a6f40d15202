// Connecting accounts as a person does it: signs in, goes to the sandbox's consent page and back, and sees the name of
// the location. Our pages are at `localhost` and the sandbox at 127.0.0.1, which a browser treats as another site.

import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, readdirSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";

import { SIZES, accessibilityFaults, launch, screenshot, widthBeyondView } from "./browser.js";
import { dashboardIn, startLocal } from "./local.js";

const PORT = 8900;
const OURS = `http://localhost:${PORT + 3}`;
const GHL = `http://127.0.0.1:${PORT}`;
// Includes compilation.
const START_MS = 1_200_000;

let browser;
let run;
let key;
let data;

before(async () => {
  browser = await launch();
  data = mkdtempSync(path.join(tmpdir(), "ghl-sync-connect-"));
  const started = await startLocal(["up", "--port", String(PORT), "--data-dir", data], dashboardIn);
  ({ run } = started);
  ({ key } = started.answer);
}, { timeout: START_MS });
after(async () => {
  await browser.close();
  run?.kill("SIGINT");
});

// A page that records its errors, and the URLs that it visits.
async function open(options = {}) {
  const context = await browser.newContext({ viewport: SIZES.desktop, ...options });
  const page = await context.newPage();
  page.troubles = [];
  page.seen = [];
  const isOurs = (message) => !message.location().url.endsWith("/favicon.ico");
  page.on("console", (message) => message.type() === "error" && isOurs(message) && page.troubles.push(`${message.text()} ${message.location().url}`));
  page.on("pageerror", (error) => page.troubles.push(String(error)));
  page.on("framenavigated", (frame) => page.seen.push(frame.url()));
  return page;
}

async function signIn(page) {
  await page.goto(`${OURS}/sign-in?to=connect`);
  await page.getByLabel("API key of this stack").fill(key);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.waitForURL(`${OURS}/connect`);
}

async function isAccessible(page, name) {
  assert.deepEqual(await accessibilityFaults(page), [], name);
  assert.equal(await widthBeyondView(page), 0, name);
  await screenshot(page, name);
}

test("whoever has not signed in is led to the sign-in, and from there to the page", async () => {
  const page = await open();
  const answer = await page.goto(`${OURS}/connect`);
  assert.equal(answer.status(), 401);
  await isAccessible(page, "connect-signed-out");
  await page.getByRole("link", { name: "Sign in" }).click();
  assert.equal(page.url(), `${OURS}/sign-in?to=connect`);
  await page.context().close();
});

test("a location is connected on GHL's page, and its name is shown", async () => {
  const page = await open();
  await signIn(page);
  await isAccessible(page, "connect-empty");
  await page.getByRole("link", { name: "Connect a location" }).click();
  await page.waitForURL(`${GHL}/v2/oauth/chooselocation?*`);
  await page.getByRole("link", { name: "North Street Dental" }).click();
  await page.waitForURL(`${OURS}/connect/location-loc_north`);
  await page.getByRole("row", { name: /North Street Dental loc_north reached/ }).waitFor();
  await isAccessible(page, "connect-location");
  assert.ok(page.seen.some((url) => url.includes("/connect/callback?")), "it came back with a code");
  assert.ok(!page.url().includes("code="));
  assert.ok(!(await page.content()).includes("code-"));
  const facts = await fetch(`${OURS}/v1/locations/loc_north`, { headers: { "x-api-key": key } }).then((answer) => answer.json());
  assert.equal(facts.facts.name, "North Street Dental");
  assert.deepEqual(page.troubles, []);
  // The browser history still has the used callback.
  const again = await page.goto(page.seen.find((url) => url.includes("/connect/callback?")));
  assert.equal(again.status(), 403, "the cookie of the way is gone");
  await page.context().close();
});

test("of an agency some sub-accounts are ticked, and all of it is ended again", async () => {
  const page = await open({ colorScheme: "dark" });
  await signIn(page);
  await page.getByRole("link", { name: "Connect an agency" }).click();
  await page.getByRole("link", { name: /The agency agency/ }).click();
  await page.waitForURL(`${OURS}/connect/agency-agency`);
  await page.getByLabel("South Bay Roofing").check();
  await isAccessible(page, "connect-agency");
  await page.getByRole("button", { name: "Add selected locations" }).click();
  await page.getByRole("row", { name: /South Bay Roofing loc_south reached/ }).waitFor();
  assert.equal(await page.getByText("not added").count(), 2);
  await page.getByText("Disconnect…").click();
  await page.getByRole("button", { name: "Disconnect" }).click();
  await page.waitForURL(`${OURS}/connect`);
  await page.getByRole("heading", { name: "Disconnected" }).waitFor();
  const settings = await fetch(`${OURS}/v1/locations/loc_south`, { headers: { "x-api-key": key } }).then((answer) => answer.json());
  assert.equal(settings.settings.enabled, false);
  assert.deepEqual(page.troubles, []);
  await page.context().close();
});

test("a consent that is not given connects nothing", async () => {
  const page = await open();
  await signIn(page);
  await page.getByRole("link", { name: "Connect a location" }).click();
  await page.getByRole("link", { name: "Cancel" }).click();
  await page.getByText("the consent was not given").waitFor();
  await isAccessible(page, "connect-denied");
  await page.context().close();
});

test("a private integration token is given by a form, and is in a file that only we may read", async () => {
  const page = await open({ viewport: SIZES.phone });
  await signIn(page);
  await page.getByLabel("Location id").fill("loc_demo");
  await page.getByLabel("Token").fill("pit-local");
  await page.getByRole("button", { name: "Connect with this token" }).click();
  await page.waitForURL(`${OURS}/connect/location-loc_demo`);
  await page.getByRole("row", { name: /loc_demo loc_demo reached/ }).waitFor();
  await isAccessible(page, "connect-token-phone");
  assert.ok(!(await page.content()).includes("pit-local"));
  const secrets = path.join(data, "secrets");
  const file = readdirSync(secrets).find((name) => name.includes("location-loc_demo"));
  assert.equal(statSync(path.join(secrets, file)).mode & 0o777, 0o600);
  assert.match(readFileSync(path.join(secrets, file), "utf8"), /pit-local/);
  assert.deepEqual(page.troubles, []);
  await page.context().close();
});

test("a mistyped token is refused in GHL's words, and the one that works stays where it is", async () => {
  const page = await open();
  await signIn(page);
  await page.getByLabel("Location id").fill("loc_demo");
  await page.getByLabel("Token").fill("pit-wrong");
  await page.getByRole("button", { name: "Connect with this token" }).click();
  await page.getByText("access token is invalid. It was not stored").waitFor();
  await isAccessible(page, "connect-token-refused");
  assert.ok(!(await page.content()).includes("pit-wrong"));
  const secrets = path.join(data, "secrets");
  const file = readdirSync(secrets).find((name) => name.includes("location-loc_demo"));
  assert.match(readFileSync(path.join(secrets, file), "utf8"), /pit-local/);
  await page.getByRole("main").getByRole("link", { name: "Connect" }).click();
  await page.getByRole("link", { name: "location-loc_demo" }).waitFor();
  await page.context().close();
});
