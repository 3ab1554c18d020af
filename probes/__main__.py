"""`python -m probes` is the command `probe`."""

import sys

from probes.cli import main

sys.exit(main())
