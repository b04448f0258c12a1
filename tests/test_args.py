"""Argument forms: every accepted form, every refused one, and messages that name the value."""

import math
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastconv import _args

NOT_INTS = [True, np.True_, np.array(True), 1.0, 1.5, np.float64(2), "2", b"22", None, 1j, {1}, {}]
NOT_INT_PAIRS = [(1, 1.0), (1, True), [1, None], ("1", "1"), np.array([1.0, 2.0]), (1, np.True_)]
HUGE = pytest.param(10**5000, id="huge")  # has no str, so pytest cannot name the case
TOO_BIG = [2**63, 2**64, HUGE, np.uint64(2**63)]


def pad(value, axes=2, in_size=(9, 8), kernel=(3, 4), stride=(1, 1), dilation=(1, 1)):
    return _args.padding(value, axes, in_size[:axes], kernel[:axes], stride[:axes], dilation[:axes])


class TestPerAxis:
    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            (2, (2, 2)),
            (2**63 - 1, (2**63 - 1,) * 2),
            ((2, 3), (2, 3)),
            ([2, 3], (2, 3)),
            (np.array([2, 3]), (2, 3)),
            (np.array([2, 3], np.uint8), (2, 3)),
            (np.int32(2), (2, 2)),
            (np.array(2), (2, 2)),
            ((np.int64(2), 3), (2, 3)),
        ],
    )
    def test_accepted_forms_give_plain_ints(self, value, expected):
        got = _args.per_axis(value, "stride", 2, 1)
        assert got == expected
        assert [type(item) for item in got] == [int, int]

    @pytest.mark.parametrize("axes", [1, 2, 3])
    def test_an_int_serves_every_axis(self, axes):
        assert _args.per_axis(5, "stride", axes, 1) == (5,) * axes

    @pytest.mark.parametrize("value", NOT_INTS + NOT_INT_PAIRS + [((1, 2), 3), np.ones((2, 2))])
    def test_other_types_are_type_errors(self, value):
        with pytest.raises(TypeError, match="^stride must be an int or a sequence of 2 ints, got"):
            _args.per_axis(value, "stride", 2, 1)

    @pytest.mark.parametrize("value", [(), (1,), (1, 1, 1), [], np.array([], int), np.ones(3, int)])
    def test_a_wrong_length_is_a_value_error(self, value):
        with pytest.raises(ValueError, match="^kernel_size must be an int or a sequence of 2"):
            _args.per_axis(value, "kernel_size", 2, 1)

    @pytest.mark.parametrize("value", [0, -1, -(2**70), (1, 0), [0, 1], np.int8(-3)])
    def test_below_the_minimum_is_a_value_error(self, value):
        with pytest.raises(ValueError, match="^dilation must be at least 1, got"):
            _args.per_axis(value, "dilation", 2, 1)

    @pytest.mark.parametrize("value", [*TOO_BIG, (1, 2**63)])
    def test_beyond_64_bits_is_a_value_error(self, value):
        with pytest.raises(ValueError, match=r"^stride must be less than 2\*\*63, got"):
            _args.per_axis(value, "stride", 2, 1)

    def test_the_message_holds_the_value(self):
        with pytest.raises(ValueError, match=r"got \(1, -7\)$"):
            _args.per_axis((1, -7), "stride", 2, 1)
        with pytest.raises(TypeError, match="got '2'$"):
            _args.per_axis("2", "stride", 2, 1)

    def test_a_long_value_is_cut_short(self):
        with pytest.raises(ValueError) as caught:
            _args.per_axis(list(range(1000)), "stride", 2, 1)
        assert len(str(caught.value)) < 200

    def test_a_value_without_a_repr_is_still_refused(self):
        class Mute:
            def __repr__(self):
                raise RuntimeError

        with pytest.raises(TypeError, match="got a value of type Mute$"):
            _args.per_axis(Mute(), "stride", 2, 1)


