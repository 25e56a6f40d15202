// The part of the lists API that the page uses: the beginning of a file's name selects its outcome. A list moves on
// each time it is read; `mock.lists.stays` names a state that it does not leave.

const STATES_AFTER_SENDING = 3;
const NO_BUCKET = "the stack has no bucket for lists; deploy it with the parameter ImportBucketName";
export const HOSTILE_COLUMN = "<img src=x onerror=\"window.hacked = 40\">";

const iso = (at) => new Date(at).toISOString();
const problem = (status, title, detail) => ({ status, answer: { type: "about:blank", title, status, detail } });

const TARGETS = [
  ...["firstName", "lastName", "name", "email", "phone", "companyName", "address1", "city", "postalCode", "country", "dateOfBirth", "tags", "dnd", "dnd.email", "optin", "optin.email", "status", "id"].map((target) => ({ target })),
  { target: "cf_budget", name: "Budget" }, { target: "cf_member", name: "Member since" },
];

const column = (name, field, by, samples, changes = {}) => ({ column: name, field, by, filled: 1_204, samples, lost: 0, ...changes });

// The columns of a list of members, and their automatic targets.
const COLUMNS = [
  column("First name", "firstName", "name", ["Ada", "Bob", "Clara"]),
  column("Surname", "lastName", "name", ["Example", "Sample", "Beispiel"]),
  column("E-mail", "email", "name", ["ada@example.com", "bob@example.com", "clara@example.com"], { lost: 2 }),
  column("Mobile", "phone", "name", ["0151 23456789", "0160 1234567"], { filled: 911, lost: 300 }),
  column("Born", "dateOfBirth", "name", ["03/04/1991", "05/06/1992"], { filled: 640 }),
  column("Budget", "cf_budget", "custom_field", ["1.234", "2.500"], { filled: 320 }),
  column("Stay in touch?", null, null, ["yes", "no", "yes"], { filled: 1_150 }),
  column("Second mail", null, null, ["ada@example.org"], { filled: 212 }),
  column("Landline", null, null, ["030 901820"], { filled: 88 }),
];

const QUESTIONS = {
  questions: [
    { question: "date_order", column: "Born", mixed: false },
    { question: "decimal_mark", column: "Budget" },
    { question: "hidden_rows", rows: 17 },
    { question: "unused_column", column: "Stay in touch?", looks_like: "consent", cells: 1_150 },
    { question: "unused_column", column: "Second mail", looks_like: "email", cells: 212 },
    { question: "unused_column", column: "Landline", looks_like: "phone", cells: 88 },
  ],
  // No column is known until these are answered.
  encoding: [{ question: "encoding", guess: "windows-1252", samples: ["Köln", "Zahnärzte"] }],
  sheets: [{ question: "sheet", sheets: ["Members 2026", "Former <b>members</b>"] }],
  news: [{ question: "moon_phase" }],
};

const PROBLEMS = [
  { row: 17, column: "E-mail", field: "email", problem: "is no e-mail address: nobody at all", effect: "row_left_out", value_sent: null },
  { row: 230, column: "Mobile", field: "phone", problem: "is no phone number", effect: "value_left_out", value_sent: null },
  { row: 812, column: null, field: null, problem: "has the e-mail address of row 11", effect: "row_left_out", value_sent: null },
];

const isOpen = (mapping) => ({ question, column }) => {
  if (question === "unused_column") return mapping.columns?.[column] === undefined;
  return mapping.answers?.[question] === undefined;
};

function columnsOf(list) {
  const hostile = list.file.startsWith("hostile") ? [column(HOSTILE_COLUMN, null, null, ["<script>window.hacked = 41</script>", "\u202Etxt.exe"])] : [];
  return [...COLUMNS, ...hostile].map((one) => {
    const told = list.mapping.columns?.[one.column];
    if (told === undefined) return one;
    return told === "ignore" ? { ...one, field: null, by: null } : { ...one, field: told, by: "told" };
  });
}

