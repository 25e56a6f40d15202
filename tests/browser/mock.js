// The part of the API that the dashboard uses, with responses from a scenario.
//
//     node mock.js [SCENARIO] [PORT]     serves the page on http://127.0.0.1:PORT/dashboard, from its sources at each load
//
// Assembles pages and policies like the API; `live.test.js` runs against the real one.

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { setTimeout } from "node:timers/promises";
import { pathToFileURL } from "node:url";

import { access } from "./mock-access.js";
import { lists, merged } from "./mock-lists.js";
import { SCENARIOS, accountOf, differing, recordStatus, superseded } from "./scenarios.js";

const SOURCES = new URL("../../functions/api/src/dashboard/", import.meta.url);
const STYLE = new URL("../../shared/web/src/style.css", import.meta.url);
// The files of the page, in the API's order.
const SCRIPTS = [...readFileSync(new URL("../routes/page.rs", SOURCES), "utf8").matchAll(/include_str!\("\.\.\/dashboard\/(.*\.js)"\)/g)].map(([, name]) => name);
const PAGE_SIZE = 2;
// Each response is delayed by a random part of this, which reveals missing waits in a test.
const ANSWERS_WITHIN_MS = Number(process.env.ANSWERS_WITHIN_MS ?? 0);

const source = (name) => readFileSync(new URL(name, SOURCES), "utf8");

function page() {
  const style = readFileSync(STYLE, "utf8");
  const script = SCRIPTS.map(source).join("");
  const hash = (text) => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
  return {
    html: source("index.html").replace("{{style}}", () => style).replace("{{script}}", () => script),
    policy: `default-src 'none'; style-src ${hash(style)}; script-src ${hash(script)}; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
  };
}

/// Starts it with a scenario, or with the one of that name. `requests` gathers what was asked for, bodies included. `key`, if set, is the password that is wanted;
/// `down` makes it hang up.
export async function startMock(name, { port = 0, key = null } = {}) {
  const started = Date.now();
  const scenario = typeof name === "string" ? SCENARIOS[name] : name;
  const mock = { requests: [], key, down: false, failures: scenario.failures?.(started) ?? [], changes: {}, migrations: {}, settings: {}, imports: {}, lists: {}, gone: new Set() };
  const server = createServer(async (request, response) => {
    if (mock.down) return request.socket.destroy();
    const chunks = [];
    // A test can hold back a list's file.
    if (request.url.startsWith("/upload/")) await mock.lists.gate;
    try {
      for await (const chunk of request) chunks.push(chunk);
    } catch {
      return; // The upload was aborted.
    }
    const body = Buffer.concat(chunks).toString();
    mock.requests.push({ method: request.method, url: request.url, headers: request.headers, body });
    if (mock.key !== null && password(request) !== mock.key) {
      response.setHeader("www-authenticate", 'Basic realm="ghl-sync"');
      return send(response, 401, { type: "about:blank", title: "Unauthorized", status: 401 });
    }
    if (ANSWERS_WITHIN_MS > 0 && request.url !== "/dashboard") await setTimeout(ANSWERS_WITHIN_MS * Math.random());
    const { status = 200, answer, html, file, policy, etag } = route(mock, scenario, started, request, body);
    if (etag) response.setHeader("etag", etag);
    if (file !== undefined) return response.writeHead(200, { "content-type": "text/csv", "content-disposition": "attachment" }).end(file);
    if (html === undefined) return send(response, status, answer);
    response.writeHead(200, { "content-type": "text/html; charset=utf-8", "content-security-policy": policy, "cache-control": "no-store" }).end(html);
  });
  await new Promise((resolve) => server.listen(port, "127.0.0.1", resolve));
  mock.url = `http://127.0.0.1:${server.address().port}`;
  mock.close = () => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  };
  return mock;
}

const password = (request) => Buffer.from((request.headers.authorization ?? "").replace(/^Basic /, ""), "base64").toString().split(":")[1];

function send(response, status, answer) {
  const type = status < 400 ? "application/json" : "application/problem+json";
  response.writeHead(status, { "content-type": type }).end(answer && JSON.stringify(answer));
}

