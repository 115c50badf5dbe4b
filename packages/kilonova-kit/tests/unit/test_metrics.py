import subprocess
import sys

import pytest
from kilonova_kit.metrics import counter, gauge, histogram, render

_things = counter("kilonova_test_things_total", "Things by kind.", ("kind",))
_level = gauge("kilonova_test_level", "A level.")
_seconds = histogram("kilonova_test_seconds", "Time taken.", ("verb",), buckets=(0.1, 1.0))
_never = counter("kilonova_test_never_total", "Nothing has happened yet.")


def text() -> str:
    return render()[0].decode()


def test_what_was_counted_is_shown() -> None:
    _things.labels("good").inc()
    _things.labels("good").inc(2)
    _level.set(7)
    _seconds.labels("get").observe(0.5)
    shown = text()
    assert 'kilonova_test_things_total{kind="good"} 3.0' in shown
    assert "kilonova_test_level 7.0" in shown
    assert 'kilonova_test_seconds_bucket{le="1.0",verb="get"} 1.0' in shown


def test_what_has_not_happened_is_shown_as_zero() -> None:
    assert "kilonova_test_never_total 0.0" in text()


def test_children_are_kept() -> None:
    assert _things.labels("x") is _things.labels("x")


def test_memory_time_and_files_of_the_process_are_shown() -> None:
    for name in ("process_resident_memory_bytes", "process_cpu_seconds_total", "process_open_fds"):
        assert f"\n{name} " in text()


def test_there_are_no_created_series() -> None:
    _things.labels("y").inc()
    assert "_created" not in text()


def test_a_metric_is_declared_once() -> None:
    with pytest.raises(ValueError, match="twice"):
        gauge("kilonova_test_level", "Again.")


def test_the_wrong_number_of_labels_is_refused() -> None:
    with pytest.raises(ValueError, match="labels"):
        _things.labels("a", "b")
    with pytest.raises(ValueError, match="labels"):
        _things.inc()


def test_the_content_type_is_the_text_format() -> None:
    assert render()[1].startswith("text/plain; version=0.0.4")


def test_declaring_does_not_load_the_prometheus_client() -> None:
    code = (
        "import sys; from kilonova_kit.metrics import counter; counter('a_total', 'x');"
        "sys.exit('prometheus_client' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
