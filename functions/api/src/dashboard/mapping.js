// The mapping of a migration: the counterpart of each item, and the selects that change it.

const PARTS = { custom_fields: "Custom fields", custom_values: "Custom values", tags: "Tags", users: "Users", pipelines: "Pipelines", stages: "Stages" };
// The parts in which GHL may let us create items.
const MAKEABLE = ["custom_fields", "custom_values", "tags", "pipelines"];
// Most options of all selects of a part together; beyond that, the reader types a name.
const OFFERED_IN_ALL = 20_000;
const OFFERED = { least: 20, most: 500 };
// The option for a name that is typed.
const ANOTHER = "another…";

// The parts that can still be changed: all before anything is written, later only the parts that a stage asks about.
function changeable({ status, stage, dry_run: looks }) {
  if (looks && status === "done") return Object.keys(PARTS);
  if (!["awaiting_approval", "needs_input"].includes(status)) return [];
  if (["map", "await_approval"].includes(stage)) return Object.keys(PARTS);
  return ["pipelines", "stages"];
}

const questionsOf = (mapping) => Object.keys(PARTS).flatMap((part) =>
  (mapping[part] ?? []).filter(({ target }) => target.action === "ask").map((mapped) => ({ part, mapped })));

// Less than certain: matched by similarity or position, not by the same key or name.
const isUncertain = ({ target, confidence, how }) => target.action === "existing" && how !== "override" && confidence < 1;

// Items that a person must decide; the choices are sent with the approval.
function decisions(mapping, status, choices) {
  const open = changeable(status);
  const questions = questionsOf(mapping).filter(({ part }) => open.includes(part));
  if (questions.length === 0) return null;
  return h("section", { class: "decisions", "aria-labelledby": "decisions-title" },
    h("h3", { id: "decisions-title" }, `Decisions needed (${count(questions.length)})`),
    questions.map(({ part, mapped }) => h("div", { key: `${part} ${mapped.source_id}`, class: "decision" },
      h("label", null, h("span", null, `${PARTS[part]}: `, h("b", null, h("bdi", null, mapped.source_name))), choiceSelect(part, mapped, mapping, choices)),
      otherInput(part, mapped, mapping, choices),
      h("span", { class: "hint" }, h("bdi", null, mapped.explanation)))));
}

const choiceField = (part, { source_id: id }) => `${part} ${id}`;

function choiceSelect(part, mapped, mapping, choices, label) {
  const field = choiceField(part, mapped);
  const onChange = (event) => chosen(field, { choice: event.target.value });
  return h("select", { name: field, value: choices[field]?.choice ?? "", "aria-label": label ?? null, onChange },
    choiceOptions(part, mapped, mapping, choices).map(([value, words]) => h("option", { key: value, value }, words)));
}

function choiceOptions(part, mapped, mapping, choices) {
  const { target, confidence } = mapped;
  const { action, suggestions = [] } = target;
  const stays = {
    existing: () => `use “${target.name}”${confidence < 1 ? ` (${percent(confidence)} alike)` : ""}`,
    create: () => `create “${target.name}”`,
    skip: () => "left out",
  }[action] ?? (() => "not decided yet");
  const offered = new Set([target.id, ...suggestions.map(({ id }) => id)]);
  const others = targetsOf(part, mapped, mapping, choices).filter(({ id }) => !offered.has(id));
  const most = Math.max(OFFERED.least, Math.min(OFFERED.most, Math.floor(OFFERED_IN_ALL / mapping[part].length)));
  return [
    ["", stays()],
    ...suggestions.map(({ id, name, confidence: alike }) => [id, `use “${name}” (${percent(alike)} alike)`]),
    ...others.slice(0, most).map(({ id, name, detail }) => [id, `use “${name}”${detail ? ` (${detail})` : ""}`]),
    ...(MAKEABLE.includes(part) && action !== "create" ? [["create", "create it in the target"]] : []),
    ...(action === "skip" ? [] : [["skip", "leave it out"]]),
    ...(others.length > most ? [[ANOTHER, "use another one from the target…"]] : []),
  ];
}

// The possible counterparts in the target. A stage must be in the pipeline that its own pipeline maps to.
function targetsOf(part, { pipeline_id: from }, mapping, choices) {
  const all = mapping.targets?.[part] ?? [];
  const things = part === "stages" ? all.filter(({ pipeline_id: id }) => id === becomesPipeline(from, mapping, choices)) : all;
  return part === "stages" ? things : [...things].sort((a, b) => a.name.localeCompare(b.name, "en"));
}

// The target pipeline for this one, chosen or proposed.
function becomesPipeline(id, { pipelines = [] }, choices) {
  const choice = choices[choiceField("pipelines", { source_id: id })]?.choice;
  return choice || pipelines.find(({ source_id: known }) => known === id)?.target.id;
}

// Too many options for a select: a text field, with suggestions from the target.
function otherInput(part, mapped, mapping, choices) {
  const field = choiceField(part, mapped);
  if (choices[field]?.choice !== ANOTHER) return null;
  return h("label", { key: "other" }, h("span", null, "Name or id in the target "),
    h("input", { value: choices[field].other ?? "", list: `targets of ${field}`, autocomplete: "off", spellcheck: false, maxlength: 200, onInput: (event) => chosen(field, { other: event.target.value }) }),
    h("datalist", { id: `targets of ${field}` }, targetsOf(part, mapped, mapping, choices).map(({ id, name }) => h("option", { key: id, value: id }, name))));
}

