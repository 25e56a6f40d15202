// Shared setup of the page tests: one browser per file, and one page with its own mock API per test.

import { after, afterEach, before } from "node:test";

import { launch, open } from "./browser.js";
import { startMock } from "./mock.js";

export const PATIENCE_MS = 30_000;

let browser;
export let mock;
export let page;

before(async () => {
  browser = await launch();
});
after(() => browser.close());
afterEach(async () => {
  await page?.context().close();
  await mock?.close();
  page = mock = undefined;
});

export async function show(scenario, { location, options, ...pageOptions } = {}) {
  mock = await startMock(scenario, options);
  page = await open(browser, mock.url, pageOptions);
  page.setDefaultTimeout(PATIENCE_MS);
  if (location) await page.evaluate((id) => (globalThis.location.hash = `#/${encodeURIComponent(id)}`), location);
}
