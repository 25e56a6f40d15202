"""`cargo local up`: a fresh one for each test."""

import json
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = ROOT / "target/debug/ghl-sync-local"
EVENTS = ROOT / "events"
CONTACTS = EVENTS / "contacts.csv"
# The environment of the functions under `sam local`.
ENVIRONMENT = EVENTS / "env.local.json"
# What containers know this machine as.
HOST = "host.docker.internal"
BUILT = ROOT / ".aws-sam/build"
# Seconds.
START = 30


class Function:
    """A function that `sam build` built."""

    def __init__(self, folder):
        # Its name in the template.
        self.name = folder.name
        self.bootstrap = folder / "bootstrap"
        # The event that it is made for. Those of edge cases have longer names.
        self.event = self.name.removesuffix("Function").lower()

    def __repr__(self):
        return self.name

    def owns(self, event):
        """Whether it is the function that an event in `events/` is for."""
        return event == self.event or event.startswith(f"{self.event}-")


def built_functions():
    """All of them."""
    functions = [Function(bootstrap.parent) for bootstrap in sorted(BUILT.glob("*/bootstrap"))]
    if not functions:
        sys.exit(f"nothing in {BUILT}: sam build comes first")
    return functions


@contextmanager
def up():
    """An outbox with the sample contacts, an empty sandbox; the functions are run from outside."""
    with tempfile.TemporaryDirectory(prefix="ghl-sync-up.") as folder:
        ready = Path(folder, "environment")
        command = [PROGRAM, "up", "--no-functions", "--bind", "0.0.0.0", "--csv", CONTACTS, "--env-file", ready]
        with open(f"{folder}/log", "wb") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            deadline = time.monotonic() + START
            while not ready.exists():
                if process.poll() is not None or time.monotonic() > deadline:
                    sys.exit(f"cargo local up does not come up:\n{Path(folder, 'log').read_text(errors='replace')}")
                time.sleep(0.05)
            yield
        finally:
            process.terminate()
            process.wait()


def environment():
    """The committed environment, as a function on this machine outside of any container needs it."""
    values = json.loads(ENVIRONMENT.read_text(encoding="utf-8"))["Parameters"]
    return {name: value.replace(HOST, "127.0.0.1") for name, value in values.items()}


def sandbox_stats():
    """What the sandbox saw."""
    with urllib.request.urlopen(environment()["GHL_BASE_URL"] + "/_sandbox/stats", timeout=10) as answer:
        return json.load(answer)


def listens(url):
    """Whether anything answers there."""
    try:
        urllib.request.urlopen(url, timeout=1).close()
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True
