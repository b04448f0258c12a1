"""Convolution and pooling for NumPy arrays at the speed of the processor."""

import sys
from typing import TYPE_CHECKING, Any

from ._columns import col2im, im2col
from ._conv import conv2d
from ._families import (
    conv2d_depthwise,
    conv2d_dilated,
    conv2d_direct,
    conv2d_grouped,
    conv2d_im2col,
    conv2d_winograd,
)
from ._plan import Conv2d
from ._pool import max_pool2d
from ._separable import depthwise_separable_conv2d
from ._settings import (
    active_isa,
    apply_environment,
    available_isas,
    get_num_threads,
    set_num_threads,
    show_config,
    threads,
    use_isa,
)
from ._version import __version__

__all__ = [
    "Conv2d",
    "__version__",
    "active_isa",
    "available_isas",
    "col2im",
    "conv2d",
    "conv2d_depthwise",
    "conv2d_dilated",
    "conv2d_direct",
    "conv2d_grouped",
    "conv2d_im2col",
    "conv2d_winograd",
    "depthwise_separable_conv2d",
    "get_num_threads",
    "im2col",
    "max_pool2d",
    "reference",
    "set_num_threads",
    "show_config",
    "threads",
    "use_isa",
]

apply_environment()
del apply_environment

if "threadpoolctl" in sys.modules:
    from . import threadpoolctl  # noqa: F401 (registers fastconv there)

if TYPE_CHECKING:  # any name would be an attribute otherwise
    from . import reference
else:

    def __getattr__(name: str) -> Any:
        # The reference is for reading and testing: importing fastconv does not pay for it.
        if name == "reference":
            import importlib

            return importlib.import_module(".reference", __name__)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
