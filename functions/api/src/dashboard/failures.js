// Failed records: the list, and replay, mend and dismissal, by cause and one by one.

const FAILURES_AT_ONCE = 50;
const NO_FAILURES = { records: [], causes: [], capped: false, cursor: null, known: 0, loading: false, problem: null, outdated: false };

// Loads the list of failures when their number has changed, but not while the reader works in it.
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
    const { causes, capped } = cursor !== null ? page.failures : known > 0 ? await ask(at(id, "failures")) : NO_FAILURES;
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
    text: `${id}: replayed records become due again, with their attempts reset to zero. Records that GoHighLevel rejects as they are will fail again.`,
    verb: "Replay",
  });
  if (!agreed) return;
  await change(() => replayAll(id, body), replayed);
  if (id === page.open) loadFailures();
}

const replayAll = (id, body) => throughAll(id, "replay", body);

// A large number takes several requests; each returns a cursor. Adds up the numbers, including those by
// reason.
async function throughAll(id, path, body) {
  const sum = { why: {} };
  let cursor = null;
  do {
    const answer = await ask(at(id, path), cursor === null ? body : { ...body, cursor });
    addUp(sum, answer);
    addUp(sum.why, answer.why ?? {});
    cursor = answer.cursor ?? null;
  } while (cursor !== null);
  return sum;
}

function addUp(sum, answer) {
  for (const [name, value] of Object.entries(answer)) if (typeof value === "number") sum[name] = (sum[name] ?? 0) + value;
}

// Why records of a group were left, as the end of a sentence.
const LEFT = {
  changed: "received again in the meantime", to_delete: "to be deleted in GoHighLevel", to_undo: "to be undone with their import", content_dropped: "whose content is no longer stored",
  no_such_field: "without this field", unchanged: "with this value already", nothing_left: "that would be empty", not_valid: "that would not be valid", unreadable: "that cannot be read",
};

// The result for a group: how many were done, how many were left and why, and how many could not be written.
function groupDone(done, what, { why, not_written: notWritten }) {
  const left = Object.entries(LEFT).filter(([name]) => why[name] > 0).map(([name, words]) => `${plural(why[name], "record")} ${words}`);
  const none = done === 0 && left.length === 0 && !notWritten ? " None of them is still failed for this cause." : "";
  const kept = left.length > 0 ? ` Left unchanged: ${left.join(", ")}.` : "";
  const lost = notWritten > 0 ? ` ${plural(notWritten, "record")} could not be saved: try again.` : "";
  return `${plural(done, "record")} ${what}.${none}${kept}${lost}`;
}

// Records of a cause to load before an action on all of them.
const LOOKED_AT = 50;

async function groupOf(cause) {
  const query = new URLSearchParams({ state: "failed", cause, limit: LOOKED_AT });
  try {
    const { records } = await ask(at(page.open, `records?${query}`));
    if (records.length > 0) return records;
    notice("Not done. None of them is still failed for this cause.", "bad");
    loadFailures();
  } catch (error) {
    notice(`Not done. ${error.message}`, "bad");
  }
  return null;
}

// Lists of records have no contents: they are loaded for the first few.
const SHOWN_OF_GROUP = 5;
const contentsOf = (records) => Promise.all(records.slice(0, SHOWN_OF_GROUP).map(({ record }) => ask(at(page.open, recordPath(record)))));

const causeOf = (id) => page.failures.causes.find((cause) => cause.id === id);

// The affected records, for the question before the action.
function whoFailed(cause, records) {
  const named = records.slice(0, SHOWN_OF_GROUP).map(({ record, name }) => (name ? `${name} (${record})` : record));
  const more = cause.count > named.length ? ` and ${count(cause.count - named.length)} more` : "";
  return [h("p", { class: "hint" }, "They failed: ", h("bdi", null, cause.cause)), h("p", { class: "hint" }, "Affected: ", h("bdi", null, named.join(", ")), more, ".")];
}

// The fields of some of the records, each custom field separately. Fields that identify the record or its owner, or
// concern consent, are left out.
function fieldsOf(records) {
  const names = records.flatMap(({ content }) => Object.entries(content ?? {}).flatMap(([name, value]) => (name === "customFields" ? value.map(({ id, key }) => `customFields.${id ?? key}`) : [name])));
  const needed = new Set(["pipelineId", "contactRecord", "contactId", "dnd", "dndSettings"]);
  return [...new Set(names)].filter((name) => !needed.has(name));
}

