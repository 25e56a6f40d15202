// Records: the search for one, what it found, and the story of a record.

function recordSearch(found, now) {
  return h("section", { class: "found", "aria-labelledby": "found-title" },
    h("h3", { id: "found-title" }, "Find a record"),
    h("form", { id: "find-form", class: "bar-of-tools" },
      h("label", { class: "grow" }, h("span", { class: "unseen" }, "Name, e-mail, phone or id"),
        h("input", { name: "q", type: "search", required: true, placeholder: "Name, e-mail, phone or id", autocomplete: "off", spellcheck: "false", maxlength: 200 })),
      h("button", { type: "submit" }, "Find")),
    h("div", { "aria-live": "polite" }, found ? foundRecords(found, now) : null));
}

function foundRecords({ q, records, cursor, loading, problem }, now) {
  return [
    problem ? h("p", { class: "problem" }, problem) : null,
    records.length > 0 ? foundTable(records, now) : null,
    loading ? h("p", { class: "hint" }, "Looking…") : null,
    records.length === 0 && !loading && !problem
      ? h("p", { class: "hint" }, cursor ? "None among those looked at so far." : ["No record has ", h("bdi", null, q), "."])
      : null,
    cursor && !loading ? h("p", { class: "more" }, button("find-more", "Look further", false)) : null,
  ];
}

function foundTable(records, now) {
  return h("table", { class: "found-records" },
    h("caption", { class: "unseen" }, "Records that were found"),
    h("thead", null, h("tr", null, ["Record", "Name", "State", "Put at"].map((head) => h("th", { scope: "col" }, head)))),
    h("tbody", null, records.map((record) => h("tr", { key: record.record },
      h("th", { scope: "row" }, button("story", h("bdi", null, record.record), false, { class: "link", "data-record": record.record })),
      h("td", null, h("bdi", null, record.name ?? "–")),
      h("td", { title: recordState(record.state) }, plainState(record.state)),
      h("td", null, time(record.put_at, now))))));
}

function recordStory(story, busy, now) {
  if (!story) return null;
  return h("section", { class: "story", "aria-labelledby": "story-title", "aria-live": "polite" },
    h("h3", { id: "story-title", tabindex: -1 }, "Record ", h("bdi", null, story.name)),
    storyText(story, busy, now));
}

function storyText(story, busy, now) {
  if (story.loading) return h("p", { class: "hint" }, "Looking…");
  if (story.problem) return h("p", { class: "problem" }, story.problem);
  const { record } = story;
  const name = { "data-record": record.record };
  return h("div", { class: "card" }, record.name ? h("h4", null, h("bdi", null, record.name)) : null,
    h("p", null, h("b", null, plainState(record.state)), `: ${recordState(record.state)}.`, record.to_delete ? " It is to be deleted in GHL." : null),
    inGhl(record, now),
    h("p", { class: "actions" },
      record.state === "failed" ? button("replay-one", "Replay this record", busy, name) : null,
      button("forget", "Forget…", busy, name),
      record.ghl_id && !record.to_delete ? button("delete-in-ghl", "Delete in GHL…", busy, name) : null),
    fields(record, now));
}

// What GHL showed of it last, and where that came from.
function inGhl({ last_known: known }, now) {
  if (!known) return null;
  const what = known.content === null ? "deleted" : "left as shown below";
  return h("p", null, `In GHL: ${what} at `, time(known.at, now), `, ${originOf(known)} (told by ${known.told_by === "webhook" ? "a webhook" : "reconciling"}).`);
}

// All that the API tells of a record, whatever that is: names in words, times local.
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
