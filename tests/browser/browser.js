// A headless Chromium with an empty profile, and pages that record their errors.

import { existsSync, mkdirSync } from "node:fs";
import path from "node:path";

import axe from "axe-core";
import { chromium } from "playwright-core";

const BROWSERS = [process.env.CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
const FLAGS = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync",
];
const SCREENSHOTS = process.env.SCREENSHOTS;

export const SIZES = { desktop: { width: 1280, height: 900 }, phone: { width: 320, height: 640 }, modernPhone: { width: 390, height: 844 } };

export async function launch() {
  const executablePath = BROWSERS.find((file) => file && existsSync(file));
  if (!executablePath) throw new Error("no Chromium found; set CHROMIUM to one");
  return chromium.launch({ executablePath, headless: true, args: FLAGS });
}

// Opens the dashboard. `page.troubles` collects console errors, exceptions, and violations of the content security
// policy.
export async function open(browser, url, { size = SIZES.desktop, dark = false, key = null } = {}) {
  const context = await browser.newContext({
    viewport: size, colorScheme: dark ? "dark" : "light", timezoneId: "America/New_York", locale: "en-US",
    httpCredentials: key === null ? undefined : { username: "operator", password: key },
  });
  const page = await context.newPage();
  page.troubles = [];
  page.on("console", (message) => message.type() === "error" && page.troubles.push(message.text()));
  page.on("pageerror", (error) => page.troubles.push(String(error)));
  await page.addInitScript(() => {
    document.addEventListener("securitypolicyviolation", (event) => console.error(`breach of ${event.violatedDirective}: ${event.blockedURI}`));
  });
  await page.goto(`${url}/dashboard`);
  return page;
}

// Serious findings of axe, one per line.
export async function accessibilityFaults(page) {
  // The page's policy does not apply to the debugger.
  await page.evaluate(`${axe.source}; 0`);
  const { violations } = await page.evaluate(() => globalThis.axe.run());
  return violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.target.join(" ")}: ${node.failureSummary}`));
}

export async function widthBeyondView(page) {
  return page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
}

// Saves to the folder in SCREENSHOTS, if set.
export async function screenshot(page, name) {
  if (!SCREENSHOTS) return;
  mkdirSync(SCREENSHOTS, { recursive: true });
  await page.screenshot({ path: path.join(SCREENSHOTS, `${name}.png`), fullPage: true });
}
