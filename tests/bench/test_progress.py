"""The progress of a study: one line that is redrawn on a terminal, few lines elsewhere."""

from types import SimpleNamespace

import pytest

from gradiometer.progress import Progress, duration


class Reporter:
    """Keeps what is written, as pytest's terminal reporter would write it."""

    verbosity = 0
    _tw = SimpleNamespace(fullwidth=80)

    def __init__(self, isatty):
        self.isatty, self.text = isatty, ""

    def write(self, text, flush):
        self.text += text


def progress_of(isatty, cases=100):
    """A study's whole output."""
    reporter = Reporter(isatty)
    plugins = SimpleNamespace(getplugin={"terminalreporter": reporter}.get)  # no capture manager: -p no:capture
    progress = Progress(SimpleNamespace(pluginmanager=plugins), cases, 60.0)
    progress.step("verifying")
    for done in range(cases):
        progress.case(done, f"case-{done}-{'x' * 100}")
    progress.end()
    return reporter.text


def test_a_terminal_shows_one_line_that_is_never_wrapped():
    text = progress_of(isatty=True)
    assert "\n" not in text
    lines = text.split("\r\x1b[K")[1:]
    assert len(lines) == 102 and all(len(line) < 80 for line in lines) and lines[-1] == ""


def test_a_file_gets_a_line_for_every_tenth_of_the_study():
    lines = progress_of(isatty=False).splitlines()[1:]
    assert [int(line.split("%")[0]) for line in lines] == [0, 0, *range(10, 100, 10)]
    assert "1 min 0 s left" in progress_of(isatty=False, cases=1)  # the prediction, before any case has ended


@pytest.mark.parametrize(("seconds", "text"), [(9.6, "10 s"), (190, "3 min 10 s"), (7500, "2 h 5 min")])
def test_durations(seconds, text):
    assert duration(seconds) == text
