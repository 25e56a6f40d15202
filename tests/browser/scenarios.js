// What the API answers in each situation, as functions of the time.

const MINUTE = 60_000;

const iso = (at) => new Date(at).toISOString();

const COUNTERS = {
  calls: 18_240, rate_limit_hits: 2, retry_attempts: 61, circuit_breaker_opens: 1, succeeded: 18_101, failed: 12, deferred: 40, unchanged: 911, calls_saved: 1_366,
  reconciling: { compared: 240, states_repaired: 31, resent: 4, superseded: 1, put_off: 2 },
  waits: { pace: { count: 1_804, ms: 5_401_000 }, backoff: { count: 59, ms: 121_000 }, throttled: { count: 2, ms: 19_000 } },
  average_backoff_delay_ms: 2_050.8, sync_success_rate: 0.99934,
};

const NO_COUNTERS = {
  calls: 0, rate_limit_hits: 0, retry_attempts: 0, circuit_breaker_opens: 0, succeeded: 0, failed: 0, deferred: 0, unchanged: 0, calls_saved: 0,
  reconciling: { compared: 0, states_repaired: 0, resent: 0, superseded: 0, put_off: 0 },
  waits: {}, average_backoff_delay_ms: 0, sync_success_rate: null,
};

// Minutes of work, `from` to `to` minutes ago, with a 429 and some retries in between.
function minutes(now, from, to, pace = 585) {
  return Array.from({ length: from - to + 1 }, (_, index) => {
    const at = Math.floor(now / MINUTE) * MINUTE - (from - index) * MINUTE;
    const calls = Math.round(pace * (0.93 + 0.07 * Math.sin(index)));
    const troubled = index % 17 === 9;
    return {
      at: iso(at), calls, allowed: 600, rate_limit_hits: troubled ? 1 : 0, succeeded: calls - (troubled ? 9 : 1),
      failed: index % 13 === 5 ? 2 : 0, retries: troubled ? 8 : index % 5 === 0 ? 1 : 0, wait_ms: 51_000 + 900 * (index % 7),
    };
  });
}

function location(now, id, changes = {}) {
  return {
    id, scope: id, enabled: true, state: "idle",
    breaker: { state: "closed", retry_at: null }, pause: null, waits_for: null,
    quota: {
      burst: { limit: 100, configured: 100, window_ms: 10_000, left: 100 },
      daily: { limit: 200_000, used: 18_240, left: 181_760, reserve: 0, resets_at: iso(now + 5 * 60 * MINUTE) },
    },
    due: { count: 0, capped: false, oldest_at: null }, failed: { count: 0, capped: false },
    forecast: null, counters: NO_COUNTERS, minutes: [], ...changes,
  };
}

function syncing(now, id, changes = {}) {
  const left = 3 + Math.round(30 * (1 + Math.sin(now / 4_000)));
  return location(now, id, {
    state: "syncing",
    quota: {
      burst: { limit: 100, configured: 100, window_ms: 10_000, left },
      daily: { limit: 200_000, used: 18_240, left: 181_760, reserve: 0, resets_at: iso(now + 5 * 60 * MINUTE) },
    },
    waits_for: { reason: "pace", until: iso(now + 800) },
    due: { count: 1_950, capped: false, oldest_at: iso(now - 190_000) },
    forecast: { empty_at: iso(now + 200_400), seconds: 200, at_least: false },
    counters: COUNTERS, minutes: minutes(now, 32, 0), ...changes,
  });
}

function overview(now, locations, changes = {}) {
  return {
    time: iso(now), status: "ok", reasons: [], last_tick: { at: iso(now - 12_300), age_s: 12.3 }, dead_letters: 0,
    totals: locations.length > 0 ? COUNTERS : NO_COUNTERS, locations, ...changes,
  };
}

// A record's story, as the API tells it.
export function story(now, name, changes = {}) {
  const [kind, ...id] = name.split("#");
  return {
    record: name, kind, id: id.join("#"), state: "due", version: 3, accepted_version: null, accepted_at: null, ghl_id: null, last_known: null, priority: "normal",
    put_at: iso(now - 600_000), due_at: iso(now + 28_000), failed_at: null, superseded_at: null, attempts: 2, last_error: null, errors: [], dry_run: null,
    waits_for: { reason: "backoff", until: iso(now + 28_000) }, expected_at: iso(now + 28_000), ...changes,
  };
}

// One that somebody changed in GHL, where GHL's content stands.
export function superseded(now, name) {
  const changed = iso(now - 3 * MINUTE);
  return story(now, name, {
    state: "superseded", accepted_version: 3, accepted_at: iso(now - 9 * MINUTE), ghl_id: "nmFmQEsNgz6AVpgLVUJ0", due_at: null, superseded_at: changed,
    attempts: 0, waits_for: null, expected_at: null,
    errors: [{ code: "MAX_RETRIES_EXCEEDED", status: 503, message: "Service Unavailable", at: iso(now - 10 * MINUTE) }],
    last_known: { at: changed, told_by: "reconciling", origin: "elsewhere", content: { firstName: "Bob", tags: ["vip"] } },
  });
}

function failure(now, id, code, status, message) {
  const at = iso(now - 7 * MINUTE);
  return story(now, `contact#${id}`, {
    state: "failed", due_at: null, waits_for: null, expected_at: null, failed_at: at, last_error: { code, status, message, at },
  });
}

