"""The parts of scripts/vm and scripts/pack that need no guest and no network."""

from __future__ import annotations

import gzip
import struct
import sys
from pathlib import Path

import pytest

_SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
if str(_SCRIPTS) not in sys.path:
    sys.path.insert(0, str(_SCRIPTS))

from packlib.constants import read_constants  # noqa: E402
from packlib.guest import parse_listing  # noqa: E402
from packlib.image import NoBtf, extract_btf  # noqa: E402
from vmlib import cli  # noqa: E402
from vmlib.guests import ARCHES, GUESTS, find_suites  # noqa: E402
from vmlib.images import Images  # noqa: E402
from vmlib.initramfs import Cpio, place_files  # noqa: E402
from vmlib.machine import DIED, Outcome, Request  # noqa: E402
from vmlib.packages import VmError, require_tool  # noqa: E402


def fake_btf(order: str) -> bytes:
    types, strings = bytes(6000), b"\0int\0"
    return struct.pack(f"{order}HBBIIIII", 0xEB9F, 1, 0, 24, 0, len(types), len(types), len(strings)) + types + strings


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("wrap", [bytes, gzip.compress, lambda data: b"\x7fSTART" + bytes(100) + gzip.compress(data)])
def test_btf_is_found_in_an_image(order: str, wrap: object) -> None:
    # The code that reads BTF holds the magic number, too.
    image = bytes(600) + b"\x9f\xeb\x01\0" + bytes(600) + fake_btf(order) + bytes(100)
    assert callable(wrap)
    assert extract_btf(wrap(image)) == fake_btf(order)


def test_image_without_btf() -> None:
    with pytest.raises(NoBtf, match="CONFIG_DEBUG_INFO_BTF"):
        extract_btf(bytes(10_000))


def test_tracepoint_listing() -> None:
    text = (
        "./sched/thing/format:\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;\n"
        "./sched/thing/format:\tfield:int x;\toffset:8;\tsize:4;\tsigned:1;\n"
        "./a/b/format:\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;\n"
        "noise\n"
    )
    found = parse_listing(text)
    assert [(t.category, t.name, len(t.fields)) for t in found] == [("a", "b", 0), ("sched", "thing", 1)]


def test_header_constants(tmp_path: Path) -> None:
    (tmp_path / "one.h").write_text(
        '#define ONE 1\n#define NEGATIVE (-5)\n#define WIDE (~0ULL)\n#define ALL (~0U)\n#define TEXT "a"\n'
        "#define CALL(x) x\n"
        "#define TAGGED sizeof(struct tag)\nstruct tag { int a[3]; };\nenum { NUMBER = 7 };\n#define NUMBER NUMBER\n"
        '#define ONE_H\n#define VAR some_variable\nextern int some_variable;\n_Static_assert(1, "");\n'
    )
    (tmp_path / "broken.h").write_text("#include <there_is_none.h>\n#define LOST 1\n")
    flags = [
        "-target",
        "x86_64-linux-gnu",
        "-nostdinc",
        f"-I{tmp_path}",
        "-w",
        "-ferror-limit=0",
        "-D_Static_assert(...)=",
    ]
    constants = read_constants(["broken.h", "one.h"], flags)
    expected = {"ONE": 1, "NEGATIVE": -5, "WIDE": 2**64 - 1, "ALL": 2**32 - 1, "TAGGED": 12, "NUMBER": 7}
    assert constants == expected


def test_cpio(tmp_path: Path) -> None:
    import io

    out = io.BytesIO()
    archive = Cpio(out)
    archive.put("/a/b/file", 0o100644, b"hello")
    archive.finish()
    data = out.getvalue()
    assert data.count(b"070701") == 4  # two directories, the file, the end
    assert len(data) % 4 == 0
    assert b"a/b/file\0" in data


def test_places() -> None:
    places = place_files(["build/x", "y:/etc/y", "dir/"])
    assert places == {"/t/x": Path("build/x"), "/etc/y": Path("y"), "/t/dir": Path("dir")}


def test_every_guest_has_an_architecture_and_a_suite() -> None:
    assert len(GUESTS) == 16
    for guest in GUESTS:
        assert guest.arch in ARCHES
        assert find_suites(guest.arch, guest.kernel)
    assert find_suites("riscv64", "7.2")[0][0] == "sid"


def test_missing_tool_names_its_package() -> None:
    with pytest.raises(VmError, match="apt-get install thepackage"):
        require_tool("there-is-no-such-program", "thepackage")


def test_dead_guest_is_started_once_more(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from vmlib import machine

    outcomes = [Outcome(DIED, b"", 1.0, 0.5), Outcome(0, b"fine", 1.0, 0.5)]
    images = Images(Path("k"), Path("b"), ("q",))
    monkeypatch.setattr(machine, "prepare_images", lambda arch, kernel, image: images)
    monkeypatch.setattr(machine, "_boot", lambda request, images, sink: outcomes.pop(0))
    outcome = machine.run_guest(Request("x86_64", "6.12", "true"))
    assert (outcome.status, outcome.output, outcome.attempts) == (0, b"fine", 2)
    assert "trying once more" in capsys.readouterr().err


def test_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["list"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == len(GUESTS)
