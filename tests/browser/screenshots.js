// The documentation's pictures of the dashboard, with the mock API and fictional people.
//
//     npm run screenshots [FOLDER]       writes docs/screenshots, unless another folder is named

import { mkdirSync, statSync } from "node:fs";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

import { launch, open } from "./browser.js";
import { startMock } from "./mock.js";
import { LOCATIONS, TOUR } from "./tour.js";

export const FOLDER = fileURLToPath(new URL("../../docs/screenshots/", import.meta.url));
export const MOST_BYTES = 100_000;
const SIZE = { width: 1200, height: 660 };
const PATIENCE_MS = 30_000;

// Each opens its view and returns the part for the picture: an element, or a region; undefined for the whole view.
const PICTURES = {
  home: async (page) => {
    await page.locator("#list tbody tr").first().waitFor();
  },
  location: async (page) => {
    await page.evaluate((id) => (globalThis.location.hash = `#/${id}`), LOCATIONS.cologne);
    await page.locator("#detail .account").waitFor();
    // The live chart needs some polls.
    await page.waitForTimeout(9_000);
    return partFrom(page.locator("#detail-title"), page.locator(".charts"));
  },
  list: async (page) => {
    await page.locator("#list-file").setInputFiles({ name: "people.csv", mimeType: "text/csv", buffer: Buffer.alloc(48_213, "a stand-in makes the rest up\n") });
    await page.locator(".list-in .figures").waitFor();
    return partFrom(page.locator("#list-title"), page.locator(".columns tbody tr").first());
  },
  failures: async (page) => {
    await page.evaluate((id) => (globalThis.location.hash = `#/${id}`), LOCATIONS.berlin);
    await page.locator(".failed-records").waitFor();
    return page.locator(".failures");
  },
  record: async (page) => {
    await page.getByRole("button", { name: "contact#crm-1041", exact: true }).last().click();
    await page.locator(".record-status .card").waitFor();
    return page.locator(".record-status");
  },
  migration: async (page) => {
    await page.evaluate(() => (globalThis.location.hash = "#/"));
    await page.locator("#migration-list a").first().click();
    await page.locator("summary").filter({ hasText: "Custom fields" }).click();
    return partFrom(page.getByRole("region", { name: "Forecast" }), page.locator("[aria-labelledby=mapping-title]"));
  },
  keys: async (page) => {
    await page.evaluate(() => (globalThis.location.hash = "#keys"));
    await page.locator(".keys tbody tr").first().waitFor();
    return page.locator("#detail");
  },
};

const MARGIN = 10;

// The region between the top of `first` and the bottom of `last`.
async function partFrom(first, last) {
  // The origin of a picture of the whole page.
  await first.page().evaluate(() => window.scrollTo(0, 0));
  const [from, to] = [await first.boundingBox(), await last.boundingBox()];
  return { x: from.x - MARGIN, y: from.y - MARGIN, width: from.width + 2 * MARGIN, height: to.y + to.height - from.y + 2 * MARGIN };
}

// Writes all pictures; returns their names.
export async function takeScreenshots(folder) {
  mkdirSync(folder, { recursive: true });
  const browser = await launch();
  const mock = await startMock(TOUR);
  try {
    const page = await open(browser, mock.url, { size: SIZE });
    page.setDefaultTimeout(PATIENCE_MS);
    for (const [name, show] of Object.entries(PICTURES)) {
      const shown = await show(page);
      const file = path.join(folder, `${name}.png`);
      const options = { path: file, animations: "disabled" };
      await (shown?.screenshot ? shown.screenshot(options) : page.screenshot({ ...options, clip: shown, fullPage: Boolean(shown) }));
      const { size } = statSync(file);
      if (size > MOST_BYTES) throw new Error(`${file} has ${size} bytes, more than ${MOST_BYTES}`);
    }
    if (page.troubles.length > 0) throw new Error(page.troubles.join("\n"));
  } finally {
    await browser.close();
    await mock.close();
  }
  return Object.keys(PICTURES);
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const folder = process.argv[2] ?? FOLDER;
  const names = await takeScreenshots(folder);
  console.log(names.map((name) => path.join(folder, `${name}.png`)).join("\n"));
}
