import pytest
import torch

from tests.research import criteria


@pytest.fixture
def one_thread():
    """Two threads wait for each other on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.slow
def test_only_exact_arithmetic_makes_no_mistake(one_thread):
    judged = criteria.judged().values()
    mistakes = {name: sum(accepts[name] != is_right for is_right, accepts in judged) for name in criteria.CRITERIA}
    assert mistakes.pop("Gradiometer") == 0
    assert min(mistakes.values()) > 0
