"""`python -m analysis` in a checkout: the same command line as `gradiometer`."""

import sys

from gradiometer.cli import main

if __name__ == "__main__":
    sys.exit(main())
