"""SCons tool: builds executables from bpftrace scripts.

``BtAot('probe.bt')`` makes the executable ``probe``; ``BtAot('name', 'probe.bt')`` names it.  ``BtAotStub('file')``
compiles the runtime that all executables of a target share (not needed normally: without BTAOT_STUB it is
compiled once into the user's cache).  Construction variables (docs/scons.md has the whole story):

BTAOT_TARGET     architecture, or a list of them: then one executable each, in a directory named after it
BTAOT_KERNEL     kernel packs: names, files, "host"
BTAOTFLAGS       flags as of "btaot build"
BTAOTPATH        directories for imports and includes
BTAOT_STUB       the stub to use; may contain $BTAOT_TARGET
BTAOT_TOOLCHAIN  how stubs are compiled: zig or gnu
BTAOT_PYTHON     the Python that runs the compiler
BTAOTSUFFIX, BTAOTSRCSUFFIX  of executables ('') and scripts ('.bt')
BTAOTCOM, BTAOTCOMSTR, BTAOTSTUBCOM, BTAOTSTUBCOMSTR  what is run, what is printed
BTAOTSTUBFLAGS   set by BtAotStub: "--variant=NAME" for the variants of the stub, which it declares too
"""

from __future__ import annotations

import sys
from typing import Any

from ..targets import host_target
from . import builders, scanner, settings


def generate(env: Any) -> None:
    """Add builders and construction variables to an environment."""
    from SCons.Util import CLVar

    env.SetDefault(
        BTAOT="btaot",
        BTAOT_TARGET=host_target().name,
        BTAOT_KERNEL=[],
        BTAOTFLAGS=CLVar(""),
        BTAOTPATH=[],
        BTAOT_STUB="",
        BTAOT_TOOLCHAIN="zig",
        BTAOTSTUBFLAGS="",
        BTAOT_PYTHON=sys.executable,
        BTAOTSUFFIX="",
        BTAOTSRCSUFFIX=".bt",
        BTAOTCOM=builders.compile_action(),
        BTAOTSTUBCOM=builders.stub_action(),
        _BTAOT_SIGNATURE=settings.compile_signature,
        _BTAOT_STUB_SIGNATURE=settings.stub_signature,
    )
    env["BUILDERS"]["BtAot"] = builders.executable_builder(scanner.script_scanner())
    env["BUILDERS"]["BtAotStub"] = builders.stub_builder()


def exists(env: Any) -> bool:
    """Say that the tool can be used: all it needs came with it."""
    return True
