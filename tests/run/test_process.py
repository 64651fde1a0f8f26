"""The life of a run: signals, buffering, -p and -c, rights, floods, namespaces, examples under load."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
from harness import NOTIFY, Builder, Outcome, Traced, run

ROOT = Path(__file__).resolve().parents[2]
ATTACHED_RE = r"Attached \d+ probes?\n"
COUNT_UNTIL_STOPPED = "begin { @a = 5; @k[1] = 2; } interval:s:60 { } end { @a = 6; }"


def stripped(outcome: Outcome) -> str:
    """Return standard error without the line about attached probes."""
    return re.sub(ATTACHED_RE, "", outcome.stderr)


def target_run(target: Path, *actions: str) -> int:
    """Run target.c to its end and return its process id."""
    process = subprocess.Popen([target, *actions], stdout=subprocess.DEVNULL)
    assert process.wait(60) == 0
    return process.pid


# ---- signals ----------------------------------------------------------------------------------------


def test_sigusr1_prints_all_maps(build: Builder) -> None:
    traced = Traced([build(COUNT_UNTIL_STOPPED)])
    traced.send(signal.SIGUSR1)
    traced.read_until("@k[1]: 2\n")
    outcome = traced.stop()
    assert outcome.stdout == "@a: 5\n@k[1]: 2\n\n\n@a: 6\n@k[1]: 2\n"
    assert outcome.status == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ends_within_a_second(build: Builder, number: signal.Signals) -> None:
    script = "tracepoint:syscalls:sys_enter_* { @[probe] = count(); } tracepoint:sched:sched_switch { @s = count(); }"
    traced = Traced([build(script)])
    start = time.monotonic()
    outcome = traced.stop(number)
    assert time.monotonic() - start < 1.0
    assert outcome.status == 0, outcome.stderr
    assert re.search(r"^@s: \d+$", outcome.stdout, re.M)


def test_exit_without_room_for_its_event(build: Builder) -> None:
    """The ring buffer is full while nobody reads: the run ends all the same, with its code."""
    script = """
      begin { printf("ready\\n"); }
      interval:ms:300 /!@once/ {
        @once = 1;
        for ($i : 0..1000) { printf("%s\\n", "a line of some length, so that few of them fill the page"); }
        for ($i : 0..100) { print(1); }
        exit(4 + ncpus - ncpus);
      }"""
    traced = Traced([build(script)], env={"BPFTRACE_PERF_RB_PAGES": "1"})
    traced.read_until("ready\n")
    traced.send(signal.SIGSTOP)
    time.sleep(1)
    traced.send(signal.SIGCONT)
    outcome = traced.finish()
    assert outcome.status == 4
    assert "Lost" in outcome.stderr


def test_commands_that_wait_are_lost_at_the_end(build: Builder) -> None:
    """Thousands of system() calls are behind: a signal does not wait for them, they are counted, `end` still runs."""
    script = """
      tracepoint:sched:sched_switch { system("sleep 0.01; echo one"); }
      end { system("echo the end"); }
    """
    traced = Traced([build(script, unsafe=True)])
    time.sleep(1)
    start = time.monotonic()
    outcome = traced.stop()
    assert time.monotonic() - start < 2.0
    assert outcome.status == 0
    assert "one\n" in outcome.stdout and "the end\n" in outcome.stdout
    assert re.search(r"Lost [1-9]\d* events", outcome.stderr)


def test_exit_in_an_iterator(build: Builder) -> None:
    """It goes on to the end, as in bpftrace: printf() is printed for all, the rest up to the exit()."""
    outcome = run([build('iter:task { printf("task %d\\n", ctx.task.pid); print(1); exit(3); }')])
    assert outcome.stdout.count("task ") > 3
    assert f"task {os.getpid()}\n" in outcome.stdout
    assert re.findall(r"^1$", outcome.stdout, re.M) == ["1"]
    assert outcome.status == 3


def test_ends_when_nobody_reads(build: Builder) -> None:
    argv = [build('interval:ms:10 { printf("tick\\n"); }')]
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdout is not None
    assert process.stdout.readline() == b"tick\n"
    process.stdout.close()
    assert process.wait(5) == 0


def test_nothing_of_the_run_stays(build: Builder, target: Path) -> None:
    """After the end (and the detaching behind it) no program of ours is loaded: the probe no longer fires."""
    binary = build(f'uprobe:{target}:add {{ @ = count(); }} begin {{ printf("on\\n"); exit(); }}')
    run([binary, "--wait-detach"])
    opened = subprocess.run(["ls", "-l", "/proc/self/fd"], capture_output=True, text=True, check=True)
    assert "bpf" not in opened.stdout
    assert not [p for p in Path("/proc").glob("[0-9]*/exe") if _exe(p) == str(binary)]


def _exe(path: Path) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return ""


# ---- output -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["none", "line", "full"])
def test_buffer_modes_lose_nothing(build: Builder, mode: str) -> None:
    script = 'interval:ms:2 { @n++; printf("%d\\n", @n); if (@n == 50) { clear(@n); exit(); } }'
    outcome = run([build(script), "-B", mode])
    assert outcome.stdout.split() == [str(n) for n in range(1, 51)]


def test_lines_come_at_once(build: Builder) -> None:
    """Without a full buffer or -B full, a line is there when it was printed."""
    traced = Traced([build('begin { printf("first\\n"); } interval:s:60 { }')])
    traced.read_until("first\n")
    assert traced.process.poll() is None
    traced.stop()


def test_output_file(build: Builder, tmp_path: Path) -> None:
    path = tmp_path / "out"
    outcome = run([build('begin { printf("text\\n"); @a = 1; exit(); }'), "-o", path])
    assert outcome.stdout == ""
    assert path.read_text() == "text\n\n\n@a: 1\n"


def test_every_json_line_parses(build: Builder) -> None:
    script = r"""
    begin {
      printf("quote \" backslash \\ newline \n tab \t bell \x07\n");
      @i[-5, "k\"ey"] = 1; @st["x"] = stats(-4); @h[1] = hist(-1); @h[1] = hist(0); @l = lhist(50, 0, 10, 5);
      @t[(1, "a")] = (2, (3, "b")); @e = "";
      exit();
    }"""
    outcome = run([build(script), "-f", "json"])
    rows = [json.loads(line) for line in outcome.stdout.splitlines()]
    data = {key: value for row in rows if row["type"] in ("map", "stats", "hist") for key, value in row["data"].items()}
    assert rows[1] == {"type": "printf", "data": 'quote " backslash \\ newline \n tab \t bell \x07\n'}
    assert data == {
        "@e": "",
        "@h": {"1": [{"max": -1, "count": 1}, {"min": 0, "max": 0, "count": 1}]},
        "@i": {'-5,k"ey': 1},
        "@l": [{"min": 10, "count": 1}],
        "@st": {"x": {"count": 1, "average": -4, "total": -4}},
        "@t": {"1,a": [2, [3, "b"]]},
    }


# ---- processes --------------------------------------------------------------------------------------


def test_pid_option_sees_one_process(build: Builder, target: Path) -> None:
    """-p of a uprobe: only that process; the run ends with it."""
    binary = build(f"uprobe:{target}:add {{ @[pid] = count(); }}")
    watched = subprocess.Popen([target, "nap=700", "add=1", "add=2", "nap=100"])
    traced = Traced([binary, "-p", str(watched.pid)])
    target_run(target, "add=1")
    watched.wait(10)
    outcome = traced.finish()
    assert outcome.stdout.strip() == f"@[{watched.pid}]: 2"
    assert outcome.status == 0


def test_pid_option_filters_kernel_probes(build: Builder, target: Path) -> None:
    """-p of a tracepoint and a raw tracepoint, which fire for every process; timers see no filter."""
    script = """
      tracepoint:syscalls:sys_enter_nanosleep { @tp[pid] = count(); }
      rawtracepoint:sys_enter / arg1 == 35 / { @raw[pid] = count(); }
      interval:ms:100 { @ticks = count(); }
    """
    binary = build(script)
    watched = subprocess.Popen([target, "nap=500", "nap=1", "nap=1", "nap=100"])
    traced = Traced([binary, "-p", str(watched.pid)])
    target_run(target, "nap=1")
    watched.wait(10)
    outcome = traced.finish()
    assert re.findall(r"^@tp.*$", outcome.stdout, re.M) == [f"@tp[{watched.pid}]: 3"], outcome
    assert re.findall(r"^@raw.*$", outcome.stdout, re.M) == [f"@raw[{watched.pid}]: 3"], outcome
    assert re.search(r"^@ticks: [1-9]", outcome.stdout, re.M)


def test_command_sees_its_start(build: Builder, target: Path) -> None:
    """-c: probes are attached before the command begins, and cpid is its process."""
    script = "tracepoint:sched:sched_process_exec / pid == cpid / { @exec = count(); }"
    outcome = run([build(script), "-c", f"{target} nap=1"])
    assert outcome.stdout.strip() == "@exec: 1"


def test_the_command_does_not_outlive_the_run(build: Builder, target: Path) -> None:
    traced = Traced([build("interval:ms:50 { exit(); }"), "-c", f"{target} nap=30000"])
    traced.finish()
    time.sleep(0.1)
    assert not [p for p in Path("/proc").glob("[0-9]*/cmdline") if b"nap=30000" in _read(p)]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def test_pid_namespace(build: Builder) -> None:
    """In a pid namespace of its own, pid is what the processes there see."""
    unshare = shutil.which("unshare")
    assert unshare, "util-linux is not installed"
    binary = build('begin { printf("%d %d\\n", pid, tid); exit(); }')
    outcome = run([unshare, "--pid", "--fork", "--mount-proc", binary])
    assert outcome.stdout.split() == ["1", "1"]


def test_threads(build: Builder) -> None:
    """Pid and tid differ in a thread that is not the first."""
    binary = build(
        'tracepoint:syscalls:sys_enter_nanosleep / comm == "btaot-thread" / { printf("%d %d\\n", pid, tid); exit(); }'
    )
    traced = Traced([binary])
    code = (
        "import ctypes, threading, os\n"
        "libc = ctypes.CDLL(None)\n"
        "def f():\n"
        "    libc.prctl(15, b'btaot-thread')\n"
        "    print(os.getpid(), threading.get_native_id(), flush=True)\n"
        "    libc.syscall(35, ctypes.byref((ctypes.c_long * 2)(0, 1000)), 0)\n"
        "t = threading.Thread(target=f); t.start(); t.join()\n"
    )
    driver = subprocess.run(["python3", "-c", code], capture_output=True, text=True, check=True)
    pid, tid = driver.stdout.split()
    assert pid != tid
    assert traced.finish().stdout.split() == [pid, tid]


# ---- rights -----------------------------------------------------------------------------------------


def test_without_root(build: Builder) -> None:
    """A user without rights gets one message that names what is missing, and status 1."""
    setpriv = shutil.which("setpriv")
    assert setpriv, "util-linux is not installed"
    binary = build('begin { printf("never\\n"); exit(); }')
    for folder in (binary, *binary.parents):
        if folder.stat().st_uid == 0 and str(folder).startswith("/tmp/"):
            folder.chmod(0o755)
    outcome = run([setpriv, "--reuid=65534", "--regid=65534", "--clear-groups", "--no-new-privs", binary])
    assert outcome.status == 1
    assert outcome.stdout == ""
    assert re.search(r"^ERROR: .*(CAP_BPF|root)", outcome.stderr), outcome.stderr


def test_help_needs_no_root(build: Builder) -> None:
    setpriv = shutil.which("setpriv")
    assert setpriv
    binary = build('begin { printf("never\\n"); exit(); }')
    outcome = run([setpriv, "--reuid=65534", "--regid=65534", "--clear-groups", binary, "--help"])
    assert outcome.status == 0
    assert "USAGE:" in outcome.stdout


# ---- losses -----------------------------------------------------------------------------------------


def test_flood(build: Builder, target: Path) -> None:
    """Of 100,000 events, what is printed and what is counted as lost make 100,000 exactly."""
    events = 100_000
    script = (
        f'rawtracepoint:sys_enter / comm == "{target.name}" && arg1 == 110 / {{ @n++; printf("%d %s\\n", @n, comm); }}'
    )
    traced = Traced([build(script)])
    target_run(target, f"flood={events}")
    outcome = traced.stop()
    lines = re.findall(rf"^(\d+) {target.name}$", outcome.stdout, re.M)
    lost = sum(int(n) for n in re.findall(r"Lost (\d+) events", outcome.stderr))
    assert f"@n: {events}\n" in outcome.stdout
    assert len(lines) + lost == events, outcome.stderr
    numbers = [int(line) for line in lines]
    assert numbers == sorted(set(numbers))
    assert len(lines) > events // 10


def test_slow_reader_loses_and_counts(build: Builder, target: Path) -> None:
    """With nobody reading the output, the ring buffer fills: what does not fit is counted."""
    events = 700_000
    script = (
        f'rawtracepoint:sys_enter / comm == "{target.name}" && arg1 == 110 / {{ printf("%d %s\\n", nsecs, comm); }}'
    )
    process = subprocess.Popen(
        [build(script)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, NOTIFY: "1"}
    )
    assert process.stdout is not None
    assert process.stdout.readline() == NOTIFY.encode() + b"\n"
    target_run(target, f"flood={events}")
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=30)
    lost = sum(int(n) for n in re.findall(rb"Lost (\d+) events", stderr))
    printed = stdout.count(target.name.encode())
    assert lost > 0
    assert printed + lost == events


def test_exit_loses_nothing_before_it(build: Builder, target: Path) -> None:
    script = f"""
    rawtracepoint:sys_enter / comm == "{target.name}" && arg1 == 110 / {{
      @n++;
      if (@n <= 500) {{ printf("%d\\n", @n); }}
      if (@n == 500) {{ exit(); }}
    }}
    end {{ clear(@n); }}"""
    traced = Traced([build(script)])
    target_run(target, "flood=2000")
    assert traced.finish().stdout.split() == [str(n) for n in range(1, 501)]


def test_counts_are_exact(build: Builder, target: Path) -> None:
    """Aggregations of several processes at once: nothing is lost or counted twice."""
    script = f"""
    rawtracepoint:sys_enter / comm == "{target.name}" && arg1 == 110 / {{
      @count = count(); @sum = sum(2); @by[pid] = count(); @plain++;
    }}"""
    traced = Traced([build(script)])
    processes = [subprocess.Popen([target, "flood=30000"]) for _ in range(4)]
    for process in processes:
        process.wait(30)
    out = traced.stop().stdout
    assert "@count: 120000\n" in out
    assert "@sum: 240000\n" in out
    for process in processes:
        assert f"@by[{process.pid}]: 30000\n" in out
    plain = re.search(r"^@plain: (\d+)$", out, re.M)
    assert plain and int(plain[1]) <= 120000


def test_full_map_is_reported(build: Builder) -> None:
    script = "config = { max_map_keys = 10 } begin { for ($i : 0..15) { @[$i] = 1; } exit(); }"
    outcome = run([build(script)])
    assert len(re.findall(r"^@\[\d+\]: 1$", outcome.stdout, re.M)) == 10
    assert re.search(r"WARNING: .*\b5\b.*@", stripped(outcome)), outcome.stderr


# ---- what it must not depend on -----------------------------------------------------------------------


def test_damaged_binary_says_so(build: Builder, tmp_path: Path) -> None:
    """Cut off anywhere in the payload, or with a byte changed: a message and status 1, no crash, no run."""
    whole = build('begin { printf("never\\n"); exit(); }').read_bytes()
    stub = build.stub.stat().st_size
    places = [stub + (len(whole) - stub) * part // 8 for part in range(1, 8)]
    damaged = [whole[:place] for place in places]
    damaged += [whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :] for place in payload_places(whole)]
    for number, content in enumerate(damaged):
        path = tmp_path / str(number)
        path.write_bytes(content)
        path.chmod(0o755)
        outcome = run([path])
        assert outcome.status == 1, (number, outcome)
        assert "never" not in outcome.stdout
        assert outcome.stderr, number


def payload_places(binary: bytes) -> list[int]:
    """Return offsets of some bytes of both sections."""
    from io import BytesIO

    from elftools.elf.elffile import ELFFile

    elf = ELFFile(BytesIO(binary))
    sections = [elf.get_section_by_name(name) for name in (".btaot.meta", ".btaot.text")]
    return [s["sh_offset"] + s["sh_size"] * part // 5 for s in sections for part in range(5)]


# ---- output that cannot be written ----------------------------------------------------------------------


@pytest.mark.parametrize("script", ['begin { printf("x\\n"); exit(); }', 'interval:ms:5 { printf("tick\\n"); }'])
def test_full_disk(build: Builder, script: str) -> None:
    """A full disk ends the run with one message and status 1."""
    outcome = run([build(script), "-o", "/dev/full"])
    assert outcome.status == 1
    assert stripped(outcome) == "ERROR: cannot write the output: No space left on device\n"


def test_closed_streams(build: Builder, tmp_path: Path) -> None:
    """Without standard streams, no map or file takes their numbers: the output file holds what it should."""
    path = tmp_path / "out"
    binary = build('begin { @a[1] = 1; printf("text\\n"); warnf("warning"); exit(); }')
    done = subprocess.run(["sh", "-c", f'"{binary}" -o "{path}" <&- >&- 2>&-'], timeout=10)
    assert done.returncode == 0
    assert path.read_text() == "text\n\n\n@a[1]: 1\n"


def test_command_killed(build: Builder, target: Path) -> None:
    """The run ends with its command, however that ended."""
    traced = Traced([build('interval:s:60 { } end { printf("end %d\\n", has_cpid()); }'), "-c", f"{target} nap=20000"])
    children = Path(f"/proc/{traced.process.pid}/task/{traced.process.pid}/children").read_text().split()
    for child in children:
        os.kill(int(child), signal.SIGKILL)
    outcome = traced.finish()
    assert "end" in outcome.stdout
    assert outcome.status == 0


def test_second_signal_kills(build: Builder, target: Path) -> None:
    """A reader that does not read keeps the end waiting; a second signal does not wait for it."""
    script = 'begin { @a = 1; } interval:s:60 { } end { for ($i : 0..20000) { printf("%s\\n", "' + "x" * 50 + '"); } }'
    process = subprocess.Popen([build(script)], stdout=subprocess.PIPE, env={**os.environ, NOTIFY: "1"})
    assert process.stdout is not None
    assert process.stdout.readline() == NOTIFY.encode() + b"\n"
    process.send_signal(signal.SIGINT)
    time.sleep(0.5)
    assert process.poll() is None, "the end was to wait for its reader"
    process.send_signal(signal.SIGINT)
    assert process.wait(5) == -signal.SIGINT


@pytest.mark.parametrize("option", ["-k", "-kk"])
def test_helper_errors(build: Builder, option: str) -> None:
    outcome = run([build("begin { delete(@a, 1); @a[2] = 1; @n = str(0, 8); exit(); }"), option])
    found = re.findall(r"WARNING: .*", outcome.stderr)
    assert any("does not exist" in line for line in found), outcome.stderr


def test_wait_detach(build: Builder, target: Path) -> None:
    """With --wait-detach nothing of the run is left when it has ended: no process closes behind it."""
    binary = build(f"uprobe:{target}:add {{ }} interval:ms:20 {{ exit(); }}")
    outcome = run([binary, "--wait-detach"])
    assert outcome.status == 0
    assert not [p for p in Path("/proc").glob("[0-9]*/exe") if _exe(p) == str(binary)]
