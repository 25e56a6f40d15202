// A list being put in: from the file to the results of its rows.

const LIST_STEPS = ["File", "Columns and questions", "Preview", "Sending", "Done"];
const STEP_OF_STATE = { uploading: 0, reading: 1, needs_mapping: 1, refused: 0, held: 2, importing: 3, done: 4 };
const LIST_FILES = ".csv,.tsv,.txt,.xlsx,.ndjson,.jsonl,.gz";
const PROBLEMS_SHOWN = 20;

// Names of the column targets; other targets are named by the words of their mapping key.
const TARGETS = {
  lastNamePrefix: "Last name prefix (van der)",
  name: "Full name",
  email: "E-mail",
  areaCode: "Area code of the phone number in the next column",
  companyName: "Company",
  address1: "Street",
  houseNumber: "House number",
  address2: "Address line 2",
  timezone: "Time zone",
  dnd: "Opt-out: yes means no contact at all",
  "dnd.email": "Opt-out: yes means no e-mail",
  "dnd.sms": "Opt-out: yes means no SMS",
  "dnd.call": "Opt-out: yes means no calls",
  optin: "Opt-in: no means no contact at all",
  "optin.email": "Opt-in: no means no e-mail",
  "optin.sms": "Opt-in: no means no SMS",
  "optin.call": "Opt-in: no means no calls",
  status: "Status that may be an opt-out",
  subscription: "Subscription status",
  dnd_if_filled: "Opt-out: any value means no contact at all",
  optin_until: "Opt-in: may be contacted until this date",
  id: "The list's own contact id",
};
const inWords = (target) => {
  const split = target.replace(/[A-Z]/g, (capital) => ` ${capital.toLowerCase()}`);
  return /^[A-Za-z]+$/.test(target) ? split[0].toUpperCase() + split.slice(1) : target;
};
const CONSENT = /^(dnd|optin|status|subscription)/;

const EFFECTS = { row_left_out: "the row is left out", value_left_out: "sent without this value", value_cut: "only a part of it is sent", note: "sent as it is" };
const NOBODY = "No column name was recognized. Map at least the e-mail, phone or name column below; the other columns follow.";
const LOOKS_LIKE = { email: "e-mail addresses", phone: "phone numbers", consent: "opt-ins or opt-outs" };
const SAME_PERSON = [
  ["hold_back", "import the first row, leave out the others"],
  ["merge_first", "merge them into one contact; the first row wins"],
  ["merge_last", "merge them into one contact; the last row wins"],
  ["keep_apart", "keep people separate who share only a phone number"],
];

function listSection(list, remembered, busy, now) {
  return h("section", { class: "list-in", "aria-labelledby": "list-title" },
    h("h3", { id: "list-title", tabindex: -1 }, "Upload a list"),
    // A screen reader announces only this when it changes; the rest can be read at leisure.
    h("p", { class: "unseen", role: "status" }, list ? listNews(list) : ""),
    list ? [listSteps(list), listBody(list, remembered, busy, now)] : dropZone(page.isOverDrop, remembered, busy));
}

function dropZone(isOver, remembered, busy) {
  return [
    h("label", { class: isOver ? "drop over" : "drop", "data-drop": "list" },
      h("span", null, "Drop a file here, or choose one: CSV, Excel (.xlsx) or NDJSON. Nothing is sent until you have seen a preview."),
      h("input", { type: "file", id: "list-file", accept: LIST_FILES, disabled: busy })),
    h("label", { class: "check" }, h("input", { type: "checkbox", id: "list-undoable", checked: true }),
      " Can be undone for 30 days (takes one more call per contact)"),
    remembered ? h("p", { class: "hint" }, `New lists start with the mapping remembered for this location: ${mappingText(remembered)}. `, button("forget-remembered", "Forget mapping…", busy, { class: "link" })) : null,
  ];
}

function listNews({ problem, status, uploaded }) {
  if (problem) return "";
  if (uploaded !== undefined && uploaded < 1) return "Uploading the file.";
  return { reading: "Reading the list.", needs_mapping: "The list needs your answers.", held: "The preview is ready.", refused: "The file cannot be read.", importing: "The list is being sent.", done: "The list is done." }[status?.state] ?? "";
}

// A mapping, in numbers and names.
function mappingText({ columns, answers, tags, source, id_column: idColumn, assigned_to: assignedTo }) {
  const [placed, answered] = [columns, answers].map((said) => Object.keys(said ?? {}).length);
  return [
    placed > 0 && plural(placed, "column"), answered > 0 && plural(answered, "answer"), tags?.length > 0 && `the tags ${tags.join(", ")}`, source && `the source ${source}`,
    idColumn && `the ids from ${idColumn}`, assignedTo && "the assigned user",
  ].filter(Boolean).join(", ") || "nothing";
}

