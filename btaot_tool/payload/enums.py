"""The enumerations and flags of the payload: part of the layout (``layout.py``), which exports them all."""

from __future__ import annotations

import enum


class ProbeKind(enum.IntEnum):
    """Provider of an attach point."""

    BEGIN = 0
    END = 1
    SELF_SIGNAL = 2
    INTERVAL = 3
    PROFILE = 4
    TRACEPOINT = 5
    RAW_TRACEPOINT = 6
    KPROBE = 7
    KRETPROBE = 8
    FENTRY = 9
    FEXIT = 10
    UPROBE = 11
    URETPROBE = 12
    USDT = 13
    SOFTWARE = 14
    HARDWARE = 15
    WATCHPOINT = 16
    ITER = 17
    TEST = 18
    BENCH = 19
    TYPED_TRACEPOINT = 20  # a raw tracepoint whose program passes its pointers on as what they are


class SymbolKind(enum.IntEnum):
    """Kind of a load-time symbol.  The comment names the operands a, b (str unless said) and imm."""

    MAP_FD = 0  # a: map (ref)
    MAP_VALUE = 1  # a: map (ref); imm: byte offset inside the single entry
    FIELD_OFFSET = 2  # a: type name ("task_struct", "union x"), b: field path ("se.avg.load_avg", "comm[2]"); bytes
    FIELD_SIZE = 3  # a, b; bytes to read (bitfields: of the smallest aligned unit that holds them)
    FIELD_LSHIFT = 4  # a, b; shift the unit left by this, then right: the value (libbpf's convention)
    FIELD_RSHIFT = 5  # a, b
    FIELD_EXISTS = 6  # a, b; 0 or 1
    TYPE_SIZE = 7  # a: type name; bytes
    TYPE_EXISTS = 8  # a: type name; 0 or 1
    ENUM_VALUE = 9  # a: its enum or "", b: enumerator; imm: its value on a host without BTF, or that lacks one of ""
    CTX_LOAD = 10  # a: field name; a LDX of the host's offset and size from r1 (context) into r0
    CTX_LSHIFT = 11  # a: field name; 64 - 8 * the host's size: both shifts after a CTX_LOAD of an integer
    CTX_OFFSET = 12  # a: field name; bytes from the context to the field (inline array) or to its loc word
    CTX_SIZE = 13  # a: field name; bytes of the field on the host
    CTX_FORM = 14  # a: field name; 0 inline, 1 __data_loc, 2 __rel_loc
    REG = 15  # a: register or "argN"/"retval"/"sargN"; a LDX of 8 bytes from pt_regs (context) into r0
    KADDR = 16  # a: kernel symbol, or $N that names it, b: its place, and a quotation below it; its address
    UADDR = 17  # a: binary, b: symbol or $N; its address in the file (st_value).  imm 1: counted from the probe's
    PARAM_INT = 18  # imm: position (1-based); number of positional parameter, 0: not given; b: ParamForm
    PARAM_COUNT = 19  # number of positional parameters given
    PARAM_STRLEN = 20  # imm: position; length of the text of the positional parameter
    OPTION_INT = 21  # a: named parameter (ref into params); integer or bool value
    OPTION_STRLEN = 22  # a: named parameter (ref into params)
    CGROUP_ID = 23  # a: path or $N
    FEATURE = 24  # imm: Feature; 0 or 1.  a: what of the script cannot do without it (then 0 is an error), or empty
    SESSION = 25  # imm: SessionFact
    PROBE_ID = 26  # index of the attach-point instance this copy of the program serves (see docs)
    USDT_ARG = 27  # imm: argument number, b: UsdtPart (number); resolved per probe instance
    KFUNC = 28  # a: kernel function to call, b as KADDR; its BTF id (call form), or, imm 1: 0 or 1, it exists
    BTF_OBJ = 29  # reserved for typed ksyms: a: symbol
    PROBE_IS = 30  # imm 0: first instance of a probe (a); 1: whether a is part of the name here; 2...: 8 bytes of it
    KFUNC_ALLOWED = 31  # a: kernel function; 0 or 1, programs of this type may call it
    ENUM_EXISTS = 32  # a: its enum or "", b: enumerator; 0 or 1


class ParamForm(enum.IntEnum):
    """What of a positional parameter is meant, whose text may be no number."""

    NUMBER = 0  # which it must be
    IS_NUMBER = 1  # 0 or 1
    NUMBER_OR_ZERO = 2


