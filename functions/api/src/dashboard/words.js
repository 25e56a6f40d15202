// Numbers, times and states in words. Pure functions, except that they use the browser's time zone.

const NUMBER = new Intl.NumberFormat("en");
const CLOCK = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const DAY = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });

// Reasons for a wait, by the engine's names.
const WAIT_REASONS = {
  pace: "rate limit",
  throttled: "GoHighLevel asked for fewer calls (429)",
  credentials: "token rejected",
  other_location: "GoHighLevel answered for another location",
  operator: "paused by an operator",
  pause: "pause",
  breaker: "GoHighLevel is failing (breaker open)",
  daily_quota: "daily quota used up",
  backoff: "delay after a failure (backoff)",
  deadline: "next batch",
  store: "data store not responding",
};

const ERROR_CODES = {
  REJECTED: "rejected by GoHighLevel",
  MAX_RETRIES_EXCEEDED: "gave up after repeated temporary failures",
  AMBIGUOUS: "unknown whether GoHighLevel has it",
  INTERNAL: "internal error in ghl-sync",
  CANCELLED: "cancelled by an operator before it was sent",
  UNAUTHORIZED: "token rejected",
  RATE_LIMITED: "rate limit reached",
  CIRCUIT_OPEN: "GoHighLevel was failing, nothing was sent (breaker open)",
};

// Who must act, and what to do.
const ERROR_REMEDIES = {
  REJECTED: "GoHighLevel rejects the record as it is: edit it, or send it without the rejected field.",
  MAX_RETRIES_EXCEEDED: "GoHighLevel kept failing; the record is not the cause. Replay it.",
  AMBIGUOUS: "GoHighLevel did not respond and may have the record: check there, then replay it.",
  INTERNAL: "This is an error in ghl-sync, not in the record: tell whoever runs this stack, then replay it.",
  CANCELLED: "An operator cancelled it before it was sent: replay it if you want to send it after all.",
  UNAUTHORIZED: "GoHighLevel did not accept the token: connect the location again, then replay it.",
};

// The state of a location, in one word.
const STATES = { syncing: "sending" };

const RECORD_STATES = {
  due: "will be sent",
  waiting: "will be sent after another record has been sent",
  accepted: "GoHighLevel has the latest version",
  failed: "failed permanently; it can be replayed",
  dry_run: "a dry run showed what would have been sent",
  superseded: "changed in GoHighLevel, and GoHighLevel's content is kept; it is sent again when different content is received",
  undone: "back to what it was before its import, which was undone",
};

// Why a record stayed as it is in GHL.
const ORIGINS = { own_write: "by ghl-sync", elsewhere: "by someone else" };

const count = (n) => (Number.isFinite(n) ? NUMBER.format(n) : "–");

const plural = (n, one, many = `${one}s`) => `${count(n)} ${n === 1 ? one : many}`;

// A count that is exact only up to a limit: "1,000+".
const atLeast = (counted) => (counted ? `${count(counted.count)}${counted.capped ? "+" : ""}` : "–");

// "48.2 kB".
function size(bytes) {
  const [unit, factor] = bytes < 1_000 ? ["bytes", 1] : bytes < 1_000_000 ? ["kB", 1_000] : ["MB", 1_000_000];
  return `${NUMBER.format(Math.round((10 * bytes) / factor) / 10)} ${unit}`;
}

// Rounded down, so that 99.99 % never reads as all.
function percent(share) {
  if (!Number.isFinite(share)) return "–";
  return `${NUMBER.format(Math.floor(share * 10_000) / 100)} %`;
}

// Two units at most: "3 min 20 s".
function duration(seconds) {
  if (!Number.isFinite(seconds)) return "–";
  if (seconds < 1) return "under 1 s";
  const whole = Math.round(seconds);
  const units = [["d", 86_400], ["h", 3_600], ["min", 60], ["s", 1]];
  const first = units.findIndex(([, size]) => whole >= size);
  const [unit, size] = units[first];
  const parts = [`${Math.floor(whole / size)} ${unit}`];
  const next = units[first + 1];
  const rest = next && Math.floor((whole % size) / next[1]);
  if (rest) parts.push(`${rest} ${next[0]}`);
  return parts.join(" ");
}

const milliseconds = (ms) => (ms < 1_000 ? `${count(Math.round(ms))} ms` : duration(ms / 1_000));

const clock = (at) => CLOCK.format(at);

// A local time; with the date if it is not today.
function localTime(at, now) {
  const date = new Date(at);
  if (Number.isNaN(date.getTime())) return "–";
  const sameDay = date.toDateString() === new Date(now).toDateString();
  return sameDay ? clock(date) : `${DAY.format(date)} ${clock(date)}`;
}

const utc = (at) => `${new Date(at).toISOString().slice(0, 19).replace("T", " ")} UTC`;

