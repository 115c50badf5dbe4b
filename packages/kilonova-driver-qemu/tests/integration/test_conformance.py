"""The driver keeps the contract: every check of the conformance kit, with real guests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from kilonova_driver.conformance.checks import ALL, Check
from kilonova_driver.conformance.run import run_check
from kilonova_driver.conformance.verdicts import Outcome
from kilonova_driver.types.guests import BaseImage
from kilonova_driver.types.settings import DriverSettings

pytestmark = pytest.mark.guest

NOBODY = (65534, 65534)


@pytest.mark.parametrize("check", ALL, ids=lambda check: check.__name__)
async def test_the_driver_keeps_the_contract(check: Check, tmp_path: Path, tiny_image: BaseImage | None) -> None:
    run_as = NOBODY if os.geteuid() == 0 else None
    settings = DriverSettings(state_dir=str(tmp_path), host_name="check", run_as=run_as, options={"accelerator": "tcg"})
    result = await run_check(check, "qemu", settings, image=tiny_image)
    assert result.outcome is not Outcome.FAILED, result.detail
