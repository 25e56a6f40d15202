// Elements from calls, and the page brought up to them, by preact (vendor/). Whatever comes from the API becomes a text
// node or the value of an attribute that cannot run anything; no markup is ever parsed.

// `key` makes an element the same one in the next rendering, wherever it stands then. An `open` or a `value` that is not
// given is the reader's, and stays.
const h = preact.createElement;

// A local time that tells UTC when pointed at.
function time(at, now, text) {
  if (!at || Number.isNaN(Date.parse(at))) return "–";
  return h("time", { datetime: at, title: utc(at) }, text ?? localTime(at, now));
}

// Brings the children of `parent` to `wanted`. What stays the same is left alone, so focus, selection, scrolling and
// what was typed survive.
function render(parent, ...wanted) {
  const focused = document.activeElement;
  preact.render(h(preact.Fragment, null, ...wanted), parent);
  // Moving an element takes its focus away.
  if (focused !== document.activeElement && parent.contains(focused)) focused.focus({ preventScroll: true });
}
