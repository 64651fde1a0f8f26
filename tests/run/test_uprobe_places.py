"""Which places of a program a uprobe may have, what is said of the others, and when a block has lost all of its own."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile
from harness import Builder, run

from btaot_tool.zig import zig_command

HERE = Path(__file__).parent
ARCH = os.uname().machine
FORCE = "Use --unsafe to force attachment. WARNING: This option could lead to data corruption in the target process.\n"
POLICY = "If this is expected, set the 'missing_probes' config variable to 'warn'.\n"
REMOVED = "It is being removed which may cause issues with program behavior.\n"


@dataclass(frozen=True)
class Program:
    """places.c, built; ``words`` are what stands for it in attach points and messages."""

    path: Path
    words: dict[str, str]

    def fill(self, text: str) -> str:
        for word, value in self.words.items():
            text = text.replace(word, value)
        return text


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Program:
    path = tmp_path_factory.mktemp("places") / "places"
    flags = ["-target", f"{ARCH}-linux-musl", "-static", "-O1", "-fno-sanitize=all"]
    subprocess.run([*zig_command(), "cc", *flags, str(HERE / "places.c"), "-o", str(path)], check=True)
    with path.open("rb") as stream:
        table = ELFFile(stream).get_section_by_name(".symtab")
        assert table is not None
        found = {s.name: s["st_value"] for s in table.iter_symbols() if s.name in ("plain", "unsized", "counter")}
        size = next(s["st_size"] for s in table.iter_symbols() if s.name == "plain")
    inside = str(found["plain"] + 4)
    words = {"{bin}": str(path), "{inside}": inside, "{plain}": str(found["plain"]), "{unsized}": str(found["unsized"])}
    return Program(path, words | {"{data}": str(found["counter"]), "{size}": str(size)})


#: What 0.27.1 says of a place, between "ERROR: " and "ERROR: Unable to attach probe".
REFUSED = {
    "uprobe:{bin}:unsized": f"Could not determine boundary for unsized (symbol has size 0).\n{FORCE}",
    "uretprobe:{bin}:unsized": f"Could not determine boundary for unsized (symbol has size 0).\n{FORCE}",
    "uprobe:{bin}:plain+{size}": "Offset outside the function bounds ('plain' size is {size})\n",
    "uprobe:{bin}:unsized+4": "Offset outside the function bounds ('unsized' size is 0)\n",
    "uretprobe:{bin}:{inside}": "uretprobes cannot be attached at function offset. (address resolved to: plain+4)\n",
    "uprobe:{bin}:{unsized}": "Could not determine instruction boundary for uprobe:{bin}:{unsized} "
    f"(binary appears stripped).\n{FORCE}",
}
ATTACHED = [
    "uprobe:{bin}:plain", "uretprobe:{bin}:plain", "uprobe:{bin}:{plain}", "uretprobe:{bin}:{plain}",
    "uprobe:{bin}:uns*",
]  # fmt: skip
FORCED = ["uprobe:{bin}:unsized", "uretprobe:{bin}:unsized", "uprobe:{bin}:{unsized}"]


@pytest.mark.parametrize("point", REFUSED)
def test_refused(build: Builder, places: Program, point: str) -> None:
    point, why = places.fill(point), places.fill(REFUSED[point])
    outcome = run([build(f"{point} {{ }}")])
    assert outcome.stderr == f"ERROR: {why}ERROR: Unable to attach probe: {point}. {POLICY}"
    assert outcome.status == 1
    warned = run([build(f"config = {{ missing_probes = warn }} {point} {{ }} begin {{ exit(); }}")])
    assert warned.stderr == f"WARNING: {why}WARNING: Unable to attach probe: {point}. Skipping.\nAttached 1 probe\n"
    assert warned.status == 0


@pytest.mark.parametrize("point", ATTACHED)
def test_attached(build: Builder, places: Program, point: str) -> None:
    outcome = run([build(f"{places.fill(point)} {{ @ = count(); }}"), "-q", "-c", str(places.path)])
    assert outcome.stdout.split() == ["@:", "1"] and not outcome.stderr


@pytest.mark.parametrize("point", FORCED)
def test_forced(build: Builder, places: Program, point: str) -> None:
    binary = build(f"{places.fill(point)} {{ @ = count(); }}", unsafe=True)
    outcome = run([binary, "-q", "-c", str(places.path)])
    assert outcome.stdout.split() == ["@:", "1"] and not outcome.stderr


def test_data_is_no_place(build: Builder, places: Program) -> None:
    outcome = run([build(f"uprobe:{places.path}:counter {{ }}")])
    assert outcome.stderr == f"t.bt:1:1: ERROR: No matches for uprobe {places.path}:counter.\n"
    outcome = run([build(places.fill("uprobe:{bin}:{data} { }"))])
    assert "Could not resolve address" in outcome.stderr and outcome.status == 1


#: Attach points that match nothing: what is said of them alone where another of their block matches (None: nothing),
#: and whether that is fatal unless missing_probes says otherwise.
NOTHING = {
    "uprobe:{bin}:nothing": "No matches for uprobe {bin}:nothing.",
    "uprobe:{bin}:nothing*": None,
    "uprobe:{bin}:cpp:nothing": None,
    "uprobe:/nonexistent*:main": "uprobe target file '/nonexistent*' does not exist or is not executable",
    "usdt:{bin}:nothing": None,
    "usdt:{bin}:some:nothing*": None,
    "usdt:{bin}:some:nothing": "No matches for usdt {bin}:nothing.",
    "usdt:/nonexistent:nothing": "usdt target file '/nonexistent' does not exist or is not executable",
    "tracepoint:nothing*:here": None,
    "tracepoint:nothing:here": "No matches for tracepoint nothing:here.",
    "rawtracepoint:nowhere:*": None,
}


@pytest.mark.parametrize("point", NOTHING)
def test_one_of_two_matches_nothing(build: Builder, places: Program, point: str) -> None:
    why = places.fill(NOTHING[point] or "")
    script = places.fill(f"{point}, uprobe:{{bin}}:plain {{ }} begin {{ exit(); }}")
    outcome = run([build(script)])
    if why:
        assert outcome.stderr == f"t.bt:1:1: ERROR: {why}\n" and outcome.status == 1
    else:
        assert outcome.stderr == "Attached 2 probes\n" and outcome.status == 0
    skipping = " Skipping." if why.startswith("No matches") else ""
    warned = run([build(f"config = {{ missing_probes = warn }} {script}")])
    said = f"t.bt:1:1: WARNING: {why}{skipping}\n" if why else ""
    assert re.sub(r":1:\d+:", ":1:1:", warned.stderr) == f"{said}Attached 2 probes\n"
    ignored = run([build(f"config = {{ missing_probes = ignore }} {script}")])
    assert ignored.stderr == "Attached 2 probes\n"
    assert warned.status == ignored.status == 0


def test_a_block_without_attach_points(build: Builder, places: Program) -> None:
    """Each is told of, also if both stand in one line; other blocks do not help."""
    script = places.fill("uprobe:{bin}:no* { } usdt:{bin}:none { } begin { exit(); }")
    outcome = run([build(script)])
    second = script.index("usdt") + 1
    said = [f"t.bt:1:{column}: ERROR: Probe has no valid attach points. {POLICY}" for column in (1, second)]
    assert outcome.stderr == "".join(said) and outcome.status == 1
    head = "config = { missing_probes = warn } "
    warned = run([build(head + script)])
    places_of = (len(head) + 1, len(head) + second)
    said = [f"t.bt:1:{column}: WARNING: Probe has no valid attach points. {REMOVED}" for column in places_of]
    assert warned.stderr == "".join(said) + "Attached 1 probe\n" and warned.status == 0


def test_raw_tracepoint_without_its_module(build: Builder) -> None:
    outcome = run([build("rawtracepoint:nothing_here { } begin { exit(); }")])
    assert outcome.status == 1 and outcome.stderr.startswith("t.bt:1:1: ERROR: Probe has no valid attach points.")
