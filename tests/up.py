"""`cargo ghl-sync up` for tests in Python: a separate stack for each."""

import os
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PROGRAM = ROOT / "target/debug/ghl-sync"
# Seconds. A start takes a while on a busy machine.
START = 30
# Characters of the log to show if the stack exits by itself.
LAST_WORDS = 8000


@contextmanager
def up(*options, **variables):
    """Runs a stack with these options and environment `variables`. Yields the variables of its environment file."""
    with tempfile.TemporaryDirectory(prefix="ghl-sync-up.") as folder:
        ready, log = Path(folder, "environment"), Path(folder, "log")
        with log.open("wb") as out:
            command = [PROGRAM, "up", "--env-file", ready, *options]
            process = subprocess.Popen(command, stdout=out, stderr=out, env={**os.environ, **variables})
        try:
            deadline = time.monotonic() + START
            while not ready.exists():
                if process.poll() is not None or time.monotonic() > deadline:
                    sys.exit(f"cargo ghl-sync up does not come up:\n{log.read_text(errors='replace')}")
                time.sleep(0.05)
            yield dict(line.split("=", 1) for line in ready.read_text(encoding="utf-8").splitlines())
        finally:
            if process.poll() is not None:
                print(f"cargo ghl-sync up ended, {process.returncode}:\n{log.read_text(errors='replace')[-LAST_WORDS:]}")
            process.terminate()
            process.wait()
