"""`python -m probes` is the command `probe`."""

import sys

from probes.cli.main import main

sys.exit(main())
