"""Static probes of processes and their libraries: by file, process and pattern, with semaphores, in other mounts."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness import Builder, Traced, run

from btaot_tool.zig import zig_command

HERE = Path(__file__).parent
COUNT = "{ @[probe] = count(); }"


@pytest.fixture(scope="module")
def shooter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return shooter.c, built with its library beside it."""
    folder = tmp_path_factory.mktemp("shooter")
    flags = ["-O1", "-fno-sanitize=all", str(HERE / "shooter.c")]
    library = [*zig_command(), "cc", *flags, "-DLIBRARY", "-shared", "-fPIC", "-o", str(folder / "libshooter.so")]
    subprocess.run(library, check=True)
    program = [*zig_command(), "cc", *flags, "-fPIE", "-o", str(folder / "shooter"), f"-L{folder}", "-lshooter"]
    subprocess.run([*program, "-Wl,-rpath,$ORIGIN"], check=True)
    return folder / "shooter"


class Shooter:
    """A running shooter."""

    def __init__(self, argv: list[str]) -> None:
        self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.fire() == "0 0"

    def fire(self) -> str:
        """Fire all probes once; return the semaphores of program and library."""
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()


@pytest.fixture
def start(shooter: Path) -> Iterator[object]:
    """Return the function that starts one."""
    running: list[Shooter] = []

    def begin(*before: str, path: str = "") -> Shooter:
        running.append(Shooter([*before, path or str(shooter)]))
        return running[-1]

    yield begin
    for one in running:
        one.process.kill()
        one.process.wait()


def rows(build: Builder, script: str, shooters: list[Shooter], *options: str) -> tuple[list[str], list[str]]:
    """Trace while all fire once; return the lines that were printed and what the shooters said."""
    traced = Traced([build(script), *options])
    said = [one.fire() for one in shooters]
    outcome = traced.stop()
    assert outcome.status == 0, outcome
    return sorted(line for line in outcome.stdout.splitlines() if line), said


#: Attach point ({path} is the program's, {lib} the library's), names that match, whether it needs a process.
MAIN = ["main:shot", "other:shot"]
POINTS = {
    "usdt:{path}:main:shot": ["main:shot"],
    "usdt:{path}:shot": MAIN,
    "usdt:{path}:*:shot": MAIN,
    "usdt:{path}:ma*:sh[no]*": ["main:shot"],
    "usdt:{lib}:lib:shot": ["lib:shot"],
    "usdt:{folder}/*shooter*:*:shot": ["lib:shot", *MAIN],
}
OF_PROCESS = {
    "usdt::main:shot": ["main:shot"],
    "usdt:::sh*": ["lib:shot", *MAIN],
    "usdt:*:lib:shot": ["lib:shot"],
    "usdt:*libshooter*:*:shot": ["lib:shot"],
    "usdt:*/shooter:shot": MAIN,
    "usdt:*:shot": ["lib:shot", *MAIN],
    "usdt:*:*:shot": ["lib:shot", *MAIN],
}


def expected(shooter: Path, names: list[str], count: int) -> list[str]:
    """Return the lines of the map: main:shot has two places."""
    files = {"lib": shooter.parent / "libshooter.so", "main": shooter, "other": shooter}
    return sorted(
        f"@[usdt:{files[name.split(':')[0]]}:{name}]: {count * (2 if name == 'main:shot' else 1)}" for name in names
    )


def fill(point: str, shooter: Path) -> str:
    words = {"{path}": str(shooter), "{lib}": str(shooter.parent / "libshooter.so"), "{folder}": str(shooter.parent)}
    for word, text in words.items():
        point = point.replace(word, text)
    return point


@pytest.mark.parametrize("point", POINTS)
def test_by_file(build: Builder, shooter: Path, start: type[Shooter], point: str) -> None:
    both = [start(), start()]
    script = f"{fill(point, shooter)} {COUNT}"
    assert rows(build, script, both)[0] == expected(shooter, POINTS[point], 2)
    assert rows(build, script, both, "-p", str(both[0].process.pid))[0] == expected(shooter, POINTS[point], 1)


@pytest.mark.parametrize("point", OF_PROCESS)
def test_by_process(build: Builder, shooter: Path, start: type[Shooter], point: str) -> None:
    both = [start(), start()]
    found, _ = rows(build, f"{point} {COUNT}", both, "-p", str(both[1].process.pid))
    assert found == expected(shooter, OF_PROCESS[point], 1)


def test_every_process(build: Builder, shooter: Path, start: type[Shooter]) -> None:
    both = [start(), start()]
    assert rows(build, f"usdt:*:lib:shot {COUNT}", both)[0] == expected(shooter, ["lib:shot"], 2)


