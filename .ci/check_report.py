"""Checks the report of `cargo ghl-sync demo --json FILE`: everything arrived, and GoHighLevel's limit was kept.

The counts are looked for by name, wherever in the report they stand; one that is nowhere is an error, so that a report
that changed its names cannot pass unseen.
"""

import json
import sys


def objects(value):
    """Every JSON object in `value`."""
    if isinstance(value, dict):
        yield value
    if isinstance(value, (dict, list)):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from objects(inner)


def count(value):
    """A count, or the length of what is listed instead."""
    return value if isinstance(value, (int, float)) else len(value)


def problems(report):
    """What is wrong, one line each."""
    found = list(objects(report))
    for name in ("failed", "pending", "status_429"):
        counts = [count(it[name]) for it in found if name in it]
        if not counts:
            yield f"`{name}` is missing"
        elif any(counts):
            yield f"`{name}` is {max(counts)}, expected 0"
    windows = [it for it in found if "max_in_any_window" in it]
    if not windows:
        yield "`max_in_any_window` is missing"
    for it in windows:
        if it["max_in_any_window"] > it["limit"]:
            yield f"`max_in_any_window` is {it['max_in_any_window']}, expected at most {it['limit']}"
        if not it.get("calls"):
            yield "`calls` is 0 or missing: nothing reached the sandbox"


def main(path):
    with open(path, encoding="utf-8") as file:
        report = json.load(file)
    wrong = list(problems(report))
    for line in wrong:
        print(f"{path}: {line}", file=sys.stderr)
    if wrong:
        print(json.dumps(report, indent=2), file=sys.stderr)
        return 1
    for it in objects(report):
        if "max_in_any_window" in it:
            print(
                f"note: {it['calls']} calls, no 429, at most {it['max_in_any_window']} in any window "
                f"(limit {it['limit']})"
            )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
