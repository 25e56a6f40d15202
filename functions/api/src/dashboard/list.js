// A list that somebody puts in: from the file to what came of its rows.

const LIST_STEPS = ["File", "Columns and questions", "Preview", "Sending", "Done"];
const STEP_OF_STATE = { uploading: 0, reading: 1, needs_mapping: 1, refused: 0, held: 2, importing: 3, done: 4 };
const LIST_FILES = ".csv,.tsv,.txt,.xlsx,.ndjson,.jsonl,.gz";
const PROBLEMS_SHOWN = 20;

// Where a column may go, in words; what is not here goes by the words that a mapping's name for it is made of.
const TARGETS = {
  lastNamePrefix: "Prefix of the last name (van der)",
  name: "Whole name",
  email: "E-mail",
  areaCode: "Area code of the phone number behind it",
  companyName: "Company",
  address1: "Street",
  houseNumber: "House number",
  address2: "Second address line",
  timezone: "Time zone",
  dnd: "A yes refuses all contact",
  "dnd.email": "A yes refuses e-mail",
  "dnd.sms": "A yes refuses SMS",
  "dnd.call": "A yes refuses calls",
  optin: "A no refuses all contact",
  "optin.email": "A no refuses e-mail",
  "optin.sms": "A no refuses SMS",
  "optin.call": "A no refuses calls",
  status: "A status that may refuse contact",
  subscription: "A status of a subscription",
  dnd_if_filled: "Filled means: refuses all contact",
  id: "The list's own id of a contact",
};
const inWords = (target) => {
  const split = target.replace(/[A-Z]/g, (capital) => ` ${capital.toLowerCase()}`);
  return /^[A-Za-z]+$/.test(target) ? split[0].toUpperCase() + split.slice(1) : target;
};
const CONSENT = /^(dnd|optin|status|subscription)/;

const LOOKS_LIKE = { email: "e-mail addresses", phone: "phone numbers", consent: "a consent or a refusal" };
const SAME_PERSON = [
  ["hold_back", "import the first row, leave the others out"],
  ["merge_first", "make them one contact; the first row wins"],
  ["merge_last", "make them one contact; the last row wins"],
  ["keep_apart", "keep people apart who share a phone number only"],
];

function listSection(list, busy, now) {
  return h("section", { class: "list-in", "aria-labelledby": "list-title" },
    h("h3", { id: "list-title", tabindex: -1 }, "Put a list in"),
    list ? [listSteps(list), listBody(list, busy, now)] : dropZone(busy));
}

function dropZone(busy) {
  return [
    h("label", { class: "drop", "data-drop": "list" },
      h("span", null, "Drop a file here, or choose one: CSV, Excel (.xlsx), NDJSON. Nothing is sent before you have seen what it would do."),
      h("input", { type: "file", id: "list-file", accept: LIST_FILES, disabled: busy })),
    h("label", { class: "check" }, h("input", { type: "checkbox", id: "list-undoable", checked: true }),
      " Can be undone for 30 days (takes one more call a contact)"),
  ];
}

function listSteps({ status, uploaded }) {
  const at = status ? STEP_OF_STATE[status.state] ?? 1 : 0;
  return h("ol", { class: "steps", "aria-label": "Steps" }, LIST_STEPS.map((step, index) =>
    h("li", { class: index < at ? "over" : null, "aria-current": index === at ? "step" : null }, step,
      index === 0 && uploaded !== undefined && uploaded < 1 ? ` ${percent(uploaded)}` : "")));
}

function listBody(list, busy, now) {
  const { problem, status, name } = list;
  const file = h("p", null, h("b", null, h("bdi", null, list.file ?? name ?? "")), status?.size ? `, ${size(status.size)}` : "");
  const views = { needs_mapping: askingView, held: heldView, refused: refusedView, importing: sendingView, done: doneView };
  return h("div", { class: "card", "aria-live": "polite" }, file,
    problem ? h("p", { class: "problem" }, problem) : null,
    status && Object.hasOwn(views, status.state) && !list.outdated ? views[status.state](list, busy, now) : problem ? null : waitingView(list),
    h("p", { class: "actions" }, button("leave-list", status?.state === "done" ? "Put another list in" : "Leave", false)));
}

function waitingView({ status, uploaded }) {
  if (uploaded !== undefined && uploaded < 1) return h("p", { class: "hint" }, "The file is on its way… ", bar(uploaded, "accent"));
  if (!status || status.state === "uploading") return h("p", { class: "hint" }, "Waiting for the file…");
  return h("p", { class: "hint" }, "Reading the list, and asking GoHighLevel for the location's country and custom fields…");
}

const refusedView = ({ status }) => h("p", { class: "problem" }, `Nothing can be read from it: ${status.report.reason}`);

// -- before it is sent ------------------------------------------------------------------------------------------------

