"""Argument forms: what a caller may write, turned into plain tuples of ints and floats.

Every function here runs once or more in each public call, and a small convolution takes about
two microseconds, so each one tests the usual form first (``type(value) is int``) and leaves the
rest to a slower function.  Every error names the argument and the value it got.
"""

from __future__ import annotations

import itertools
import math
import numbers
import operator
import reprlib
from collections.abc import Sequence
from typing import Any, SupportsFloat, SupportsIndex

import numpy as np

Int = SupportsIndex
Ints = Int | Sequence[Int]
Pairs = tuple[tuple[int, int], ...]
Padding = Int | str | Sequence[Int] | Sequence[Sequence[Int]]
Activation = str | Sequence[SupportsFloat] | None

INT_MAX = 2**63 - 1

_PADDING_NAMES = ("valid", "same")
_NO_CLIP = (-math.inf, math.inf)
_CLIPS = {"relu": (0.0, math.inf), "relu6": (0.0, 6.0)}
_SHOWN_LENGTH = 100
_MOST_ITEMS = 8  # more than any argument may have


def per_axis(value: Any, name: str, axes: int, minimum: int) -> tuple[int, ...]:
    """Return one int per axis from an int or from a sequence of `axes` ints.

    Parameters
    ----------
    value : int or sequence of int
        What the caller gave.  Anything with ``__index__`` counts as an int, except a bool;
        lists, tuples and one-dimensional integer arrays count as sequences.
    name : str
        The argument's name, for the message.
    axes : int
        The number of spatial axes.
    minimum : int
        The smallest value allowed.

    Raises
    ------
    TypeError
        If `value` is neither an int nor a sequence of ints.
    ValueError
        If there are not `axes` ints, or one is below `minimum` or is 2**63 or more.
    """
    kind = type(value)
    if kind is int:
        if minimum <= value <= INT_MAX:
            return (value,) * axes
    elif kind is tuple and len(value) == axes:
        for item in value:
            if type(item) is not int or not minimum <= item <= INT_MAX:
                break
        else:
            return value  # type: ignore[no-any-return]
    return _per_axis_any(value, name, axes, minimum)


def padding(
    value: Any,
    axes: int,
    in_size: Sequence[int],
    kernel: Sequence[int],
    stride: Sequence[int],
    dilation: Sequence[int],
) -> Pairs:
    """Return the (low, high) padding of each axis.

    Parameters
    ----------
    value : int, str or sequence
        An int for every side; one int per axis; ``((lo, hi), ...)``, one pair per axis;
        ``"valid"`` for none; ``"same"`` for an output of ``ceil(in / stride)``.  In one
        dimension a bare ``(lo, hi)`` is refused, because ``(1, 2)`` means one int per axis in
        two dimensions; write ``((lo, hi),)``.
    axes : int
        The number of spatial axes.
    in_size, kernel, stride, dilation : sequence of int
        One int per axis; read for ``"same"`` only.

    Raises
    ------
    TypeError
        If `value` has none of these forms.
    ValueError
        If a number is negative or is 2**63 or more, the length is wrong, or the name unknown.

    Notes
    -----
    ``"same"`` follows TensorFlow: the total is ``max((out - 1) * stride + (kernel - 1) *
    dilation + 1 - in, 0)``, and the odd one goes to the high side.  With a stride of 1 this is
    also PyTorch's ``padding="same"``.
    """
    kind = type(value)
    if kind is int:
        if 0 <= value <= INT_MAX:
            return ((value, value),) * axes
    elif kind is tuple and len(value) == axes:
        for item in value:
            if type(item) is not int or not 0 <= item <= INT_MAX:
                break
        else:
            return tuple([(item, item) for item in value])
        if _are_pairs(value):
            return value  # type: ignore[no-any-return]
    elif kind is str:
        if value == "same":
            return _same_padding(in_size, kernel, stride, dilation)
        if value == "valid":
            return ((0, 0),) * axes
    return _padding_any(value, axes, in_size, kernel, stride, dilation)


