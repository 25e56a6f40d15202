// The charts: one hour by minute, and the burst quota since the page was opened. Small multiples share the hour and
// the highlighted minute. The SVGs contain shapes only and are stretched; their labels are HTML beside them.

const MINUTE = 60_000;
const HOUR = 60;
const LIVE_SPAN = 5 * MINUTE;
// A longer gap between polls is left blank.
const LIVE_GAP = MINUTE;
const NOTHING = { calls: 0, rate_limit_hits: 0, succeeded: 0, failed: 0, retries: 0, wait_ms: 0 };

// Only the largest units: space is short.
const inShort = (ms) => milliseconds(ms).split(" ").slice(0, 2).join(" ");

// The small charts next to the chart of calls.
const MULTIPLES = [
  { field: "succeeded", title: "Done", tone: "good" },
  { field: "failed", title: "Failed", tone: "bad" },
  { field: "retries", title: "Retries", tone: "warn" },
  { field: "rate_limit_hits", title: "429s", tone: "bad" },
  { field: "wait_ms", title: "Waited", tone: "quiet", format: inShort },
];

// The last 60 minutes, oldest first. The API leaves out minutes in which nothing happened.
function lastHour(location, now) {
  const last = Math.floor(now / MINUTE);
  const allowed = allowedPerMinute(location);
  const told = new Map((location.minutes ?? []).map((minute) => [Math.floor(Date.parse(minute.at) / MINUTE), minute]));
  return Array.from({ length: HOUR }, (_, index) => {
    const number = last - HOUR + 1 + index;
    return { allowed, ...NOTHING, ...told.get(number), start: number * MINUTE };
  });
}

function allowedPerMinute(location) {
  const burst = location.quota?.burst;
  return burst ? (burst.limit * MINUTE) / burst.window_ms : 0;
}

const sum = (minutes, field) => minutes.reduce((total, minute) => total + (minute[field] ?? 0), 0);

const highest = (minutes, field) => Math.max(0, ...minutes.map((minute) => minute[field] ?? 0));

// Bars of one unit of width each, in a box 100 units high.
function bars(minutes, field, top) {
  return minutes
    .map((minute, index) => {
      const height = top > 0 ? (100 * (minute[field] ?? 0)) / top : 0;
      return height > 0 ? `M${index + 0.1},100V${(100 - height).toFixed(1)}h.8V100Z` : "";
    })
    .join("");
}

function steps(minutes, field, top) {
  return minutes
    .map((minute, index) => {
      const y = (100 - (100 * (minute[field] ?? 0)) / top).toFixed(1);
      return `${index === 0 ? "M0" : "L" + index},${y}H${index + 1}`;
    })
    .join("");
}

function plot(width, label, pointed, ...shapes) {
  const cursor = pointed === null ? null : h("rect", { class: "cursor", x: pointed, y: 0, width: 1, height: 100 });
  return h("svg", { viewBox: `0 0 ${width} 100`, preserveAspectRatio: "none", role: "img", "aria-label": label }, cursor, ...shapes);
}

// Calls of each minute, below the line of the quota.
function callsChart(minutes, pointed, now) {
  const top = Math.max(highest(minutes, "allowed"), highest(minutes, "calls"), 1);
  const limit = minutes.at(-1).allowed;
  const most = highest(minutes, "calls");
  const summary = `${count(sum(minutes, "calls"))} calls in 60 minutes, at most ${count(most)} in one; the rate limit allows ${count(Math.round(limit))}`;
  const hits = minutes.map((minute, index) => (minute.rate_limit_hits > 0 ? `M${index},0h1v6h-1Z` : "")).join("");
  const at = pointed === null ? null : minutes[pointed];
  const reading = at ? `${clock(at.start).slice(0, 5)}: ${count(at.calls)} of ${count(Math.round(at.allowed))}` : `at most ${count(most)} of ${count(Math.round(limit))}`;
  return h("figure", { class: "chart calls" },
    h("figcaption", null, h("b", null, "Calls per minute"), h("span", { class: "reading" }, reading)),
    h("div", { class: "plot", "data-hour": true },
      plot(HOUR, summary, pointed,
        h("path", { class: "bars accent", d: bars(minutes, "calls", top) }),
        h("path", { class: "bars bad", d: hits }),
        h("path", { class: "limit", d: steps(minutes, "allowed", top) })),
      h("span", { class: "top" }, `${count(Math.round(top))} per min`)),
    hourAxis(minutes, now));
}

