// Migrations: the list of them, and one in detail, with what a person has to decide.

const MIGRATION_STAGES = [
  "connect", "discover", "map", "await_approval", "custom_fields", "custom_values", "tags", "pipelines", "contacts", "opportunities", "verify", "finish",
];
const PARTS = { custom_fields: "Custom fields", custom_values: "Custom values", tags: "Tags", users: "Users", pipelines: "Pipelines", stages: "Stages" };
// What GHL may let us make.
const MAKEABLE = ["custom_fields", "custom_values", "tags", "pipelines"];
const ACTIVE = ["running", "rolling_back"];
const OVER = ["done", "incomplete", "cancelled", "rolled_back"];
const MIGRATION_TONES = {
  running: "good", done: "good", incomplete: "bad", awaiting_approval: "warn", needs_input: "warn", paused: "warn", rolling_back: "warn", failed: "bad", cancelled: "quiet", rolled_back: "quiet",
};
// What may be asked of a migration that stands so.
const MIGRATION_COMMANDS = {
  running: ["pause", "cancel", "rollback"],
  awaiting_approval: ["approve", "cancel"],
  needs_input: ["approve", "resume", "cancel", "rollback"],
  paused: ["resume", "cancel", "rollback"],
  failed: ["resume", "cancel", "rollback"],
  cancelled: ["rollback"],
  incomplete: ["rollback"],
  done: ["rollback"],
};
const COMMAND_WORDS = {
  approve: { label: "Approve…", heading: "Begin to write?", verb: "Approve", done: "It goes on." },
  pause: { label: "Pause…", heading: "Pause this migration?", verb: "Pause", done: "It stops after what is under way.", text: "What is in the target's outbox already still goes out." },
  resume: { label: "Resume", done: "It goes on." },
  cancel: { label: "Cancel…", heading: "Cancel this migration?", verb: "Cancel it", done: "It is cancelled.", text: "It stops for good. What it wrote stays; it can be rolled back afterwards." },
  rollback: { label: "Roll back…", heading: "Delete what it created?", verb: "Delete", done: "It is being rolled back.", text: "What this migration created in the target is deleted, and only that. What it updated stays as it is now." },
};

const migrationTone = (status) => (Object.hasOwn(MIGRATION_TONES, status) ? MIGRATION_TONES[status] : "quiet");

const isActive = ({ status }) => ACTIVE.includes(status);

const fromTo = ({ source, target }) => [h("bdi", null, source), " → ", h("bdi", null, target)];

function migrationList({ migrations, migration, now }) {
  if (!migrations.list) return [];
  const start = h("p", { class: "actions" }, button("start-migration", "Move an account…", false));
  if (migrations.list.length === 0) return [h("p", { class: "hint" }, "None yet."), start];
  return [
    start,
    migrations.problem ? h("p", { class: "problem" }, migrations.problem) : null,
    h("table", { class: "list" },
      h("caption", { class: "unseen" }, "Migrations, the newest first"),
      h("thead", null, h("tr", null, ["Migration", "Stage", "Of it", "Begun"].map((head, column) => h("th", { scope: "col", class: column === 3 ? "wide" : null }, head)))),
      h("tbody", null, migrations.list.map((line) => migrationRow(line, migration?.id, now)))),
  ];
}

function migrationRow(line, open, now) {
  const id = line.migration_id;
  return h("tr", { key: id, class: id === open ? "open" : null },
    h("th", { scope: "row", class: "id" },
      h("a", { href: `#/migration/${encodeURIComponent(id)}`, "aria-current": id === open ? "true" : null }, fromTo(line)),
      h("span", { class: "state" }, sign(migrationTone(line.status)), plainState(line.status))),
    h("td", null, plainState(line.stage)),
    h("td", { class: "share" }, line.total > 0 && line.status !== "awaiting_approval" ? percent(line.percentage / 100) : "–"),
    h("td", { class: "wide" }, time(line.created_at, now)));
}

