"""C definitions: types, macros, headers, and layouts equal to those of the target's own compiler."""

from __future__ import annotations

from pathlib import Path

import pytest

from btaot_tool.diagnostics import CompileError, Source
from btaot_tool.kernel.cdefs import CDefinitions, parse_c
from btaot_tool.kernel.cheaders import HeaderStubs
from btaot_tool.kernel.clang import run_clang
from btaot_tool.kernel.layered import ScriptKernel
from btaot_tool.kernel.pack import default_pack
from btaot_tool.kernel.types import CArray, CFunc, CInt, CPtr, CRef, CTypedef, CVoid, TypeTable
from btaot_tool.targets import TARGETS


def parse(
    text: str, target: str = "x86_64", kernel: TypeTable | None = None, include: tuple[Path, ...] = ()
) -> CDefinitions:
    return parse_c(text, TARGETS[target], Source("script.bt", text), kernel or default_pack(target), include)


def test_struct() -> None:
    foo = parse("struct foo { int a : 3; unsigned b : 7; long c; struct { char x[5]; }; };").struct("struct foo")
    assert foo is not None
    assert not foo.kernel
    assert foo.size == 24
    assert [(m.name, m.bit_offset, m.bit_size) for m in foo.members] == [
        ("a", 0, 3),
        ("b", 3, 7),
        ("c", 64, 0),
        ("", 128, 0),
    ]


def test_packed_struct_and_attributes() -> None:
    table = parse(
        "struct __attribute__((packed)) a { char c; long l; };\n"
        "struct b { char c; long l; } __attribute__((packed));\n"
        "typedef struct { char c; } __attribute__((aligned(32))) c_t;\n"
    )
    for name in ("struct a", "struct b"):
        found = table.struct(name)
        assert found is not None
        assert found.size == 9
    aligned = table.typedef("c_t")
    assert isinstance(aligned, CRef)
    definition = table.struct(aligned.name)
    assert definition is not None
    assert definition.size == 32


def test_typedefs() -> None:
    table = parse(
        "typedef int (*handler_t)(int signal, void *);\ntypedef unsigned char mac_t[6], *text_t;\n"
        "typedef struct node node_t;\n"
        "struct node { node_t *next; };\n"
    )
    number = CInt(4, True, name="int")
    assert table.typedef("handler_t") == CPtr(CFunc(number, (("", number), ("", CPtr(CVoid())))))
    mac = table.typedef("mac_t")
    assert isinstance(mac, CArray)
    assert mac.count == 6
    assert isinstance(table.typedef("text_t"), CPtr)
    assert table.typedef("node_t") == CRef("struct node")


def test_enums() -> None:
    table = parse("enum e { A, B = 5, C };\nenum { LOOSE = -7, NEXT };\ntypedef enum { X = 3 } x_t;\n")
    assert [table.enumerator(name)[1] for name in ("A", "B", "C", "LOOSE", "NEXT", "X")] == [0, 5, 6, -7, -6, 3]  # type: ignore[index]
    loose = table.enumerator("LOOSE")
    assert loose is not None
    assert loose[0].values == (("LOOSE", -7), ("NEXT", -6))
    assert table.enum(loose[0].name) == loose[0]
    assert table.enumerator("NOPE") is None


def test_macros() -> None:
    table = parse(
        '#define N (12 << 2)\n#define M (N + sizeof(long))\n#define S "a\\t" "b"\n#define T S\n#define F(x) ((x) + 1)\n'
        "#define G F(4)\n#define NEG -1\n#define BIG 0xffffffffffffffffULL\n#define CH 'x'\n#define CUR curtask\n"
        "#define WEIRD struct {\n#define EMPTY\n#define TYPE unsigned long\n#define GONE 1\n#undef GONE\n"
    )
    values = {name: table.constant(name) for name in ("N", "M", "G", "NEG", "BIG", "CH")}
    assert values == {"N": 48, "M": 56, "G": 5, "NEG": -1, "BIG": 2**64 - 1, "CH": 120}
    assert table.strings == {"S": "a\tb", "T": "a\tb"}
    assert table.macros["F"].params == ("x",)
    assert table.macros["CUR"].body == "curtask"
    assert "GONE" not in table.macros
    for name in ("CUR", "WEIRD", "EMPTY", "TYPE", "F", "S"):
        assert table.constant(name) is None


