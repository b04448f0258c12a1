from typing import Any

from numpy.typing import ArrayLike, NDArray
from typing_extensions import disjoint_base

_Ints = tuple[int, ...]
_Pairs = tuple[tuple[int, int], ...]

MOST_THREADS: int

def compiled_isas() -> tuple[str, ...]: ...
def available_isas() -> tuple[str, ...]: ...
def active_isa() -> str: ...
def set_isa(name: str) -> None: ...
def get_num_threads() -> int: ...
def set_num_threads(n: int) -> None: ...
def algorithms() -> tuple[str, ...]: ...
def rows() -> tuple[str, ...]: ...
def as_array(value: Any, name: str) -> NDArray[Any]: ...
def check_dtype(a: NDArray[Any], name: str) -> None: ...
def store(out: Any, result: NDArray[Any], x: NDArray[Any]) -> NDArray[Any]: ...

@disjoint_base
class Settings:
    def __new__(
        cls,
        stride: _Ints,
        padding: _Pairs,
        dilation: _Ints,
        groups: int,
        channels_last: bool,
        lo: float,
        hi: float,
        algorithm: str | None,
        exact: bool = False,
        or_else_auto: bool = False,
        threads: int | None = None,
    ) -> Settings: ...

@disjoint_base
class Packed: ...

@disjoint_base
class Prepared: ...

@disjoint_base
class Memo: ...

@disjoint_base
class Weights:
    def __new__(cls, w: NDArray[Any], bias: NDArray[Any] | None, groups: int) -> Weights: ...

@disjoint_base
class Plan:
    _weights: Weights | None
    def __call__(self, x: ArrayLike, out: NDArray[Any] | None = None) -> NDArray[Any]: ...

def conv_with(
    own: Weights, settings: Settings, x: NDArray[Any], out: NDArray[Any] | None
) -> NDArray[Any]: ...
def explain_with(own: Weights, settings: Settings, shape: _Ints) -> dict[str, Any]: ...
def conv(
    settings: Settings,
    x: NDArray[Any],
    w: NDArray[Any],
    bias: NDArray[Any] | None,
    out: NDArray[Any] | None,
    arguments: tuple[Any, ...],
) -> NDArray[Any]: ...
def conv_again(
    x: Any, w: Any, bias: Any, out: Any, arguments: tuple[Any, ...]
) -> NDArray[Any] | None: ...
def max_pool(
    x: NDArray[Any],
    kernel: _Ints,
    stride: _Ints,
    padding: _Pairs,
    dilation: _Ints,
    ceil_mode: bool,
    return_indices: bool,
    channels_last: bool,
    out: NDArray[Any] | None,
    threads: int | None,
) -> NDArray[Any] | tuple[NDArray[Any], NDArray[Any]]: ...
def im2col(
    x: NDArray[Any], kernel: _Ints, stride: _Ints, padding: _Pairs, dilation: _Ints
) -> NDArray[Any]: ...
def col2im(
    columns: NDArray[Any],
    shape: _Ints,
    kernel: _Ints,
    stride: _Ints,
    padding: _Pairs,
    dilation: _Ints,
) -> NDArray[Any]: ...