function reportOf(mock, location, list) {
  const { file, mapping } = list;
  const kind = /^[a-z]+/.exec(file)?.[0];
  const report = { file: `in/${location}/contacts/${list.name}`, location, etag: "e1", mapping_etag: "m1", known: { country: "DE", custom_fields: 2 }, not_stored: [], errors: {} };
  const isHostile = kind === "hostile";
  if (kind === "photo") return { ...report, state: "refused", reason: "it is a PDF document, not a list" };
  if (kind === "wrong" && mapping.columns?.Fax) {
    return { ...report, state: "needs_mapping", ask: [`the mapping names the column \`Fax\`, which the list does not have; its columns are: ${COLUMNS.map(({ column: name }) => name).join(", ")}`] };
  }
  const codes = ["K1", "K2"].map((name) => column(name, null, null, [], { filled: 0 }));
  if (kind === "codes" && Object.keys(mapping.columns ?? {}).length === 0) return { ...report, state: "needs_mapping", ask: ["no column holds an e-mail address"], columns: codes, targets: TARGETS, import: { questions: [] } };
  const open = (QUESTIONS[kind] ?? []).filter(isOpen(mapping));
  const told = { columns: columnsOf(list), targets: isHostile ? [...TARGETS, { target: "cf_<b>", name: HOSTILE_COLUMN }] : TARGETS, repeated: 4, mapping };
  const isRead = !["encoding", "sheets"].includes(kind) || open.length === 0;
  if (open.length > 0) return { ...report, state: "needs_mapping", ask: ["in the words of the program"], ...(isRead ? told : {}), import: { rows: 0, left_out: 0, problems: [], questions: open } };
  const problems = kind === "clean" ? [] : isHostile ? [{ ...PROBLEMS[0], column: HOSTILE_COLUMN, problem: "<svg onload=\"window.hacked = 42\">" }] : PROBLEMS;
  const read = { rows: 1_204, accepted: 1_202, left_out: kind === "clean" ? 0 : 2, contacts: 1_202, problems };
  const contacts = kind === "nobody" ? 0 : 1_202;
  if (mapping.hold !== false) {
    const first = [[2, { firstName: isHostile ? HOSTILE_COLUMN : "Ada", lastName: "Example", email: "ada@example.com", phone: "+4915123456789", tags: mapping.tags ?? [] }], [3, { firstName: "Bob", email: "bob@example.com" }]];
    const preview = { contacts, compared: contacts, new: contacts && 1_100, updated: contacts && 60, unchanged: contacts && 42, new_without_address: kind === "people" ? 7 : 0, calls: 2 * contacts, seconds: Math.ceil(contacts / 4.8), first: contacts ? first.map(([row, contact]) => ({ row, contact })) : [] };
    return { ...report, state: "held", ...told, import: read, preview };
  }
  const isDone = list.sent > STATES_AFTER_SENDING && mock.lists.stays !== "importing";
  if (!isDone) return { ...report, state: "importing", import_id: importOf(list), rows_done: Math.min(1_204, 400 * list.sent), began_at: iso(list.at) };
  const failed = kind === "clean" ? 0 : 3;
  return {
    ...report, state: "done", import_id: importOf(list), import: read, began_at: iso(list.at), ended_at: iso(Date.now() - 1_000),
    records: { total: 1_202, synced: 1_202 - failed, skipped: 0, failed, pending: 0, already_synced: 42 },
    errors: failed > 0 ? { "email must be an email": 2, [isHostile ? HOSTILE_COLUMN : "phone must be in E.164 format"]: 1 } : {},
    not_stored: kind === "clean" ? [] : [{ record: "contact#7", fields: ["phone"] }, { record: "contact#9", fields: ["phone", "customFields.budget"] }],
  };
}

const importOf = ({ name }) => `list-${name}`;

function documentOf(mock, location, list) {
  const { name, size, mapping } = list;
  const moving = (state) => ({ name, state, size: list.isThere ? size : null, uploaded_at: list.isThere ? iso(list.at) : null, mapping, report: null });
  if (!list.isThere) return moving("uploading");
  list.looks += 1;
  if (list.looks === 1 || mock.lists.stays === "reading") return moving("reading");
  if (mapping.hold === false) list.sent += 1;
  const report = reportOf(mock, location, list);
  return { ...moving(report.state), report };
}

