// The API's responses in each situation, as functions of the time.

const MINUTE = 60_000;

const iso = (at) => new Date(at).toISOString();

export const COUNTERS = {
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

// Minutes of work, `from` to `to` minutes ago, with a 429 and some retries.
export function minutes(now, from, to, pace = 585) {
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

export function location(now, id, changes = {}) {
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

export function syncing(now, id, changes = {}) {
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

export function overview(now, locations, changes = {}) {
  return {
    time: iso(now), status: "ok", reasons: [], last_tick: { at: iso(now - 12_300), age_s: 12.3 }, dead_letters: 0,
    totals: locations.length > 0 ? COUNTERS : NO_COUNTERS, locations, ...changes,
  };
}

// A record's status, in the API's format.
export function recordStatus(now, name, changes = {}) {
  const [kind, ...id] = name.split("#");
  return {
    record: name, name: null, kind, id: id.join("#"), state: "due", to_delete: false, version: 3, accepted_version: null, accepted_at: null, ghl_id: null, last_known: null, priority: "normal",
    put_at: iso(now - 600_000), due_at: iso(now + 28_000), failed_at: null, superseded_at: null, not_sent: [], attempts: 2, last_error: null, errors: [], dry_run: null,
    waits_for: { reason: "backoff", until: iso(now + 28_000) }, expected_at: iso(now + 28_000), ...changes,
  };
}

// A record that somebody changed in GHL; GHL's content stays.
export function superseded(now, name) {
  const changed = iso(now - 3 * MINUTE);
  return recordStatus(now, name, {
    state: "superseded", accepted_version: 3, accepted_at: iso(now - 9 * MINUTE), ghl_id: "nmFmQEsNgz6AVpgLVUJ0", due_at: null, superseded_at: changed, not_sent: [],
    attempts: 0, waits_for: null, expected_at: null,
    errors: [{ code: "MAX_RETRIES_EXCEEDED", status: 503, message: "Service Unavailable", at: iso(now - 10 * MINUTE) }],
    last_known: { at: changed, told_by: "reconciling", origin: "elsewhere", content: { firstName: "Bob", tags: ["vip"] }, differs: null },
  });
}

// A record that GHL did not store completely, and that differs there: a name with HTML, a phone number in another form.
export function differing(now, name) {
  return recordStatus(now, name, {
    state: "accepted", accepted_version: 3, accepted_at: iso(now - 9 * MINUTE), ghl_id: "nmFmQEsNgz6AVpgLVUJ0", due_at: null, attempts: 0, waits_for: null, expected_at: null, not_stored: ["gender", "customFields.f1"],
    content: {
      firstName: "Ada", lastName: "<b>Lee</b>", name: "Ada <b>Lee</b>", phone: "0151 23456789", email: "Ada@example.com", country: "DE", source: "Fair", gender: "female", timezone: "Europe/Berlin", dateOfBirth: "1991-04-03",
      dnd: false, tags: ["VIP", "fair"], removeTags: ["lead"], customFields: [{ id: "f1", value: 42 }, { id: "f2", value: "7" }, { key: "contact.size", value: "L" }],
    },
    last_known: {
      at: iso(now - 3 * MINUTE), told_by: "webhook", origin: "elsewhere", differs: ["lastName", "name", "tags", "removeTags", "customFields.f1"],
      content: { firstName: "ada", lastName: "<i>Byron</i>", phone: "+4915123456789", email: "ada@example.com", country: "Germany", source: "Fair ghlsync0123456789abcdef", dateOfBirth: "1991-04-03T00:00:00.000Z", tags: ["vip", "lead"], customFields: [{ id: "f2", value: 7 }] },
    },
  });
}

// A location's settings and facts.
export function accountOf(now, id) {
  const hostile = id.includes("<");
  return {
    id, revision: 4,
    settings: {
      scope: id, day_scope: id, enabled: true, api: "v2", credentials: "secretsmanager:x", pace: { limit: 100, window_ms: 10_000 }, daily_limit: 200_000, daily_reserve: 500,
      dry_run: false, default_priority: "normal", conflict: "ours", content_days: null, name: hostile ? "<b>name</b>" : "Dentist Berlin", tags: hostile ? ["\"><img src=x onerror=\"window.hacked = 20\">"] : ["dentists", "Mitte, Berlin"],
    },
    overrides: {},
    credentials: { reference: "secretsmanager:x", kind: "oauth", expires_at: iso(now + 12.5 * 24 * 60 * MINUTE), days_left: 12 },
    facts: {
      asked_at: iso(now - 60 * MINUTE), as_of: iso(now - 60 * MINUTE), name: hostile ? "<script>window.hacked = 21</script>" : "Dental Care Berlin", company: "Dental Group", timezone: "Europe/Berlin", country: "DE", custom_fields: 14,
      pipelines: [{ id: "q1", name: hostile ? "<b>Sales</b>" : "Sales", stages: [{ id: "r1", name: "New" }, { id: "r2", name: hostile ? "\"><img src=x onerror=\"window.hacked = 23\">" : "Won" }] }, { id: "q2", name: "Service", stages: [] }],
      untold: hostile ? [{ what: "custom_fields", why: "<img src=x onerror=\"window.hacked = 22\">" }] : [],
    },
  };
}

// An import, in the format of its status.
function imported(started, id, changes = {}) {
  const tallied = (number) => ({ count: number, capped: false });
  return {
    id, name: `${id}.csv`, state: "complete", created_at: iso(started - 40 * MINUTE), updated_at: iso(started - 38 * MINUTE), finished_at: iso(started - 38 * MINUTE), rows: 32, records: 30,
    problems: { invalid_phone: 2 }, files: [`${id}.csv`], counts: { pending: tallied(0), accepted: tallied(28), failed: tallied(2), other: tallied(0) },
    undo: { until: iso(started + 29 * 24 * 60 * MINUTE), undone: tallied(0), left: tallied(0) }, ...changes,
  };
}

function failure(now, id, code, status, message) {
  const at = iso(now - 7 * MINUTE);
  return recordStatus(now, `contact#${id}`, {
    state: "failed", due_at: null, waits_for: null, expected_at: null, failed_at: at, last_error: { code, status, message, at }, errors: [{ code, status, message, at }],
    content: { email: "not an address", firstName: "Ada" },
  });
}

const FAILURES = [
  ["crm-1041", "REJECTED", 422, "email must be an email"],
  ["crm-1977", "REJECTED", 422, "phone: must be in E.164"],
  ["crm-2203", "AMBIGUOUS", null, "no answer within 10 s, and nothing to look for it by"],
];

export const failuresOf = (now, rows = FAILURES) => rows.map((row) => failure(now, ...row));

const BREAKER_OPEN = {
  state: "waiting", breaker: { state: "open", retry_at: null }, waits_for: null, forecast: null,
  due: { count: 812, capped: false, oldest_at: null },
};

// A migration, in the format of the list and of its status.
export function migration(now, id, changes = {}) {
  return {
    migration_id: id, source: "oldAccount", target: "newAccount", dry_run: false, auto_approve: false, approved: true,
    status: "running", stage: "contacts", current: 120, total: 198, percentage: 60.6, message: "contacts: 120 of 198",
    rate_per_second: 9.4, seconds_left: 9, errors: 0, reason: null,
    forecast: {
      structure: { source: 60, creates: 40, updates: 0, skips: 1, conflicts: 0 }, contacts: { source: 198, creates: 190, updates: 8, skips: 0, conflicts: 2 },
      opportunities: { source: 60, creates: 60, updates: 0, skips: 0, conflicts: 0 }, creates: 290, updates: 8, skips: 1, conflicts: 2,
      calls: 412, source_calls: 12, target_calls: 400, seconds: 44, finish_at: iso(Math.floor(now / MINUTE) * MINUTE), daily_share_percent: 0.2,
    },
    settings: { preset: "small", batch_size: 50, rate_limit_delay: 0.1, similarity_threshold: 0.85, skip_opportunities: false, skip_verify: false },
    created_at: iso(now - 95_000), updated_at: iso(now - 1_200), finished_at: null,
    audit: [{ at: iso(now - 95_000), by: "operator", action: "start" }], ...changes,
  };
}

export const WAITING = {
  status: "awaiting_approval", stage: "await_approval", approved: false, current: 1, total: 1, percentage: 100, rate_per_second: null, seconds_left: null,
  message: "the mapping is made; approve it to go on",
};

const mapped = (id, name, target, how, confidence, explanation) => ({ source_id: id, source_name: name, target, how, confidence, explanation });

export const MAPPING = {
  custom_fields: [
    mapped("f1", "Shoe size", { action: "existing", id: "t1", name: "Shoe size" }, "exact_key", 1, "the same key"),
    mapped("f2", "Shirt-Size", { action: "existing", id: "t2", name: "shirt size" }, "similar", 0.91, "the names are 91 % alike"),
    mapped("f3", "Größe ✨", { action: "create", name: "Größe ✨" }, "none", 0, "nothing like it is in the target"),
  ],
  custom_values: [], tags: [mapped("tag", "vip", { action: "create", name: "vip" }, "none", 0, "made by adding it to a contact")],
  users: [mapped("u1", "Ann", { action: "skip", reason: "nobody of that e-mail address is in the target" }, "none", 0, "nobody of that e-mail address is in the target")],
  pipelines: [mapped("p1", "Sales", { action: "ask", reason: "GHL lets nobody make pipelines", suggestions: [{ id: "q1", name: "Sales 2026", confidence: 0.82 }] }, "none", 0, "no pipeline of that name is in the target")],
  stages: [{ ...mapped("s1", "Won", { action: "skip", reason: "its pipeline is not decided" }, "none", 0, "its pipeline is not decided"), pipeline_id: "p1" }],
  // Everything in the target.
  targets: {
    custom_fields: [{ id: "t1", name: "Shoe size", detail: "contact, NUMERICAL" }, { id: "t2", name: "shirt size", detail: "contact, TEXT" }, { id: "t9", name: "Size", detail: "contact, TEXT" }],
    custom_values: [], tags: Array.from({ length: 600 }, (_, index) => ({ id: `tag${index}`, name: `tag ${index}` })),
    users: [{ id: "w1", name: "Ann Smith", detail: "ann@example.com" }],
    pipelines: [{ id: "q1", name: "Sales 2026" }, { id: "q2", name: "Service" }],
    stages: [{ id: "r1", name: "Won", pipeline_id: "q1" }, { id: "r2", name: "Closed", pipeline_id: "q2" }],
  },
  type_conflicts: [{ source_id: "f4", source_name: "Score", source_type: "NUMERICAL", target_id: "t4", target_name: "Score", target_type: "TEXT", resolution: "made anew as “Score 2”" }],
  warnings: ["the target allows duplicates of contacts"],
  summary: { pipelines_total: 1, pipelines_mapped: 0, fields_total: 3, fields_mapped: 3, overall_readiness_percent: 83, questions: 1 },
};

const HOSTILE_MAPPING = {
  ...MAPPING, warnings: ["<img src=x onerror=\"window.hacked = 8\">"],
  pipelines: [mapped("p 1", "<script>window.hacked = 9</script>", { action: "ask", reason: "x", suggestions: [{ id: "\"><b>", name: "\u202Ex</option><img src=x onerror=\"window.hacked = 10\">", confidence: 0.5 }] }, "none", 0, "<b>why</b>")],
};

// `number` locations, one with an open breaker and one with failures. `asOf` maps the present time to the time of their
// figures; if it always returns the same time, they are built only once.
export function manyLocations(number, asOf) {
  let made = { at: null };
  const locations = (now) => Array.from({ length: number }, (_, index) => {
    const id = `loc${String(index).padStart(3, "0")}xEPM428h8vShl`;
    if (index === 250) return syncing(now, id, { ...BREAKER_OPEN, breaker: { state: "open", retry_at: iso(now + 30_000) } });
    if (index === 120) return syncing(now, id, { failed: { count: 100, capped: true } });
    return index % 3 === 0 ? syncing(now, id, { due: { count: 10 * index, capped: false, oldest_at: iso(now - 60_000) } }) : location(now, id);
  });
  return {
    overview: (now) => {
      const at = asOf(now);
      if (made.at !== at) made = { at, locations: locations(at) };
      return overview(now, [...made.locations], { status: "failing", reasons: ["GHL fails for loc250xEPM428h8vShl: its breaker is open"] });
    },
  };
}

// A scenario returns `overview` and `failures` for a time, and `migrations`, each with this `mapping`; optionally
// `replay`, the result of a replay, and `refuses`, the refusal of an approval.
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
      ], { status: "failing", reasons: ["GHL fails for C2QujeCh8ZnC7al2InWR: its breaker is open"] });
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
  imports: {
    overview: (now) => overview(now, [syncing(now, "ve9EPM428h8vShlRW1KT"), location(now, "C2QujeCh8ZnC7al2InWR")]),
    imports: (started) => [
      imported(started, "people-2026"),
      imported(started, "big list", { state: "open", finished_at: null, rows: null, problems: {}, undo: null, counts: { pending: { count: 1_200, capped: false }, accepted: { count: 800, capped: false }, failed: { count: 0, capped: false }, other: { count: 0, capped: false } } }),
    ],
  },
  outage: {
    overview: (now, started) => overview(now, [
      syncing(now, "ve9EPM428h8vShlRW1KT", {
        state: "waiting", waits_for: null, due: { count: 1_950, capped: false, oldest_at: iso(started - 20 * MINUTE) }, forecast: { empty_at: iso(now + 5_000), seconds: 5, at_least: false }, minutes: minutes(now, 32, 19),
      }),
    ]),
  },
  late: { overview: (now) => overview(now, [location(now, "C2QujeCh8ZnC7al2InWR")], { status: "failing", last_tick: { at: iso(now - 400_000), age_s: 400 } }) },
  "failing-replay": {
    overview: (now, _, failures) => overview(now, [syncing(now, "ve9EPM428h8vShlRW1KT", { failed: { count: failures.length, capped: false } })]),
    failures: failuresOf,
    replay: { status: 503, problem: { type: "about:blank", title: "Service Unavailable", status: 503, detail: "the store does not answer" } },
  },
  migrations: {
    overview: (now) => overview(now, [syncing(now, "oldAccount"), syncing(now, "newAccount")]),
    migrations: (now) => [
      migration(now, "mig-2"), migration(now, "mig-1", { ...WAITING, source: "firstAccount" }),
      migration(now, "mig-0", { status: "done", stage: "finish", percentage: 100, finished_at: iso(now - 600_000), message: "198 contacts and 60 opportunities migrated", source: "doneAccount" }),
    ],
    mapping: MAPPING,
  },
  "waiting-migration": {
    overview: (now, started) => overview(now, [
      syncing(now, "oldAccount"),
      syncing(now, "newAccount", { state: "waiting", forecast: null, waits_for: { reason: "daily_quota", until: iso(started + 7_300_000) } }),
      syncing(now, "heldAccount", { state: "paused", pause: { reason: "operator", until: null, note: null }, forecast: null, waits_for: null }),
    ]),
    migrations: (now) => [
      migration(now, "mig-2"), migration(now, "mig-1", { target: "heldAccount", status: "needs_input", stage: "pipelines", reason: "the pipeline \"Sales\" cannot be made" }),
      migration(now, "mig-0", { source: "seenAccount", target: "newAccount", dry_run: true, status: "done", stage: "await_approval", approved: false }),
    ],
    mapping: MAPPING,
  },
  // A cancelled migration that withdraws for two polls, and one that was rolled back.
  "stopped-migrations": {
    overview: (now) => overview(now, [syncing(now, "oldAccount"), syncing(now, "newAccount")]),
    migrations: (now, started) => {
      const withdrawing = now < started + 5_000;
      const sums = { total_count: 117, migrated_count: withdrawing ? 12 : 13, open_count: withdrawing ? 105 : 0, withdrawn_count: withdrawing ? 0 : 104 };
      return [
        migration(now, "mig-2", { status: "cancelled", withdrawing, sums, source: "cancelledAccount", finished_at: iso(started) }),
        migration(now, "mig-1", {
          status: "rolled_back", stage: "finish", source: "revertedAccount", finished_at: iso(started), message: "25 contacts, 0 opportunities and 9 of the structure deleted, 1 kept",
          sums: { total_count: 26, migrated_count: 26, deleted_count: 25 },
        }),
      ];
    },
    mapping: MAPPING,
  },
  "failing-approval": {
    overview: (now) => overview(now, [syncing(now, "oldAccount"), syncing(now, "newAccount")]),
    migrations: (now) => [migration(now, "mig-1", { ...WAITING, status: "needs_input", reason: "the mapping has questions: pipelines \"Sales\"" })],
    mapping: MAPPING,
    refuses: { type: "urn:ghl-sync:invalid", title: "The request is not valid", status: 422, detail: "the decisions about the mapping cannot be followed; nothing was changed", errors: [{ field: "overrides.pipelines.p1", detail: "is gone" }] },
  },
  many: manyLocations(300, (now) => now),
  hostile: {
    isHostile: true,
    overview: (now, _, failures) => overview(now, [
      syncing(now, HOSTILE_LOCATION, {
        scope: "\u202Eepocs", failed: { count: failures.length, capped: false },
        pause: { reason: "operator", until: null, note: "<script>window.hacked = 1</script>" }, waits_for: { reason: "constructor", until: null },
        counters: { ...COUNTERS, waits: { "<b>bold</b>": { count: 1, ms: 5 } } },
      }),
    ], { status: "degraded", reasons: ["<img src=x onerror=\"window.hacked = 2\">"] }),
    migrations: (now) => [migration(now, HOSTILE_MIGRATION, { ...WAITING, source: HOSTILE_LOCATION, reason: "<svg onload=\"window.hacked = 11\">", audit: [{ at: iso(now), by: "<b>me</b>", action: "<i>x</i>" }] })],
    mapping: HOSTILE_MAPPING,
    failures: (now) => failuresOf(now, [
      ["<img src=x onerror=\"window.hacked = 3\">", "REJECTED", 422, "\"><svg onload=\"window.hacked = 4\">"],
      ["a/b?c#d%2F../e", "<i>CODE</i>", 400, `${"x".repeat(400)}\u0000\u202E`],
      ["\u202Etxt.exe 🙈", "REJECTED", 422, "javascript:window.hacked = 5"],
    ]),
  },
};

export const HOSTILE_MIGRATION = "mig-<b>/../#";
export const HOSTILE_LOCATION = "<a href=\"javascript:window.hacked=6\">loc</a>/../x?y#z";