function listSteps({ status, uploaded }) {
  const at = status ? STEP_OF_STATE[status.state] ?? 1 : 0;
  return h("ol", { class: "steps", "aria-label": "Steps" }, LIST_STEPS.map((step, index) =>
    h("li", { class: index < at ? "over" : null, "aria-current": index === at ? "step" : null }, step,
      index === 0 && uploaded !== undefined && uploaded < 1 ? ` ${Math.floor(100 * uploaded)} %` : "")));
}

function listBody(list, remembered, busy, now) {
  const { problem, status, name } = list;
  const file = h("p", null, h("b", null, h("bdi", null, list.file ?? name ?? "")), status?.size ? `, ${size(status.size)}` : "");
  const views = { needs_mapping: askingView, held: heldView, refused: refusedView, importing: sendingView, done: doneView };
  const isSaid = status && Object.hasOwn(views, status.state) && !list.outdated;
  return h("div", { class: "card" }, file,
    problem ? h("p", { class: "problem", role: "alert" }, problem) : null,
    isSaid ? views[status.state](list, busy, now) : problem ? null : waitingView(list),
    isSaid && ["held", "done"].includes(status.state) ? rememberLine(list, remembered, busy) : null,
    h("p", { class: "actions" },
      problem && list.again ? button("retry-list", "Try again", busy, { class: "primary" }) : null,
      button("leave-list", leaveLabel(list), false)));
}

function leaveLabel({ problem, status, uploaded }) {
  if (!problem && uploaded !== undefined && uploaded < 1) return "Cancel upload";
  return ["done", "refused"].includes(status?.state) ? "Upload another list" : "Close list";
}

// Offers to use this list's mapping for future lists.
function rememberLine({ draft, changed }, remembered, busy) {
  const said = rememberable(draft);
  const isRemembered = remembered && isSameJson(said, remembered);
  const isAsRead = !changed;
  return h("p", { class: "actions" },
    isAsRead && !isRemembered && Object.keys(said).length > 0 ? button("remember-mapping", "Remember this mapping…", busy, { title: "New lists for this location will start with this mapping" }) : null,
    isRemembered ? h("span", { class: "hint" }, `This mapping is remembered for lists of this location: ${mappingText(remembered)}.`) : null,
    remembered ? button("forget-remembered", "Forget the remembered mapping…", busy) : null);
}

function waitingView({ status, uploaded }) {
  if (uploaded !== undefined && uploaded < 1) return h("p", { class: "hint" }, "Uploading the file. Keep this page open. ", bar(uploaded, "accent"));
  if (!status) return h("p", { class: "hint" }, "Loading…");
  if (status.state === "uploading") return h("p", { class: "hint" }, "The file has not arrived yet. If its upload was interrupted, close the list and upload the file again.");
  return h("p", { class: "hint" }, "Reading the list, and loading the location's country and custom fields from GoHighLevel…");
}

const refusedView = ({ status }) => h("p", { id: "list-state", tabindex: -1, class: "problem" }, `The file cannot be read: ${status.report.reason}. Nothing was sent.`);

// -- before it is sent ------------------------------------------------------------------------------------------------

function askingView(list, busy) {
  const { report } = list.status;
  const questions = report.import?.questions ?? [];
  const others = questions.length > 0 ? [] : report.columns?.length && report.columns.every(({ field }) => field === null) ? [NOBODY] : report.ask;
  return [
    stateTitle("Answers needed first"),
    h("p", { class: "hint" }, "Nothing has been sent yet."),
    others.map((text) => h("p", { class: "problem" }, h("bdi", null, text))),
    h("form", { id: "list-form" },
      questions.map((question) => questionField(question, list)),
      columnTable(list),
      h("p", { class: "actions" }, h("button", { type: "submit", class: "primary", "aria-disabled": busy ? "true" : null }, "Preview"),
        begunWith(list) ? button("forget-mapping", "Start over without a mapping", busy) : null)),
  ];
}

const stateTitle = (text) => h("h4", { id: "list-state", tabindex: -1 }, text);

// Whether the list's mapping has any content.
const begunWith = ({ status: { mapping } }) => Object.keys(rememberable(mapping ?? {})).length > 0;

