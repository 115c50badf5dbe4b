"""Together or apart: what a group allows, within one call and with the members that stand already."""

import pytest
from kilonova_placement.deciding.choosing import choose
from kilonova_placement.deciding.groups import Groups
from kilonova_placement.model.explanations import Explanation
from kilonova_placement.model.groups import GroupUse
from kilonova_placement.model.providers import Inventory
from kilonova_placement.model.requests import DeviceWish, GroupWish, Request


def wish(policy, vcpu=1, most=0, **more):
    return Request(resources={"VCPU": vcpu}, group=GroupWish(group_id="g", policy=policy, max_per_host=most), **more)


def hosts_with(make, members, count=4, vcpu=8):
    """Hosts h0, h1, ... and who of group g stands where: {host number: [owners]}."""
    index = make.index_of(*(make.host(number, vcpu=vcpu) for number in range(count)))
    for number, owners in members.items():
        for owner in owners:
            index.groups.join("g", f"host-{number}", owner)
    return index


@pytest.mark.parametrize(
    ("policy", "most", "members", "fitting"),
    [
        ("affinity", 0, {}, {"h0", "h1", "h2", "h3"}),
        ("affinity", 0, {1: ["a"]}, {"h1"}),
        ("affinity", 0, {1: ["a"], 2: ["b"]}, {"h1", "h2"}),
        ("affinity", 0, {1: ["a"], 2: ["a"]}, set()),  # a moves: nobody knows where it will be
        ("affinity", 0, {1: ["a", "b"], 2: ["a"]}, {"h1"}),
        ("anti-affinity", 0, {1: ["a"]}, {"h0", "h2", "h3"}),
        ("anti-affinity", 0, {1: ["a"], 2: ["a"]}, {"h0", "h3"}),
        ("anti-affinity", 2, {1: ["a"], 2: ["b", "c"]}, {"h0", "h1", "h3"}),
        ("anti-affinity", 2, {1: ["a", "a"]}, {"h0", "h1", "h2", "h3"}),  # two claims of one member
        ("soft-affinity", 0, {1: ["a"]}, {"h0", "h1", "h2", "h3"}),
        ("soft-anti-affinity", 0, {1: ["a"]}, {"h0", "h1", "h2", "h3"}),
    ],
)
def test_a_group_allows_the_hosts_that_its_policy_says(make, policy, most, members, fitting):
    assert make.all_that_fit(wish(policy, most=most), hosts_with(make, members)) == fitting


def _where(index, request, count, asking="", chooser=None):
    found = choose(request, count, index, chooser, asking)
    return found if isinstance(found, Explanation) else [index.names[place.root] for place in found]


def test_a_member_does_not_count_against_itself(make):
    index = hosts_with(make, {0: ["a"], 1: ["b"]}, count=2)
    assert isinstance(_where(index, wish("anti-affinity"), 1, "", make.chooser()), Explanation)
    assert _where(index, wish("anti-affinity"), 1, "a", make.chooser()) == ["h0"]
    alone = hosts_with(make, {0: ["a"]}, count=2)
    alone.show([make.host(0, vcpu=1)])
    assert isinstance(_where(alone, wish("affinity", vcpu=2), 1, "", make.chooser()), Explanation)
    assert _where(alone, wish("affinity", vcpu=2), 1, "a", make.chooser()) == ["h1"]


def test_many_with_anti_affinity_stand_apart_or_not_at_all(make):
    index = hosts_with(make, {3: ["x"]})
    assert sorted(make.chosen(wish("anti-affinity"), index, 3)) == ["h0", "h1", "h2"]
    refused = make.chosen(wish("anti-affinity"), index, 4)
    assert (refused.fits, refused.count) == (3, 4)
    assert "with anti-affinity at 1 on each" in refused.constraints[-1].nearest
    assert sorted(make.chosen(wish("anti-affinity", most=2), index, 7)) == ["h0", "h0", "h1", "h1", "h2", "h2", "h3"]


