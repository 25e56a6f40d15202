// One location in detail: its status, its charts, and its failures.

function detail({ overview, open, now, live, pointed, failures, found, status, account: known, imports, list, lists, busy }) {
  if (!overview || open === null) return [];
  const location = overview.locations.find(({ id }) => id === open);
  if (!location) return [backLink(), h("p", { class: "hint" }, "No location with the id ", h("bdi", null, open), " has been seen yet.")];
  const state = situation(location, now);
  const minutes = lastHour(location, now);
  return [
    backLink(),
    h("h2", { id: "detail-title", tabindex: -1, key: `title ${open}` }, h("bdi", null, location.name ?? location.id),
      location.name && location.name !== location.id ? h("small", null, h("bdi", null, location.id)) : null,
      location.scope && location.scope !== location.id ? h("small", { title: "Locations that share this location's rate limit" }, "rate limit shared as ", h("bdi", null, location.scope)) : null),
    h("p", { class: `situation ${state.tone}` }, sign(state.tone), h("span", null, state.text)),
    remedyOf(location),
    location.pause?.note ? h("p", { class: "hint" }, "Note: ", h("bdi", null, location.pause.note)) : null,
    actions(location, busy),
    facts(location, now),
    // Frequent actions come before rarely used details.
    listSection(list, rememberedMapping(known), busy, now),
    listTable(lists, open, now),
    // There may be many failures, so the search comes before them.
    recordSearch(found, now),
    recordStatus(status, open, busy, now),
    failedRecords(location, failures, known, busy, now),
    importList(imports, busy, now),
    h("h3", null, "Last hour"),
    h("section", { class: "charts", "aria-label": "Charts" },
      location.quota?.burst ? liveChart(live.get(open) ?? [], location.quota.burst, now) : null,
      callsChart(minutes, pointed, now),
      MULTIPLES.map((multiple) => smallChart(multiple, minutes, pointed)),
      hourTable(minutes, now)),
    h("h3", null, "Totals since counting began"),
    h("dl", { class: "figures" }, counterFigures(location.counters)),
    waits(location.counters?.waits),
    account(known, busy, now),
  ];
}

// What blocks the location, and what to do; nothing if it sends.
function remedyOf({ enabled, breaker, pause, waits_for: wait }) {
  if (enabled === false) return null;
  if ((breaker?.state ?? "closed") !== "closed") return h("p", { class: "hint" }, "GoHighLevel keeps failing, so the breaker stops calls; a test call now and then checks whether it works again. Nothing to do.");
  const said = {
    credentials: ["Nothing is sent until GoHighLevel accepts the token: ", connectAnew(), "."],
    other_location: ["Nothing is sent there. Find out whose token it is, then ", connectAnew(), "."],
    throttled: ["GoHighLevel asked for fewer calls. Nothing to do."],
    operator: ["An operator paused it. Resume it when sending may continue."],
  }[pause?.reason];
  if (said) return h("p", { class: "hint" }, said);
  return wait?.reason === "daily_quota" ? h("p", { class: "hint" }, "GoHighLevel limits the number of calls per day. Nothing to do; you can reserve calls for high priority in the settings.") : null;
}

const backLink = () => h("p", { class: "back" }, h("a", { href: "#/" }, "‹ All locations"));

const button = (action, label, busy, attributes) =>
  h("button", { type: "button", "data-do": action, "aria-disabled": busy ? "true" : null, ...attributes }, label);

function actions(location, busy) {
  const pausedBy = location.pause?.reason;
  const breaker = location.breaker?.state ?? "closed";
  return h("p", { class: "actions" },
    pausedBy === "operator" ? null : button("pause", "Pause…", busy),
    ["operator", "credentials", "other_location"].includes(pausedBy) ? button("resume", "Resume", busy) : null,
    breaker === "closed" ? null : button("reset-breaker", "Reset breaker…", busy));
}

function facts(location, now) {
  const { breaker, due, forecast, pause, quota, waits_for: wait } = location;
  const oldest = due?.oldest_at ? [", oldest since ", time(due.oldest_at, now)] : [];
  const empty = forecast && standstill(location, now) === null && hasProgress(location, now) ? [", all sent by ", time(forecast.empty_at, now)] : [];
  const probe = breaker?.retry_at ? [", next test call at ", time(breaker.retry_at, now)] : [];
  const { burst, daily } = quota ?? {};
  return h("dl", { class: "facts" },
    fact("Waiting", [due ? records(due) : "–", ...oldest, ...empty]),
    (breaker?.state ?? "closed") !== "closed" && fact("Breaker", [plainState(breaker.state), ...probe], "bad", "It stops calls while GoHighLevel keeps failing, and makes a test call now and then"),
    pause && fact("Pause", [waitReason(pause.reason), pause.until ? [", until ", time(pause.until, now)] : ", until resumed"].flat()),
    wait && fact("Reason for waiting", [waitReason(wait.reason), secondsUntil(wait.until, now) > 2 ? [", until ", time(wait.until, now)] : ""].flat()),
    burst?.configured > burst?.limit && fact("Rate limit lowered", `${count(burst.limit)} instead of ${count(burst.configured)} calls`, "warn"),
    daily ? h("div", { class: "daily" }, h("dt", { title: "How many calls GoHighLevel allows per day" }, "Calls today"),
      h("dd", null, `${count(daily.used)} of ${count(daily.limit)} used`, daily.resets_at ? [", resets at ", time(daily.resets_at, now)] : null,
        daily.reserve > 0 ? `, ${count(daily.reserve)} reserved for high priority` : null,
        bar(daily.limit > 0 ? daily.used / daily.limit : 0, daily.left > 0 ? "accent" : "bad"))) : null);
}