def test_arguments_of_each_place(build: Builder, shooter: Path, start: type[Shooter]) -> None:
    script = f"usdt:{shooter}:main:shot {{ @[arg0, arg1] = count(); }}"
    assert rows(build, script, [start()])[0] == ["@[2, 7]: 1", "@[20, 8]: 1"]


def test_arguments_are_signed_and_missing_ones_are_zero(build: Builder, shooter: Path, start: type[Shooter]) -> None:
    """As 0.27.1 prints them: other:shot has one argument, main:shot two."""
    script = f"usdt:{shooter}:*:shot {{ @[arg0, arg1] = count(); @n[-arg0] = 1; }}"
    assert rows(build, script, [start()])[0] == sorted(
        ["@[2, 0]: 1", "@[2, 7]: 1", "@[20, 8]: 1", "@n[-2]: 1", "@n[-20]: 1"]
    )


@pytest.mark.parametrize("option", [(), ("--usdt-file-activation",)])
def test_semaphores(build: Builder, shooter: Path, start: type[Shooter], option: tuple[str, ...]) -> None:
    """They are set while the probe is attached, in every process or in the one that is traced."""
    both = [start(), start()]
    points = f"usdt:{shooter}:armed, usdt:{shooter.parent}/libshooter.so:armed {{ @[arg0] = count(); }}"
    assert rows(build, points, both, "--wait-detach", *option) == (["@[2]: 4"], ["1 1", "1 1"])
    assert [one.fire() for one in both] == ["0 0", "0 0"]
    of_one = rows(build, points, both, "--wait-detach", "-p", str(both[1].process.pid))
    assert of_one == (["@[4]: 2"], ["0 0", "1 1"])
    assert [one.fire() for one in both] == ["0 0", "0 0"]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_semaphores_of_a_tracer_that_is_killed(
    build: Builder, shooter: Path, start: type[Shooter], number: signal.Signals
) -> None:
    """Each tracer counts for one, which goes with it, whether it has time for that or not."""
    one = start()
    binary = build(f"usdt:{shooter}:armed, usdt:{shooter.parent}/libshooter.so:armed {{ @[arg0] = count(); }}")
    traced = [Traced([binary, "--wait-detach"]) for _ in range(2)]
    assert one.fire() == "1 1"
    traced[0].send(number)
    traced[0].process.wait()
    assert one.fire() == "1 1"
    traced[1].stop()
    assert one.fire() == "0 0"


def test_in_another_mount_namespace(build: Builder, shooter: Path, start: type[Shooter]) -> None:
    """The path is that of the process: it is looked for below /proc/PID/root."""
    hidden = "/mnt/of-one-process"
    script = f"mkdir -p /mnt; mount -t tmpfs none /mnt && mkdir {hidden} && cp {shooter.parent}/* {hidden} && exec $0"
    one = start("unshare", "-m", "--propagation", "private", "sh", "-c", script, path=f"{hidden}/shooter")
    assert not Path(hidden).exists()
    pid = str(one.process.pid)
    prefix = f"/proc/{pid}/root{hidden}"
    want = [f"@[usdt:{prefix}/libshooter.so:lib:shot]: 1", f"@[usdt:{prefix}/shooter:main:shot]: 2"]
    assert rows(build, f"usdt:{hidden}/shooter:main:shot {COUNT}", [one], "-p", pid)[0] == want[1:]
    assert rows(build, f"usdt:*:main:shot, usdt:*:lib:shot {COUNT}", [one], "-p", pid)[0] == want
    found, _ = rows(build, f"uprobe:{hidden}/libshooter.so:library_shoot {{ @ = arg0; }}", [one], "-p", pid)
    assert found == ["@: 4"]


def test_library_by_name(build: Builder) -> None:
    """``libc`` is found through ld.so.cache, even if it has no such probe."""
    outcome = run([build("usdt:libc:libc:nothing { }")])
    assert outcome.status == 1 and "ERROR: No matches for usdt libc:nothing." in outcome.stderr
    outcome = run([build("usdt:libnothing:libc:nothing { }")])
    assert outcome.status == 1 and "usdt target file 'libnothing' does not exist" in outcome.stderr


def test_process_without_the_probe(build: Builder, start: type[Shooter]) -> None:
    one = start()
    outcome = run([build(f"usdt::main:nothing {COUNT}"), "-p", str(one.process.pid)])
    assert outcome.status == 1
    assert "ERROR: No matches for usdt nothing." in outcome.stderr


def test_needs_a_path_or_a_process(build: Builder) -> None:
    outcome = run([build(f"usdt::main:shot {COUNT}")])
    assert outcome.status == 1 and "usdt probe must specify at least path or pid to probe" in outcome.stderr
