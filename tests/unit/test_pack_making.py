"""scripts/pack: merging the types of modules, their tracepoints, and what one kernel knows beyond another."""

from __future__ import annotations

import base64
import gzip
import lzma
import sys
from pathlib import Path

import pytest
from synthetic_btf import TYPEDEF, Btf, build_elf

from btaot_tool.kernel.btf import read_btf
from btaot_tool.kernel.image import TypeImage
from btaot_tool.kernel.pack import PackKernel, load_pack, merge
from btaot_tool.kernel.packfile import PackData, PackIdentity, PackSource, read_identity, read_pack, write_pack
from btaot_tool.kernel.types import CPtr, CRef, CStruct, TracepointField

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))

from packlib.cli import DEFAULTS, SHIPPED, check_manifest
from packlib.delta import subtract
from packlib.derive import derive_tracepoints
from packlib.guest import parse_answer
from packlib.modules import load_order, read_module, read_modules


def _kernel_btf() -> tuple[Btf, int, int]:
    base = Btf()
    u32 = base.integer("unsigned int", 4)
    task = base.structure("task_struct", 8, [("pid", u32, 0), ("flags", u32, 4)])
    return base, u32, task


def _module(base: Btf, u32: int, task: int, device: str) -> Btf:
    """Return the BTF of a driver: two drivers share ``struct bus``, and each has its own ``struct device``."""
    split = Btf(base)
    bus = split.structure("bus", 16, [("owner", split.pointer(task), 0), ("speed", u32, 8)])
    own = split.structure("device", 8, [(device, split.pointer(bus), 0)])
    split.function(f"{device}_probe", u32, [("device", split.pointer(own)), ("bus", split.pointer(bus))])
    split.function("init_module", u32, [])
    return split


def _members(struct: CStruct | None) -> list[str]:
    assert struct is not None
    return [member.name for member in struct.members]


def test_types_of_modules_occur_once() -> None:
    base, u32, task = _kernel_btf()
    drivers = [_module(base, u32, task, name).section() for name in ("first", "second")]
    columns = read_btf(base.section(), drivers)
    types = TypeImage(columns)
    assert types.names("struct") == ["struct bus", "struct device", "struct device___2", "struct task_struct"]
    assert types.functions() == ["first_probe", "second_probe"]
    # Another definition of a name stays behind the first one, and what means it refers to it.
    assert _members(types.struct("struct device")) == ["first"]
    assert _members(types.struct("struct device___2")) == ["second"]
    second = types.function("second_probe")
    assert second is not None
    assert second.params == (("device", CPtr(CRef("struct device___2"))), ("bus", CPtr(CRef("struct bus"))))
    # Pointers to bus, to task_struct and to both devices, once each.
    assert len(columns.data["ptr.target"]) == 4


def test_base_wins_over_modules() -> None:
    base, u32, _ = _kernel_btf()
    split = Btf(base)
    split.structure("task_struct", 4, [("other", u32, 0)])
    split.add(TYPEDEF, "pid_t", u32)
    types = TypeImage(read_btf(base.section(), [split.section()]))
    assert _members(types.struct("struct task_struct")) == ["pid", "flags"]
    assert _members(types.struct("struct task_struct___2")) == ["other"]
    assert types.typedef("pid_t") is not None


def _module_file(name: str, depends: str = "", *more: str, tracepoints: bool = False) -> bytes:
    info = "\0".join([f"depends={depends}", *more, f"name={name}", ""]).encode()
    sections = {".modinfo": info, ".BTF": b"types"}
    return build_elf(sections | ({"_ftrace_events": bytes(8)} if tracepoints else {}))


def test_module_file() -> None:
    data = lzma.compress(_module_file("a", "x-y,z", "alias=crypto-a", "softdep=pre: crc32c post: later"))
    module = read_module("fs/a-b.ko.xz", data)
    assert module.name == "a_b"
    assert module.depends == ("x_y", "z", "crc32c")
    assert module.aliases == ("crypto_a",)
    assert module.btf == b"types"
    assert module.described
    assert not module.has_tracepoints
    assert not read_module("drivers/media/a.ko", _module_file("a")).described


def test_load_order_follows_dependencies_and_aliases() -> None:
    files = {
        "fs/top.ko": _module_file("top", "middle", tracepoints=True),
        "fs/middle.ko": _module_file("middle", "", "softdep=pre: crc32c"),
        "lib/crc_generic.ko": _module_file("crc_generic", "", "alias=crc32c"),
        "fs/unused.ko": _module_file("unused"),
    }
    modules = {m.name: m for place, data in files.items() for m in [read_module(place, data)]}
    assert [module.name for module in load_order(modules)] == ["crc_generic", "middle", "top"]


def test_subsystems_come_before_drivers(tmp_path: Path) -> None:
    for place in ("drivers/nvme/host/n.ko", "drivers/media/quiet.ko", "drivers/media/loud.ko", "fs/xfs/xfs.ko"):
        path = tmp_path / "lib/modules/6.12/kernel" / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(_module_file(path.stem, tracepoints=path.stem == "loud"))
    assert [m.name for m in read_modules(tmp_path.rglob("*.ko"))] == ["xfs", "loud", "n"]


def test_guest_answer() -> None:
    formats = (
        "./xfs/xfs_read/format:\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n"
        "./xfs/xfs_read/format:\tfield:dev_t dev;\toffset:8;\tsize:4;\tsigned:0;\n"
    )
    listing = base64.b64encode(gzip.compress(formats.encode())).decode()
    facts = parse_answer(f"refused hv_vmbus\nrefused fjes\n{listing}\n6.12.107+deb13-amd64\n")
    assert facts.refused == ["hv_vmbus", "fjes"]
    assert facts.uname == "6.12.107+deb13-amd64"
    assert [(t.category, t.name) for t in facts.tracepoints] == [("xfs", "xfs_read")]
    assert facts.tracepoints[0].fields == (TracepointField("dev", "dev_t", 8, 4, False, 0, "inline"),)