function askingView(list, busy) {
  const { report } = list.status;
  const questions = report.import?.questions ?? [];
  const others = questions.length === 0 ? report.ask : [];
  return [
    h("h4", null, "To be answered first"),
    others.map((text) => h("p", { class: "problem" }, h("bdi", null, text))),
    h("form", { id: "list-form" },
      questions.map((question) => questionField(question, list)),
      columnTable(list),
      h("p", { class: "actions" }, h("button", { type: "submit", class: "primary", "aria-disabled": busy ? "true" : null }, "Look again"),
        others.length > 0 ? button("forget-mapping", "Begin without a mapping", busy) : null)),
  ];
}

function questionField(question, { draft }) {
  const chosen = (name) => draft.answers?.[name] ?? "";
  const choice = (name, label, options) => h("label", { class: "wide", key: `${name} ${question.column ?? ""}` }, label, " ",
    h("select", { name: `answer ${name}`, required: true },
      [["", "choose…"], ...options].map(([value, words]) => h("option", { value, selected: value === chosen(name) }, words))));
  const column = h("bdi", null, question.column);
  switch (question.question) {
    case "encoding":
      return h("label", { class: "wide" }, `The text is not UTF-8. It may be ${question.guess}`,
        question.samples.length > 0 ? [", which reads: ", h("bdi", null, question.samples.join(", "))] : null, ". It is ",
        h("input", { name: "answer encoding", value: chosen("encoding") || question.guess, required: true, autocomplete: "off", spellcheck: false }));
    case "date_order":
      return choice("date_order", ["In ", column, ` dates like 03/04/1991 do not prove${question.mixed ? ", row by row," : ""} what comes first:`], [["day_first", "the day"], ["month_first", "the month"]]);
    case "decimal_mark":
      return choice("decimal_mark", ["In ", column, " numbers like 1.234 do not prove what the mark means:"], [["point", "a point before decimals (1,234.56)"], ["comma", "a comma before decimals (1.234,56)"]]);
    case "sheet":
      return choice("sheet", "More than one sheet holds people. Import ", question.sheets.map((sheet) => [sheet, sheet]));
    case "hidden_rows":
      return choice("hidden_rows", `The sheet hides ${plural(question.rows, "row")}:`, [["import", "import them"], ["leave_out", "leave them out"]]);
    case "unused_column":
      return h("p", { class: "problem", key: question.column }, column, ` is not used, and ${plural(question.cells, "cell")} of it look like ${LOOKS_LIKE[question.looks_like] ?? "something"}. Say below where it goes, or that it is not used.`);
    default:
      return h("p", { class: "problem" }, `A question that this page does not know: ${question.question}`);
  }
}

