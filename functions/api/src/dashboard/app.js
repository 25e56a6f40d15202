// The page: its state, its polling, and the actions of its buttons.

const POLL_MS = 2_000;
// Longer for many locations: the server reads the stored status of each.
const POLL_MS_PER_LOCATION = 20;
const LONGEST_POLL_MS = 30_000;
const TIMEOUT_MS = 15_000;
// Locations per page; the server's maximum.
const LOADED_AT_ONCE = 200;
const FILTER_MS = 300;
const NOTICE_MS = 15_000;
const TROUBLE_NOTICE_MS = 60_000;
const PAUSES = [["", "Until resumed"], ["900", "15 minutes"], ["3600", "1 hour"], ["14400", "4 hours"], ["86400", "1 day"]];

const page = {
  overview: null,
  connection: { state: "loading", since: null, problem: "", nextTry: null },
  // The server's clock minus this machine's.
  clockOffset: 0,
  open: null,
  filter: "",
  troubled: false,
  sort: { by: "trouble", descending: true },
  rows: ROWS_AT_ONCE,
  // Number of loaded pages of locations, and the filter of the last poll.
  pages: 1,
  asked: "",
  pointed: null,
  live: new Map(),
  failures: NO_FAILURES,
  // The last search.
  found: null,
  // The status of the open record.
  status: null,
  // The open location's settings and facts, and its imports.
  account: null,
  imports: null,
  recent: { imports: null, nextLook: 0 },
  // The list being put in, and the lists of the open location.
  list: null,
  lists: null,
  isOverDrop: false,
  migrations: { list: null, problem: null, nextLook: 0 },
  // The open migration, shown instead of a location.
  migration: null,
  // The open page that belongs to no location: "keys" or "audit".
  managed: null,
  keys: NO_KEYS,
  audit: NO_AUDIT,
  busy: false,
};
let timer = null;
let polling = false;
let errorsInARow = 0;
let noticeTimer = null;
let questions = 0;

const byId = (id) => document.getElementById(id);
const serverNow = () => Date.now() + page.clockOffset;

// -- talking to the API -----------------------------------------------------------------------------------------------

class Refused extends Error {}

// Returns the parsed body. Without a `body` it sends a GET, with null a POST without a body, unless `method` is given.
// The browser adds the key that it asked for when it opened the page.
async function ask(path, body, method = body === undefined ? "GET" : "POST", headers = {}) {
  return (await askWithTag(path, body, method, headers)).answer;
}

// The same, with the revision of the result.
async function askWithTag(path, body, method = "GET", headers = {}) {
  const url = new URL(path, location.origin + location.pathname);
  const options = { method, signal: AbortSignal.timeout(TIMEOUT_MS), headers: { accept: "application/json", ...headers }, cache: "no-store" };
  if (body) {
    options.headers["content-type"] ??= "application/json";
    options.body = JSON.stringify(body);
  }
  const response = await fetch(url, options).catch((error) => {
    throw new Error(error.name === "TimeoutError" ? `No response within ${duration(TIMEOUT_MS / 1_000)}.` : "The server cannot be reached.");
  });
  if (response.status === 401) throw new Refused("The key was not accepted.");
  const answer = await response.json().catch(() => null);
  if (!response.ok) throw Object.assign(new Error(problemText(response.status, answer)), { status: response.status });
  return { answer, etag: response.headers.get("etag") };
}

// The detail of an RFC 9457 problem, or any other text that is available.
function problemText(status, problem) {
  const said = problem?.detail ?? problem?.title ?? problem?.message;
  const errors = (problem?.errors ?? []).map((error) => `${error.field ?? "item " + error.index}: ${error.detail}`);
  return `The server answered ${status}${said ? `: ${said}` : ""}.${errors.length > 0 ? ` ${errors.join("; ")}.` : ""}`.replace(/\.\.$/, ".");
}

const at = (id, rest) => `v1/locations/${encodeURIComponent(id)}/${rest}`;

