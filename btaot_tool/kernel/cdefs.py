"""Reads C definitions: the C section of a script and what it includes, through clang.

Three short runs of the compiler: the preprocessor (names and macros), the types (as BTF, with a reference to every name) together
with the values of the macros, and the latter once more without those that are no constants.  Layouts are those of the target; where headers
look for its predefined macros they find them.

Headers: UAPI headers come with the compiler.  A header that only the kernel's own source tree has (<linux/dcache.h>, <net/sock.h>) is
taken as empty: its types and constants are looked up in the kernel pack.
"""

from __future__ import annotations

import ast
import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..bpf.elf import ElfObject
from ..diagnostics import CompileError, Diagnostics, Source, Span
from ..targets import Target
from .btf import read_btf
from .clang import ClangMissing, header_directories, run_clang
from .cprelude import Borrowed, borrow_types
from .cscan import Macro, Scan, scan_preprocessed
from .image import TypeImage
from .types import CArray, CEnum, CFunc, CPtr, CStruct, CType, CTypedef, Member, TypeTable, replace_types
