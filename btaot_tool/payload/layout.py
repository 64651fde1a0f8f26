"""The layout of ``.btaot.meta``: the contract between the compiler and aot-rt.

This file is the only place where the layout is written down.  ``header.py`` turns it into the C header
that the runtime is compiled with; ``writer.py`` and ``reader.py`` interpret it from Python.

``.btaot.meta`` is one block in the byte order of the target: a ``Header``, then the tables.  The header
holds a directory with one ``(offset, count)`` pair per table, in the order of ``TABLES``.  Offsets count
bytes from the start of the section and are multiples of 8.  ``.btaot.text`` holds nothing but the eBPF
instructions of all programs, one after the other.

Every reference between tables is an index (``ref``); every string is an offset into the string table
(``str``), whose first byte is NUL, so that 0 is the empty string.  ``NONE`` (all ones) stands for "no such
entry" where a reference is optional.
"""

from __future__ import annotations

from dataclasses import dataclass

from .enums import ENUMS as ENUMS
from .enums import FLAGS as FLAGS
from .enums import ActionKind as ActionKind
from .enums import AttachFlag as AttachFlag
from .enums import ClockKind as ClockKind
from .enums import Conv as Conv
from .enums import ConvFlag as ConvFlag
from .enums import Feature as Feature
from .enums import MapFlag as MapFlag
from .enums import MapRole as MapRole
from .enums import ParamForm as ParamForm
from .enums import ParamType as ParamType
from .enums import ProbeKind as ProbeKind
from .enums import ProgramFlag as ProgramFlag
from .enums import RelocForm as RelocForm
from .enums import SessionFact as SessionFact
from .enums import StackMode as StackMode
from .enums import StubPart as StubPart
from .enums import SymbolKind as SymbolKind
from .enums import TypeFlag as TypeFlag
from .enums import TypeKind as TypeKind
from .enums import UsdtPart as UsdtPart

MAGIC = 0x544F4154  # "BTAOT" without its first letter: 'T','A','O','T' read as a little-endian word
VERSION = 1
NONE = 0xFFFFFFFF
DIGEST_SIZE = 32  # SHA-256 over header (digest zeroed), meta and text
SECTION_META = ".btaot.meta"
SECTION_TEXT = ".btaot.text"


@dataclass(frozen=True)
class Field:
    """One member of a record.  ``type`` is u8, u16, u32, u64, i64, str or ref (both u32), or u8[N]."""

    name: str
    type: str
    doc: str = ""


@dataclass(frozen=True, slots=True, eq=False)  # a key of caches
class Record:
    """A C struct of the payload.  Fields are laid out naturally aligned, without implicit padding."""

    name: str
    doc: str
    fields: tuple[Field, ...]


def _record(name: str, doc: str, spec: str) -> Record:
    """Build a record from lines ``type name  # comment``."""
    fields = []
    for line in spec.strip().splitlines():
        decl, _, comment = line.partition("#")
        ctype, fname = decl.split()
        fields.append(Field(fname, ctype, comment.strip()))
    return Record(name, doc, tuple(fields))


# ---- records ----------------------------------------------------------------------------------

