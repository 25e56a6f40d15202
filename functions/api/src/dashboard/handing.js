// Uploads a list, maps it and sends it.

const LIST_LOOK_MS = 1_500;
// The file goes directly to the bucket, which can take long.
const UPLOAD_TIMEOUT_MS = 30 * 60_000;
const REPEATED_LOOKS = 3;
const NO_BUCKET = "This stack has no bucket for lists, so it cannot take any yet. Ask whoever runs it to deploy it again with the parameter ImportBucketName, the name of a new bucket. Until then, `ghl-sync import` sends a list from your computer.";
let listTimer = null;

const listPath = (location, name, rest = "") => at(location, `lists/${encodeURIComponent(name)}${rest}`);

async function handIn(file, undoable, id = page.open) {
  const list = { location: id, file: file.name, uploaded: 0, draft: {}, again: () => handIn(file, undoable, id) };
  page.list = list;
  draw();
  byId("list-title")?.focus();
  try {
    const { name, upload } = await ask(at(id, "lists"), { name: file.name, size: file.size, undoable }).catch((error) => {
      throw error.status === 409 ? new Error(NO_BUCKET) : error;
    });
    if (list.isLeft) return;
    list.name = name;
    await uploadTo(upload.url, file, list);
    Object.assign(list, { uploaded: 1, again: null });
    listsChanged();
    if (page.list !== list) return notice([`${file.name} is uploaded. Nothing has been sent yet: `, h("a", { href: listAddress(id, name) }, "review the list"), "."], "good");
    history.pushState(null, "", listAddress(id, name));
    await lookAtList();
  } catch (error) {
    list.problem = `Not done. ${error.message}`;
    if (page.list !== list && !list.isLeft) notice(`${file.name} was not uploaded. ${error.message}`, "bad");
  }
  draw();
}

const listAddress = (id, name) => `#/${encodeURIComponent(id)}/list/${encodeURIComponent(name)}`;

// The only request that reports its progress.
function uploadTo(url, file, list) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    list.request = request;
    request.open("PUT", url);
    request.timeout = UPLOAD_TIMEOUT_MS;
    request.upload.addEventListener("progress", ({ loaded, total }) => {
      // The upload is complete only once the bucket says so.
      list.uploaded = total > 0 ? Math.min(0.999, loaded / total) : 0;
      if (page.list === list) draw();
    });
    request.addEventListener("abort", () => reject(new Error("The upload was cancelled.")));
    request.addEventListener("load", () => (request.status < 300 ? resolve() : reject(new Error(`The bucket did not accept the file (${request.status}). If the file has changed since you chose it, choose it again.`))));
    request.addEventListener("error", () => reject(new Error("The file did not reach the bucket.")));
    request.addEventListener("timeout", () => reject(new Error("The upload took too long.")));
    // A content type would have to be signed.
    request.send(new Blob([file]));
  });
}

// Opens the list in the address.
function openList(id, name) {
  if (page.list?.location === id && page.list?.name === name) return;
  clearTimeout(listTimer);
  page.list = id === null || name === undefined ? null : { location: id, name, draft: {} };
  if (page.list) lookAtList();
}

async function lookAtList(failures = 0) {
  clearTimeout(listTimer);
  const list = page.list;
  if (!list?.name) return;
  let failed = 0;
  let isNews = false;
  try {
    const status = await ask(listPath(list.location, list.name));
    const sent = ["importing", "done"].includes(status.state) && status.report?.import_id ? await ask(importPath(list.location, status.report.import_id)).catch(() => list.sent) : list.sent;
    if (page.list !== list) return;
    isNews = list.outdated || list.status?.state !== status.state;
    if (isNews) listsChanged();
    // Changes that were not previewed yet stay.
    if (!list.changed) list.draft = structuredClone(status.mapping ?? {});
    Object.assign(list, { status, sent, outdated: false, problem: null });
  } catch (error) {
    failed = failures + 1;
    const isGone = error.status === 404;
    if (isGone || failed > REPEATED_LOOKS) list.problem = error.message;
    if (isGone) return draw();
  }
  // If the reader was in the list, focus moves to its new state; elsewhere it stays.
  const isReading = document.activeElement?.closest(".list-in") || document.activeElement === document.body;
  draw();
  if (isNews && isReading && page.list === list) byId("list-state")?.focus({ preventScroll: true });
  if (page.list === list && (failed > 0 || isMoving(list))) listTimer = setTimeout(() => lookAtList(failed), LIST_LOOK_MS * (1 + failed));
}

