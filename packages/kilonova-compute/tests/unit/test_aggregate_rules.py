"""What aggregates' metadata means for hosts and for requests."""

import pytest
from kilonova_compute.model.aggregate_rules import NO_RULES, HostRules, host_rules, view_of
from kilonova_compute.model.aggregates import Aggregate
from kilonova_compute.model.label_terms import label_of
from kilonova_compute.model.requests import RequestedLabel


def aggregate(number: int, *hosts: str, **metadata: str) -> Aggregate:
    plain = {key.replace("__", ":"): value for key, value in metadata.items()}
    return Aggregate(uuid=f"u{number}", name=f"a{number}", number=number, hosts=hosts, metadata=plain)


def test_a_host_without_aggregates_has_no_rules() -> None:
    assert host_rules([]) == HostRules()
    assert host_rules([aggregate(1, "h", availability_zone="east")]) == HostRules()
    assert view_of([aggregate(1, "h", availability_zone="east")]).rules == NO_RULES


def test_any_key_is_a_label_and_values_of_all_aggregates_count() -> None:
    own = [aggregate(1, "h", disk="ssd, nvme", rack="r1"), aggregate(2, "h", disk="hdd", empty="")]
    assert host_rules(own).labels == {"disk": ("hdd", "nvme", "ssd"), "rack": ("r1",)}


def test_of_several_numbers_the_smallest_counts() -> None:
    own = [
        aggregate(1, "h", ram_weight_multiplier="2.5", cpu_weight_multiplier="-1", max_instances_per_host="50"),
        aggregate(2, "h", ram_weight_multiplier="1", max_instances_per_host="20", max_io_ops_per_host="many"),
    ]
    found = host_rules(own)
    assert found.multipliers == {"ram": 1.0, "vcpu": -1.0}
    assert (found.most_guests, found.most_arriving, found.labels) == (20, 0, {})


def test_hosts_of_certain_projects_are_opened_for_these_only() -> None:
    both = [aggregate(1, "h", filter_tenant_id="red"), aggregate(2, "h", "i", filter_tenant_id_2="blue,green")]
    view = view_of(both)
    (for_h,), (for_i,) = host_rules(view.of("h")).only_for, host_rules(view.of("i")).only_for
    assert for_h != for_i
    assert view.rules.carries("red", "m1", ()) == (for_h,)
    assert set(view.rules.carries("blue", "m1", ())) == {for_h, for_i}
    assert view.rules.carries("white", "m1", ()) == ()
    assert "red" not in for_h


def test_hosts_of_certain_flavors_and_traits_are_opened_by_them() -> None:
    view = view_of([aggregate(1, "h", instance_type="m1.big,m1.huge", trait__CUSTOM_LICENSED="required")])
    assert host_rules(view.of("h")).only_for == ("instance_type:m1.big,m1.huge", "trait:CUSTOM_LICENSED")
    assert view.rules.carries("red", "m1.big", ()) == ("instance_type:m1.big,m1.huge",)
    assert view.rules.carries("red", "m1.tiny", ("CUSTOM_LICENSED", "CUSTOM_OTHER")) == ("trait:CUSTOM_LICENSED",)


def test_images_go_where_their_properties_are_not_denied() -> None:
    rules = view_of([aggregate(1, "h", os_type="windows", rack="r1")]).rules
    asked = rules.image_labels({"os_type": "linux", "hw_disk_bus": "virtio"})
    assert asked == (RequestedLabel(key="os_type", values=("linux",), or_absent=True),)


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("ssd", RequestedLabel(key="k", values=("ssd",))),
        ("two words", RequestedLabel(key="k", values=("two words",))),
        ("= 5", RequestedLabel(key="k", values=("5",), test="at_least", as_numbers=True)),
        ("== 5.5", RequestedLabel(key="k", values=("5.5",), test="is", as_numbers=True)),
        ("!= 5", RequestedLabel(key="k", values=("5",), test="is_not", as_numbers=True)),
        ("<= 5", RequestedLabel(key="k", values=("5",), test="at_most", as_numbers=True)),
        ("s!= a", RequestedLabel(key="k", values=("a",), test="is_not")),
        ("s> a", RequestedLabel(key="k", values=("a",), test="above")),
        ("<or> a <or> b", RequestedLabel(key="k", values=("a", "b"))),
        ("<in> a <in> b", RequestedLabel(key="k", values=("a", "b"), test="contains")),
        ("<all-in> a b", RequestedLabel(key="k", values=("a", "b"), test="contains")),
    ],
)
def test_extra_specs_ask_for_labels(text: str, label: RequestedLabel) -> None:
    assert label_of("k", text) == label


@pytest.mark.parametrize("text", ["", "  ", "= much", ">=", "s== a b", "<or>", "<in> a <in>", "<all-in>"])
def test_an_operator_needs_its_values(text: str) -> None:
    with pytest.raises(ValueError):
        label_of("k", text)