async function poll() {
  if (polling) return;
  polling = true;
  clearTimeout(timer);
  let delay;
  try {
    const narrowed = narrowing();
    const overview = await lookAtLocations(narrowed);
    page.asked = narrowed;
    arrived(overview);
    await lookAtMigrations();
    await lookAtImports();
    await refreshImport();
    await refreshLists();
    await refreshStatus();
    delay = Math.min(LONGEST_POLL_MS, POLL_MS + POLL_MS_PER_LOCATION * known(overview));
    if (narrowing() !== page.asked) delay = 0;
  } catch (error) {
    delay = missed(error);
  }
  polling = false;
  if (delay !== null && !document.hidden) timer = setTimeout(poll, delay);
  draw();
}

// Number of locations, shown or not.
const known = (overview) => overview?.summary?.locations ?? overview?.locations.length ?? 0;

// The filter for the server, needed once there are more locations than a page holds; otherwise the page
// filters by itself.
function narrowing() {
  const isWhole = page.asked === "" && !page.overview?.cursor;
  if (isWhole || page.overview === null) return "";
  const query = new URLSearchParams({ ...(page.filter.trim() ? { q: page.filter.trim().slice(0, 100) } : {}), ...(page.troubled ? { trouble: true } : {}) });
  return query.toString();
}

// Loads the requested pages, and the current figures of the open location.
async function lookAtLocations(narrowed) {
  const of = (cursor) => new URLSearchParams({ limit: LOADED_AT_ONCE, ...Object.fromEntries(new URLSearchParams(narrowed)), ...(cursor ? { cursor } : {}) });
  const overview = await ask(`v1/overview?${of(null)}`);
  if (!Array.isArray(overview?.locations)) throw new Error("The server did not return an overview.");
  const byId = new Map(overview.locations.map((location) => [location.id, location]));
  for (let number = 1; number < page.pages && overview.cursor; number += 1) {
    const next = await ask(`v1/overview?${of(overview.cursor)}`);
    next.locations.forEach((location) => byId.set(location.id, location));
    overview.cursor = next.cursor;
  }
  if (page.open !== null) {
    const now = await ask(at(page.open, "overview")).catch((error) => {
      if (error instanceof Refused) throw error;
      return null;
    });
    if (now?.id) byId.set(now.id, now);
  }
  overview.locations = [...byId.values()];
  return overview;
}

function arrived(overview) {
  page.overview = overview;
  page.clockOffset = Date.parse(overview.time) - Date.now() || 0;
  page.connection = { state: "live", since: null, problem: "", nextTry: null };
  errorsInARow = 0;
  const now = serverNow();
  for (const { id, quota } of overview.locations) {
    if (!quota?.burst) continue;
    const { limit, left } = quota.burst;
    const samples = (page.live.get(id) ?? []).filter((sample) => now - sample.at <= LIVE_SPAN);
    page.live.set(id, [...samples, { at: now, used: Math.max(0, limit - left), limit }]);
  }
  // A single location opens by itself.
  if (page.open === null && page.migration === null && page.managed === null && known(overview) === 1 && overview.locations.length === 1) openLocation(overview.locations[0].id);
  else refreshFailures();
}

// Returns when to try again. After a refused key that is never: the browser would ask for another key each
// time.
function missed(error) {
  if (error instanceof Refused) {
    page.connection = { state: "refused", since: serverNow(), problem: "", nextTry: null };
    return null;
  }
  errorsInARow += 1;
  const delay = Math.min(LONGEST_POLL_MS, POLL_MS * 2 ** (errorsInARow - 1));
  const since = page.connection.state === "lost" ? page.connection.since : serverNow();
  page.connection = { state: "lost", since, problem: error.message, nextTry: serverNow() + delay };
  return delay;
}

// -- drawing ----------------------------------------------------------------------------------------------------------

