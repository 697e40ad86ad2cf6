"""Choices that change a score, and what they refuse."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import ConfigError
from pipeline.model.settings import PAPER, Epsilon, Method, Settings


@given(st.floats(1e-6, 1e6).map(lambda value: float(f"{value:g}")), st.sampled_from(["absolute", "relative"]))
def test_an_epsilon_is_read_back_from_its_text(value: float, kind: str) -> None:
    epsilon = Epsilon(value, kind)  # type: ignore[arg-type]
    assert Epsilon.parse(str(epsilon)) == epsilon


@pytest.mark.parametrize("text", ["", "0", "-0.1", "abs:0", "abs:", "nan", "inf", "abs:inf", "a lot", "rel:0.1"])
def test_an_epsilon_that_is_no_number_above_0_is_refused(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Epsilon.parse(text)
    assert str(caught.value) == (
        f"--epsilon is {text!r}, expected a number above 0 such as 0.1, or abs:0.01 for the paper's."
    )


@pytest.mark.parametrize("grid", [-8, 0, 5, 32])
def test_another_grid_is_refused(grid: int) -> None:
    with pytest.raises(ConfigError) as caught:
        Settings(grid=grid)
    assert str(caught.value) == f"--grid is {grid}, expected 4 (the paper's), 8 or 16."


@pytest.mark.parametrize("sigma_px", [-1.0, 100.0, float("nan"), float("inf")])
def test_a_sigma_out_of_range_is_refused(sigma_px: float) -> None:
    with pytest.raises(ConfigError) as caught:
        Settings(sigma_px=sigma_px)
    assert str(caught.value) == f"--sigma is {sigma_px:g}, expected 0 to 100 pixels."


@pytest.mark.parametrize("shrinkage", [-0.1, 1.1, float("nan")])
def test_a_shrinkage_that_is_no_share_is_refused(shrinkage: float) -> None:
    with pytest.raises(ConfigError) as caught:
        Settings(shrinkage=shrinkage)
    assert str(caught.value) == f"--shrinkage is {shrinkage:g}, expected 0 to 1."


@pytest.mark.parametrize(
    ("clocked", "method", "shrinkage", "sigma_px"),
    [(True, Method.STILLWATCH, 0.7, 1.0), (False, Method.PADIM, 0.1, 4.0)],
)
def test_what_was_not_given_is_footages_or_pictures_and_only_footage_has_motion(
    clocked: bool, method: Method, shrinkage: float, sigma_px: float
) -> None:
    assert (Settings().shrinkage, Settings().sigma_px) == (None, None)
    found = Settings(Method.STILLWATCH, dims=7).for_footage(clocked=clocked)
    assert found == Settings(method=method, dims=7, shrinkage=shrinkage, sigma_px=sigma_px)
    assert found.has_motion is clocked


@pytest.mark.parametrize("clocked", [True, False])
def test_appearance_alone_stays_alone(clocked: bool) -> None:
    found = Settings(method=Method.PADIM).for_footage(clocked=clocked)
    assert (found.method, found.has_motion) == (Method.PADIM, False)


@pytest.mark.parametrize("clocked", [True, False])
@pytest.mark.parametrize("shrinkage", [0.0, 0.3, 1.0])
def test_a_shrinkage_that_was_given_is_kept(clocked: bool, shrinkage: float) -> None:
    assert Settings(shrinkage=shrinkage).for_footage(clocked=clocked).shrinkage == shrinkage
    assert PAPER.for_footage(clocked=clocked) == PAPER


def test_changes_are_checked_like_the_first_choice() -> None:
    changed = Settings().with_changes(grid=4, dims=None)
    assert (changed.grid, changed.dims, changed.backbone) == (4, None, "efficientnet_lite0")
    with pytest.raises(ConfigError):
        Settings().with_changes(grid=5)
    with pytest.raises(TypeError):
        Settings().with_changes(gird=4)


def test_the_papers_settings_are_as_published() -> None:
    assert (PAPER.backbone, PAPER.weights, PAPER.taps, PAPER.dims) == ("resnet18", "imagenet", None, 100)
    assert (PAPER.grid, PAPER.sigma_px, PAPER.upsampling) == (4, 4.0, "bicubic")
    assert (PAPER.epsilon, PAPER.shrinkage) == (Epsilon(0.01, "absolute"), 0)