function chosen(field, change) {
  const { choices } = page.migration;
  page.migration = { ...page.migration, choices: { ...choices, [field]: { ...choices[field], ...change } } };
  draw();
}

// The choices so far, in the API's format.
function decided(choices) {
  const overrides = {};
  for (const [field, { choice, other = "" }] of Object.entries(choices)) {
    const wanted = choice === ANOTHER ? other.trim() : choice;
    if (!wanted) continue;
    const [part, ...id] = field.split(" ");
    (overrides[part] ??= {})[id.join(" ")] = wanted;
  }
  return overrides;
}

const changed = (choices) => Object.values(decided(choices)).reduce((sum, of) => sum + Object.keys(of).length, 0);

// A mapping can have thousands of rows and rarely changes, so its last rendering is reused.
let mappingDrawn = { from: [], drawn: null };

function mappingSection(mapping, status, choices) {
  const from = [mapping, status.status, status.stage, choices];
  if (from.some((one, index) => one !== mappingDrawn.from[index])) mappingDrawn = { from, drawn: mappingTables(mapping, status, choices) };
  return mappingDrawn.drawn;
}

function mappingTables(mapping, status, choices) {
  const { summary, type_conflicts: conflicts = [], warnings = [] } = mapping;
  const open = changeable(status);
  const uncertain = Object.keys(PARTS).flatMap((part) => mapping[part] ?? []).filter(isUncertain).length;
  return h("section", { "aria-labelledby": "mapping-title" },
    h("h3", { id: "mapping-title" }, `Mapping: ${count(summary.overall_readiness_percent)} % ready${warnings.length > 0 ? " (of what could be read)" : ""}`),
    uncertain > 0 ? h("p", { class: "uncertain" }, sign("warn"), `${plural(uncertain, "match is", "matches are")} uncertain${open.length > 0 ? `: check ${uncertain === 1 ? "it" : "them"} before you approve` : ""}.`) : null,
    open.length > 0 ? h("p", { class: "hint" }, changed(choices) > 0 ? `${plural(changed(choices), "change")} will be sent ${occasion(status)}.` : `Each row can be changed. Your changes are sent ${occasion(status)}.`) : null,
    warnings.length > 0 ? h("ul", { class: "warnings" }, warnings.map((warning) => h("li", null, h("bdi", null, warning)))) : null,
    conflicts.length > 0 ? h("ul", { class: "warnings" }, conflicts.map((conflict) =>
      h("li", null, h("bdi", null, `${conflict.source_name} is ${conflict.source_type} in the source and ${conflict.target_type} in the target: ${conflict.resolution}`)))) : null,
    Object.keys(PARTS).map((part) => mappingTable(part, mapping, open.includes(part), choices)));
}

const occasion = ({ dry_run: looks }) => (looks ? "when you start the migration" : "with your approval");

function mappingTable(part, mapping, isOpen, choices) {
  const rows = mapping[part] ?? [];
  if (rows.length === 0) return null;
  const heading = PARTS[part];
  const mapped = rows.filter(({ target }) => target.action === "existing" || target.action === "create").length;
  const uncertain = rows.filter(isUncertain).length;
  return h("details", { key: part },
    h("summary", null, `${heading}: ${count(mapped)} of ${count(rows.length)}${uncertain > 0 ? `, ${count(uncertain)} uncertain` : ""}`),
    h("table", { class: "mapping stacked" },
      h("caption", { class: "unseen" }, heading),
      h("thead", null, h("tr", null, ["In the source", "In the target", "Confidence", "Reason"].map((head) => h("th", { scope: "col" }, head)))),
      h("tbody", null, rows.map((row) => h("tr", { key: row.source_id },
        h("th", { scope: "row" }, h("bdi", null, row.source_name), pipelineOf(row, mapping)),
        h("td", { "data-head": "In the target" }, isOpen && row.target.action !== "ask"
          ? [choiceSelect(part, row, mapping, choices, `${heading}: ${row.source_name}`), otherInput(part, row, mapping, choices)]
          : becomes(row.target)),
        h("td", { "data-head": "Confidence" }, isUncertain(row) ? sign("warn") : null, row.target.action === "existing" ? percent(row.confidence) : "–"),
        h("td", { "data-head": "Reason", class: "because" }, h("bdi", null, row.explanation)))))));
}

// Several pipelines can have stages with the same name.
function pipelineOf({ pipeline_id: id }, mapping) {
  const pipeline = id && (mapping.pipelines ?? []).find(({ source_id: known }) => known === id);
  return pipeline ? h("span", { class: "called hint" }, "in ", h("bdi", null, pipeline.source_name)) : null;
}

function becomes(target) {
  switch (target.action) {
    case "existing": return h("bdi", null, target.name);
    case "create": return ["new: ", h("bdi", null, target.name)];
    case "skip": return "left out";
    default: return "not decided yet";
  }
}
