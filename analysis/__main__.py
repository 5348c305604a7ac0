"""`python -m analysis` in a checkout: the reading half of `gradiometer`."""

import sys

from gradiometer.analysis.cli import main

if __name__ == "__main__":
    sys.exit(main())
