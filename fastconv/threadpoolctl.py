"""Makes threadpoolctl see and limit fastconv's threads, together with those of BLAS and OpenMP.

Importing this module registers fastconv; importing fastconv does so by itself if threadpoolctl
has been imported before.

    import threadpoolctl, fastconv
    with threadpoolctl.threadpool_limits(limits=1):
        ...
"""

from __future__ import annotations

import threadpoolctl  # type: ignore[import-not-found, import-untyped, unused-ignore]

from . import _core, _settings
from ._version import __version__


class FastconvController(threadpoolctl.LibController):  # type: ignore[misc, unused-ignore]
    """What threadpoolctl asks of a library; it finds ours by the name of its file."""

    user_api = "fastconv"
    internal_api = "fastconv"
    filename_prefixes = (_core.__file__.replace("\\", "/").rpartition("/")[2],)

    def get_num_threads(self) -> int:
        return _settings.get_num_threads()

    def set_num_threads(self, num_threads: int) -> None:
        _settings.set_num_threads(num_threads)

    def get_version(self) -> str:
        return __version__


threadpoolctl.register(FastconvController)
