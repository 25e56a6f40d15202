// Migrations: the list, and one in detail.

const MIGRATION_STAGES = [
  "connect", "discover", "map", "await_approval", "custom_fields", "custom_values", "tags", "pipelines", "contacts", "opportunities", "verify", "finish",
];
const ACTIVE = ["running", "rolling_back"];
const OVER = ["done", "incomplete", "cancelled", "rolled_back"];
const MIGRATION_TONES = {
  running: "good", done: "good", incomplete: "bad", awaiting_approval: "warn", needs_input: "warn", paused: "warn", rolling_back: "warn", failed: "bad", cancelled: "quiet", rolled_back: "quiet",
};
// The commands for each status.
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
  approve: { label: "Approve…", heading: "Approve and start writing?", verb: "Approve", done: "The migration continues." },
  pause: { label: "Pause…", heading: "Pause this migration?", verb: "Pause", done: "The migration pauses after its current work.", text: "What is already in the target's outbox is still sent." },
  resume: { label: "Resume", done: "The migration continues." },
  cancel: { label: "Cancel…", heading: "Cancel this migration?", verb: "Cancel migration", done: "The migration is cancelled.", text: "It stops for good. Its records that GoHighLevel does not have yet are withdrawn. What GoHighLevel has stays; you can roll it back afterwards." },
  rollback: { label: "Roll back…", heading: "Delete what this migration created?", verb: "Delete", done: "The rollback has started.", text: "What this migration created in the target is deleted, and nothing else. What it updated stays as it is now, and so does anything that now belongs to another record." },
};

const migrationTone = (status) => (Object.hasOwn(MIGRATION_TONES, status) ? MIGRATION_TONES[status] : "quiet");

// The steps of a cancelled migration still withdraw what it has put.
const isSettled = ({ status, withdrawing }) => OVER.includes(status) && !withdrawing;

const isActive = ({ status }) => ACTIVE.includes(status);

const fromTo = ({ source, target }) => [accountName(source), " → ", accountName(target)];

const accountName = (id) => h("bdi", { title: id }, page.overview?.locations.find((location) => location.id === id)?.name ?? id);

