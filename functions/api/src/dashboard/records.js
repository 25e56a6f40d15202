// Records: the search, its results, and the status of a record with its timeline.

// GHL's web app for agencies, unless an agency has its own domain.
const GHL_APP = "https://app.gohighlevel.com";

function recordSearch(found, now) {
  return h("section", { class: "found", "aria-labelledby": "found-title" },
    h("h3", { id: "found-title" }, "Find a record"),
    h("form", { id: "find-form", class: "bar-of-tools" },
      h("label", { class: "grow" }, h("span", { class: "unseen" }, "Name, e-mail, phone or id"),
        h("input", { name: "q", type: "search", placeholder: "Name, e-mail, phone or id", autocomplete: "off", spellcheck: false, maxlength: 200 })),
      narrowed("state", "State", "Any state", Object.keys(RECORD_STATES)),
      narrowed("kind", "Kind", "Any kind", ["contact", "opportunity"]),
      h("button", { type: "submit" }, "Find")),
    h("div", { "aria-live": "polite" }, found ? foundRecords(found, now) : null));
}

function narrowed(name, label, all, values) {
  return h("label", null, h("span", { class: "unseen" }, label),
    h("select", { name }, h("option", { value: "" }, all), values.map((value) => h("option", { value }, plainState(value)))));
}

function foundRecords({ wanted, records, cursor, loading, problem }, now) {
  return [
    wanted.import ? h("p", { class: "hint" }, "Records of the import ", h("bdi", null, wanted.import), ":") : null,
    problem ? h("p", { class: "problem" }, problem) : null,
    records.length > 0 ? foundTable(records, now) : null,
    loading ? h("p", { class: "hint" }, "Searching…") : null,
    records.length === 0 && !loading && !problem
      ? h("p", { class: "hint" }, cursor ? "No match so far." : wanted.q ? ["No record matches ", h("bdi", null, wanted.q), "."] : "None.")
      : null,
    cursor && !loading ? h("p", { class: "more" }, button("find-more", "Search further", false)) : null,
  ];
}

function foundTable(records, now) {
  return h("table", { class: "found-records" },
    h("caption", { class: "unseen" }, "Records found"),
    h("thead", null, h("tr", null, ["Record", "Name", "State", "Received"].map((head) => h("th", { scope: "col" }, head)))),
    h("tbody", null, records.map((record) => h("tr", { key: record.record },
      h("th", { scope: "row" }, button("record-status", h("bdi", null, record.record), false, { class: "link", "data-record": record.record })),
      h("td", null, h("bdi", null, record.name ?? "–")),
      h("td", { title: recordState(record.state) }, plainState(record.state)),
      h("td", null, time(record.put_at, now))))));
}

function recordStatus(status, location, busy, now) {
  if (!status) return null;
  return h("section", { class: "record-status", "aria-labelledby": "record-status-title", "aria-live": "polite" },
    h("h3", { id: "record-status-title", tabindex: -1 }, "Record ", h("bdi", null, status.name)),
    statusText(status, location, busy, now));
}

function statusText(status, location, busy, now) {
  if (status.loading) return h("p", { class: "hint" }, "Loading…");
  if (status.problem) return h("p", { class: "problem" }, status.problem);
  const { record } = status;
  const name = { "data-record": record.record };
  return h("div", { class: "card" }, record.name ? h("h4", null, h("bdi", null, record.name)) : null,
    h("p", null, h("b", null, plainState(record.state)), `: ${recordState(record.state)}.`, record.to_delete ? " It will be deleted in GoHighLevel." : null),
    record.state === "failed" && remedy(record.last_error?.code) ? h("p", null, remedy(record.last_error.code)) : null,
    inGhl(record, now),
    h("p", { class: "actions" },
      record.state === "failed" ? button("replay-one", "Replay this record", busy, name) : null,
      record.content && !record.to_delete ? button("edit-record", "Edit and send…", busy, name) : null,
      record.state === "failed" && record.content && !record.to_delete ? button("leave-out", "Send without a field…", busy, name) : null,
      ghlLink(record, location),
      button("forget", "Forget…", busy, name),
      record.ghl_id && !record.to_delete ? button("delete-in-ghl", "Delete in GoHighLevel…", busy, name) : null),
    notStored(record),
    differences(record),
    timeline(record, now),
    h("details", { key: "all" }, h("summary", null, "All details"), fields(record, now)));
}

// Fields that GHL accepted but did not store.
function notStored({ not_stored: dropped }) {
  if (!dropped?.length) return null;
  return h("p", null, sign("warn"), ` GoHighLevel accepted the record but did not keep ${dropped.length === 1 ? "this field" : "these fields"}: `, h("bdi", null, dropped.join(", ")), ".");
}

