"""``btaot inspect``: what is inside an executable that btaot made, as text or JSON.

``read.py`` finds the payload in the file, ``model.py`` turns it into plain data with stable keys (the JSON),
``names.py`` gives symbols, types and formats a readable form, ``text.py`` renders the data for people.
"""

from __future__ import annotations

import json as json_format

from .model import describe
from .read import InspectError, read_file
from .text import render

__all__ = ["InspectError", "inspect_file"]


def inspect_file(path: str, json: bool = False) -> str:
    """Return the description of an executable as text or JSON; InspectError says why it cannot be given."""
    info = read_file(path)
    data = describe(info)
    if json:
        return json_format.dumps(data, indent=2, ensure_ascii=False) + "\n"
    return render(data)