def test_macro_that_is_no_constant_after_all() -> None:
    table = parse(
        "struct s { int a; };\n#define BAD (1 + (struct s){0})\n#define WORSE ((int) 1.0 / 0)\n#define GOOD 3\n"
    )
    assert table.constant("GOOD") == 3
    assert table.constant("BAD") is None


@pytest.mark.parametrize("target", sorted(TARGETS))
def test_kernel_types_are_borrowed(target: str) -> None:
    kernel = default_pack(target)
    table = parse(
        "#include <linux/sched.h>\n#include <net/sock.h>\n"
        "struct mine { u32 a; struct list_head list; atomic_t count; enum pid_type type; struct task_struct *task; };",
        target,
    )
    mine = table.struct("struct mine")
    assert mine is not None
    offsets = {member.name: member.bit_offset // 8 for member in mine.members}
    assert offsets == {"a": 0, "list": 8, "count": 24, "type": 28, "task": 32}
    types = {member.name: member.type for member in mine.members}
    assert types["count"] == CTypedef("atomic_t", kernel.typedef("atomic_t") or CRef("?"))
    assert types["list"] == CRef("struct list_head")
    assert table.struct("struct list_head") is None
    assert table.typedef("u32") is None


def test_kernel_struct_of_the_scripts_own() -> None:
    """It may hold the kernel's types where a header of the kernel is included, as old scripts do."""
    text = "struct cfs_rq { struct load_weight load; unsigned int mine; };"
    found = parse(f"#include <linux/sched.h>\n{text}").struct("struct cfs_rq")
    assert found is not None
    assert [(member.name, member.bit_offset // 8) for member in found.members] == [("load", 0), ("mine", 16)]
    with pytest.raises(CompileError, match="field has incomplete type 'struct load_weight'"):
        parse(text)


def test_script_kernel_order() -> None:
    kernel = default_pack("x86_64")
    text = "#include <linux/ptrace.h>\n#include <linux/tcp.h>\n#define AF_INET 99\nstruct sock { int mine; };\n"
    both = ScriptKernel(parse(text), kernel)
    regs = both.struct("struct pt_regs")
    assert regs is not None
    assert regs.kernel
    assert "di" in {member.name for member in regs.members}
    sock = both.struct("struct sock")
    assert sock is not None
    assert [member.name for member in sock.members] == ["mine"]
    assert both.constant("AF_INET") == 99
    assert both.constant("AF_INET6") == 10
    assert both.struct("struct task_struct") == kernel.struct("struct task_struct")


def test_headers_of_the_kernel_tree_need_not_exist() -> None:
    table = parse(
        "#include <linux/dcache.h>\n#include <uapi/linux/in.h>\n#include <linux/nfs_fs.h>\n"
        "struct a { struct sockaddr_in s; };"
    )
    found = table.struct("struct a")
    assert found is not None
    assert found.size == 16
    assert table.files == ()


def test_own_header(tmp_path: Path) -> None:
    (tmp_path / "mine.h").write_text("#include <linux/kdev_t.h>\nstruct own { u64 x; };\n#define OWN 3\n")
    table = parse('#include "mine.h"\nstruct two { struct own o; };\n', include=(tmp_path,))
    assert table.struct("struct own") is not None
    assert table.constant("OWN") == 3
    assert table.own("struct own")
    assert table.own("OWN")
    assert [path.name for path in table.files] == ["mine.h"]


def test_headers_that_ask_for_the_system() -> None:
    """Off Linux this one wants headers of BSD."""
    table = parse("#include <drm/i915_drm.h>\n")
    assert table.struct("struct drm_i915_gem_create") is not None


def test_c_library_headers() -> None:
    table = parse(
        "#include <sys/stat.h>\n#include <netinet/in.h>\n#include <stdint.h>\nstruct a { struct stat s; uint16_t u; };"
    )
    found = table.struct("struct a")
    assert found is not None
    assert found.size == 152


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "\n\nstruct x { foo_bar y; };\n",
            "script.bt:3:12-19: ERROR: unknown type name 'foo_bar'\nstruct x { foo_bar y; };\n           ~~~~~~~",
        ),
        ('#include "nope.h"\n', "script.bt:1:10-11: ERROR: 'nope.h' file not found"),
        ("struct x { int a }\n", "script.bt:1:19-20: ERROR: expected ';' after struct"),
        ("#if 1\nstruct x { int a; };\n", "script.bt:1:2-4: ERROR: unterminated conditional directive"),
    ],
)
def test_errors_point_into_the_script(text: str, expected: str) -> None:
    with pytest.raises(CompileError) as error:
        parse(text)
    assert expected in str(error.value)