def test_tracepoints_are_derived_from_a_module_file() -> None:
    base, u32, task = _kernel_btf()
    base.structure(
        "trace_event_raw_io_class",
        24,
        [("ent", task, 0), ("sector", u32, 8), ("__data_loc_name", u32, 12), ("owner", base.pointer(task), 16)],
    )
    symbols = [
        ("event_io_start", ".data", 0, 144),
        ("event_class_io_class", ".data", 160, 40),
        ("str__disk__trace_system_name", ".rodata", 4, 5),
    ]
    # The call points to its class, the class to the name of the system (through the section, as compilers do, too).
    relocations = [(16, "event_class_io_class", 0), (160, "str__disk__trace_system_name", 0)]
    module = build_elf({".data": bytes(200), ".rodata": bytes(16)}, symbols, relocations)
    [tracepoint] = derive_tracepoints(module, TypeImage(read_btf(base.section())))
    assert (tracepoint.category, tracepoint.name) == ("disk", "io_start")
    assert tracepoint.fields == (
        TracepointField("sector", "unsigned int", 8, 4, False, 0, "inline"),
        TracepointField("name", "char", 12, 4, False, 0, "data_loc"),
        TracepointField("owner", "struct task_struct *", 16, 8, False, 0, "inline"),
    )


def _pack(members: list[str], functions: list[str], tracepoints: str, constants: str) -> PackData:
    btf, u32, task = _kernel_btf()
    other = btf.structure("other", 4, [("x", u32, 0)])
    fields = [(name, btf.pointer(other) if name == "ref" else u32, 8 * i) for i, name in enumerate(members)]
    btf.structure("request", 8 * len(members), fields)
    for name in functions:
        btf.function(name, u32, [("task", btf.pointer(task))])
    return PackData(PackIdentity("p", "x86_64"), read_btf(btf.section()), tracepoints.encode(), constants.encode())


def _line(*fields: str) -> str:
    return "block:issue\t" + ";".join(f"u32|{name}|8|4|0|0|inline" for name in fields) + "\n"


OLD = (
    ["tag", "rq_disk", "ref"],
    ["kept", "gone"],
    _line("dev", "bytes") + _line("dev").replace("issue", "done"),
    "A=1\nB=2\n",
)
NEW = (["tag", "part"], ["kept"], _line("dev") + _line("dev").replace("issue", "done"), "A=7\n")


def test_older_kernel_adds_what_it_alone_knows() -> None:
    new = PackKernel(_pack(*NEW))
    delta = subtract(_pack(*OLD), new, differing=False)
    alone = PackKernel(delta)
    assert alone.types.names("struct") == ["struct request"]
    assert alone.functions() == ["gone"]
    assert delta.tracepoints.decode() == _line("dev", "bytes")
    assert delta.constants == b"B=2\n"
    merged = merge([new, PackKernel(PackData(delta.identity, delta.columns, delta.tracepoints, delta.constants, "2"))])
    request = merged.struct("struct request")
    assert _members(request) == ["tag", "part", "rq_disk", "ref"]
    # A struct that both know is only declared in the delta; its definition is the other pack's.
    assert request is not None
    assert request.members[3].type == CPtr(CRef("struct other"))
    assert _members(merged.struct("struct other")) == ["x"]
    assert (merged.constant("A"), merged.constant("B")) == (7, 2)
    tracepoint = merged.tracepoint("block", "issue")
    assert tracepoint is not None
    assert [field.name for field in tracepoint.fields] == ["dev", "bytes"]


def test_differing_facts_are_kept_where_a_pack_is_asked_first() -> None:
    new = PackKernel(_pack(*NEW))
    delta = subtract(_pack(*OLD), new, differing=True)
    assert delta.constants == b"A=1\nB=2\n"
    assert PackKernel(delta).functions() == ["gone"]
    assert subtract(_pack(*NEW), new, differing=True).constants == b""


def test_pack_keeps_its_sources(tmp_path: Path) -> None:
    sources = (PackSource("linux-image-1", "1-1", "ab" * 32),)
    data = _pack(*NEW)
    data.identity = PackIdentity("p", "x86_64", "u", "linux-image-1", "1-1", sources, ("linux-6.12-x86_64",))
    path = tmp_path / "p.btpack"
    write_pack(path, data, fast=True)
    assert read_identity(path)[0] == data.identity
    assert read_pack(path, use_cache=False).identity == data.identity
    # A pack that lies over another one is never without it.
    assert load_pack(path).struct("struct file") is not None


def test_manifest_is_right() -> None:
    assert check_manifest() == []


@pytest.mark.parametrize("recipe", SHIPPED, ids=lambda recipe: recipe.name)
def test_every_shipped_pack_names_its_packages(recipe: object) -> None:
    import json

    from btaot_tool.kernel.pack import MANIFEST, shipped_packs

    name = recipe.name  # type: ignore[attr-defined]
    manifest = json.loads(MANIFEST.read_text())
    entry = manifest["packs"][name]
    identity, _ = read_identity(shipped_packs()[name])
    assert [(p["package"], p["version"], p["sha256"]) for p in entry["packages"]] == [
        (s.package, s.version, s.sha256) for s in identity.sources
    ]
    assert any(p["package"].startswith("linux-headers-") for p in entry["packages"])
    assert all(len(p["sha256"]) == 64 for p in entry["packages"])
    assert manifest["default"] == DEFAULTS
