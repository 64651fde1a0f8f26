"""Makes the compiler of this tree importable and BtAot callable without an environment."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(Dir("#").abspath)))  # noqa: F821 - SCons runs this file with its own names
