"""The peers, one file each: it imports its package, names its VERSION and lists CONTENDERS."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

NAMES = ("torch", "onnxruntime", "openvino", "ncnn", "jax", "litert", "opencv")
ALIASES = {"onednn": "torch", "ort": "onnxruntime", "xnnpack": "litert", "cv2": "opencv"}


def chosen(text: str) -> tuple[str, ...]:
    """The peers of a comma-separated list, "all" or "none"."""
    if text in ("all", "none"):
        return NAMES if text == "all" else ()
    names = tuple(ALIASES.get(name, name) for name in text.lower().split(","))
    for name in names:
        if name not in NAMES:
            raise ValueError(f"--peers: {name!r} is none of {', '.join(NAMES)}")
    return tuple(dict.fromkeys(names))


def load(names: tuple[str, ...]) -> tuple[dict[str, ModuleType], dict[str, str]]:
    """The peers that are installed, and why the others are not there."""
    found, absent = {}, {}
    for name in names:
        try:
            found[name] = import_module(f"{__name__}.{name}")
        except ImportError as error:
            absent[name] = str(error)
    return found, absent
