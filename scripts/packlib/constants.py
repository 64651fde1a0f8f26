"""Integer constants of the kernel's headers: every object-like macro whose value is an integer constant expression.

One translation unit includes the headers.  The preprocessor lists the macros; the compiler says which of them are
integer constants (one assertion each, errors drop out) and what their values are.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from btaot_tool.kernel.clang import run_clang
from btaot_tool.targets import Target

# Headers of the kernel's own (not UAPI) whose constants scripts use; those that a kernel lacks are left out.
_KERNEL_HEADERS = (
    "linux/sched.h",
    "linux/sched/signal.h",
    "linux/sched/task.h",
    "linux/fs.h",
    "linux/mm.h",
    "linux/socket.h",
    "linux/net.h",
    "linux/tcp.h",
    "linux/udp.h",
    "linux/ip.h",
    "linux/ipv6.h",
    "linux/in.h",
    "linux/in6.h",
    "linux/skbuff.h",
    "linux/blkdev.h",
    "linux/blk_types.h",
    "linux/blk-mq.h",
    "linux/bio.h",
    "linux/dcache.h",
    "linux/pid.h",
    "linux/nsproxy.h",
    "linux/cgroup.h",
    "linux/mount.h",
    "linux/namei.h",
    "linux/time.h",
    "linux/ktime.h",
    "linux/hrtimer.h",
    "linux/timer.h",
    "linux/workqueue.h",
    "linux/interrupt.h",
    "linux/irq.h",
    "linux/signal.h",
    "linux/errno.h",
    "linux/ptrace.h",
    "linux/perf_event.h",
    "linux/bpf.h",
    "linux/filter.h",
    "linux/netdevice.h",
    "linux/if_ether.h",
    "linux/etherdevice.h",
    "linux/icmp.h",
    "linux/icmpv6.h",
    "linux/if_arp.h",
    "linux/if_vlan.h",
    "linux/uio.h",
    "linux/file.h",
    "linux/fdtable.h",
    "linux/stat.h",
    "linux/fcntl.h",
    "linux/types.h",
    "linux/list.h",
    "linux/mman.h",
    "linux/page-flags.h",
    "linux/gfp.h",
    "linux/slab.h",
    "linux/swap.h",
    "linux/vmstat.h",
    "linux/oom.h",
    "linux/mmzone.h",
    "linux/migrate.h",
    "linux/compaction.h",
    "linux/highmem.h",
    "linux/rmap.h",
    "linux/shmem_fs.h",
    "linux/hugetlb.h",
    "linux/futex.h",
    "linux/pipe_fs_i.h",
    "linux/eventpoll.h",
    "linux/wait.h",
    "linux/rwsem.h",
    "linux/mutex.h",
    "linux/spinlock.h",
    "linux/cred.h",
    "linux/binfmts.h",
    "linux/elf.h",
    "linux/module.h",
    "linux/kprobes.h",
    "linux/tty.h",
    "linux/device.h",
    "linux/pci.h",
    "linux/nvme.h",
    "linux/usb.h",
    "linux/ata.h",
    "linux/backing-dev.h",
    "linux/writeback.h",
    "linux/user_namespace.h",
    "linux/pid_namespace.h",
    "linux/ipc_namespace.h",
    "linux/key.h",
    "linux/security.h",
    "linux/audit.h",
    "linux/seccomp.h",
    "linux/init_task.h",
    "linux/io_uring_types.h",
    "linux/vm_event_item.h",
    "net/sock.h",
    "net/tcp.h",
    "net/udp.h",
    "net/inet_sock.h",
    "net/inet_connection_sock.h",
    "net/tcp_states.h",
    "net/ip.h",
    "net/ipv6.h",
    "net/route.h",
    "net/net_namespace.h",
    "net/icmp.h",
    "net/sch_generic.h",
    "net/af_unix.h",
    "net/neighbour.h",
    "net/xfrm.h",
    "net/netlink.h",
    "net/dst.h",
    "scsi/scsi.h",
    "scsi/scsi_cmnd.h",
    "scsi/scsi_device.h",
)

# UAPI headers that cannot stand alone, or whose many constants no tracing script names.
_SKIPPED_UAPI = re.compile(
    r"(patchkey|coda|coda_psdev|zorro_ids|zorro|cec.*|videodev2|v4l2-.*|media.*|uvcvideo|sonypi|i2o-dev|omap3isp"
    r"|rkisp1-config|ultrasound|soundcard|hdlc.*|atm.*|isdn.*|ivtv.*|matroxfb|meye|dvb.*|fd|gameport|hiddev|ipmi.*|isst_if|kfd_.*"
    r"|ncp.*|phantom|pktcdvd|psp-sev|raw|serio|sonet|toshiba|uinput|wimax|x25|xilinx.*|gfs2_ondisk|nilfs2.*|sctp|tipc.*"
    r"|switchtec.*|ublk.*|virtio_(gpu|snd|iommu|mem|crypto)|vduse|wireless|cxl.*|dlm.*|dm-.*|firewire.*|fpga.*)\.h"
)

# Include guards, configuration, and families of registers and device numbers.
_SKIPPED_NAMES = re.compile(
    r"CONFIG_\w+|\w+_H_*|_[A-Z]\w*|[a-z_].*[a-z].*|__(KERNEL|ASM|ARCH|HAVE|UAPI|LINUX)\w*"
    r"|(X86_FEATURE|X86_CR\d|ACPI|AE|APIC|APM|PCI|V4L2|VIDIOC|MDIO|FB|UART|PORT|MEDIA|HID|USB|ID|SYS|SCTLR|ESR|OP"
    r"|MIDR|VERR|H[A-Z]*GT?[A-Z]*R?\d?|HFGx?TR|HCRX|TCR2?|EFI|PSCI|PMU|KVM_REG|KEY|BTN|K)_\w+"
)
_DEFINITION = re.compile(r"#define (\w+) \S")


class HeaderError(Exception):
    """The headers cannot be compiled."""


def list_headers(include: Path) -> list[str]:
    """Return the headers to read, as they stand after ``#include``."""
    own = [name for name in _KERNEL_HEADERS if (include / name).exists()]
    uapi = sorted(path.name for path in (include / "uapi" / "linux").glob("*.h"))
    return own + [f"uapi/linux/{name}" for name in uapi if not _SKIPPED_UAPI.fullmatch(name)]


