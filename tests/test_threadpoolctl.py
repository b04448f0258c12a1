"""threadpoolctl sees fastconv's threads and limits them."""

import shutil

import pytest
from children import printed

import fastconv

pytest.importorskip("threadpoolctl")

LIMITED = """
from threadpoolctl import ThreadpoolController, threadpool_limits
import fastconv, sys
{also}
fastconv.set_num_threads(5)
ours, = [lib for lib in ThreadpoolController().info() if lib["user_api"] == "fastconv"]
assert ours["num_threads"] == 5 and ours["version"] == fastconv.__version__, ours
with threadpool_limits(limits=1):
    assert fastconv.get_num_threads() == 1
with threadpool_limits(limits={{"fastconv": 2}}):
    assert fastconv.get_num_threads() == 2
with threadpool_limits(limits=1, user_api="blas"):
    assert fastconv.get_num_threads() == 5
print(fastconv.get_num_threads())
"""


def test_registered_with_the_import_if_threadpoolctl_is_there():
    assert printed(LIMITED.format(also="")) == "5"


def test_registered_by_its_module_otherwise():
    code = "import fastconv, sys\nassert 'threadpoolctl' not in sys.modules\n"
    assert printed(code + LIMITED.format(also="import fastconv.threadpoolctl")) == "5"


def test_a_library_of_the_same_name_is_not_ours(tmp_path):
    """SciPy has a _core as well; here it is a copy of ours, with all of its symbols."""
    other = shutil.copy(fastconv._core.__file__, tmp_path)
    load = f"import ctypes, fastconv.threadpoolctl\nctypes.CDLL({str(other)!r})"
    assert printed(LIMITED.format(also=load)) == "5"
