// The keys of the API: who may use it, for an admin.

const ROLES = [["read", "read: view everything"], ["operate", "operate: also send, replay, pause and migrate"], ["admin", "admin: also settings and keys"]];
const NO_KEYS = { list: null, problem: null, refused: false, refusal: null, made: null, loading: false };
const NOT_ADMIN = 403;
const NOT_NOW = 409;

const keyPath = (id) => `v1/keys/${encodeURIComponent(id)}`;

async function loadKeys() {
  page.keys = { ...page.keys, loading: true };
  try {
    const { keys: list } = await ask("v1/keys");
    page.keys = { ...page.keys, list, problem: null, refused: false, loading: false };
  } catch (error) {
    page.keys = { ...page.keys, problem: error.message, refused: error.status === NOT_ADMIN, loading: false };
  }
  draw();
}

async function makeKey() {
  const form = await confirmed({
    heading: "Create a key", text: "It is shown only once. Only a hash of it is stored.", verb: "Create key",
    fields: [
      h("label", null, "Name ", h("input", { name: "name", required: true, maxlength: 64, pattern: "[A-Za-z0-9._\\-]+", title: "Letters, digits, - _ and .", autocomplete: "off", spellcheck: false })),
      h("label", null, "Role ", h("select", { name: "role" }, ROLES.map(([value, words]) => h("option", { value }, words)))),
      h("label", null, "Only for these locations, one id per line (empty: all) ", h("textarea", { name: "locations", rows: 2, spellcheck: false })),
      h("label", null, "And for locations with one of these tags, one per line ", h("textarea", { name: "tags", rows: 2, spellcheck: false })),
      h("label", null, "Valid until the end of (empty: no expiry) ", h("input", { name: "ends", type: "date" })),
    ],
  });
  if (!form) return;
  const [locations, tags] = [form.locations, form.tags].map((text) => text.split("\n").map((line) => line.trim()).filter(Boolean));
  const body = {
    name: form.name.trim(), role: form.role,
    ...(locations.length > 0 ? { locations } : {}),
    ...(tags.length > 0 ? { tags } : {}),
    // The end of the day in the reader's time zone.
    ...(form.ends ? { expires_at: new Date(`${form.ends}T23:59:59`).toISOString() } : {}),
  };
  const make = async () => {
    try {
      page.keys = { ...page.keys, made: await ask("v1/keys", body), refusal: null };
    } catch (error) {
      if (error.status === NOT_NOW) page.keys = { ...page.keys, refusal: error.message };
      throw error;
    }
  };
  await change(make, () => `The key ${body.name} was created.`);
  await loadKeys();
  if (page.keys.made) byId("made-title")?.focus();
}

async function revokeKey({ key: id, name }) {
  const text = `${name} (${id}): anyone using it loses access within 30 seconds. This cannot be undone.`;
  if (!(await confirmed({ heading: "Revoke this key?", text, verb: "Revoke" }))) return;
  await change(() => ask(keyPath(id), undefined, "DELETE"), () => `${name} is revoked.`);
  await loadKeys();
}

// If the browser forbids copying, the key is selected for the reader to copy.
async function copyKey() {
  try {
    await navigator.clipboard.writeText(page.keys.made.key);
    notice("Copied.", "good");
  } catch {
    getSelection().selectAllChildren(byId("made-key"));
    notice("The key is selected: copy it with the keyboard.", "warn");
  }
}

function keysPage({ keys, busy, now }) {
  const { list, problem, refused, refusal, made } = keys;
  const known = made && list && !list.some(({ id }) => id === made.about.id) ? [made.about, ...list] : (list ?? []);
  const ended = known.filter(({ state }) => state !== "active");
  const active = known.filter(({ state }) => state === "active");
  return [
    backLink(),
    h("h2", { id: "detail-title", tabindex: -1, key: "keys" }, "Keys"),
    refused ? h("p", { class: "hint" }, "Your key is not an admin key. Only an admin can see, create and revoke keys.") : null,
    problem && !refused ? h("p", { class: "problem" }, problem, " ", button("reload-keys", "Try again", false)) : null,
    refusal ? h("p", { class: "problem" }, refusal) : null,
    !list && !problem ? h("p", { class: "hint" }, "Loading…") : null,
    list && !refused && [
      h("p", { class: "hint" }, "Who may use the API and this page. Keys in the ApiKeys parameter are not listed here."),
      refusal ? null : h("p", { class: "actions" }, button("make-key", "Create a key…", busy)),
      made ? madeKey(made) : null,
      active.length > 0 ? keyTable("Active keys", active, busy, now) : h("p", { class: "hint" }, "None yet."),
      ended.length > 0 && h("details", { key: "ended" }, h("summary", null, `Revoked or expired (${count(ended.length)})`), keyTable("Expired and revoked keys", ended, busy, now)),
    ],
  ];
}

function madeKey({ key, about }) {
  return h("section", { class: "card made", "aria-labelledby": "made-title", key: about.id },
    h("h3", { id: "made-title", tabindex: -1 }, "The key ", h("bdi", null, about.name)),
    h("p", null, "This is the only time the key is shown. Copy it now."),
    h("p", null, h("code", { id: "made-key" }, key)),
    h("p", { class: "actions" }, h("button", { type: "button", class: "primary", "data-do": "copy-key" }, "Copy"), button("forget-made", "I have copied it", false)));
}

function keyTable(caption, keys, busy, now) {
  return h("table", { class: "stacked keys" },
    h("caption", { class: "unseen" }, caption),
    h("thead", null, h("tr", null, ["Name", "Role", "Locations", "Last used", "Expires", "Revoke"].map((head) => h("th", { scope: "col" }, head)))),
    h("tbody", null, keys.map((one) => h("tr", { key: one.id },
      h("th", { scope: "row" }, h("b", null, h("bdi", null, one.name)), h("span", { class: "called hint" }, one.id),
        h("span", { class: "called hint" }, "created ", time(one.created_at, now), " by ", h("bdi", null, one.created_by))),
      h("td", { "data-head": "Role" }, plainState(one.role)),
      h("td", { "data-head": "Locations" }, boundTo(one)),
      h("td", { "data-head": "Last used" }, one.last_used_at ? time(one.last_used_at, now) : "never"),
      h("td", { "data-head": "Expires" }, keyEnd(one, now)),
      h("td", null, one.state === "active" ? button("revoke-key", "Revoke…", busy, { "data-key": one.id, "data-name": one.name, "aria-label": `Revoke ${one.name}…` }) : null)))));
}

function boundTo({ locations, tags = [] }) {
  if (!locations && tags.length === 0) return "all";
  return [
    (locations ?? []).map((id) => h("bdi", { key: id, class: "line" }, id)),
    tags.map((tag) => h("span", { key: `tag ${tag}`, class: "line" }, "tag ", h("bdi", null, tag))),
  ];
}

function keyEnd({ state, expires_at: end, revoked_at: revoked, revoked_by: by }, now) {
  if (state === "revoked") return ["revoked ", time(revoked, now), by ? [" by ", h("bdi", null, by)] : null];
  if (state === "expired") return ["expired ", time(end, now)];
  return end ? time(end, now) : "never";
}
