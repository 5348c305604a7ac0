import pytest

from tests.research import criteria


@pytest.mark.slow
def test_only_exact_arithmetic_makes_no_mistake():
    judged = criteria.judged().values()
    mistakes = {name: sum(accepts[name] != is_right for is_right, accepts in judged) for name in criteria.CRITERIA}
    assert mistakes.pop("Gradiometer") == 0
    assert min(mistakes.values()) > 0