function fieldSelect(fields, suspect) {
  return h("label", null, "Field to leave out ", h("select", { name: "field" }, fields.map((field) => h("option", { key: field, value: field, selected: field === suspect }, field))));
}

// Sends all records of a cause without the field that GHL refused.
async function leaveOutOfAll(causeId) {
  const [cause, records] = [causeOf(causeId), await groupOf(causeId)];
  if (!cause || !records) return;
  let fields;
  try {
    fields = fieldsOf(await contentsOf(records));
  } catch (error) {
    return notice(`Not done. ${error.message}`, "bad");
  }
  if (fields.length === 0) return notice("Not done. They have no field that can be left out, or their content is no longer stored.", "bad");
  await mendAll({
    heading: `Send ${plural(cause.count, "record")} without a field`,
    text: `${page.open}: the field is removed from each record, and the rest is sent. In GoHighLevel the field stays as it is.`,
    verb: "Send",
    fields: [whoFailed(cause, records), fieldSelect(fields, suspectOf(records[0], fields))],
  }, ({ field }) => ({ body: { cause: causeId, without: [field] }, what: `due again without ${field}` }));
}

// Repairs opportunities whose pipeline or stage GoHighLevel does not know.
async function choosePipeline(causeId) {
  const [cause, records] = [causeOf(causeId), await groupOf(causeId)];
  if (!cause || !records) return;
  if (!page.account?.document?.facts?.pipelines) await loadAccount();
  const pipelines = page.account?.document?.facts?.pipelines ?? [];
  const isKnown = pipelines.length > 0;
  await mendAll({
    heading: `Another pipeline for ${plural(cause.count, "opportunity", "opportunities")}`,
    text: `${page.open}: each of them gets this pipeline and stage and is sent.${isKnown ? "" : " The location's pipelines are not known here. Enter the ids that GoHighLevel shows in the address of a pipeline."}`,
    verb: "Send",
    fields: [whoFailed(cause, records), isKnown ? stageSelect(pipelines) : stageInputs()],
  }, (form) => {
    const [pipelineId, pipelineStageId] = isKnown ? form.place.split(" ") : [form.pipeline.trim(), form.stage.trim()];
    const change = pipelineStageId === "" ? { without: ["pipelineStageId"], set: { pipelineId } } : { set: { pipelineId, pipelineStageId } };
    const name = pipelines.find(({ id }) => id === pipelineId)?.name ?? pipelineId;
    return { body: { cause: causeId, kind: "opportunity", ...change }, what: `due again in the pipeline ${name}` };
  });
}

// The stages by name, as GoHighLevel last reported them. Ids contain no spaces.
function stageSelect(pipelines) {
  return h("label", null, "Pipeline and stage ", h("select", { name: "place", required: true },
    h("option", { value: "" }, "Choose one"),
    pipelines.map(({ id, name, stages }) => h("optgroup", { key: id, label: name },
      stages.map((stage) => h("option", { key: stage.id, value: `${id} ${stage.id}` }, `${name}: ${stage.name}`)),
      h("option", { value: `${id} ` }, `${name}: no stage is sent`)))));
}

function stageInputs() {
  return [
    h("label", null, "Pipeline ", h("input", { name: "pipeline", required: true, maxlength: 100, autocomplete: "off", spellcheck: false })),
    h("label", null, "Stage ", h("input", { name: "stage", maxlength: 100, autocomplete: "off", spellcheck: false }), h("span", { class: "hint" }, " If empty, no stage is sent.")),
  ];
}

// `mendOf` turns the choice into the request body and the success message.
async function mendAll(question, mendOf) {
  const id = page.open;
  const mend = async (form) => {
    const { body, what } = mendOf(form);
    return { what, sum: await throughAll(id, "failures/mend", body) };
  };
  const mended = await confirmed({ ...question, request: mend });
  if (!mended) return;
  notice(groupDone(mended.sum.mended, mended.what, mended.sum), "good");
  await poll();
  if (id === page.open) loadFailures();
}