def frozen(value: Any) -> Any:
    """Return an argument that was found valid in a form that nobody can change any more."""
    if value is None or isinstance(value, str):
        return value
    number = _index(value)
    if number is not None:
        return number
    items = _items(value)
    return value if items is None else tuple([frozen(item) for item in items])


def positive_int(value: Any, name: str) -> int:
    """Return `value` as an int of at least 1, or raise an error that names it."""
    if type(value) is int and 1 <= value <= INT_MAX:
        return value
    number = _index(value)
    if number is None:
        raise TypeError(f"{name} must be an int, got {_shown(value)}")
    return _in_range(number, value, name, 1)


def choice(value: Any, name: str, choices: Sequence[str]) -> str:
    """Return the one of the strings `choices` that equals `value`, or raise an error naming it."""
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a string, one of {_listed(choices)}, got {_shown(value)}")
    for item in choices:  # itself, as `value` may be a subclass, which C code does not take
        if item == value:
            return item
    raise ValueError(f"{name} must be one of {_listed(choices)}, got {_shown(value)}")


def flag(value: Any, name: str) -> bool:
    """Return `value` as a bool, or raise an error that names it; 0, 1 and None are no flags."""
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name} must be a bool, got {_shown(value)}")
    return bool(value)


def clip_bounds(activation: Any, name: str = "activation") -> tuple[float, float]:
    """Return the (low, high) bounds that an activation clips the result to.

    Parameters
    ----------
    activation : None, {"relu", "relu6"} or (lo, hi)
        ``None`` clips nothing: (-inf, inf).
    name : str
        The argument's name, for the message.

    Raises
    ------
    TypeError
        If `activation` is neither None, nor a string, nor a pair of real numbers.
    ValueError
        If the name is unknown, there are not two bounds, one is NaN, or lo > hi.
    """
    if activation is None:
        return _NO_CLIP
    if isinstance(activation, str):
        bounds = _CLIPS.get(activation)
        if bounds is None:
            raise ValueError(f"{name} must be {_ACTIVATION_FORMS}, got {_shown(activation)}")
        return bounds
    items = _items(activation)
    if items is None:
        raise TypeError(f"{name} must be {_ACTIVATION_FORMS}, got {_shown(activation)}")
    if len(items) != 2:
        raise ValueError(f"{name} must have two bounds (lo, hi), got {_shown(activation)}")
    lo, hi = (_bound(item, activation, name) for item in items)
    if not lo <= hi:  # also true of NaN
        raise ValueError(f"{name} must have bounds lo <= hi, got {_shown(activation)}")
    return lo, hi


def _listed(choices: Sequence[str]) -> str:
    return ", ".join(f'"{item}"' for item in choices)


_ACTIVATION_FORMS = f"None, {_listed(tuple(_CLIPS))} or a pair (lo, hi)"


def _shown(value: Any) -> str:
    """A short repr that cannot fail: ints of over 4300 digits, for one, have no repr."""
    try:
        long = isinstance(value, (list, tuple)) and len(value) > _SHOWN_LENGTH
        text = " ".join((reprlib.repr(value) if long else repr(value)).split())
    except Exception:
        return f"a value of type {type(value).__name__}"
    return text if len(text) <= _SHOWN_LENGTH else text[: _SHOWN_LENGTH - 3] + "..."


def _index(value: Any) -> int | None:
    """`value` as an int, or None if it is not one."""
    if isinstance(value, (bool, np.bool_)):
        return None
    try:
        return operator.index(value)
    except TypeError:
        return None


def _indices(items: Sequence[Any]) -> list[int] | None:
    """`items` as ints, or None if one of them is not one."""
    indices = []
    for item in items:
        index = item if type(item) is int else _index(item)
        if index is None:
            return None
        indices.append(index)
    return indices


def _items(value: Any) -> tuple[Any, ...] | None:
    """The first items of a list, tuple or array, or None for anything else (a str, bytes, a set).

    A true tuple: a subclass of list may have another length than the items it iterates over.
    """
    if isinstance(value, (list, tuple)) or (isinstance(value, np.ndarray) and value.ndim):
        return tuple(itertools.islice(value, _MOST_ITEMS))
    return None


