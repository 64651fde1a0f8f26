"""The stub: aot-rt compiled for one target.  Every executable is a copy of it with a payload.

``toolchains/NAME.toml`` says how it is compiled for an architecture.  In this tree SCons builds it; an
installed btaot compiles it on first use and keeps it in the user's cache under a name that is a digest of
everything that went into it.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
import tomllib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from .cache import cache_dir
from .diagnostics import CompileError, Diagnostic, Severity
from .payload.layout import StubPart
from .targets import Target
from .variants import PLAIN, Variant, choose, variants_of
from .version import backend_version, package_dir
from .zig import ZIG_HINT, ZigMissing, zig_command, zig_environment

LAYOUT_HEADER = "payload_layout.h"
VARIANT_SOURCE = "parts.c"  # the only one that variants differ in
KINDS = ("zig", "gnu")

_CFLAGS = (
    "-std=gnu11",
    "-D_GNU_SOURCE=",
    "-Os",
    "-g0",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-ffunction-sections",
    "-fdata-sections",
    "-fvisibility=hidden",
    "-fomit-frame-pointer",
    "-fno-ident",
    "-fmerge-all-constants",
    "-fno-asynchronous-unwind-tables",
    "-fno-unwind-tables",
    "-fno-stack-protector",
    "-fno-pie",
)
_LDFLAGS = ("-static", "-no-pie", "-s", "-Wl,--gc-sections", "-Wl,--build-id=none")
# zig adds sanitizer traps unless told otherwise, and knows no -Oz of its own; the others save a sixth together.
_ZIG_FLAGS = (
    *("-fno-sanitize=all", "-flto", "-Xclang", "-Oz", "-fomit-frame-pointer", "-fno-jump-tables"),
    *("-mllvm", "-inline-call-penalty=0"),
)
# "zig cc" passes few options to the linker, which generates the code.  These fold equal functions, merge the ends of
# strings, inline less (nothing with large buffers), keep loops as they are written, compute nothing ahead or before a
# loop, share the ends of branches.  No C library is linked (runtime-c/src/libc).
_ZIG_LDFLAGS = (
    *("-static", "-s", "--gc-sections", "--build-id=none", "-z", "norelro", "--no-rosegment", "--icf=safe", "-O2"),
    *("-mllvm", "-inline-call-penalty=5", "-mllvm", "-inline-max-stacksize=512", "-mllvm", "-disable-lsr"),
    *("-mllvm", "-enable-pre=false", "-mllvm", "-tail-merge-size=2", "-mllvm", "-disable-machine-licm"),
)


class ToolchainError(CompileError):
    """The stub cannot be compiled: no compiler, or the compiler refused."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__([Diagnostic(Severity.ERROR, message, None, hint, "toolchain")])


@dataclass(frozen=True, slots=True)
class Toolchain:
    """A compiler for one target: ``command`` is argv up to the flags, ``identity`` its version.

    ``linker`` is argv up to the object files; empty if the compiler links.
    """

    target: Target
    command: tuple[str, ...]
    flags: tuple[str, ...]
    identity: str
    linker: tuple[str, ...] = ()


def runtime_dir() -> Path:
    """Return the directory with the C sources of aot-rt: packaged, or of the tree."""
    packaged = package_dir() / "runtime-c"
    return (packaged if packaged.is_dir() else package_dir().parent / "runtime-c") / "src"


def runtime_sources() -> list[Path]:
    """Return the C files of aot-rt in a fixed order."""
    return sorted(runtime_dir().rglob("*.c"))


def runtime_headers() -> list[Path]:
    """Return the headers of aot-rt (without the generated one)."""
    return sorted(path for path in runtime_dir().rglob("*.h") if path.name != LAYOUT_HEADER)


def toolchain_file(target: Target) -> Path:
    """Return the file that says how the stub of a target is compiled."""
    packaged = package_dir() / "toolchains"
    return (packaged if packaged.is_dir() else package_dir().parent / "toolchains") / f"{target.name}.toml"


def find_toolchain(target: Target, kind: str = "zig") -> Toolchain:
    """Return the compiler of the given kind ("zig" or "gnu") for a target."""
    if kind not in KINDS:
        raise ToolchainError(f"unknown toolchain {kind!r}; known: {', '.join(KINDS)}")
    path = toolchain_file(target)
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))[kind]
    except (OSError, KeyError) as error:
        raise ToolchainError(f"no {kind} toolchain for {target.name}: {path.name}: {error}") from None
    if kind == "zig":
        return _zig_toolchain(target, tuple(table["flags"]))
    return _gnu_toolchain(target, table["compilers"], tuple(table["flags"]))


def _zig_toolchain(target: Target, flags: tuple[str, ...]) -> Toolchain:
    try:
        zig = zig_command()
    except ZigMissing as error:
        raise ToolchainError(str(error), ZIG_HINT) from None
    identity = f"zig {backend_version('ziglang')}"
    command = (*zig, "cc", "-target", target.zig)
    return Toolchain(target, command, (*_ZIG_FLAGS, *flags), identity, (*zig, "ld.lld", *_ZIG_LDFLAGS))


def _gnu_toolchain(target: Target, compilers: list[str], flags: tuple[str, ...]) -> Toolchain:
    for name in compilers:
        found = shutil.which(name)
        if found:
            version = subprocess.run([found, "--version"], capture_output=True, text=True, check=True).stdout
            return Toolchain(target, (found,), flags, version.splitlines()[0])
    raise ToolchainError(
        f"no GNU compiler for {target.name} is installed; looked for {', '.join(compilers)}",
        "install one of them, or use the zig toolchain",
    )


