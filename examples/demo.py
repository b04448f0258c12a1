"""Every kernel on a photograph: a figure to look at and a table of what it cost.

Run it with ``make demo`` or ``python examples/demo.py``; it needs matplotlib, rich and
scikit-learn, which brings the photograph.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Any

# The same number of threads for everybody; NumPy's BLAS reads these when it is imported.
THREADS = os.environ.setdefault("FASTCONV_NUM_THREADS", "1")
os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = THREADS

import matplotlib  # noqa: E402

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402
import numpy as np  # noqa: E402
from PIL import Image  # noqa: E402
from rich.console import Console  # noqa: E402
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn  # noqa: E402
from rich.table import Table  # noqa: E402
from sklearn.datasets import load_sample_image  # noqa: E402

import fastconv  # noqa: E402
from fastconv import reference  # noqa: E402

CROP_HEIGHT, CROP_WIDTH = 36, 48  # for the naive reference
LUMA = np.array([0.299, 0.587, 0.114], np.float32)
ORIENTATIONS = 8
RIM = 8  # left out of the pictures: the zeros of the padding darken it


@dataclass
class Step:
    """One operation on the photograph, and how to show what comes out."""

    title: str
    kernel: str
    operator: str  # its name in fastconv.reference
    fast: Callable[..., np.ndarray]
    inputs: tuple[np.ndarray, ...]  # images, then weights
    arguments: dict[str, Any]
    picture: Callable[[np.ndarray], np.ndarray]
    detail: str
    result: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        self.result = self.fast(*self.inputs, **self.arguments)

    @property
    def shape(self) -> str:
        """Images * weights."""
        shapes = [array.shape for array in self.inputs]
        shapes += [self.arguments["kernel_size"]] if self.operator == "max_pool2d" else []
        return " * ".join("x".join(map(str, shape)) for shape in shapes)

    @property
    def operations(self) -> int:
        """Two for each product; for pooling, one for each pixel of each window."""
        if self.operator == "max_pool2d":
            return self.result.size * prod(self.arguments["kernel_size"])
        # Each weight is used once for each output pixel.
        return 2 * sum(w.size for w in self.inputs[1:]) * prod(self.result.shape[1:])


@dataclass
class Cost:
    """What a step costs, in seconds, and its largest error."""

    fast: float
    numpy: float
    naive: float
    error: float


# ---------------------------------------------------------------- filters

def gaussian(size: int, sigma: float) -> np.ndarray:
    """Return a Gaussian window with a sum of one."""
    x = np.arange(size) - size // 2
    line = np.exp(-(x**2) / (2 * sigma**2))
    window = np.outer(line, line)
    return (window / window.sum()).astype(np.float32)


def sobel() -> np.ndarray:
    """Return the horizontal and the vertical derivative, as 3x3 filters."""
    rows = np.outer([1, 2, 1], [-1, 0, 1]).astype(np.float32) / 4
    return np.stack([rows, rows.T])


def gabor(size: int, angle: float, phase: float) -> np.ndarray:
    """Return a wave under a Gaussian, without a mean: it answers to stripes of its angle."""
    y, x = np.mgrid[:size, :size] - size // 2
    along = x * np.cos(angle) + y * np.sin(angle)
    window = np.exp(-(x**2 + y**2) / (2 * (size / 4.5) ** 2))
    wave = window * np.cos(2 * np.pi * along / (size * 0.7) + phase)
    wave -= window * (wave.sum() / window.sum())
    return (wave / np.abs(wave).sum()).astype(np.float32)


def of_luma(filters: np.ndarray) -> np.ndarray:
    """Turn filters for a grey image, (K, R, S), into filters for a colour one, (K, 3, R, S)."""
    return filters[:, None] * LUMA[:, None, None]


def filter_bank() -> np.ndarray:
    """Return four 5x5 filters: soft, slope to the right, slope down, and detail."""
    soft = gaussian(5, 1.1)
    across = np.gradient(soft, axis=1)
    detail = -soft
    detail[2, 2] += 1
    return np.stack([soft, -2.5 * across, -2.5 * across.T, detail])


# ---------------------------------------------------------------- pictures

def colour(maps: np.ndarray) -> np.ndarray:
    """Show three maps as red, green and blue."""
    return np.clip(maps.transpose(1, 2, 0), 0, 1)


def magnitude(maps: np.ndarray) -> np.ndarray:
    """Show two derivatives as the length of the gradient, dark on white."""
    length = np.hypot(*maps)
    return colour(1 - np.repeat(length[None] / np.quantile(length, 0.98), 3, axis=0))


def orientation(maps: np.ndarray) -> np.ndarray:
    """Show the strongest of several orientations as a hue, its strength as brightness."""
    even, odd = maps.reshape(2, ORIENTATIONS, *maps.shape[1:])
    energy = np.hypot(even, odd)
    strength = energy.max(axis=0)
    value = np.clip(strength / np.quantile(strength, 0.97), 0, 1) ** 0.8
    hue = energy.argmax(axis=0) / ORIENTATIONS
    hsv = np.stack([hue, np.full_like(hue, 0.75), value], axis=-1)
    return matplotlib.colors.hsv_to_rgb(hsv)


def mosaic(maps: np.ndarray) -> np.ndarray:
    """Show the four filters of each colour, (3 * 4, H, W), as four small colour pictures."""
    soft, right, down, detail = maps.reshape(3, 4, *maps.shape[1:]).swapaxes(0, 1)[:, :, ::2, ::2]
    upright, level = np.ones((3, soft.shape[1], 4)), np.ones((3, 4, 2 * soft.shape[2] + 4))
    top = np.concatenate([soft, upright, 0.5 + 3 * right], axis=2)
    bottom = np.concatenate([0.5 + 3 * down, upright, 0.5 + 3 * detail], axis=2)
    return colour(np.concatenate([top, level, bottom], axis=1))


def first_of_each_group(maps: np.ndarray) -> np.ndarray:
    """Show the first of the four maps of each colour."""
    return colour(maps[::4])


# ---------------------------------------------------------------- the steps

def blurs(photo: np.ndarray) -> list[Step]:
    """The same 25 weights twice: side by side, then four pixels apart."""
    weights = np.repeat(gaussian(5, 1.2)[None, None], 3, axis=0)
    near = {"padding": "same", "groups": 3}
    far = {**near, "dilation": 4}
    return [
        Step("Gaussian blur", "direct", "conv2d", fastconv.conv2d_direct, (photo, weights), near,
             colour, "5x5 on each colour"),
        Step("Dilated blur", "dilated", "conv2d", fastconv.conv2d_dilated, (photo, weights), far,
             colour, "the same 25 weights see 17x17"),
    ]


def edges(photo: np.ndarray) -> list[Step]:
    """Derivatives of the brightness: two filters for edges, sixteen for texture."""
    same = {"padding": "same"}
    angles = np.arange(ORIENTATIONS) * np.pi / ORIENTATIONS
    stripes = np.stack([gabor(7, a, phase) for phase in (0, np.pi / 2) for a in angles])
    return [
        Step("Edges", "direct", "conv2d", fastconv.conv2d_direct, (photo, of_luma(sobel())), same,
             magnitude, "Sobel 3x3, length of the gradient"),
        Step("Orientation", "im2col", "conv2d", fastconv.conv2d_im2col,
             (photo, of_luma(stripes)), same, orientation, "16 Gabor filters 7x7, hue = angle"),
    ]


def banks(photo: np.ndarray) -> list[Step]:
    """Four filters for each colour, then a layer that mixes the four of each colour."""
    bank = np.tile(filter_bank()[:, None], (3, 1, 1, 1))
    same = {"padding": "same", "groups": 3}
    depthwise = Step(
        "Filter bank", "depthwise", "conv2d", fastconv.conv2d_depthwise, (photo, bank), same,
        mosaic, "4 filters 5x5 on each colour")
    # What each group makes of its four maps; spread over 3x3 a little.
    relief, sharp, detail, soft = [0.65, 2.2, 2.2, 0], [1, 0, 0, 2.5], [0, 0, 0, 1], [1, 0, 0, 0]
    mixture = np.tile([relief, sharp, detail, soft], (3, 1))[:, :, None, None]
    weights = (mixture * gaussian(3, 0.5)).astype(np.float32)
    grouped = Step(
        "Relief", "grouped", "conv2d", fastconv.conv2d_grouped,
        (depthwise.result, weights), same, first_of_each_group,
        "3 groups of 4 maps, 3x3")
    return [depthwise, grouped]


def pooling(photo: np.ndarray) -> list[Step]:
    """The brightest of each window."""
    window = {"kernel_size": (7, 7), "stride": (1, 1), "padding": 3}
    return [Step("Max pooling", "max_pool", "max_pool2d", fastconv.max_pool2d, (photo,), window,
                 colour, "7x7, stride 1")]


def separable(photo: np.ndarray) -> list[Step]:
    """MobileNet's block: soft and detail of each colour, mixed to sepia with dark outlines."""
    soft = gaussian(5, 0.8)
    detail = gaussian(5, 2) - gaussian(5, 0.6)
    depthwise = np.tile(np.stack([soft, detail])[:, None], (3, 1, 1, 1))
    sepia = np.array([[0.393, 0.769, 0.189], [0.349, 0.686, 0.168], [0.272, 0.534, 0.131]])
    pointwise = np.empty((3, 6, 1, 1), np.float32)
    pointwise[:, 0::2, 0, 0] = sepia
    pointwise[:, 1::2, 0, 0] = -2 * LUMA
    arguments = {"padding": "same", "activation": (0, 1)}
    return [Step("Sepia sketch", "separable", "depthwise_separable_conv2d",
                 fastconv.depthwise_separable_conv2d, (photo, depthwise, pointwise), arguments,
                 colour, "depthwise 5x5, then 1x1")]


