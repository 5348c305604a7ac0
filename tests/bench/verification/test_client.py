"""Verification in a worker process: what a dead worker, a failed request and a bug of the checker lead to."""

from __future__ import annotations

import dataclasses
import logging

from gradiometer.problems import shipped
from gradiometer.verification import TORCH, Verdict
from gradiometer.verification.client import verdicts_on
from gradiometer.workers.processes import WorkerDied, WorkerFailed

SOURCE = shipped("linear_autoencoder")
FORMS = [*SOURCE.problem.forms("W1"), TORCH]


class ScriptedWorker:
    """Answers with `exact` verdicts. `deaths` maps a requested form (None: all forms of W1) to the errors it raises."""

    def __init__(self, deaths, traceback=None):
        self.deaths, self.traceback, self.requests, self.limits = deaths, traceback, [], set()

    def ask(self, request, limit_s):
        wrt, form = request["wrt"], request["form"]
        self.limits.add(limit_s)
        self.requests.append((wrt, form))
        if wrt == "W1" and self.deaths.get(form):
            raise self.deaths[form].pop(0)
        forms = [*SOURCE.problem.forms(wrt), TORCH] if form is None else [form]
        verdicts = [
            Verdict(SOURCE.problem.name, wrt, one, "exact", 300.0, 6, "", traceback=self.traceback) for one in forms
        ]
        return {"verdicts": [dataclasses.asdict(verdict) for verdict in verdicts]}, []


def killed():
    return WorkerDied(0, "crashed", "its process ended with signal 9")


def verdicts_of_w1(worker):
    found = verdicts_on(SOURCE, worker)
    assert {verdict.verdict for verdict in found if verdict.wrt != "W1"} == {"exact"}
    return {verdict.form: verdict.verdict for verdict in found if verdict.wrt == "W1"}


def test_a_worker_that_is_killed_from_outside_costs_no_verdict():
    worker = ScriptedWorker({None: [killed()], FORMS[0]: [killed()], TORCH: [killed()]})
    assert verdicts_of_w1(worker) == dict.fromkeys(FORMS, "exact")


def test_a_form_that_kills_every_worker_is_not_checked_and_the_others_are():
    worker = ScriptedWorker({None: [killed()], FORMS[0]: [killed(), killed()]})
    assert verdicts_of_w1(worker) == {**dict.fromkeys(FORMS, "exact"), FORMS[0]: "unchecked"}


def test_a_form_that_exceeds_its_limit_is_not_tried_again():
    slow = [WorkerDied(0, "timeout", "a call ran past 60 s"), killed()]
    worker = ScriptedWorker({None: [killed()], FORMS[0]: slow})
    assert verdicts_of_w1(worker)[FORMS[0]] == "unchecked"
    assert worker.requests.count(("W1", FORMS[0])) == 1


def test_forms_that_are_verified_alone_are_announced_one_by_one(caplog):
    verdicts_on(SOURCE, ScriptedWorker({}))
    assert not caplog.text
    verdicts_on(SOURCE, ScriptedWorker({None: [killed()]}))
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == 1 + len(FORMS)
    assert all(form in line for form, line in zip(FORMS, said[1:], strict=True))


def test_every_request_has_the_limit_of_verification():
    worker = ScriptedWorker({None: [killed()], FORMS[0]: [killed()]})
    verdicts_on(SOURCE, worker, limit_s=7.0)
    assert worker.limits == {7.0}


def test_a_request_that_fails_leaves_its_forms_unchecked():
    worker = ScriptedWorker({None: [WorkerFailed("error", "no such file")]})
    assert set(verdicts_of_w1(worker).values()) == {"unchecked"}


def test_the_traceback_of_a_bug_in_the_checker_is_logged(caplog):
    with caplog.at_level(logging.ERROR):
        verdicts_on(SOURCE, ScriptedWorker({}, traceback="Traceback: a bug"))
    assert "Traceback: a bug" in caplog.text
