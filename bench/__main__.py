"""`python -m bench` in a checkout: the same command line as `gradiometer`."""

import sys
from pathlib import Path

import gradiometer
from gradiometer.cli import main

if __name__ == "__main__":
    installed, here = Path(gradiometer.__file__).parent.resolve(), Path(__file__).parent.resolve()
    if installed != here:
        sys.exit(f"gradiometer is installed from {installed}, not from this checkout; run: pip install -e .")
    sys.exit(main())
