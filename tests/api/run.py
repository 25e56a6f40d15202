"""Checks the HTTP API of `cargo ghl-sync up`: the OpenAPI document with a linter, the answers against that document
(schemathesis), and the metrics with Prometheus' linter. Also reports how long a record that is put into an idle location
takes to reach GoHighLevel.

It needs `cargo build --package ghl-sync-cli`, and on the path: schemathesis, promtool, spectral.
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from up import up

RULES = Path(__file__).with_name("spectral.yaml")
PORT = "18787"
# Seconds.
PATIENCE = 30
# Number of timed puts, and the limit for the median time from a put to GHL's answer.
PUTS = 21
P50_MS = 1500
# Checks that schemathesis makes on every answer.
CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "unsupported_method",
]
# Only these may break Prometheus' naming rules: the specification prescribes their names.
DICTATED = {
    "ghl_rate_limit_hits",
    "ghl_retry_attempts",
    "ghl_circuit_breaker_opens",
    "sync_success_rate",
    "average_backoff_delay_ms",
}


def main():
    with up("--port", PORT, "--latency-ms", "150", LOG_LEVEL="error") as api:
        time_puts(api)
    with up("--port", PORT, "--latency-ms", "1..5", LOG_LEVEL="error") as api:
        lint_document(api)
        check_answers(api)
        check_metrics(api)


def ask(api, path, body=None):
    headers = {"X-Api-Key": api["API_KEY"], "Content-Type": "application/json"}
    request = urllib.request.Request(api["API_URL"] + path, headers=headers, data=body and json.dumps(body).encode())
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
        return answer.read()


# -- how long a put takes ----------------------------------------------------------------------------------------------


def time_puts(api):
    """Puts one record at a time into an idle location, and waits until the sandbox has accepted it."""
    took = []
    for number in range(PUTS):
        contact = {"id": f"put-{number}", "contact": {"email": f"put-{number}@example.com"}}
        before = accepted(api)
        began = time.monotonic()
        ask(api, "/v1/locations/loc_demo/contacts", contact)
        while accepted(api) == before:
            if time.monotonic() - began > PATIENCE:
                sys.exit(f"{contact['id']} is not in GoHighLevel after {PATIENCE} s")
            time.sleep(0.005)
        took.append((time.monotonic() - began) * 1000)
        # Wait until the batch ends and the location is idle again.
        time.sleep(0.5)
    median = statistics.median(took)
    print(f"note: put to accepted, {PUTS} puts into an idle location, GHL at 150 ms: median {median:.0f} ms, "
          f"longest {max(took):.0f} ms (aim: median at most {P50_MS} ms)")


def accepted(api):
    with urllib.request.urlopen(api["GHL_BASE_URL"] + "/_sandbox/stats", timeout=PATIENCE) as answer:
        return json.load(answer)["ok"]


# -- documents ---------------------------------------------------------------------------------------------------------


def lint_document(api):
    with tempfile.NamedTemporaryFile(suffix=".json") as document:
        document.write(ask(api, "/openapi.json"))
        document.flush()
        run("spectral", "lint", document.name, "--ruleset", RULES, "--fail-severity", "hint")
    print("note: spectral: the OpenAPI document is clean")


def check_answers(api):
    """No 5xx, and only answers that the document lists."""
    with tempfile.TemporaryDirectory(prefix="ghl-sync-schemathesis.") as folder:
        run(
            *("schemathesis", "run", "-", "--url", api["API_URL"]),
            *("--header", f"X-Api-Key: {api['API_KEY']}"),
            *("--checks", ",".join(CHECKS)),
            *("--max-examples", "30", "--seed", "1"),
            *("--request-timeout", str(PATIENCE)),
            cwd=folder,
            document=without_lines(json.loads(ask(api, "/openapi.json"))),
        )
    print("note: schemathesis: no 5xx, and no answer that the OpenAPI document does not name")


def without_lines(document):
    """Schemathesis cannot write a body of one item per line; the Rust tests cover it."""
    for path in document["paths"].values():
        for operation in path.values():
            operation.get("requestBody", {}).get("content", {}).pop("application/x-ndjson", None)
    return json.dumps(document).encode()


def check_metrics(api):
    checked = subprocess.run(["promtool", "check", "metrics"], input=ask(api, "/metrics"), capture_output=True)
    complaints = checked.stderr.decode().splitlines()
    others = [line for line in complaints if line.split(" ", 1)[0] not in DICTATED]
    # Exit code 3 means faults in names; 1 means text that is not metrics at all.
    if others or checked.returncode not in (0, 3):
        sys.exit("promtool: " + "\n".join(others or complaints))
    print(f"note: promtool: the metrics are clean, but for {len(complaints)} rules broken by names that are dictated")


def run(*command, cwd=None, document=None):
    if document is not None:
        file = Path(cwd, "openapi.json")
        file.write_bytes(document)
        command = [str(file) if part == "-" else part for part in command]
    ran = subprocess.run(command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if ran.returncode != 0:
        sys.exit(f"{command[0]} failed:\n{ran.stdout[-8000:]}")


if __name__ == "__main__":
    main()
