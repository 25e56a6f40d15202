// Signs in with a key, and out again. The session cookie is hidden from scripts.
const byId = (id) => document.getElementById(id);
// The page after signing in: only one of these.
const onward = new URLSearchParams(location.search).get("to") === "connect" ? "connect" : "dashboard";
const session = new URL("session", location.origin + location.pathname);

async function send(options) {
  byId("said").className = "";
  byId("said").textContent = "";
  try {
    const response = await fetch(session, { ...options, cache: "no-store" });
    if (response.ok) return true;
    const problem = await response.json().catch(() => null);
    const wrong = response.status === 401 ? "This key does not belong to this stack, or no longer works." : null;
    throw new Error(wrong ?? problem?.detail ?? `The server answered ${response.status}.`);
  } catch (error) {
    byId("said").className = "problem";
    byId("said").textContent = error instanceof TypeError ? "The server cannot be reached." : error.message;
    return false;
  }
}

byId("sign-in").addEventListener("submit", async (event) => {
  event.preventDefault();
  const body = JSON.stringify({ key: byId("key").value.trim() });
  if (await send({ method: "POST", headers: { "content-type": "application/json" }, body })) location.assign(onward);
});

byId("sign-out").addEventListener("click", async () => {
  if (await send({ method: "DELETE" })) byId("said").textContent = "You are signed out.";
});
