"""Runs many checks in one boot of a guest: ``run_guest(arch, kernel, files, commands)``.

Booting takes seconds, a check milliseconds; so a test module boots a guest once (a module-scoped fixture) and looks
at the results.
"""

from __future__ import annotations

import base64
import os
import re
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

_SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
if str(_SCRIPTS) not in sys.path:
    sys.path.insert(0, str(_SCRIPTS))

from vmlib.guests import ARCHES  # noqa: E402
from vmlib.machine import TIMED_OUT, Outcome, Request  # noqa: E402
from vmlib.machine import run_guest as boot_guest  # noqa: E402
from vmlib.packages import VmError  # noqa: E402

# Each command's streams go to files and from there, coded, to the console: binary output survives and the streams
# stay apart.  Files are removed, not written again: what a command that was killed leaves behind may still write.
_RUNNER = """
for script in /checks/*; do
  name=${script##*/}
  timeout -s KILL %d sh "$script" </dev/null >/tmp/out 2>/tmp/err
  echo "@@CHECK $name $?"
  base64 /tmp/out
  echo "@@STDERR"
  base64 /tmp/err
  echo "@@DONE"
  rm /tmp/out /tmp/err
done
"""
_REPORT = re.compile(r"@@CHECK (\S+) (\d+)\n([A-Za-z0-9+/=\n]*)@@STDERR\n([A-Za-z0-9+/=\n]*)@@DONE")


@dataclass(frozen=True, slots=True)
class Result:
    """What one command printed, and its status (137: it took too long and was killed)."""

    stdout: str
    stderr: str
    status: int


class GuestError(AssertionError):
    """The guest did not get to the end of its commands."""


def run_guest(
    arch: str,
    kernel: str,
    files: Mapping[str, Path],
    commands: Mapping[str, str],
    *,
    timeout: float = 300.0,
    command_timeout: int = 60,
    cpus: int = 1,
    append: str = "",
    qemu: tuple[str, ...] = (),
) -> dict[str, Result]:
    """Boot a guest with files (by their place; relative ones are in /t) and run shell commands, one after the other.

    The commands' names are keys of the result; their working directory is /t, which is on PATH.  ``qemu``: more
    arguments of the emulator.
    """
    skip_without_qemu(arch)
    places = {place if place.startswith("/") else f"/t/{place}": path for place, path in files.items()}
    # The shell's order of /checks/* is that of the mapping.
    keys = {f"{number:04}": name for number, name in enumerate(commands)}
    checks = _write_checks({key: commands[name] for key, name in keys.items()})
    try:
        places["/checks"] = checks
        request = Request(
            arch,
            kernel,
            _RUNNER % command_timeout,
            places,
            timeout=timeout,
            cpus=cpus,
            append=append,
            qemu_arguments=qemu,
        )
        outcome = boot_guest(request)
    except VmError as error:
        _give_up(str(error))
    finally:
        shutil.rmtree(checks)
    results = _parse(outcome.output.decode(errors="replace"), keys)
    missing = [name for name in commands if name not in results]
    if missing:
        raise GuestError(_describe_failure(arch, kernel, outcome, missing))
    return results


def skip_without_qemu(arch: str) -> None:
    """Skip the test if the emulator is not installed; in CI that is a failure."""
    if not ARCHES[arch].qemu_from and shutil.which(f"qemu-system-{ARCHES[arch].qemu}") is None:
        _give_up(f"qemu-system-{ARCHES[arch].qemu} is not installed")


def _give_up(reason: str) -> None:
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


def _write_checks(scripts: Mapping[str, str]) -> Path:
    import tempfile

    directory = Path(tempfile.mkdtemp())
    for name, text in scripts.items():
        (directory / name).write_text(text + "\n")
    return directory


def _parse(text: str, keys: Mapping[str, str]) -> dict[str, Result]:
    results = {}
    for key, status, stdout, stderr in _REPORT.findall(text.replace("\r\n", "\n")):
        results[keys[key]] = Result(_decode(stdout), _decode(stderr), int(status))
    return results


def _decode(text: str) -> str:
    return base64.b64decode(text).decode(errors="replace")


def _describe_failure(arch: str, kernel: str, outcome: Outcome, missing: list[str]) -> str:
    what = "took too long" if outcome.status == TIMED_OUT else f"ended with status {outcome.status}"
    rest = outcome.output[-2000:].decode(errors="replace")
    return f"the guest {arch} {kernel} {what} before {missing[0]!r} was done\n{outcome.messages}{rest}"
