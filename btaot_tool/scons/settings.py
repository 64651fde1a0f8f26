"""From construction variables to the compiler's options, and to the text that enters build signatures."""

from __future__ import annotations

import functools
import hashlib
import platform
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..flags import FlagError, parse_flags
from ..kernel.pack import HOST, pack_path, shipped_packs
from ..kernel.packfile import PackError
from ..options import Options
from ..stub import Toolchain, find_toolchain, stub_key
from ..targets import Target, find_target
from ..variants import PLAIN, Variant, find_variant
from ..version import compiler_identity

#: $BTAOTSTUBFLAGS of a stub that is not the plain one: this and its name.
VARIANT = "--variant="


@dataclass(frozen=True)
class Place:
    """What a target remembers of its declaration: the directory of its SConscript, and its stub if that is a file."""

    directory: Any
    stub: Any


def place(node: Any) -> Place:
    """Return what the emitter remembered."""
    remembered: Place = node.attributes.btaot
    return remembered


def target_names(env: Any) -> tuple[list[str], bool]:
    """Return the names in BTAOT_TARGET and whether it is a list (then each has a directory of its own)."""
    value = env["BTAOT_TARGET"]
    if isinstance(value, str):
        return [_target(env.subst(value)).name], False
    return [_target(env.subst(name)).name for name in value], True


def single_target(env: Any) -> Target:
    """Return the target of one build step."""
    return _target(env.subst("$BTAOT_TARGET"))


def toolchain(env: Any) -> Toolchain:
    """Return the compiler for stubs."""
    return find_toolchain(single_target(env), env.subst("$BTAOT_TOOLCHAIN"))


def variant(env: Any) -> Variant:
    """Return which variant of the stub BtAotStub makes."""
    name = env.subst("$BTAOTSTUBFLAGS").removeprefix(VARIANT)
    return find_variant(name, single_target(env)) if name else PLAIN


def options(env: Any, node: Any) -> Options:
    """Return the options for building ``node``; paths in variables are those of its SConscript."""
    from SCons.Errors import UserError

    words = [str(word) for flag in env.Flatten(env["BTAOTFLAGS"]) for word in env.subst(str(flag)).split()]
    try:
        flags = parse_flags(words, single_target(env))
    except FlagError as error:
        raise UserError(f"BTAOTFLAGS: {error}") from None
    packs = tuple(_pack(env, node, word) for word in _words(env, "BTAOT_KERNEL"))
    return replace(flags, kernel=(*packs, *flags.kernel), include_dirs=(*search_path(env, node), *flags.include_dirs))


def search_path(env: Any, node: Any) -> list[str]:
    """Return BTAOTPATH as directories, also of repositories and variant directories."""
    return [str(d) for d in place(node).directory.Rfindalldirs(tuple(_words(env, "BTAOTPATH")))]


def compile_signature(target: Any, source: Any, env: Any, for_signature: bool) -> str:
    """Stand for everything besides files that an executable depends on (SCons expands it in signatures only)."""
    node = target[0]
    chosen = options(env, node)
    parts = [chosen.signature(), compiler_identity()]
    parts += [_pack_identity(name, chosen.target) for name in chosen.kernel or ("",)]
    if place(node).stub is None:
        parts.append(_stub_key(toolchain(env)))
    return _digest(parts)


def stub_signature(target: Any, source: Any, env: Any, for_signature: bool) -> str:
    """Stand for everything that a stub depends on."""
    return _digest([_stub_key(toolchain(env)), variant(env).name])


def _target(name: str) -> Target:
    from SCons.Errors import UserError

    try:
        return find_target(name)
    except KeyError as error:
        raise UserError(f"BTAOT_TARGET: {error.args[0]}") from None


def _words(env: Any, variable: str) -> list[Any]:
    """Return a list variable; a string stands for a list of its words."""
    value = env.get(variable) or []
    items = env.Split(value) if isinstance(value, str) else env.Flatten(value)
    return [env.subst(item) if isinstance(item, str) else item for item in items]


def _pack(env: Any, node: Any, word: Any) -> str:
    """Return a pack as the compiler wants it: names stay, paths are made relative to the top directory."""
    if isinstance(word, str) and not ("/" in word or word.startswith("#") or Path(word).suffix):
        return word
    return str(env.fs.File(word, place(node).directory) if isinstance(word, str) else word)


def _digest(parts: list[str]) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


@functools.cache
def _stub_key(chosen: Toolchain) -> str:
    return stub_key(chosen)


def _pack_identity(name: str, target: Target) -> str:
    """Return what changes when a kernel pack does; ``""`` is the target's default pack."""
    if name == HOST:
        return f"{platform.release()} {platform.version()}"
    try:
        # Packs may lie over other ones, and the default takes those of all targets: what is shipped counts as a whole.
        paths = [*([pack_path(name)] if name else []), *shipped_packs().values()]
        stats = [(path, path.stat()) for path in paths]
    except (PackError, OSError):
        return f"missing {name}"  # the compiler has the words for it
    return _digest([_file_digest(path, status.st_mtime_ns, status.st_size) for path, status in stats])


@functools.cache
def _file_digest(path: Path, _mtime: int, _size: int) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
