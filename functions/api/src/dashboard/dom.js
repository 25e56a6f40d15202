// Elements from calls, and the page's elements brought up to them. Whatever comes from the API becomes a text node or
// the value of an attribute that cannot run anything; no markup is ever parsed.

const SVG = "http://www.w3.org/2000/svg";
const SVG_TAGS = new Set(["svg", "path", "line", "rect", "circle"]);
// What the reader opened stays open.
const KEPT_ATTRIBUTES = new Set(["open"]);

// `key` makes an element the same one in the next rendering, wherever it stands then.
function h(tag, attributes, ...children) {
  const element = SVG_TAGS.has(tag) ? document.createElementNS(SVG, tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    element.setAttribute(name === "key" ? "data-key" : name, value === true ? "" : value);
  }
  element.append(...children.flat(2).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

// A local time that tells UTC when pointed at.
function time(at, now, text) {
  if (!at || Number.isNaN(Date.parse(at))) return "–";
  return h("time", { datetime: at, title: utc(at) }, text ?? localTime(at, now));
}

// Brings the children of `parent` to `wanted`. What stays the same is left alone, so focus, selection, scrolling and
// what was typed survive.
function render(parent, ...wanted) {
  const focused = document.activeElement;
  const fresh = h("div", null, ...wanted);
  patchChildren(parent, fresh);
  if (focused !== document.activeElement && parent.contains(focused)) focused.focus({ preventScroll: true });
}

function patchChildren(parent, fresh) {
  const keyed = new Map();
  for (const child of parent.children) if (child.dataset.key !== undefined) keyed.set(child.dataset.key, child);
  let at = parent.firstChild;
  for (const wanted of [...fresh.childNodes]) {
    const key = wanted.dataset?.key;
    const have = key === undefined ? at : keyed.get(key);
    if (!have || !alike(have, wanted)) {
      parent.insertBefore(wanted, at);
    } else {
      if (have === at) at = at.nextSibling;
      else parent.insertBefore(have, at);
      patch(have, wanted);
    }
  }
  while (at) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}

const alike = (a, b) => a.nodeName === b.nodeName && a.dataset?.key === b.dataset?.key;

function patch(have, wanted) {
  if (have.nodeType === Node.TEXT_NODE) {
    if (have.data !== wanted.data) have.data = wanted.data;
    return;
  }
  for (const { name } of [...have.attributes]) {
    if (!wanted.hasAttribute(name) && !KEPT_ATTRIBUTES.has(name)) have.removeAttribute(name);
  }
  for (const { name, value } of wanted.attributes) {
    if (have.getAttribute(name) !== value) have.setAttribute(name, value);
  }
  patchChildren(have, wanted);
}