def stub_key(toolchain: Toolchain) -> str:
    """Return a digest of everything that goes into a stub: sources, layout, flags, compiler."""
    from .payload.header import c_header

    parts = [
        toolchain.identity,
        toolchain.target.name,
        *_CFLAGS,
        *_LDFLAGS,
        *toolchain.flags,
        *toolchain.linker[1:],
        c_header(),
        *(flag for variant in variants_of(toolchain.target) for flag in (variant.name, *variant.flags)),
    ]
    digest = hashlib.sha256("\0".join(parts).encode())
    for path in (*runtime_sources(), *runtime_headers()):
        digest.update(path.relative_to(runtime_dir()).as_posix().encode() + b"\0")
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:20]


def compile_stub(toolchain: Toolchain, output: Path, variant: Variant = PLAIN) -> None:
    """Compile the stub to ``output``; the file appears complete or not at all."""
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="btaot-stub-") as scratch:
        result = Path(scratch) / "stub"
        _run_compiler(toolchain, Path(scratch), variant, result)
        install(result, output)


def _run_compiler(toolchain: Toolchain, scratch: Path, variant: Variant, result: Path) -> None:
    sources = [path.relative_to(runtime_dir()).as_posix() for path in runtime_sources()]
    if not sources:
        raise ToolchainError("the sources of the runtime are missing: runtime-c/src")
    # Compiled from inside the source directory and with relative names, so that no path gets into the result.
    layout = _layout_dir()
    argv = [*toolchain.command, *_CFLAGS, *toolchain.flags, f"-ffile-prefix-map={layout}=.", "-I.", f"-I{layout}"]
    if not toolchain.linker:
        _run(toolchain, [*argv, *variant.flags, *sources, *_LDFLAGS, "-o", str(result)])
        return
    objects = [str(scratch / f"{number}.o") for number in range(len(sources))]

    def compile_one(source: str, output: str) -> None:
        # zig keeps what it compiled: what is the same for all variants is compiled once
        own = variant.flags if source == VARIANT_SOURCE else ()
        _run(toolchain, [*argv, *own, "-c", source, "-o", output])

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(compile_one, sources, objects))
    _run(toolchain, [*toolchain.linker, *objects, "-o", str(result)])


def _layout_dir() -> Path:
    """Return a directory with the generated header: always the same, or zig would not know what it has compiled."""
    from .payload.header import c_header

    text = c_header()
    header = cache_dir() / "layout" / hashlib.sha256(text.encode()).hexdigest()[:20] / LAYOUT_HEADER
    if not header.exists():
        _make_directory(header.parent)
        handle, name = tempfile.mkstemp(dir=header.parent)
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
        os.replace(name, header)
    return header.parent


def _run(toolchain: Toolchain, argv: list[str]) -> None:
    done = subprocess.run(argv, cwd=runtime_dir(), env=zig_environment(), capture_output=True, text=True)
    if done.returncode != 0:
        raise ToolchainError(f"the stub for {toolchain.target.name} does not compile:\n{done.stderr.strip()}")


def install(made: Path, output: Path) -> None:
    """Put a finished executable in its place in one step, mode 0755."""
    handle, name = tempfile.mkstemp(prefix=f".{output.name}.", dir=output.parent)
    os.close(handle)
    try:
        shutil.copyfile(made, name)
        os.chmod(name, 0o755)
        os.replace(name, output)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise


def cached_stub(target: Target, kind: str = "zig", variant: Variant = PLAIN) -> Path:
    """Return the stub of a target from the cache, compiled first if it is not there."""
    toolchain = find_toolchain(target, kind)
    path = cache_dir() / "stubs" / variant.beside(f"{target.name}-{stub_key(toolchain)}")
    if not path.exists():
        _make_directory(path.parent)
        with _locked(path.with_suffix(".lock")):
            if not path.exists():  # another process may have been first
                compile_stub(toolchain, path, variant)
    return path


def stub_for(stub: Path, meta: bytes, text: bytes) -> Path:
    """Return the stub for a payload: the variant that has what the script uses.

    ``stub`` is the plain one; the others lie beside it.  Those of the cache are compiled when they are first needed.
    """
    from .payload.reader import read_payload

    payload = read_payload(meta, text, check_digest=False)
    target = payload.target()
    assert target is not None
    parts = StubPart(payload.header.parts)
    variant = choose(parts, target)
    if variant is None:
        raise ToolchainError(f"no stub has all that the script uses: {_names(parts)}", "make two scripts of it")
    path = stub.with_name(variant.beside(stub.name))
    if variant is PLAIN or path.exists():
        return path
    for kind in KINDS if stub.parent == cache_dir() / "stubs" else ():
        with contextlib.suppress(ToolchainError):
            if stub.name == f"{target.name}-{stub_key(find_toolchain(target, kind))}":
                return cached_stub(target, kind, variant)
    raise ToolchainError(
        f"{stub} lacks what the script uses: {_names(parts & ~PLAIN.parts)}",
        f"make {path.name} beside it, with `btaot stub --variant {variant.name}`",
    )


def _names(parts: StubPart) -> str:
    from .payload.structs import member_comments

    comments = member_comments(StubPart)
    return ", ".join(comments[str(part.name)].partition(";")[0] for part in StubPart if part & parts)


def _make_directory(path: Path) -> None:
    """Make a directory of the cache."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        message = f"nothing can be kept in {cache_dir()}: {error.strerror}"
        raise ToolchainError(message, "set BTAOT_CACHE to a directory that can be written") from None


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
