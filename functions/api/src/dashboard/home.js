// One sentence about everything: what is wrong, and what to do about it.

const NAMED = 2;
// Without an accepted record for this long, a forecast is unreliable.
const PROGRESS_S = 300;

function headline({ overview, now, lists }) {
  // A filtered list does not show everything.
  if (!overview || known(overview) === 0 || page.asked !== "") return [];
  const { tone, what, todo } = verdict(overview, now, waitingLists(lists));
  return h("p", { class: `headline ${tone}` }, sign(tone), h("span", null, h("b", null, what), todo ? [" ", todo].flat() : null));
}

// The most urgent cause.
function verdict(overview, now, unsent) {
  const tick = overview.last_tick;
  if (tick && -secondsUntil(tick.at, now) > STALE_TICK_S) {
    return { tone: "bad", what: `The scheduler has not run for ${duration(-secondsUntil(tick.at, now))}.`, todo: "Waiting work does not start until it runs. Check that its schedule is enabled, and read its log." };
  }
  const { locations } = overview;
  const those = (holds) => locations.filter((location) => location.enabled !== false && holds(location));
  const pausedFor = (reason) => those(({ pause }) => pause?.reason === reason);
  const next = (times) => times.filter(Boolean).sort()[0];

  const down = those(({ breaker }) => (breaker?.state ?? "closed") !== "closed");
  if (down.length > 0) {
    const at = next(down.map(({ breaker }) => breaker.retry_at));
    const again = at && secondsUntil(at, now) > 0 ? ["at ", time(at, now)] : "now";
    return { tone: "bad", what: `GoHighLevel is failing for ${named(down)}.`, todo: ["Nothing to do: records wait, and the next try is ", again, "."].flat() };
  }
  const foreign = pausedFor("other_location");
  if (foreign.length > 0) return { tone: "bad", what: `GoHighLevel answers for a different location than ${named(foreign)}.`, todo: ["Nothing is sent there. Find out whose token it is, then ", connectAnew(), "."] };
  const refused = pausedFor("credentials");
  if (refused.length > 0) return { tone: "bad", what: `GoHighLevel does not accept the token of ${named(refused)}.`, todo: ["Nothing is sent there: ", connectAnew(), "."] };
  const held = pausedFor("operator");
  const failed = those((location) => (location.failed?.count ?? 0) > 0);
  const failures = overview.summary?.failed ?? { count: 0 };
  if (failures.count > 0) {
    return { tone: "warn", what: `${records(failures)} failed${failed.length > 0 ? ` in ${named(failed)}` : ""}.`, todo: [failed.length > 0 ? h("a", { href: `#/${encodeURIComponent(failed[0].id)}` }, "See why") : "Open the location to see why", ", fix the cause, then replay them."] };
  }
  if (held.length > 0) return { tone: "warn", what: `${named(held)} ${held.length === 1 ? "is" : "are"} paused by an operator.`, todo: "Nothing is sent there until someone resumes it." };
  const throttled = pausedFor("throttled");
  if (throttled.length > 0) return { tone: "warn", what: `GoHighLevel asked ${named(throttled)} to slow down.`, todo: ["Nothing to do: sending resumes at ", time(next(throttled.map(({ pause }) => pause.until)), now), "."] };
  if (overview.dead_letters > 0) return { tone: "warn", what: `${plural(overview.dead_letters, "message")} could not be processed.`, todo: "Their records are still sent. Whoever runs this stack should check them: see the runbook (OPERATE.md, Dead letters)." };
  const used = those(({ waits_for: wait }) => wait?.reason === "daily_quota");
  if (used.length > 0) return { tone: "warn", what: `GoHighLevel's daily quota for ${named(used)} is used up.`, todo: ["Nothing to do: sending resumes at ", time(next(used.map(({ waits_for: wait }) => wait.until)), now), "."] };
  return underWay(overview, now, unsent);
}

function underWay(overview, now, unsent) {
  const due = overview.summary?.due ?? { count: 0 };
  // Only the failures of the open location are known.
  if (due.count === 0 && unsent > 0) return { tone: "good", what: "Everything has been sent.", todo: `${plural(unsent, "list needs", "lists need")} your attention: see Lists below.` };
  if (due.count === 0) return { tone: "good", what: "All is well.", todo: "Nothing is waiting." };
  const moving = overview.locations.filter((location) => location.forecast && hasProgress(location, now));
  const last = moving.map(({ forecast }) => forecast.empty_at).sort().at(-1);
  const all = overview.locations.filter((location) => (location.due?.count ?? 0) > 0).every((location) => moving.includes(location)) && !overview.cursor;
  return { tone: "good", what: `All is well: ${records(due)} on the way.`, todo: last && all ? ["All of them will be sent by ", time(last, now), "."] : null };
}

// A forecast is valid while records move: one was accepted recently, or the first has only just become due.
function hasProgress(location, now) {
  const oldest = location.due?.oldest_at;
  if (oldest && -secondsUntil(oldest, now) < PROGRESS_S) return true;
  return (location.minutes ?? []).some(({ at, succeeded }) => succeeded > 0 && -secondsUntil(at, now) < PROGRESS_S + 60);
}

const records = (counted) => `${atLeast(counted)} ${counted.count === 1 && !counted.capped ? "record" : "records"}`;

const connectAnew = () => h("a", { href: "connect" }, "connect it again");

// Two names, and the number of others.
function named(locations) {
  const names = locations.slice(0, NAMED).map(({ id, name }) => name ?? id);
  const more = locations.length - names.length;
  if (more > 0) return `${names.join(", ")} and ${plural(more, "more location", "more locations")}`;
  return names.join(" and ");
}
