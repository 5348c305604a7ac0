"""Tables of aten operations that evaluation and derivative treat in one way, whatever the arithmetic."""

from __future__ import annotations

MOVES = {
    "_reshape_alias", "_unsafe_view", "alias", "alias_copy", "as_strided", "as_strided_copy", "as_strided_scatter",
    "block_diag", "cat", "clone", "constant_pad_nd", "copy", "detach", "detach_copy", "diag_embed", "diagonal",
    "diagonal_copy", "diagonal_scatter", "expand", "expand_copy", "flip", "gather", "index", "index_copy", "index_put",
    "index_select", "lift_fresh_copy", "narrow_copy", "permute", "permute_copy", "repeat", "roll", "rot90", "scatter",
    "select", "select_backward", "select_copy", "select_scatter", "slice", "slice_backward", "slice_copy",
    "slice_scatter", "split", "split_copy", "split_with_sizes", "split_with_sizes_copy", "squeeze", "squeeze_copy",
    "stack", "t", "t_copy", "transpose", "transpose_copy", "tril", "triu", "unbind", "unbind_copy", "unfold",
    "unfold_copy", "unsafe_split", "unsafe_split_with_sizes", "unsqueeze", "unsqueeze_copy", "view", "view_copy",
    "where",
}  # fmt: skip
"""Operations in which every output entry is an input entry or zero."""

SPLITS = {
    "split", "split_copy", "split_with_sizes", "split_with_sizes_copy", "unbind", "unbind_copy", "unsafe_split",
    "unsafe_split_with_sizes",
}  # fmt: skip
"""Moves with several results, which together hold every entry of the operand once."""

POSITIONS = {
    "gather": 2, "index": 1, "index_copy": 2, "index_put": 1, "index_select": 2,
    "scatter": 2, "scatter_add": 2, "where": 0,
}  # fmt: skip
"""Operation → the argument that holds positions; its tensors are not operands."""

SELECTIONS = {
    "argmax", "argmin", "argsort", "cummax", "cummin", "kthvalue", "max", "median", "min", "mode", "nanmedian", "sort",
    "topk",
}  # fmt: skip
"""Operations along one dimension that select entries by their order alone, or return the entries' indices."""

TRUTHS = {"all", "any", "count_nonzero", "logical_and", "logical_not", "logical_or", "logical_xor", "nonzero"}
"""Operations that use only whether an entry is zero."""

SELECTS = {"argmax": "largest", "argmin": "smallest", "max": "largest", "min": "smallest"}
"""Selection → the only entries whose order matters; for other selections all do."""

DECISIONS = {"ceil", "floor", "round", "sign", "trunc"}
"""Step functions. PyTorch computes them for constants of the program, as it decides comparisons of constants."""

LIKES = {
    "empty_like", "full_like", "new_empty", "new_empty_strided", "new_full", "new_ones", "new_zeros", "ones_like",
    "zero", "zeros_like",
}  # fmt: skip
"""Operations that use only the shape of their operand."""

CASTS = {"_to_copy", "convert_element_type"}
"""Changes of dtype. Between floating dtypes they round in PyTorch and are the identity in mathematics."""

STORAGE_KEYWORDS = {"device", "dtype", "layout", "memory_format", "non_blocking", "pin_memory"}
"""Keyword arguments that say where and how numbers are stored; evaluation ignores them."""
