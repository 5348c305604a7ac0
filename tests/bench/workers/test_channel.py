import subprocess
import sys
from time import monotonic, monotonic_ns

from gradiometer.workers.channel import Watch

HAMMER = (
    "import sys; from gradiometer.workers.channel import Watch; w = Watch(int(sys.argv[1]))\nwhile True: w.enter(1)"
)


def test_a_reading_is_never_torn_within_a_field():
    """A torn time once looked like a call of hours, and a sound method was stopped for it."""
    watch = Watch()
    writer = subprocess.Popen([sys.executable, "-c", HAMMER, str(watch.descriptor)], pass_fds=[watch.descriptor])
    try:
        until = monotonic() + 10
        while watch.read()[0] < 0 and monotonic() < until:
            pass
        until, worst = monotonic() + 1.5, 0
        while monotonic() < until:
            worst = max(worst, abs(monotonic_ns() - watch.read()[1]))
    finally:
        writer.kill()
        writer.wait()
        watch.close()
    assert worst < 1e9
