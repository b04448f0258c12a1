"""What a case is: one odd call that must be refused or be right, and its valid neighbour."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .calls import CALLS, call, right

V, T, M = ValueError, TypeError, MemoryError


@dataclass(frozen=True)
class Case:
    row: str  # of test_bad_inputs.ROWS
    label: str
    odd: Callable[[], Any]
    raises: tuple[type, ...] = ()  # exactly one of these; none: `odd` checks its own result
    words: tuple[Any, ...] = ()  # strings in the message; alternatives as a tuple
    neighbour: Callable[[], Any] = lambda: None  # asserts by itself

    @property
    def id(self):
        return f"{self.row}/{self.label}"

    def run(self):
        """An AssertionError says what is wrong; any other exception is wrong too."""
        if not self.raises:
            self.odd()
        else:
            self._refuses()
        self.neighbour()

    def _refuses(self):
        try:
            result = self.odd()
        except self.raises as error:
            # Of MemoryError NumPy has its own kind.
            exact = type(error) in self.raises or isinstance(error, M)
            assert exact, f"a {type(error).__name__}: {error}"
            message = str(error)
        else:
            raise AssertionError(f"accepted: {str(result)[:100]}")
        for word in self.words:
            alternatives = word if isinstance(word, tuple) else (word,)
            assert any(str(a) in message for a in alternatives), f"no {word!r} in: {message}"


def shown(value):
    """How a message may write a value."""
    try:
        return (" ".join(repr(value).split())[:90], str(value).strip("()"))
    except ValueError:  # an int of thousands of digits
        return (f"a value of type {type(value).__name__}",)


def named(name):
    return (name, "padded") if name == "padding" else name


def refused(row, target, name, value, raises, near=None, words=None, label=None):
    """A call with one wrong argument; `near` holds the changes that make it valid again."""
    raises = raises if isinstance(raises, tuple) else (raises,)
    label = shown(value)[0][:60] if label is None else label
    words = (shown(value),) if words is None else words
    near = {} if near is None else near
    return Case(row, f"{target} {name}={label}", lambda: call(target, **{name: value}), raises,
                (named(name), *words), lambda: right(target, **near))


def base(target, name):
    """What the valid call has for an argument."""
    return CALLS[target][1].get(name, {"padding": 0}.get(name, 1))
