"""Conv2d: a convolution whose weights are packed ahead."""

from __future__ import annotations

import copyreg
import math
from collections.abc import Sequence
from typing import Any, NamedTuple, SupportsIndex

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _args, _core
from ._args import Activation, Int, Ints, Padding
from ._conv import _filters, _image, _settings_for

_NAMES = ("stride", "padding", "dilation", "groups", "layout", "padding_mode", "activation",
          "algorithm", "precision", "threads")
_DEFAULTS = (1, 0, 1, 1, "NCHW", "zeros", None, "auto", "auto", None)


class _Parts(NamedTuple):
    """What `Conv2d.__init__` made, and replaces as one: other threads may be in a call."""

    weights: _core.Weights
    settings: _core.Settings | None  # None where they depend on the image
    w: NDArray[Any]
    bias: NDArray[Any] | None
    arguments: tuple[Any, ...]

    def settings_for(self, x_shape: tuple[int, ...]) -> _core.Settings:
        return self.settings or _settings_for(x_shape, self.w.shape, *self.arguments)


class Conv2d(_core.Plan):
    """A convolution with fixed weights; ``plan(x, out=None)`` runs it.

    Parameters are those of `conv2d` without ``x`` and ``out``, of a call those two, and so are
    its result and errors.  The weights are copied, so later changes to the array do not reach the
    plan, and packed at the first call for each dtype, instruction set and algorithm: later ones
    do not pack, so "auto" may choose otherwise than `conv2d` does.  A plan can be pickled, and
    used from many threads at once.

    Examples
    --------
    >>> import numpy as np, fastconv
    >>> blur = fastconv.Conv2d(np.full((1, 1, 3, 3), 1 / 9, np.float32), padding="same")
    >>> blur(np.ones((1, 4, 4), np.float32)).shape
    (1, 4, 4)
    >>> blur.explain((1, 4, 4))["isa"] in fastconv.available_isas()
    True
    """

    def __init__(
        self,
        w: ArrayLike,
        bias: ArrayLike | None = None,
        stride: Ints = 1,
        padding: Padding = 0,
        dilation: Ints = 1,
        groups: Int = 1,
        *,
        layout: str = "NCHW",
        padding_mode: str = "zeros",
        activation: Activation = None,
        algorithm: str = "auto",
        precision: str = "auto",
        threads: Int | None = None,
    ) -> None:
        w, bias = _filters(w, bias)
        w = np.array(w, order="C")
        bias = None if bias is None else np.array(bias, order="C")
        arguments: tuple[Any, ...] = (stride, padding, dilation, groups, layout, padding_mode,
                                      activation, algorithm, precision, threads)
        settings = _settings_for((1, 1, 1), w.shape, *arguments)
        arguments = tuple(map(_args.frozen, arguments))
        weights = _core.Weights(w, bias, arguments[3])
        # "same" depends on the image; every other padding is settled here.
        fixed = None if isinstance(padding, str) else settings
        self._parts = _Parts(weights, fixed, w, bias, arguments)
        self._weights = weights

    def _call(self, x: ArrayLike, out: NDArray[Any] | None) -> NDArray[Any]:
        """What a call does for an input unlike the last few; see _core.Plan."""
        parts, x = self._parts, _image(x)
        return _core.conv_with(parts.weights, parts.settings_for(x.shape), x, out)

    def explain(self, shape: Sequence[SupportsIndex]) -> dict[str, Any]:
        """What a call with a contiguous float input of this shape does.

        Parameters
        ----------
        shape : tuple or list of 4 ints, 3 unbatched
            In the plan's layout; a ValueError if it does not fit the weights.

        Returns
        -------
        dict
            ``algorithm`` chosen, ``algorithms`` (estimated cost of each, or why it is refused),
            ``isa``, ``dtype``, ``out_shape``, ``flops`` (two for each multiply-add),
            ``items`` (what the work can be split in), ``threads``, ``scratch_bytes``,
            ``packed_bytes`` and ``error_bound``, the gamma_n of `conv2d` (for Winograd, also
            inside ``dilated``, of its tile; infinite where n u reaches 1).
        """
        if not isinstance(shape, (tuple, list)) or len(shape) not in (3, 4):
            raise ValueError(f"shape must have 4 sizes, or 3 unbatched, got {shape!r}")
        shape = _args.per_axis(shape, "shape", len(shape), 0)
        if math.prod(max(n, 1) for n in shape) > _args.INT_MAX // 4:
            raise ValueError(f"shape must be of less than 2**63 bytes of float32, got {shape}")
        parts = self._parts
        facts = _core.explain_with(parts.weights, parts.settings_for(shape), shape)
        double, n = facts["dtype"] == "float64", facts.pop("reduction") + 1
        if facts.pop("inner").startswith("winograd"):
            # Sums over the channels and the phases of the stride (docs/numbers.md).
            stride, dilation = (_args.per_axis(parts.arguments[i], name, 2, 1)
                                for i, name in ((0, "stride"), (2, "dilation")))
            steps = [s // math.gcd(s, d) for s, d in zip(stride, dilation, strict=True)]
            kernel = parts.w.shape[2:]
            n = parts.w.shape[1] * math.prod(map(min, steps, kernel)) + 19
            n += double * sum(-(-k // s) for k, s in zip(kernel, steps, strict=True))
        nu = n * (2.0**-53 if double else 2.0**-24)
        return {**facts, "error_bound": nu / (1 - nu) if nu < 1 else math.inf}

    def __getstate__(self) -> tuple[Any, ...]:
        rest = {name: value for name, value in self.__dict__.items() if name != "_parts"}
        return (self._parts.w, self._parts.bias, self._parts.arguments, rest)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        w, bias, arguments, rest = state
        keywords = dict(zip(_NAMES, arguments, strict=True))
        Conv2d.__init__(self, w, bias, **keywords)  # a subclass may have its own
        self.__dict__.update(rest)

    def __reduce__(self) -> tuple[Any, ...]:
        return (copyreg.__newobj__, (type(self),), self.__getstate__())  # type: ignore[attr-defined]

    def __repr__(self) -> str:
        given = [f"w of shape {self._parts.w.shape}"]
        given += ["bias"] if self._parts.bias is not None else []
        given += [f"{name}={value!r}" for name, value, default in
                  zip(_NAMES, self._parts.arguments, _DEFAULTS, strict=True) if value != default]
        return f"Conv2d({', '.join(given)})"