function questionField(question, { draft }) {
  const chosen = (name) => draft.answers?.[name] ?? "";
  const choice = (name, label, options) => h("label", { class: "asked", key: `${name} ${question.column ?? ""}` }, h("span", null, label), " ",
    h("select", { name: `answer ${name}`, required: true },
      [["", "Choose…"], ...options].map(([value, words]) => h("option", { value, selected: value === chosen(name) }, words))));
  const column = h("bdi", null, question.column);
  switch (question.question) {
    case "encoding":
      return h("label", { class: "asked" }, h("span", null, `The text is not UTF-8. It may be ${question.guess}`,
        question.samples.length > 0 ? [", which reads: ", h("bdi", null, question.samples.join(", "))] : null, ". Encoding"), " ",
        h("input", { name: "answer encoding", value: chosen("encoding") || question.guess, required: true, autocomplete: "off", spellcheck: false }));
    case "date_order":
      return choice("date_order", ["Dates like 03/04/1991 in ", column, ` are ambiguous${question.mixed ? ", and the column mixes both orders" : ""}. What comes first?`], [["day_first", "the day"], ["month_first", "the month"]]);
    case "decimal_mark":
      return choice("decimal_mark", ["Numbers like 1.234 in ", column, " are ambiguous. How are decimals written?"], [["point", "with a point (1,234.56)"], ["comma", "with a comma (1.234,56)"]]);
    case "sheet":
      return choice("sheet", "More than one sheet has contacts. Import", question.sheets.map((sheet) => [sheet, sheet]));
    case "hidden_rows":
      return choice("hidden_rows", `The sheet has ${plural(question.rows, "hidden row")}:`, [["import", "import them"], ["leave_out", "leave them out"]]);
    case "unused_column":
      return h("p", { key: question.column }, sign("warn"), " ", h("b", null, column), ` is not used, but ${plural(question.cells, "cell looks", "cells look")} like ${LOOKS_LIKE[question.looks_like] ?? "something"}. Choose below where it goes, or confirm that it is not used.`);
    default:
      return h("p", { class: "problem" }, `This page does not know this question: ${question.question}`);
  }
}

function columnTable({ status: { report }, draft }) {
  if (!report.columns?.length) return null;
  const asked = new Set((report.import?.questions ?? []).filter(({ question }) => question === "unused_column").map(({ column }) => column));
  return h("table", { class: "columns" },
    h("caption", null, "Where each column goes"),
    h("thead", null, h("tr", null, ["Column", "Goes to", "Confidence", "Cells", "Examples"].map((head) => h("th", { scope: "col" }, head)))),
    h("tbody", null, report.columns.map((column) => h("tr", { key: column.column, class: column.field ? null : "unused" },
      h("th", { scope: "row" }, h("bdi", null, column.column)),
      h("td", null, targetSelect(column, report.targets, draft)),
      h("td", null, asked.has(column.column) && draft.columns?.[column.column] === undefined ? [sign("warn"), " answer needed"] : confidence(column)),
      h("td", null, count(column.filled)),
      h("td", { class: "samples" }, h("bdi", null, column.samples.join(" · ")))))));
}

function targetSelect(column, targets, draft) {
  const chosen = draft.columns?.[column.column] ?? column.field ?? "";
  const option = ({ target, name }) => h("option", { value: target, selected: target === chosen }, name ?? TARGETS[target] ?? inWords(target));
  const group = (label, of) => of.length > 0 && h("optgroup", { label }, of.map(option));
  const isKnown = ["", "ignore"].includes(chosen) || targets.some(({ target }) => target === chosen);
  const asked = column.field === null && draft.columns?.[column.column] === undefined;
  return h("select", { name: `column ${column.column}`, "aria-label": `Where ${column.column} goes` },
    h("option", { value: asked ? "" : "ignore", selected: asked || chosen === "ignore" }, "Not used"),
    asked ? h("option", { value: "ignore" }, "Do not use this column") : null,
    isKnown ? null : option({ target: chosen }),
    group("Contact fields", targets.filter(({ target, name }) => !name && target !== "ignore" && !CONSENT.test(target) && target !== "id")),
    group("Custom fields", targets.filter(({ name }) => name)),
    group("Consent", targets.filter(({ target, name }) => !name && CONSENT.test(target))),
    group("Other", targets.filter(({ target }) => target === "id")));
}

// The confidence in a column's target: who chose it, and how many cells could be read as that type.
function confidence({ by, lost, filled }) {
  const why = { told: "your choice", name: "column name", custom_field: "custom field name" }[by];
  if (!why) return "–";
  const sure = lost === 0 ? "certain" : lost * 10 <= filled ? "likely" : "doubtful";
  const tone = { certain: "good", likely: "warn", doubtful: "bad" }[sure];
  return [sign(tone), ` ${sure} (${why}${lost > 0 ? `; ${plural(lost, "cell")} unreadable` : ""})`];
}

