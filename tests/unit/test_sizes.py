"""Every example stays under 150,000 bytes for every target; stubs have the parts that a script uses."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

from btaot_tool.cli import main
from btaot_tool.payload.layout import SECTION_META, SECTION_TEXT, StubPart
from btaot_tool.payload.reader import read_payload
from btaot_tool.stub import cached_stub
from btaot_tool.targets import TARGETS, Target
from btaot_tool.variants import VARIANTS, choose, parts_by_words, possible, variants_of

ROOT = Path(__file__).resolve().parents[2]
LIMIT = 150_000
#: What payloads leave of it: those of the examples take up to 2,600 bytes (compressed).
STUB_LIMIT = 147_400
#: Scripts that use optional parts, and the variant of the stub that they get.
SCRIPTS = {
    "BEGIN { @ = tseries(1, 1s, 5); print(kstack); } test:a { }": "plain",
    "uprobe:/bin/sh:main { print(ustack(raw)); }": "plain",
    "uprobe:/bin/sh:main { print(ustack); }": "lines",
    "uprobe:/bin/sh:main { @[usym(arg0)] = count(); }": "lines",
    "uprobe:/bin/sh:main { @[func] = count(); }": "lines",
    'uprobe:/bin/sh:cpp:"a::*" { exit(); }': "lines",
    "uprobe:/bin/sh:main { @[ustack(perf)] = tseries(1, 1s, 5); }": "symbols",
    'fentry:netif_rx { skboutput("a.pcap", args.skb, 10, 0); print(ustack); } bench:a { }': "symbols",
    "config = { unstable_dw_ustack = enable } uprobe:/bin/sh:main { print(dw_ustack); } bench:a { }": "unwind",
    "config = { unstable_dw_ustack = enable } uprobe:/bin/sh:main { @[dw_ustack] = tseries($1, 1s, 5); }": "unwind",
}


def _section(path: Path, name: str) -> bytes:
    with path.open("rb") as stream:
        section = ELFFile(stream).get_section_by_name(name)
        assert section is not None
        return bytes(section.data())


@pytest.mark.parametrize("target", TARGETS)
def test_examples(target: str, tmp_path: Path) -> None:
    sizes = {}
    for script in sorted((ROOT / "examples").glob("*.bt")):
        output = tmp_path / script.stem
        assert main(["build", str(script), "--target", target, "-o", str(output)]) == 0
        sizes[script.name] = output.stat().st_size
    assert sizes
    assert {name: size for name, size in sizes.items() if size >= LIMIT} == {}


@pytest.mark.parametrize("target", TARGETS.values(), ids=list(TARGETS))
@pytest.mark.parametrize("script", SCRIPTS)
def test_variant(script: str, target: Target, tmp_path: Path) -> None:
    """The stub that was taken is the one wanted, and among those that SCons finds by the script's words."""
    output, wanted = tmp_path / "x", SCRIPTS[script]
    if wanted not in [variant.name for variant in variants_of(target)]:
        wanted = "symbols"  # no unwind tables there: the executable refuses to start
    assert main(["build", "-e", script, "--target", target.name, "-o", str(output)]) == 0
    assert output.stat().st_size < LIMIT
    codes = {v.name: _section(cached_stub(target, variant=v), ".text") for v in variants_of(target)}
    assert [name for name, code in codes.items() if code == _section(output, ".text")] == [wanted]
    payload = read_payload(_section(output, SECTION_META), _section(output, SECTION_TEXT))
    parts = StubPart(payload.header.parts)
    assert not parts & ~parts_by_words(script)
    assert choose(parts, target) in possible(parts_by_words(script), target)


def test_what_does_not_go_together(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script = "config = { unstable_dw_ustack = enable } uprobe:/bin/sh:main { print(dw_ustack); } iter:task { exit(); }"
    assert main(["build", "-e", script, "--target", "x86_64", "-o", str(tmp_path / "x")]) == 1
    assert "ERROR: no stub has all that the script uses: names of user-space addresses" in capsys.readouterr().err


def test_every_variant_is_chosen_for_a_script() -> None:
    assert set(SCRIPTS.values()) == {variant.name for variant in VARIANTS}


@pytest.mark.parametrize("target", TARGETS.values(), ids=list(TARGETS))
def test_stubs(target: Target) -> None:
    sizes = {variant.name: cached_stub(target, variant=variant).stat().st_size for variant in variants_of(target)}
    print(sizes)
    assert {name: size for name, size in sizes.items() if size >= STUB_LIMIT} == {}


def test_sizes_names_the_files() -> None:
    """The table that CI prints: the sum of its files is the code."""
    argv = [sys.executable, ROOT / "scripts/sizes", "--variant", "lines"]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    print(done.stdout)
    assert " events.c\n" in done.stdout and " libc/memory.c\n" in done.stdout
    for target, table in zip(TARGETS, done.stdout.split(": stub ")[1:], strict=True):
        lines = table.splitlines()
        sections = {part.split()[0]: int(part.split()[1]) for part in lines[1].split(",")}
        counted = sum(int(line.split()[0]) for line in lines[2:] if line.split()[0].isdigit())
        assert abs(counted - sections[".text"]) < sections[".text"] // 20, target