function migrationList({ migrations, migration, now }) {
  if (!migrations.list) return [];
  const start = h("p", { class: "actions" }, button("start-migration", "Migrate a location…", false));
  if (migrations.list.length === 0) return [h("p", { class: "hint" }, "None yet."), start];
  return [
    start,
    migrations.problem ? h("p", { class: "problem" }, migrations.problem) : null,
    h("table", { class: "list" },
      h("caption", { class: "unseen" }, "Migrations, newest first"),
      h("thead", null, h("tr", null, ["Migration", "Stage", "Done", "Started"].map((head, column) => h("th", { scope: "col", class: column === 3 ? "wide" : null }, head)))),
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
  const { id, status, mapping, choices, sides, sums, problem } = migration;
  if (!status) return [backLink(), h("p", { class: problem ? "problem" : "hint" }, problem ?? "Loading…")];
  const tone = migrationTone(status.status);
  return [
    backLink(),
    h("h2", { id: "detail-title", tabindex: -1, key: `migration ${id}` }, fromTo(status), h("small", null, h("bdi", null, id))),
    problem ? h("p", { class: "problem" }, problem) : null,
    h("p", { class: `situation ${tone}` }, sign(tone), h("span", null, migrationSituation(status, sums))),
    status.reason ? h("p", { class: "reason" }, h("bdi", null, status.reason)) : null,
    h("p", { class: "actions" }, (MIGRATION_COMMANDS[status.status] ?? []).filter((command) => !(command === "rollback" && status.dry_run))
      .map((command) => button("migration-command", COMMAND_WORDS[command].label, busy, { "data-command": command, key: command })),
      status.dry_run && status.status === "done" ? button("begin-previewed", "Start migration…", busy) : null),
    migrationStages(status),
    migrationProgress(status, now),
    migrationRecords(sums, status),
    migrationWaits(sides, status, now),
    migrationForecast(status, sides, now),
    mapping ? decisions(mapping, status, choices) : null,
    mapping ? mappingSection(mapping, status, choices) : null,
    h("p", { class: "actions" }, ["html", "csv", "json"].map((format) =>
      h("a", { key: format, href: `${migrationPath(id, "report")}?format=${format}`, target: "_blank", rel: "noopener" }, `Report as ${format.toUpperCase()}`))),
    migrationAudit(status.audit ?? [], now),
  ];
}

function migrationSituation(status, sums) {
  const looks = status.dry_run ? "Preview: nothing is written. " : "";
  switch (status.status) {
    case "running": return `${looks}Running: ${status.message}.`;
    case "awaiting_approval": return "The mapping is ready. Nothing is written until you approve it.";
    case "needs_input": return "The migration cannot continue without you.";
    case "paused": return "Paused. It continues when you resume it.";
    case "failed": return "The migration cannot continue. Fix the cause, then resume it.";
    case "rolling_back": return `Rolling back: ${status.message}.`;
    case "rolled_back": return `Rolled back: ${status.message}.`;
    case "cancelled": return cancelledText(status, sums);
    case "incomplete": return "Finished, but some records did not arrive. The report lists them.";
    case "done": return status.dry_run ? "The preview is ready: see below what a migration would do." : `Complete: ${status.message}.`;
    default: return plainState(status.status);
  }
}

function cancelledText(status, sums) {
  if (status.withdrawing) return "Cancelled. Its records that GoHighLevel does not have yet are being withdrawn.";
  if (!sums) return "Cancelled.";
  const of = (field) => sums.contacts[field] + sums.opportunities[field];
  const [stay, gone] = [of("migrated_count"), of("withdrawn_count")];
  return `Cancelled. ${stay === 0 ? "GoHighLevel has none of its records" : `${plural(stay, "record stays", "records stay")} in GoHighLevel`}${gone > 0 ? `; ${plural(gone, "record was", "records were")} withdrawn` : ""}.`;
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
    rate > 0 && isActive(status) ? fact("Rate", `${rate < 10 ? rate.toFixed(1) : count(Math.round(rate))} per second`) : null,
    left !== null && left !== undefined && isActive(status) ? fact("Time left", duration(left)) : null,
    fact("Errors", count(errors), errors > 0 && "warn"),
    status.finished_at ? fact("Finished", time(status.finished_at, now)) : fact("Updated", time(status.updated_at, now, ago(status.updated_at, now))));
}

// The results of the records: only records that GoHighLevel accepted count as done.
function migrationRecords(sums, status) {
  if (!sums || status.dry_run) return null;
  const rows = [["Contacts", sums.contacts], ["Opportunities", sums.opportunities]].filter(([, counts]) => counts?.total_count > 0);
  if (rows.length === 0) return null;
  const isBack = status.status === "rolling_back" || status.status === "rolled_back";
  // Only if there are any.
  const also = [["Withdrawn", "withdrawn_count"]].filter(([, field]) => rows.some(([, counts]) => counts[field] > 0));
  const done = isBack ? "Deleted" : "Done";
  return h("table", { class: "stacked records" },
    h("caption", null, isBack ? "Rollback of the records that GoHighLevel had accepted" : "Records accepted by GoHighLevel"),
    h("thead", null, h("tr", null, ["Kind", done, "Waiting", "Failed", "Left out", ...also.map(([head]) => head)].map((head) => h("th", { scope: "col" }, head)))),
    h("tbody", null, rows.map(([kind, counts]) => h("tr", { key: kind },
      h("th", { scope: "row" }, kind),
      h("td", { "data-head": done }, isBack ? `${count(counts.deleted_count)} of ${count(counts.migrated_count)}` : `${count(counts.migrated_count)} of ${count(counts.total_count)}`),
      h("td", { "data-head": "Waiting" }, count(counts.open_count + counts.blocked_count)),
      h("td", { "data-head": "Failed" }, counts.failed_count > 0 ? sign("bad") : null, count(counts.failed_count)),
      h("td", { "data-head": "Left out" }, count(counts.skipped_count)),
      also.map(([head, field]) => h("td", { key: field, "data-head": head }, count(counts[field])))))));
}

// The stops of the two accounts, which no rate accounts for.
const migrationStops = (sides, now) => (sides ?? []).map((location) => ({ location, stop: standstill(location, now) })).filter(({ stop }) => stop !== null);

function migrationWaits(sides, status, now) {
  if (OVER.includes(status.status)) return null;
  return migrationStops(sides, now).map(({ location, stop }) => h("p", { key: `waits ${location.id}`, class: "waits-for" }, sign(stop.tone), h("bdi", null, location.name ?? location.id), `: ${stop.text}`));
}

// The expected end after this many seconds of work, including the waits of both accounts; null while a wait has no end.
function completeAt(seconds, sides, now) {
  let begin = now;
  for (const { location } of migrationStops(sides, now)) {
    const end = location.pause?.until ?? location.waits_for?.until ?? location.breaker?.retry_at;
    if (location.enabled === false || !end || location.pause?.until === null) return null;
    begin = Math.max(begin, Date.parse(end));
  }
  return new Date(begin + seconds * 1_000).toISOString();
}

function completion(status, sides, now) {
  const { forecast, seconds_left: left } = status;
  const says = (seconds, before, after) => {
    const end = completeAt(seconds, sides, now);
    return h("p", { class: "hint" }, end === null ? "No forecast while a location is stopped with no end time." : [before, time(end, now), after]);
  };
  if (isActive(status)) return left === null || left === undefined ? null : says(left, "This stage ends at about ", ", waits included.");
  if (OVER.includes(status.status)) return null;
  return says(forecast.seconds, "If started now, it would be complete at about ", ", waits included.");
}

function migrationForecast(status, sides, now) {
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
      figure("Duration", duration(forecast.seconds)),
      figure("Daily quota", `${count(Math.round(forecast.daily_share_percent * 10) / 10)} %`, forecast.daily_share_percent > 100 && "bad")),
    completion(status, sides, now));
}

function consentText({ forecast, dry_run: looks }, changes) {
  if (!forecast || looks) return "it continues with your decisions.";
  const { creates, updates, calls, seconds } = forecast;
  const mine = changes > 0 ? ` Your ${plural(changes, "mapping change")} ${changes === 1 ? "is" : "are"} not included in these numbers.` : "";
  return `${plural(creates, "item is", "items are")} created and ${plural(updates, "record")} updated in the target, with ${plural(calls, "call")} in about ${duration(seconds)}.${mine}`;
}

function migrationAudit(entries, now) {
  if (entries.length === 0) return null;
  return h("details", null,
    h("summary", null, "Who did what"),
    h("ul", { class: "warnings" }, entries.map(({ at: when, by, action }) => h("li", null, time(when, now), " ", h("bdi", null, by ?? "someone"), ": ", h("bdi", null, action)))));
}

const migrationPath = (id, rest) => `${MIGRATIONS}/${encodeURIComponent(id)}/${rest}`;
