// The search for records, and the actions on one.

const FOUND_AT_ONCE = 50;
const MOVING_STATES = ["due", "waiting"];

// Searches by text, state, kind or import. Without `wanted`, continues the last search.
async function find(wanted) {
  const id = page.open;
  const before = wanted === undefined ? page.found : { wanted, records: [], cursor: null };
  page.found = { ...before, loading: true, problem: null };
  // A new search closes the open record.
  if (wanted !== undefined) page.status = null;
  draw();
  const query = new URLSearchParams({ ...before.wanted, limit: FOUND_AT_ONCE, ...(before.cursor === null ? {} : { cursor: before.cursor }) });
  let answer;
  try {
    const { records, cursor = null } = await ask(at(id, `records?${query}`));
    answer = { ...before, records: [...before.records, ...records], cursor };
  } catch (error) {
    answer = { ...before, problem: error.message };
  }
  // The reader may have started another search in the meantime.
  if (id === page.open && page.found?.wanted === before.wanted) page.found = { ...answer, loading: false };
  draw();
  if (wanted !== undefined && page.found?.records.length === 1) await lookUp(page.found.records[0].record);
}

async function lookUp(name) {
  const id = page.open;
  page.status = { name, loading: true };
  draw();
  try {
    const record = await ask(at(id, recordPath(name)));
    page.status = { name, record };
  } catch (error) {
    page.status = { name, problem: error.message };
  }
  draw();
}

// Runs with the polls, while the record's status can change.
async function refreshStatus() {
  const { name, record } = page.status ?? {};
  if (!record || !MOVING_STATES.includes(record.state)) return;
  const now = await ask(at(page.open, recordPath(name))).catch(() => null);
  if (now === null || page.status?.record !== record) return;
  page.status = { name, record: now };
  if (page.found) page.found = { ...page.found, records: page.found.records.map((found) => (found.record === name ? { ...found, ...now } : found)) };
}

function recordPath(name) {
  const [kind, ...rest] = name.split("#");
  return `records/${encodeURIComponent(kind)}/${encodeURIComponent(rest.join("#"))}`;
}

async function forget(name) {
  const id = page.open;
  const text = `${called(name, recordShown(name))}: everything stored about it here is deleted. Nothing is deleted in GoHighLevel. If received again, it becomes a new record.`;
  if (!(await confirmed({ heading: "Forget this record?", text, verb: "Forget" }))) return;
  await change(() => ask(at(id, recordPath(name)), undefined, "DELETE"), () => `${name} is forgotten.`);
  gone(name);
}

async function deleteInGhl(name) {
  const id = page.open;
  const text = `${called(name, recordShown(name))}: GoHighLevel deletes it, with everything attached to it there. This cannot be undone. Then it is forgotten here.`;
  if (!(await confirmed({ heading: "Delete it in GoHighLevel?", text, verb: "Delete" }))) return;
  await change(() => ask(at(id, `${recordPath(name)}?in_ghl=true`), undefined, "DELETE"), () => `${name} will be deleted in GoHighLevel.`);
  await lookUp(name);
}

// The record from any part of the page that shows it.
const recordShown = (name) => [page.status?.record, ...(page.found?.records ?? []), ...page.failures.records].find((record) => record?.record === name);

function gone(name) {
  page.status = null;
  if (page.failures.records.some(({ record }) => record === name)) loadFailures();
  if (page.found) page.found = { ...page.found, records: page.found.records.filter(({ record }) => record !== name) };
  draw();
}
