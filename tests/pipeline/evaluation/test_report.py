"""The same figures as text, Markdown and JSON."""

from __future__ import annotations

import json

import pytest

from pipeline.evaluation.events import EventFigures
from pipeline.evaluation.metrics import FrameFigures, PixelFigures
from pipeline.evaluation.published import Published
from pipeline.evaluation.regions import RegionFigures
from pipeline.evaluation.report import Metrics, Results, Scenes, as_json, as_markdown, as_text
from pipeline.model.padim import Evidence

NO_PIXELS, NO_REGIONS, NO_EVENTS = (
    PixelFigures(None, None, None),
    RegionFigures(None, None),
    EventFigures(None, None, None),
)
GATE = Metrics.of(
    "video",
    FrameFigures(1200, 0.91249, 0.8, 0.25),
    PixelFigures(0.9375, 0.41, 0.75),
    RegionFigures(0.625, 0.6875),
    EventFigures(0.5, 3, 0.03125),
)
DOCK = Metrics.of("video", FrameFigures(80, 0.5, 0.6, 0.0), NO_PIXELS, NO_REGIONS, EventFigures(1.0, 1, 0.5))
POOLED = Metrics.of(
    "video",
    FrameFigures(1280, 0.7, 0.65, 0.125),
    PixelFigures(0.9375, 0.41, 0.75),
    RegionFigures(0.625, 0.6875),
    EventFigures(0.75, 4, 0.53125),
)
TWO = Results("folder", "padim", "efficientnet_lite0", {"gate": GATE, "dock|2": DOCK}, POOLED)
PICTURES = Metrics.of("images", FrameFigures(481, 0.925, 0.91, 0.75), NO_PIXELS, NO_REGIONS, NO_EVENTS)
ONE = Results("mvtec", "padim", "resnet18", {"tiles": PICTURES}, PICTURES)

PAPER = Published("paper", "Defard et al., table III", {"screw": {"pixel_auroc": 0.974}}, {"pixel_auroc": 0.967})
PEER = Published("peer", "its README", {"screw": {"image_auroc": 0.759, "pixel_auroc": 0.978}}, {})
PLAIN = Metrics(1200, frame_auroc=0.91249, frame_f1=0.8, pixel_auroc=0.9375, aupro_30=0.75, pixel_f1=0.41)
BESIDE = Results("mvtec", "padim", "resnet18", {"screw": PLAIN, "nut": PLAIN}, PLAIN, (PAPER, PEER))

FIRST, SECOND, ALL = (Metrics(10, frame_auroc=auroc) for auroc in (0.5, 0.75, 0.625))
OF_BOTH = Results(
    "ucsd",
    "stillwatch",
    "resnet18",
    {"ped1": SECOND, "ped2": SECOND},
    SECOND,
    parts={
        Evidence.APPEARANCE: Scenes({"ped1": FIRST, "ped2": SECOND}, ALL),
        Evidence.MOTION: Scenes({"ped1": SECOND, "ped2": FIRST}, ALL),
    },
)


def test_mean_is_over_the_scenes_that_have_a_figure_and_counts_are_added_up() -> None:
    assert TWO.mean.present() == pytest.approx(
        {
            "frames": 1280,
            "frame_auroc": (0.91249 + 0.5) / 2,
            "frame_f1": 0.7,
            "frame_caught_1": 0.125,
            "pixel_auroc": 0.9375,
            "aupro_30": 0.75,
            "pixel_f1": 0.41,
            "rbdc": 0.625,
            "tbdc": 0.6875,
            "stretches_found": 0.75,
            "false_events": 4,
            "normal_hours": 0.53125,
            "false_events_per_day": (3 * 32 + 2) / 2 * 24,
        }
    )
    assert Metrics.mean([PICTURES, PICTURES]).false_events is None


def test_json_has_the_design_s_keys_and_leaves_out_what_is_absent() -> None:
    assert json.loads(as_json(ONE)) == {
        "layout": "mvtec",
        "method": "padim",
        "backbone": "resnet18",
        "scenes": {"tiles": {"frames": 481, "image_auroc": 0.925, "image_f1": 0.91, "image_caught_1": 0.75}},
        "mean": {"frames": 481, "image_auroc": 0.925, "image_f1": 0.91, "image_caught_1": 0.75},
        "pooled": {"frames": 481, "image_auroc": 0.925, "image_f1": 0.91, "image_caught_1": 0.75},
    }


def test_json_keeps_all_digits() -> None:
    assert json.loads(as_json(TWO))["scenes"]["gate"] == {
        "frames": 1200,
        "frame_auroc": 0.91249,
        "frame_f1": 0.8,
        "frame_caught_1": 0.25,
        "pixel_auroc": 0.9375,
        "aupro_30": 0.75,
        "pixel_f1": 0.41,
        "rbdc": 0.625,
        "tbdc": 0.6875,
        "stretches_found": 0.5,
        "false_events": 3,
        "normal_hours": 0.03125,
        "false_events_per_day": 2304.0,
    }


def test_text_of_several_scenes_has_their_mean_and_all_pooled_in_tables_as_narrow_as_a_terminal() -> None:
    assert as_text(TWO) == (
        "layout folder, method padim, backbone efficientnet_lite0\n"
        "\n"
        "scene   frames  frame_auroc  frame_f1  frame_caught_1  pixel_auroc  aupro_30  pixel_f1\n"
        "gate      1200        0.912     0.800           0.250        0.938     0.750     0.410\n"
        "dock|2      80        0.500     0.600           0.000            -         -         -\n"
        "mean      1280        0.706     0.700           0.125        0.938     0.750     0.410\n"
        "pooled    1280        0.700     0.650           0.125        0.938     0.750     0.410\n"
        "\n"
        "scene    rbdc   tbdc  stretches_found  false_events  normal_hours  false_events_per_day\n"
        "gate    0.625  0.688            0.500             3         0.031                  2304\n"
        "dock|2      -      -            1.000             1         0.500                    48\n"
        "mean    0.625  0.688            0.750             4         0.531                  1176\n"
        "pooled  0.625  0.688            0.750             4         0.531                   181"
    )