RECORDS: tuple[Record, ...] = (
    _record(
        "program",
        "A program template: instantiated once per distinct layout of its attach points.",
        """
        str name  # as the kernel shows it, at most 15 bytes
        u16 kind  # ProbeKind: decides program type and context
        u16 flags  # ProgramFlag
        u32 insn_off  # first instruction in .btaot.text, in instructions
        u32 insn_count
        u32 reloc_first
        u32 reloc_count
        u32 func_first  # func_info
        u32 func_count
        u32 line_first  # line_info
        u32 line_count
        u32 line  # of the block in the script
    """,
    ),
    _record(
        "attach",
        "One attach point as written in the script; wildcards are expanded on the host.",
        """
        u16 kind  # ProbeKind
        u16 flags  # AttachFlag
        ref program  # the template that it runs
        str text  # full name as bpftrace prints it in ``probe``: "tracepoint:sched:sched_switch"
        str target  # category, module, binary path, event name, signal name, function:...
        str name  # event, function, probe; unit "s", "ms", "us", "hz" for timers; watchpoint mode
        str ns  # usdt namespace, language of a uprobe
        str pin  # iter pin path; uprobe: what is said if no instruction is known to begin there, "": nothing
        u32 line  # of the script
        u32 column
        str build_id  # hexadecimal, of the only build of the target that this is for; else SHA-256 of the file
        u64 value  # frequency, sample period, address, function offset
        u64 length  # watchpoint length
    """,
    ),
    _record(
        "map",
        "A BPF map.",
        """
        str name  # as written, with its @; internal maps have a name of their own
        u16 flags  # MapFlag
        u16 role  # MapRole
        u32 bpf_type  # BPF_MAP_TYPE_*
        u32 key_size
        u32 value_size
        u32 max_entries  # 0: the run-time value of max_map_keys
        u32 map_flags  # BPF_F_* wanted; NO_PREALLOC is decided on the host
        ref key_type  # NONE for scalars
        ref value_type
        u32 loss_off  # byte offset in globals of the u64 that counts lost updates of this map; 0: none
        str init  # value_size bytes: what its single entry holds at the start; 0: zeroes
    """,
    ),
    _record(
        "symbol",
        "A load-time symbol.",
        """
        u16 kind  # SymbolKind
        u16 column  # of the script
        u32 a
        u32 b
        u32 line  # of the script, for messages
        i64 imm
    """,
    ),
    _record(
        "reloc",
        "A use of a symbol by a program.",
        """
        u32 insn  # relative to the program
        ref symbol
        u16 form  # RelocForm
        u16 pad0
    """,
    ),
    _record(
        "type",
        "Describes a value for printing.",
        """
        u8 kind  # TypeKind
        u8 flags  # TypeFlag
        u16 count  # fields or enumerators
        u32 size  # bytes
        u32 first  # first field or enumerator
        ref elem  # element type of arrays, of tseries
        str name  # of structs and enums
        u32 pad
        i64 p0
        i64 p1
        i64 p2
    """,
    ),
    _record(
        "field",
        "A member of a tuple, record or struct type.",
        """
        str name
        u32 offset  # bytes
        ref type
        u16 bit_off  # bitfields: their first bit in the byte at ``offset``, 0 otherwise
        u16 bit_size  # 0: no bitfield
    """,
    ),
    _record(
        "enumerator",
        "A name of an enum type.",
        """
        str name
        u32 host  # 1: kernels number it differently; the host's number replaces this one
        i64 value
    """,
    ),
    _record(
        "action",
        "What to do with an event.",
        """
        u16 kind  # ActionKind
        u16 flags
        u32 piece_first
        u32 piece_count
        ref args  # tuple type; offsets count from the start of the event, header included
        str fmt  # text that is not split into pieces (time, join separator, helper name)
        ref map
        u32 line
        u32 column
        u32 end_line
        u32 end_column
        u32 aux
        str source  # file of the place if it is not the script
    """,
    ),
    _record(
        "piece",
        "Literal text of a format, then one conversion.",
        """
        str text  # NUL-terminated
        u32 text_len  # bytes, so that embedded NULs are possible
        u8 conv  # Conv
        u8 flags  # ConvFlag
        u16 arg  # field of the action's args; 0xffff: none
        u32 width
        i64 precision  # -1: none
    """,
    ),
    _record(
        "param",
        "A named parameter (getopt).",
        """
        str name
        u16 type  # ParamType
        u16 pad0
        str default_text
        str help
        i64 default_int
        u32 offset  # of its text in the params map (strings)
        u32 pad
    """,
    ),
    _record(
        "config",
        "A configuration variable that the script set.",
        """
        str name  # lower case, without prefix
        str value
    """,
    ),
    _record(
        "func_info",
        "bpf_func_info of a program.",
        """
        u32 insn_off  # relative to the program, in instructions
        u32 type_id
    """,
    ),
    _record(
        "line_info",
        "bpf_line_info of a program.",
        """
        u32 insn_off
        u32 file_name_off
        u32 line_off
        u32 line_col
    """,
    ),
)


#: Tables in the order of the directory.  The first two are byte blocks.
TABLES: tuple[tuple[str, str], ...] = (
    ("strings", "u8"),
    ("btf", "u8"),
    ("programs", "program"),
    ("attaches", "attach"),
    ("maps", "map"),
    ("symbols", "symbol"),
    ("relocs", "reloc"),
    ("types", "type"),
    ("fields", "field"),
    ("enumerators", "enumerator"),
    ("actions", "action"),
    ("pieces", "piece"),
    ("params", "param"),
    ("configs", "config"),
    ("func_infos", "func_info"),
    ("line_infos", "line_info"),
)

HEADER = _record(
    "header",
    "First bytes of .btaot.meta; the directory of tables follows it.",
    """
    u32 magic
    u16 version
    u16 machine  # ELF e_machine of the target
    u8 elf_class  # 1: 32-bit, 2: 64-bit
    u8 elf_data  # 1: little-endian, 2: big-endian
    u16 header_size  # bytes, directory included
    u32 meta_size  # bytes of the whole section
    u32 text_size  # bytes of .btaot.text
    u32 parts  # StubPart: what the script uses
    u32 param_count  # positional parameters that the script uses
    str script  # name of the script
    str compiler  # version of btaot
    str license
    u32 globals_size  # bytes of the globals map's value
    u32 params_slot  # bytes per positional string parameter in the params map
    u32 scratch_slot  # bytes per scratch slot
    u8[32] digest
""",
)
