"""Run the checks and the groups of tests, and add them up.  ``scripts/test`` calls this."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "build" / "test-results"

#: Groups in the order they run.  ``required``: a run of all groups fails if this one ran nothing.
GROUPS = {"check": False, "unit": True, "scons": True, "run": True, "vm": True}


@dataclass
class Result:
    """Numbers of one group."""

    name: str
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    seconds: float = 0.0

    def __str__(self) -> str:
        counts = f"{self.passed:5} passed {self.failed:5} failed {self.skipped:5} skipped"
        return f"{self.name:6} {counts} {self.seconds:7.0f} s"


def run_check() -> Result:
    """Count scripts/check as one test."""
    status = subprocess.run([ROOT / "scripts" / "check"], cwd=ROOT).returncode
    return Result("check", passed=int(status == 0), failed=int(status != 0))


def run_pytest(name: str, extra: list[str]) -> Result:
    """Run the tests of one folder; a run that ends without results is a failure."""
    report = RESULTS / f"{name}.xml"
    report.unlink(missing_ok=True)
    argv = [sys.executable, "-m", "pytest", f"tests/{name}", "-q", f"--junitxml={report}", *extra]
    status = subprocess.run(argv, cwd=ROOT).returncode
    result = Result(name)
    if report.exists():
        for suite in ElementTree.parse(report).getroot().iter("testsuite"):
            count = {key: int(suite.get(key, 0)) for key in ("tests", "failures", "errors", "skipped")}
            result.failed += count["failures"] + count["errors"]
            result.skipped += count["skipped"]
            result.passed += count["tests"] - count["failures"] - count["errors"] - count["skipped"]
    if status not in (0, 1, 5) or (status == 1 and not result.failed):
        result.failed += 1
    return result


def run_group(name: str, extra: list[str]) -> Result:
    """Run one group and measure its time."""
    print(f"==== {name}", flush=True)
    start = time.monotonic()
    result = run_check() if name == "check" else run_pytest(name, extra)
    result.seconds = time.monotonic() - start
    return result


def main() -> int:
    """Run the groups that were asked for."""
    parser = argparse.ArgumentParser(prog="scripts/test", description=__doc__)
    parser.add_argument("groups", nargs="*", choices=[*GROUPS, []], metavar="GROUP", help=f"of {', '.join(GROUPS)}")
    parser.add_argument("--pytest", default="", metavar="ARGS", help="more arguments for pytest")
    args = parser.parse_args()
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    RESULTS.mkdir(parents=True, exist_ok=True)
    chosen = args.groups or list(GROUPS)
    results = [run_group(name, args.pytest.split()) for name in GROUPS if name in chosen]
    empty = [r.name for r in results if not args.groups and GROUPS[r.name] and not r.passed and not r.failed]
    print()
    for result in results:
        print(result)
    for name in empty:
        print(f"group {name}: nothing ran, which counts as a failure")
    failed = sum(r.failed for r in results) + len(empty)
    print(f"{sum(r.passed for r in results)} passed, {failed} failed, {sum(r.skipped for r in results)} skipped")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
