// What failed: how the page looks for it, how it is replayed, and how single records are mended.

const FAILURES_AT_ONCE = 50;
const NO_FAILURES = { records: [], causes: [], capped: false, cursor: null, known: 0, loading: false, problem: null, outdated: false };

// Loads the list of failures when their number has changed; but not under the reader's hands.
function refreshFailures() {
  const known = opened()?.failed?.count ?? 0;
  if (known === page.failures.known || page.failures.loading) return;
  const section = document.querySelector(".failures");
  const inUse = page.failures.records.length > 0 && section?.matches(":hover, :focus-within");
  if (inUse) page.failures = { ...page.failures, outdated: true };
  else loadFailures();
}

async function loadFailures(cursor = null) {
  const id = page.open;
  const before = cursor === null ? [] : page.failures.records;
  const known = opened()?.failed?.count ?? 0;
  page.failures = { ...page.failures, loading: true, known };
  const query = new URLSearchParams({ state: "failed", limit: FAILURES_AT_ONCE, ...(cursor === null ? {} : { cursor }) });
  try {
    const first = cursor === null && known > 0;
    const { causes, capped } = first ? await ask(at(id, "failures")) : page.failures;
    const { records, cursor: next = null } = await ask(at(id, `records?${query}`));
    if (id === page.open) page.failures = { ...NO_FAILURES, causes, capped, records: [...before, ...records], cursor: next, known };
  } catch (error) {
    if (id === page.open) page.failures = { ...page.failures, loading: false, problem: error.message };
  }
  draw();
}

async function replay(body, what) {
  const id = page.open;
  const agreed = await confirmed({
    heading: `Replay ${what}?`,
    text: `${id}: what is replayed becomes due again, with its attempts at zero. What GoHighLevel refuses as it stands will fail again.`,
    verb: "Replay",
  });
  if (!agreed) return;
  await change(() => replayAll(id, body), replayed);
  if (id === page.open) loadFailures();
}

// A great many take several requests; each says where it ended.
async function replayAll(id, body) {
  const sum = { replayed: 0, skipped: 0, not_written: 0 };
  let cursor = null;
  do {
    const answer = await ask(at(id, "replay"), cursor === null ? body : { ...body, cursor });
    for (const name of Object.keys(sum)) sum[name] += answer[name] ?? 0;
    cursor = answer.cursor ?? null;
  } while (cursor !== null);
  return sum;
}

function replayed({ replayed, skipped, not_written: notWritten }) {
  const kept = skipped > 0 ? ` ${plural(skipped, "record")} left as before: no longer failed, or with another error.` : "";
  const lost = notWritten > 0 ? ` ${plural(notWritten, "record")} could not be written: replay again.` : "";
  return `${plural(replayed, "record")} due again.${kept}${lost}`;
}

// The record as it stands: what is looked at already, or else what the server says now.
async function recordToMend(name) {
  if (page.story?.record?.record === name) return page.story.record;
  try {
    const record = await ask(at(page.open, recordPath(name)));
    if (record.content && !record.to_delete) return record;
    notice(`Not done. ${record.to_delete ? `${name} is to be deleted in GoHighLevel.` : `The content of ${name} is not kept any more.`}`, "bad");
  } catch (error) {
    notice(`Not done. ${error.message}`, "bad");
  }
  return null;
}

async function editRecord(name) {
  const record = await recordToMend(name);
  if (!record) return;
  const form = await confirmed({
    heading: "Edit and send again",
    text: `${name}: what stands here replaces what was put, and goes out.`,
    verb: "Send",
    fields: [whyFailed(record), h("label", { class: "wide" }, "Content ", h("textarea", { name: "content", rows: 14, spellcheck: false }, JSON.stringify(record.content, null, 2)))],
  });
  if (!form) return;
  const content = parsed(form.content);
  if (content === null) return notice("Not done. What stands there is no JSON object.", "bad");
  await sendAgain(name, record, content);
}

// What was refused for one field is sent without it: in GoHighLevel that field stays as it is.
async function leaveOut(name) {
  const record = await recordToMend(name);
  if (!record) return;
  const fields = Object.keys(record.content);
  const suspect = suspectOf(record, fields);
  const form = await confirmed({
    heading: "Send without a field",
    text: `${name}: the field is taken out of the record, and the rest goes out. In GoHighLevel it stays as it is.`,
    verb: "Send",
    fields: [whyFailed(record), h("label", null, "Without ", h("select", { name: "field" }, fields.map((field) => h("option", { key: field, value: field, selected: field === suspect }, field))))],
  });
  if (!form) return;
  const { [form.field]: _, ...content } = record.content;
  if (Object.keys(content).length === 0) return notice("Not done. Nothing would be left of the record: forget it instead.", "bad");
  await sendAgain(name, record, content);
}

const whyFailed = ({ last_error: error }) => (error ? h("p", { class: "hint" }, "It failed: ", h("bdi", null, error.message ?? error.code)) : null);

// The field that the error names.
function suspectOf({ last_error: error }, fields) {
  const said = new Set((error?.message ?? "").toLowerCase().match(/[a-z0-9_]+/g));
  return fields.find((field) => said.has(field.toLowerCase())) ?? fields[0];
}

async function sendAgain(name, record, content) {
  const id = page.open;
  const { kind } = record;
  const item = { id: record.id, priority: record.priority, [kind]: content };
  const send = async () => {
    const { version } = await ask(at(id, recordPath(name)));
    if (version !== record.version) throw new Error("It was put again meanwhile: look at it, then edit that.");
    return ask(at(id, kind === "contact" ? "contacts" : "opportunities"), [item]);
  };
  await change(send, () => `${name} goes out again.`);
  if (id !== page.open) return;
  if (page.story?.name === name) await lookUp(name);
  if (record.state === "failed") await loadFailures();
}

function parsed(text) {
  try {
    const value = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? value : null;
  } catch {
    return null;
  }
}
