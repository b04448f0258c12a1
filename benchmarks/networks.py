"""Layers of further networks: what is not in the table of layers.py has to do as well.

A layer is written C-K@H, then what differs from one image, a 1x1 filter, a stride, dilation and
number of groups of 1, and a padding that keeps the size of square filters and is 0 for others:
xW its width, bN its batch, kR or kRxS its filter, sN, dN, gN, pN.
"""

from __future__ import annotations

import re
from typing import Any

from benchmarks.layers import LAYERS, POOLS, Layer, Pool

NETWORKS = {
    "resnet18": "64-128@56k3s2 128-256@28k3s2 256-512@14k3s2 64-128@56s2 128-256@28s2 256-512@14s2",
    "resnet50": """256-64@56 256-128@56 128-512@28 512-128@28 512-256@28 1024-256@14 1024-512@14
        512-2048@7 512-1024@28s2 1024-2048@14s2 256-256@28k3s2 512-512@14k3s2""",
    "resnet50 b8": "64-64@56b8k3 256-64@56b8 512-512@7b8k3 512-512@14b8",
    "resnext101": """256-256@56k3g32 512-512@28k3g32 1024-1024@14k3g32 2048-2048@7k3g32
        256-256@28k3g32""",
    "vgg": """3-64@224k3 64-128@112k3 128-128@112k3 128-256@56k3 256-512@28k3 512-512@28k3
        512-512@14k3""",
    "alexnet": "3-64@224k11s4p2 192-384@13k3 256-256@13k3",
    "inception": """3-32@299k3s2p0 32-32@149k3p0 32-64@147k3 64-80@73 80-192@73k3p0 192-64@35
        48-64@35k5 64-96@35k3 448-384@8k3 288-384@35k3s2p0 128-128@17x23k1x7 192-192@23x17k7x1
        384-384@8x10k1x3 384-384@10x8k3x1""",
    "densenet": "128-32@56k3 128-32@28k3 128-32@14k3 128-32@7k3",
    "squeezenet": "128-16@55 16-64@55k3 64-256@13k3",
    "mobilenet1": """3-32@224k3s2 32-64@112 64-128@56 128-128@56 128-256@28 256-256@28 256-512@14
        512-512@14 512-1024@7 1024-1024@7 128-128@56k3g128 128-128@56k3s2g128 256-256@28k3g256
        256-256@28k3s2g256 512-512@14k3s2g512 1024-1024@7k3g1024""",
    "mobilenet2": """32-16@112 16-96@112 24-144@56 144-24@56 144-32@28 32-192@28 192-32@28 192-64@14
        64-384@14 384-64@14 96-576@14 576-96@14 160-960@7 960-160@7 960-320@7 320-1280@7
        16-16@112k3g16 96-96@112k3s2g96 144-144@56k3s2g144 192-192@28k3g192 192-192@28k3s2g192
        384-384@14k3g384 576-576@14k3s2g576 960-960@7k3g960""",
    "mobilenet2 b8": "144-144@56b8k3g144 512-512@14b8k3g512",
    "mobilenet3": """72-72@56k5s2g72 120-120@28k5g120 240-240@28k3s2g240 200-200@14k3g200
        672-672@14k5s2g672 960-960@7k5g960""",
    "efficientnet": """240-40@28 480-80@14 672-112@14 1152-192@7 480-20@1 1280-1000@1
        144-144@56k5s2g144 240-240@28k5g240 480-480@14k5g480 1152-1152@7k5g1152""",
    "shufflenet2": "58-58@28 116-116@14 232-232@7 58-58@28k3g58 116-116@14k3g116 24-24@56k3s2g24",
    "convnext": """3-96@224k4s4p0 96-192@56k2s2p0 96-384@56 384-96@56 192-768@28 192-192@28k7g192
        384-384@14k7g384 768-768@7k7g768""",
    "vit": "3-768@224k16s16p0",
    "yolo": """3-32@640k6s2p2 32-64@320k3s2 64-32@160 32-32@160k3 64-128@160k3s2 64-64@80k3
        128-128@40k3 256-256@20k3 512-256@20 1024-512@20 128-256@80k3s2""",
    "unet": "64-64@256k3 128-128@128k3 512-256@64k3 1024-1024@16k3 64-2@256",
    "deeplab": "512-256@33k3d12 2048-256@33 256-256@33k3d12g256 960-960@33k3d2g960",
    "super-resolution": """1-64@224k5 64-32@224k3 32-9@224k3 1-64@128k9 64-64@128k3 3-32@256k9
        32-3@256k9 64-3@128k3""",
    "lenet b32": "1-6@28b32k5 6-16@14b32k5p0",
    "cifar": "16-16@32b32k3 32-32@16b32k3 64-64@8b32k3 64-64@32b16k3 32-64@32b32k3s2",
    "audio": """64-128@1x16000k1x2d16 256-512@1x3200 512-512@1x3200k1x3s2 1-512@1x16000k1x10s5
        384-384@1x1500k1x3 80-512@1x800k1x5 512-512@1x800k1x5 512-512@1x3200k1x3d4g512""",
}

