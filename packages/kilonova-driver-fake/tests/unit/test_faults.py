from __future__ import annotations

import pytest
from kilonova_driver.errors import InvalidSpec
from kilonova_driver.types.guests import GuestSpec
from kilonova_driver_fake.faults import Kind, crash_after, faults_of, matches


def spec(name="web", **properties):
    orders = {f"fake:{key}": value for key, value in properties.items()}
    return GuestSpec(guest_id="g", name=name, vcpus=1, memory_mib=64, properties=orders)


def test_a_guest_without_orders_has_none():
    assert faults_of(spec()) == ()
    assert crash_after(spec()) is None


def test_orders_are_read_from_properties():
    fail, block, delay, die = faults_of(
        spec(fail="ensure_guest:no_resources:2", block="reboot", delay="*:0.5", die="after:remove_guest")
    )
    assert (fail.kind, fail.method, fail.code, fail.times) == (Kind.FAIL, "ensure_guest", "no_resources", 2)
    assert (block.kind, block.method, block.fault_id) == (Kind.BLOCK, "reboot", "g/block")
    assert (delay.kind, delay.method, delay.seconds) == (Kind.DELAY, "*", 0.5)
    assert (die.kind, die.when, die.method, die.times) == (Kind.DIE, "after", "remove_guest", 1)


def test_orders_are_read_from_the_name():
    (fault,) = faults_of(spec(name="web fake:fail=ensure_guest:internal"))
    assert (fault.kind, fault.method, fault.code, fault.times) == (Kind.FAIL, "ensure_guest", "internal", 0)


def test_a_crash_may_be_ordered_for_later():
    assert crash_after(spec(crash_after="1.5")) == 1.5


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("fail", "ensure_guest"),
        ("fail", "ensure_guest:no_such_code"),
        ("block", ""),
        ("delay", "reboot:soon"),
        ("die", "during:reboot"),
        ("explode", "now"),
    ],
)
def test_an_order_that_is_not_understood_is_refused(kind, text):
    with pytest.raises(InvalidSpec, match=f"fake:{kind}"):
        faults_of(spec(**{kind: text}))


def test_a_fault_matches_its_method_and_its_guest():
    (fault,) = faults_of(spec(block="reboot"))
    assert matches(fault, "reboot", "g")
    assert not matches(fault, "pause", "g")
    assert not matches(fault, "reboot", "other")
    (fault,) = faults_of(spec(block="*"))
    assert matches(fault, "pause", "g")
