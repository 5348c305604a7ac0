"""What analysis/ imports, and what the command line imports before it knows the verb."""

import ast
import subprocess
import sys

MODULES = """
import importlib, pkgutil, sys
import gradiometer.analysis
for module in pkgutil.walk_packages(gradiometer.analysis.__path__, "gradiometer.analysis."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
print(sorted(name for name in sys.modules if name.split(".")[0] in ("torch", "pytest", "gradiometer")))
"""
HEAVY = {"numpy", "pandas", "matplotlib", "seaborn", "pyarrow", "scipy", "jinja2", "duckdb", "torch", "pytest"}


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], check=False, capture_output=True, text=True, timeout=120)


def test_analysis_imports_neither_torch_nor_the_half_that_measures():
    done = run("-c", MODULES)
    assert done.returncode == 0, done.stderr
    parts = {".".join(name.split(".")[:2]) for name in ast.literal_eval(done.stdout)}
    allowed = ("analysis", "errors", "statistics", "storage")
    assert parts <= {"gradiometer", *(f"gradiometer.{name}" for name in allowed)}


def test_help_answers_before_anything_heavy_is_imported():
    done = run("-X", "importtime", "-m", "gradiometer.cli", "--help")
    assert done.returncode == 0 and "report" in done.stdout and "verify" in done.stdout
    imported = {line.rsplit("|", 1)[-1].strip() for line in done.stderr.splitlines()}
    assert not imported & HEAVY
