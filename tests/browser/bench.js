// Speed of the page in a real browser, with the mock API: with 300 locations, and with 10,000 of which it shows the
// first page.
//
//     npm run bench [RUNS]

import { launch } from "./browser.js";
import { startMock } from "./mock.js";
import { manyLocations } from "./scenarios.js";

const SIZES = [300, 10_000];
const RUNS = Number(process.argv[2] ?? 9);
// How long to watch the page afterwards: it polls, and draws once per second.
const WATCHED_S = 8;

const median = (numbers) => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)];

// Milliseconds: until the list appears, in scripts and in layout until then, and in scripts per second afterwards.
async function measure(browser, url) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
  const tab = await context.newPage();
  const debug = await context.newCDPSession(tab);
  await debug.send("Performance.enable");
  const spent = async () => Object.fromEntries((await debug.send("Performance.getMetrics")).metrics.map(({ name, value }) => [name, value * 1_000]));
  await tab.addInitScript(() => {
    new MutationObserver((_, observer) => {
      if (!document.querySelector("#list tbody tr")) return;
      observer.disconnect();
      requestAnimationFrame(() => setTimeout(() => (globalThis.shownAfter = performance.now())));
    }).observe(document, { childList: true, subtree: true });
  });
  await tab.goto(`${url}/dashboard`);
  await tab.waitForFunction(() => globalThis.shownAfter);
  const first = await spent();
  await tab.waitForTimeout(WATCHED_S * 1_000);
  const last = await spent();
  const shown = await tab.evaluate(() => globalThis.shownAfter);
  await context.close();
  return { shown, scripts: first.ScriptDuration, layout: first.LayoutDuration + first.RecalcStyleDuration, update: (last.ScriptDuration - first.ScriptDuration) / WATCHED_S };
}

const browser = await launch();
const started = Date.now();
console.log(`medians of ${RUNS} runs, ms      list shown   scripts   layout   scripts a second afterwards`);
for (const number of SIZES) {
  const mock = await startMock(manyLocations(number, () => started));
  const runs = [];
  for (let run = 0; run < RUNS; run += 1) runs.push(await measure(browser, mock.url));
  const of = (name, width, digits = 0) => median(runs.map((run) => run[name])).toFixed(digits).padStart(width);
  console.log(`${String(number).padStart(7)} locations ${of("shown", 24)}${of("scripts", 10)}${of("layout", 9)}${of("update", 30, 1)}`);
  await mock.close();
}
await browser.close();
