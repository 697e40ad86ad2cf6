"""The same figures as text, Markdown and JSON."""

from __future__ import annotations

import json

import pytest

from pipeline.evaluation.metrics import FrameFigures, PixelFigures
from pipeline.evaluation.published import Published
from pipeline.evaluation.report import Metrics, Results, as_json, as_markdown, as_text

GATE = Metrics.of("video", FrameFigures(1200, 0.91249, 0.8), PixelFigures(0.9375, 0.41, 0.75))
DOCK = Metrics.of("video", FrameFigures(80, 0.5, 0.6), PixelFigures(None, None, None))
POOLED = Metrics.of("video", FrameFigures(1280, 0.7, 0.65), PixelFigures(0.9375, 0.41, 0.75))
TWO = Results("folder", "padim", "efficientnet_lite0", {"gate": GATE, "dock|2": DOCK}, POOLED)
PICTURES = Metrics.of("images", FrameFigures(481, 0.925, 0.91), PixelFigures(None, None, None))
ONE = Results("mvtec", "padim", "resnet18", {"tiles": PICTURES}, PICTURES)

PAPER = Published("paper", "Defard et al., table III", {"screw": {"pixel_auroc": 0.974}}, {"pixel_auroc": 0.967})
PEER = Published("peer", "its README", {"screw": {"image_auroc": 0.759, "pixel_auroc": 0.978}}, {})
BESIDE = Results("mvtec", "padim", "resnet18", {"screw": GATE, "nut": GATE}, GATE, (PAPER, PEER))


def test_mean_is_over_the_scenes_that_have_a_figure_and_frames_are_added_up() -> None:
    assert TWO.mean.present() == pytest.approx(
        {
            "frames": 1280,
            "frame_auroc": (0.91249 + 0.5) / 2,
            "frame_f1": 0.7,
            "pixel_auroc": 0.9375,
            "aupro_30": 0.75,
            "pixel_f1": 0.41,
        }
    )


def test_json_has_the_design_s_keys_and_leaves_out_what_is_absent() -> None:
    assert json.loads(as_json(ONE)) == {
        "layout": "mvtec",
        "method": "padim",
        "backbone": "resnet18",
        "scenes": {"tiles": {"frames": 481, "image_auroc": 0.925, "image_f1": 0.91}},
        "mean": {"frames": 481, "image_auroc": 0.925, "image_f1": 0.91},
        "pooled": {"frames": 481, "image_auroc": 0.925, "image_f1": 0.91},
    }


def test_json_keeps_all_digits() -> None:
    assert json.loads(as_json(TWO))["scenes"]["gate"] == {
        "frames": 1200,
        "frame_auroc": 0.91249,
        "frame_f1": 0.8,
        "pixel_auroc": 0.9375,
        "aupro_30": 0.75,
        "pixel_f1": 0.41,
    }


def test_text_of_several_scenes_has_their_mean_and_all_pooled() -> None:
    assert as_text(TWO) == (
        "layout folder, method padim, backbone efficientnet_lite0\n"
        "\n"
        "scene   frames  frame_auroc  frame_f1  pixel_auroc  aupro_30  pixel_f1\n"
        "gate      1200        0.912     0.800        0.938     0.750     0.410\n"
        "dock|2      80        0.500     0.600            -         -         -\n"
        "mean      1280        0.706     0.700        0.938     0.750     0.410\n"
        "pooled    1280        0.700     0.650        0.938     0.750     0.410"
    )


def test_text_of_one_scene_is_one_row_with_the_columns_it_has() -> None:
    assert as_text(ONE) == (
        "layout mvtec, method padim, backbone resnet18\n"
        "\n"
        "scene  frames  image_auroc  image_f1\n"
        "tiles     481        0.925     0.910"
    )


def test_text_has_a_column_for_what_only_the_pooled_row_has() -> None:
    one_class = Metrics(10)
    results = Results("folder", "padim", "resnet18", {"a": one_class, "b": one_class}, Metrics(20, frame_auroc=1.0))
    assert as_text(results).splitlines()[2:] == [
        "scene   frames  frame_auroc",
        "a           10            -",
        "b           10            -",
        "mean        20            -",
        "pooled      20        1.000",
    ]


def test_markdown_is_the_same_table_with_bars_in_names_escaped() -> None:
    assert as_markdown(TWO).splitlines() == [
        "layout folder, method padim, backbone efficientnet_lite0",
        "",
        "| scene | frames | frame_auroc | frame_f1 | pixel_auroc | aupro_30 | pixel_f1 |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
        "| gate | 1200 | 0.912 | 0.800 | 0.938 | 0.750 | 0.410 |",
        "| dock\\|2 | 80 | 0.500 | 0.600 | - | - | - |",
        "| mean | 1280 | 0.706 | 0.700 | 0.938 | 0.750 | 0.410 |",
        "| pooled | 1280 | 0.700 | 0.650 | 0.938 | 0.750 | 0.410 |",
    ]


def test_published_figures_are_columns_of_their_own_and_it_says_what_they_are() -> None:
    assert as_text(BESIDE).splitlines()[2:] == [
        "scene   frames  frame_auroc  frame_f1  pixel_auroc  aupro_30  pixel_f1  paper pixel_auroc  peer image_auroc  "
        "peer pixel_auroc",
        "screw     1200        0.912     0.800        0.938     0.750     0.410              0.974             0.759  "
        "           0.978",
        "nut       1200        0.912     0.800        0.938     0.750     0.410                  -                 -  "
        "               -",
        "mean      2400        0.912     0.800        0.938     0.750     0.410              0.967                 -  "
        "               -",
        "pooled    1200        0.912     0.800        0.938     0.750     0.410                  -                 -  "
        "               -",
        "",
        "paper: Defard et al., table III",
        "",
        "peer: its README",
    ]
    table = as_markdown(BESIDE).splitlines()
    assert table[2].endswith("| pixel_f1 | paper pixel_auroc | peer image_auroc | peer pixel_auroc |")
    assert table[4].endswith("| 0.410 | 0.974 | 0.759 | 0.978 |")
    assert table[-4:] == ["", "paper: Defard et al., table III", "", "peer: its README"]


def test_json_keeps_published_figures_apart_from_ours() -> None:
    found = json.loads(as_json(BESIDE))
    assert found["published"] == {
        "paper": {
            "source": "Defard et al., table III",
            "scenes": {"screw": {"pixel_auroc": 0.974}},
            "mean": {"pixel_auroc": 0.967},
        },
        "peer": {
            "source": "its README",
            "scenes": {"screw": {"image_auroc": 0.759, "pixel_auroc": 0.978}},
            "mean": {},
        },
    }
    assert found["mean"] == GATE.present() | {"frames": 2400}