async function dismissAll(causeId) {
  const [cause, records] = [causeOf(causeId), await groupOf(causeId)];
  if (!cause || !records) return;
  const id = page.open;
  const agreed = await confirmed({
    heading: `Dismiss ${plural(cause.count, "record")}?`,
    text: `${id}: they are forgotten here, with their content and history, and are not sent. Nothing changes in GoHighLevel. If received again, each becomes a new record.`,
    verb: "Dismiss",
    fields: [whoFailed(cause, records)],
  });
  if (!agreed) return;
  await change(() => throughAll(id, "failures/dismiss", { cause: causeId }), (sum) => groupDone(sum.dismissed, "forgotten", sum));
  if (id === page.open) loadFailures();
}

function replayed({ replayed, skipped, not_written: notWritten }) {
  const kept = skipped > 0 ? ` ${plural(skipped, "record")} left unchanged: no longer failed, or failed with another error.` : "";
  const lost = notWritten > 0 ? ` ${plural(notWritten, "record")} could not be saved: replay again.` : "";
  return `${plural(replayed, "record")} due again.${kept}${lost}`;
}

// The current record: the open one, or else read from the server.
async function recordToMend(name) {
  if (page.status?.record?.record === name) return page.status.record;
  try {
    const record = await ask(at(page.open, recordPath(name)));
    if (record.content && !record.to_delete) return record;
    notice(`Not done. ${record.to_delete ? `${name} will be deleted in GoHighLevel.` : `The content of ${name} is no longer stored.`}`, "bad");
  } catch (error) {
    notice(`Not done. ${error.message}`, "bad");
  }
  return null;
}

async function editRecord(name) {
  const record = await recordToMend(name);
  if (!record) return;
  await sendMended(name, record, {
    heading: "Edit and send again",
    text: `${called(name, record)}: the content below replaces the content received, and is sent.`,
    fields: [whyFailed(record), h("label", { class: "wide" }, "Content ", h("textarea", { name: "content", rows: 14, spellcheck: false }, JSON.stringify(record.content, null, 2)))],
    request: async (form) => {
      await sendAgain(name, record, parsed(form.content));
      return `${name} will be sent again.`;
    },
  });
}

// Sends a record without the field that GHL refused: GoHighLevel keeps its own value.
async function leaveOut(name) {
  const record = await recordToMend(name);
  if (!record) return;
  const id = page.open;
  const fields = fieldsOf([record]);
  if (fields.length === 0) return notice("Not done. It has no field that can be left out.", "bad");
  await sendMended(name, record, {
    heading: "Send without a field",
    text: `${called(name, record)}: the field is removed from the record, and the rest is sent. In GoHighLevel the field stays as it is.`,
    fields: [whyFailed(record), fieldSelect(fields, suspectOf(record, fields))],
    request: async (form) => {
      const sum = await throughAll(id, "failures/mend", { records: [name], without: [form.field] });
      if (sum.mended === 1) return `${name} will be sent again.`;
      if (sum.not_written > 0) throw new Error("It could not be saved: try again.");
      if (sum.why.nothing_left > 0) throw new Error("Nothing would be left of the record: forget it instead.");
      throw new Error("It is no longer failed, or does not have this field.");
    },
  });
}

// Asks, sends, and shows the record's result.
async function sendMended(name, record, question) {
  const id = page.open;
  const said = await confirmed({ verb: "Send", ...question });
  if (!said) return;
  notice(said, "good");
  await poll();
  if (id !== page.open) return;
  if (page.status?.name === name) await lookUp(name);
  if (record.state === "failed") await loadFailures();
}

// The name, if known, and the record.
const called = (name, record) => (record?.name ? `${record.name} (${name})` : name);

const whyFailed = ({ last_error: error }) => (error ? h("p", { class: "hint" }, "It failed: ", h("bdi", null, error.message ?? error.code)) : null);

// The field in the error; a custom field by its id or key.
function suspectOf({ last_error: error }, fields) {
  const said = new Set((error?.message ?? "").toLowerCase().match(/[a-z0-9_]+/g));
  return fields.find((field) => said.has(field.toLowerCase().split(".").pop())) ?? fields[0];
}

async function sendAgain(name, record, content) {
  const id = page.open;
  const { kind } = record;
  const item = { id: record.id, priority: record.priority, [kind]: content };
  const { version } = await ask(at(id, recordPath(name)));
  if (version !== record.version) throw new Error("A newer version was received in the meantime: open the record again, then edit it.");
  return ask(at(id, kind === "contact" ? "contacts" : "opportunities"), [item]);
}

function parsed(text) {
  let value;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new Error(`This is not valid JSON: ${error.message}.`);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new Error("This is not a JSON object.");
  return value;
}
