// The most recent imports of all locations.

const RECENT_SHOWN = 8;
// New imports are rare.
const RECENT_LOOK_MS = 30_000;

async function lookAtImports() {
  if (Date.now() < page.recent.nextLook) return;
  const { recent } = page;
  try {
    const { imports } = await ask(`v1/imports?limit=${RECENT_SHOWN}`);
    page.recent = { imports, nextLook: Date.now() + RECENT_LOOK_MS };
  } catch (error) {
    if (error instanceof Refused) throw error;
    page.recent = { ...recent, nextLook: Date.now() + RECENT_LOOK_MS };
  }
}

function recentImports({ recent, overview, now }) {
  if (!recent.imports?.length) return [];
  const names = new Map((overview?.locations ?? []).map(({ id, name }) => [id, name]));
  return [h("table", { class: "recent stacked" },
    h("caption", { class: "unseen" }, "Imports of all locations, newest first"),
    h("thead", null, h("tr", null, ["Import", "Location", "Started", "State"].map((head) => h("th", { scope: "col" }, head)))),
    h("tbody", null, recent.imports.map(({ id, location_id: location, name, state, created_at: at }) => {
      const { tone, word } = importState(state);
      return h("tr", { key: `${location} ${id}` },
        h("th", { scope: "row" }, h("bdi", null, name ?? id)),
        h("td", { "data-head": "Location" }, h("a", { href: `#/${encodeURIComponent(location)}` }, h("bdi", null, names.get(location) ?? location))),
        h("td", { "data-head": "Started" }, time(at, now)),
        h("td", { "data-head": "State" }, sign(tone), " ", word));
    })))];
}