function columnTable({ status: { report }, draft }) {
  if (!report.columns?.length) return null;
  return h("table", { class: "columns" },
    h("caption", null, "Where each column goes"),
    h("thead", null, h("tr", null, ["Column", "Goes to", "How sure", "Cells", "Such as"].map((head) => h("th", { scope: "col" }, head)))),
    h("tbody", null, report.columns.map((column) => h("tr", { key: column.column, class: column.field ? null : "unused" },
      h("th", { scope: "row" }, h("bdi", null, column.column)),
      h("td", null, targetSelect(column, report.targets, draft)),
      h("td", null, confidence(column)),
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
    asked ? h("option", { value: "ignore" }, "Not used, and that is right") : null,
    isKnown ? null : option({ target: chosen }),
    group("Fields of a contact", targets.filter(({ target, name }) => !name && target !== "ignore" && !CONSENT.test(target) && target !== "id")),
    group("Custom fields", targets.filter(({ name }) => name)),
    group("Consent", targets.filter(({ target, name }) => !name && CONSENT.test(target))),
    group("Other", targets.filter(({ target }) => target === "id")));
}

// How sure a column goes where it goes: by who said so, and by the cells that could be read as that.
function confidence({ by, lost, filled }) {
  const why = { told: "you said so", name: "its name", custom_field: "a custom field's name" }[by];
  if (!why) return "–";
  const sure = lost === 0 ? "certain" : lost * 10 <= filled ? "likely" : "doubtful";
  const tone = { certain: "good", likely: "warn", doubtful: "bad" }[sure];
  return [sign(tone), ` ${sure} (${why}${lost > 0 ? `; ${plural(lost, "cell")} not read` : ""})`];
}

function heldView(list, busy) {
  const { status: { report }, draft, changed } = list;
  const { preview } = report;
  return [
    h("h4", null, "What it would do"),
    h("dl", { class: "figures" },
      figure("New here", count(preview.new)), figure("Updated", count(preview.updated)), figure("Unchanged", count(preview.unchanged)),
      figure("Rows left out", count(report.import.left_out), report.import.left_out > 0 && "warn"),
      figure("Calls", count(preview.calls)), figure("Time", duration(Math.max(1, preview.seconds)))),
    preview.compared < preview.contacts ? h("p", { class: "hint" }, `Compared: the first ${count(preview.compared)} of ${plural(preview.contacts, "contact")}.`) : null,
    h("p", { class: "hint" }, "“New here” are people whom this stack has not sent before. Whom GoHighLevel has already, by e-mail or phone, it finds and updates."),
    rowProblems(report.import.problems),
    button("list-rejects", "Download what is left out (CSV)", busy, { disabled: report.import.problems.length === 0 }),
    h("form", { id: "list-form" },
      columnTable(list), listWishes(report, draft),
      h("p", { class: "actions" },
        h("button", { type: "submit", class: changed ? "primary" : null, "aria-disabled": busy ? "true" : null }, "Look again"),
        button("send-list", `Send ${plural(preview.contacts, "contact")}…`, busy || changed || preview.contacts === 0, { class: changed ? null : "primary" })),
      changed ? h("p", { class: "hint" }, "You have changed something: look again before you send.") : null),
    firstContacts(preview.first),
  ];
}

// What is not in a column.
function listWishes(report, draft) {
  const samePerson = draft.answers?.same_person ?? "hold_back";
  return h("div", { class: "settings" },
    report.repeated > 0 ? h("label", { class: "wide" }, `${plural(report.repeated, "e-mail address, phone number or id is", "e-mail addresses, phone numbers and ids are")} in more than one row: `,
      h("select", { name: "answer same_person" }, SAME_PERSON.map(([value, words]) => h("option", { value, selected: value === samePerson }, words)))) : null,
    h("label", null, "Country of phone numbers without + (two letters) ",
      h("input", { name: "answer country", value: draft.answers?.country ?? "", placeholder: report.known?.country ?? "", maxlength: 60, autocomplete: "off" })),
    h("label", null, "Source, where a row names none ", h("input", { name: "source", value: draft.source ?? "", maxlength: 200, autocomplete: "off" })),
    h("label", null, "Tags for all, one a line ", h("textarea", { name: "tags", rows: 2, spellcheck: false }, (draft.tags ?? []).join("\n"))),
    h("label", { class: "check" }, h("input", { type: "checkbox", name: "undoable", checked: draft.undoable === true }), " Can be undone for 30 days"));
}

function rowProblems(problems) {
  if (problems.length === 0) return h("p", null, sign("good"), " No row and no cell is left out.");
  return h("table", { class: "problems" },
    h("caption", null, `What is left out or told${problems.length > PROBLEMS_SHOWN ? `, the first ${PROBLEMS_SHOWN}` : ""}`),
    h("thead", null, h("tr", null, ["Row", "Column", "Why", "Left out"].map((head) => h("th", { scope: "col" }, head)))),
    h("tbody", null, problems.slice(0, PROBLEMS_SHOWN).map(({ row, column, message, effect }, index) => h("tr", { key: index },
      h("th", { scope: "row" }, row ? count(row) : "–"),
      h("td", null, h("bdi", null, column ?? "–")),
      h("td", null, h("bdi", null, message)),
      h("td", null, plainState(effect))))));
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
    h("p", null, `${plural(report.rows_done ?? 0, "row")} put. GoHighLevel has ${count(counts?.accepted.count ?? 0)} of ${plural(all, "contact")}.`),
    bar(all > 0 ? done / all : 0, "accent"),
    counts ? h("dl", { class: "figures" }, figure("Waiting", atLeast(counts.pending)), figure("Done", atLeast(counts.accepted)), figure("Failed", atLeast(counts.failed), counts.failed.count > 0 && "bad")) : null,
    report.import_id ? h("p", { class: "actions" }, button("cancel-import", "Cancel what waits…", busy, { "data-import": report.import_id })) : null,
  ];
}

function doneView({ status: { report }, draft }, busy, now) {
  const { records, import: read } = report;
  const errors = Object.entries(report.errors ?? {});
  return [
    report.stopped ? h("p", { class: "problem" }, report.stopped) : null,
    h("dl", { class: "figures" },
      figure("Done", count(records.synced)), figure("Unchanged", count(records.already_synced)),
      figure("Failed", count(records.failed), records.failed > 0 && "bad"), figure("Waiting", count(records.pending), records.pending > 0 && "warn"),
      figure("Rows left out", count(read.left_out), read.left_out > 0 && "warn")),
    report.ended_at ? h("p", { class: "hint" }, "Ended ", time(report.ended_at, now), ".") : null,
    errors.length > 0 ? h("ul", null, errors.map(([error, number]) => h("li", { key: error }, `${plural(number, "contact")}: `, h("bdi", null, error)))) : null,
    read.problems.length > 0 ? rowProblems(read.problems) : null,
    h("p", { class: "actions" },
      button("list-results", "Download the results (CSV)", busy),
      button("list-rejects", "Download what was left out (CSV)", busy, { disabled: read.problems.length === 0 }),
      report.import_id ? button("import-records", "Show its records", busy, { "data-import": report.import_id }) : null,
      report.import_id && draft.undoable ? button("undo-import", "Undo…", busy, { "data-import": report.import_id }) : null),
  ];
}
