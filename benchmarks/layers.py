"""The layers that every benchmark draws from: real ones, of networks in wide use."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod


@dataclass(frozen=True)
class Layer:
    """A convolution layer; letters as everywhere in the project, one number for both axes."""

    name: str
    n: int
    c: int
    h: int
    w: int
    k: int
    r: int
    s: int
    stride: int = 1
    padding: int = 0
    dilation: int = 1
    groups: int = 1
    quick: bool = False

    @property
    def x_shape(self) -> tuple[int, int, int, int]:
        return self.n, self.c, self.h, self.w

    @property
    def w_shape(self) -> tuple[int, int, int, int]:
        return self.k, self.c // self.groups, self.r, self.s

    @property
    def kernel(self) -> tuple[int, int]:
        return self.r, self.s

    @property
    def out_size(self) -> tuple[int, int]:
        return self._out(self.h, self.r), self._out(self.w, self.s)

    @property
    def flops(self) -> int:
        """Operations of one run: two, a multiplication and an addition, for each product."""
        return 2 * self.n * prod(self.w_shape) * prod(self.out_size)

    @property
    def depthwise(self) -> bool:
        return 1 < self.c == self.groups

    @property
    def arguments(self) -> dict[str, int]:
        """What fastconv.conv2d and its references take beside the arrays."""
        names = ("stride", "padding", "dilation", "groups")
        return {name: getattr(self, name) for name in names}

    def shrunk(self, flops: int) -> Layer:
        """This layer with smaller images, then fewer channels, until it takes at most `flops`.

        Images are halved down to 8 outputs an axis and the batch to one image; channels keep
        the size of their groups, or the ratio of inputs to outputs where there is one group.
        """
        layer = replace(self, n=1) if self.flops > flops else self
        while layer.flops > flops:
            if max(layer.out_size) > 8:
                high, wide = (2 if out > 8 else 1 for out in layer.out_size)
                layer = replace(layer, h=layer.h // high, w=layer.w // wide)
            elif layer.groups > 1 and layer.groups % 2 == 0:
                layer = replace(layer, c=layer.c // 2, k=layer.k // 2, groups=layer.groups // 2)
            elif layer.c % (2 * layer.groups) == layer.k % (2 * layer.groups) == 0:
                layer = replace(layer, c=layer.c // 2, k=layer.k // 2)
            else:
                break
        return layer

    def _out(self, size: int, taps: int) -> int:
        span = (taps - 1) * self.dilation + 1
        padded = size + 2 * self.padding
        return (padded - span) // self.stride + 1


@dataclass(frozen=True)
class Pool:
    """A max pooling layer."""

    name: str
    n: int
    c: int
    h: int
    w: int
    kernel: int
    stride: int
    padding: int = 0
    quick: bool = False

    @property
    def x_shape(self) -> tuple[int, int, int, int]:
        return self.n, self.c, self.h, self.w

    @property
    def out_size(self) -> tuple[int, int]:
        h, w = ((size + 2 * self.padding - self.kernel) // self.stride + 1
                for size in (self.h, self.w))
        return h, w

    @property
    def comparisons(self) -> int:
        """Pixels looked at in one run of the plain algorithm."""
        return self.n * self.c * prod(self.out_size) * self.kernel**2

    @property
    def arguments(self) -> dict[str, int]:
        """What fastconv.max_pool2d and its references take beside the images."""
        return {"kernel_size": self.kernel, "stride": self.stride, "padding": self.padding}

    def shrunk(self, comparisons: int) -> Pool:
        """This layer with one image and fewer channels, then smaller images."""
        pool = replace(self, n=1) if self.comparisons > comparisons else self
        while pool.comparisons > comparisons:
            if pool.c > 1:
                pool = replace(pool, c=pool.c // 2)
            else:
                pool = replace(pool, h=pool.h // 2, w=pool.w // 2)
        return pool


# name, n, c, h, w, k, r, s, stride, padding, dilation, groups
LAYERS = (
    Layer("rn50.conv1 7x7s2", 1, 3, 224, 224, 64, 7, 7, 2, 3, quick=True),
    Layer("rn50.2a 1x1 64-64", 1, 64, 56, 56, 64, 1, 1),
    Layer("rn50.2b 3x3 64", 1, 64, 56, 56, 64, 3, 3, 1, 1),
    Layer("rn50.2c 1x1 64-256", 1, 64, 56, 56, 256, 1, 1, quick=True),
    Layer("rn50.3b 3x3s2 128", 1, 128, 56, 56, 128, 3, 3, 2, 1),
    Layer("rn50.3b 3x3 128", 1, 128, 28, 28, 128, 3, 3, 1, 1, quick=True),
    Layer("rn50.3d 1x1s2 256-512", 1, 256, 56, 56, 512, 1, 1, 2),
    Layer("rn50.4b 3x3 256", 1, 256, 14, 14, 256, 3, 3, 1, 1),
    Layer("rn50.4c 1x1 256-1024", 1, 256, 14, 14, 1024, 1, 1),
    Layer("rn50.5b 3x3 512", 1, 512, 7, 7, 512, 3, 3, 1, 1),
    Layer("rn50.5a 1x1 2048-512", 1, 2048, 7, 7, 512, 1, 1),
    Layer("vgg.1_2 3x3 64@224", 1, 64, 224, 224, 64, 3, 3, 1, 1),
    Layer("vgg.3_2 3x3 256@56", 1, 256, 56, 56, 256, 3, 3, 1, 1),
    Layer("mbv1.dw 3x3 32@112", 1, 32, 112, 112, 32, 3, 3, 1, 1, 1, 32),
    Layer("mbv1.dw 3x3s2 64@112", 1, 64, 112, 112, 64, 3, 3, 2, 1, 1, 64),
    Layer("mbv2.dw 3x3 144@56", 1, 144, 56, 56, 144, 3, 3, 1, 1, 1, 144),
    Layer("mbv1.dw 3x3 512@14", 1, 512, 14, 14, 512, 3, 3, 1, 1, 1, 512, quick=True),
    Layer("effnet.dw 5x5 672@14", 1, 672, 14, 14, 672, 5, 5, 1, 2, 1, 672),
    Layer("convnext.dw 7x7 96@56", 1, 96, 56, 56, 96, 7, 7, 1, 3, 1, 96),
    Layer("mbv2.pw 1x1 96-24@56", 1, 96, 56, 56, 24, 1, 1),
    Layer("deeplab.aspp d6 2048-256@33", 1, 2048, 33, 33, 256, 3, 3, 1, 6, 6),
    Layer("deeplab.aspp d18 512-256@33", 1, 512, 33, 33, 256, 3, 3, 1, 18, 18),
    Layer("drn d2 256@28", 1, 256, 28, 28, 256, 3, 3, 1, 2, 2, quick=True),
    Layer("alexnet.2 5x5 g2", 1, 96, 27, 27, 256, 5, 5, 1, 2, 1, 2),
    Layer("resnext.2 3x3 g32 128@56", 1, 128, 56, 56, 128, 3, 3, 1, 1, 1, 32, quick=True),
    Layer("resnext.4 3x3 g32 512@14", 1, 512, 14, 14, 512, 3, 3, 1, 1, 1, 32),
    Layer("shufflenet 1x1 g3 240@28", 1, 240, 28, 28, 240, 1, 1, 1, 0, 1, 3),
    Layer("mnist.1 3x3 1-32@28", 1, 1, 28, 28, 32, 3, 3, 1, 1),
    Layer("mnist.1 3x3 1-32@28 b64", 64, 1, 28, 28, 32, 3, 3, 1, 1),
    Layer("cifar 3x3 3-64@32 b32", 32, 3, 32, 32, 64, 3, 3, 1, 1),
    Layer("gray 5x5 1-1@1024", 1, 1, 1024, 1024, 1, 5, 5, 1, 2, quick=True),
    Layer("audio 1x80 1d 80-384", 1, 80, 1, 3000, 384, 1, 3),
)

# name, n, c, h, w, kernel, stride, padding
POOLS = (
    Pool("max 3x3s2 64@112", 1, 64, 112, 112, 3, 2, 1, quick=True),
    Pool("max 2x2s2 64@224", 1, 64, 224, 224, 2, 2),
    Pool("max 3x3s1 256@28", 1, 256, 28, 28, 3, 1, 1),
    Pool("max 5x5s1 512@20", 1, 512, 20, 20, 5, 1, 2),
    Pool("max 2x2s2 32@28 b64", 64, 32, 28, 28, 2, 2),
)

# So small that what is measured is the way in and out.
CALL = Layer("call 3x3 1-1@8", 1, 1, 8, 8, 1, 3, 3, 1, 1)
