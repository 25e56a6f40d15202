// Polls migrations, and runs the actions of a migration's buttons.

const MIGRATIONS = "api/v1/migration";
const MIGRATIONS_AT_ONCE = 20;
// Interval while no migration runs and no unfinished one is open: each poll costs some reads. Otherwise with each poll.
const QUIET_MIGRATIONS_MS = 60_000;

function openMigration(id) {
  if (id === (page.migration?.id ?? null)) return;
  page.migration = id === null ? null : { id, status: null, mapping: null, mappedAt: null, choices: {}, sides: null, sums: null, problem: null };
  if (id !== null) loadMigration().then(draw, draw);
}

async function lookAtMigrations() {
  const isOpen = page.migration !== null && !(page.migration.status && isSettled(page.migration.status));
  if (Date.now() < page.migrations.nextLook && !isOpen) return;
  try {
    const { migrations: list } = await ask(`${MIGRATIONS}?limit=${MIGRATIONS_AT_ONCE}`);
    page.migrations = { list, problem: null, nextLook: list.some(isActive) ? 0 : Date.now() + QUIET_MIGRATIONS_MS };
  } catch (error) {
    if (error instanceof Refused) throw error;
    page.migrations = { ...page.migrations, problem: error.message, nextLook: Date.now() + QUIET_MIGRATIONS_MS };
  }
  await loadMigration();
}

// Loads the status of the open migration, and its mapping whenever that may have changed.
async function loadMigration() {
  const { id, mappedAt } = page.migration ?? {};
  if (id === undefined) return;
  const learned = {};
  try {
    learned.status = await ask(`${MIGRATIONS}/status/${encodeURIComponent(id)}`);
    const mapped = learned.status.forecast?.finish_at ?? null;
    if (mapped !== null && mapped !== mappedAt) {
      learned.mapping = await ask(migrationPath(id, "mapping"));
      learned.mappedAt = mapped;
    }
    await loadAround(id, learned);
    learned.problem = null;
  } catch (error) {
    if (error instanceof Refused) throw error;
    learned.problem = error.message;
  }
  if (page.migration?.id === id) page.migration = { ...page.migration, ...learned };
}

// Loads the record counts once there may be some, and the status of both accounts while it matters.
async function loadAround(id, learned) {
  const { status } = learned;
  const isOver = isSettled(status);
  const hasRecords = MIGRATION_STAGES.indexOf(status.stage) >= MIGRATION_STAGES.indexOf("contacts");
  if (hasRecords && !(isOver && page.migration?.sums?.settledAs === status.status)) {
    const sums = await ask(`${MIGRATIONS}/summary?migration_id=${encodeURIComponent(id)}`);
    learned.sums = { ...sums, settledAs: isOver ? status.status : null };
  }
  if (isOver) return;
  const sides = await Promise.all([status.source, status.target].map(sideOf));
  learned.sides = sides.filter(Boolean);
}

// Read from the server only if the page may not have it.
async function sideOf(id) {
  const known = page.overview?.locations.find((location) => location.id === id);
  if (known || (page.asked === "" && !page.overview?.cursor)) return known;
  return ask(at(id, "overview")).catch(() => null);
}

// Starts or previews a migration of one account into another. A preview writes nothing.
async function startMigration() {
  const known = page.overview.locations.map(({ id, name }) => [id, name && name !== id ? `${name} (${id})` : id]);
  const field = (name, label, value) => h("label", null, `${label} `, h("input", { name, list: "accounts", required: true, maxlength: 64, autocomplete: "off", spellcheck: false, value: value ?? "" }));
  const check = (name, label, checked) => h("label", { class: "check" }, h("input", { type: "checkbox", name, checked }), ` ${label}`);
  const form = await confirmed({
    heading: "Migrate one location into another",
    text: "First, both are read and everything is mapped. Nothing is written until you have seen the mapping and approved it.",
    verb: "Start",
    fields: [
      field("source", "From", page.open), field("target", "Into"),
      h("datalist", { id: "accounts" }, known.map(([id, words]) => h("option", { value: id }, words))),
      check("dry_run", "Preview only: write nothing, whatever I approve"),
      check("opportunities", "Include opportunities", true),
      check("verify", "Compare both locations at the end", true),
    ],
  });
  if (!form) return;
  const settings = { skip_opportunities: form.opportunities !== "on", skip_verify: form.verify !== "on" };
  const body = { source: form.source.trim(), target: form.target.trim(), settings };
  await begin(form.dry_run === "on" ? "preview" : "start", body);
}

// Starts the previewed migration, with the same settings and the choices made since.
async function beginPreviewed() {
  const { status, choices } = page.migration;
  const { source, target, settings } = status;
  const text = `${source} → ${target}: both are read again and mapped with your choices. Nothing is written until you approve the new mapping.`;
  if (!(await confirmed({ heading: "Start the migration?", text, verb: "Start" }))) return;
  const { skip_opportunities, skip_verify } = settings;
  await begin("start", { source, target, settings: { skip_opportunities, skip_verify }, overrides: decided(choices) });
}

async function begin(verb, body) {
  page.migrations.nextLook = 0;
  let begun = null;
  await change(async () => (begun = await ask(`${MIGRATIONS}/${verb}`, body)), () => "Started. Both locations are being read.");
  if (begun?.migration_id) location.hash = `#/migration/${encodeURIComponent(begun.migration_id)}`;
}

async function commandMigration({ command }) {
  const { id, status } = page.migration;
  const { heading, verb, text, done } = COMMAND_WORDS[command];
  const { choices } = page.migration;
  const body = command === "approve" ? { overrides: decided(choices) } : null;
  if (heading) {
    const said = `${status.source} → ${status.target}: ${command === "approve" ? consentText(status, changed(choices)) : text}`;
    if (!(await confirmed({ heading, text: said, verb }))) return;
  }
  page.migrations.nextLook = 0;
  const send = async () => {
    await ask(migrationPath(id, command), body);
    // The choices are part of the mapping now.
    if (command === "approve" && page.migration?.id === id) page.migration = { ...page.migration, choices: {} };
  };
  await change(send, () => done);
}
