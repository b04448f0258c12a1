"""``python -m fastconv``, and the benchmark beside the peers as far as it needs none of them."""

import json
import subprocess
import sys

import pytest
from support import ROOT

import fastconv


def command(*arguments, cwd):
    return subprocess.run([sys.executable, "-m", "fastconv", *arguments], cwd=cwd, text=True,
                          capture_output=True, check=False)


def test_config_prints_what_show_config_says(tmp_path):
    done = command("config", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    said = dict(line.split(": ", 1) for line in done.stdout.splitlines())
    assert said["active_isa"] == fastconv.active_isa()
    assert said.keys() == fastconv.show_config().keys()


@pytest.mark.parametrize("arguments", [(), ("bench",), ("bench", "--nothing"), ("nothing",)])
def test_usage(arguments, tmp_path):
    done = command(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("usage: ")


@pytest.mark.parametrize("arguments", [("-h",), ("--help",), ("bench", "--help")])
def test_help(arguments, tmp_path):
    done = command(*arguments, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("usage: ")


def test_bench_says_that_it_needs_the_sources(tmp_path):
    done = command("bench", "--versus", cwd=tmp_path)
    assert done.returncode == 2
    assert "source checkout" in done.stderr


def test_versus_without_peers(tmp_path):
    done = command("bench", "--versus", "--kinds", "call", "--peers", "none", "--rounds", "1",
                   "--out", str(tmp_path), cwd=ROOT / "tests")
    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "versus-1t.json").read_text())
    (result,) = report["results"]
    assert {"Conv2d NCHW", "exact NHWC", "conv2d NCHW"} <= result["entries"].keys()
    assert all(entry["ns"] > 0 for entry in result["entries"].values())
    assert "| Conv2d NCHW |" in (tmp_path / "versus-1t.md").read_text()
