"""Run ``python -m medpaint``."""

import sys

from medpaint.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
