"""The sizes and start times of the functions, measured under Lambda's emulator on this machine.

It uses the output of `sam build`, as run.py does. The emulator is the one that `sam local` puts into its containers; here
it runs without a container, so that a function's process can be inspected. Sizes and memory must keep to their limits;
times depend on the machine, and are only reported.
"""

import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
import zipfile
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import local_stack
from local_stack import EVENTS

INVOKE = "http://127.0.0.1:9009/2015-03-31/functions/function/invocations"
# Number of starts; each reported time is their median.
STARTS = 5
INVOCATIONS = 20
# Limits: 5 MB for a zip, with two exceptions, and 40 MB of memory at rest. Target for a start: 20 ms.
MAX_ZIP_BYTES = 5_000_000
# The importer contains the world's phone numbers and countries, and nobody waits for its start. The API contains its
# pages and its document, and all actions of an operator.
MAX_ZIP_BYTES_OF = {"ImporterFunction": 7_000_000, "ApiFunction": 6_000_000}
MAX_REST_KB = 40_000
# CI links without optimising, which makes a zip up to an eighth larger (API: 6.08 instead of 5.56 MB).
LINKED_PLAINLY = os.environ.get("CARGO_PROFILE_RELEASE_LTO") == "off"
# Seconds.
EMULATOR_START = 10
INVOCATION = 60


def main():
    if find_spec("samcli") is None or sys.platform != "linux":
        print("note: start and size not measured: it takes Linux, and the SAM CLI as a package of this Python")
        return
    if LINKED_PLAINLY:
        print("note: linked without optimising, as CI does: what is deployed is about a tenth smaller")
    failed = False
    for function in local_stack.built_functions():
        found = measure(function)
        max_zip_bytes = MAX_ZIP_BYTES_OF.get(str(function), MAX_ZIP_BYTES)
        if LINKED_PLAINLY:
            max_zip_bytes = max_zip_bytes * 9 // 8
        print(
            f"note: {function}: start {found['start_ms']:.1f} ms (aim 20), first invocation {found['first_ms']:.1f} ms, "
            f"warm {found['warm_ms']:.1f} ms, {found['rest_kb'] / 1000:.1f} MB at rest (limit 40), "
            f"{found['peak_kb'] / 1000:.1f} MB at most, {found['zip_bytes'] / 1e6:.1f} MB zipped (limit {max_zip_bytes / 1e6:.3g})"
        )
        failed |= found["zip_bytes"] > max_zip_bytes or found["rest_kb"] > MAX_REST_KB
    sys.exit("error: a function is over its limit" if failed else 0)


def measure(function):
    """Medians of several starts. Starts are as in AWS, with clients for https; invocations use the local stack and the
    function's own event."""
    event = (EVENTS / f"{function.event}.json").read_bytes()
    local = local_stack.environment()
    of_aws = {name: "" for name in local if name.startswith("AWS_ENDPOINT_URL_") or name.endswith("_BASE_URL")}
    deployed = {**local, **of_aws}
    starts, firsts = [], []
    for _ in range(STARTS):
        with emulator(function, deployed) as log:
            invoke(b"[]")
            starts.append(float(re.search(r"INIT REPORT\(durationMs: ([\d.]+)\)", log.read_text())[1]))
    for _ in range(STARTS):
        with local_stack.fresh(), emulator(function, local) as log:
            firsts.append(invoke(event))
            warm = [invoke(event) for _ in range(INVOCATIONS)]
            memory = memory_of(function.bootstrap)
    return {
        "start_ms": statistics.median(starts),
        "first_ms": statistics.median(firsts),
        "warm_ms": statistics.median(warm),
        "rest_kb": memory["VmRSS"],
        "peak_kb": memory["VmHWM"],
        "zip_bytes": zipped(function.bootstrap),
    }


@contextmanager
def emulator(function, environment):
    """Runs the function in the emulator; yields its log."""
    with tempfile.NamedTemporaryFile() as log:
        command = [emulator_program(), "--log-level", "info", "--runtime-interface-emulator-address", "127.0.0.1:9009"]
        command += ["--runtime-api-address", "127.0.0.1:9010", function.bootstrap]
        credentials = {**local_stack.CREDENTIALS, "AWS_REGION": "us-east-1"}
        process = subprocess.Popen(command, stdout=log, stderr=log, env={**environment, **credentials})
        try:
            wait_for_emulator(process)
            yield Path(log.name)
        finally:
            process.terminate()
            process.wait()


def emulator_program():
    return Path(find_spec("samcli").origin).parent / "local/rapid/aws-lambda-rie-x86_64"


def wait_for_emulator(process):
    deadline = time.monotonic() + EMULATOR_START
    while not local_stack.listens("http://127.0.0.1:9009"):
        if process.poll() is not None or time.monotonic() > deadline:
            sys.exit("error: the emulator does not come up")
        time.sleep(0.02)


def invoke(event):
    """Milliseconds of one invocation, as its caller sees them."""
    began = time.monotonic()
    with urllib.request.urlopen(INVOKE, data=event, timeout=INVOCATION) as answer:
        answer.read()
    return (time.monotonic() - began) * 1000


def memory_of(program):
    """Resident memory of the process that runs `program`, current and peak, in kB."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if os.path.samefile(process / "exe", program):
                return {
                    name: int(size) for name, size in re.findall(r"(VmHWM|VmRSS):\s+(\d+)", (process / "status").read_text())
                }
        except OSError:
            continue
    sys.exit(f"error: no process runs {program}")


def zipped(program):
    """Size of the upload in bytes."""
    with tempfile.TemporaryFile() as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.write(program, "bootstrap")
        return file.tell()


if __name__ == "__main__":
    main()
