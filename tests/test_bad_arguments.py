"""Arguments that are not arrays: each wrong one is named, with its value; its neighbours pass."""

import numpy as np
import pytest
from calls import CALLS, CONVOLUTIONS, WITH_KERNEL_SIZE, WITH_OUT, call

import fastconv


def refused(kind, name, value, target):
    """The call raises exactly `kind`, and says which argument got what."""
    with pytest.raises((ValueError, TypeError, MemoryError, OverflowError)) as caught:
        call(target, **{name: value})
    message = str(caught.value)
    assert caught.type in (kind if isinstance(kind, tuple) else (kind,)), message
    assert name in message.replace("padded", "padding"), message
    assert repr(value) in message or str(value).strip("()") in message, message


def pairs(names, values):
    return [pytest.param(n, k, v, id=f"{n}={v!r}"[:40]) for n in names for v, k in values]


STEPS = [(0, ValueError), (-1, ValueError), ((1, 0), ValueError), ((), ValueError),
         ((1, 1, 1), ValueError), (2**63, ValueError), (-(2**70), ValueError),
         (2**62, (ValueError, MemoryError)), (1.5, TypeError), ("2", TypeError), (True, TypeError),
         ((1, 1.5), TypeError), ({2}, TypeError), (1j, TypeError)]
PADDINGS = [(-1, ValueError), ((0, -1), ValueError), ("full", ValueError), ((1, 2, 3), ValueError),
            (((1, 2, 3), (1, 2, 3)), ValueError), (2**63, ValueError),
            (2**40, (ValueError, MemoryError)), (1.5, TypeError), (None, TypeError),
            (True, TypeError), ((1, (2, 3)), TypeError)]


@pytest.mark.parametrize("target", CALLS)
@pytest.mark.parametrize(("name", "kind", "value"), pairs(["stride", "dilation"], STEPS))
def test_steps(target, name, kind, value):
    refused(kind, name, value, target)


@pytest.mark.parametrize("target", CALLS)
def test_none_is_no_step(target):
    refused(TypeError, "dilation", None, target)
    if target == "max_pool2d":  # None is its default
        np.testing.assert_array_equal(call(target, stride=None), call(target, stride=3))
    else:
        refused(TypeError, "stride", None, target)


@pytest.mark.parametrize("target", CALLS)
@pytest.mark.parametrize(("name", "kind", "value"), pairs(["padding"], PADDINGS))
def test_padding(target, name, kind, value):
    refused(kind, name, value, target)


@pytest.mark.parametrize("target", WITH_KERNEL_SIZE)
@pytest.mark.parametrize(("name", "kind", "value"),
                         pairs(["kernel_size"], [*STEPS, (None, TypeError)]))
def test_kernel_size(target, name, kind, value):
    refused(kind, name, value, target)


@pytest.mark.parametrize(("name", "kind", "value"),
                         pairs(["output_size"], [*STEPS, (None, TypeError)]))
def test_output_size(name, kind, value):
    refused(kind, name, value, "col2im")


@pytest.mark.parametrize("target", CONVOLUTIONS)
@pytest.mark.parametrize(
    ("name", "kind", "value"),
    pairs(["groups"], [(0, ValueError), (-1, ValueError), (3, ValueError), (8, ValueError),
                       (2**62, ValueError), (2**63, ValueError), (1.5, TypeError),
                       ("2", TypeError), (True, TypeError), ((1, 1), TypeError)]),
)
def test_groups(target, name, kind, value):
    refused(kind, name, value, target)


@pytest.mark.parametrize("target", WITH_OUT)
@pytest.mark.parametrize(
    ("name", "kind", "value"),
    pairs(["threads"], [(0, ValueError), (-2, ValueError), (2**63, ValueError), (1.5, TypeError),
                        ("2", TypeError), (True, TypeError)])
    + pairs(["layout"], [("NCWH", ValueError), ("nchw", ValueError), (None, TypeError),
                         (1, TypeError)]),
)
def test_threads_and_layout(target, name, kind, value):
    refused(kind, name, value, target)


@pytest.mark.parametrize(
    ("name", "kind", "value"),
    pairs(["algorithm"], [("fft", ValueError), ("", ValueError), (None, TypeError)])
    + pairs(["precision"], [("fast", ValueError), (1, TypeError)])
    + pairs(["padding_mode"], [("mirror", ValueError), (None, TypeError)])
    + pairs(["activation"], [("gelu", ValueError), ((1, 0), ValueError), (1, TypeError)]),
)
@pytest.mark.parametrize("target", ["conv2d", "Conv2d"])
def test_choices(target, name, kind, value):
    refused(kind, name, value, target)


@pytest.mark.parametrize("value", [1, 0, None, "yes"])
@pytest.mark.parametrize("name", ["ceil_mode", "return_indices"])
def test_flags(name, value):
    refused(TypeError, name, value, "max_pool2d")


@pytest.mark.parametrize("target", CALLS)
@pytest.mark.parametrize("name", ["stride", "dilation", "padding"])
def test_every_form_of_an_integer(target, name):
    """numpy scalars, arrays, lists: the valid neighbours of what is refused."""
    n = 1 if name == "padding" else 2
    if target == "col2im" or (target == "conv2d_winograd" and n == 2):
        n -= 1  # its columns fit one geometry only; it takes no steps but 1
    expected = call(target, **{name: n})
    for value in (np.int64(n), np.uint8(n), np.array(n), (n, n), [n, n], np.array([n, n]),
                  (n, np.int32(n))):
        np.testing.assert_array_equal(call(target, **{name: value}), expected)


@pytest.mark.parametrize("value", [2, ((2, 0), (0, 0)), (1, 2)])
def test_pool_padding_beyond_half_of_the_kernel(value):
    refused(ValueError, "padding", value, "max_pool2d")
    assert call("max_pool2d", padding=1).shape == (2, 4, 3, 3)


@pytest.mark.parametrize("target", CALLS)
def test_kernel_beyond_the_padded_image(target):
    """The message has both sizes; one more row of padding, and it passes."""
    if target == "conv2d_winograd":  # takes no dilation
        with pytest.raises(ValueError, match=r"\b2x8\b.*\b3x3\b.*larger than the padded input"):
            call(target, x=CALLS[target][1]["x"][:, :, :2])
        return
    with pytest.raises(ValueError, match=r"\b9x8\b|\(9, 8\)") as caught:
        call(target, dilation=(5, 1))
    message = str(caught.value)
    assert "3x3" in message or "(3, 3)" in message or "11x3" in message
    assert "larger than the padded input" in message
    if target != "col2im":
        assert call(target, dilation=(4, 1)).size


def test_names_and_counts_of_settings():
    for value, kind in [(0, ValueError), (-1, ValueError), (1.5, TypeError), ("2", TypeError),
                        (None, TypeError), (True, TypeError), (2**63, ValueError)]:
        with pytest.raises(kind, match="got"):
            fastconv.set_num_threads(value)
        with pytest.raises(kind, match="got"), fastconv.threads(value):
            pass
    for value, kind in [("sse9", ValueError), ("", ValueError), (None, TypeError), (1, TypeError)]:
        with pytest.raises(kind, match="isa must be .*got"), fastconv.use_isa(value):
            pass
