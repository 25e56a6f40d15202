// A location's account: its facts in GHL, its credentials, its settings, and its imports.

const CREDENTIALS = { private_integration: "private integration token", api_key: "API key", oauth: "app grant, renewed automatically" };
const CONFLICTS = [["ours", "send our record again"], ["theirs", "keep GoHighLevel's content"], ["newest", "keep the latest change"]];
const PRIORITIES = [["high", "high"], ["normal", "normal"], ["low", "low"]];
const IMPORT_STATES = {
  open: { tone: "quiet", word: "in progress" },
  complete: { tone: "good", word: "complete" },
  cancelled: { tone: "warn", word: "cancelled" },
  undone: { tone: "warn", word: "undone" },
};
const DAYS_TO_WORRY = 30;

function account(known, busy, now) {
  if (!known) return null;
  if (known.problem) return h("p", { class: "problem" }, known.problem);
  if (!known.document) return h("p", { class: "hint" }, "Loading…");
  const { document } = known;
  return h("section", { class: "account", "aria-labelledby": "account-title" },
    h("h3", { id: "account-title" }, "Account and settings"),
    h("dl", { class: "facts" }, ghlFacts(document.facts ?? {}), credentialsFact(document.credentials, now)),
    missingScopes(document.facts?.untold),
    h("p", { class: "actions" },
      button("edit-settings", "Settings…", busy),
      h("a", { class: "button", href: "connect" }, "Connect again")));
}

function ghlFacts({ name, company, timezone, country, custom_fields: fields }) {
  return [
    name && fact("In GoHighLevel", [h("bdi", null, name), company && company !== name ? [" of ", h("bdi", null, company)] : ""].flat()),
    (timezone || country) && fact("Region", [timezone, country].filter(Boolean).join(", ")),
    fields !== undefined && fact("Custom fields", count(fields)),
  ];
}

function credentialsFact(credentials, now) {
  if (!credentials) return null;
  const kind = Object.hasOwn(CREDENTIALS, credentials.kind) ? CREDENTIALS[credentials.kind] : "type not known yet";
  const { expires_at: end, days_left: days } = credentials;
  const ends = end ? [days < 0 ? ", expired " : ", expires ", time(end, now)] : [];
  return fact("Credentials", [kind, ...ends], end && days < DAYS_TO_WORRY && (days < 0 ? "bad" : "warn"));
}

function missingScopes(untold) {
  if (!untold?.length) return null;
  return h("p", { class: "hint" }, "GoHighLevel did not report everything: ", untold.map(({ what, why }) => h("span", { key: what }, h("bdi", null, `${plainState(what)}: ${why} `))));
}

// The fields of the settings form, with the current values.
function settingsFields({ settings }) {
  const text = (name, label, value, attributes) => h("label", null, `${label} `, h("input", { name, value: value ?? "", autocomplete: "off", ...attributes }));
  const number = (name, label, value, min, max, attributes) => text(name, label, value, { type: "number", min, max, step: 1, required: true, ...attributes });
  const choice = (name, label, value, options) => h("label", null, `${label} `, h("select", { name }, options.map(([one, words]) => h("option", { value: one, selected: one === value }, words))));
  const check = (name, label, value) => h("label", { class: "check" }, h("input", { type: "checkbox", name, checked: value }), ` ${label}`);
  return h("div", { class: "settings" },
    text("name", "Display name", settings.name, { maxlength: 100 }),
    // Tags can contain commas, but no line breaks.
    h("label", null, "Tags, one per line ", h("textarea", { name: "tags", rows: 3, spellcheck: false }, (settings.tags ?? []).join("\n"))),
    check("enabled", "Sync this location", settings.enabled),
    check("dry_run", "Dry run: show what would be sent, but send nothing", settings.dry_run),
    choice("conflict", "If someone changed a contact in GoHighLevel,", settings.conflict, CONFLICTS),
    choice("default_priority", "Priority of records received without one", settings.default_priority, PRIORITIES),
    number("limit", `Calls per ${count(settings.pace.window_ms / 1_000)} s`, settings.pace.limit, 1, 10_000),
    number("daily_limit", "Calls per day", settings.daily_limit, 1, 1_000_000_000),
    number("daily_reserve", "Of these, reserved for high priority", settings.daily_reserve, 0, 1_000_000_000),
    number("content_days", "Days to keep contents once accepted (empty: always)", settings.content_days, 1, 3_650, { required: false }));
}

