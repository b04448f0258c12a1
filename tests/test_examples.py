"""The examples run, and print the figures they are there to show."""

import re
import runpy
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


def run(name, capsys):
    pytest.importorskip("sklearn", reason="the examples read scikit-learn's digits")
    runpy.run_path(str(EXAMPLES / name), run_name="__main__")
    return capsys.readouterr().out


def test_weight_sharing(capsys):
    out = run("weight_sharing.py", capsys)
    for line in [
        r"fully connected.* 3,072,000$",
        r"64 filters of 3x3x3 .* 1,728$",
        r"32 filters of 3x3x1 .* 288$",
        r"6272 inputs to 128 units .*802,816$",
        r"128 inputs to 10 classes .* 1,280$",
        r"30x30 = 900 times$",
        r"dilation 1, 2, 4: 3x3 -> 7x7 -> 15x15$",
        r"AlexNet conv2 +2 groups \* +307,200 +223,948,800 +50\.0%$",
        r"ResNeXt.* +32 groups \* +4,608 +14,450,688 +3\.1%$",
        r"MobileNet.* +depthwise separable \* +266,752 +52,283,392 +11\.3%$",
        r"max \|conv\(shift\(x\)\) - shift\(conv\(x\)\)\| = 0$",
        r"^All figures checked\.$",
    ]:
        assert re.search(line, out, re.MULTILINE), line


def test_digits_convnet(capsys):
    out = run("digits_convnet.py", capsys)
    assert re.search(r"conv 32@3x3, relu +288 ", out)
    assert re.search(r"dense 512 -> 128, relu +65,536 +128$", out, re.MULTILINE)
    assert re.search(r"dense 128 -> 10 +1,280 +10$", out, re.MULTILINE)
    assert re.search(r"forward pass of the test set: [\d.]+ ms$", out, re.MULTILINE)
    accuracy = re.search(r"test accuracy: ([\d.]+)%$", out, re.MULTILINE)
    assert float(accuracy[1]) >= 95