# ---------------------------------------------------------------- costs

def median_time(call: Callable[[], Any], budget: float = 0.3, least: int = 3) -> float:
    """Return the median time of a call, repeated for about `budget` seconds."""
    call()
    times: list[float] = []
    while len(times) < least or sum(times) < budget:
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def cost_of(step: Step) -> Cost:
    """Time a step and its references, and compare it with float64."""
    images, *weights = step.inputs
    naive, numpy = (getattr(module, step.operator) for module in (reference, reference.vectorized))
    fast = median_time(lambda: step.fast(*step.inputs, **step.arguments))
    plain = median_time(lambda: numpy(*step.inputs, **step.arguments))

    crop = np.ascontiguousarray(images[:, :CROP_HEIGHT, :CROP_WIDTH])
    start = time.perf_counter()
    small = naive(crop, *weights, **step.arguments)
    naive_time = (time.perf_counter() - start) * step.result.size / small.size

    exact = numpy(*(array.astype(np.float64) for array in step.inputs), **step.arguments)
    return Cost(fast, plain, naive_time, float(np.abs(step.result - exact).max()))


def table_of(steps: list[Step], costs: list[Cost], photo: np.ndarray) -> Table:
    """Return the table of kernels."""
    table = Table(
        title=f"fastconv on a photograph of {photo.shape[2]}x{photo.shape[1]} pixels "
        f"({fastconv.active_isa()}, threads: {THREADS})",
        caption=f"naive: nested loops in Python, timed on a {CROP_WIDTH}x{CROP_HEIGHT} crop and "
        "scaled by output pixels;\nNumPy: sliding windows and a matrix product, for pooling a "
        "maximum for each tap;\nGFLOP/s count two for each product, for pooling one for each "
        "pixel of a window;\nmax error: the largest difference from NumPy in float64")
    for heading in ("picture", "kernel", "shape"):
        table.add_column(heading, no_wrap=True)
    for heading in ("time", "GFLOP/s", "x naive", "x NumPy", "max error"):
        table.add_column(heading, justify="right", no_wrap=True)
    for step, cost in zip(steps, costs, strict=True):
        table.add_row(
            step.title, step.kernel, step.shape, f"{cost.fast * 1e3:.2f} ms",
            f"{step.operations / cost.fast / 1e9:.1f}", f"{cost.naive / cost.fast:,.0f}",
            f"{cost.numpy / cost.fast:.1f}", f"{cost.error:.0e}" if cost.error else "0")
    return table


