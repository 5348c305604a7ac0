"""Verify every form of a problem: does it run, does it fit its inputs, is it equal to the exact derivative."""

from __future__ import annotations

import traceback
from typing import Any

from gradiometer.errors import GradiometerError
from gradiometer.problems.problem import Problem
from gradiometer.verification.coverage.dimensions import new_seed
from gradiometer.verification.coverage.places import Places
from gradiometer.verification.form_check import FormCheck, WrongGradientError
from gradiometer.verification.functions import one_line
from gradiometer.verification.reference_check import reference_remarks
from gradiometer.verification.verdict import TORCH, Verdict


def verify(problem: Problem, wrt: str | None = None, form: str | None = None, seed: int | None = None) -> list[Verdict]:
    """Verdicts on all forms of a problem, or of one `wrt`, or on one form; torch's own derivative comes last per `wrt`.

    Use it in a test of your own: `assert all(v.is_right for v in verify(problem))`. The seed determines dimensions and
    points; it is drawn anew unless it is given, and `Verdict.seed` repeats it. Computes on the CPU. Code of the problem
    that raises gives the verdict `unchecked` with the reason. Raises GradiometerError for an unknown `wrt` or form.
    """
    if wrt is not None and wrt not in problem.wrts:
        raise GradiometerError(f"wrt: expected one of {', '.join(problem.wrts)}; found {wrt!r}")
    wanted = problem.wrts if wrt is None else {wrt: problem.wrts[wrt]}
    forms = {text: [one for one in (*problem.forms(text), TORCH) if form in (None, one)] for text in wanted}
    if not any(forms.values()):
        raise GradiometerError(f"form: expected one of {', '.join(problem.forms(next(iter(wanted))))}; found {form!r}")
    seed = new_seed(problem.name) if seed is None else seed
    try:
        places = Places(problem, seed)
        return [
            verdict
            for text in wanted
            for remarks in [reference_remarks(places, problem.wrts[text])]
            for verdict in (_verdict(places, text, one, remarks) for one in forms[text])
        ]
    except Exception as error:
        why, bug = _reason(error)
        return [
            Verdict(problem.name, text, one, "unchecked", None, 0, "", why, seed=seed, traceback=bug)
            for text in wanted
            for one in forms[text]
        ]


def _reason(error: Exception) -> tuple[str, str | None]:
    """Why there is no comparison; for a bug of the checker also the traceback, since a bug costs one verdict only."""
    if isinstance(error, (GradiometerError, WrongGradientError)):
        return str(error), None
    return f"internal error, please report it: {one_line(error)}", "".join(traceback.format_exception(error))


def _verdict(places: Places, wrt: str, form: str, remarks: list[str]) -> Verdict:
    """The verdict on one form. `remarks` are on the reference."""
    check = FormCheck(places, wrt, form)
    bug = None
    try:
        check.run()
        verdict, diagnosis = check.verdict, check.diagnosis
    except Exception as error:
        is_wrong = isinstance(error, WrongGradientError) or check.verdict == "wrong"
        verdict = "wrong" if is_wrong else "unchecked"
        diagnosis, bug = _reason(error)
    notes = [*check.remarks, *places.remarks, *remarks] if verdict != "unchecked" else []
    known: dict[str, Any] = {"diagnosis": diagnosis, "remarks": "; ".join(dict.fromkeys(notes)) or None}
    if verdict == "unchecked" or check.verdict != verdict:
        return Verdict(places.problem.name, wrt, form, verdict, None, 0, "", seed=places.seed, traceback=bug, **known)
    return Verdict(
        places.problem.name, wrt, form, verdict, check.digits, check.points, check.dims,
        chance_log2=check.chance_log2 if verdict == "proved" else None, seed=places.seed, traceback=bug, **known,
    )  # fmt: skip