const isMoving = ({ status }) => ["uploading", "reading", "importing"].includes(status?.state);

// Copies the form into the draft of the mapping. An empty field is left out.
function readListForm(form, list) {
  const draft = { ...list.draft, columns: { ...list.draft.columns }, answers: { ...list.draft.answers } };
  const fields = new FormData(form);
  for (const [field, value] of fields) {
    const text = value.trim();
    if (field.startsWith("column ")) setOrDrop(draft.columns, field.slice("column ".length), saidOf(field.slice("column ".length), text, list));
    else if (field.startsWith("answer ")) setOrDrop(draft.answers, field.slice("answer ".length), text === "hold_back" ? "" : text);
    else if (field === "source") setOrDrop(draft, "source", text);
    else if (field === "tags") setOrDrop(draft, "tags", text === "" ? "" : text.split("\n").map((tag) => tag.trim()).filter(Boolean));
  }
  if (form.elements.undoable) draft.undoable = fields.has("undoable");
  return draft;
}

// A column's automatic target need not be stated.
function saidOf(name, target, { status, draft }) {
  const column = status.report.columns.find(({ column }) => column === name);
  return target === (column?.field ?? "") && draft.columns?.[name] === undefined ? "" : target;
}

function setOrDrop(object, name, value) {
  if (value === "") delete object[name];
  else object[name] = value;
}

async function mapList(mapping) {
  const list = page.list;
  const { draft } = list;
  // If the change is refused, the draft stays editable; input made in the meantime is kept.
  await change(async () => {
    await ask(listPath(list.location, list.name, "/mapping"), mapping, "PUT");
    Object.assign(list, { changed: list.draft !== draft, outdated: true });
  }, () => (mapping.hold ? "The list is being read again." : "The list is being sent."));
  if (page.list === list && list.outdated) await lookAtList();
}

function lookAgain(form) {
  const draft = readListForm(form, page.list);
  Object.assign(page.list, { draft, changed: true });
  return mapList({ ...draft, hold: true });
}

const forgetMapping = () => mapList({ hold: true, undoable: page.list.draft.undoable === true });

async function sendList() {
  const { location: id, status, draft } = page.list;
  const { preview, import: read } = status.report;
  const leftOut = read.left_out > 0 ? ` ${plural(read.left_out, "row is", "rows are")} left out.` : "";
  const text = `${id}: ${plural(preview.contacts, "contact")} will be sent, in about ${duration(Math.max(1, preview.seconds))}.${leftOut}`;
  if (await confirmed({ heading: "Send this list?", text, verb: "Send" })) await mapList({ ...draft, hold: false });
}

// A link to the bucket that makes the browser download the file.
async function download(which) {
  const { location: id, name } = page.list;
  try {
    const { url } = await ask(listPath(id, name, `/${which}`));
    const link = document.createElement("a");
    Object.assign(link, { href: url, download: which, rel: "noreferrer" });
    link.click();
  } catch (error) {
    notice(`Not done. ${error.message}`, "bad");
  }
}

function leaveList() {
  clearTimeout(listTimer);
  const { name, status, request, uploaded = 1 } = page.list;
  page.list.isLeft = true;
  if (uploaded < 1) request?.abort();
  else if (name && ["held", "needs_mapping", "reading"].includes(status?.state)) notice("The list stays as it is. You can find it under Lists.", "quiet");
  listsChanged();
  page.list = null;
  // Without an event, which would move the focus to the top.
  history.pushState(null, "", `#/${encodeURIComponent(page.open)}`);
  draw();
  byId("list-title")?.focus();
}

// -- the default mapping of a location's lists ------------------------------------------------------------------------

