// What puts a list in, maps it and sends it.

const LIST_LOOK_MS = 1_500;
// The file goes to the bucket itself, which may take its time.
const UPLOAD_TIMEOUT_MS = 30 * 60_000;
const REPEATED_LOOKS = 3;
let listTimer = null;

const listPath = (location, name, rest = "") => at(location, `lists/${encodeURIComponent(name)}${rest}`);

async function handIn(file, undoable) {
  const id = page.open;
  const list = { location: id, file: file.name, uploaded: 0, draft: {} };
  page.list = list;
  draw();
  byId("list-title")?.focus();
  try {
    const { name, upload } = await ask(at(id, "lists"), { name: file.name, size: file.size, undoable });
    list.name = name;
    await uploadTo(upload.url, file, (share) => {
      list.uploaded = share;
      if (page.list === list) draw();
    });
    list.uploaded = 1;
    if (page.list === list) location.hash = `#/${encodeURIComponent(id)}/list/${encodeURIComponent(name)}`;
    await lookAtList();
  } catch (error) {
    list.problem = `Not done. ${error.message}`;
  }
  draw();
}

// The one request that tells how far it is.
function uploadTo(url, file, progress) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("PUT", url);
    request.timeout = UPLOAD_TIMEOUT_MS;
    request.upload.addEventListener("progress", ({ loaded, total }) => progress(total > 0 ? loaded / total : 0));
    request.addEventListener("load", () => (request.status < 300 ? resolve() : reject(new Error(`The bucket did not take the file (${request.status}).`))));
    request.addEventListener("error", () => reject(new Error("The file did not reach the bucket.")));
    request.addEventListener("timeout", () => reject(new Error("The file took too long.")));
    // A type of its own would have to be signed.
    request.send(new Blob([file]));
  });
}

// Opens the list that the address names.
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
  try {
    const status = await ask(listPath(list.location, list.name));
    const sent = status.state === "importing" && status.report?.import_id ? await ask(importPath(list.location, status.report.import_id)).catch(() => list.sent) : list.sent;
    if (page.list !== list) return;
    // What was changed and not yet looked at stays.
    if (!list.changed) list.draft = structuredClone(status.mapping ?? {});
    Object.assign(list, { status, sent, outdated: false, problem: null });
  } catch (error) {
    failed = failures + 1;
    if (failed > REPEATED_LOOKS) list.problem = error.message;
  }
  draw();
  if (page.list === list && (failed > 0 || isMoving(list))) listTimer = setTimeout(() => lookAtList(failed), LIST_LOOK_MS * (1 + failed));
}

const isMoving = ({ status }) => ["uploading", "reading", "importing"].includes(status?.state);

// What the form says, into the draft of the mapping. A field that is empty says nothing.
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

// Where a column goes by itself need not be said.
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
  await change(() => ask(listPath(list.location, list.name, "/mapping"), mapping, "PUT"), () => (mapping.hold ? "The list is looked at again." : "The list goes out."));
  if (page.list !== list) return;
  list.changed = false;
  list.outdated = true;
  await lookAtList();
}

const lookAgain = (form) => mapList({ ...readListForm(form, page.list), hold: true });

const forgetMapping = () => mapList({ hold: true, undoable: page.list.draft.undoable === true });

async function sendList() {
  const { location: id, status, draft } = page.list;
  const { preview, import: read } = status.report;
  const leftOut = read.left_out > 0 ? ` ${plural(read.left_out, "row")} are left out.` : "";
  const text = `${id}: ${plural(preview.contacts, "contact")} go out, in about ${duration(Math.max(1, preview.seconds))}.${leftOut}`;
  if (await confirmed({ heading: "Send this list?", text, verb: "Send" })) await mapList({ ...draft, hold: false });
}

// A link of the bucket's, which makes the browser keep the file.
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
  page.list = null;
  location.hash = `#/${encodeURIComponent(page.open)}`;
}

document.addEventListener("submit", (event) => {
  if (event.target.id !== "list-form") return;
  event.preventDefault();
  if (!page.busy) lookAgain(event.target);
});

document.addEventListener("change", ({ target }) => {
  if (target.id === "list-file" && target.files.length > 0) handIn(target.files[0], byId("list-undoable").checked);
  const form = target.closest("#list-form");
  if (form) Object.assign(page.list, { draft: readListForm(form, page.list), changed: true });
  draw();
});

document.addEventListener("dragover", (event) => event.preventDefault());
document.addEventListener("drop", (event) => {
  event.preventDefault();
  const file = event.dataTransfer.files[0];
  if (file && event.target.closest("[data-drop]")) handIn(file, byId("list-undoable").checked);
});