def test_text_of_one_scene_is_one_row_with_the_columns_it_has() -> None:
    assert as_text(ONE) == (
        "layout mvtec, method padim, backbone resnet18\n"
        "\n"
        "scene  frames  image_auroc  image_f1  image_caught_1\n"
        "tiles     481        0.925     0.910           0.750"
    )


def test_a_table_wider_than_a_terminal_goes_on_below_however_long_its_names_are() -> None:
    scene = "the-street-behind-the-house-as-the-camera-on-the-roof-of-the-shed-in-the-yard-sees-it-in-winter"
    figures = Metrics(10, frame_auroc=0.5, frame_f1=0.25)
    assert as_text(Results("folder", "padim", "resnet18", {scene: figures}, figures)).splitlines()[2:] == [
        f"{'scene':{len(scene)}}  frames",
        f"{scene}      10",
        "",
        f"{'scene':{len(scene)}}  frame_auroc",
        f"{scene}        0.500",
        "",
        f"{'scene':{len(scene)}}  frame_f1",
        f"{scene}     0.250",
    ]


@pytest.mark.parametrize(
    ("rate", "shown"), [(0.0, "0"), (0.0414, "0.0414"), (1.0, "1"), (47.94, "47.9"), (100.0, "100"), (12345.6, "12346")]
)
def test_a_rate_is_shown_with_three_digits_and_never_as_a_power_of_ten(rate: float, shown: str) -> None:
    figures = Metrics(10, false_events_per_day=rate)
    table = as_text(Results("folder", "padim", "resnet18", {"gate": figures}, figures))
    assert table.split()[-1] == shown


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


def test_markdown_is_the_same_table_in_one_piece_with_bars_in_names_escaped() -> None:
    assert as_markdown(TWO).splitlines() == [
        "layout folder, method padim, backbone efficientnet_lite0",
        "",
        "| scene | frames | frame_auroc | frame_f1 | frame_caught_1 | pixel_auroc | aupro_30 | pixel_f1 | rbdc | tbdc "
        "| stretches_found | false_events | normal_hours | false_events_per_day |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
        "| gate | 1200 | 0.912 | 0.800 | 0.250 | 0.938 | 0.750 | 0.410 | 0.625 | 0.688 | 0.500 | 3 | 0.031 | 2304 |",
        "| dock\\|2 | 80 | 0.500 | 0.600 | 0.000 | - | - | - | - | - | 1.000 | 1 | 0.500 | 48 |",
        "| mean | 1280 | 0.706 | 0.700 | 0.125 | 0.938 | 0.750 | 0.410 | 0.625 | 0.688 | 0.750 | 4 | 0.531 | 1176 |",
        "| pooled | 1280 | 0.700 | 0.650 | 0.125 | 0.938 | 0.750 | 0.410 | 0.625 | 0.688 | 0.750 | 4 | 0.531 | 181 |",
    ]


def test_published_figures_are_columns_of_their_own_and_it_says_what_they_are() -> None:
    assert as_text(BESIDE).splitlines()[2:] == [
        "scene   frames  frame_auroc  frame_f1  pixel_auroc  aupro_30  pixel_f1",
        "screw     1200        0.912     0.800        0.938     0.750     0.410",
        "nut       1200        0.912     0.800        0.938     0.750     0.410",
        "mean      2400        0.912     0.800        0.938     0.750     0.410",
        "pooled    1200        0.912     0.800        0.938     0.750     0.410",
        "",
        "scene   paper pixel_auroc  peer image_auroc  peer pixel_auroc",
        "screw               0.974             0.759             0.978",
        "nut                     -                 -                 -",
        "mean                0.967                 -                 -",
        "pooled                  -                 -                 -",
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
    assert found["mean"] == PLAIN.present() | {"frames": 2400}


def test_a_score_of_two_parts_has_three_rows_a_scene() -> None:
    assert as_text(OF_BOTH).splitlines()[2:] == [
        "scene              frames  frame_auroc",
        "ped1 combined          10        0.750",
        "ped1 appearance        10        0.500",
        "ped1 motion            10        0.750",
        "ped2 combined          10        0.750",
        "ped2 appearance        10        0.750",
        "ped2 motion            10        0.500",
        "mean combined          20        0.750",
        "mean appearance        20        0.625",
        "mean motion            20        0.625",
        "pooled combined        10        0.750",
        "pooled appearance      10        0.625",
        "pooled motion          10        0.625",
    ]


def test_json_has_the_score_s_figures_where_they_always_are_and_the_parts_beside_them() -> None:
    found = json.loads(as_json(OF_BOTH))
    assert list(found) == ["layout", "method", "backbone", "scenes", "mean", "pooled", "parts"]
    assert found["mean"] == {"frames": 20, "frame_auroc": 0.75}
    assert list(found["parts"]) == ["appearance", "motion"]
    assert found["parts"]["motion"] == {
        "scenes": {"ped1": {"frames": 10, "frame_auroc": 0.75}, "ped2": {"frames": 10, "frame_auroc": 0.5}},
        "mean": {"frames": 20, "frame_auroc": 0.625},
        "pooled": {"frames": 10, "frame_auroc": 0.625},
    }