# name, n, c, h, w, kernel, stride, padding
NETWORK_POOLS = (
    Pool("inception 3x3s2 192@71", 1, 192, 71, 71, 3, 2),
    Pool("inception 3x3s1 288@35", 1, 288, 35, 35, 3, 1, 1),
    Pool("inception 3x3s2 64@147", 1, 64, 147, 147, 3, 2),
    Pool("vgg 2x2s2 128@112", 1, 128, 112, 112, 2, 2),
    Pool("vgg 2x2s2 512@14", 1, 512, 14, 14, 2, 2),
    Pool("unet 2x2s2 64@56", 1, 64, 56, 56, 2, 2),
    Pool("unet 2x2s2 256@28", 1, 256, 28, 28, 2, 2),
    Pool("lenet 2x2s2 6@28 b32", 32, 6, 28, 28, 2, 2),
    Pool("googlenet 3x3s1 480@14", 1, 480, 14, 14, 3, 1, 1),
    Pool("squeezenet 3x3s2 96@55", 1, 96, 55, 55, 3, 2),
    Pool("yolo 5x5s1 256@20", 1, 256, 20, 20, 5, 1, 2),
    Pool("yolo 9x9s1 512@13", 1, 512, 13, 13, 9, 1, 4),
    Pool("yolo 13x13s1 512@13", 1, 512, 13, 13, 13, 1, 6),
    Pool("resnet50 3x3s2 64@112 b8", 8, 64, 112, 112, 3, 2, 1),
)

_LAYER = re.compile(r"(?P<c>\d+)-(?P<k>\d+)@(?P<h>\d+)(x(?P<w>\d+))?(b(?P<n>\d+))?"
                    r"(k(?P<r>\d+)(x(?P<s>\d+))?)?(s(?P<stride>\d+))?(d(?P<dilation>\d+))?"
                    r"(g(?P<groups>\d+))?(p(?P<padding>\d+))?")


def parse(network: str, text: str) -> Layer:
    """The layer that `text` says, named after it."""
    found = _LAYER.fullmatch(text)
    if found is None:
        raise ValueError(f"{network}: {text!r} is not a layer")
    given: dict[str, Any] = {name: int(value) for name, value in found.groupdict().items() if value}
    r = given.pop("r", 1)
    s = given.pop("s", r)
    same = r // 2 * given.get("dilation", 1) if r == s else 0
    sizes = {"n": 1, "w": given["h"], "padding": same} | given
    return Layer(f"{network} {text}", r=r, s=s, **sizes)


NETWORK_LAYERS = tuple(parse(network, text)
                       for network, layers in NETWORKS.items() for text in layers.split())

SUITES = {"table": (LAYERS, POOLS), "networks": (NETWORK_LAYERS, NETWORK_POOLS)}