class UsdtPart(enum.IntEnum):
    """What of a USDT argument a symbol gives.  The value of argument n is::

        place 0: OFFSET
        place 1: BASE
        place 2: SIZE bytes of user memory at BASE + INDEX * SCALE + OFFSET

    read into a zeroed u64, then shifted left by LSHIFT and right by RSHIFT (arithmetically if SIGNED).
    """

    PLACE = 0  # 0 constant, 1 register, 2 memory
    BASE = 1  # LDX form
    INDEX = 2  # LDX form
    SCALE = 3  # 0: no index
    OFFSET = 4  # signed
    SIZE = 5  # bytes: 1, 2, 4, 8
    LSHIFT = 6
    RSHIFT = 7
    SIGNED = 8  # 0 or 1


class RelocForm(enum.IntEnum):
    """How a load-time symbol is written into the instruction at ``insn``."""

    IMM64 = 0  # ld_imm64: src_reg as the kind needs (map fd, map value), else 0; value in both imm words
    LDX = 1  # the call instruction is overwritten with a context load into r0
    CALLBACK = 2  # ld_imm64 of a subprogram (BPF_PSEUDO_FUNC); ``symbol`` is the target instruction
    KFUNC_CALL = 3  # call of a kfunc
    IMM32 = 4  # the instruction's 32-bit constant
    OFFSET = 5  # the offset of a load or store


class Feature(enum.IntEnum):
    """What the host's kernel can do, found by loading a small program, never from its version."""

    FETCHING_ATOMICS = 0  # cmpxchg, xchg, fetch-add (5.12)
    BPF_LOOP = 1  # bpf_loop with a callback accepted (5.17 and a JIT)
    FOR_EACH_MAP_ELEM = 2  # bpf_for_each_map_elem with a callback (5.13 and a JIT)
    ATTACH_COOKIE = 3  # bpf_get_attach_cookie (5.15), for the program type of this program
    GET_FUNC_IP = 4  # bpf_get_func_ip (5.15)
    GET_CURRENT_TASK_BTF = 5  # 5.11
    KTIME_GET_TAI_NS = 6  # 6.1
    KTIME_GET_BOOT_NS = 7  # 5.8
    PROBE_READ_KERNEL = 8  # 5.5
    JIFFIES64 = 9  # 5.6
    GET_NS_CURRENT_PID_TGID = 10  # 5.7
    D_PATH = 11  # 5.10
    STRNCMP = 12  # 5.17
    MAP_LOOKUP_PERCPU = 13  # bpf_map_lookup_percpu_elem (5.19)
    OVERRIDE_RETURN = 14  # bpf_override_return (a kernel with CONFIG_BPF_KPROBE_OVERRIDE)
    GET_SOCKET_COOKIE = 15  # bpf_get_socket_cookie for programs that trace (5.12)
    SKB_OUTPUT = 16  # bpf_skb_output (5.5)


class SessionFact(enum.IntEnum):
    """Facts of one run of the binary."""

    START_TIME = 0  # CLOCK_BOOTTIME at start, ns
    OWN_PID = 1  # tgid in the initial pid namespace
    PIDNS_DEV = 2  # st_dev of /proc/self/ns/pid in the kernel's encoding; 0: initial namespace
    PIDNS_INO = 3  # st_ino of it
    CPU_COUNT = 4  # possible CPUs
    PAGE_SIZE = 5  # bytes
    CHILD_PID = 7  # pid of -c CMD, 0 if none
    SW_TAI_OFFSET = 8  # CLOCK_TAI - CLOCK_BOOTTIME, ns (triple vDSO sandwich)
    HELPER_ERRORS = 9  # 1 if errors of helpers are to be reported (-k)


