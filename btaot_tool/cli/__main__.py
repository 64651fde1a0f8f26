"""``python -m btaot_tool.cli``."""

import sys

from . import main

sys.exit(main())