def _in_range(number: int, value: Any, name: str, minimum: int) -> int:
    if number < minimum:
        raise ValueError(f"{name} must be at least {minimum}, got {_shown(value)}")
    if number > INT_MAX:
        raise ValueError(f"{name} must be less than 2**63, got {_shown(value)}")
    return number


def _per_axis_any(value: Any, name: str, axes: int, minimum: int) -> tuple[int, ...]:
    number = _index(value)
    if number is not None:
        return (_in_range(number, value, name, minimum),) * axes

    def refusal(kind: type[Exception]) -> Exception:
        wanted = f"an int or a sequence of {axes} int{'s' if axes > 1 else ''}"
        return kind(f"{name} must be {wanted}, got {_shown(value)}")

    items = _items(value)
    if items is None:
        raise refusal(TypeError)
    if len(items) != axes:
        raise refusal(ValueError)
    indices = _indices(items)
    if indices is None:
        raise refusal(TypeError)
    return tuple([_in_range(item, value, name, minimum) for item in indices])


def _are_pairs(value: tuple[Any, ...]) -> bool:
    """Whether `value` already has the form that `padding` returns."""
    for pair in value:
        if type(pair) is not tuple or len(pair) != 2:
            return False
        lo, hi = pair
        if type(lo) is not int or type(hi) is not int:
            return False
        if not (0 <= lo <= INT_MAX and 0 <= hi <= INT_MAX):
            return False
    return True


def _padding_any(
    value: Any,
    axes: int,
    in_size: Sequence[int],
    kernel: Sequence[int],
    stride: Sequence[int],
    dilation: Sequence[int],
) -> Pairs:
    if isinstance(value, str):
        if choice(value, "padding", _PADDING_NAMES) == "same":
            return _same_padding(in_size, kernel, stride, dilation)
        return ((0, 0),) * axes
    number = _index(value)
    if number is not None:
        return ((_in_range(number, value, "padding", 0),) * 2,) * axes

    def refusal(kind: type[Exception]) -> Exception:
        s = "s" if axes > 1 else ""
        wanted = f"an int, {axes} int{s} (one per axis), {axes} pair{s} ((lo, hi), ...)"
        names = _listed(_PADDING_NAMES)
        return kind(f"padding must be {wanted} or {names}, got {_shown(value)}")

    items = _items(value)
    if items is None:
        raise refusal(TypeError)
    if len(items) != axes:
        raise refusal(ValueError)
    sides = _indices(items)
    if sides is not None:
        return tuple([(_in_range(side, value, "padding", 0),) * 2 for side in sides])
    pairs = []
    for item in items:
        pair = _items(item)
        if pair is None:
            raise refusal(TypeError)
        if len(pair) != 2:
            raise refusal(ValueError)
        ends = _indices(pair)
        if ends is None:
            raise refusal(TypeError)
        lo, hi = (_in_range(end, value, "padding", 0) for end in ends)
        pairs.append((lo, hi))
    return tuple(pairs)


def _same_padding(
    in_size: Sequence[int], kernel: Sequence[int], stride: Sequence[int], dilation: Sequence[int]
) -> Pairs:
    pairs = []
    for size, taps, step, spread in zip(in_size, kernel, stride, dilation, strict=True):
        out = -(-size // step)
        total = (out - 1) * step + (taps - 1) * spread + 1 - size
        if total <= 0:
            pairs.append((0, 0))
            continue
        if total > INT_MAX:
            raise ValueError(
                f'padding="same" must come to less than 2**63, got {total} '
                f"from a kernel size of {taps} and a dilation of {spread}"
            )
        low = total // 2
        pairs.append((low, total - low))
    return tuple(pairs)


def _bound(item: Any, activation: Any, name: str) -> float:
    if isinstance(item, (bool, np.bool_)) or not isinstance(item, numbers.Real):
        raise TypeError(f"{name} must be {_ACTIVATION_FORMS}, got {_shown(activation)}")
    try:
        return float(item)
    except OverflowError:
        raise ValueError(
            f"{name} must have bounds that fit a float, got {_shown(activation)}"
        ) from None