function takeIn(mock, location, body) {
  if (mock.lists.hasNoBucket) return problem(409, "Not now", NO_BUCKET);
  if (mock.lists.refusesKey) return problem(403, "This is not allowed", "this takes a key with the role operate");
  const { name: file, size, undoable } = JSON.parse(body);
  const name = `20261130-194501-${String(mock.lists.all.size).padStart(6, "0")}-${file.replaceAll(/[^\w.-]/g, "-")}`;
  const remembered = mock.settings[location]?.overrides.mapping;
  mock.lists.all.set(name, { name, file, size, at: Date.now(), mapping: { ...structuredClone(remembered), hold: true, undoable }, isThere: false, looks: 0, sent: 0 });
  return { status: 201, answer: { name, upload: { url: `${mock.url}/upload/${encodeURIComponent(name)}`, expires_at: iso(Date.now() + 900_000) } } };
}

/// What is answered; nothing if the path is none of theirs.
export function lists(mock, method, pathname, body, query) {
  mock.lists.all ??= new Map();
  const uploaded = /^\/upload\/(.+)$/.exec(pathname);
  if (uploaded) return upload(mock, decodeURIComponent(uploaded[1]));
  if (pathname.startsWith("/files/")) return { file: "_row,_column,_problem,E-mail\n17,E-mail,is no e-mail address,nobody at all\n" };
  const [, location, of, name, what] = (/^\/v1\/locations\/([^/]+)\/(lists|imports)(?:\/([^/]+))?(?:\/(\w+))?$/.exec(pathname) ?? []).map((part) => part && decodeURIComponent(part));
  if (of === "imports") return name?.startsWith("list-") ? importStatus(mock, name) : null;
  if (of !== "lists") return null;
  if (name === undefined) return method === "GET" ? listed(mock, location, query) : takeIn(mock, location, body);
  const list = mock.lists.all.get(name);
  if (!list) return problem(404, "There is no such list", "there is no such list; they are deleted some days after they were put there");
  if (what === undefined) return mock.lists.fails ? problem(503, "Service Unavailable", "the bucket does not answer") : { answer: documentOf(mock, location, list) };
  if (what !== "mapping") return { answer: { url: `${mock.url}/files/${what}.csv`, expires_at: iso(Date.now() + 900_000) } };
  if (mock.lists.refusesMapping) return problem(422, "The request is not valid", "mapping: answers.country: is no country");
  Object.assign(list, { mapping: JSON.parse(body), looks: 0, sent: 0 });
  return { answer: documentOf(mock, location, list) };
}

// The location's lists, newest first; or `mock.lists.listed`, if set.
function listed(mock, location, query) {
  if (mock.lists.hasNoBucket) return problem(409, "Not now", NO_BUCKET);
  if (mock.lists.listsFail) return problem(503, "Service Unavailable", "the store does not answer");
  const all = mock.lists.listed ?? [...mock.lists.all.values()].filter(({ isThere }) => isThere).reverse().map((list) => inShort(mock, location, list));
  const [from, limit] = [Number(query.get("cursor") ?? 0), Number(query.get("limit") ?? 20)];
  return { answer: { lists: all.slice(from, from + limit), cursor: from + limit < all.length ? String(from + limit) : null } };
}

function inShort(mock, location, list) {
  const report = list.looks > 0 && mock.lists.stays !== "reading" ? reportOf(mock, location, list) : { state: "reading" };
  const { state, import: read, records, import_id: importId } = report;
  return { name: list.name, state, since: iso(list.at + 5_000), uploaded_at: iso(list.at), stands_still: false, rows: read?.rows ?? null, left_out: read?.left_out ?? null, failed: records?.failed ?? null, import_id: importId ?? null };
}

function upload(mock, name) {
  if (mock.lists.losesUploads) return { status: 503, answer: {} };
  Object.assign(mock.lists.all.get(name), { isThere: true, at: Date.now() });
  return { answer: {} };
}

function importStatus(mock, id) {
  const list = mock.lists.all.get(id.slice("list-".length));
  const accepted = Math.min(1_199, 300 * (list?.sent ?? 0));
  const counted = (count) => ({ count, capped: false });
  return { answer: { id, name: list?.file, state: "open", rows: null, problems: {}, undo: null, counts: { pending: counted(1_199 - accepted), accepted: counted(accepted), failed: counted(3), other: counted(0) } } };
}

/// RFC 7396.
export function merged(target, patch) {
  if (typeof patch !== "object" || patch === null || Array.isArray(patch)) return patch;
  const whole = typeof target === "object" && target !== null && !Array.isArray(target) ? { ...target } : {};
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete whole[name];
    else whole[name] = merged(whole[name], value);
  }
  return whole;
}
