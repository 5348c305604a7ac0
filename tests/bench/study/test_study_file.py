import pytest

from gradiometer.study import study_file
from gradiometer.study.study_file import StudyError


def test_all_mistakes_of_a_file_are_reported_one_a_line():
    text = """
    budget_s = -1
    procesess = 3
    [[grid]]
    sizes = [8, -4, 1000000000000, 2.5]
    dtypes = ["float23"]
    wrt = []
    [[grid]]
    size = [3]
    """
    with pytest.raises(StudyError) as caught:
        study_file.parse(text, "mine")
    assert sorted(str(caught.value).splitlines()) == [
        "mine: budget_s: found -1; accepted: a number above 0.0",
        "mine: grid[0].dtypes[0]: found 'float23'; accepted: 'float16', 'bfloat16', 'float32' or 'float64'",
        "mine: grid[0].sizes[1]: found -4; accepted: a number at least 1",
        "mine: grid[0].sizes[2]: found 1000000000000; accepted: a number at most 65536",
        "mine: grid[0].sizes[3]: found 2.5; expected a valid integer",
        "mine: grid[0].wrt: found an empty list; give at least one",
        "mine: grid[1].size: unknown key; did you mean sizes?",
        "mine: grid[1].sizes: missing; it must be given",
        "mine: procesess: unknown key; did you mean processes?",
    ]


@pytest.mark.parametrize("text", ["[[grid]\n", "a = ", "[[grid]]\nsizes = [8", "\x00"])
def test_a_file_that_is_not_toml_is_refused_in_one_line(text):
    with pytest.raises(StudyError, match="mine: not TOML: ") as caught:
        study_file.parse(text, "mine")
    assert "\n" not in str(caught.value)