function heldView(list, busy) {
  const { status: { report }, draft, changed } = list;
  const { preview } = report;
  return [
    stateTitle("Preview: nothing is sent yet"),
    h("dl", { class: "figures" },
      figure("New here", count(preview.new)), figure("Updated", count(preview.updated)), figure("Unchanged", count(preview.unchanged)),
      figure("Rows left out", count(report.import.left_out), report.import.left_out > 0 && "warn"),
      figure("Calls", count(preview.calls)), figure("Time", preview.contacts > 0 ? duration(Math.max(1, preview.seconds)) : "–")),
    preview.contacts === 0 ? h("p", { class: "problem" }, "The list has no contact to send.") : null,
    preview.compared < preview.contacts ? h("p", { class: "hint" }, `Only the first ${count(preview.compared)} of ${plural(preview.contacts, "contact")} were compared.`) : null,
    h("p", { class: "hint" }, "“New here” means new to this stack; GoHighLevel was not asked. GoHighLevel may already have some of them: it finds them by e-mail or phone and updates them instead of creating duplicates."),
    preview.new_without_address > 0 ? h("p", null, sign("warn"), ` ${plural(preview.new_without_address, "of the new contacts has", "of the new contacts have")} neither e-mail nor phone. GoHighLevel cannot find such people: each becomes a new contact, even if GoHighLevel has them already.`) : null,
    rowProblems(report.import.problems),
    report.import.problems.length > 0 ? button("list-rejects", "Download rows with problems (CSV)", busy) : null,
    h("form", { id: "list-form" },
      columnTable(list), listWishes(report, draft),
      h("p", { class: "actions" },
        h("button", { type: "submit", class: changed ? "primary" : null, "aria-disabled": busy ? "true" : null }, "Preview again"),
        button("send-list", `Send ${plural(preview.contacts, "contact")}…`, busy || changed || preview.contacts === 0, { class: changed ? null : "primary" }),
        begunWith(list) ? button("forget-mapping", "Start over without a mapping", busy) : null),
      changed ? h("p", { class: "hint" }, "You have made changes: preview again before you send.") : null),
    firstContacts(preview.first),
  ];
}

// Settings that are not about a column.
function listWishes(report, draft) {
  const samePerson = draft.answers?.same_person ?? "hold_back";
  return h("div", { class: "settings" },
    report.repeated > 0 ? h("label", { class: "wide" }, `${plural(report.repeated, "e-mail address, phone number or id appears", "e-mail addresses, phone numbers or ids appear")} in more than one row: `,
      h("select", { name: "answer same_person" }, SAME_PERSON.map(([value, words]) => h("option", { value, selected: value === samePerson }, words)))) : null,
    h("label", null, "Country for phone numbers without + (two letters) ",
      h("input", { name: "answer country", value: draft.answers?.country ?? "", placeholder: report.known?.country ?? "", maxlength: 60, autocomplete: "off" })),
    h("label", null, "Source for rows that name none ", h("input", { name: "source", value: draft.source ?? "", maxlength: 200, autocomplete: "off" })),
    h("label", null, "Tags for all contacts, one per line ", h("textarea", { name: "tags", rows: 2, spellcheck: false }, (draft.tags ?? []).join("\n"))),
    h("label", { class: "check" }, h("input", { type: "checkbox", name: "undoable", checked: draft.undoable === true }), " Can be undone for 30 days"));
}

function rowProblems(problems) {
  if (problems.length === 0) return h("p", null, sign("good"), " No rows or cells are left out.");
  return h("table", { class: "problems stacked" },
    h("caption", null, `Problems and notes${problems.length > PROBLEMS_SHOWN ? `, the first ${PROBLEMS_SHOWN}` : ""}`),
    h("thead", null, h("tr", null, ["Row", "Column", "Problem", "Effect"].map((head) => h("th", { scope: "col" }, head)))),
    h("tbody", null, problems.slice(0, PROBLEMS_SHOWN).map(({ row, column, problem, effect }, index) => h("tr", { key: index },
      h("th", { scope: "row" }, row ? `Row ${count(row)}` : "–"),
      h("td", { "data-head": "Column" }, h("bdi", null, column ?? "–")),
      h("td", { "data-head": "Problem" }, h("bdi", null, problem)),
      h("td", { "data-head": "Effect" }, effectOf(row, column, effect))))));
}