def test_error_in_own_header(tmp_path: Path) -> None:
    (tmp_path / "mine.h").write_text("\nstruct own { foo_bar x; };\n")
    with pytest.raises(CompileError, match=r"mine.h:2:14-21: ERROR: unknown type name"):
        parse('#include "mine.h"\n', include=(tmp_path,))


UAPI = {
    "in.h": "sockaddr_in in_addr ip_mreqn group_req",
    "in6.h": "sockaddr_in6 in6_addr ipv6_mreq in6_flowlabel_req",
    "tcp.h": "tcphdr tcp_info tcp_repair_window tcp_md5sig",
    "udp.h": "udphdr",
    "ip.h": "iphdr ip_auth_hdr",
    "ipv6.h": "ipv6hdr ipv6_opt_hdr in6_ifreq",
    "icmp.h": "icmphdr",
    "if_ether.h": "ethhdr",
    "stat.h": "statx statx_timestamp",
    "fs.h": "fstrim_range file_dedupe_range inodes_stat_t fsxattr",
    "bpf.h": "bpf_insn bpf_map_info bpf_prog_info bpf_link_info",
    "perf_event.h": "perf_event_attr perf_event_header perf_event_mmap_page",
    "netlink.h": "nlmsghdr sockaddr_nl nlattr",
    "rtnetlink.h": "rtmsg ifinfomsg tcmsg",
    "io_uring.h": "io_uring_sqe io_uring_params io_uring_getevents_arg",
    "futex.h": "futex_waitv robust_list_head",
    "time.h": "itimerspec timeval",
    "resource.h": "rusage rlimit64",
    "sysinfo.h": "sysinfo",
    "utsname.h": "new_utsname",
    "sched/types.h": "sched_attr",
    "un.h": "sockaddr_un",
    "uio.h": "iovec",
    "sem.h": "semid_ds",
    "shm.h": "shminfo64",
    "msg.h": "msginfo",
    "capability.h": "__user_cap_header_struct vfs_cap_data",
    "fanotify.h": "fanotify_event_metadata",
    "inotify.h": "inotify_event",
    "aio_abi.h": "iocb",
    "taskstats.h": "taskstats",
    "vm_sockets.h": "sockaddr_vm",
}
STRUCTS = [f"struct {name}" for names in UAPI.values() for name in names.split()]


@pytest.mark.parametrize("target", sorted(TARGETS))
def test_layouts_equal_those_of_the_targets_compiler(target: str, tmp_path: Path) -> None:
    """Sizes and offsets: what is read here is compiled into assertions by the compiler of the target itself."""
    text = "".join(f"#include <linux/{header}>\n" for header in UAPI)
    table = parse(text, target)
    checks = []
    for name in STRUCTS:
        definition = table.struct(name)
        assert definition is not None, name
        checks.append(f'_Static_assert(sizeof({name}) == {definition.size}, "{name}");')
        checks += [
            f'_Static_assert(__builtin_offsetof({name}, {m.name}) == {m.bit_offset // 8}, "{name}.{m.name}");'
            for m in definition.members
            if m.name and not m.bit_size
        ]
    assert len(STRUCTS) >= 50
    (tmp_path / "check.c").write_text(text + "\n".join(checks) + "\n")
    # The target's compiler without its C library, whose headers define some of the structs again.
    machine = TARGETS[target].zig.partition("-")[0]
    options = ["-target", f"{machine}-freestanding", "-nostdinc", *HeaderStubs(TARGETS[target], text, tmp_path).options]
    result = run_clang([*options, "-w", "-c", "-o", "check.o", "check.c"], cwd=tmp_path)
    assert result.returncode == 0, result.stderr