class TypeKind(enum.IntEnum):
    """Kind of a value in a map or an event; decides how it is laid out, sorted and printed."""

    VOID = 0
    BOOL = 1  # 1 byte
    INT = 2  # 1, 2, 4, 8 bytes; flag SIGNED
    POINTER = 3  # 8 bytes, printed as 0x...
    STRING = 4  # ``size`` bytes, NUL-terminated if shorter; flag TRUNC_MARK: see docs
    VSTRING = 5  # only in events: u32 {offset from record start: u16, length: u16}
    BUFFER = 6  # u32 length, then ``size - 4`` bytes
    VBUFFER = 7  # only in events, as VSTRING
    ARRAY = 8  # p0 elements of type ``elem``
    STRUCT = 9  # named fields, printed as { .a = 1, .b = 2 }
    TUPLE = 10  # unnamed fields, printed as (a, b)
    RECORD = 11  # named fields, printed as { .a = 1 }
    ENUM = 12  # as INT; ``first`` .. ``count``: names in the enumerator table
    KSYM = 13  # u64 address
    USYM = 14  # u64 address, u32 pid, u32 probe instance (top bit: the function of the instance)
    KSTACK = 15  # u64 id, u32 frames, u32 0; p0: stack mode, p1: depth limit; frames: the STACK event of this value
    USTACK = 16  # u64 id, u32 frames, u32 pid; p0, p1 as KSTACK
    TIMESTAMP = 17  # strftime: u64 ns, u32 clock (ClockKind), u32 format (str)
    INET = 18  # u32 family, 16 bytes address
    MAC = 19  # 6 bytes in 8
    USERNAME = 20  # u32 uid
    CGROUP_PATH = 21  # u64 id, u32 filter (str), u32 0
    PROBE_NAME = 22  # u32 probe instance
    COUNT = 32  # aggregations, one value per CPU: u64
    SUM = 33  # i64 or u64 (flag SIGNED)
    MIN = 34  # i64 value, u64 present
    MAX = 35  # i64 value, u64 present
    AVG = 36  # i64 total, u64 count
    STATS = 37  # i64 total, u64 count
    HIST = 38  # u64 buckets[p1]; p0: bits
    LHIST = 39  # u64 buckets[]; p0 min, p1 max, p2 step
    TSERIES = 40  # p0 interval ns, p1 number of buckets, p2 aggregation; see docs


class TypeFlag(enum.IntFlag):
    """Properties of a type."""

    SIGNED = 1
    TRUNC_MARK = 2
    P0_GIVEN = 4  # p0 is the row of a PARAM_INT symbol that gives it on the host
    P1_GIVEN = 8
    P2_GIVEN = 16


class StackMode(enum.IntEnum):
    """How a stack is printed."""

    BPFTRACE = 0
    PERF = 1
    RAW = 2
    BUILD_ID = 3


class ClockKind(enum.IntEnum):
    """Clock that a timestamp was taken from."""

    MONOTONIC = 0
    BOOT = 1
    TAI = 2
    SW_TAI = 3
    REALTIME = 4


class ActionKind(enum.IntEnum):
    """What the runtime does when an event arrives.  The event's ``action`` word is the index of the action."""

    PRINTF = 0  # pieces
    ERRORF = 1  # pieces, printed on stderr with the source location; aux: lines printed after it ("expanded from"; str)
    WARNF = 2
    PRINT = 3  # one value: field 0 of ``args``
    PRINT_MAP = 4  # map; args (top, div) u32 each
    PRINT_MAP_ELEM = 5  # map; args (key, value): printed as @m[key]: value
    CLEAR = 6  # map
    ZERO = 7  # map
    EXIT = 8  # args (code) u8; aux: 1 in an iterator, whose printf()s are printed all the same
    TIME = 9  # fmt
    STRFTIME = 10  # reserved
    JOIN = 11  # fmt: separator; every field of args is a string, the first empty one ends the list
    CAT = 12  # pieces make the file name
    SYSTEM = 13  # pieces make the command
    HELPER_ERROR = 14  # args (return value) i32; fmt: helper name (no args: the message); aux: lines after it (str)
    MAP_FULL = 15  # map; aux as HELPER_ERROR
    SKBOUTPUT = 16
    DEBUGF = 17
    FAIL = 18
    UNWATCH = 19
    STACK = 20  # args (stack), then its frames: a stack that was not sent before


class Conv(enum.IntEnum):
    """Conversion of one printf piece: the letter after '%', integers with their signedness."""

    NONE = 0  # only the literal text
    D = 1
    U = 2
    X = 3
    XX = 4  # %X
    O = 5  # noqa: E741
    C = 6
    S = 7  # any printable type
    P = 8
    R = 9  # buffer: ASCII or \\x..
    RX = 10  # buffer: \\x.. for every byte
    RH = 11  # buffer: hex, space separated
    GR = 12
    B = 13
    EE = 14


