// How the page looks after migrations, and what the buttons of one do.

const MIGRATIONS = "api/v1/migration";
const MIGRATIONS_AT_ONCE = 20;
// With each poll while one is under way, or one that is not over is open; else only now and then, since each look costs some reads.
const QUIET_MIGRATIONS_MS = 60_000;

function openMigration(id) {
  if (id === (page.migration?.id ?? null)) return;
  page.migration = id === null ? null : { id, status: null, mapping: null, mappedAt: null, problem: null };
  if (id !== null) loadMigration().then(draw, draw);
}

async function lookAtMigrations() {
  const isOpen = page.migration !== null && !OVER.includes(page.migration.status?.status);
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

// How the open one stands; and its mapping, whenever that may be another one.
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
    learned.problem = null;
  } catch (error) {
    if (error instanceof Refused) throw error;
    learned.problem = error.message;
  }
  if (page.migration?.id === id) page.migration = { ...page.migration, ...learned };
}

async function commandMigration({ command }) {
  const { id, status } = page.migration;
  const { heading, verb, text, done } = COMMAND_WORDS[command];
  const body = command === "approve" ? { overrides: decided(byId("decisions")) } : null;
  if (heading) {
    const said = `${status.source} → ${status.target}: ${command === "approve" ? consentText(status) : text}`;
    if (!(await confirmed({ heading, text: said, verb }))) return;
  }
  page.migrations.nextLook = 0;
  await change(() => ask(migrationPath(id, command), body), () => done);
}
