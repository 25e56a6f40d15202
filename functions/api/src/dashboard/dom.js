// Elements from function calls, and updates of the page, by preact (vendor/). Data from the API becomes a text node or
// the value of an attribute that cannot run code; markup is never parsed.

// Initial state of an input or option. After that it belongs to the reader, however often the page is drawn.
const BEGINS_WITH = { input: { value: "defaultValue", checked: "defaultChecked" }, option: { selected: "defaultSelected" } };

// `key` identifies an element across renderings, wherever it moves. Unlike an input's value, the `value` of a select
// belongs to the page, which sets it with each drawing.
function h(tag, attributes, ...children) {
  const names = BEGINS_WITH[tag];
  const given = names && attributes ? Object.fromEntries(Object.entries(attributes).map(([name, value]) => [names[name] ?? name, value])) : attributes;
  return preact.createElement(tag, given, ...children);
}

// A local time that shows UTC on hover.
function time(at, now, text) {
  if (!at || Number.isNaN(Date.parse(at))) return "–";
  return h("time", { datetime: at, title: utc(at) }, text ?? localTime(at, now));
}

// Updates the children of `parent` to `wanted`. Unchanged elements stay, so focus, selection, scroll position, typed
// text and opened details survive.
function render(parent, ...wanted) {
  const focused = document.activeElement;
  preact.render(h(preact.Fragment, null, ...wanted), parent);
  // Moving an element drops its focus.
  if (focused !== document.activeElement && parent.contains(focused)) focused.focus({ preventScroll: true });
}