class TestPadding:
    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            (0, ((0, 0), (0, 0))),
            (2, ((2, 2), (2, 2))),
            (np.int16(2), ((2, 2), (2, 2))),
            ((1, 2), ((1, 1), (2, 2))),
            ([1, 2], ((1, 1), (2, 2))),
            (np.array([1, 2]), ((1, 1), (2, 2))),
            (((1, 2), (3, 4)), ((1, 2), (3, 4))),
            ([[1, 2], [3, 4]], ((1, 2), (3, 4))),
            ([(1, np.int64(2)), (3, 4)], ((1, 2), (3, 4))),
            (np.array([[1, 2], [3, 4]]), ((1, 2), (3, 4))),
            ("valid", ((0, 0), (0, 0))),
            (np.str_("valid"), ((0, 0), (0, 0))),
            ("same", ((1, 1), (1, 2))),
            (np.str_("same"), ((1, 1), (1, 2))),
        ],
    )
    def test_accepted_forms(self, value, expected):
        got = pad(value)
        assert got == expected
        assert {type(side) for pair in got for side in pair} == {int}

    def test_forms_of_one_axis(self):
        assert pad(2, axes=1) == ((2, 2),)
        assert pad((2,), axes=1) == ((2, 2),)
        assert pad(((1, 2),), axes=1) == ((1, 2),)

    def test_a_bare_pair_is_ambiguous_in_one_dimension(self):
        with pytest.raises(ValueError, match=r"\(\(lo, hi\), \.\.\.\).*got \(1, 2\)$"):
            pad((1, 2), axes=1)

    @pytest.mark.parametrize(
        "value",
        [value for value in NOT_INTS if value != "2"]  # a string is a name: a ValueError
        + NOT_INT_PAIRS
        + [(1, (2, 3)), ((1, 2), 3), ((1, 2), (3, 4.0)), ("ab", "cd")],
    )
    def test_other_types_are_type_errors(self, value):
        with pytest.raises(TypeError, match="^padding must be"):
            pad(value)

    @pytest.mark.parametrize(
        "value", [(), (1,), (1, 2, 3), ((1, 2),), ((1, 2, 3), (1, 2, 3)), ((), ()), [[1], [2]]]
    )
    def test_a_wrong_length_is_a_value_error(self, value):
        with pytest.raises(ValueError, match="^padding must be"):
            pad(value)

    @pytest.mark.parametrize("value", [-1, (0, -1), ((0, 0), (-1, 0)), np.int8(-1)])
    def test_negative_is_a_value_error(self, value):
        with pytest.raises(ValueError, match="^padding must be at least 0, got"):
            pad(value)

    @pytest.mark.parametrize("value", [*TOO_BIG, (0, 2**63), ((0, 2**63), (0, 0))])
    def test_beyond_64_bits_is_a_value_error(self, value):
        with pytest.raises(ValueError, match=r"^padding must be less than 2\*\*63, got"):
            pad(value)

    @pytest.mark.parametrize("value", ["", "full", "SAME"])
    def test_an_unknown_name_lists_the_known_ones(self, value):
        with pytest.raises(ValueError, match=f"""^padding .*"valid", "same", got '{value}'$"""):
            pad(value)

    def test_same_too_large_for_64_bits(self):
        with pytest.raises(ValueError, match=r'^padding="same" must come to less than 2\*\*63'):
            pad("same", dilation=(1, 2**62))

    @given(
        size=st.integers(1, 50),
        kernel=st.integers(1, 9),
        stride=st.integers(1, 5),
        dilation=st.integers(1, 4),
    )
    def test_same_gives_ceil_of_size_over_stride(self, size, kernel, stride, dilation):
        ((lo, hi),) = _args.padding("same", 1, (size,), (kernel,), (stride,), (dilation,))
        extent = (kernel - 1) * dilation + 1
        assert lo >= 0
        assert hi - lo in (0, 1)
        assert (size + lo + hi - extent) // stride + 1 == math.ceil(size / stride)


class TestPositiveInt:
    @pytest.mark.parametrize("value", [1, 7, 2**63 - 1, np.int64(7), np.array(7)])
    def test_accepted(self, value):
        got = _args.positive_int(value, "groups")
        assert got == value
        assert type(got) is int

    @pytest.mark.parametrize("value", [*NOT_INTS, (1,), [1]])
    def test_other_types_are_type_errors(self, value):
        with pytest.raises(TypeError, match="^groups must be an int, got"):
            _args.positive_int(value, "groups")

    @pytest.mark.parametrize("value", [0, -1, *TOO_BIG])
    def test_out_of_range_is_a_value_error(self, value):
        with pytest.raises(ValueError, match="^groups must be (at least 1|less than 2)"):
            _args.positive_int(value, "groups")


class TestChoice:
    def test_accepted(self):
        assert _args.choice("b", "layout", ("a", "b")) == "b"

    @pytest.mark.parametrize("value", ["", "c", "A"])
    def test_unknown(self, value):
        with pytest.raises(
            ValueError, match=f"""^layout must be one of "a", "b", got '{value}'$"""
        ):
            _args.choice(value, "layout", ("a", "b"))

    @pytest.mark.parametrize("value", [None, 1, True, b"a", ["a"], ("a",)])
    def test_not_a_string(self, value):
        with pytest.raises(TypeError, match="^layout must be a string"):
            _args.choice(value, "layout", ("a", "b"))


class TestClipBounds:
    @pytest.mark.parametrize(
        ("activation", "expected"),
        [
            (None, (-math.inf, math.inf)),
            ("relu", (0, math.inf)),
            ("relu6", (0, 6)),
            ((-1, 1), (-1, 1)),
            ([0.5, 0.5], (0.5, 0.5)),
            ((-math.inf, 3), (-math.inf, 3)),
            ((np.float32(0.5), np.int8(2)), (0.5, 2)),
            ((Fraction(1, 2), 2), (0.5, 2)),
            (np.array([1.0, 2.0]), (1, 2)),
        ],
    )
    def test_accepted_forms(self, activation, expected):
        got = _args.clip_bounds(activation)
        assert got == expected
        assert [type(bound) for bound in got] == [float, float]

    @pytest.mark.parametrize(
        "activation",
        [1, 1.0, True, b"ab", {0, 1}, ("0", "1"), (True, 2), (0, 1j), (None, 1), (0, Decimal(1))],
    )
    def test_other_types_are_type_errors(self, activation):
        with pytest.raises(TypeError, match='^activation must be None, "relu", "relu6" or a pair'):
            _args.clip_bounds(activation)

    @pytest.mark.parametrize(
        "activation",
        ["", "gelu", "ReLU", (), (1,), (1, 2, 3), (1, 0), (math.nan, 1), (0, math.nan)]
        + [pytest.param((0, 10**5000), id="huge"), (0, 10**400)],
    )
    def test_bad_values_are_value_errors(self, activation):
        with pytest.raises(ValueError, match="^activation must"):
            _args.clip_bounds(activation)
