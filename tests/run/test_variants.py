"""Variants of the stub: one that lacks what the script uses refuses it, and `--test` where it is missing."""

from __future__ import annotations

from pathlib import Path

import pytest
from harness import Builder, run

from btaot_tool.compiler import compile_script
from btaot_tool.diagnostics import Source
from btaot_tool.inject import inject
from btaot_tool.options import Options
from btaot_tool.stub import cached_stub
from btaot_tool.targets import host_target
from btaot_tool.variants import find_variant

pytestmark = pytest.mark.root
DW_USTACK = "config = { unstable_dw_ustack = enable } uprobe:/bin/sh:main { print(dw_ustack); }"


@pytest.mark.parametrize(
    ("variant", "script", "what"),
    [
        ("plain", "uprobe:/bin/sh:main { print(ustack); }", "user symbols"),
        ("lines", "BEGIN { @ = tseries(1, 1s, 5); }", "tseries()"),
        ("lines", 'fentry:netif_rx { skboutput("a.pcap", args.skb, 10, 0); }', "skboutput()"),
        ("lines", "iter:task { exit(); }", "iter probes"),
        ("symbols", DW_USTACK, "dw_ustack"),
    ],
)
def test_refused(variant: str, script: str, what: str, tmp_path: Path) -> None:
    if "dw_ustack" in what and host_target().name != "x86_64":
        pytest.skip("there is no unwinder")
    made = compile_script(Source("t.bt", script), Options())
    program = tmp_path / "x"
    inject(cached_stub(host_target(), variant=find_variant(variant, host_target())), made.meta, made.text, program)
    outcome = run([program])
    assert outcome.status == 1
    assert outcome.stderr == f"ERROR: {program}: the script needs a stub with {what} (btaot stub --variant)\n"


@pytest.mark.parametrize("script", ["BEGIN { print(usym(1)); exit(); }", "BEGIN { print(ustack); exit(); }"])
def test_trials_without_trials(build: Builder, script: str) -> None:
    outcome = run([build(script), "--test"])
    assert (outcome.status, outcome.stderr.splitlines()[-1]) == (1, "ERROR: the script has no test probes")


def test_source_lines_give_way_to_trials(build: Builder) -> None:
    """A script that wants both has --test; one with dw_ustack, too, has neither."""
    script = "profile:hz:1 {{ print({}); }} test:a {{ return 0; }} END {{ print(ustack); }}"
    outcome = run([build(script.format("ustack")), "--test"])
    assert outcome.status == 0 and "a" in outcome.stdout, outcome
    dwarf = "config = { unstable_dw_ustack = enable } " + script.format("dw_ustack")
    outcome = run([build(dwarf), "--test", "-p", "1"])
    assert outcome.status == 1
    assert outcome.stderr.splitlines()[-1] == (
        "ERROR: --test and --bench do not go with what else this script uses: there was no room for both"
    )