function draw() {
  const reading = byId("detail").contains(document.activeElement) && document.activeElement.closest("[aria-labelledby], #detail").getAttribute("aria-labelledby");
  const shown = { ...page, now: serverNow() };
  const { overview, connection } = page;
  document.body.classList.toggle("stale", connection.state === "lost" || connection.state === "refused");
  document.body.classList.toggle("one-open", page.open !== null || page.migration !== null || page.managed !== null);
  document.body.classList.toggle("single", known(overview) === 1 && page.migration === null && page.managed === null);
  document.body.classList.toggle("empty", known(overview) === 0);
  document.title = title(overview, connection);
  render(byId("health"), ...healthLine(overview));
  render(byId("pulse"), pulse(shown));
  render(byId("alarm"), h("p", { class: "unseen" }, alarmText(connection)));
  render(byId("connection"), connectionBanner(shown));
  render(byId("headline"), headline(shown));
  render(byId("totals"), totals(overview));
  render(byId("list"), list(shown));
  render(byId("migration-list"), migrationList(shown));
  render(byId("recent-list"), ...recentImports(shown));
  byId("recent").hidden = !page.recent.imports?.length;
  byId("migrations").hidden = page.migrations.list === null;
  render(byId("detail"), page.managed !== null ? managedPage(shown) : page.migration === null ? detail(shown) : migrationDetail(shown));
  // If the focused button is gone, focus moves to the heading above it.
  for (const heading of reading === false ? [] : [byId(reading), byId("detail-title")]) {
    if (document.activeElement === document.body) heading?.focus({ preventScroll: true });
  }
}

function title(overview, connection) {
  if (connection.state === "lost") return "connection lost · ghl-sync";
  if (connection.state === "refused") return "key not accepted · ghl-sync";
  return overview ? `${plainState(overview.status)} · ghl-sync` : "ghl-sync";
}

function notice(text, tone) {
  clearTimeout(noticeTimer);
  render(byId("notice"), h("p", { class: `banner ${tone}` }, sign(tone), h("span", null, text)));
  noticeTimer = setTimeout(() => render(byId("notice")), tone === "bad" ? TROUBLE_NOTICE_MS : NOTICE_MS);
}

// -- the open location ------------------------------------------------------------------------------------------------

