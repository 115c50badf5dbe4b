"""Run the checks: all of them on one driver, or one of them (from a driver package's own tests)::

@pytest.mark.parametrize("check", checks.ALL, ids=lambda check: check.__name__)
async def test_the_driver_keeps_the_contract(check, tmp_path):
    settings = DriverSettings(state_dir=str(tmp_path), host_name="check")
    result = await run_check(check, "fake", settings)
    assert result.outcome is not Outcome.FAILED, result.detail
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path

import msgspec

from kilonova_driver.conformance.bench import Bench
from kilonova_driver.conformance.checks import ALL, Check
from kilonova_driver.conformance.verdicts import CheckFailed, CheckResult, NotApplicable, Outcome
from kilonova_driver.errors import DriverError
from kilonova_driver.types.guests import BaseImage
from kilonova_driver.types.settings import DriverSettings

#: A check that takes longer has failed.
SECONDS_PER_CHECK = 180.0
#: So has one after which cleaning up takes longer.
SECONDS_TO_CLEAN = 60.0


async def check_driver(
    name: str,
    settings: DriverSettings,
    *,
    image: BaseImage | None,
    report: Callable[[CheckResult], None],
) -> bool:
    """Run every check on the driver, tell each result as it comes; True when none has failed.

    ``name`` is an installed driver's name or a place (``sources.py``); below ``settings.state_dir`` each check gets a
    directory of its own. Without an image, guests have blank disks, and what needs a talking guest does not apply.
    """
    good = True
    for check in ALL:
        result = await run_check(check, name, settings, image=image)
        report(result)
        good = good and result.outcome is not Outcome.FAILED
    return good


async def run_check(
    check: Check, source: str, settings: DriverSettings, *, image: BaseImage | None = None
) -> CheckResult:
    """Run one check on a fresh state directory and a fresh driver, and clean up after it."""
    place = _fresh_place(settings)
    begun = time.monotonic()
    outcome, detail = await _judge(check, source, msgspec.structs.replace(settings, state_dir=str(place / "s")), image)
    shutil.rmtree(place, ignore_errors=True)
    sentence = (check.__doc__ or "").strip().partition("\n")[0]
    seconds = time.monotonic() - begun
    return CheckResult(name=check.__name__, sentence=sentence, outcome=outcome, detail=detail, seconds=seconds)


def _fresh_place(settings: DriverSettings) -> Path:
    """A directory of the check's own. Its name is short, since drivers put sockets there (107 bytes at most)."""
    root = Path(settings.state_dir)
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    place = Path(tempfile.mkdtemp(prefix="c", dir=root))
    if settings.run_as:
        place.chmod(0o755)
    return place


async def _judge(check: Check, source: str, settings: DriverSettings, image: BaseImage | None) -> tuple[Outcome, str]:
    """Carry out the check and the cleaning; what leaves either of them is the verdict."""
    try:
        bench = Bench(source, settings, image)
        try:
            async with asyncio.timeout(SECONDS_PER_CHECK):
                await check(bench)
        finally:
            async with asyncio.timeout(SECONDS_TO_CLEAN):
                await bench.close()
    except NotApplicable as reason:
        return Outcome.NOT_APPLICABLE, str(reason)
    except CheckFailed as failure:
        return Outcome.FAILED, str(failure)
    except TimeoutError:
        return (
            Outcome.FAILED,
            f"the check did not end in {SECONDS_PER_CHECK} s, or its cleaning in {SECONDS_TO_CLEAN} s",
        )
    except DriverError as error:
        return Outcome.FAILED, f"raised {type(error).__name__}: {error} ({_where(error)})"
    except Exception as error:  # noqa: BLE001 - whatever else leaves a driver is a failure, and is told
        return Outcome.FAILED, f"an error outside the family left the driver: {error!r} ({_where(error)})"
    return Outcome.PASSED, ""


def _where(error: BaseException) -> str:
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{Path(frame.filename).name}, line {frame.lineno}"
