// The lists of a location in the bucket: the state of each, and what somebody must do.

const LISTS_AT_ONCE = 20;
const MOST_LISTS_AT_ONCE = 100;
// Poll intervals while lists move by themselves, and while none does.
const LISTS_LOOK_MS = 5_000;
const LISTS_REST_MS = 30_000;

const LIST_STATES = {
  reading: { tone: "quiet", word: "Reading" },
  needs_mapping: { tone: "warn", word: "Waiting for your answer", waits: true },
  held: { tone: "warn", word: "Previewed, not sent", waits: true },
  importing: { tone: "good", word: "Sending" },
  refused: { tone: "bad", word: "Cannot be read" },
  done: { tone: "good", word: "Done" },
};

function listState({ state, stands_still: standsStill, failed, left_out: leftOut }) {
  if (standsStill) return { tone: "bad", word: "Stopped: tell whoever runs this stack", waits: true };
  if (state === "done" && (failed > 0 || leftOut > 0)) return { tone: "warn", word: "Done, but incomplete" };
  return Object.hasOwn(LIST_STATES, state) ? LIST_STATES[state] : { tone: "quiet", word: plainState(state) };
}

// The name of the uploaded file, without its unique prefix.
const fileOf = (name) => name.replace(/^\d{8}-\d{6}-[0-9a-f]{6}-/, "");

// Number of shown lists that wait for an answer or for sending.
const waitingLists = (lists) => (lists?.all ?? []).filter((list) => listState(list).waits).length;

function listTable(lists, id, now) {
  const all = lists?.location === id ? lists.all : [];
  if (all.length === 0 && !lists?.problem) return null;
  const [waiting, others] = [true, false].map((waits) => all.filter((list) => Boolean(listState(list).waits) === waits));
  return h("section", { class: "lists", "aria-labelledby": "lists-title" },
    h("h3", { id: "lists-title", tabindex: -1 }, "Lists"),
    lists.problem ? h("p", { class: "problem" }, lists.problem) : null,
    waiting.length > 0 ? h("p", null, sign("warn"), ` ${plural(waiting.length, "list needs", "lists need")} your attention.`) : null,
    all.length > 0 ? h("table", { class: "list-table stacked" },
      h("caption", { class: "unseen" }, "Lists: those that need attention first, then the newest first"),
      h("thead", null, h("tr", null, ["List", "State", "Uploaded", "Rows"].map((head) => h("th", { scope: "col" }, head)))),
      h("tbody", null, [...waiting, ...others].map((list) => listRow(list, id, now)))) : null,
    lists.cursor ? h("p", { class: "more" }, button("more-lists", "Show more", lists.loading)) : null);
}

function listRow(list, id, now) {
  const { name, since, uploaded_at: at, rows, left_out: leftOut, failed } = list;
  const { tone, word } = listState(list);
  const isOpenable = !name.includes("/");
  const lost = [leftOut > 0 && `${count(leftOut)} left out`, failed > 0 && `${count(failed)} failed`].filter(Boolean).join(", ");
  return h("tr", { key: `${name} ${at}` },
    h("th", { scope: "row" }, isOpenable
      ? h("a", { href: listAddress(id, name), title: name }, h("bdi", null, fileOf(name)))
      : h("span", { title: "This list and its report are in a folder of the bucket" }, h("bdi", null, name))),
    h("td", { "data-head": "State" }, sign(tone), ` ${word}`, since ? [", since ", time(since, now)] : null),
    h("td", { "data-head": "Uploaded" }, time(at, now)),
    h("td", { "data-head": "Rows" }, rows === null ? "–" : count(rows), lost ? ` (${lost})` : null));
}

// Loads one page; without a cursor, reloads the shown lists.
async function loadLists(cursor = null) {
  const id = page.open;
  if (id === null) return;
  const shown = page.lists?.location === id ? page.lists : { location: id, all: [], cursor: null };
  page.lists = { ...shown, loading: true, nextLook: Date.now() + LISTS_REST_MS };
  const limit = cursor ? LISTS_AT_ONCE : Math.min(MOST_LISTS_AT_ONCE, Math.max(LISTS_AT_ONCE, shown.all.length));
  let learned;
  try {
    const { lists, cursor: next } = await ask(at(id, `lists?${new URLSearchParams({ limit, ...(cursor ? { cursor } : {}) })}`));
    const names = new Set(lists.map(({ name }) => name));
    const [before, behind] = cursor ? [shown.all, []] : [[], shown.all.slice(limit)];
    const isOther = ({ name }) => !names.has(name);
    const all = [...before.filter(isOther), ...lists, ...behind.filter(isOther)];
    const moves = all.some(({ state, stands_still: standsStill }) => ["reading", "importing"].includes(state) && !standsStill);
    learned = { all, cursor: behind.length > 0 ? shown.cursor : next, problem: null, nextLook: Date.now() + (moves ? LISTS_LOOK_MS : LISTS_REST_MS) };
  } catch (error) {
    // Without a bucket there are no lists; the upload section says so.
    learned = error.status === 409 ? { nextLook: Infinity } : { problem: error.message };
  }
  if (id === page.open) page.lists = { ...page.lists, ...learned, loading: false };
  draw();
}

// Runs with the polls.
async function refreshLists() {
  if (page.open !== null && !page.lists?.loading && Date.now() >= (page.lists?.nextLook ?? 0)) await loadLists();
}

// Makes the next poll reload the lists after an action.
const listsChanged = () => page.lists && (page.lists = { ...page.lists, nextLook: Math.min(page.lists.nextLook, Date.now() + LIST_LOOK_MS) });
