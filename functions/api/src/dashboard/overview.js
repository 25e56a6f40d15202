// The parts above a single location: overall state, connection, totals, and the list of locations, those in
// trouble first.

const HEALTH = {
  ok: { tone: "good", word: "OK" },
  degraded: { tone: "warn", word: "Degraded" },
  failing: { tone: "bad", word: "Failing" },
};
const ROWS_AT_ONCE = 100;
const STALE_TICK_S = 150;
const COLUMNS = [
  { by: "id", head: "Location" },
  { by: "used", head: "Last hour", wide: true },
  { by: "due", head: "Waiting" },
  { by: "failed", head: "Failed" },
  { by: "trouble", head: "State", wide: true },
];

// A symbol with its own shape for each tone, since not everybody sees colours.
function sign(tone) {
  const shapes = {
    good: h("circle", { cx: 6, cy: 6, r: 5 }),
    warn: h("path", { d: "M6,.5 11.5,11H.5Z" }),
    bad: h("path", { d: "M1,1h10v10H1Z" }),
    quiet: h("circle", { cx: 6, cy: 6, r: 4, class: "hollow" }),
  };
  return h("svg", { class: `sign ${tone}`, viewBox: "0 0 12 12", "aria-hidden": "true" }, shapes[tone] ?? shapes.quiet);
}

function healthLine(overview) {
  if (!overview) return [];
  const { tone, word } = (Object.hasOwn(HEALTH, overview.status) && HEALTH[overview.status]) || { tone: "quiet", word: plainState(overview.status) };
  const reasons = overview.reasons ?? [];
  return [
    h("p", { class: `status ${tone}` }, sign(tone), h("strong", null, word)),
    reasons.length > 0 && h("ul", { class: "reasons" }, reasons.slice(0, 5).map((reason) => h("li", null, h("bdi", null, reason)))),
    reasons.length > 5 && h("p", { class: "hint" }, `and ${count(reasons.length - 5)} more`),
  ];
}

function pulse({ overview, connection, now }) {
  if (!overview) return [];
  const tick = overview.last_tick;
  const late = tick && -secondsUntil(tick.at, now) > STALE_TICK_S;
  const letters = overview.dead_letters;
  return h("dl", { class: "facts" },
    fact("Scheduler ran", tick ? time(tick.at, now, ago(tick.at, now)) : "not yet", late && "warn", "Starts waiting work every minute"),
    fact("Unprocessed messages", letters === null ? "unknown" : count(letters), letters > 0 && "warn", "Messages that could not be processed (dead letters). Their records are still sent"),
    fact(connection.state === "live" ? "Updated" : "Figures from", time(overview.time, now)));
}

function fact(name, value, tone, title = null) {
  return h("div", { class: tone || null, title }, h("dt", null, name), h("dd", null, tone ? sign(tone) : null, value));
}

// The sentence that a screen reader reads once; the text that changes every second is separate.
function alarmText(connection) {
  if (connection.state === "lost") return `Connection lost. ${connection.problem}`;
  if (connection.state === "refused") return "The key was not accepted.";
  return "";
}

function connectionBanner({ overview, connection, now }) {
  if (connection.state === "loading") return h("p", { class: "banner" }, "Loading…");
  if (connection.state === "refused") {
    return h("div", { class: "banner bad" },
      h("p", null, "The key was not accepted. It is wrong or was revoked. Sign in with another one: any user name works, and the key is the password."),
      h("button", { type: "button", "data-do": "reload" }, "Sign in again"));
  }
  if (connection.state !== "lost") return [];
  const since = new Date(connection.since).toISOString();
  const next = connection.nextTry === null ? "" : ` Next try ${until(connection.nextTry, now)}.`;
  return h("div", { class: "banner bad" },
    h("p", null, "Connection lost at ", time(since, now), ` (${ago(since, now)}). ${connection.problem}${next}`,
      overview ? h("span", null, " You are seeing figures from ", time(overview.time, now), ".") : null),
    h("button", { type: "button", "data-do": "poll" }, "Try now"));
}

function totals(overview) {
  if (!overview || known(overview) === 0) return [];
  const { summary } = overview;
  return [
    h("dl", { class: "figures" },
      figure("Locations", count(summary.locations)),
      figure("With problems", count(summary.in_trouble), summary.in_trouble > 0 && "warn"),
      figure("Waiting", atLeast(summary.due)),
      summary.failed ? figure("Failed", atLeast(summary.failed), summary.failed.count > 0 && "bad") : null),
    overview.totals ? h("details", { key: "since" }, h("summary", null, "Totals since counting began"), h("dl", { class: "figures" }, counterFigures(overview.totals))) : null,
  ];
}

// Explanations of figures whose name is not enough.
const HINTS = {
  Calls: "Requests to GoHighLevel",
  Success: "Share of finished records that succeeded",
  Retries: "Calls repeated after a temporary failure",
  "429s": "How often GoHighLevel answered “too many requests”",
  "Breaker opens": "How often sending stopped because GoHighLevel kept failing",
  "Calls saved": "Calls skipped because GoHighLevel already had the content",
  Reconciled: "Records compared with what GoHighLevel shows",
  Repaired: "Of these, records that differed and were corrected",
  Waited: "Time that calls waited for GoHighLevel's rate limits",
  "Average backoff": "Average wait before a call is repeated",
};