// The part of a mapping that applies to other lists, too.
function rememberable({ hold: _hold, undoable: _undoable, version: _version, ...said }) {
  return Object.fromEntries(Object.entries(said).filter(([, value]) => value && Object.keys(value).length > 0).map(([name, value]) => [name, value]));
}

// Ignores the order of fields.
function isSameJson(a, b) {
  if (typeof a !== "object" || a === null || typeof b !== "object" || b === null) return a === b;
  const names = new Set([...Object.keys(a), ...Object.keys(b)]);
  return [...names].every((name) => isSameJson(a[name], b[name]));
}

const rememberedMapping = (known) => known?.document?.overrides?.mapping ?? null;

async function rememberMapping() {
  const { location: id, draft } = page.list;
  const wanted = rememberable(draft);
  const text = `${id}: new lists start with ${mappingText(wanted)}. You can still change each of them before it is sent.`;
  if (await confirmed({ heading: "Remember this mapping?", text, verb: "Remember" })) await setRemembered(id, wanted, "The mapping is remembered.");
}

async function forgetRemembered() {
  const id = page.open;
  const text = `${id}: new lists start without a mapping. Existing lists keep theirs.`;
  if (await confirmed({ heading: "Forget the remembered mapping?", text, verb: "Forget" })) await setRemembered(id, null, "The mapping is forgotten.");
}

async function setRemembered(id, wanted, said) {
  const path = `v1/locations/${encodeURIComponent(id)}`;
  const save = async () => {
    const { answer, etag } = await askWithTag(path);
    const headers = { "content-type": "application/merge-patch+json", ...(etag ? { "if-match": etag } : {}) };
    const patch = { mapping: wanted && replacing(answer.overrides?.mapping, wanted) };
    await ask(path, patch, "PATCH", headers).catch((error) => {
      throw error.status === 403 ? new Error("Only an admin may change the remembered mapping of a location: ask one, or sign in with an admin's key.") : error;
    });
  };
  await change(save, () => said);
  if (id === page.open) await loadAccount();
}

// The merge patch that replaces the old value completely.
function replacing(old, wanted) {
  if (typeof old !== "object" || old === null || Array.isArray(old) || typeof wanted !== "object" || Array.isArray(wanted)) return wanted;
  const gone = Object.keys(old).filter((name) => !Object.hasOwn(wanted, name)).map((name) => [name, null]);
  return Object.fromEntries([...gone, ...Object.entries(wanted).map(([name, value]) => [name, replacing(old[name], value)])]);
}

document.addEventListener("submit", (event) => {
  if (event.target.id !== "list-form") return;
  event.preventDefault();
  if (!page.busy) lookAgain(event.target);
});

document.addEventListener("change", ({ target }) => {
  if (target.id === "list-file" && target.files.length > 0) handIn(target.files[0], byId("list-undoable").checked);
  draw();
});

// On each key: input must not be sent before it was previewed, even while the field still has focus.
document.addEventListener("input", ({ target }) => {
  const form = target.closest("#list-form");
  if (!form) return;
  Object.assign(page.list, { draft: readListForm(form, page.list), changed: true });
  draw();
});

// A drag event may target a text node, which is not an element.
const dropZoneOf = (event) => event.composedPath().find((one) => one.dataset?.drop);

function dragsOver(isOver) {
  if (page.isOverDrop === isOver) return;
  page.isOverDrop = isOver;
  draw();
}

// A file dropped outside of the zone must not replace the page.
document.addEventListener("dragover", (event) => {
  event.preventDefault();
  dragsOver(Boolean(dropZoneOf(event)));
});
document.addEventListener("dragleave", (event) => event.relatedTarget === null && dragsOver(false));
document.addEventListener("drop", (event) => {
  event.preventDefault();
  const { files } = event.dataTransfer;
  const isInZone = Boolean(dropZoneOf(event));
  dragsOver(false);
  if (!isInZone || files.length === 0) return;
  if (files.length > 1) return notice("One file at a time, please: each file is a separate list.", "bad");
  handIn(files[0], byId("list-undoable").checked);
});