def kernel_flags(common: Path, flavour: Path, target: Target) -> list[str]:
    """Return the options that compile the kernel's headers, which lie in two directories of Debian's packages."""
    arch = f"arch/{target.linux}/include"
    directories = [
        common / arch,
        flavour / arch / "generated",
        common / "include",
        flavour / "include",
        common / arch / "uapi",
        flavour / arch / "generated/uapi",
        common / "include/uapi",
        flavour / "include/generated/uapi",
    ]
    triple = target.zig.replace("musl", "gnu")
    flags = ["-target", triple, "-nostdinc", "-std=gnu11", "-fshort-wchar", "-O1", "-w", "-ferror-limit=0"]
    flags += ["-D__KERNEL__", "-DMODULE", "-DCC_USING_FENTRY", '-DKBUILD_MODNAME="pack"', '-DKBUILD_BASENAME="pack"']
    # From 6.19 on headers use unnamed members of a named type.  Layouts differ from gcc's in corners that
    # headers check; constants do not care.
    flags += ["-fms-extensions", "-D_Static_assert(...)="]
    flags += [f"-I{directory}" for directory in directories]
    for name in ("compiler-version.h", "kconfig.h", "compiler_types.h"):
        if (common / "include" / "linux" / name).exists():  # older kernels do not have all of them
            flags += ["-include", str(common / "include" / "linux" / name)]
    return flags