function route(mock, scenario, started, { method, url, headers }, body) {
  const { pathname, searchParams } = new URL(url, "http://mock");
  if (pathname === "/dashboard") return page();
  if (pathname === "/v1/overview") return { answer: pageOf(overview(mock, scenario, started), searchParams) };
  if (pathname === "/v1/imports") return { answer: recentImports(scenario, started) };
  if (pathname.startsWith("/api/v1/migration")) return migration(mock, scenario, started, method, pathname, body, searchParams);
  const allowed = access(mock, scenario, started, method, pathname, searchParams, body);
  if (allowed) return allowed;
  const ofLists = lists(mock, method, pathname, body, searchParams);
  if (ofLists) return ofLists;
  const alone = /^\/v1\/locations\/([^/]+)$/.exec(pathname);
  if (alone) return settings(mock, decodeURIComponent(alone[1]), method, body, headers["if-match"]);
  const [, id, rest] = /^\/v1\/locations\/([^/]+)\/(.+)$/.exec(pathname) ?? [];
  if (id === undefined) return problem(404, "Not Found", `nothing is at ${pathname}`);
  if (method === "GET" && rest === "overview") return one(overview(mock, scenario, started), decodeURIComponent(id));
  if (method === "GET" && rest === "records" && searchParams.has("q")) return { answer: found(mock, searchParams) };
  if (method === "GET" && rest === "records" && searchParams.get("state") !== "failed") return { answer: listed(mock, searchParams) };
  if (method === "GET" && rest === "records") return { answer: failed(mock, searchParams) };
  if (method === "GET" && rest === "failures") return { answer: failureCauses(mock) };
  if (rest.startsWith("imports")) return imports(mock, scenario, started, method, rest);
  if (method === "DELETE") return forget(mock, rest, searchParams);
  if (method === "GET") return record(mock, rest);
  if (rest === "failures/mend") return mend(mock, JSON.parse(body));
  if (rest === "failures/dismiss") return dismiss(mock, JSON.parse(body));
  if (rest === "replay") return replay(mock, scenario, JSON.parse(body));
  if (rest === "pause") mock.changes[decodeURIComponent(id)] = { state: "paused", pause: { reason: "operator", until: null, note: null, ...JSON.parse(body) }, forecast: null };
  if (rest === "resume") mock.changes[decodeURIComponent(id)] = { state: "syncing", pause: null };
  if (rest === "breaker/reset") mock.changes[decodeURIComponent(id)] = { state: "syncing", breaker: { state: "closed", retry_at: null } };
  return { status: 204 };
}

function settings(mock, id, method, body, revision) {
  const document = mock.settings[id] ?? accountOf(Date.now(), id);
  if (method === "PATCH") {
    const patch = JSON.parse(body);
    if (mock.isNoAdmin) return problem(403, "This is not allowed", "this takes a key with the role admin");
    if (revision && revision !== `"${document.revision}"`) return problem(412, "It has changed meanwhile", "read it again");
    if (patch.daily_limit === 7) return problem(422, "The settings are not valid", "daily_limit: is below what is kept for high priority");
    mock.settings[id] = { ...document, revision: document.revision + 1, settings: merged(document.settings, { ...patch, mapping: null }), overrides: merged(document.overrides, patch) };
    return { answer: mock.settings[id], etag: `"${mock.settings[id].revision}"` };
  }
  return { answer: document, etag: `"${document.revision}"` };
}

function recentImports(scenario, started) {
  const all = scenario.imports?.(started) ?? [];
  const [location] = scenario.overview(Date.now(), started, []).locations;
  return { imports: all.map(({ id, name, state, created_at, finished_at }) => ({ location_id: location?.id ?? "loc_demo", id, name, state, created_at, finished_at })) };
}

function imports(mock, scenario, started, method, rest) {
  const all = (scenario.imports?.(started) ?? []).map((one) => ({ ...one, ...mock.imports[one.id] }));
  const [, id, what] = rest.split("/").map(decodeURIComponent);
  if (id === undefined) return { answer: { imports: all.map(({ id: own, name, state, created_at, finished_at }) => ({ id: own, name, state, created_at, finished_at })) } };
  const one = all.find((known) => known.id === id);
  if (!one) return problem(404, "Not Found", `no import ${id} is known`);
  if (method === "GET") return { answer: one };
  const none = { count: 0, capped: false };
  if (what === "cancel") {
    mock.imports[id] = { state: "cancelled", counts: { ...one.counts, pending: none, failed: { count: one.counts.pending.count, capped: false } } };
    return { answer: { withdrawn: one.counts.pending.count, skipped: 0, not_written: 3, cursor: null } };
  }
  mock.imports[id] = { state: "undone", counts: { ...one.counts, accepted: none, pending: none }, undo: { ...one.undo, undone: one.counts.accepted } };
  return { answer: { asked: one.counts.accepted.count, skipped: 0, not_undoable: 0, not_written: 0, cursor: null } };
}

