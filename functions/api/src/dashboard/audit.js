// Who changed what, for an admin; and the pages that belong to no location.

const AUDITED_AT_ONCE = 50;
const NO_AUDIT = { requests: [], cursor: null, since: "", loading: false, problem: null, refused: false };
const AUDIT_SPANS = [["", "Last 400 days"], ["1", "Last day"], ["7", "Last 7 days"], ["30", "Last 30 days"]];
const DAY_MS = 86_400_000;

// Opens "keys" or "audit" instead of a location, or closes them.
function openManaged(name) {
  if (name === page.managed) return;
  page.managed = name;
  // A key is shown only once.
  page.keys = NO_KEYS;
  page.audit = NO_AUDIT;
  if (name === "keys") loadKeys();
  if (name === "audit") loadAudit();
}

const managedPage = (shown) => (shown.managed === "keys" ? keysPage(shown) : auditPage(shown));

// Loads the trail from the beginning, or from the end of the previous page.
async function loadAudit(since = page.audit.since, cursor = null) {
  const before = cursor === null ? [] : page.audit.requests;
  page.audit = { ...page.audit, since, loading: true, requests: before };
  draw();
  const query = new URLSearchParams({ limit: AUDITED_AT_ONCE });
  if (since) query.set("since", new Date(serverNow() - since * DAY_MS).toISOString());
  if (cursor !== null) query.set("cursor", cursor);
  let learned;
  try {
    const { requests, cursor: next = null } = await ask(`v1/audit?${query}`);
    learned = { requests: [...before, ...requests], cursor: next, problem: null, refused: false };
  } catch (error) {
    learned = { problem: error.message, refused: error.status === NOT_ADMIN };
  }
  // The reader may have chosen another time span in the meantime.
  if (page.audit.since === since) page.audit = { ...page.audit, ...learned, loading: false };
  draw();
}

function auditPage({ audit, now }) {
  const { requests, cursor, since, loading, problem, refused } = audit;
  return [
    backLink(),
    h("h2", { id: "detail-title", tabindex: -1, key: "audit" }, "Who changed what"),
    refused ? h("p", { class: "hint" }, "Your key is not an admin key. Only an admin can see who changed what.") : null,
    problem && !refused ? h("p", { class: "problem" }, problem, " ", button("reload-audit", "Try again", false)) : null,
    refused ? null : [
      h("p", { class: "hint" }, "Requests that changed something or were not allowed. Records sent to the API are not listed: each record shows when it was received."),
      h("p", null, h("label", null, "Period ", h("select", { onChange: (event) => loadAudit(event.target.value) },
        AUDIT_SPANS.map(([value, words]) => h("option", { value, selected: value === since }, words))))),
      requests.length > 0 ? auditTable(requests, now) : null,
      loading ? h("p", { class: "hint" }, "Loading…") : null,
      requests.length === 0 && !loading && !problem ? h("p", { class: "hint" }, "None.") : null,
      cursor && !loading ? h("p", { class: "more" }, button("more-audit", "Show more", false)) : null,
    ],
  ];
}

function auditTable(requests, now) {
  return h("table", { class: "stacked audit" },
    h("caption", { class: "unseen" }, "Requests, newest first"),
    h("thead", null, h("tr", null, ["When", "Who", "What", "Location", "Subject", "Result"].map((head) => h("th", { scope: "col" }, head)))),
    h("tbody", null, requests.map((one) => h("tr", { key: one.request_id },
      h("th", { scope: "row" }, time(one.at, now)),
      h("td", { "data-head": "Who" }, h("bdi", { title: one.key ? `key ${one.key}` : null }, one.caller)),
      h("td", { "data-head": "What" }, h("bdi", null, plainState(one.operation))),
      h("td", { "data-head": "Location" }, one.location ? h("bdi", null, one.location) : "–"),
      h("td", { "data-head": "Subject" }, one.subject ? h("bdi", null, one.subject) : "–"),
      h("td", { "data-head": "Result", title: `${one.status}, request ${one.request_id}` }, auditAnswer(one.status))))));
}

function auditAnswer(status) {
  if (status === NOT_ADMIN) return [sign("warn"), "not allowed"];
  return status >= 500 ? [sign("bad"), `failed (${status})`] : "done";
}