def read_constants(headers: Sequence[str], flags: Sequence[str]) -> dict[str, int]:
    """Return the integer constants that headers define."""
    with tempfile.TemporaryDirectory() as name:
        return _Reader(headers, list(flags), Path(name)).read()


class _Reader:
    def __init__(self, headers: Sequence[str], flags: list[str], scratch: Path) -> None:
        self._flags = flags
        self._scratch = scratch
        self._includes = self._include(headers)

    def _include(self, headers: Sequence[str]) -> str:
        """Return the include lines of those headers that compile, together with the ones before them."""
        while True:
            source = self._write("".join(f"#include <{header}>\n" for header in headers))
            messages = self._compile(source, "-c", "check.o")
            if " error: " not in messages:
                return source.read_text() + "#undef _Static_assert\n"
            lines = {int(line) for line in re.findall(rf"{re.escape(str(source))}:(\d+):", messages)}
            if not lines:
                raise HeaderError(f"the headers do not compile:\n{messages}")
            headers = [header for number, header in enumerate(headers, 1) if number not in lines]

    def read(self) -> dict[str, int]:
        """Return the constants by name."""
        names = sorted(self._macros(self._includes) - self._macros(""))
        names = [name for name in names if not _SKIPPED_NAMES.fullmatch(name)]
        names = self._keep(names, lambda name: f'_Static_assert((({name}) | 1) || 1, "");')
        signs = self._evaluate(names, lambda name: f"({name}) < 0")
        values = self._evaluate(names, lambda name: f"(long long)({name})")
        # Unsigned values of 64 bits come out negative.
        return {name: value if sign else value % 2**64 for name, value, sign in zip(names, values, signs, strict=True)}

    def _macros(self, text: str) -> set[str]:
        source = self._write(text)
        flags = self._flags if text else [*self._flags[:2], "-nostdinc"]
        listing = run_clang([*flags, "-E", "-dM", str(source)]).stdout
        return {match[1] for line in listing.splitlines() if (match := _DEFINITION.match(line))}

    def _keep(self, names: list[str], check: Callable[[str], str]) -> list[str]:
        """Return the names whose check compiles."""
        source = self._write(self._includes + "".join(check(name) + "\n" for name in names))
        messages = self._compile(source, "-c", "check.o")
        first = self._includes.count("\n") + 1
        wrong = {int(line) for line in re.findall(rf"^{re.escape(str(source))}:(\d+):\d+: error", messages, re.M)}
        return [name for number, name in enumerate(names, first) if number not in wrong]

    def _evaluate(self, names: list[str], expression: Callable[[str], str]) -> list[int]:
        table = "".join(f"{expression(name)},\n" for name in names)
        source = self._write(f"{self._includes}\nconst long long btaot_values[] = {{\n{table}}};\n")
        self._compile(source, "-S", "values.s")
        assembly = (self._scratch / "values.s").read_text() if (self._scratch / "values.s").exists() else ""
        values = _read_table(assembly, "btaot_values")
        if len(values) != len(names):
            raise HeaderError(f"{len(names)} constants gave {len(values)} values: do the headers compile?")
        return values

    def _compile(self, source: Path, mode: str, output: str) -> str:
        return run_clang([*self._flags, mode, "-o", str(self._scratch / output), str(source)]).stderr

    def _write(self, text: str) -> Path:
        path = self._scratch / "constants.c"
        path.write_text(text)
        return path


def _read_table(assembly: str, symbol: str) -> list[int]:
    """Return the 64-bit numbers of a table in the compiler's assembly output."""
    values: list[int] = []
    _, _, rest = assembly.partition(f"\n{symbol}:")
    for line in rest.splitlines()[1:]:
        words = line.split("//")[0].split("#")[0].split()
        if words and words[0] in (".quad", ".xword"):
            number = int(words[1], 0)
            values.append(number - 2**64 if number >= 2**63 else number)
        elif words and words[0] == ".zero":
            values += [0] * (int(words[1]) // 8)
        elif words:
            break
    return values
