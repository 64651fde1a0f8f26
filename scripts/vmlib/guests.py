"""The guests: which architectures and kernels there are, and what QEMU needs to be told about each."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Arch:
    """How an architecture is called by Debian and booted by QEMU.

    ``qemu_from`` names a Debian suite and packages where the installed QEMU is too old.
    """

    deb: str
    flavour: str
    qemu: str
    machine: str
    cpu: str = "max"
    console: str = "ttyS0"
    memory: int = 512
    append: str = ""
    qemu_from: tuple[str, ...] = ()


ARCHES: dict[str, Arch] = {
    # QEMU 7.2 panics 6.12 at random when cmpxchg16b is offered; the clock sources need no calibration here.
    "x86_64": Arch(
        "amd64", "cloud-amd64", "x86_64", "q35", "max,-cx16", memory=384, append="mitigations=off no_timer_check"
    ),
    # Pointer authentication in its real algorithm takes half of the emulated time.
    "aarch64": Arch("arm64", "cloud-arm64", "aarch64", "virt", "max,pauth-impdef=on", "ttyAMA0"),
    "riscv64": Arch("riscv64", "riscv64", "riscv64", "virt", "rv64"),
    "s390x": Arch("s390x", "s390x", "s390x", "s390-ccw-virtio", console="ttysclp0"),
    "ppc64le": Arch(
        "ppc64el",
        "powerpc64le",
        "ppc64",
        "pseries,x-vof=on,cap-cfpc=broken,cap-sbbc=broken,cap-ibs=broken,cap-ccf-assist=off",
        console="hvc0",
    ),
    "armv7": Arch("armhf", "armmp", "arm", "virt", console="ttyAMA0"),
    "loongarch64": Arch(
        "loong64",
        "loong64",
        "loongarch64",
        "virt",
        memory=1024,
        append="initcall_blacklist=i8042_init",  # it faults on "virt"
        qemu_from=("bookworm-backports", "qemu-system-misc", "qemu-system-data"),
    ),
}

# Debian packages of the emulators, for the hint that is printed when one is missing.
QEMU_PACKAGES = {
    "x86_64": "qemu-system-x86",
    "aarch64": "qemu-system-arm",
    "arm": "qemu-system-arm",
    "ppc64": "qemu-system-ppc",
}


@dataclass(frozen=True, slots=True)
class Guest:
    """A kernel to boot; ``note`` says what is special about it."""

    arch: str
    kernel: str
    note: str = ""

    def __str__(self) -> str:
        """Return the name that the command line and the cache use."""
        return f"{self.arch}-{self.kernel}"


GUESTS: tuple[Guest, ...] = (
    Guest("x86_64", "5.10", "no multi-links, attach cookies, get_func_ip; memlock limit counts"),
    Guest("x86_64", "6.1", "attach cookies, no multi-links"),
    Guest("x86_64", "6.12", "kprobe_multi, sessions, uprobe_multi"),
    Guest("x86_64", "7.2", "everything"),
    Guest("aarch64", "5.10", "fentry fails (-524)"),
    Guest("aarch64", "6.1", "fentry fails (-524)"),
    Guest("aarch64", "6.12", "fentry; no kprobe_multi"),
    Guest("aarch64", "7.2", "fentry and kprobe_multi"),
    Guest("riscv64", "6.12", "kprobes at function entry fail; JIT off by default"),
    Guest("riscv64", "7.2", "JIT off by default"),
    Guest("s390x", "6.12", "big-endian, no JIT"),
    Guest("s390x", "7.2", "big-endian, no JIT"),
    Guest("ppc64le", "6.12", "kprobe_multi, no fentry"),
    Guest("ppc64le", "7.2", "kprobe_multi and fentry"),
    Guest("armv7", "6.12", "32-bit, no BTF"),
    Guest("loongarch64", "7.2", "16 KB pages, no BTF"),
)

_SUITES = {"5.10": "bullseye", "6.1": "bookworm", "6.12": "trixie"}
_BACKPORTS = ("amd64", "arm64")


def find_suites(arch: str, kernel: str) -> list[tuple[str, str]]:
    """Return Debian suites to look in, each with a pattern of the version that is wanted there.

    Kernels newer than the last stable release are in its backports for two architectures.  That of sid is replaced by
    a newer one from time to time: any of the same major version is taken.
    """
    if kernel in _SUITES:
        return [(_SUITES[kernel], kernel.replace(".", r"\."))]
    major = kernel.partition(".")[0]
    newest = ("sid", rf"{major}\.\d+")
    if ARCHES[arch].deb in _BACKPORTS:
        return [("trixie-backports", kernel.replace(".", r"\.")), newest]
    return [newest]
