"""Fewer settings than anybody can forget: what nobody would set is a constant."""

from __future__ import annotations

from kilonova.cloud.folder import CloudState
from kilonova.cloud.settings import OperatorSettings
from kilonova_agent.settings import AgentSettings
from kilonova_kit.settings.descriptions import describe


def test_there_are_fewer_than_forty_settings_in_all() -> None:
    names = [setting.name for kind in (OperatorSettings, AgentSettings) for setting in describe(kind)]
    assert len([*names, *CloudState.__struct_fields__]) < 40, names