const FAILURES = [
  ["crm-1041", "REJECTED", 422, "email must be an email"],
  ["crm-1977", "REJECTED", 422, "phone: must be in E.164"],
  ["crm-2203", "AMBIGUOUS", null, "no answer within 10 s, and nothing to look for it by"],
];

const failuresOf = (now, rows = FAILURES) => rows.map((row) => failure(now, ...row));

const BREAKER_OPEN = {
  state: "waiting", breaker: { state: "open", retry_at: null }, waits_for: null, forecast: null,
  due: { count: 812, capped: false, oldest_at: null },
};

// A scenario answers `overview` and `failures` at a time; `replay`, if it is there, how a replay ends.
export const SCENARIOS = {
  healthy: {
    overview: (now) => overview(now, [
      syncing(now, "ve9EPM428h8vShlRW1KT"),
      location(now, "C2QujeCh8ZnC7al2InWR", { counters: COUNTERS, minutes: minutes(now, 55, 21, 300) }),
      location(now, "trialA", { scope: "trial", counters: COUNTERS, minutes: minutes(now, 40, 36, 120) }),
      location(now, "leftUs", { enabled: false }),
    ]),
  },
  single: { overview: (now) => overview(now, [syncing(now, "loc_demo")]) },
  "breaker-open": {
    overview: (now, started) => {
      const retryAt = started + 42_000;
      const open = { ...BREAKER_OPEN, breaker: { state: now < retryAt ? "open" : "half_open", retry_at: iso(retryAt) }, waits_for: { reason: "breaker", until: iso(retryAt) } };
      return overview(now, [
        syncing(now, "ve9EPM428h8vShlRW1KT"),
        syncing(now, "C2QujeCh8ZnC7al2InWR", { ...open, due: { count: 812, capped: false, oldest_at: iso(started - 95_000) }, minutes: minutes(now, 32, 2) }),
      ], { status: "failing", reasons: ["breaker of C2QujeCh8ZnC7al2InWR is open"] });
    },
  },
  paused: {
    overview: (now, started) => overview(now, [
      syncing(now, "byHand", { state: "paused", pause: { reason: "operator", until: null, note: "field mapping is being changed, ask Ann" }, forecast: null, waits_for: null }),
      syncing(now, "badToken", { state: "paused", pause: { reason: "credentials", until: iso(started + 250_000), note: null }, forecast: null, waits_for: null }),
      syncing(now, "throttled", { state: "paused", pause: { reason: "throttled", until: iso(started + 9_000), note: null }, forecast: null, waits_for: null }),
      syncing(now, "daily", { state: "waiting", forecast: null, waits_for: { reason: "daily_quota", until: iso(started + 7_300_000) } }),
    ], { status: "degraded", reasons: ["byHand is paused by an operator", "the token of badToken is refused"] }),
  },
  empty: { overview: (now) => overview(now, [], { last_tick: null }) },
  failures: {
    overview: (now, _, failures) => overview(now, [
      syncing(now, "ve9EPM428h8vShlRW1KT", { failed: { count: failures.length, capped: false } }),
      location(now, "C2QujeCh8ZnC7al2InWR"),
    ], failures.length > 0 ? { status: "degraded", reasons: [`${failures.length} records of ve9EPM428h8vShlRW1KT have failed`], dead_letters: 2 } : {}),
    failures: failuresOf,
  },
  "failing-replay": {
    overview: (now, _, failures) => overview(now, [syncing(now, "ve9EPM428h8vShlRW1KT", { failed: { count: failures.length, capped: false } })]),
    failures: failuresOf,
    replay: { status: 503, problem: { type: "about:blank", title: "Service Unavailable", status: 503, detail: "the store does not answer" } },
  },
  many: {
    overview: (now) => overview(now, Array.from({ length: 300 }, (_, index) => {
      const id = `loc${String(index).padStart(3, "0")}xEPM428h8vShl`;
      if (index === 250) return syncing(now, id, { ...BREAKER_OPEN, breaker: { state: "open", retry_at: iso(now + 30_000) } });
      if (index === 120) return syncing(now, id, { failed: { count: 100, capped: true } });
      return index % 3 === 0 ? syncing(now, id, { due: { count: 10 * index, capped: false, oldest_at: iso(now - 60_000) } }) : location(now, id);
    }), { status: "failing", reasons: ["breaker of loc250xEPM428h8vShl is open"] }),
  },
  hostile: {
    overview: (now, _, failures) => overview(now, [
      syncing(now, HOSTILE_LOCATION, {
        scope: "\u202Eepocs", failed: { count: failures.length, capped: false },
        pause: { reason: "operator", until: null, note: "<script>window.hacked = 1</script>" }, waits_for: { reason: "constructor", until: null },
        counters: { ...COUNTERS, waits: { "<b>bold</b>": { count: 1, ms: 5 } } },
      }),
    ], { status: "degraded", reasons: ["<img src=x onerror=\"window.hacked = 2\">"] }),
    failures: (now) => failuresOf(now, [
      ["<img src=x onerror=\"window.hacked = 3\">", "REJECTED", 422, "\"><svg onload=\"window.hacked = 4\">"],
      ["a/b?c#d%2F../e", "<i>CODE</i>", 400, `${"x".repeat(400)}\u0000\u202E`],
      ["\u202Etxt.exe 🙈", "REJECTED", 422, "javascript:window.hacked = 5"],
    ]),
  },
};

export const HOSTILE_LOCATION = "<a href=\"javascript:window.hacked=6\">loc</a>/../x?y#z";
