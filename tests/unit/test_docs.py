"""The manual keeps up with the tables of the compiler, and its references lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from btaot_tool import library
from btaot_tool.config import VARIABLES
from btaot_tool.probes import PROBE_TYPES
from btaot_tool.syntax.providers import PROVIDERS
from btaot_tool.targets import ALIASES, TARGETS

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
LIBRARY_MACRO = re.compile(r"^macro (?!_)(\w+)", re.M)
#: First parts of paths that stand in the tree, and that a page therefore can name wrongly.
FOLDERS = ("btaot_tool/", "runtime-c/", "scripts/", "tests/", "docs/", "examples/", "toolchains/")


def code_words(page: Path) -> set[str]:
    """Return the names that a page sets as code: words in prose do not describe a builtin."""
    spans = re.findall(r"`([^`]+)`", page.read_text())
    return {word for span in spans for word in re.findall(r"[\w-]+", span)}


def macros() -> list[str]:
    """Return the names of the functions that are written in the language."""
    texts = [path.read_text() for path in (ROOT / "btaot_tool" / "stdlib").glob("*.bt")]
    return sorted({name for text in texts for name in LIBRARY_MACRO.findall(text)})


@pytest.mark.parametrize(
    "names",
    [library.names(), macros(), sorted(PROBE_TYPES), [a for short in PROVIDERS.values() for a in short],
     sorted(VARIABLES), [*TARGETS, *ALIASES]],
    ids=["library", "macros", "probes", "aliases", "config", "targets"],
)  # fmt: skip
def test_every_name_is_described(names: list[str]) -> None:
    assert names, "the table is empty: this test looks at the wrong place"
    missing = set(names) - code_words(ROOT / "docs" / "language.md")
    assert not missing, f"docs/language.md says nothing about {', '.join(sorted(missing))}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    links = [link.partition("#")[0] for link in re.findall(r"\]\(([^)]+)\)", page.read_text()) if "://" not in link]
    assert not [link for link in links if link and not (page.parent / link).exists()]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_paths_exist(page: Path) -> None:
    """Paths of the tree in code; NAME and * stand for something."""
    named = [word for span in re.findall(r"`([^`\n]+)`", page.read_text()) for word in span.split()]
    paths = [word.rstrip(",;:") for word in named if word.startswith(FOLDERS)]
    assert not [path for path in paths if not list(ROOT.glob(path.replace("NAME", "*").rstrip("/")))]


def rows_with_tests(text: str) -> list[str]:
    """Return the last cells of the tables whose last column is headed "tests"."""
    cells: list[str] = []
    inside = False
    for line in text.splitlines():
        last = line.rstrip("| ").rpartition(" | ")[2] if line.startswith("|") else ""
        if line.startswith("| ") and last == "tests":
            inside = True
        elif not line.startswith("|"):
            inside = False
        elif inside and not line.endswith("| |") and not line.startswith("| ---"):
            cells.append(last)
    return cells


def test_named_tests_exist() -> None:
    """The last columns of the language's tables are short names of files in tests/run and tests/vm."""
    files = {path.stem for folder in ("run", "vm") for path in (ROOT / "tests" / folder).iterdir()}
    known = {re.sub(r"^(cases|test_language|test)_", "", stem) for stem in files} | {"matrix", "unit", "usdt", "none"}
    cells = rows_with_tests((ROOT / "docs" / "language.md").read_text())
    named = {word.strip() for cell in cells for word in re.sub(r" \([^)]*\)", "", cell).split(",")}
    assert len(cells) > 50, "the tables were not found"
    assert not named - known
