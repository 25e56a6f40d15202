// Loads and changes a location's account, settings and imports.

const IMPORTS_SHOWN = 5;
// The figures of an import change while it runs or is being undone.
const IMPORT_LOOK_MS = 5_000;

async function loadAccount() {
  const id = page.open;
  if (id === null) return;
  const learned = {};
  try {
    const { answer, etag } = await askWithTag(`v1/locations/${encodeURIComponent(id)}`);
    learned.account = { document: answer, etag };
  } catch (error) {
    learned.account = { problem: error.message };
  }
  try {
    const { imports: list } = await ask(at(id, "imports"));
    learned.imports = { rows: IMPORTS_SHOWN, ...page.imports, list, problem: null };
  } catch (error) {
    learned.imports = { rows: IMPORTS_SHOWN, ...page.imports, problem: error.message };
  }
  if (id === page.open) Object.assign(page, learned);
  draw();
}

async function editSettings() {
  const { document, etag } = page.account;
  const id = page.open;
  const headers = { "content-type": "application/merge-patch+json", ...(etag ? { "if-match": etag } : {}) };
  const save = async (form) => {
    const patch = settingsPatch(document, form);
    if (patch === null) return { isChanged: false };
    const { answer, etag: saved } = await askWithTag(`v1/locations/${encodeURIComponent(id)}`, patch, "PATCH", headers);
    // If the reader reopens the settings at once, the saved values are there.
    if (id === page.open) page.account = { document: answer, etag: saved };
    return { isChanged: true };
  };
  const saved = await confirmed({ heading: "Settings", text: `${id}: changes take effect within seconds.`, verb: "Save", fields: [settingsFields(document)], request: save });
  if (!saved) return;
  if (!saved.isChanged) return notice("Nothing was changed.", "quiet");
  notice("Saved.", "good");
  await poll();
  if (id === page.open) await loadAccount();
}

async function openImport(importId) {
  page.imports = { ...page.imports, open: { id: importId } };
  draw();
  await lookAtImport();
  byId("import-title")?.focus();
}

async function lookAtImport() {
  const id = page.open;
  const importId = page.imports?.open?.id;
  if (id === null || importId === undefined) return;
  const open = { id: importId, lookedAt: Date.now() };
  try {
    open.status = await ask(importPath(id, importId));
  } catch (error) {
    open.problem = error.message;
  }
  if (id === page.open && page.imports?.open?.id === importId) page.imports = { ...page.imports, open };
  draw();
}

// Runs with the polls, while the import can still change.
async function refreshImport() {
  const { status, lookedAt } = page.imports?.open ?? {};
  const moves = status && (status.state === "open" || status.counts.pending?.count > 0);
  if (moves && Date.now() - lookedAt >= IMPORT_LOOK_MS) await lookAtImport();
}

const importPath = (id, importId) => at(id, `imports/${encodeURIComponent(importId)}`);

async function replayImport(importId) {
  await replay({ import: importId }, `the failed records of ${importId}`);
  await lookAtImport();
}

async function cancelImport(importId) {
  const text = `${importId}: records that GoHighLevel does not have yet are no longer sent. Those it has stay there.`;
  await endImport(importId, "cancel", { heading: "Cancel this import?", text, verb: "Cancel import" }, (sums) => `${plural(sums.withdrawn, "record")} cancelled.${leftOut(sums, "cancel")}`);
}

async function undoImport(importId) {
  const text = `${importId}: records it created are deleted in GoHighLevel, records it changed go back to what they were, and what others have changed since stays.`;
  await endImport(importId, "undo", { heading: "Undo this import?", text, verb: "Undo import" }, (sums) => `${plural(sums.asked, "record")} will be undone.${leftOut(sums, "undo")}`);
}

// The records that an action did not reach, for the message.
function leftOut({ skipped = 0, not_undoable: notUndoable = 0, not_written: notWritten = 0 }, verb) {
  return [
    skipped > 0 && ` ${plural(skipped, "record")} left unchanged: finished, received again, or unreadable.`,
    notUndoable > 0 && ` ${plural(notUndoable, "record")} cannot be undone.`,
    notWritten > 0 && ` ${plural(notWritten, "record")} could not be saved: ${verb} again.`,
  ].filter(Boolean).join("");
}

// A large number takes several requests; each returns a cursor.
async function endImport(importId, what, question, said) {
  const id = page.open;
  if (!(await confirmed(question))) return;
  const all = async () => {
    const sums = {};
    let cursor = null;
    do {
      const answer = await ask(`${importPath(id, importId)}/${what}`, cursor === null ? null : { cursor });
      for (const [name, value] of Object.entries(answer)) if (typeof value === "number") sums[name] = (sums[name] ?? 0) + value;
      cursor = answer.cursor ?? null;
    } while (cursor !== null);
    return sums;
  };
  await change(all, said);
  await loadAccount();
  await lookAtImport();
  await lookAtList();
}
