from __future__ import annotations

from pathlib import Path

import pytest
from kilonova_driver.conformance import checks, run
from kilonova_driver.conformance.checks import removal, watching
from kilonova_driver.conformance.run import check_driver, run_check
from kilonova_driver.conformance.sources import module_of_file
from kilonova_driver.conformance.verdicts import NotApplicable, Outcome, require
from kilonova_driver.errors import InvalidSpec
from kilonova_driver.types.settings import DriverSettings

BROKEN_FILE = Path(__file__).with_name("broken_drivers.py")
BROKEN = [
    kind for kind in vars(module_of_file(BROKEN_FILE)).values() if isinstance(kind, type) and hasattr(kind, "caught_by")
]
CHECKS = {check.__name__: check for check in checks.ALL}
PAIRS = [(kind.__name__, name) for kind in BROKEN for name in kind.caught_by]


def settings_in(place, **options):
    return DriverSettings(state_dir=str(place), host_name="check", options=options)


@pytest.mark.parametrize("check", checks.ALL, ids=lambda check: check.__name__)
async def test_the_fake_driver_keeps_the_contract(check, tmp_path):
    result = await run_check(check, "fake", settings_in(tmp_path))
    wanted = Outcome.NOT_APPLICABLE if result.name == "a_missing_image_is_refused" else Outcome.PASSED
    assert (result.outcome, result.detail) == (wanted, result.detail)
    assert result.sentence.endswith(".")


@pytest.mark.parametrize("name", [check.__name__ for check in checks.removal.CHECKS + checks.crowds.CHECKS])
async def test_a_slow_fake_driver_keeps_the_contract(name, tmp_path):
    result = await run_check(CHECKS[name], "fake", settings_in(tmp_path, boot_seconds="0.02"))
    assert result.outcome is Outcome.PASSED, result.detail


@pytest.mark.parametrize(("kind", "name"), PAIRS)
async def test_a_broken_driver_is_caught(kind, name, tmp_path, monkeypatch):
    monkeypatch.setattr(watching, "SECONDS_FOR_AN_EVENT", 0.1)
    monkeypatch.setattr(removal, "REMOVAL_SECONDS", 0.1)
    monkeypatch.setattr(removal, "LONG_GRACE_SECONDS", 2.0)
    result = await run_check(CHECKS[name], f"{BROKEN_FILE}:{kind}", settings_in(tmp_path))
    assert result.outcome is Outcome.FAILED
    assert result.detail


def test_every_check_catches_a_broken_driver():
    assert {name for _, name in PAIRS} == set(CHECKS)


def test_no_two_checks_have_one_name():
    assert len(CHECKS) == len(checks.ALL)


async def test_an_error_outside_the_family_is_called_so(tmp_path):
    source = f"{BROKEN_FILE}:FallsOverImpossibleSpecs"
    result = await run_check(CHECKS["an_impossible_spec_is_refused"], source, settings_in(tmp_path))
    assert "outside the family" in result.detail
    assert "ZeroDivisionError" in result.detail


async def test_the_whole_kit_reports_each_check_and_says_that_one_failed(tmp_path, monkeypatch):
    async def holds(bench):
        """It holds."""

    async def fails(bench):
        """It fails."""
        require(False, "seen otherwise")

    async def does_not_apply(bench):
        """It does not apply."""
        raise NotApplicable("no such thing")

    reports = []
    monkeypatch.setattr("kilonova_driver.conformance.run.ALL", (holds, does_not_apply))
    assert await check_driver("fake", settings_in(tmp_path), image=None, report=reports.append)
    monkeypatch.setattr("kilonova_driver.conformance.run.ALL", (holds, fails, does_not_apply))
    assert not await check_driver("fake", settings_in(tmp_path), image=None, report=reports.append)
    assert [report.outcome for report in reports[2:]] == [Outcome.PASSED, Outcome.FAILED, Outcome.NOT_APPLICABLE]
    assert reports[3].detail == "seen otherwise"
    assert reports[3].sentence == "It fails."
    assert not list(tmp_path.iterdir())


async def test_guests_that_a_check_leaves_are_removed(tmp_path):
    async def leaves_guests(bench):
        """It leaves guests on two drivers, one of them killed."""
        await bench.built(await bench.remote())

    result = await run_check(leaves_guests, "fake", settings_in(tmp_path))
    assert result.outcome is Outcome.PASSED, result.detail


async def test_an_unknown_driver_is_told(tmp_path):
    result = await run_check(checks.ALL[0], "nobody", settings_in(tmp_path))
    assert result.outcome is Outcome.FAILED
    assert "no driver named 'nobody'" in result.detail
    assert InvalidSpec.__name__ in result.detail


@pytest.mark.parametrize("kind", ["NeverEndsABuild", "NeverEndsARemoval"])
async def test_a_driver_that_hangs_in_a_check_or_in_its_cleaning_is_caught(kind, tmp_path, monkeypatch):
    monkeypatch.setattr(run, "SECONDS_PER_CHECK", 0.2)
    monkeypatch.setattr(run, "SECONDS_TO_CLEAN", 0.2)
    result = await run_check(CHECKS["a_guest_is_built_running"], f"{BROKEN_FILE}:{kind}", settings_in(tmp_path))
    assert result.outcome is Outcome.FAILED
    assert "did not end" in result.detail