function migration(mock, scenario, started, method, pathname, body, query) {
  const migrations = scenario.migrations?.(Date.now(), started).map((one) => ({ ...one, ...mock.migrations[one.migration_id] })) ?? [];
  const [, first, second] = /^\/api\/v1\/migration(?:\/([^/]+))?(?:\/([^/]+))?$/.exec(pathname) ?? [];
  if (first === undefined) return { answer: { migrations } };
  if (method === "POST" && second === undefined) return { status: 202, answer: { ...migrations[0], ...JSON.parse(body) } };
  const id = first === "status" ? decodeURIComponent(second) : first === "summary" ? query.get("migration_id") : decodeURIComponent(first);
  const what = ["status", "summary"].includes(first) ? first : second;
  const one = migrations.find(({ migration_id: known }) => known === id);
  if (!one) return problem(404, "The migration is unknown", "GET /api/v1/migration lists those that there are");
  if (method === "GET") return { answer: { mapping: scenario.mapping, summary: sumsOf(one) }[what] ?? one };
  if (what === "approve" && scenario.refuses) return { status: 422, answer: scenario.refuses };
  const status = { approve: "running", resume: "running", pause: "paused", cancel: "cancelled", rollback: "rolling_back" }[what];
  mock.migrations[one.migration_id] = { status, reason: null };
  return { status: 202, answer: { ...one, status, ...(body ? JSON.parse(body) : {}) } };
}

// Contacts up to the current number; opportunities come after them.
function sumsOf({ migration_id: id, status, current, total, sums: told }) {
  const isDone = status === "done";
  const sums = (all, done, failed) => ({ total_count: all, migrated_count: done - failed, deleted_count: 0, failed_count: failed, withdrawn_count: 0, blocked_count: 0, skipped_count: 0, open_count: Math.min(48, all - done) });
  if (told) return { migration_id: id, status, contacts: { ...sums(0, 0, 0), ...told }, opportunities: sums(0, 0, 0) };
  return { migration_id: id, status, contacts: sums(total, isDone ? total : current, isDone ? 0 : 2), opportunities: sums(60, isDone ? 60 : 0, 0) };
}

function overview(mock, scenario, started) {
  const answer = scenario.overview(Date.now(), started, mock.failures);
  for (const location of answer.locations) Object.assign(location, mock.changes[location.id]);
  return answer;
}

// Locations in trouble first, like the API; the text is searched in ids and scopes.
function pageOf(answer, query) {
  const all = answer.locations;
  const inTrouble = ({ pause, breaker, failed }) => Boolean(pause) || breaker.state !== "closed" || failed.count > 0;
  const sum = (field) => ({ count: all.reduce((sum, location) => sum + location[field].count, 0), capped: all.some((location) => location[field].capped) });
  const summary = { locations: all.length, in_trouble: all.filter(inTrouble).length, not_told: 0, states: {}, due: { ...sum("due"), oldest_at: null }, failed: sum("failed") };
  const text = (query.get("q") ?? "").toLowerCase();
  const matching = all
    .filter((location) => query.get("trouble") !== "true" || inTrouble(location))
    .filter(({ id, scope }) => [id, scope].some((name) => name.toLowerCase().includes(text)));
  const toDo = ({ due, failed }) => due.count + failed.count;
  matching.sort((a, b) => inTrouble(b) - inTrouble(a) || toDo(b) - toDo(a));
  const from = Number(query.get("cursor") ?? 0);
  const next = from + Number(query.get("limit") ?? 50);
  return { ...answer, summary, locations: matching.slice(from, next), cursor: next < matching.length ? String(next) : null };
}

function one(answer, id) {
  const location = answer.locations.find((location) => location.id === id);
  return location ? { answer: location } : problem(404, "The location is unknown", `nothing is known of ${id}`);
}

function failed(mock, query) {
  const from = Number(query.get("cursor") ?? 0);
  const next = from + PAGE_SIZE;
  const all = query.has("cause") ? mock.failures.filter(chosenBy(mock, { cause: query.get("cause") })) : mock.failures;
  // Like the API: lists have no contents.
  return { records: all.slice(from, next).map((failure) => ({ ...failure, content: null })), cursor: next < all.length ? String(next) : null };
}

// The failures that a request selects.
function chosenBy(mock, { all, code, records, cause, import: importId }) {
  const messages = new Map(failureCauses(mock).causes.map(({ id, cause: message }) => [message, id]));
  return (failure) => all || importId || (cause && messages.get(failure.last_error.message) === cause) || failure.last_error.code === code || records?.includes(failure.record);
}

