"""A script's own definition of a struct that the kernel has."""

from __future__ import annotations

import re

import pytest
from harness import Builder, run

from btaot_tool.compiler import compile_script
from btaot_tool.diagnostics import CompileError, Source
from btaot_tool.options import Options


def test_field_that_the_pack_does_not_know_is_looked_for_on_the_host(build: Builder) -> None:
    fields = "struct task_struct { int pid; int no_such_member; };\n"
    access = "begin { print(((struct task_struct *)curtask)->no_such_member); exit(); }"
    outcome = run([build(fields + access)])
    assert outcome.status == 1
    assert "t.bt:2:9: the type 'task_struct' of this kernel" in outcome.stderr
    assert "has no field 'no_such_member'" in outcome.stderr
    with pytest.raises(CompileError, match="'struct task_struct' does not contain a field named 'no_such_member'"):
        compile_script(Source("t.bt", access), Options())


LACKING = {
    "field": (
        "((struct task_struct *)curtask)->no_such_member",
        r"{}: t.bt:2:9: the type 'task_struct' of this kernel \([^)]+\) has no field 'no_such_member'",
    ),
    "symbol": (
        'kaddr("no_such_symbol")',
        r"t.bt:2:15-38: {}: Failed to resolve kernel symbol: no_such_symbol\n"
        r'begin \{ print\(kaddr\("no_such_symbol"\)\);'
        r' printf\("never\\n"\); \}\n {14}~{23}',
    ),
}


@pytest.mark.parametrize("policy", ["error", "warn", "ignore"])
@pytest.mark.parametrize("what", LACKING)
def test_what_the_host_lacks_is_as_missing_as_a_probe(build: Builder, what: str, policy: str) -> None:
    fields = "struct task_struct { int pid; int no_such_member; };\n"
    expression, message = LACKING[what]
    block = f'begin {{ print({expression}); printf("never\\n"); }}'
    rest = 'begin { printf("there\\n"); } interval:ms:20 { exit(); } end { printf("end\\n"); }'
    outcome = run([build(f"{fields}{block}\n{rest}")], env={"BPFTRACE_MISSING_PROBES": policy})
    unable = r"\n{}: Unable to attach probe: begin\."
    if policy == "error":
        hint = " If this is expected, set the 'missing_probes' config variable to 'warn'.\n"
        assert (outcome.status, outcome.stdout) == (1, "")
        assert re.fullmatch(f"{message}{unable}{re.escape(hint)}".replace("{}", "ERROR"), outcome.stderr)
        return
    warning = rf"{message}{unable} Skipping\.\n".replace("{}", "WARNING") if policy == "warn" else ""
    assert (outcome.status, outcome.stdout.split()) == (0, ["there", "end"])
    assert re.fullmatch(rf"{warning}Attached 3 probes\n", outcome.stderr)


def test_every_probe_may_lack_something(build: Builder) -> None:
    script = "struct task_struct { int pid; int none; };\nbegin { print(((struct task_struct *)curtask)->none); }"
    outcome = run([build(script)], env={"BPFTRACE_MISSING_PROBES": "warn"})
    assert outcome.status == 1 and outcome.stderr.endswith("\nERROR: Attachment failed for all probes.\n")


def test_memory_of_a_process_has_only_the_fields_of_the_script() -> None:
    script = "struct task_struct { int mine; };\nuprobe:/bin/true:main { print(((struct task_struct *)arg0)->tgid); }"
    with pytest.raises(CompileError, match="'struct task_struct' does not contain a field named 'tgid'"):
        compile_script(Source("t.bt", script), Options())


def test_struct_without_any_member_of_the_kernels_has_the_scripts_layout(build: Builder) -> None:
    fields = "struct task_struct { unsigned int head; unsigned int next[1]; };\n"
    words = '$w = (uint32 *)curtask; printf("%d %d\\n", $t->head == *$w, $t->next[0] == *($w + 1));'
    outcome = run([build(fields + "begin { $t = (struct task_struct *)curtask; " + words + " exit(); }")])
    assert (outcome.status, outcome.stdout.split()) == (0, ["1", "1"])
