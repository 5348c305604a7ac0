from gradiometer.problems import load
from gradiometer.template import TEMPLATE
from gradiometer.verification.client import load_request, verdicts_on
from gradiometer.workers.processes import WorkerFailed, WorkerProcess


def test_a_file_that_changes_meanwhile_is_told_every_time_and_never_waited_for(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(TEMPLATE.format(name="mine"))
    source = load(file)
    file.write_text(file.read_text() + "# changed\n")
    worker = WorkerProcess(load_request([source], []))
    try:
        for _ in range(2):
            try:
                worker.ready()
            except WorkerFailed as failure:
                assert "changed while the study was running; start the study again" in str(failure)
            else:
                raise AssertionError("a changed file was loaded")
        verdicts = verdicts_on(source, worker)
        assert [verdict.verdict for verdict in verdicts] == ["unchecked", "unchecked"]
    finally:
        worker.stop()
