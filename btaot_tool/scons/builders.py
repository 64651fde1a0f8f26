"""Builders and their actions.

An action waits for a worker process, so that SCons' job threads run in parallel and a broken LLVM backend
does not end SCons.  Neither llvmlite nor LIEF is imported into the process of SCons.
"""

from __future__ import annotations

import functools
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..diagnostics import CompileError, Diagnostic, Source
from ..flags import format_flags
from ..stub import cached_stub, compile_stub, runtime_headers, runtime_sources, toolchain_file
from ..targets import find_target
from ..variants import PLAIN, variants_of
from ..worker.client import WorkerPool
from . import settings

Nodes = list[Any]


def compile_action() -> Any:
    """Return the default of $BTAOTCOM."""
    from SCons.Action import Action

    return Action(compile_executable, _announce("BTAOTCOMSTR", _compile_command), varlist=["_BTAOT_SIGNATURE"])


def stub_action() -> Any:
    """Return the default of $BTAOTSTUBCOM."""
    from SCons.Action import Action

    return Action(compile_runtime, _announce("BTAOTSTUBCOMSTR", _stub_command), varlist=["_BTAOT_STUB_SIGNATURE"])


def executable_builder(scanner: Any) -> Callable[..., Nodes]:
    """Return the builder BtAot: scripts to executables."""
    from SCons.Action import Action
    from SCons.Builder import Builder

    builder = Builder(
        action=Action("$BTAOTCOM", "$BTAOTCOMSTR"),
        emitter=_add_stub,
        source_scanner=scanner,
        suffix="$BTAOTSUFFIX",
        src_suffix="$BTAOTSRCSUFFIX",
        single_source=True,
    )
    return functools.partial(_for_each_target, builder)


def stub_builder() -> Callable[..., Nodes]:
    """Return the builder BtAotStub: sources of the runtime to a stub."""
    from SCons.Action import Action
    from SCons.Builder import Builder

    builder = Builder(action=Action("$BTAOTSTUBCOM", "$BTAOTSTUBCOMSTR"), emitter=_add_runtime)

    def build(env: Any, target: Any = None, source: Any = None, **overrides: Any) -> Nodes:
        if target is None:  # a lone argument is the stub's name: its sources are known
            target, source = source, [str(path) for path in runtime_sources()]
        return _for_each_target(functools.partial(_all_variants, builder), env, target, source, **overrides)

    return build


def _all_variants(builder: Any, env: Any, target: Any, source: Any, **own: Any) -> Nodes:
    """Declare a stub, and beside it the variants with other parts; return the first.

    They are built only for scripts that use them (``scanner``): directories do not count them among their files.
    """
    nodes: Nodes = builder(env, target, source, **own)
    for node in nodes:
        for variant in variants_of(find_target(own["BTAOT_TARGET"])):
            if variant is PLAIN:
                continue
            special = {**own, "BTAOTSTUBFLAGS": settings.VARIANT + variant.name, "_BTAOT_DIRECTORY": ""}
            more = builder(env, node.dir.File(variant.beside(node.name)), source, **special)
            env.Ignore(node.dir, more)
            env.Clean(node, more)
    return nodes


def _for_each_target(builder: Any, env: Any, target: Any = None, source: Any = None, **overrides: Any) -> Nodes:
    """Call the builder for each architecture of BTAOT_TARGET."""
    names, several = settings.target_names(env.Override(overrides))
    nodes: Nodes = []
    for name in names:
        own = {**overrides, "BTAOT_TARGET": name, "_BTAOT_DIRECTORY": name if several else ""}
        nodes += builder(env, target, source, **own)
    return nodes


def _placed(target: Nodes, env: Any) -> Nodes:
    """Return the targets in their architecture's directory, if BTAOT_TARGET is a list."""
    directory = env["_BTAOT_DIRECTORY"]
    return [node.dir.Dir(directory).File(node.name) for node in target] if directory else target


def _add_stub(target: Nodes, source: Nodes, env: Any) -> tuple[Nodes, Nodes]:
    """Emitter of BtAot: place the target and remember whose paths it has; a stub that is a file is a dependency."""
    target = _placed(target, env)
    stub = env.arg2nodes(env["BTAOT_STUB"], env.fs.File) if env["BTAOT_STUB"] else []
    for node in target:
        node.attributes.btaot = settings.Place(env.fs.getcwd(), stub[0] if stub else None)
        env.Depends(node, stub)
    return target, source


def _add_runtime(target: Nodes, source: Nodes, env: Any) -> tuple[Nodes, Nodes]:
    """Emitter of BtAotStub: headers and the toolchain file are dependencies."""
    target = _placed(target, env)
    extra = [*runtime_headers(), toolchain_file(settings.single_target(env))]
    env.Depends(target, [env.fs.File(str(path)) for path in extra])
    return target, source


def compile_executable(target: Nodes, source: Nodes, env: Any) -> int:
    """Action of BtAot."""
    node, script = target[0], source[0]
    try:
        stub = settings.place(node).stub
        path = Path(str(stub)) if stub else cached_stub(settings.single_target(env), env.subst("$BTAOT_TOOLCHAIN"))
        text = Source(str(script), script.get_text_contents())
        done = _pool(env.subst("$BTAOT_PYTHON")).build(text, settings.options(env, node), path, Path(str(node)))
    except CompileError as error:
        _show(error.diagnostics)
        return 1
    _show(done.diagnostics)
    return 0


def compile_runtime(target: Nodes, source: Nodes, env: Any) -> int:
    """Action of BtAotStub."""
    try:
        compile_stub(settings.toolchain(env), Path(str(target[0])).absolute(), settings.variant(env))
    except CompileError as error:
        _show(error.diagnostics)
        return 1
    return 0


@functools.cache
def _pool(python: str) -> WorkerPool:
    return WorkerPool(python)


def _show(diagnostics: list[Diagnostic]) -> None:
    """Print all of one script at once: jobs run at the same time."""
    if diagnostics:
        sys.stdout.flush()
        sys.stderr.write("".join(f"{item.render()}\n" for item in diagnostics))
        sys.stderr.flush()


def _announce(variable: str, command: Callable[[Nodes, Nodes, Any], str]) -> Callable[[Nodes, Nodes, Any], str]:
    """Return the function that says what an action does: the text of the ...COMSTR variable, or the command line."""

    def announce(target: Nodes, source: Nodes, env: Any) -> str:
        if variable in env:
            return str(env.subst(f"${variable}", 0, target, source))
        return command(target, source, env)

    return announce


def _compile_command(target: Nodes, source: Nodes, env: Any) -> str:
    """Return the command line that does the same."""
    chosen = settings.options(env, target[0])
    words = [env.subst("$BTAOT"), "build", "-o", str(target[0]), "--target", chosen.target.name]
    return shlex.join([*words, *format_flags(chosen), str(source[0])])


def _stub_command(target: Nodes, source: Nodes, env: Any) -> str:
    words = [env.subst("$BTAOT"), "stub", "-o", str(target[0]), "--target", settings.single_target(env).name]
    return shlex.join([*words, *env.subst("$BTAOTSTUBFLAGS").split()])
