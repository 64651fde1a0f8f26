"""``python -m btaot_tool`` is ``btaot``."""

import sys

from .cli import main

sys.exit(main())
