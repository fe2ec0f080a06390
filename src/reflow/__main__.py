"""`python -m reflow`: the same as the `reflow` command."""

import sys

from reflow.cli import main

sys.exit(main())
