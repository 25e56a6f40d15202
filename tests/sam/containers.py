"""A container engine, and the image that SAM runs functions in. Existing ones are used, missing ones are created.

Everything created here is removed at the end.
"""

import io
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

# Seconds. An engine starts in about two; the image is some 50 MB.
ENGINE_START = 60
PULL = 180


def engine_runs():
    """Whether a container engine answers."""
    return shutil.which("docker") is not None and subprocess.run(["docker", "info"], capture_output=True).returncode == 0


@contextmanager
def engine():
    """A container engine: a running one, or our own, which is isolated from all others."""
    if engine_runs():
        yield
        return
    if shutil.which("dockerd") is None or os.geteuid() != 0:
        sys.exit("no container engine runs, and none can be started: that takes dockerd and root")
    bridges_before = bridge_exists()
    with tempfile.TemporaryDirectory(prefix="ghl-sync-docker.") as folder:
        # Functions talk only to this machine, over the bridge itself: nothing needs routing.
        command = ["dockerd", "--iptables=false", "--ip-forward=false", "--host", f"unix://{folder}/socket"]
        command += ["--data-root", f"{folder}/data", "--exec-root", f"{folder}/exec", "--pidfile", f"{folder}/pid"]
        with open(f"{folder}/log", "wb") as log:
            daemon = subprocess.Popen(command, stdout=log, stderr=log)
        outer = os.environ.get("DOCKER_HOST")
        os.environ["DOCKER_HOST"] = f"unix://{folder}/socket"
        try:
            wait_for_engine(daemon, Path(folder, "log"))
            yield
        finally:
            daemon.terminate()
            daemon.wait()
            if outer is None:
                del os.environ["DOCKER_HOST"]
            else:
                os.environ["DOCKER_HOST"] = outer
            if not bridges_before and bridge_exists():
                subprocess.run(["ip", "link", "delete", "docker0"], check=False)


def wait_for_engine(daemon, log):
    deadline = time.monotonic() + ENGINE_START
    while not engine_runs():
        if daemon.poll() is not None or time.monotonic() > deadline:
            sys.exit(f"dockerd does not come up:\n{log.read_text(errors='replace')[-4000:]}")
        time.sleep(0.2)


def bridge_exists():
    return Path("/sys/class/net/docker0").exists()


@contextmanager
def base_image(name, programs):
    """The image `name`: local, pulled, or else a stand-in that can run `programs`."""
    before = images()
    if name not in before:
        if pull(name):
            before = images()
        else:
            print(f"note: {name} cannot be pulled: a stand-in made of this machine's C library takes its place")
            make_stand_in(name, programs)
    try:
        yield
    finally:
        # The stand-in, and the images that SAM built on it.
        repository = name.rpartition(":")[0]
        made = sorted(image for image in images() - before if image.startswith(f"{repository}:"))
        if made:
            subprocess.run(["docker", "image", "rm", "--force", *made], check=True, capture_output=True)


def images():
    """All images, as name:tag."""
    listed = subprocess.run(
        ["docker", "image", "ls", "--format", "{{.Repository}}:{{.Tag}}"], check=True, capture_output=True, text=True
    )
    return set(listed.stdout.split())


def pull(name):
    try:
        return subprocess.run(["docker", "pull", "--quiet", name], capture_output=True, timeout=PULL).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def make_stand_in(name, programs):
    """The part of Amazon Linux that a function needs, a C library, and the part that SAM needs to add its emulator: a
    shell, mv and chmod. All are copies from this machine."""
    tools = {f"bin/{tool}": shutil.which(tool) for tool in ("sh", "mv", "chmod")}
    libraries = set().union(*(shared_objects(path) for path in [*tools.values(), *programs]))
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w", dereference=True) as tar:
        for path, tool in tools.items():
            tar.add(os.path.realpath(tool), path)
        for library in sorted(libraries):
            tar.add(os.path.realpath(library), library)
        for folder in ("tmp", "var/task", "var/runtime", "var/rapid"):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o1777
            tar.addfile(entry)
    changes = ["--change", "ENV LAMBDA_TASK_ROOT=/var/task", "--change", "ENV LAMBDA_RUNTIME_DIR=/var/runtime"]
    subprocess.run(
        ["docker", "import", *changes, "-", name], input=archive.getvalue(), check=True, stdout=subprocess.DEVNULL
    )


def shared_objects(program):
    """The libraries that the loader maps for `program`, and the loader itself."""
    listed = subprocess.run(["ldd", program], capture_output=True, text=True)
    return set(re.findall(r"(/\S+\.so\S*)", listed.stdout))
