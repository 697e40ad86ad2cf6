"""Names, labels and cost of the metrics of one process."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from workers.telemetry.metrics import Metrics
from workers.telemetry.sharing import FOLDER_VARIABLE

# What happens, and the line that then stands on the page.
EVENTS: list[tuple[Callable[[Metrics], None], str]] = [
    (lambda m: m.frame_captured("gate"), 'stillwatch_frames_captured_total{camera="gate"} 1.0'),
    (lambda m: m.frame_published("gate"), 'stillwatch_frames_published_total{camera="gate"} 1.0'),
    (lambda m: m.frame_scored("gate", 0.05), 'stillwatch_frames_scored_total{camera="gate"} 1.0'),
    (lambda m: m.frame_scored("gate", 0.05), 'stillwatch_capture_to_score_seconds_bucket{camera="gate",le="0.08"} 1.0'),
    (lambda m: m.frames_dropped("gate", "age", 3), 'stillwatch_frames_dropped_total{camera="gate",reason="age"} 3.0'),
    (lambda m: m.reconnected("gate"), 'stillwatch_reconnects_total{camera="gate"} 1.0'),
    (lambda m: m.camera_up("gate", True), 'stillwatch_camera_up{camera="gate"} 1.0'),
    (lambda m: m.camera_up("gate", False), 'stillwatch_camera_up{camera="gate"} 0.0'),
    (lambda m: m.hung_decoder_replaced("gate"), 'stillwatch_hung_decoders_replaced_total{camera="gate"} 1.0'),
    (lambda m: m.dead_letter("gate", "version"), 'stillwatch_dead_letters_total{camera="gate",reason="version"} 1.0'),
    (lambda m: m.batch_scored(8, 0.04), 'stillwatch_batch_frames_sum{worker="scorer-1"} 8.0'),
    (lambda m: m.batch_scored(8, 0.04), 'stillwatch_scoring_seconds_bucket{le="0.05",worker="scorer-1"} 1.0'),
    (lambda m: m.model_loaded(), 'stillwatch_model_loads_total{worker="scorer-1"} 1.0'),
    (
        lambda m: m.alert_published("gate", "anomaly", 4.5),
        'stillwatch_alerts_published_total{camera="gate",reason="anomaly"} 1.0',
    ),
    (
        lambda m: m.alert_published("gate", "anomaly", 4.5),
        'stillwatch_capture_to_alert_seconds_bucket{camera="gate",le="5.0"} 1.0',
    ),
    (lambda m: m.webhook_called("refused"), 'stillwatch_webhook_deliveries_total{reason="refused"} 1.0'),
    (lambda m: m.events_removed("floor", 2), 'stillwatch_events_removed_total{reason="floor"} 2.0'),
    (
        lambda m: m.clip_not_written("gate", "floor"),
        'stillwatch_clips_not_written_total{camera="gate",reason="floor"} 1.0',
    ),
    (lambda m: m.worker_restarted("decoder-1"), 'stillwatch_worker_restarts_total{worker="decoder-1"} 1.0'),
    (lambda m: m.broker_memory(0.25), "stillwatch_broker_memory_used_ratio 0.25"),
]


@pytest.fixture
def metrics(monkeypatch: pytest.MonkeyPatch) -> Metrics:
    monkeypatch.delenv(FOLDER_VARIABLE, raising=False)
    return Metrics("scorer-1")


@pytest.mark.parametrize(("event", "line"), EVENTS, ids=[line.split("{")[0] for _, line in EVENTS])
def test_each_event_is_one_line_of_the_page(event: Callable[[Metrics], None], line: str, metrics: Metrics) -> None:
    assert metrics.page() == b""
    event(metrics)
    assert line in metrics.page().decode().splitlines()


def test_names_types_and_labels_are_as_agreed(metrics: Metrics) -> None:
    for event, _ in EVENTS:
        event(metrics)
    for family in text_string_to_metric_families(metrics.page().decode()):
        assert family.name.startswith("stillwatch_")
        assert family.documentation.endswith(".")
        if family.type == "counter":
            assert {sample.name for sample in family.samples} == {f"{family.name}_total"}
        else:
            assert re.search("_(seconds|ratio|frames|up)$", family.name)
        labels = {label for sample in family.samples for label in sample.labels}
        assert labels - {"le"} <= {"camera", "worker", "reason"}


def test_the_page_on_telemetry_names_every_metric_and_no_other(metrics: Metrics) -> None:
    for event, _ in EVENTS:
        event(metrics)
    there = set(re.findall(r"^# HELP (\S+) ", metrics.page().decode(), re.MULTILINE))
    page = Path(__file__).parents[3] / "docs" / "reference" / "telemetry.md"
    assert set(re.findall(r"^\| `(stillwatch_\w+)`", page.read_text("utf-8"), re.MULTILINE)) == there


def test_two_collections_of_one_process_are_apart(metrics: Metrics) -> None:
    metrics.frame_captured("gate")
    assert Metrics("scorer-1").page() == b""


def test_latencies_are_told_from_ten_milliseconds_to_a_minute(metrics: Metrics) -> None:
    metrics.frame_scored("gate", 0.1)
    bounds = [float(bound) for bound in re.findall(r'to_score_seconds_bucket.*le="(.*)"', metrics.page().decode())]
    assert (bounds[0], bounds[-2], bounds[-1]) == (0.01, 60.0, float("inf"))
    assert {0.08, 0.3} <= set(bounds)


def test_a_frame_costs_microseconds(metrics: Metrics) -> None:
    def ten_thousand_frames_s() -> float:
        started_s = time.process_time()
        for _ in range(10_000):
            metrics.frame_captured("gate")
            metrics.frame_published("gate")
            metrics.frame_scored("gate", 0.05)
        return time.process_time() - started_s

    # Measured: 3 µs a frame in memory, 5 in shared files. The bound is for a busy machine.
    assert min(ten_thousand_frames_s() for _ in range(3)) / 10_000 < 30e-6
