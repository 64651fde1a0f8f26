"""The examples, which the README's first command builds: nothing in them is warned of."""

from __future__ import annotations

from pathlib import Path

import pytest

from btaot_tool.compiler import compile_script
from btaot_tool.diagnostics import Source
from btaot_tool.options import Options
from btaot_tool.targets import TARGETS

EXAMPLES = sorted((Path(__file__).resolve().parents[2] / "examples").glob("*.bt"))


@pytest.mark.parametrize("script", EXAMPLES, ids=lambda path: path.stem)
@pytest.mark.parametrize("target", TARGETS)
def test_no_warnings(script: Path, target: str) -> None:
    source = Source(script.name, script.read_text(encoding="utf-8"))
    result = compile_script(source, Options(target=TARGETS[target]))
    assert [item.render() for item in result.diagnostics] == []
