"""What people and scripts see."""

from __future__ import annotations

import json

from pipeline.evaluation.synthetic.report import Figures, SyntheticResults, as_json, as_markdown, as_text
from pipeline.model.padim import Evidence

FIGURES = {"box": Figures(24, 0.9, 0.5, None, 0.0), "all": Figures(24, 0.9, 0.5, 0.98765, 0.0)}
RESULTS = SyntheticResults(
    "stillwatch",
    "resnet18",
    5.0,
    4,
    100,
    0,
    ["fast", "walk"],
    {Evidence.COMBINED: FIGURES, Evidence.MOTION: {"box": Figures(24, 0.5), "all": Figures(24, 0.5)}},
)


def test_json_has_the_keys_that_scripts_rely_on() -> None:
    assert json.loads(as_json(RESULTS)) == {
        "layout": "synthetic",
        "averaged_over": "folds",
        "method": "stillwatch",
        "backbone": "resnet18",
        "fps": 5.0,
        "folds": 4,
        "normal_frames": 100,
        "walkers": 0,
        "left_out": ["fast", "walk"],
        "evidence": {
            "combined": {
                "box": {"frames": 24, "frame_auroc": 0.9, "frame_caught_1": 0.5, "after_1": 0.0},
                "all": {
                    "frames": 24,
                    "frame_auroc": 0.9,
                    "frame_caught_1": 0.5,
                    "pixel_auroc": 0.98765,
                    "after_1": 0.0,
                },
            },
            "motion": {"box": {"frames": 24, "frame_auroc": 0.5}, "all": {"frames": 24, "frame_auroc": 0.5}},
        },
    }


def test_a_table_has_a_row_for_each_kind_and_evidence() -> None:
    assert as_text(RESULTS).splitlines() == [
        "layout synthetic, method stillwatch, backbone resnet18, 5 frames/s, means over 4 folds, 100 normal frames",
        "",
        "kind          frames  frame_auroc  frame_caught_1  pixel_auroc  after_1",
        "box combined      24        0.900           0.500            -    0.000",
        "box motion        24        0.500               -            -        -",
        "all combined      24        0.900           0.500        0.988    0.000",
        "all motion        24        0.500               -            -        -",
        "",
        "nobody walks in the footage: fast, walk are left out.",
    ]


def test_markdown_is_the_same_table() -> None:
    lines = as_markdown(RESULTS).splitlines()
    assert lines[2:5] == [
        "| kind | frames | frame_auroc | frame_caught_1 | pixel_auroc | after_1 |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
        "| box combined | 24 | 0.900 | 0.500 | - | 0.000 |",
    ]