class ConvFlag(enum.IntFlag):
    """Flags and length modifiers of a printf conversion."""

    LEFT = 1  # -
    ZERO = 2  # 0
    PLUS = 4
    SPACE = 8
    ALT = 16  # #
    GROUP = 32  # '
    INT32 = 64  # the integer is cut to 32 bits first: no length modifier (bpftrace cuts, too); l, ll, j, z, t: none
    INT16 = 128  # h; INT32 and INT16 together: hh, 8 bits


class MapFlag(enum.IntFlag):
    """Properties of a map."""

    SCALAR = 1  # no key: ARRAY / PERCPU_ARRAY of one; if PRESENCE, an u64 after the value tells if it was set
    INTERNAL = 2  # not printed, not visible to the user
    PERCPU = 4
    PRESENCE = 8
    USER_SIZED = 16  # max_entries comes from a declaration, not from max_map_keys


class MapRole(enum.IntEnum):
    """Which internal map this is."""

    USER = 0
    RINGBUF = 1
    GLOBALS = 2
    SCRATCH = 3
    PARAMS = 4  # strings of parameters: one array entry
    STACKS = 5  # stacks that were sent: keys are their values
    EVENT_LOSS = 6
    PERF = 7  # perf event array for skboutput
    IMPORTED = 8  # of an imported C source or object: its maps, and its data sections; texts of numbers
    ROW = 9  # the row that runs a part of a block: key, then value, each 8-aligned
    LOCALS = 10  # variables that the parts of a block share
    UNWIND = 11  # for dw_ustack: rows {u64 address, u32 pid, u32 0, u32 words[4]} in order; row 0: how many there are


class ParamType(enum.IntEnum):
    """Type of a named parameter."""

    BOOL = 0
    INT = 1
    STRING = 2


class AttachFlag(enum.IntFlag):
    """Properties of an attach point."""

    WILDCARD = 1  # target or name holds * ? [ ]
    OPTIONAL = 2  # missing is not an error whatever missing_probes says
    NEEDS_IDENTITY = 4  # the body uses ``probe``, ``func`` or per-instance facts
    FIRST = 8  # of its block: with it those up to the next FIRST
    VALUE_SYMBOL = 16  # ``value`` is the row of a load-time symbol that gives it
    PARAMS = 32  # its strings hold $1, $2, ..., which stand for positional parameters
    WHOLE = 64  # only where the kernel has bpf_for_each_map_elem; its parts, which follow, only where it has not
    PART = 128  # ``length`` counts from 1; ``value``: 1 + the map whose rows run it, 0: it is run once
    SESSION = 256  # a kprobe with its kretprobe, or that: one program for both where the kernel has kprobe sessions
    ADDRESS = 512  # ``value`` is the address of the function ``name``, whose symbol the target lacks
    OPEN = 1024  # leaves a part open, as patterns do: C++ overloads, a usdt's provider, a raw tracepoint's module
    CHOICE = 2048  # one of many rows for ``$1 { }``; ``pin``: what is written, a tab, the number of parts, types
    UNCHECKED = 4096  # built with --unsafe: --traceable-functions does not decide whether the function may be probed


class ProgramFlag(enum.IntFlag):
    """Properties of a program."""

    USES_SCRATCH = 1
    SLEEPABLE = 2
    EXIT_CODE = 4
    USES_PROBE_ID = 8


class StubPart(enum.IntFlag):
    """Part of the runtime that not every stub has (``variants.py``); the header tells which ones the script uses."""

    SYMBOLS = 1  # names of user-space addresses, C++ names
    LINES = 2  # source lines and inlined functions of user stacks; without it they are left out
    UNWIND = 4  # unwind tables for dw_ustack
    TRIALS = 8  # --test and --bench; without it they are refused
    TSERIES = 16  # maps of tseries()
    PACKETS = 32  # files of skboutput()
    ITERS = 64  # iter probes
    GIVEN = 128  # parameters as bounds of histograms and as types of probes


ENUMS: tuple[type[enum.IntEnum], ...] = (
    ProbeKind,
    SymbolKind,
    ParamForm,
    UsdtPart,
    RelocForm,
    Feature,
    SessionFact,
    TypeKind,
    StackMode,
    ClockKind,
    ActionKind,
    Conv,
    MapRole,
    ParamType,
)
FLAGS: tuple[type[enum.IntFlag], ...] = (TypeFlag, ConvFlag, MapFlag, AttachFlag, ProgramFlag, StubPart)