// The record's content and GHL's last known content, if the API says that they differ.
function differences({ content: ours, last_known: known }) {
  if (!ours || !known?.differs) return null;
  if (known.differs.length === 0) return h("p", null, sign("good"), " The content in GoHighLevel matches ours, as far as GoHighLevel shows it.");
  return h("table", { class: "differences stacked" },
    h("caption", null, "Differences"),
    h("thead", null, h("tr", null, ["Field", "Ours", "In GoHighLevel"].map((head) => h("th", { scope: "col" }, head)))),
    h("tbody", null, known.differs.map((name) => h("tr", { key: name },
      h("th", { scope: "row" }, h("bdi", null, name === "removeTags" ? "tags to remove" : name.replace(/^customFields\./, "custom field "))),
      h("td", { "data-head": "Ours" }, h("bdi", null, shownValue(fieldOf(ours, name)))),
      h("td", { "data-head": "In GoHighLevel" }, h("bdi", null, shownValue(fieldOf(known.content, name === "removeTags" ? "tags" : name))))))));
}

// GHL's search returns only the parts of a name.
function fieldOf(content, name) {
  const custom = name.match(/^customFields\.(.*)$/s)?.[1];
  if (custom !== undefined) return (content.customFields ?? []).find(({ id }) => id === custom)?.value;
  if (name === "name") return content.name ?? [content.firstName, content.lastName].filter(Boolean).join(" ");
  return content[name];
}

function shownValue(value) {
  if (value === undefined || value === null || value === "" || value.length === 0) return "empty";
  if (Array.isArray(value) && value.every((one) => typeof one === "string")) return value.join(", ");
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

// The record's page in GoHighLevel. Opportunities have no known URL.
function ghlLink({ kind, ghl_id: id }, location) {
  if (kind !== "contact" || !id) return null;
  const url = `${GHL_APP}/v2/location/${encodeURIComponent(location)}/contacts/detail/${encodeURIComponent(id)}`;
  return h("a", { class: "button", href: url, target: "_blank", rel: "noreferrer" }, "Open in GoHighLevel");
}

// The record's events, oldest first; future ones come last.
function timeline(record, now) {
  const { put_at: put, errors = [], accepted_at: accepted, failed_at: failed, superseded_at: superseded, last_known: known, due_at: due, undone } = record;
  const happened = [
    { at: put, what: `received as version ${record.version}` },
    ...errors.map(({ at, code, status, message }) => ({ at, what: `attempt failed: ${code}${status ? ` ${status}` : ""}`, said: message })),
    { at: accepted, what: `version ${record.accepted_version} accepted by GoHighLevel` },
    { at: failed, what: "failed permanently", said: record.last_error?.message },
    { at: superseded, what: "changed in GoHighLevel, and that version is kept" },
    known?.origin === "elsewhere" && { at: known.at, what: known.content === null ? "deleted in GoHighLevel" : "changed in GoHighLevel" },
    { at: undone?.at, what: "undone with its import" },
  ].filter((event) => event && event.at).sort((a, b) => Date.parse(a.at) - Date.parse(b.at));
  const next = due && secondsUntil(due, now) > 0 ? { at: due, what: "will be sent" } : null;
  return h("ol", { class: "timeline", "aria-label": "History of this record" },
    happened.map(({ at, what, said }) => h("li", null, time(at, now), " ", what, said ? [": ", h("bdi", null, said)] : null)),
    next && h("li", { class: "next" }, time(next.at, now), " ", next.what));
}

// GHL's last known copy of the record, and its origin.
function inGhl({ last_known: known }, now) {
  if (!known) return null;
  const what = known.content === null ? "deleted" : "last changed";
  return h("p", null, `In GoHighLevel: ${what} at `, time(known.at, now), ` ${originOf(known)} (reported by ${known.told_by === "webhook" ? "a webhook" : "reconciliation"}).`);
}

// Everything in the API's record: names in words, times in local time.
function fields(object, now) {
  const entries = Object.entries(object).filter(([, value]) => value !== null && value !== "");
  return h("dl", { class: "fields" }, entries.map(([name, value]) => h("div", { key: name }, h("dt", null, plainState(name)), h("dd", null, fieldValue(value, now)))));
}

function fieldValue(value, now) {
  if (Array.isArray(value)) return value.length === 0 ? "none" : h("ol", null, value.map((item) => h("li", null, fieldValue(item, now))));
  if (typeof value === "object" && value !== null) return fields(value, now);
  if (typeof value === "string" && /^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(value)) return time(value, now);
  if (typeof value === "number") return count(value);
  return h("bdi", null, String(value));
}
