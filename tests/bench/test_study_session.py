"""Which cells fail a session, and which tables are printed."""

from types import SimpleNamespace

import pytest

from gradiometer import pytest_plugin, study_session
from gradiometer.storage.schema import STATUSES
from gradiometer.study_session import StudySession


def config_with(*names, arguments=()):
    """A pytest configuration in which these options are given."""
    options = {pytest_plugin._destination(name): True for name in names}
    stash = pytest.Stash()
    stash[pytest_plugin.OWN] = frozenset((*pytest_plugin.VALUES, *pytest_plugin.FLAGS))
    return SimpleNamespace(
        option=SimpleNamespace(benchmark_quiet=False, **options),
        stash=stash,
        invocation_params=SimpleNamespace(args=arguments),
    )


def failing(method, *options, is_shipped):
    """The statuses of this method's cells that are failed tests."""
    plan = SimpleNamespace(cells=())
    session = StudySession(config_with(*options), plan, {"it": SimpleNamespace(is_shipped=is_shipped)})
    return {status for status in STATUSES if session.fails("it", method, status)}


def test_a_failed_form_fails_the_session_in_a_users_own_problem():
    assert failing("textbook", is_shipped=False) == {"wrong", "timeout", "error", "crashed"}
    assert failing("textbook", is_shipped=True) == failing("jacobian", is_shipped=False) == set()


def test_every_failed_cell_fails_a_strict_session():
    for method, is_shipped in (("textbook", True), ("jacobian", True), ("textbook", False)):
        found = failing(method, "--study-strict", is_shipped=is_shipped)
        assert found == {"oom", "wrong", "timeout", "error", "crashed"}


@pytest.mark.parametrize(
    ("arguments", "options", "is_quiet"),
    [([], [], True), ([], ["--study-tables"], False), (["--benchmark-sort=mean"], [], False)],
)
def test_tables_of_pytest_benchmark_are_printed_on_request(monkeypatch, arguments, options, is_quiet):
    monkeypatch.setattr(StudySession, "planned", classmethod(lambda cls, config: None))
    monkeypatch.setattr(study_session.signal, "signal", lambda *handler: None)
    config = config_with(*options, arguments=arguments)
    study_session.start(config)
    assert config.option.benchmark_quiet is is_quiet