const secondsUntil = (at, now) => (new Date(at) - now) / 1_000;

// "in 40 s", or "now" once it has passed.
function until(at, now) {
  const left = secondsUntil(at, now);
  return left > 0 ? `in ${duration(left)}` : "now";
}

const ago = (at, now) => `${duration(Math.max(0, -secondsUntil(at, now)))} ago`;

const waitReason = (reason) => (Object.hasOwn(WAIT_REASONS, reason) ? WAIT_REASONS[reason] : plainState(reason));

const recordState = (state) => (Object.hasOwn(RECORD_STATES, state) ? RECORD_STATES[state] : plainState(state));

const originOf = (known) => (Object.hasOwn(ORIGINS, known.origin) ? ORIGINS[known.origin] : "by an unknown source");

const errorCode = (code) => (Object.hasOwn(ERROR_CODES, code) ? ERROR_CODES[code] : null);

const remedy = (code) => (Object.hasOwn(ERROR_REMEDIES, code) ? ERROR_REMEDIES[code] : null);

const stateWord = (state) => (Object.hasOwn(STATES, state) ? STATES[state] : plainState(state));

const plainState = (state) => String(state ?? "unknown").replaceAll("_", " ");

// The status of a location: a sentence for people, and its urgency (`trouble` 3 to 0).
function situation(location, now) {
  const due = location.due?.count ?? 0;
  const stop = standstill(location, now);
  if (stop) return stop;
  const failed = location.failed?.count ?? 0;
  const progress = backlog(location, due, now);
  if (failed > 0) {
    const text = `${progress.text} ${atLeast(location.failed)} failed permanently.`;
    return { ...progress, text, trouble: 2, tone: "warn" };
  }
  return { ...progress, trouble: due > 0 || location.state === "syncing" ? 1 : 0 };
}

// Why nothing is sent, if so.
function standstill(location, now) {
  const { breaker, pause, waits_for: wait } = location;
  if (location.enabled === false) {
    return { label: "switched off", text: "Switched off. Its records are waiting.", trouble: 0, tone: "quiet" };
  }
  if (breaker?.state === "open") {
    const again = breaker.retry_at ? `, next try ${until(breaker.retry_at, now)}` : "";
    return { label: "breaker open", text: `Stopped: GoHighLevel is failing${again} (breaker open).`, trouble: 3, tone: "bad" };
  }
  if (breaker?.state === "half_open") {
    return { label: "probing", text: "Stopped: one test call checks whether GoHighLevel works again (breaker half open).", trouble: 3, tone: "bad" };
  }
  if (pause) return paused(pause, now);
  if (wait?.reason === "daily_quota") {
    const text = `Waiting: the daily quota is used up, resumes ${until(wait.until, now)}.`;
    return { label: "quota used up", text, trouble: 2, tone: "warn" };
  }
  if (location.state === "stopped") {
    return { label: "stopped", text: "Stopped.", trouble: 3, tone: "bad" };
  }
  return null;
}

function paused(pause, now) {
  const end = pause.until ? until(pause.until, now) : null;
  switch (pause.reason) {
    case "credentials": {
      const next = end ? `, next try ${end}` : "";
      return { label: "token rejected", text: `Stopped: GoHighLevel rejects the token${next}.`, trouble: 3, tone: "bad" };
    }
    case "other_location": {
      const text = `Stopped: GoHighLevel answered for another location, so the token may belong to someone else's account${end ? `; next try ${end}` : ""}.`;
      return { label: "wrong account", text, trouble: 3, tone: "bad" };
    }
    case "throttled":
      return { label: "throttled", text: `Waiting: GoHighLevel asked for fewer calls, resumes ${end ?? "later"}.`, trouble: 2, tone: "warn" };
    case "operator": {
      const text = `Paused by an operator${end ? `, resumes ${end}` : " until resumed"}.`;
      return { label: "paused", text, trouble: 2, tone: "warn" };
    }
    default:
      return { label: "paused", text: `Stopped: ${waitReason(pause.reason)}.`, trouble: 2, tone: "warn" };
  }
}

function backlog(location, due, now) {
  if (location.forecast && hasProgress(location, now)) {
    const left = Math.max(0, secondsUntil(location.forecast.empty_at, now));
    return { label: stateWord(location.state), text: `Sending: ${location.forecast.at_least ? "at least " : ""}${duration(left)} left.`, tone: "good" };
  }
  const wait = location.waits_for;
  if (due === 0) return { label: stateWord(location.state), text: "Nothing to send.", tone: "quiet" };
  if (wait) {
    const text = `Waiting: ${waitReason(wait.reason)}${wait.until ? `, resumes ${until(wait.until, now)}` : ""}.`;
    return { label: stateWord(location.state), text, tone: "good" };
  }
  return { label: stateWord(location.state), text: `${atLeast(location.due)} waiting, no forecast yet.`, tone: "good" };
}
