"""An agent's reports below, an operator's words above."""

import msgspec
from kilonova_placement.model.layers import with_inventories, with_traits
from kilonova_placement.model.providers import NOT_REPORTED, Inventory, Provider, ProviderReport
from kilonova_placement.model.reports import described

_ID = "00000000-0000-0000-0000-000000000001"


def _report(known=None, *, vcpu=8, traits=("A", "B"), more=None):
    inventories = {"VCPU": Inventory(total=vcpu), "DISK_GB": Inventory(total=100), **(more or {})}
    return described(ProviderReport(name="h", inventories=inventories, traits=traits), _ID, known, 0.0)


def _said(provider, **inventories):
    return with_inventories(provider, {**provider.inventories, **inventories})


def test_without_an_operators_word_the_report_is_what_is_in_force():
    provider = _report(_report(), vcpu=16)
    assert provider.inventories["VCPU"].total == 16
    assert (provider.overlay, provider.reported) == (None, None)


def test_a_field_set_by_hand_outlives_a_report_that_changes_another():
    provider = _said(_report(), VCPU=Inventory(total=8, allocation_ratio=4.0))
    assert _report(provider, vcpu=16).inventories["VCPU"] == Inventory(total=16, allocation_ratio=4.0)


def test_custom_inventories_and_traits_outlive_a_report():
    provider = with_traits(_said(_report(), CUSTOM_LICENCE=Inventory(total=3)), ("A", "CUSTOM_GOLD"))
    again = _report(provider, traits=("A", "B", "C"))
    assert again.inventories["CUSTOM_LICENCE"] == Inventory(total=3)
    assert again.traits == ("A", "C", "CUSTOM_GOLD")  # B was taken away by hand


def test_a_class_taken_away_by_hand_stays_away_until_it_is_said_again():
    provider = with_inventories(_report(), {"VCPU": Inventory(total=8)})
    assert "DISK_GB" not in _report(provider).inventories
    back = _said(provider, DISK_GB=Inventory(total=100))
    assert "DISK_GB" in _report(back).inventories
    assert back.overlay is None


def test_saying_what_is_reported_gives_the_field_back_to_the_agent():
    provider = _said(_report(), VCPU=Inventory(total=8, allocation_ratio=4.0))
    back = _said(provider, VCPU=Inventory(total=8, max_unit=8))
    assert back.overlay is None
    assert _report(back, vcpu=32).inventories["VCPU"].total == 32


def test_a_ratio_alone_does_not_hold_up_a_class_that_is_gone():
    provider = _said(_report(more={"PGPU": Inventory(total=2)}), PGPU=Inventory(total=2, allocation_ratio=2.0))
    assert "PGPU" not in _report(provider).inventories


def test_a_host_made_by_hand_is_opened_by_its_agents_first_report():
    made = Provider(provider_id=_ID, name="h", generation=1, root_id=_ID, disabled=NOT_REPORTED)
    assert _report(made).disabled == ""
    closed = msgspec.structs.replace(made, disabled="maintenance")
    assert _report(closed).disabled == "maintenance"
