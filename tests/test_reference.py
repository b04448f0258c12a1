"""The specification itself: loops against NumPy, against scipy, and against small sums by hand."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import correlate2d

from fastconv import reference
from fastconv.reference import vectorized

FORMS = pytest.mark.parametrize("ref", [reference, vectorized], ids=["naive", "vectorized"])
NAN, INF = math.nan, math.inf

strides = st.integers(1, 3) | st.tuples(st.integers(1, 3), st.integers(1, 3))
dilations = st.integers(1, 2) | st.tuples(st.integers(1, 2), st.integers(1, 3))
sides = st.integers(0, 2)
paddings = (
    sides
    | st.tuples(sides, sides)
    | st.tuples(st.tuples(sides, sides), st.tuples(sides, sides))
    | st.sampled_from(["valid", "same"])
)
seeds = st.integers(0, 2**32 - 1)


def normal(seed, *shape):
    return np.random.default_rng(seed).standard_normal(shape)


class TestConv2d:
    @FORMS
    def test_by_hand(self, ref):
        x = [[[1.0, 2, 3], [4, 5, 6], [7, 8, 9]]]
        w = [[[[1.0, 0], [0, -1]]]]
        assert ref.conv2d(x, w).tolist() == [[[-4, -4], [-4, -4]]]
        assert ref.conv2d(x, w, [10]).tolist() == [[[6, 6], [6, 6]]]
        assert ref.conv2d(x, w, activation="relu").tolist() == [[[0, 0], [0, 0]]]
        assert ref.conv2d(x, w, [7.5], activation=(0, 3)).tolist() == [[[3, 3], [3, 3]]]
        assert ref.conv2d(x, w, dilation=2).tolist() == [[[-8]]]
        assert ref.conv2d(x, w, stride=2, padding=1).tolist() == [[[-1, -3], [-7, -4]]]
        assert ref.conv2d(x, w, padding=((1, 0), (0, 1)), stride=3).tolist() == [[[-2]]]
        assert ref.conv2d(x, w, padding="same").tolist() == [[[-4, -4, 3], [-4, -4, 6], [7, 8, 9]]]

    @FORMS
    def test_groups_by_hand(self, ref):
        x = np.array([1.0, 10, 100, 1000]).reshape(4, 1, 1)
        w = np.array([[1.0, 2], [3, 4], [5, 6], [7, 8]]).reshape(4, 2, 1, 1)
        assert ref.conv2d(x, w, groups=2).ravel().tolist() == [21, 43, 6500, 8700]
        depthwise = np.array([1.0, 2, 3, 4, 5, 6, 7, 8]).reshape(8, 1, 1, 1)
        expected = [1, 2, 30, 40, 500, 600, 7000, 8000]
        assert ref.conv2d(x, depthwise, groups=4).ravel().tolist() == expected

    @settings(max_examples=60, deadline=None)
    @given(
        seed=seeds,
        batch=st.sampled_from([None, 0, 1, 2]),
        groups=st.integers(1, 3),
        per_group=st.tuples(st.integers(1, 2), st.integers(1, 2)),
        size=st.tuples(st.integers(5, 8), st.integers(7, 9)),
        kernel=st.tuples(st.integers(1, 3), st.integers(1, 3)),
        stride=strides,
        padding=paddings,
        dilation=dilations,
        padding_mode=st.sampled_from(["zeros", "reflect", "replicate", "circular"]),
        with_bias=st.booleans(),
        activation=st.sampled_from([None, "relu", "relu6", (-0.5, 0.5)]),
    )
    def test_naive_equals_vectorized(
        self, seed, batch, groups, per_group, size, kernel, with_bias, **options
    ):
        filters, channels = groups * per_group[0], groups * per_group[1]
        x = normal(seed, *(() if batch is None else (batch,)), channels, *size)
        w = normal(seed + 1, filters, per_group[1], *kernel)
        bias = normal(seed + 2, filters) if with_bias else None
        naive = reference.conv2d(x, w, bias, groups=groups, **options)
        fast = vectorized.conv2d(x, w, bias, groups=groups, **options)
        assert naive.dtype == fast.dtype == np.float64
        assert naive.shape == fast.shape
        np.testing.assert_allclose(naive, fast, rtol=1e-12, atol=1e-12)

    @settings(max_examples=40, deadline=None)
    @given(
        seed=seeds,
        groups=st.integers(1, 2),
        kernel=st.tuples(st.integers(1, 4), st.integers(1, 3)),
        stride=st.tuples(st.integers(1, 3), st.integers(1, 3)),
        pads=st.tuples(st.tuples(sides, sides), st.tuples(sides, sides)),
        dilation=st.tuples(st.integers(1, 2), st.integers(1, 3)),
    )
    def test_naive_equals_scipy(self, seed, groups, kernel, stride, pads, dilation):
        x = normal(seed, 2, 2 * groups, 8, 9)
        w = normal(seed + 1, 3 * groups, 2, *kernel)
        # scipy knows neither stride nor dilation: spread the taps, keep every stride-th pixel.
        extent = [(taps - 1) * d + 1 for taps, d in zip(kernel, dilation, strict=True)]
        spread = np.zeros((*w.shape[:2], *extent))
        spread[:, :, :: dilation[0], :: dilation[1]] = w
        padded = np.pad(x, ((0, 0), (0, 0), *pads))
        got = reference.conv2d(x, w, None, stride, pads, dilation, groups)
        for n, k in itertools.product(range(2), range(3 * groups)):
            first = k // 3 * 2
            full = sum(
                correlate2d(padded[n, first + c], spread[k, c], mode="valid") for c in range(2)
            )
            expected = full[:: stride[0], :: stride[1]]
            np.testing.assert_allclose(got[n, k], expected, rtol=1e-12, atol=1e-12)

    @FORMS
    @pytest.mark.parametrize(
        "boundary", [("zeros", "fill"), ("reflect", None), ("circular", "wrap")]
    )
    def test_borders(self, ref, boundary):
        mode, scipy_mode = boundary
        x, w = normal(1, 1, 6, 7), normal(2, 1, 1, 3, 3)
        if scipy_mode:
            expected = correlate2d(x[0], w[0, 0], mode="same", boundary=scipy_mode)
        else:  # scipy's "symm" repeats the edge, which is another border
            expected = correlate2d(np.pad(x[0], 1, mode="reflect"), w[0, 0], mode="valid")
        got = ref.conv2d(x, w, padding=1, padding_mode=mode)
        np.testing.assert_allclose(got[0], expected, rtol=1e-12, atol=1e-12)

    @FORMS
    @pytest.mark.parametrize(("mode", "most"), [("reflect", 3), ("circular", 4)])
    def test_a_border_wider_than_the_image_has_is_refused(self, ref, mode, most):
        x, w = np.ones((1, 4, 4)), np.ones((1, 1, 1, 1))
        assert ref.conv2d(x, w, padding=most, padding_mode=mode).shape == (1,) + (4 + 2 * most,) * 2
        with pytest.raises(ValueError, match=f"^padding must be at most {most} for padding_mode"):
            ref.conv2d(x, w, padding=most + 1, padding_mode=mode)

    @FORMS
    def test_nan_passes_the_activation(self, ref):
        x = np.array([[[NAN, -1.0, 8.0]]])
        got = ref.conv2d(x, np.ones((1, 1, 1, 1)), activation="relu6")
        np.testing.assert_array_equal(got, [[[NAN, 0, 6]]])

    @FORMS
    def test_a_zero_border_takes_part_in_the_sum(self, ref):
        got = ref.conv2d(np.ones((1, 1, 2)), [[[[1.0, INF, 1.0]]]], padding=(0, 1))
        np.testing.assert_array_equal(got, [[[INF, INF]]])
        with np.errstate(invalid="ignore"):
            got = ref.conv2d(np.ones((1, 1, 2)), [[[[INF, 1.0, 1.0]]]], padding=(0, 1))
        np.testing.assert_array_equal(got, [[[NAN, INF]]])

    def test_dtypes(self):
        x, w = np.ones((1, 3, 3), np.float32), np.ones((1, 1, 2, 2), np.float32)
        assert reference.conv2d(x, w).dtype == np.float64
        assert vectorized.conv2d(x, w).dtype == np.float32
        assert vectorized.conv2d(x, w.astype(np.float64)).dtype == np.float64
        assert vectorized.conv2d(x.astype(int), w).dtype == np.float64
        assert vectorized.conv2d(x.astype(np.float16), w.astype(np.float16)).dtype == np.float32

    @FORMS
    @pytest.mark.parametrize("kind", [bool, object, complex, "M8[s]", str])
    @pytest.mark.parametrize("name", ["x", "w", "bias"])
    def test_arrays_of_other_kinds_are_type_errors(self, ref, kind, name):
        arrays = {"x": np.ones((1, 3, 3)), "w": np.ones((1, 1, 1, 1)), "bias": np.ones(1)}
        arrays[name] = np.zeros(arrays[name].shape).astype(int).astype(kind)
        with pytest.raises(TypeError, match=f"^{name} must hold real numbers, got dtype"):
            ref.conv2d(**arrays)

    @FORMS
    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"x": (3, 3)}, r"^x must have 3 or 4 dimensions, got shape \(3, 3\)$"),
            ({"x": ()}, "^x must have 3 or 4 dimensions"),
            ({"x": (1, 0, 5, 5)}, "^x must have at least one channel"),
            ({"w": (2, 4, 3)}, "^w must have 4 dimensions"),
            ({"w": (2, 4, 3, 3, 1)}, "^w must have 4 dimensions"),
            ({"w": (0, 4, 3, 3)}, "^w must not have an axis of length 0"),
            ({"w": (2, 4, 0, 3)}, "^w must not have an axis of length 0"),
            ({"w": (2, 0, 3, 3)}, "^w must not have an axis of length 0"),
            ({"w": (2, 3, 3, 3)}, "^w must have 4 channels"),
            ({"w": (2, 4, 6, 3)}, "^kernel must fit .* of 6x3 and a padded input of 5x5$"),
            ({"bias": (3,)}, r"^bias must have one value .* 2 filters, got shape \(3,\)$"),
            ({"bias": (2, 1)}, "^bias must have 1 dimensions"),
            ({"groups": 3}, "^groups must divide the 4 channels .* 2 filters of w, got 3$"),
            ({"groups": 4}, "^groups must divide"),
            ({"groups": 0}, "^groups must be at least 1, got 0$"),
            ({"stride": 0}, "^stride must be at least 1, got 0$"),
            ({"stride": (1, 1, 1)}, "^stride must be an int or a sequence of 2 ints"),
            ({"dilation": -2}, "^dilation must be at least 1, got -2$"),
            ({"dilation": 3}, "^kernel must fit .* of 7x7 and a padded input of 5x5$"),
            ({"padding": -1}, "^padding must be at least 0, got -1$"),
            ({"padding": "full"}, "^padding must be one of"),
            ({"padding_mode": "mirror"}, "^padding_mode must be one of"),
            ({"activation": "tanh"}, "^activation must be"),
        ],
    )
    def test_bad_arguments_are_named(self, ref, change, message):
        arguments = {"x": (1, 4, 5, 5), "w": (2, 4, 3, 3)} | change
        for name in {"x", "w", "bias"} & arguments.keys():
            arguments[name] = np.ones(arguments[name])
        with pytest.raises(ValueError, match=message):
            ref.conv2d(**arguments)

    @FORMS
    def test_inputs_are_left_alone(self, ref):
        x, w = normal(1, 1, 2, 5, 5), normal(2, 2, 2, 3, 3)
        x.flags.writeable = w.flags.writeable = False
        ref.conv2d(x, w, padding=1, activation="relu")
        view = x[:, ::-1, ::2].transpose(0, 1, 3, 2)
        np.testing.assert_array_equal(
            ref.conv2d(view, w, padding=1), ref.conv2d(view.copy(), w, padding=1)
        )


class TestMaxPool2d:
    @FORMS
    def test_by_hand(self, ref):
        x = [[[1.0, 2, 3], [9, 5, 6], [7, 8, 4]]]
        assert ref.max_pool2d(x, 2).tolist() == [[[9]]]
        assert ref.max_pool2d(x, 2, 1).tolist() == [[[9, 6], [9, 8]]]
        assert ref.max_pool2d(x, 2, ceil_mode=True).tolist() == [[[9, 6], [8, 4]]]
        assert ref.max_pool2d(x, (1, 3)).tolist() == [[[3], [9], [8]]]
        assert ref.max_pool2d(x, 2, dilation=2).tolist() == [[[7]]]
        assert ref.max_pool2d(x, 2, padding=1).tolist() == [[[1, 3], [9, 8]]]
        assert ref.max_pool2d(x, 2, padding=((0, 1), (1, 0))).tolist() == [[[9, 6], [7, 8]]]
        assert ref.max_pool2d(x, 2, 1, "same").tolist() == [[[9, 6, 6], [9, 8, 6], [8, 8, 4]]]

    @FORMS
    def test_indices_by_hand(self, ref):
        x = [[[1.0, 2, 3], [9, 5, 6], [7, 8, 4]]]
        out, indices = ref.max_pool2d(x, 2, padding=1, return_indices=True)
        assert indices.dtype == np.int64
        assert indices.tolist() == [[[0, 2], [3, 7]]]
        np.testing.assert_array_equal(np.take(x, indices), out)

    @FORMS
    def test_the_first_maximum_wins(self, ref):
        x = np.array([[[1.0, 5, 5], [5, 0, 5]]])
        assert ref.max_pool2d(x, (2, 3), return_indices=True)[1].item() == 1
        zeros = np.array([[[-0.0, 0.0]]])
        assert ref.max_pool2d(zeros, (1, 2), return_indices=True)[1].item() == 0

    @FORMS
    def test_the_first_nan_wins_over_every_number(self, ref):
        x = np.array([[[INF, NAN, 1], [NAN, 2, 3]]])
        out, indices = ref.max_pool2d(x, (2, 3), return_indices=True)
        assert math.isnan(out.item())
        assert indices.item() == 1
        assert math.isnan(ref.max_pool2d(x, (2, 3)).item())

    @FORMS
    def test_all_minus_infinity_is_a_pixel_not_padding(self, ref):
        x = np.full((1, 2, 2), -INF)
        out, indices = ref.max_pool2d(x, 2, padding=1, return_indices=True)
        assert out.tolist() == [[[-INF, -INF], [-INF, -INF]]]
        assert indices.tolist() == [[[0, 1], [2, 3]]]

    @FORMS
    def test_negative_values_beat_the_padding(self, ref):
        x = np.array([[[-5, -7], [-9, -6]]], np.int32)
        assert ref.max_pool2d(x, 2, padding=1).tolist() == [[[-5, -7], [-9, -6]]]

    @FORMS
    def test_a_window_without_a_pixel(self, ref):
        # Taps at -1 and 2 of an axis of length 2.
        out, indices = ref.max_pool2d(
            np.zeros((1, 2, 2)), 2, padding=1, dilation=3, return_indices=True
        )
        assert out.tolist() == [[[-INF]]]
        assert indices.tolist() == [[[-1]]]

    @FORMS
    @pytest.mark.parametrize(
        ("size", "kernel", "stride", "padding", "floor", "ceil"),
        [
            (6, 3, 2, 0, 2, 3),
            (7, 3, 2, 0, 3, 3),
            (5, 2, 2, 0, 2, 3),
            (5, 2, 2, 1, 3, 3),  # a fourth window would begin in the high padding
            (4, 1, 3, 0, 2, 2),
            (5, 1, 3, 0, 2, 2),  # a third window would begin outside
            (3, 2, 5, 0, 1, 1),
            (1, 2, 2, 1, 1, 1),
            (2, 3, 2, 0, None, 1),  # its only window hangs over the high side
            (1, 3, 2, 0, None, None),
            (0, 1, 2, 0, None, None),
        ],
    )
    def test_ceil_mode_sizes(self, ref, size, kernel, stride, padding, floor, ceil):
        x = np.arange(float(size)).reshape(1, 1, size)
        for ceil_mode, expected in [(False, floor), (True, ceil)]:
            arguments = (x, (1, kernel), (1, stride), (0, padding), 1, ceil_mode)
            if expected is None:
                with pytest.raises(ValueError, match="kernel must fit"):
                    ref.max_pool2d(*arguments)
                continue
            out = ref.max_pool2d(*arguments)
            assert out.shape == (1, 1, expected)
            assert np.isfinite(out).all()

    @settings(max_examples=80, deadline=None)
    @given(
        seed=seeds,
        batch=st.sampled_from([None, 0, 1, 2]),
        kernel=st.tuples(st.integers(1, 4), st.integers(1, 4)),
        stride=st.none() | strides,
        dilation=dilations,
        ceil_mode=st.booleans(),
        data=st.data(),
    )
    def test_naive_equals_vectorized(self, seed, batch, kernel, stride, dilation, ceil_mode, data):
        pads = tuple(
            (data.draw(st.integers(0, taps // 2)), data.draw(st.integers(0, taps // 2)))
            for taps in kernel
        )
        rng = np.random.default_rng(seed)
        # Few values, so that windows hold ties, NaN and nothing but -inf.
        shape = (*(() if batch is None else (batch,)), 2, 7, 10)
        x = rng.choice([-INF, -INF, -1.0, 0.0, 2.0, INF, NAN], size=shape)
        arguments = (x, kernel, stride, pads, dilation, ceil_mode)
        naive, naive_indices = reference.max_pool2d(*arguments, return_indices=True)
        fast, fast_indices = vectorized.max_pool2d(*arguments, return_indices=True)
        np.testing.assert_array_equal(naive, fast)
        np.testing.assert_array_equal(naive_indices, fast_indices)
        np.testing.assert_array_equal(reference.max_pool2d(*arguments), naive)
        np.testing.assert_array_equal(vectorized.max_pool2d(*arguments), naive)

    @FORMS
    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"padding": 2}, r"^padding must be at most half of kernel_size \(3, 3\), got 2$"),
            ({"padding": ((0, 0), (0, 2))}, "^padding must be at most half"),
            ({"padding": -1}, "^padding must be at least 0, got -1$"),
            ({"kernel_size": 0}, "^kernel_size must be at least 1, got 0$"),
            ({"kernel_size": ()}, "^kernel_size must be an int or a sequence of 2 ints"),
            ({"kernel_size": 6}, "^kernel must fit .* of 6x6 and a padded input of 5x5$"),
            ({"stride": 0}, "^stride must be at least 1"),
            ({"dilation": 0}, "^dilation must be at least 1"),
            ({"x": np.ones((5, 5))}, "^x must have 3 or 4 dimensions"),
        ],
    )
    def test_bad_arguments_are_named(self, ref, change, message):
        with pytest.raises(ValueError, match=message):
            ref.max_pool2d(**({"x": np.ones((1, 5, 5)), "kernel_size": 3} | change))


class TestColumns:
    @FORMS
    def test_by_hand(self, ref):
        x = np.arange(1.0, 10).reshape(1, 3, 3)
        cols = ref.im2col(x, (2, 2))
        assert cols.tolist() == [[1, 2, 4, 5], [2, 3, 5, 6], [4, 5, 7, 8], [5, 6, 8, 9]]
        assert ref.col2im(cols, 3, 2).tolist() == [[[1, 4, 3], [8, 20, 12], [7, 16, 9]]]

    @settings(max_examples=40, deadline=None)
    @given(
        seed=seeds,
        batched=st.booleans(),
        kernel=st.tuples(st.integers(1, 3), st.integers(1, 3)),
        stride=strides,
        padding=paddings,
        dilation=dilations,
    )
    def test_forms_agree_and_are_transposes(self, seed, batched, kernel, **options):
        x = normal(seed, *((2,) if batched else ()), 2, 6, 8)
        cols = reference.im2col(x, kernel, **options)
        np.testing.assert_array_equal(cols, vectorized.im2col(x, kernel, **options))

        other = normal(seed + 1, *cols.shape)
        image = reference.col2im(other, (6, 8), kernel, **options)
        assert image.shape == x.shape
        fast = vectorized.col2im(other, (6, 8), kernel, **options)
        np.testing.assert_allclose(image, fast, rtol=1e-12, atol=1e-12)
        assert np.vdot(cols, other) == pytest.approx(np.vdot(x, image), rel=1e-10, abs=1e-10)

    @FORMS
    def test_convolution_is_a_product_with_the_columns(self, ref):
        x, w = normal(1, 2, 3, 6, 7), normal(2, 4, 3, 3, 2)
        options = {"stride": (2, 1), "padding": ((1, 0), (2, 1)), "dilation": (1, 2)}
        product = w.reshape(4, -1) @ ref.im2col(x, (3, 2), **options)
        expected = ref.conv2d(x, w, **options)
        np.testing.assert_allclose(product.reshape(expected.shape), expected, rtol=1e-12)

    @FORMS
    @pytest.mark.parametrize("shape", [(4, 3), (5, 4), (0, 4), (1, 4, 5), (4,)])
    def test_columns_that_do_not_fit_are_refused(self, ref, shape):
        with pytest.raises(ValueError, match="^cols must have"):
            ref.col2im(np.ones(shape), 3, 2)

    def test_dtypes(self):
        x = np.ones((1, 3, 3), np.float32)
        assert reference.im2col(x, 2).dtype == np.float64
        assert vectorized.im2col(x, 2).dtype == np.float32
        assert reference.col2im(vectorized.im2col(x, 2), 3, 2).dtype == np.float64
        assert vectorized.col2im(vectorized.im2col(x, 2), 3, 2).dtype == np.float32


class TestDepthwiseSeparable:
    @FORMS
    @pytest.mark.parametrize("multiplier", [1, 2])
    def test_equals_two_convolutions(self, ref, multiplier):
        x = normal(1, 2, 3, 6, 7)
        depthwise, pointwise = (
            normal(2, 3 * multiplier, 1, 3, 3),
            normal(3, 4, 3 * multiplier, 1, 1),
        )
        biases = normal(4, 3 * multiplier), normal(5, 4)
        got = ref.depthwise_separable_conv2d(
            x, depthwise, pointwise, *biases, 2, 1, activation_depthwise="relu6", activation="relu"
        )
        middle = reference.conv2d(x, depthwise, biases[0], 2, 1, groups=3, activation="relu6")
        mixed = np.einsum("km,nmyx->nkyx", pointwise[:, :, 0, 0], middle) + biases[1][:, None, None]
        np.testing.assert_allclose(got, np.maximum(mixed, 0), rtol=1e-12, atol=1e-12)

    @FORMS
    @pytest.mark.parametrize(
        ("depthwise", "pointwise", "message"),
        [
            ((3, 2, 3, 3), (4, 3, 1, 1), r"^w_depthwise must have the shape \(3 \* m, 1, R, S\)"),
            ((4, 1, 3, 3), (4, 4, 1, 1), r"^w_depthwise must have the shape \(3 \* m, 1, R, S\)"),
            ((3, 1, 3), (4, 3, 1, 1), "^w_depthwise must have 4 dimensions"),
            ((3, 1, 3, 3), (4, 2, 1, 1), r"^w_pointwise must have the shape \(K, 3, 1, 1\)"),
            ((3, 1, 3, 3), (4, 3, 3, 3), r"^w_pointwise must have the shape \(K, 3, 1, 1\)"),
        ],
    )
    def test_bad_shapes_are_named(self, ref, depthwise, pointwise, message):
        with pytest.raises(ValueError, match=message):
            ref.depthwise_separable_conv2d(
                np.ones((3, 5, 5)), np.ones(depthwise), np.ones(pointwise)
            )
