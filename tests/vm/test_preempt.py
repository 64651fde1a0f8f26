"""Programs that interrupt themselves: uprobe programs are preemptible, and under ``preempt=full`` this happens.

Four processes on one CPU print strings of a thousand equal letters.  A record that holds two letters was mixed.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from .binaries import TARGET, Binaries
from .guest import run_guest

ROUNDS = 3000
LETTERS = "abcd"
SCRIPT = f"""
uprobe:{TARGET}:greet {{
  $s = str(arg0);
  @n = count();
  @[$s] = count();
  printf("%s|%s\\n", $s, str(arg0));
}}
"""
# tr -s leaves one of several equal letters: a line of the right length and one letter becomes "1000 a|a".
COMMANDS = """
{binary} >/tmp/lines 2>/tmp/errors & tracer=$!
while ! grep -q Attached /tmp/errors; do sleep 0.1; done
sleep 0.2
for letter in a b c d; do {target} letter=$letter texts={rounds} & acting="$acting $!"; done
wait $acting
kill -INT $tracer; wait $tracer
cat /sys/kernel/debug/sched/preempt
awk '{{ print length($0) }}' /tmp/lines | sort | uniq -c
tr -s abcd </tmp/lines | sort | uniq -c
cat /tmp/errors >&2
"""


@pytest.mark.vm
@pytest.mark.parametrize("kernel", ["6.12"])
def test_no_mixed_record(binaries_of: Callable[[str], Binaries], kernel: str) -> None:
    binaries = binaries_of("x86_64")
    command = COMMANDS.format(binary=binaries.add(SCRIPT), target=TARGET, rounds=ROUNDS)
    files = dict(binaries.files)
    result = run_guest("x86_64", kernel, files, {"flood": command}, append="preempt=full", command_timeout=120)["flood"]
    total = ROUNDS * len(LETTERS)
    assert "(full)" in result.stdout, result
    counts = {text: int(n) for n, text in re.findall(r"^ *(\d+) (\S+)$", result.stdout, re.M)}
    printed = sum(counts.get(f"{letter}|{letter}", 0) for letter in LETTERS)
    lost = sum(int(n) for n in re.findall(r"Lost (\d+) events", result.stderr))
    assert printed + lost == total, result
    assert counts["2001"] == printed, result
    mixed = [text for text in counts if re.fullmatch(r"[abcd|]+", text) and len(text) > 3]
    assert not mixed
    for letter in LETTERS:
        assert re.search(rf"^ +1 @\[{letter}\]: ", result.stdout, re.M), result
