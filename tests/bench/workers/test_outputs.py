"""Gradients are compared and copied as soon as they are returned, and shared memory is named."""

import pytest
import torch

from gradiometer.workers.outputs import MOST_KEPT, Outputs

X = torch.arange(4.0)


def test_different_gradients_are_kept_once_each_up_to_a_limit():
    outputs = Outputs([X])
    for factor in (1, 1, 2, 1, float("nan"), float("nan"), 3, 4, 5):
        outputs.add("form", factor * X)
    assert len(outputs.kept["form"]) == MOST_KEPT
    assert [float(kept[0][1]) for kept in outputs.kept["form"][:2]] == [1, 2]
    assert not outputs.notes


@pytest.mark.parametrize("returned", [3.0, None, (X, 2.0), torch.ones(2, 2).to_sparse()])
def test_what_is_no_tensor_is_kept_too(returned):
    outputs = Outputs([X])
    for _ in range(2):
        outputs.add("form", returned)
    assert len(outputs.kept["form"]) == 1


def test_a_buffer_of_two_methods_is_copied_before_the_other_writes_and_named():
    outputs, buffer = Outputs([X]), torch.empty(4)
    outputs.add("right", torch.mul(X, 2, out=buffer))
    outputs.add("triple", torch.mul(X, 3, out=buffer))
    outputs.add("right", torch.mul(X, 2, out=buffer))
    assert [len(outputs.kept[name]) for name in ("right", "triple")] == [1, 1]
    assert torch.equal(outputs.kept["right"][0][0], 2 * X)
    assert torch.equal(outputs.kept["triple"][0][0], 3 * X)
    assert "triple" in outputs.notes["right"] and "right" in outputs.notes["triple"]


def test_a_buffer_of_one_method_is_named_and_an_input_is_not():
    outputs, buffer = Outputs([X]), torch.empty(4)
    for _ in range(2):
        outputs.add("own", torch.mul(X, 2, out=buffer))
        outputs.add("input", X)
        outputs.add("view", X[:2])
        outputs.add("fresh", 2 * X)
    assert set(outputs.notes) == {"own"}
