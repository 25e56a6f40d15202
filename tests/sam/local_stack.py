"""`cargo ghl-sync up`: a fresh one for each test."""

import json
import os
import secrets
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
# Name of this machine inside containers.
HOST = "host.docker.internal"
BUILT = ROOT / ".aws-sam/build"
# The access key of this run. Every stack's DynamoDB and SQS accept only this one. SAM's containers, which outlive a
# stack, and the AWS CLI read it from the environment.
CREDENTIALS = {"AWS_ACCESS_KEY_ID": f"LKIA{secrets.token_hex(8)}", "AWS_SECRET_ACCESS_KEY": secrets.token_hex(32)}
os.environ.pop("AWS_SESSION_TOKEN", None)
os.environ.update(CREDENTIALS)
# SAM asks AWS for the account of this key, and goes on without an answer: after one try, not after five in 7 s.
os.environ["AWS_MAX_ATTEMPTS"] = "1"


class Function:
    """A function that `sam build` built."""

    def __init__(self, folder):
        # Its name in the template.
        self.name = folder.name
        self.bootstrap = folder / "bootstrap"
        # Prefix of the function's sample events. Events of edge cases have longer names.
        self.event = self.name.removesuffix("Function").lower()

    def __repr__(self):
        return self.name

    def owns(self, event):
        """Whether an event in `events/` is for this function."""
        return event == self.event or event.startswith(f"{self.event}-")


def built_functions():
    """All functions that `sam build` built."""
    functions = [Function(bootstrap.parent) for bootstrap in sorted(BUILT.glob("*/bootstrap"))]
    if not functions:
        sys.exit(f"nothing in {BUILT}: sam build comes first")
    return functions


def fresh():
    """A stack with the sample contacts and an empty sandbox; the test runs the functions itself."""
    key = {f"LOCAL_{name.removeprefix('AWS_')}": value for name, value in CREDENTIALS.items()}
    return up("--no-functions", "--bind", "0.0.0.0", "--allow-host", HOST, "--csv", CONTACTS, **key)


def environment():
    """The committed environment, adapted to a function that runs outside of a container."""
    values = json.loads(ENVIRONMENT.read_text(encoding="utf-8"))["Parameters"]
    return {name: value.replace(HOST, "127.0.0.1") for name, value in values.items()}


def sandbox_stats():
    """The counts of the sandbox."""
    with urllib.request.urlopen(environment()["GHL_BASE_URL"] + "/_sandbox/stats", timeout=10) as answer:
        return json.load(answer)


def listens(url):
    """Whether a server answers."""
    try:
        urllib.request.urlopen(url, timeout=1).close()
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True
