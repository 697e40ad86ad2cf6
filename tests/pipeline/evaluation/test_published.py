"""Which published figures stand beside which of ours, and that the tables agree with themselves."""

from __future__ import annotations

from dataclasses import fields
from statistics import fmean

import pytest

from pipeline.evaluation.layouts import LAYOUTS
from pipeline.evaluation.published import MVTEC, STC, TABLES, Published, published_for
from pipeline.evaluation.report import Metrics
from pipeline.model.settings import PAPER, Settings

WIDE = PAPER.with_changes(backbone="wide_resnet50_2", dims=550)


def found(
    layout: str, settings: Settings, scenes: tuple[str, ...], *, rotate_crop: bool = False
) -> dict[str, Published]:
    beside = published_for(layout, settings, rotate_crop=rotate_crop, scenes=scenes)
    return {item.label: item for item in beside}


def test_tables_name_layouts_and_figures_of_ours() -> None:
    names = {field.name for field in fields(Metrics)}
    for table in TABLES:
        assert table.layout in LAYOUTS
        assert {*table.mean, *table.scenes} <= names
        assert all(0.5 < figure <= 1 for figure in table.mean.values())
    # Else one would hide the other.
    runs = {(t.label, t.layout, t.backbone, t.dims, t.layers, t.rotate_crop) for t in TABLES}
    assert len(runs) == len(TABLES)


def test_means_are_those_of_the_categories() -> None:
    by_category = [(table, name) for table in TABLES for name in table.scenes]
    assert len(by_category) == 6
    for table, name in by_category:
        assert len(table.scenes[name]) == len(MVTEC)
        assert fmean(table.scenes[name]) == pytest.approx(table.mean[name], abs=0.0005)


def test_the_paper_and_anomalib_stand_beside_the_paper_s_settings() -> None:
    beside = found("mvtec", PAPER, MVTEC)
    assert list(beside) == ["paper", "anomalib"]
    assert beside["paper"].source == "PaDiM-R18-Rd100, Defard et al. 2020, table III"
    assert beside["paper"].mean == {"pixel_auroc": 0.967, "aupro_30": 0.901}
    assert beside["paper"].scenes["transistor"] == {"pixel_auroc": 0.972}
    assert beside["anomalib"].scenes["bottle"] == {"image_auroc": 0.994, "pixel_auroc": 0.983}
    assert found("mvtec", WIDE, MVTEC)["paper"].mean == {"image_auroc": 0.953, "pixel_auroc": 0.975, "aupro_30": 0.921}


def test_of_some_categories_the_mean_is_not_comparable() -> None:
    beside = found("mvtec", PAPER, ("screw", "my_part"))
    assert list(beside["paper"].scenes) == ["screw"]
    assert beside["paper"].mean == {}
    assert found("mvtec", PAPER, ("my_part",)) == {}


def test_the_ablation_has_a_table_for_each_layer() -> None:
    for taps, mean in (
        (("layer1",), {"pixel_auroc": 0.948, "aupro_30": 0.868}),
        (("layer2",), {"pixel_auroc": 0.957, "aupro_30": 0.885}),
        (("layer3",), {"aupro_30": 0.883}),
        (("layer3", "layer2", "layer1"), {"pixel_auroc": 0.971, "aupro_30": 0.908}),
        (None, {"pixel_auroc": 0.971, "aupro_30": 0.908}),
    ):
        beside = found("mvtec", PAPER.with_changes(taps=taps, dims=None), MVTEC)
        assert [(label, item.mean) for label, item in beside.items()] == [("paper", mean)]


def test_rotated_pictures_have_a_table_of_their_own() -> None:
    assert found("mvtec", WIDE, MVTEC, rotate_crop=True)["paper"].mean == {"pixel_auroc": 0.922, "aupro_30": 0.731}
    assert found("mvtec", PAPER, MVTEC, rotate_crop=True) == {}


def test_shanghaitech_has_a_mean_alone() -> None:
    beside = found("stc", PAPER, STC)["paper"]
    assert (beside.mean, beside.scenes) == ({"pixel_auroc": 0.912}, {})
    assert found("stc", PAPER, STC[:3]) == {}


@pytest.mark.parametrize(
    "changes",
    [{"dims": 50}, {"taps": ("layer1", "layer2")}, {"weights": "random"}, {"backbone": "efficientnet_lite0"}],
)
def test_nothing_stands_beside_other_settings(changes: dict[str, object]) -> None:
    assert found("mvtec", PAPER.with_changes(**changes), MVTEC) == {}
    assert found("btad", PAPER, ("01", "02", "03")) == {}
