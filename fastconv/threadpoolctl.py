"""Makes threadpoolctl see and limit fastconv's threads, together with those of BLAS and OpenMP.

Importing this module registers fastconv; importing fastconv does so by itself if threadpoolctl
has been imported before.

    import threadpoolctl, fastconv
    with threadpoolctl.threadpool_limits(limits=1):
        ...
"""

from __future__ import annotations

import os

import threadpoolctl  # type: ignore[import-not-found, import-untyped, unused-ignore]

from . import _core, _settings
from ._version import __version__


class FastconvController(threadpoolctl.LibController):  # type: ignore[misc, unused-ignore]
    """What threadpoolctl asks of a library; it looks at all whose file has the name of ours."""

    user_api = "fastconv"
    internal_api = "fastconv"
    filename_prefixes = (os.path.basename(_core.__file__).lower(),)
    check_symbols = ("PyInit__core",)

    def set_additional_attributes(self) -> None:
        # Other packages have a _core too, and its one symbol; without a library it has none.
        if os.path.realpath(self.filepath) != os.path.realpath(_core.__file__):
            self.dynlib = None

    def get_num_threads(self) -> int:
        return _settings.get_num_threads()

    def set_num_threads(self, num_threads: int) -> None:
        _settings.set_num_threads(num_threads)

    def get_version(self) -> str:
        return __version__


threadpoolctl.register(FastconvController)
