"""The btaot tool from a checkout: $BTAOT_HOME, or the tree that this example is part of."""

import os
import sys
from pathlib import Path

sys.path.insert(0, os.environ.get("BTAOT_HOME") or str(Path(__file__).resolve().parents[5]))

from btaot_tool.scons import exists, generate

__all__ = ["exists", "generate"]