function route() {
  const managed = /^#(keys|audit)$/.exec(location.hash)?.[1] ?? null;
  const match = managed !== null ? ["", undefined, ""] : /^#\/(migration\/)?([^/]*)(?:\/list\/(.*))?$/.exec(location.hash);
  if (!match) return;
  const [, migration, name, list] = match;
  const id = name === "" ? null : decoded(name);
  openManaged(managed);
  openMigration(migration === undefined ? null : id);
  openLocation(migration === undefined ? id : null);
  openList(id, list === undefined ? undefined : decoded(list));
  draw();
  const title = list !== undefined ? "list-title" : id === null && managed === null ? "locations" : "detail-title";
  const target = byId(title);
  target?.focus();
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function openLocation(id) {
  if (id === page.open) return;
  page.open = id;
  page.found = null;
  page.status = null;
  page.failures = NO_FAILURES;
  page.account = null;
  page.imports = null;
  page.lists = null;
  if (page.list?.location !== id) openList(null);
  refreshFailures();
  loadAccount();
  loadLists();
  // The location is on none of the loaded pages.
  if (id !== null && page.overview !== null && !opened()) poll();
}

const opened = () => page.overview?.locations.find(({ id }) => id === page.open);

// -- actions ----------------------------------------------------------------------------------------------------------

// Sends one change, reports its result, and polls at once for its effect.
async function change(request, success) {
  if (page.busy) return;
  const { answer, problem } = await done(async () => success(await request()));
  if (problem) notice(`Not done. ${problem}`, "bad");
  else notice(answer, "good");
  await poll();
}

async function pause() {
  const id = page.open;
  const answer = await confirmed({
    heading: "Pause this location?",
    text: `${id}: nothing more is sent after the current batch. Its records stay due.`,
    verb: "Pause",
    fields: [
      h("label", null, "How long ", h("select", { name: "seconds" }, PAUSES.map(([value, label]) => h("option", { value }, label)))),
      h("label", null, "Note for others ", h("input", { name: "note", maxlength: 200, autocomplete: "off" })),
    ],
  });
  if (!answer) return;
  const body = {};
  if (answer.seconds) body.until = new Date(serverNow() + answer.seconds * 1_000).toISOString();
  if (answer.note) body.note = answer.note;
  await change(() => ask(at(id, "pause"), body), () => `${id} is paused.`);
}

const resume = () => change(() => ask(at(page.open, "resume"), {}), () => "Resumed.");

async function resetBreaker() {
  const id = page.open;
  const text = `${id}: calls start again at once. If GoHighLevel is still down, the breaker opens again after a few failures.`;
  if (await confirmed({ heading: "Reset the breaker?", text, verb: "Reset" })) {
    await change(() => ask(at(id, "breaker/reset"), {}), () => "The breaker is closed.");
  }
}

// Opens a question. Resolves to the fields by name once the reader agrees, or to undefined. With a `request` the dialog
// stays open until that is done: it shows a refusal, and the reader can correct the input. Then it resolves to the
// request's result.
function confirmed({ heading, text, verb, fields = [], request = null }) {
  const dialog = byId("question");
  questions += 1;
  const question = questions;
  const isOpen = () => question === questions && dialog.open;
  return new Promise((resolve) => {
    let isSending = false;
    const agree = async (event) => {
      event.preventDefault();
      if (isSending) return;
      const form = Object.fromEntries(new FormData(event.target));
      isSending = true;
      const { answer, problem } = request === null ? { answer: form } : await done(() => request(form));
      isSending = false;
      if (problem && isOpen()) return show(problem);
      if (problem) notice(`Not done. ${problem}`, "bad");
      resolve(problem ? null : answer);
      if (isOpen()) dialog.close();
    };
    // Each question has its own form, so earlier input is gone.
    const show = (problem) => render(dialog, h("form", { key: question, onSubmit: agree },
      h("h2", { id: "question-title" }, heading), h("p", null, h("bdi", null, text)), fields,
      problem ? h("p", { class: "problem", role: "alert" }, `Not done. ${problem}`) : null,
      h("p", { class: "actions" }, h("button", { type: "submit", class: "primary" }, verb),
        h("button", { type: "button", "data-do": "cancel" }, verb.startsWith("Cancel") ? "Do not cancel" : "Cancel"))));
    const closed = () => {
      // The browser reports the close later, when the next question may already be open; then the event
      // belongs to the earlier one.
      if (isOpen()) return;
      dialog.removeEventListener("close", closed);
      if (!isSending) resolve(null);
    };
    show(null);
    dialog.addEventListener("close", closed);
    dialog.showModal();
  });
}

// The result of a change, or the reason why it failed.
async function done(request) {
  if (page.busy) return { problem: "Another action is in progress: try again in a moment." };
  page.busy = true;
  draw();
  const outcome = await request().then((answer) => ({ answer }), (error) => ({ problem: error.message }));
  page.busy = false;
  draw();
  return outcome;
}

const ACTIONS = {
  poll,
  reload: () => location.reload(),
  cancel: () => byId("question").close(),
  pause,
  resume,
  "reset-breaker": resetBreaker,
  "migration-command": commandMigration,
  "start-migration": startMigration,
  "begin-previewed": beginPreviewed,
  "more-rows": () => (page.rows += ROWS_AT_ONCE),
  "more-pages": () => {
    page.pages += 1;
    page.rows += LOADED_AT_ONCE;
    poll();
  },
  sort: ({ by }) => (page.sort = { by, descending: page.sort.by === by ? !page.sort.descending : by !== "id" }),
  "reload-failures": () => loadFailures(),
  "more-failures": () => loadFailures(page.failures.cursor),
  "replay-all": () => replay({ all: true }, `all ${atLeast(opened()?.failed)} failed records`),
  "replay-code": ({ code }) => replay({ code }, `all failed records with ${code}`),
  "replay-cause": ({ cause }) => replay({ cause }, "all records that failed for this cause"),
  "replay-one": ({ record }) => replay({ records: [record] }, record),
  "leave-out-cause": ({ cause }) => leaveOutOfAll(cause),
  "choose-pipeline": ({ cause }) => choosePipeline(cause),
  "dismiss-cause": ({ cause }) => dismissAll(cause),
  "record-status": ({ record }) => lookUp(record).then(() => byId("record-status-title")?.focus()),
  "find-more": () => find(),
  "edit-record": ({ record }) => editRecord(record),
  "leave-out": ({ record }) => leaveOut(record),
  "edit-settings": editSettings,
  "open-import": ({ import: id }) => openImport(id),
  "import-records": ({ import: id }) => find({ import: id }).then(() => byId("found-title")?.scrollIntoView()),
  "more-imports": () => (page.imports = { ...page.imports, rows: page.imports.rows + IMPORTS_SHOWN }),
  "replay-import": ({ import: id }) => replayImport(id),
  "cancel-import": ({ import: id }) => cancelImport(id),
  "undo-import": ({ import: id }) => undoImport(id),
  "leave-list": leaveList,
  "more-lists": () => loadLists(page.lists.cursor),
  "send-list": sendList,
  "forget-mapping": forgetMapping,
  "list-results": () => download("results"),
  "list-rejects": () => download("rejects"),
  "retry-list": () => page.list.again(),
  "remember-mapping": rememberMapping,
  "forget-remembered": forgetRemembered,
  "show-failures": () => {
    byId("failures-title")?.scrollIntoView();
    byId("failures-title")?.focus();
  },
  "make-key": makeKey,
  "revoke-key": revokeKey,
  "copy-key": copyKey,
  "forget-made": () => (page.keys = { ...page.keys, made: null }),
  "reload-keys": loadKeys,
  "reload-audit": () => loadAudit(),
  "more-audit": () => loadAudit(page.audit.since, page.audit.cursor),
  forget: ({ record }) => forget(record),
  "delete-in-ghl": ({ record }) => deleteInGhl(record),
};

// -- events -----------------------------------------------------------------------------------------------------------

document.addEventListener("click", (event) => {
  const pressed = event.target.closest("[data-do]");
  if (!pressed || pressed.getAttribute("aria-disabled")) return;
  ACTIONS[pressed.dataset.do](pressed.dataset);
  draw();
});

document.addEventListener("submit", (event) => {
  if (event.target.id !== "find-form") return;
  event.preventDefault();
  const wanted = Object.entries(Object.fromEntries(new FormData(event.target))).map(([name, value]) => [name, value.trim()]);
  find(Object.fromEntries(wanted.filter(([, value]) => value !== "")));
});

byId("filter").addEventListener("input", (event) => {
  page.filter = event.target.value;
  narrow();
});

byId("troubled").addEventListener("change", (event) => {
  page.troubled = event.target.checked;
  narrow();
});

// Filters the loaded rows at once, and asks the server once the reader pauses.
function narrow() {
  draw();
  if (narrowing() === page.asked) return;
  clearTimeout(timer);
  timer = setTimeout(poll, FILTER_MS);
}

document.addEventListener("pointermove", (event) => {
  const plotted = event.target.closest("[data-hour]");
  const box = plotted?.getBoundingClientRect();
  const pointed = box ? Math.min(HOUR - 1, Math.max(0, Math.floor((HOUR * (event.clientX - box.left)) / box.width))) : null;
  if (pointed === page.pointed) return;
  page.pointed = pointed;
  draw();
});

document.addEventListener("visibilitychange", () => {
  clearTimeout(timer);
  if (!document.hidden && page.connection.state !== "refused") poll();
});

window.addEventListener("hashchange", route);

// Updates countdowns and ages.
setInterval(() => document.hidden || draw(), 1_000);

route();
poll();