function hourAxis(minutes, now) {
  const label = (index) => time(new Date(minutes[index].start).toISOString(), now, clock(minutes[index].start).slice(0, 5));
  return h("div", { class: "axis" }, h("span", null, label(0)), h("span", null, label(HOUR / 2)), h("span", null, "now"));
}

function smallChart({ field, title, tone, format = count }, minutes, pointed) {
  const total = sum(minutes, field);
  const top = Math.max(highest(minutes, field), 1);
  const reading = pointed === null ? format(total) : format(minutes[pointed][field] ?? 0);
  return h("figure", { class: `chart small ${total === 0 ? "empty" : ""}` },
    h("figcaption", null, h("b", null, title), h("span", { class: "reading" }, reading)),
    h("div", { class: "plot", "data-hour": true },
      plot(HOUR, `${title}: ${format(total)} in 60 minutes`, pointed, h("path", { class: `bars ${tone}`, d: bars(minutes, field, top) }))));
}

// Calls against the quota for a row of the list, without labels.
function sparkline(minutes) {
  const top = Math.max(highest(minutes, "allowed"), highest(minutes, "calls"), 1);
  const label = `at most ${count(highest(minutes, "calls"))} of ${count(Math.round(minutes.at(-1).allowed))} calls per minute`;
  return plot(HOUR, label, null,
    h("path", { class: "bars accent", d: bars(minutes, "calls", top) }),
    h("path", { class: "limit", d: steps(minutes, "allowed", top) }));
}

// Use of the burst quota at each poll. `samples` are `{at, used, limit}`, oldest first.
function liveChart(samples, burst, now) {
  const limit = burst.limit;
  const used = Math.max(0, limit - burst.left);
  const top = Math.max(limit, 1, ...samples.map((sample) => sample.used));
  const shown = samples.filter((sample) => now - sample.at <= LIVE_SPAN);
  // The time that the page has been open, in whole minutes.
  const minutes = Math.max(1, Math.ceil((now - (shown[0]?.at ?? now)) / MINUTE));
  const x = (at) => (100 + (100 * (at - now)) / (minutes * MINUTE)).toFixed(2);
  const y = (calls) => (100 - (100 * calls) / top).toFixed(1);
  const line = shown.map((sample, index) => {
    const before = shown[index - 1];
    const gap = !before || sample.at - before.at > LIVE_GAP;
    return `${gap ? "M" : "L"}${x(sample.at)},${y(sample.used)}`;
  });
  const window = duration(burst.window_ms / 1_000);
  return h("figure", { class: "chart live" },
    h("figcaption", null, h("b", null, `Calls in ${window}, live`), h("span", { class: "reading" }, `${count(used)} of ${count(limit)} used`)),
    h("div", { class: "plot" },
      plot(100, `${count(used)} of ${count(limit)} calls in ${window} used now`, null,
        h("path", { class: "line", d: line.join("") }),
        h("path", { class: "limit", d: `M0,${y(limit)}H100` })),
      h("span", { class: "top" }, `${count(limit)} in ${window}`)),
    h("div", { class: "axis" }, h("span", null, `${minutes} min ago`), h("span", null, "now")));
}

// A share as a bar.
function bar(share, tone) {
  const width = Math.min(100, Math.max(0, 100 * share)).toFixed(2);
  return h("svg", { class: "bar", viewBox: "0 0 100 1", preserveAspectRatio: "none", "aria-hidden": "true" },
    h("rect", { class: "rail", width: 100, height: 1 }), h("rect", { class: tone, width, height: 1 }));
}

// The hour as numbers, for readers who cannot see the charts, and for copying.
function hourTable(minutes, now) {
  const busy = minutes.filter((minute) => Object.keys(NOTHING).some((field) => minute[field] > 0)).reverse();
  const heads = ["Minute", "Calls", "Allowed", "429s", "Done", "Failed", "Retries", "Waited"];
  const rows = busy.map((minute) => h("tr", { key: minute.start },
    h("th", { scope: "row" }, time(new Date(minute.start).toISOString(), now, clock(minute.start).slice(0, 5))),
    [minute.calls, Math.round(minute.allowed), minute.rate_limit_hits, minute.succeeded, minute.failed, minute.retries]
      .map((n) => h("td", null, count(n))),
    h("td", null, milliseconds(minute.wait_ms))));
  return h("details", { key: "numbers" }, h("summary", null, "Last hour in numbers"),
    busy.length === 0
      ? h("p", { class: "hint" }, "Nothing happened in the last 60 minutes.")
      : h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Last hour in numbers" },
        h("table", null, h("thead", null, h("tr", null, heads.map((head) => h("th", { scope: "col" }, head)))), h("tbody", null, rows))));
}
