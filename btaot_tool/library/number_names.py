"""Texts of numbers: strerror, signal_name, syscall_name.

A script that uses one of them carries all its texts, as the content of a map that programs only read, in rows
of ``_ROW`` bytes: that of unknown numbers, then those of 0, 1, ...  The words of errors are bpftrace's, those
of the kernel's headers.  Errors and signals are the generic ones of Linux, which both target architectures
share; system calls are read from the kernel headers that zig brings.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from ..codegen.llvm import const
from ..codegen.values import Memory, Value
from ..sema.types import INT32, Str, Type, Unknown, type_word
from ..symbols import map_value
from ..syntax import tree
from ..targets import Target
from ..zig import zig_directory
from .base import Arg, Entry, expression

if TYPE_CHECKING:
    from ..codegen.gen import Gen
    from ..sema.checker import ExpressionChecker as Checker

_ROW = 64  # the size of these strings in bpftrace, too

#: By number, from 0, with bars between them; empty where there is none.
_ERROR_TEXTS = (
    "Success|Operation not permitted|No such file or directory|No such process|Interrupted system call|I/O error|"
    "No such device or address|Argument list too long|Exec format error|Bad file number|No child processes|"
    "Try again (operation would block)|Out of memory|Permission denied|Bad address|Block device required|"
    "Device or resource busy|File exists|Cross-device link|No such device|Not a directory|Is a directory|"
    "Invalid argument|File table overflow|Too many open files|Not a typewriter|Text file busy|File too large|"
    "No space left on device|Illegal seek|Read-only file system|Too many links|Broken pipe|"
    "Math argument out of domain of func|Math result not representable|Resource deadlock would occur|"
    "File name too long|No record locks available|Invalid system call number|Directory not empty|"
    "Too many symbolic links encountered||No message of desired type|Identifier removed|"
    "Channel number out of range|Level 2 not synchronized|Level 3 halted|Level 3 reset|Link number out of range|"
    "Protocol driver not attached|No CSI structure available|Level 2 halted|Invalid exchange|"
    "Invalid request descriptor|Exchange full|No anode|Invalid request code|Invalid slot||Bad font file format|"
    "Device not a stream|No data available|Timer expired|Out of streams resources|Machine is not on the network|"
    "Package not installed|Object is remote|Link has been severed|Advertise error|Srmount error|"
    "Communication error on send|Protocol error|Multihop attempted|RFS specific error|Not a data message|"
    "Value too large for defined data type|Name not unique on network|File descriptor in bad state|"
    "Remote address changed|Can not access a needed shared library|Accessing a corrupted shared library|"
    ".lib section in a.out corrupted|Attempting to link in too many shared libraries|"
    "Cannot exec a shared library directly|Illegal byte sequence|Interrupted system call should be restarted|"
    "Streams pipe error|Too many users|Socket operation on non-socket|Destination address required|"
    "Message too long|Protocol wrong type for socket|Protocol not available|Protocol not supported|"
    "Socket type not supported|Operation not supported on transport endpoint|Protocol family not supported|"
    "Address family not supported by protocol|Address already in use|Cannot assign requested address|"
    "Network is down|Network is unreachable|Network dropped connection because of reset|"
    "Software caused connection abort|Connection reset by peer|No buffer space available|"
    "Transport endpoint is already connected|Transport endpoint is not connected|"
    "Cannot send after transport endpoint shutdown|Too many references: cannot splice|Connection timed out|"
    "Connection refused|Host is down|No route to host|Operation already in progress|Operation now in progress|"
    "Stale file handle|Structure needs cleaning|Not a XENIX named type file|No XENIX semaphores available|"
    "Is a named type file|Remote I/O error|Quota exceeded|No medium found|Wrong medium type|Operation Canceled|"
    "Required key not available|Key has expired|Key has been revoked|Key was rejected by service|Owner died|"
    "State not recoverable|Operation not possible due to RF-kill|Memory page has hardware error"
)

_SIGNAL_TEXTS = (
    "Unknown signal 0|Hangup|Interrupt|Quit|Illegal instruction|Trace/breakpoint trap|Aborted|Bus error|"
    "Floating point exception|Killed|User defined signal 1|Segmentation fault|User defined signal 2|Broken pipe|"
    "Alarm clock|Terminated|Stack fault|Child exited|Continued|Stopped (signal)|Stopped|Stopped (tty input)|"
    "Stopped (tty output)|Urgent I/O condition|CPU time limit exceeded|File size limit exceeded|"
    "Virtual timer expired|Profiling timer expired|Window changed|I/O possible|Power failure|Bad system call"
)
_REALTIME = 34  # the first and the last signal that glibc calls real-time
_SIGNAL_MAX = 64

_HEADERS = {"x86_64": "x86-linux-any", "aarch64": "aarch64-linux-any"}
_NUMBER = re.compile(r"^#define __NR_(\w+) (\d+)$", re.MULTILINE)


def _signals() -> list[str]:
    texts = _SIGNAL_TEXTS.split("|")
    numbers = range(len(texts), _SIGNAL_MAX + 1)
    return texts + [f"Real-time signal {n - _REALTIME}" if n >= _REALTIME else f"Unknown signal {n}" for n in numbers]


def _syscalls(target: Target) -> list[str]:
    header = zig_directory() / "lib/libc/include" / _HEADERS[target.name] / "asm/unistd_64.h"
    numbers = {int(number): name for name, number in _NUMBER.findall(header.read_text(encoding="utf-8"))}
    return [numbers.get(n, "") for n in range(max(numbers) + 1)]


@cache
def _rows(name: str, target: Target) -> bytes:
    """Return the texts of a function as they stand in its map."""
    match name:
        case "strerror":
            texts = ["Unknown error", *_ERROR_TEXTS.split("|")]
        case "signal_name":
            texts = ["N/A", *_signals()]
        case _:
            texts = ["Unknown syscall", *_syscalls(target)]
    return b"".join((text or texts[0]).encode().ljust(_ROW, b"\0") for text in texts)


def _name_of_number(name: str, either_sign: bool = False) -> Entry:
    """Return an entry that gives the text of a number; an error number may come with either sign."""

    def check(c: Checker, node: tree.Expr, args: list[Arg]) -> Type:
        found = c.arg(args[0])
        if not (found.is_integer or isinstance(found, Unknown)):
            return c.error(node, f"{name}() only supports int arguments ({type_word(found)} provided)")
        return Str(_ROW)

    def emit(g: Gen, node: tree.Expr, args: list[Arg]) -> Value:
        rows = _rows(name, g.mod.options.target)
        last = len(rows) // _ROW - 1
        number = g.fit(g.scalar(expression(args[0])), INT32)
        if either_sign:
            number = g.b.select(g.b.icmp_signed("<", number, const(0)), g.b.neg(number), number)
        known = g.b.icmp_unsigned("<", number, const(last))
        row = g.clamp(g.b.select(known, g.b.add(number, const(1)), const(0)), last)
        texts = g.symbol_ptr(map_value(g.mod.table(name, rows), 0))
        return Memory(Str(_ROW), g.offset(texts, g.b.mul(row, const(_ROW))))

    return Entry(name, (1, 1), check, emit)


ENTRIES = (
    _name_of_number("strerror", either_sign=True),
    _name_of_number("signal_name"),
    _name_of_number("syscall_name"),
)
