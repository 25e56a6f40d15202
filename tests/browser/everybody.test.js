// Every situation in light and dark, on a desktop and on a phone: fits the viewport, is accessible, and has no
// errors.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { SIZES, accessibilityFaults, screenshot, widthBeyondView } from "./browser.js";
import { SCENARIOS } from "./scenarios.js";
import { page, show } from "./stage.js";

describe("for everybody", () => {
  for (const scenario of Object.keys(SCENARIOS)) {
    for (const [name, options] of [
      ["light", {}],
      ["dark", { dark: true }],
      ["phone", { size: SIZES.phone }],
      ["dark phone", { size: SIZES.phone, dark: true }],
    ]) {
      test(`${scenario}, ${name}: nothing is wider than the view, nothing serious found by axe, no error`, async () => {
        await show(scenario, options);
        await page.locator("#list > *").first().waitFor({ state: "attached" });
        for (const view of ["list", "location", "migration"]) {
          const first = { location: page.locator("#list th a").first(), migration: page.locator("#migration-list th a").first() }[view];
          if (view === "migration") await page.evaluate(() => (globalThis.location.hash = "#/"));
          if (view === "migration" && !(await first.isVisible())) continue;
          if (first && (await first.isVisible())) await first.click();
          if (view === "migration") await page.locator("#detail .stages").waitFor();
          assert.equal(await widthBeyondView(page), 0);
          assert.deepEqual(await accessibilityFaults(page), []);
          await screenshot(page, `${scenario}-${view}-${name.replace(" ", "-")}`);
        }
        assert.deepEqual(page.troubles, []);
      });
    }
  }
});