// A problem with a whole column means that nothing in the column is used.
function effectOf(row, column, effect) {
  if (effect === "note" && !row && column) return "the column is not sent";
  return Object.hasOwn(EFFECTS, effect) ? EFFECTS[effect] : plainState(effect);
}

function firstContacts(first) {
  if (first.length === 0) return null;
  return h("details", null, h("summary", null, `The first ${plural(first.length, "contact")} as GoHighLevel will get them`),
    h("ol", null, first.map(({ row, contact }) => h("li", { key: row }, `Row ${count(row)}: `, h("bdi", null, Object.entries(contact).map(([name, value]) => `${name} ${typeof value === "string" ? value : JSON.stringify(value)}`).join(", "))))));
}

// -- once it is sent --------------------------------------------------------------------------------------------------

function sendingView({ status: { report }, sent }, busy) {
  const counts = sent?.counts;
  const done = counts ? counts.accepted.count + counts.failed.count + counts.other.count : 0;
  const all = counts ? done + counts.pending.count : 0;
  return [
    stateTitle("The list is being sent"),
    h("p", null, `${plural(report.rows_done ?? 0, "row")} read. GoHighLevel has ${count(counts?.accepted.count ?? 0)} of the ${plural(all, "contact")} read so far.`),
    opened()?.pause ? h("p", null, sign("warn"), " The location is stopped, so nothing is sent now. Waiting contacts are sent once it resumes.") : null,
    h("p", { class: "hint" }, "You can leave this page: sending continues, and the list stays under Lists."),
    bar(all > 0 ? done / all : 0, "accent"),
    counts ? h("dl", { class: "figures" }, figure("Waiting", atLeast(counts.pending)), figure("Done", atLeast(counts.accepted)), figure("Failed", atLeast(counts.failed), counts.failed.count > 0 && "bad")) : null,
    report.import_id ? h("p", { class: "actions" }, button("cancel-import", "Cancel import…", busy, { "data-import": report.import_id })) : null,
  ];
}

// The next lines show the result of the sync, before the undo.
function undoneLine({ undone, left } = {}) {
  return h("p", null, sign("warn"), ` This import was undone afterwards: ${undone ? atLeast(undone) : "some"} of its contacts so far`,
    left?.count > 0 ? `; ${atLeast(left)} were left as they are (“Show its records” says why for each)` : "", ". Below is the result before the undo.");
}

function doneView({ status: { report }, draft, sent }, busy, now) {
  const { records, import: read } = report;
  const errors = Object.entries(report.errors ?? {});
  const notStored = [...new Set((report.not_stored ?? []).flatMap(({ fields }) => fields))];
  return [
    stateTitle(sent?.state === "undone" ? "Undone" : records.failed > 0 || read.left_out > 0 ? "Done, but incomplete" : "Done"),
    sent?.state === "undone" ? undoneLine(sent.undo) : null,
    report.stopped ? h("p", { class: "problem" }, report.stopped) : null,
    h("dl", { class: "figures" },
      figure("Done", count(records.synced)), records.already_synced > 0 && figure("Already up to date", count(records.already_synced)),
      records.skipped > 0 && figure("Not sent (dry run)", count(records.skipped), "warn"),
      figure("Failed", count(records.failed), records.failed > 0 && "bad"), figure("Waiting", count(records.pending), records.pending > 0 && "warn"),
      figure("Rows left out", count(read.left_out), read.left_out > 0 && "warn")),
    report.ended_at ? h("p", { class: "hint" }, "Finished ", time(report.ended_at, now), ".") : null,
    errors.length > 0 ? h("ul", null, errors.map(([error, number]) => h("li", { key: error }, `${plural(number, "contact")}: `, h("bdi", null, error)))) : null,
    records.failed > 0 ? h("p", null, "Fix the cause, then replay the records under ", button("show-failures", "Failed records", busy, { class: "link" }), ".") : null,
    notStored.length > 0 ? h("p", null, sign("warn"), ` GoHighLevel did not store these fields of ${plural(report.not_stored.length, "contact")}, and did not say why: `, h("bdi", null, notStored.join(", ")), ".") : null,
    read.problems.length > 0 ? rowProblems(read.problems) : null,
    h("p", { class: "actions" },
      button("list-results", "Download results (CSV)", busy),
      read.problems.length > 0 ? button("list-rejects", "Download rows with problems (CSV)", busy) : null,
      report.import_id ? button("import-records", "Show its records", busy, { "data-import": report.import_id }) : null,
      report.import_id && draft.undoable && sent?.state !== "undone" ? button("undo-import", "Undo…", busy, { "data-import": report.import_id }) : null),
  ];
}