// The form's changes to the settings, as a merge patch; null if there are none.
function settingsPatch({ settings }, form) {
  const tags = form.tags.split("\n").map((tag) => tag.trim()).filter(Boolean);
  const wanted = {
    name: form.name.trim() || null,
    tags,
    enabled: form.enabled === "on",
    dry_run: form.dry_run === "on",
    conflict: form.conflict,
    default_priority: form.default_priority,
    daily_limit: Number(form.daily_limit),
    daily_reserve: Number(form.daily_reserve),
    content_days: form.content_days === "" ? null : Number(form.content_days),
  };
  const same = (a, b) => JSON.stringify(a ?? null) === JSON.stringify(b ?? null);
  const patch = Object.fromEntries(Object.entries(wanted).filter(([name, value]) => !same(value, settings[name])));
  if (Number(form.limit) !== settings.pace.limit) patch.pace = { limit: Number(form.limit), window_ms: settings.pace.window_ms };
  return Object.keys(patch).length > 0 ? patch : null;
}

function importList(imports, busy, now) {
  if (!imports?.list?.length && !imports?.problem) return null;
  return h("section", { class: "imports", "aria-labelledby": "imports-title" },
    h("h3", { id: "imports-title" }, "Imports"),
    imports.problem ? h("p", { class: "problem" }, imports.problem) : null,
    imports.list?.length > 0 && h("table", { class: "import-list stacked" },
      h("caption", { class: "unseen" }, "Imports, newest first"),
      h("thead", null, h("tr", null, ["Import", "Started", "State"].map((head) => h("th", { scope: "col" }, head)))),
      h("tbody", null, imports.list.slice(0, imports.rows).map((one) => importRow(one, now)))),
    imports.list?.length > imports.rows && h("p", { class: "more" }, button("more-imports", "Show more", false)),
    imports.open ? importCard(imports.open, busy, now) : null);
}

function importRow(one, now) {
  const { tone, word } = importState(one.state);
  return h("tr", { key: one.id },
    h("th", { scope: "row" }, button("open-import", h("bdi", null, one.name ?? one.id), false, { class: "link", "data-import": one.id })),
    h("td", { "data-head": "Started" }, time(one.created_at, now)),
    h("td", { "data-head": "State" }, sign(tone), " ", word));
}

const importState = (state) => (Object.hasOwn(IMPORT_STATES, state) ? IMPORT_STATES[state] : { tone: "quiet", word: plainState(state) });

function importCard({ id, status, problem }, busy, now) {
  if (problem) return h("p", { class: "problem" }, problem);
  if (!status) return h("p", { class: "hint" }, "Loading…");
  const { counts, undo, rows } = status;
  const canUndo = undo && status.state !== "undone" && secondsUntil(undo.until, now) > 0;
  return h("div", { class: "card", "aria-live": "polite" },
    h("h4", { id: "import-title", tabindex: -1 }, h("bdi", null, status.name ?? id)),
    h("dl", { class: "figures" },
      rows !== null && figure("Rows", count(rows)),
      figure("Waiting", atLeast(counts.pending)),
      figure("Done", atLeast(counts.accepted)),
      figure("Failed", atLeast(counts.failed), counts.failed?.count > 0 && "bad"),
      figure("Other", atLeast(counts.other)),
      undo && (undo.undone.count > 0 || undo.left.count > 0) && [figure("Undone", atLeast(undo.undone)), figure("Left unchanged", atLeast(undo.left), undo.left.count > 0 && "warn")]),
    problems(status.problems),
    h("p", { class: "actions" },
      button("import-records", "Show its records", busy, { "data-import": id }),
      counts.failed?.count > 0 ? button("replay-import", `Replay ${records(counts.failed)} that failed…`, busy, { "data-import": id }) : null,
      status.state !== "cancelled" && counts.pending?.count > 0 ? button("cancel-import", "Cancel import…", busy, { "data-import": id }) : null,
      canUndo ? button("undo-import", "Undo…", busy, { "data-import": id }) : null),
    canUndo ? h("p", { class: "hint" }, "It can be undone until ", time(undo.until, now), ".") : null);
}

function problems(found) {
  const kinds = Object.entries(found ?? {}).filter(([, number]) => number > 0);
  if (kinds.length === 0) return null;
  return h("p", { class: "hint" }, "Left out or altered: ", kinds.map(([kind, number]) => `${plainState(kind)} ${count(number)}`).join(", "), ".");
}