def test_many_with_affinity_stand_on_the_one_host_that_holds_all(make):
    roomy = make.index_of(make.host(0, vcpu=9), make.host(1, vcpu=2), make.host(2, vcpu=6))
    for vcpu in (1.0, -1.0):
        found = make.chosen(wish("affinity", vcpu=2), roomy, 3, vcpu=vcpu)
        assert found == (["h0"] * 3 if vcpu > 0 else ["h2"] * 3)
    refused = make.chosen(wish("affinity", vcpu=2), roomy, 5)
    assert refused.fits == 4
    assert "the roomiest holds 4" in refused.constraints[-1].nearest


def test_many_with_affinity_join_those_that_stand_already(make):
    assert make.chosen(wish("affinity"), hosts_with(make, {2: ["a"]}), 5) == ["h2"] * 5
    refused = make.chosen(wish("affinity"), hosts_with(make, {2: ["a"]}), 9)
    assert refused.fits == 8


def test_affinity_finds_the_host_whose_parts_can_hold_all(make):
    """The sum of h0's parts is enough for two, but in two pieces of three."""
    uses = [make.host(0, vcpu=0), make.host(1, vcpu=4)]
    parts = [make.part(number, 0, VCPU=3) for number in (1, 2)]
    assert make.chosen(wish("affinity", vcpu=2), make.index_of(*uses, *parts), 2) in (["h0"] * 2, ["h1"] * 2)
    assert make.chosen(wish("affinity", vcpu=4), make.index_of(*uses, *parts), 1) == ["h1"]
    three = make.index_of(make.host(0, vcpu=0), *[make.part(number, 0, VCPU=3) for number in (1, 2)])
    assert make.chosen(wish("affinity", vcpu=2), three, 3).fits == 2


def test_affinity_counts_devices_of_one_host(make):
    uses = [
        make.host(number, inventories={"VCPU": Inventory(total=9), "PGPU": Inventory(total=2 + number)})
        for number in (0, 1, 2)
    ]
    asked = wish("affinity", devices=(DeviceWish(resource_class="PGPU", count=2),))
    assert make.chosen(asked, make.index_of(*uses), 2) == ["h2", "h2"]


def test_soft_policies_prefer_and_give_in(make):
    index = hosts_with(make, {0: ["a", "b"], 1: ["c"]}, count=3, vcpu=2)
    assert make.chosen(wish("soft-affinity"), index, 3)[:2] == ["h0", "h0"]
    assert sorted(make.chosen(wish("soft-anti-affinity"), index, 3)) == ["h1", "h2", "h2"]
    assert sorted(make.chosen(wish("soft-anti-affinity"), index, 6)) == ["h0", "h0", "h1", "h1", "h2", "h2"]
    off = hosts_with(make, {0: ["a"]}, count=1)
    assert make.explain(wish("soft-affinity"), off).winner.weights["soft_affinity"] == 1.0


def test_a_soft_policy_can_be_turned_off(make):
    index = hosts_with(make, {0: ["a"]}, count=2, vcpu=8)
    uses = make.host(0, vcpu=4)
    index.show([uses])
    assert make.chosen(wish("soft-affinity"), index) == ["h0"]
    assert make.chosen(wish("soft-affinity"), index, soft_affinity=0.0) == ["h1"]


def test_a_refusal_names_the_group(make):
    full = make.explain(wish("anti-affinity", most=2), hosts_with(make, {0: ["a", "b"], 1: ["c", "d"]}, count=2))
    assert any("have 2 members or more of the group already" in item.nearest for item in full.constraints)
    moving = make.explain(wish("affinity"), hosts_with(make, {0: ["a"], 1: ["a"]}, count=2))
    assert any("on the move" in item.nearest for item in moving.constraints)
    apart = make.explain(wish("affinity", vcpu=9), hosts_with(make, {0: ["a"]}, count=3))
    assert any("have no member of the group" in item.nearest for item in apart.constraints)


def test_members_are_forgotten_with_their_last_claim():
    groups = Groups()
    groups.join("g", "host", "a")
    groups.join("g", "host", "a")
    groups.leave("g", "host", "a")
    assert groups.use("g").members == {"host": {"a": 1}}
    groups.leave("g", "host", "a")
    groups.leave("g", "host", "a")
    assert groups.use("g").members == {}
    groups.show(GroupUse(group_id="g", generation=5, members={}))
    assert (groups.raised("g", 4, 5), groups.raised("g", 5, 6), groups.generation_of("g")) == (False, True, 6)
