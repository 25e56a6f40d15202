"""`cargo local up`: a fresh one for each test."""

import json
import sys
import urllib.error
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from up import ROOT, up

EVENTS = ROOT / "events"
CONTACTS = EVENTS / "contacts.csv"
# The environment of the functions under `sam local`.
ENVIRONMENT = EVENTS / "env.local.json"
# What containers know this machine as.
HOST = "host.docker.internal"
BUILT = ROOT / ".aws-sam/build"


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


def fresh():
    """An outbox with the sample contacts, an empty sandbox; the functions are run from outside."""
    return up("--no-functions", "--bind", "0.0.0.0", "--csv", CONTACTS)


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
