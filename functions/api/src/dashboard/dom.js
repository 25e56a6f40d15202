// Elements from calls, and the page brought up to them, by preact (vendor/). Whatever comes from the API becomes a text
// node or the value of an attribute that cannot run anything; no markup is ever parsed.

// What an input or an option begins with. After that it is the reader's, however often the page is drawn.
const BEGINS_WITH = { input: { value: "defaultValue", checked: "defaultChecked" }, option: { selected: "defaultSelected" } };

// `key` makes an element the same one in the next rendering, wherever it stands then. Other than an input's, the `value`
// of a select is the page's, which sets it with each drawing.
function h(tag, attributes, ...children) {
  const names = BEGINS_WITH[tag];
  const given = names && attributes ? Object.fromEntries(Object.entries(attributes).map(([name, value]) => [names[name] ?? name, value])) : attributes;
  return preact.createElement(tag, given, ...children);
}

// A local time that tells UTC when pointed at.
function time(at, now, text) {
  if (!at || Number.isNaN(Date.parse(at))) return "–";
  return h("time", { datetime: at, title: utc(at) }, text ?? localTime(at, now));
}

// Brings the children of `parent` to `wanted`. What stays the same is left alone, so focus, selection, scrolling, what was
// typed and what was opened survive.
function render(parent, ...wanted) {
  const focused = document.activeElement;
  preact.render(h(preact.Fragment, null, ...wanted), parent);
  // Moving an element takes its focus away.
  if (focused !== document.activeElement && parent.contains(focused)) focused.focus({ preventScroll: true });
}
