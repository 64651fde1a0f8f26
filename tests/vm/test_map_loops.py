"""Loops over maps where the kernel has no callbacks (5.10): begin and end are driven from user space."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from .binaries import Binaries
from .guest import Result, run_guest

pytestmark = pytest.mark.vm

KERNELS = ["5.10", "6.1"]
LOOPS = """
begin {
  @m[3] = 30; @m[1] = 10; @m[2] = 20; @deep["a", 1] = (1, "x"); $sum = 0; $text = "abc";
  @count["x"] = count(); @count["y"] = count(); @count["x"] = count(); @avg[1] = avg(4); @avg[1] = avg(8);
  for ($kv : @m) { $sum += $kv.1; }
  print(($sum, $text));
  for ($kv : @count) { @copy[$kv.0] = (int64)$kv.1; }
  print(@copy);
  for ($kv : @avg) { print($kv); }
  for ($kv : @deep) { print($kv); }
  for ($kv : @m) { if ($kv.0 != 2) { continue; } print(("found", $kv.0)); break; }
  for ($kv : @m) { delete(@m, $kv.0); $left = $kv.0; }
  for ($kv : @m) { print("never"); }
  @m[(int64)7] = 70;
  exit();
  for ($kv : @m) { print("after exit"); }
}
end {
  for ($kv : @m) { for ($i : 0..2) { print(($i, $kv)); } if ($kv.0 == 7) { return; } }
  print("never");
}
end /@m[7] == 0/ { for ($kv : @m) { print("never"); } print("never"); }
end { for ($kv : @m) { @m[$kv.0 + 1] = 1; break; } print(@m); clear(@m); clear(@copy); clear(@count); clear(@avg); }
end { clear(@deep); }
"""
PRINTED = """
(60, abc)
@copy[y]: 1
@copy[x]: 2
(1, 6)
((a, 1), (1, x))
(found, 2)
(0, (7, 70))
(1, (7, 70))
@m[8]: 1
@m[7]: 70
"""


@pytest.fixture(scope="module", params=KERNELS)
def results(request: pytest.FixtureRequest, binaries_of: Callable[[str], Binaries]) -> dict[str, Result]:
    binaries = binaries_of("x86_64")
    commands = {
        "loops": binaries.add(LOOPS),
        "timer": binaries.add("begin { @m[1] = 1; } interval:ms:1 { for ($kv : @m) { print($kv); } exit(); }"),
        "nested": binaries.add("begin { @m[1] = 1; if (nsecs) { for ($kv : @m) { print($kv); } } exit(); }"),
    }
    return {"kernel": Result(request.param, "", 0), **run_guest("x86_64", request.param, binaries.files, commands)}


def test_loops(results: dict[str, Result]) -> None:
    result = results["loops"]
    assert result.stdout.strip() == PRINTED.strip(), result
    assert "Attached 5 probes" in result.stderr and result.status == 0


@pytest.mark.parametrize("name", ["timer", "nested"])
def test_elsewhere(results: dict[str, Result], name: str) -> None:
    result = results[name]
    if results["kernel"].stdout != "5.10":
        assert result.stdout.strip().startswith("(1, 1)")
        return
    assert result.status == 1
    assert "for over @m needs bpf_for_each_map_elem, which this kernel (5.10" in result.stderr, result
