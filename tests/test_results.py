"""Results that the library allocates: where they begin, and that they are arrays like any other."""

import itertools
import pickle
import sys
from pathlib import Path

import numpy as np
import pytest

import fastconv

PAGE, LINE = 4096, 64


def convolve(size, dtype=np.float32, **options):
    x, w = np.ones((1, 1, size, size), dtype), np.ones((1, 1, 1, 1), dtype)
    return fastconv.conv2d(x, w, **options)


def address(a):
    return a.__array_interface__["data"][0]


@pytest.mark.parametrize("size", [32, 33, 181])
def test_they_begin_on_a_cache_line(dtype, size):
    kept = [convolve(size, dtype) for _ in range(4)]
    kept += [fastconv.max_pool2d(y, 1) for y in kept]
    assert {address(y) % LINE for y in kept if y.nbytes >= PAGE} == {0}


def test_large_ones_begin_at_two_places_of_a_page_in_turn():
    """So that neither a layer's input and result nor two results lie alike."""
    kept = [convolve(256) for _ in range(4)]
    places = [address(y) % PAGE for y in kept]
    assert len(set(places)) == 2 and places[0] == places[2] != places[1]
    numpy, page = 16, 0
    for quarter in (PAGE, PAGE // 2, PAGE // 4):
        for a, b in itertools.combinations({*places, numpy, page}, 2):
            assert {a, b} == {numpy, page} or LINE < (a - b) % quarter < quarter - LINE


@pytest.mark.parametrize("size", [4, 60, 256, 1100])
def test_they_are_arrays_like_any_other(size):
    y = convolve(size)
    assert y.flags.owndata and y.flags.c_contiguous and y.flags.writeable and (y == 1).all()
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(y)), y)
    y.resize((size + 1, size), refcheck=False)
    assert (y[:size] == 1).all() and (y[size:] == 0).all()
    y.resize((2, 3), refcheck=False)
    assert (y == 1).all()


def test_arrays_of_others_stay_where_numpy_puts_them():
    core = np._core if hasattr(np, "_core") else np.core
    handler_name = core.multiarray.get_handler_name
    y = convolve(100)
    assert handler_name(y) == "fastconv"
    assert handler_name(np.empty((100, 100))) == handler_name(y.copy()) == handler_name()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc/self/statm")
def test_they_are_given_back():
    def resident():
        return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE

    before = resident()
    for _ in range(64):
        y = convolve(1024)
        assert y.nbytes == 4 << 20
    assert resident() < before + 64 * y.nbytes // 2
