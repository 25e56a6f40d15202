"""Checks the rules of the house that the compiler does not know.

No two types have one name. No file has more than 400 lines of code. No two files of a crate use each other, directly or
through others; only a module and those below it may.
"""

import re
import subprocess
import sys
from collections import defaultdict
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MAX_LINES = 400
TYPE = re.compile(r"^(?:pub(?:\([^)]*\))? )?(?:struct|enum|trait|union) (\w+)", re.MULTILINE)
# One type, once for Unix and once for other systems.
TWICE = {"Signals"}
IS_TEST = re.compile(r"(^|/)(tests|benches)(/|\.rs$)|tests\.rs$")
# `use a::b::{c, d::{e, f}};`, and a path such as `crate::a::b` anywhere else.
USE = re.compile(r"^\s*(?:pub(?:\([^)]*\))? )?use ([^;]*);", re.MULTILINE)
PATH = re.compile(r"\b((?:crate|super|self)(?:::\w+)+)")
OWN = re.compile(r"(crate|super|self)\b")


def main():
    sources = subprocess.run(["git", "ls-files", "*.rs"], cwd=ROOT, capture_output=True, text=True, check=True)
    code = {path: without_comments((ROOT / path).read_text(encoding="utf-8")) for path in sources.stdout.split()}
    faults = [*long_files(code), *doubled_types(code), *circles(code)]
    print("\n".join(faults), end="\n" if faults else "", file=sys.stderr)
    return bool(faults)


def without_comments(text):
    """The text without whole lines of comment, and without blank ones."""
    return "\n".join(line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("//"))


def long_files(code):
    for path, text in code.items():
        lines = text.count("\n") + 1
        if lines > MAX_LINES:
            yield f"{path} has {lines} lines of code, more than {MAX_LINES}"


def doubled_types(code):
    """Tests and benchmarks may repeat names."""
    places = defaultdict(list)
    for path, text in code.items():
        if not IS_TEST.search(path):
            for name in TYPE.findall(text):
                places[name].append(path)
    for name, paths in sorted(places.items()):
        if len(paths) > 1 and name not in TWICE:
            yield f"two types are called {name}: {', '.join(paths)}"


# -- circles -----------------------------------------------------------------------------------------------------------


def circles(code):
    crates = defaultdict(dict)
    for path, text in code.items():
        if (found := re.match(r"(.*?)src/(.*)\.rs$", path)) and not IS_TEST.search(path):
            crates[found[1]][module_of(found[2])] = text.split("#[cfg(test)]\nmod ")[0]
    for crate, modules in crates.items():
        try:
            TopologicalSorter({module: set(used_modules(module, modules)) for module in modules}).prepare()
        except CycleError as circle:
            names = ["::".join(module) or "lib" for module in circle.args[1]]
            yield f"files of {crate}src use each other in a circle, each used by the next: {', '.join(names)}"


def module_of(file):
    """The module of a file, as a tuple of names."""
    names = file.split("/")
    return tuple(names[:-1] if names[-1] in ("mod", "lib", "main") else names)


def used_modules(module, modules):
    """The modules of the same crate that a module uses, but for those above and below it."""
    for path in paths_in(modules[module]):
        used = defining_module(absolute(module, path.split("::")), modules)
        if used != module[: len(used)] and module != used[: len(module)]:
            yield used


def paths_in(text):
    """The paths of its own crate that a module names."""
    imported = [path for use in USE.findall(text) for path in flat(re.sub(r"\s", "", use))]
    return [path for path in imported if OWN.match(path)] + PATH.findall(USE.sub("", text))


def defining_module(names, modules, steps=5):
    """The module that defines what a path names, wherever it is exported again."""
    module = next(names[:n] for n in range(len(names), -1, -1) if names[:n] in modules or n == 0)
    rest = names[len(module):]
    for path in exports(modules[module]).get(rest[0], []) if rest and steps else []:
        first, *_ = parts = path.split("::")
        if OWN.match(first) or (*module, first) in modules:
            origin = absolute(module, parts if OWN.match(first) else ["self", *parts])
            if origin != names:
                return defining_module(origin + rest[1:], modules, steps - 1)
    return module


def exports(text):
    """The paths that a module imports, by their last names."""
    found = defaultdict(list)
    for use in USE.findall(text):
        for path in flat(re.sub(r"\s", "", use)):
            found[path.rsplit("::", 1)[-1]].append(path)
    return found


def flat(use):
    """`a::{b,c::{d}}` as `a::b` and `a::c::d`."""
    if "{" not in use:
        return [use]
    prefix, inner = use.split("{", 1)
    parts, depth, part = [], 0, ""
    for letter in inner.rsplit("}", 1)[0] + ",":
        depth += (letter == "{") - (letter == "}")
        if letter == "," and depth == 0:
            parts.append(part)
            part = ""
        else:
            part += letter
    return [path for part in parts if part for path in flat(prefix + part)]


def absolute(module, names):
    if names[0] == "crate":
        return tuple(names[1:])
    base = list(module)
    while names and names[0] in ("super", "self"):
        if names.pop(0) == "super":
            base = base[:-1]
    return tuple(base + names)


if __name__ == "__main__":
    sys.exit(main())