# ---------------------------------------------------------------- the figure

def draw(photo: np.ndarray, steps: list[Step], path: Path) -> None:
    """Save one figure with the photograph and every result."""
    _, height, width = photo.shape
    inside = np.s_[:, RIM:-RIM, RIM:-RIM]
    panels = [("Photograph", f"{width}x{height}, RGB", colour(photo[inside]))]
    panels += [(step.title, f"{step.kernel}: {step.detail}", step.picture(step.result[inside]))
               for step in steps]
    columns = 3
    rows = -(-len(panels) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(12, rows * (4 * height / width + 0.42)))
    for place, (title, detail, picture) in zip(axes.flat, panels, strict=True):
        place.imshow(picture, interpolation="lanczos")
        place.set_title(title, loc="left", fontsize=12, fontweight="bold", pad=5)
        place.set_title(detail, loc="right", fontsize=9, color="#555555", pad=5)
        place.set_axis_off()
    figure.subplots_adjust(0.008, 0.008, 0.992, 0.968, wspace=0.025, hspace=0.125)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)
    plt.close(figure)


def save_small(source: Path, path: Path, width: int = 960) -> None:
    """Save a figure with fewer pixels and colours, for a web page."""
    with Image.open(source) as figure:
        size = (width, round(width * figure.height / figure.width))
        small = figure.convert("RGB").resize(size, Image.Resampling.LANCZOS)
    path.parent.mkdir(parents=True, exist_ok=True)
    palette = small.quantize(256, method=Image.Quantize.MAXCOVERAGE, kmeans=2)
    small.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG).save(path, optimize=True)


def main() -> None:
    """Filter, time, print and draw."""
    parser = argparse.ArgumentParser(description="Every fastconv kernel on a photograph.")
    parser.add_argument("--out", type=Path, default=Path("out/demo.png"), help="the figure")
    parser.add_argument("--small", type=Path, help="also save it for a web page")
    options = parser.parse_args()

    console = Console()
    if not console.is_terminal:
        console.width = 132
    photo = np.ascontiguousarray(load_sample_image("china.jpg").transpose(2, 0, 1), np.float32)
    photo /= 255
    steps = [*blurs(photo), *edges(photo), *banks(photo), *pooling(photo), *separable(photo)]

    bar = Progress(TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(),
                   console=console, transient=True)
    costs = []
    with bar as progress:
        task = progress.add_task("timing", total=len(steps) + 1)
        for step in steps:
            progress.update(task, description=f"timing {step.title.lower()}")
            costs.append(cost_of(step))
            progress.advance(task)
        progress.update(task, description="drawing")
        draw(photo, steps, options.out)
        if options.small:
            save_small(options.out, options.small)
    console.print(table_of(steps, costs, photo))
    console.print(f"The figure is {options.out.resolve()}", soft_wrap=True)


if __name__ == "__main__":
    main()