// Mendable records become due again; the others are counted by reason.
function mend(mock, { without = [], set = {}, ...which }) {
  const names = ({ content = {} }) => [...Object.keys(content), ...(content.customFields ?? []).map(({ id, key }) => `customFields.${id ?? key}`)];
  const meant = mock.failures.filter(chosenBy(mock, which));
  const why = { other: mock.failures.length - meant.length, changed: 0, to_delete: 0, to_undo: 0, content_dropped: 0, no_such_field: 0, unchanged: 0, nothing_left: 0, not_valid: 0, unreadable: 0 };
  const mended = meant.filter((failure) => {
    const has = without.some((field) => names(failure).includes(field));
    const left = Object.keys(failure.content ?? {}).some((field) => !without.includes(field));
    if (!has && Object.keys(set).length === 0) why.no_such_field += 1;
    else if (!left) why.nothing_left += 1;
    else return true;
    return false;
  });
  mock.failures = mock.failures.filter((failure) => !mended.includes(failure));
  return { answer: { mended: mended.length, skipped: meant.length - mended.length, why, not_written: 0, looked_at: meant.length, cursor: null } };
}

// In two steps, like a large number.
function dismiss(mock, { cursor, ...which }) {
  const meant = mock.failures.filter(chosenBy(mock, which));
  const now = cursor ? meant : meant.slice(0, 1);
  mock.failures = mock.failures.filter((failure) => !now.includes(failure));
  return { answer: { dismissed: now.length, skipped: 0, why: { other: 0, changed: cursor ? 1 : 0 }, not_written: 0, looked_at: now.length, cursor: cursor ? null : "1.next" } };
}

function failureCauses(mock) {
  const causes = new Map();
  for (const { record, last_error: error, failed_at: at } of mock.failures) {
    const cause = causes.get(error.message) ?? { id: `${error.code}.${causes.size}`, code: error.code, status: error.status, cause: error.message, count: 0, example: record, first_at: at, last_at: at };
    causes.set(error.message, { ...cause, count: cause.count + 1 });
  }
  return { causes: [...causes.values()], capped: false };
}

// Two pages of people called Lee; any other text is taken as an id.
function found(mock, query) {
  const q = query.get("q");
  const kept = (records) => records.filter(({ record }) => !mock.gone.has(record));
  if (q === "nobody") return { records: [], cursor: null };
  if (q.toLowerCase() !== "lee") return { records: kept([recordStatus(Date.now(), `contact#${q}`)]), cursor: null };
  const person = (id, name) => recordStatus(Date.now(), `contact#${id}`, { name, state: "accepted", ghl_id: "nmFmQEsNgz6AVpgLVUJ0" });
  if (query.has("cursor")) return { records: kept([person("crm-7", "Eve <b>Lee</b>")]), cursor: null };
  return { records: kept([person("crm-1", "Ann Lee"), person("crm-2", "Bob Lee")]), cursor: "further" };
}

// Without a text: two records of the requested import or state.
function listed(mock, query) {
  const state = query.get("state") ?? "accepted";
  const of = query.get("import") ?? "any";
  return { records: [1, 2].map((n) => recordStatus(Date.now(), `contact#${of}-${n}`, { name: `Person ${n}`, state, import: of })), cursor: null };
}

function forget(mock, path, query) {
  const name = path.split("/").slice(1).map(decodeURIComponent).join("#");
  if (query.get("in_ghl") === "true") return { status: 202 };
  mock.gone.add(name);
  mock.failures = mock.failures.filter(({ record }) => record !== name);
  return { status: 204 };
}

function record(mock, path) {
  const name = path.split("/").slice(1).map(decodeURIComponent).join("#");
  if (name.includes("#missing")) return problem(404, "Not Found", `no record ${name} is known`);
  if (name.includes("#differing")) return { answer: differing(Date.now(), name) };
  if (name.includes("#superseded")) return { answer: superseded(Date.now(), name) };
  return { answer: mock.failures.find((failure) => failure.record === name) ?? { ...recordStatus(Date.now(), name), ...mock.statuses?.[name] } };
}

function replay(mock, scenario, which) {
  if (scenario.replay) return { status: scenario.replay.status, answer: scenario.replay.problem };
  const chosen = chosenBy(mock, which);
  const { records } = which;
  const replayed = mock.failures.filter(chosen).length;
  mock.failures = mock.failures.filter((failure) => !chosen(failure));
  return { answer: { replayed, skipped: (records ?? []).length - (records ? replayed : 0), not_written: 0, cursor: null } };
}

const problem = (status, title, detail) => ({ status, answer: { type: "about:blank", title, status, detail } });

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const [scenario = "healthy", port = "8799"] = process.argv.slice(2);
  if (!SCENARIOS[scenario]) throw new Error(`no scenario is called ${scenario}; there are: ${Object.keys(SCENARIOS).join(", ")}`);
  const mock = await startMock(scenario, { port: Number(port) });
  console.log(`${mock.url}/dashboard`);
}
