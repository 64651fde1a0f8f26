"""Names of probe types: every spelling and the canonical name it stands for."""

from __future__ import annotations

# Canonical name -> short and old spellings.
PROVIDERS: dict[str, tuple[str, ...]] = {
    "begin": (),
    "end": (),
    "self": (),
    "test": (),
    "bench": (),
    "interval": ("i",),
    "profile": ("p",),
    "tracepoint": ("t",),
    "rawtracepoint": ("rt",),
    "kprobe": ("k",),
    "kretprobe": ("kr",),
    "fentry": ("f", "kfunc"),
    "fexit": ("fr", "kretfunc"),
    "uprobe": ("u",),
    "uretprobe": ("ur",),
    "usdt": ("U",),
    "software": ("s",),
    "hardware": ("h",),
    "watchpoint": ("w",),
    "iter": ("it",),
}

_ALIASES = {alias: name for name, aliases in PROVIDERS.items() for alias in (name, *aliases)}


def canonical_provider(written: str) -> str:
    """Return the long name of a provider; one that is not known (a glob, a mistake) comes back in lower case.

    Short names are exact (``u`` is uprobe, ``U`` is usdt), long ones may be in any case (``BEGIN``).
    """
    return _ALIASES.get(written) or _ALIASES.get(written.lower()) or written.lower()