function migrationDetail({ migration, busy, now }) {
  const { id, status, mapping, problem } = migration;
  if (!status) return [backLink(), h("p", { class: problem ? "problem" : "hint" }, problem ?? "Loading…")];
  const tone = migrationTone(status.status);
  return [
    backLink(),
    h("h2", { id: "detail-title", tabindex: -1, key: `migration ${id}` }, fromTo(status), h("small", null, h("bdi", null, id))),
    problem ? h("p", { class: "problem" }, problem) : null,
    h("p", { class: `situation ${tone}` }, sign(tone), h("span", null, migrationSituation(status))),
    status.reason ? h("p", { class: "reason" }, h("bdi", null, status.reason)) : null,
    h("p", { class: "actions" }, (MIGRATION_COMMANDS[status.status] ?? []).filter((command) => !(command === "rollback" && status.dry_run))
      .map((command) => button("migration-command", COMMAND_WORDS[command].label, busy, { "data-command": command, key: command }))),
    migrationStages(status),
    migrationProgress(status, now),
    migrationForecast(status, now),
    mapping ? decisions(mapping, status) : null,
    mapping ? mappingTables(mapping) : null,
    h("p", { class: "actions" }, ["html", "csv", "json"].map((format) =>
      h("a", { key: format, href: `${migrationPath(id, "report")}?format=${format}`, target: "_blank", rel: "noopener" }, `Report as ${format.toUpperCase()}`))),
    migrationAudit(status.audit ?? [], now),
  ];
}

function migrationSituation(status) {
  const looks = status.dry_run ? "A preview: nothing is written. " : "";
  switch (status.status) {
    case "running": return `${looks}Runs: ${status.message}.`;
    case "awaiting_approval": return "The mapping is made. It waits for your consent before it writes anything.";
    case "needs_input": return "It cannot go on without you.";
    case "paused": return "Paused. It goes on when resumed.";
    case "failed": return "It cannot go on. Mend what is wrong, then resume it.";
    case "rolling_back": return `Rolls back: ${status.message}.`;
    case "rolled_back": return "What it created is deleted.";
    case "cancelled": return "Cancelled. What it wrote stays.";
    case "incomplete": return "It is over, and not everything arrived. The report names the records.";
    case "done": return status.dry_run ? "The preview is made: below is what a migration would do." : `Complete: ${status.message}.`;
    default: return plainState(status.status);
  }
}

function migrationStages({ stage, status }) {
  const reached = MIGRATION_STAGES.indexOf(stage);
  return h("ol", { class: "stages", "aria-label": "Stages" }, MIGRATION_STAGES.map((name, index) => {
    const past = index < reached || ((status === "done" || status === "incomplete") && index <= reached);
    return h("li", { key: name, class: past ? "past" : null, "aria-current": index === reached && !past ? "step" : null }, past ? "✓ " : "", plainState(name));
  }));
}

function migrationProgress(status, now) {
  const { current, total, percentage, rate_per_second: rate, seconds_left: left, errors } = status;
  return h("dl", { class: "facts" },
    total > 0 ? h("div", { class: "daily" }, h("dt", null, `This stage: ${plainState(status.stage)}`),
      h("dd", null, `${count(current)} of ${count(total)}, ${percent(percentage / 100)}`, bar(percentage / 100, "accent"))) : null,
    rate > 0 && isActive(status) ? fact("Rate", `${rate < 10 ? rate.toFixed(1) : count(Math.round(rate))} a second`) : null,
    left !== null && left !== undefined && isActive(status) ? fact("Left", duration(left)) : null,
    fact("Errors", count(errors), errors > 0 && "warn"),
    status.finished_at ? fact("Ended", time(status.finished_at, now)) : fact("Changed", time(status.updated_at, now, ago(status.updated_at, now))));
}

function migrationForecast(status, now) {
  const { forecast } = status;
  if (!forecast) return null;
  return h("section", { "aria-label": "Forecast" },
    h("h3", null, "Forecast"),
    h("dl", { class: "figures" },
      figure("Contacts", count(forecast.contacts.source)),
      figure("Opportunities", count(forecast.opportunities.source)),
      figure("Created", count(forecast.creates)),
      figure("Updated", count(forecast.updates)),
      figure("Left out", count(forecast.skips), forecast.skips > 0 && "warn"),
      figure("Conflicts", count(forecast.conflicts), forecast.conflicts > 0 && "warn"),
      figure("Calls", count(forecast.calls)),
      figure("Takes", duration(forecast.seconds)),
      figure("Day's quota", `${count(Math.round(forecast.daily_share_percent * 10) / 10)} %`, forecast.daily_share_percent > 100 && "bad")),
    isActive(status) ? null : h("p", { class: "hint" }, "Begun at the time of the forecast, it would be complete at ", time(forecast.finish_at, now), "."));
}