function counterFigures(counters) {
  if (!counters) return [];
  const { reconciling } = counters;
  const waited = Object.values(counters.waits ?? {}).reduce((all, wait) => all + wait.ms, 0);
  return [
    figure("Calls", count(counters.calls)),
    figure("Done", count(counters.succeeded)),
    figure("Failed", count(counters.failed), counters.failed > 0 && "bad"),
    figure("Success", percent(counters.sync_success_rate)),
    figure("Retries", count(counters.retry_attempts)),
    figure("429s", count(counters.rate_limit_hits), counters.rate_limit_hits > 0 && "warn"),
    figure("Breaker opens", count(counters.circuit_breaker_opens), counters.circuit_breaker_opens > 0 && "warn"),
    figure("Calls saved", count(counters.calls_saved)),
    figure("Reconciled", count(reconciling.compared)),
    figure("Repaired", count(reconciling.states_repaired + reconciling.resent + reconciling.superseded)),
    figure("Waited", milliseconds(waited)),
    figure("Average backoff", counters.average_backoff_delay_ms > 0 ? milliseconds(counters.average_backoff_delay_ms) : "–"),
  ];
}

const figure = (name, value, tone) => h("div", { class: tone || null, title: Object.hasOwn(HINTS, name) ? HINTS[name] : null }, h("dt", null, name), h("dd", null, value));

function list({ overview, open, filter, troubled, sort, rows, now }) {
  if (!overview) return [];
  if (known(overview) === 0) {
    return h("p", { class: "hint" },
      "No locations yet. One appears here as soon as it receives a record, for example with ",
      h("code", null, "POST /v1/locations/ID/contacts"), ".");
  }
  const all = overview.locations.map((location) => ({ location, state: situation(location, now) }));
  const matching = all.filter((entry) => matches(entry, filter, troubled)).sort(order(sort, now));
  const shown = matching.slice(0, rows);
  return [
    h("table", { class: "list" },
      h("caption", { class: "unseen" }, "Locations"),
      h("thead", null, h("tr", null, COLUMNS.map((column) => columnHead(column, sort)))),
      h("tbody", null, shown.map((entry) => row(entry, open, now)))),
    matching.length === 0 && h("p", { class: "hint" }, `No match among ${plural(known(overview), "location")}.`),
    matching.length > shown.length && h("p", { class: "more" },
      h("button", { type: "button", "data-do": "more-rows" }, `Show ${count(Math.min(ROWS_AT_ONCE, matching.length - shown.length))} more`),
      ` ${count(shown.length)} of ${count(matching.length)} shown`),
    overview.cursor && h("p", { class: "more" },
      h("button", { type: "button", "data-do": "more-pages" }, "Load more locations"),
      ` ${count(all.length)} of ${plural(known(overview), "location")} loaded: those with problems and the most work`),
    overview.summary.not_told > 0 && h("p", { class: "hint" },
      `${plural(overview.summary.not_told, "more location")} will appear within 15 minutes: no status has been stored yet.`),
  ];
}

function matches({ location, state }, filter, troubled) {
  if (troubled && state.trouble < 2) return false;
  const wanted = filter.trim().toLowerCase();
  return [location.id, location.scope, location.name, ...(location.tags ?? []), state.label].some((text) => String(text ?? "").toLowerCase().includes(wanted));
}

function order({ by, descending }, now) {
  const value = {
    id: () => 0,
    used: ({ location }) => sum(lastHour(location, now), "calls"),
    due: ({ location }) => location.due?.count ?? 0,
    failed: ({ location }) => location.failed?.count ?? 0,
    trouble: ({ state }) => state.trouble,
  }[by];
  const sense = descending ? -1 : 1;
  return (a, b) => sense * (value(a) - value(b)) || (by === "id" ? sense : 1) * a.location.id.localeCompare(b.location.id, "en");
}

function columnHead({ by, head, wide }, sort) {
  const sorted = sort.by === by;
  return h("th", { scope: "col", class: `${by} ${wide ? "wide" : ""}`, "aria-sort": sorted ? (sort.descending ? "descending" : "ascending") : null },
    h("button", { type: "button", "data-do": "sort", "data-by": by }, head, h("span", { class: "arrow", "aria-hidden": "true" }, sorted ? (sort.descending ? "▾" : "▴") : "")));
}

function row({ location, state }, open, now) {
  const failed = location.failed?.count ?? 0;
  return h("tr", { key: location.id, class: location.id === open ? "open" : null },
    h("th", { scope: "row", class: "id" },
      h("a", { href: `#/${encodeURIComponent(location.id)}`, "aria-current": location.id === open ? "true" : null }, h("bdi", null, location.name ?? location.id)),
      location.name && location.name !== location.id ? h("span", { class: "called" }, h("bdi", null, location.id)) : null,
      h("span", { class: "state" }, sign(state.tone), state.label)),
    h("td", { class: "used wide" }, sparkline(lastHour(location, now))),
    h("td", { class: "due" }, atLeast(location.due)),
    h("td", { class: failed > 0 ? "failed bad" : "failed" }, atLeast(location.failed)),
    h("td", { class: "trouble wide" }, state.text));
}
