"""Checks that no two types have one name.

A name that stands for two things makes a reader look up which one is meant. Tests and benchmarks may repeat names.
"""

import re
import subprocess
import sys
from collections import defaultdict

TYPE = re.compile(r"^(?:pub(?:\([^)]*\))? )?(?:struct|enum|trait|union) (\w+)", re.MULTILINE)
# One type, once for Unix and once for other systems.
TWICE = {"Signals"}


def main():
    sources = subprocess.run(["git", "ls-files", "*.rs"], capture_output=True, text=True, check=True).stdout.split()
    places = defaultdict(list)
    for path in sources:
        if not re.search(r"(^|/)(tests|benches)(/|\.rs$)", path):
            with open(path, encoding="utf-8") as source:
                for name in TYPE.findall(source.read()):
                    places[name].append(path)
    doubled = {name: paths for name, paths in places.items() if len(paths) > 1 and name not in TWICE}
    for name, paths in sorted(doubled.items()):
        print(f"two types are called {name}: {', '.join(paths)}", file=sys.stderr)
    return bool(doubled)


if __name__ == "__main__":
    sys.exit(main())