const questionsOf = (mapping) => Object.keys(PARTS).flatMap((part) =>
  (mapping[part] ?? []).filter(({ target }) => target.action === "ask").map((mapped) => ({ part, mapped })));

// What a person must decide; the choices go along with the approval.
function decisions(mapping, status) {
  const questions = questionsOf(mapping);
  if (questions.length === 0 || !["awaiting_approval", "needs_input"].includes(status.status)) return null;
  return h("section", { class: "decisions", "aria-labelledby": "decisions-title" },
    h("h3", { id: "decisions-title" }, `To be decided (${count(questions.length)})`),
    h("form", { id: "decisions" }, questions.map(({ part, mapped }) => decision(part, mapped))));
}

function decision(part, { source_id: id, source_name: name, target, explanation }) {
  const field = `${part} ${id}`;
  const options = [
    ["", "not decided"],
    ...target.suggestions.map(({ id: suggested, name: called, confidence }) => [suggested, `is “${called}” (${percent(confidence)} alike)`]),
    ...(MAKEABLE.includes(part) ? [["create", "make it anew"]] : []),
    ["skip", "leave it out"],
  ];
  return h("p", { key: field },
    h("label", null, h("span", null, `${PARTS[part]}: `, h("b", null, h("bdi", null, name))),
      h("select", { name: field }, options.map(([value, label]) => h("option", { value }, label)))),
    h("span", { class: "hint" }, h("bdi", null, explanation)));
}

// The choices made so far, as the API takes them.
function decided(form) {
  const overrides = {};
  for (const [field, choice] of form ? new FormData(form) : []) {
    if (choice === "") continue;
    const [part, ...id] = field.split(" ");
    (overrides[part] ??= {})[id.join(" ")] = choice;
  }
  return overrides;
}

function consentText({ forecast, dry_run: looks }) {
  if (!forecast || looks) return "it goes on with what was decided.";
  const { creates, updates, calls, seconds } = forecast;
  return `${plural(creates, "thing is", "things are")} created and ${plural(updates, "record")} updated in the target, with ${plural(calls, "call")} in about ${duration(seconds)}.`;
}

function mappingTables(mapping) {
  const { summary, type_conflicts: conflicts = [], warnings = [] } = mapping;
  return h("section", { "aria-labelledby": "mapping-title" },
    h("h3", { id: "mapping-title" }, `Mapping: ${count(summary.overall_readiness_percent)} % ready`),
    warnings.length > 0 ? h("ul", { class: "warnings" }, warnings.map((warning) => h("li", null, h("bdi", null, warning)))) : null,
    conflicts.length > 0 ? h("ul", { class: "warnings" }, conflicts.map((conflict) =>
      h("li", null, h("bdi", null, `${conflict.source_name} is ${conflict.source_type} here and ${conflict.target_type} there: ${conflict.resolution}`)))) : null,
    Object.entries(PARTS).map(([part, heading]) => mappingTable(part, heading, mapping[part] ?? [])));
}

function mappingTable(part, heading, rows) {
  if (rows.length === 0) return null;
  const mapped = rows.filter(({ target }) => target.action === "existing" || target.action === "create").length;
  return h("details", { key: part },
    h("summary", null, `${heading}: ${count(mapped)} of ${count(rows.length)}`),
    h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": heading },
      h("table", { class: "mapping" },
        h("thead", null, h("tr", null, ["In the source", "In the target", "Sure", "Why"].map((head) => h("th", { scope: "col" }, head)))),
        h("tbody", null, rows.map((row) => h("tr", { key: row.source_id },
          h("th", { scope: "row" }, h("bdi", null, row.source_name)),
          h("td", null, becomes(row.target)),
          h("td", null, row.target.action === "existing" ? percent(row.confidence) : "–"),
          h("td", null, h("bdi", null, row.explanation))))))));
}

function becomes(target) {
  switch (target.action) {
    case "existing": return h("bdi", null, target.name);
    case "create": return ["new: ", h("bdi", null, target.name)];
    case "skip": return "left out";
    default: return "to be decided";
  }
}

function migrationAudit(entries, now) {
  if (entries.length === 0) return null;
  return h("details", null,
    h("summary", null, "Who did what"),
    h("ul", { class: "warnings" }, entries.map(({ at: when, by, action }) => h("li", null, time(when, now), " ", h("bdi", null, by ?? "somebody"), ": ", h("bdi", null, action)))));
}

const migrationPath = (id, rest) => `${MIGRATIONS}/${encodeURIComponent(id)}/${rest}`;