function waits(byReason) {
  const entries = Object.entries(byReason ?? {}).filter(([, wait]) => wait.count > 0).sort(([, a], [, b]) => b.ms - a.ms);
  if (entries.length === 0) return null;
  const longest = Math.max(...entries.map(([, wait]) => wait.ms), 1);
  return h("table", { class: "waits" },
    h("caption", null, "Waits by reason"),
    h("thead", { class: "unseen" }, h("tr", null, ["Reason", "Times", "Total", "Share"].map((head) => h("th", { scope: "col" }, head)))),
    h("tbody", null, entries.map(([reason, wait]) => h("tr", { key: reason },
      h("th", { scope: "row" }, waitReason(reason)),
      h("td", null, `${count(wait.count)} ×`),
      h("td", null, milliseconds(wait.ms)),
      h("td", { class: "share" }, bar(wait.ms / longest, "quiet"))))));
}

function failedRecords(location, failures, settings, busy, now) {
  const known = location.failed?.count ?? 0;
  const records = failures.records;
  const codes = [...new Set(records.map((record) => errorOf(record).code).filter(Boolean))].sort();
  return h("section", { class: "failures", "aria-labelledby": "failures-title" },
    h("div", { class: "bar-of-tools" },
      h("h3", { id: "failures-title", tabindex: -1 }, known > 0 ? `Failed records (${atLeast(location.failed)})` : "Failed records"),
      failures.outdated ? button("reload-failures", "Reload changed records", false) : null),
    failures.problem ? h("p", { class: "problem" }, failures.problem, " ", button("reload-failures", "Try again", false)) : null,
    records.length === 0 && !failures.problem && !failures.cursor ? h("p", { class: "hint" }, failures.loading ? "Loading…" : "None.") : null,
    records.length > 0 ? h("p", { class: "actions" },
      button("replay-all", `Replay all ${atLeast(location.failed)}…`, busy),
      codes.map((code) => button("replay-code", `Replay all ${code}…`, busy, { "data-code": code, key: code })),
      settings?.document ? button("edit-settings", "Location settings…", busy) : null) : null,
    records.length > 0 ? h("p", { class: "hint" }, "Replay sends a record again as it is, so fix the cause first.") : null,
    failures.causes?.length > 0 ? causeTable(failures, busy) : null,
    records.length > 0 ? failureTable(records, busy, now) : null,
    failures.cursor ? h("p", { class: "more" }, button("more-failures", "Show more", failures.loading)) : null);
}

// Records that failed in the same way are fixed together.
function causeTable({ causes, capped }, busy) {
  return h("table", { class: "causes" },
    h("caption", null, `Why they failed${capped ? " (the first 1,000)" : ""}`),
    h("thead", { class: "unseen" }, h("tr", null, ["Cause", "Records", "Example", "Actions"].map((head) => h("th", { scope: "col" }, head)))),
    h("tbody", null, causes.map((cause) => h("tr", { key: `${cause.code} ${cause.status} ${cause.cause}` },
      h("th", { scope: "row", class: "why" }, h("b", { title: errorCode(cause.code) }, cause.code), cause.status ? ` ${cause.status}` : "", " ",
        h("bdi", { class: "message" }, cause.cause), remedy(cause.code) ? h("span", { class: "called" }, remedy(cause.code)) : null),
      h("td", null, plural(cause.count, "record")),
      h("td", null, "for example ", button("record-status", h("bdi", null, cause.example), false, { class: "link", "data-record": cause.example })),
      h("td", { class: "does" }, button("edit-record", "Edit the example…", busy, { "data-record": cause.example, "aria-label": `Edit the example… ${cause.example}` }), " ",
        forAllOf(cause, "replay-cause", "Replay these…", busy), " ",
        forAllOf(cause, "leave-out-cause", "Send without a field…", busy), " ",
        isOfPipeline(cause) ? [forAllOf(cause, "choose-pipeline", "Choose another pipeline…", busy), " "] : null,
        forAllOf(cause, "dismiss-cause", "Dismiss…", busy))))));
}

const forAllOf = (cause, does, label, busy) => button(does, label, busy, { "data-cause": cause.id, "aria-label": `${label} ${plural(cause.count, "record")} that failed for: ${cause.cause}` });

const isOfPipeline = ({ example, cause }) => example.startsWith("opportunity#") && /pipeline|stage/i.test(cause);

const errorOf = (record) => record.last_error ?? {};

function failureTable(records, busy, now) {
  return h("table", { class: "failed-records" },
    h("caption", { class: "unseen" }, "Permanently failed records, oldest failure first"),
    h("thead", null, h("tr", null, ["Record", "Why", "Failed at", "Actions"].map((head) => h("th", { scope: "col" }, head)))),
    h("tbody", null, records.map((record) => {
      const name = record.record;
      const error = errorOf(record);
      return h("tr", { key: name },
        h("th", { scope: "row" }, button("record-status", h("bdi", null, name), false, { class: "link", "data-record": name })),
        h("td", { class: "why" }, h("b", { title: errorCode(error.code) }, error.code ?? "–"), error.status ? ` ${error.status}` : "", " ",
          h("bdi", { class: "message" }, error.message ?? errorCode(error.code) ?? "")),
        h("td", null, time(record.failed_at ?? error.at, now)),
        h("td", { class: "does" },
          button("replay-one", "Replay", busy, { "data-record": name, "aria-label": `Replay ${name}` }), " ",
          button("edit-record", "Edit…", busy, { "data-record": name, "aria-label": `Edit ${name}…` }), " ",
          button("leave-out", "Leave out a field…", busy, { "data-record": name, "aria-label": `Leave out a field of ${name}…` }), " ",
          button("forget", "Forget…", busy, { "data-record": name, "aria-label": `Forget ${name}…` })));
    })));
}
