"""Checks that the documents agree with what they describe.

Every relative link leads to an existing page and heading, and every path to an existing file. CONFIGURATION.md names each
parameter of the template with its default and its range, OPERATE.md has a row for each alarm, START.md one for each
output. The index of decisions lists every page once. The README stays short.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
README_BYTES = 9_000
# How the documents name a default that is empty in the template.
EMPTY = ("none", "the key that GHL publishes", "by the size of the source")


def read(path):
    return path.read_text(encoding="utf-8")


def prose(text):
    """The text without its blocks of code."""
    return re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)


def anchors(path):
    """The fragments that GitHub gives to the headings of a page."""
    found = {}
    for heading in re.findall(r"^#+ (.*)$", prose(read(path)), flags=re.MULTILINE):
        plain = re.sub(r"\[([^]]*)]\([^)]*\)", r"\1", heading)
        slug = re.sub(r"[^\w\- ]", "", plain.strip().lower()).replace(" ", "-")
        found[slug] = found.get(slug, -1) + 1
    return {slug if count == 0 else f"{slug}-{count}" for slug, last in found.items() for count in range(last + 1)}


def links(pages):
    for page in pages:
        for target in re.findall(r"]\(([^)\s]+)\)", prose(read(page))):
            if re.match(r"[a-z]+:", target):
                continue
            path, _, fragment = target.partition("#")
            where = (page.parent / path).resolve() if path else page
            if not where.exists():
                yield f"{page.relative_to(ROOT)}: {target} does not exist"
            elif fragment and where.suffix == ".md" and fragment not in anchors(where):
                yield f"{page.relative_to(ROOT)}: {target} has no such heading"


def alternatives(path):
    """The paths that a shell makes of one with braces."""
    braces = re.search(r"{([^}]*)}", path)
    if not braces:
        return [path]
    return [name for part in braces[1].split(",") for name in alternatives(path.replace(braces[0], part, 1))]


def paths(pages):
    tops = "|".join(path.name for path in ROOT.iterdir() if path.is_dir() and path.name[0] != "." and path.name != "target")
    for page in pages:
        for path in re.findall(rf"`((?:{tops})/[\w./{{}},-]+)`", prose(read(page))):
            for name in alternatives(path):
                if not any((base / name).exists() for base in (ROOT, page.parent)):
                    yield f"{page.relative_to(ROOT)}: {name} does not exist"


def section(template, name):
    """A top-level section of the template."""
    return re.search(rf"^{name}:\n(.*?)(?=^\S|\Z)", template, flags=re.DOTALL | re.MULTILINE)[1]


def entries(text):
    """The entries of a section, by name."""
    parts = re.split(r"^  (\w+):\n", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2]))


def field(entry, name):
    """A field of an entry, on one line."""
    found = re.search(rf"^    {name}: (.*?)(?=^ {{0,4}}[\w#]|\Z)", entry, flags=re.DOTALL | re.MULTILINE)
    return found and " ".join(line for line in found[1].split() if line).strip('"')


def rows(text):
    """The rows of all tables, by each name in their first cell."""
    found = {}
    for line in text.splitlines():
        if line.startswith("| `"):
            cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
            for name in re.findall(r"`([^`]+)`", cells[0]):
                found.setdefault(name, cells)
    return found


def variable(parameter):
    return re.sub(r"(?<!^)(?=[A-Z])", "_", parameter).upper()


def parameters(template):
    table = rows(read(DOCS / "CONFIGURATION.md"))
    for name, entry in entries(section(template, "Parameters")).items():
        row = table.get(name) or table.get(variable(name))
        if not row:
            yield f"docs/CONFIGURATION.md: {name} is missing"
            continue
        default, bounds = field(entry, "Default"), row[2].replace(",", "")
        if default and default not in row[1].replace("`", ""):
            yield f"docs/CONFIGURATION.md: the default of {name} is {default}, not {row[1]}"
        if not default and not row[1].startswith(EMPTY):
            yield f"docs/CONFIGURATION.md: {name} has no default, not {row[1]}"
        least, most = field(entry, "MinValue"), field(entry, "MaxValue")
        if least and f"{least} to {most}" not in bounds:
            yield f"docs/CONFIGURATION.md: {name} is {least} to {most}, not {row[2]}"
        values = re.findall(r'[^\s,\[\]"]+', field(entry, "AllowedValues") or "")
        missing = [value for value in values if not re.search(rf"\b{value}\b", row[2])]
        if missing:
            yield f"docs/CONFIGURATION.md: {name} takes {', '.join(missing)}, too"


def alarms(template):
    names = set(re.findall(r"AlarmName: !Sub \$\{AWS::StackName}-([\w-]+)", template))
    runbook = read(DOCS / "OPERATE.md")
    table = runbook[runbook.index("## Alarms") : runbook.index("## Tasks")]
    for name in sorted(names ^ set(rows(table)) - {"STACK-…"}):
        yield f"docs/OPERATE.md: the alarm {name} is in one of template and runbook"


def outputs(template):
    table = rows(read(DOCS / "START.md"))
    for name in entries(section(template, "Outputs")):
        if name not in table:
            yield f"docs/START.md: the output {name} is missing"


def decisions():
    folder = DOCS / "decisions"
    index = re.findall(r"^\| \[(\d{4})]\(([^)]+)\)", read(folder / "README.md"), flags=re.MULTILINE)
    pages = sorted(page.name for page in folder.glob("0*.md"))
    if [name for _, name in index] != pages:
        yield f"docs/decisions/README.md: not the pages in order: {sorted({name for _, name in index} ^ set(pages))}"
    for page in pages:
        lines = read(folder / page).splitlines()
        if not lines[0].startswith(f"# {page[:4]} ") or not lines[2].startswith("**Status.** "):
            yield f"docs/decisions/{page}: begins with '# {page[:4]} Title', a blank line, and '**Status.** …'"


def attributes():
    """SEMANTICS.md has a row for each attribute of the records table."""
    module = re.search(r"^pub mod record \{.*?^}", read(ROOT / "shared/aws/src/tables.rs"), re.MULTILINE | re.DOTALL)[0]
    table = re.search(r"^\*\*Records table\*\*.*?^Local indexes", read(DOCS / "SEMANTICS.md"), re.MULTILINE | re.DOTALL)[0]
    for name in re.findall(r'const \w+: &str = "(\w+)"', module):
        if f"`{name}`" not in table:
            yield f"docs/SEMANTICS.md does not name the attribute `{name}` of the records table"


def problems():
    """What is wrong, one line each."""
    template = read(ROOT / "template.yaml")
    pages = [*ROOT.glob("*.md"), *DOCS.rglob("*.md"), *ROOT.glob("shared/*/README.md")]
    yield from links(pages)
    yield from paths(pages)
    yield from parameters(template)
    yield from alarms(template)
    yield from outputs(template)
    yield from decisions()
    yield from attributes()
    size = (ROOT / "README.md").stat().st_size
    if size > README_BYTES:
        yield f"README.md has {size} bytes, more than {README_BYTES}"


def main():
    wrong = list(problems())
    for line in wrong:
        print(line, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
