"""What analysis costs and what it may not import."""

import ast
import subprocess
import sys

MODULES = """
import importlib, pkgutil, sys
import analysis
for module in pkgutil.walk_packages(analysis.__path__, "analysis."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
print(sorted(name for name in sys.modules if name.split(".")[0] in ("torch", "bench")))
"""


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], check=False, capture_output=True, text=True, timeout=60)


def test_no_module_imports_torch_nor_the_half_of_bench_that_measures():
    done = run("-c", MODULES)
    assert done.returncode == 0, done.stderr
    allowed = {
        "bench",
        "gradiometer.storage.schema",
        "gradiometer.statistics",
        "gradiometer.storage",
        "gradiometer.study.headlines",
    }
    assert {
        name
        for name in ast.literal_eval(done.stdout)
        if not name.startswith(("gradiometer.statistics.", "gradiometer.storage."))
    } <= allowed


def test_help_answers_before_anything_heavy_is_imported():
    done = run("-X", "importtime", "-m", "analysis", "--help")
    assert done.returncode == 0 and "report" in done.stdout and "compare" in done.stdout
    imported = {line.rsplit("|", 1)[-1].strip() for line in done.stderr.splitlines()}
    assert not imported & {"numpy", "pandas", "matplotlib", "seaborn", "pyarrow", "scipy", "jinja2", "duckdb"}
