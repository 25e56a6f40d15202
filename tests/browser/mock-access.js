// Keys and the audit trail as the API returns them to an admin, and its refusals to others and under IAM.

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

const iso = (at) => new Date(at).toISOString();

function key(started, id, changes = {}) {
  return {
    id, name: "crm", role: "operate", locations: null, tags: [], state: "active", created_at: iso(started - 40 * DAY), created_by: "bootstrap", last_used_at: iso(started - HOUR),
    expires_at: null, revoked_at: null, revoked_by: null, ...changes,
  };
}

export const HOSTILE_NAME = "<img src=x onerror=\"window.hacked = 30\">";

const keysOf = (started, isHostile, locations = ["ve9EPM428h8vShlRW1KT", "C2QujeCh8ZnC7al2InWR"]) => [
  key(started, "5f1c09e2a7b3d481", { locations, expires_at: iso(started + 90 * DAY) }),
  key(started, "00c0ffee00c0ffee", { name: "support", role: "read", last_used_at: null, created_by: isHostile ? HOSTILE_NAME : "ann" }),
  key(started, "a1a1a1a1a1a1a1a1", { name: "ann", role: "admin" }),
  key(started, "deadbeefdeadbeef", { name: "old-crm", state: "revoked", revoked_at: iso(started - DAY), revoked_by: "ann" }),
  key(started, "0123456789abcdef", { name: "trial", role: "read", state: "expired", expires_at: iso(started - 2 * DAY) }),
];

const entry = (started, number, changes) => ({
  at: iso(started - number * 7 * 60_000), request_id: `request-${number}`, caller: "ann", key: "a1a1a1a1a1a1a1a1", operation: "replay", location: "ve9EPM428h8vShlRW1KT", subject: null, status: 200, ...changes,
});

function trail(started, isHostile) {
  const kinds = [
    {}, { operation: "pause", status: 204 }, { operation: "make_key", location: null, subject: "5f1c09e2a7b3d481", status: 201 }, { caller: "crm", key: "5f1c09e2a7b3d481", operation: "change_location", status: 403 },
    { operation: "start_migration", location: null, subject: "mig-2", status: 202 }, { operation: "undo_import", subject: "people-2026", status: 503 },
  ];
  const hostile = isHostile ? { caller: HOSTILE_NAME, operation: "<i>x</i>", subject: "<svg onload=\"window.hacked = 31\">" } : {};
  return Array.from({ length: 60 }, (_, index) => entry(started, index + 1, { ...kinds[index % kinds.length], ...hostile }));
}

const problem = (status, title, detail) => ({ status, answer: { type: "about:blank", title, status, detail } });

// Returns the response; undefined for another path. `scenario.access` is "operate" or "iam" if the caller is not an
// admin.
export function access(mock, scenario, started, method, pathname, query, body) {
  if (!/^\/v1\/(keys|audit)(\/|$)/.test(pathname)) return null;
  if (scenario.access === "operate") return problem(403, "The key does not allow this", "this takes a key with the role admin");
  const isHostile = scenario.isHostile === true;
  if (pathname === "/v1/audit") {
    const since = Date.parse(query.get("since") ?? 0);
    const all = trail(started, isHostile).filter(({ at }) => Date.parse(at) >= since);
    const from = Number(query.get("cursor") ?? 0);
    const next = from + Number(query.get("limit") ?? 50);
    return { answer: { requests: all.slice(from, next), cursor: next < all.length ? String(next) : null } };
  }
  mock.keys ??= scenario.access === "iam" ? [] : keysOf(started, isHostile, scenario.keyLocations);
  if (method === "GET") return { answer: { keys: mock.keys } };
  if (method === "POST" && scenario.access === "iam") return problem(409, "Not now", "this stack checks AWS signatures (ApiAuth=iam) and takes no keys");
  if (method === "POST") {
    const { name, role, locations = null, tags = [], expires_at = null } = JSON.parse(body);
    if (role === "admin" && locations) return { status: 422, answer: { type: "urn:ghl-sync:invalid", title: "The request is not valid", status: 422, detail: "nothing was changed", errors: [{ field: "locations", detail: "an admin is good for all locations" }] } };
    // Like the API's list, which may lag for a moment.
    return { status: 201, answer: { key: "ghls_1234567890abcdef_c2VjcmV0LXNlY3JldC1zZWNyZXQ", about: key(Date.now(), "1234567890abcdef", { name, role, locations, tags, expires_at, created_at: iso(Date.now()), created_by: "ann", last_used_at: null }) } };
  }
  const id = decodeURIComponent(pathname.split("/").at(-1));
  mock.keys = mock.keys.map((one) => (one.id === id ? { ...one, state: "revoked", revoked_at: iso(Date.now()), revoked_by: "ann" } : one));
  return { status: 204 };
}
