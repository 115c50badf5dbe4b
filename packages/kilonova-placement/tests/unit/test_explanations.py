import pytest
from kilonova_placement.model.explanations import Refused, in_words, redacted
from kilonova_placement.model.requests import Place, Request


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (
            Request(resources={"MEMORY_MB": 8704}, required_traits=("AVX",)),
            "It does not fit on any of the 6 hosts. "
            "2 hosts do not take new servers (1 is disabled, 1 is down). "
            "1 host is enabled but lacks the trait AVX (nearest: h6). "
            "3 hosts have the required trait but lack memory, the nearest by 512 MB (nearest: h2).",
        ),
        (
            Request(resources={"VCPU": 1}, required_traits=("AVX", "SSE", "MAGIC")),
            "It does not fit on any of the 6 hosts. "
            "2 hosts do not take new servers (1 is disabled, 1 is down). "
            "4 hosts are enabled but lack required traits, the nearest only MAGIC (nearest: h1).",
        ),
        (
            Request(resources={"CUSTOM_GOLD": 1}, place=Place(zone="east")),
            "It does not fit on any of the 6 hosts. "
            "2 hosts do not take new servers (1 is disabled, 1 is down). "
            "2 hosts are enabled but are not in zone east. "
            "2 hosts are in zone east but have no CUSTOM_GOLD at all.",
        ),
        (
            Request(resources={"DISK_GB": 101}, place=Place(host="h1")),
            "It does not fit on any of the 6 hosts. "
            "2 hosts do not take new servers (1 is disabled, 1 is down). "
            "3 hosts are enabled but are not the host asked for. "
            "1 host is the host asked for but lacks 1 GB of disk (nearest: h1).",
        ),
        (
            Request(resources={"VCPU": 1}, forbidden_traits=("AVX",), place=Place(not_hosts=("h6",))),
            "It does not fit on any of the 6 hosts. "
            "2 hosts do not take new servers (1 is disabled, 1 is down); otherwise they would do. "
            "1 host is enabled but is excluded by the request; otherwise it would do. "
            "3 hosts are not excluded but have a forbidden trait (AVX).",
        ),
    ],
)
def test_a_refusal_names_each_constraint_and_the_nearest_miss(make, asked, words):
    index = make.index_of(
        make.host(1, traits=("AVX", "SSE"), zone="east", ram=8000),
        make.host(2, traits=("AVX",), zone="east"),
        make.host(3, traits=("AVX",), ram=4096),
        make.host(4, disabled="maintenance"),
        make.host(5, down="no heartbeat"),
        make.host(6),
    )
    assert in_words(make.explain(asked, index)) == words


def test_counts_add_up_to_all_hosts(make):
    index = make.index_of(*(make.host(number, vcpu=number, ram=number * 512) for number in range(1, 9)))
    found = make.explain(Request(resources={"VCPU": 3, "MEMORY_MB": 4097}), index)
    assert sum(item.removed for item in found.constraints) == found.hosts == 8
    assert found.constraints[-1].left == 0


def test_an_owner_sees_no_names_of_hosts(make):
    index = make.index_of(make.host(1, name="secret-1"), make.host(2, name="secret-2"))
    for asked in (Request(resources={"VCPU": 9}), Request(resources={"VCPU": 1})):
        found = make.explain(asked, index)
        assert "secret" in str(found)
        assert "secret" not in str(redacted(found))
        assert "secret" not in str(Refused(found))


def test_an_empty_cloud_says_so(make):
    assert in_words(make.explain(Request(resources={"VCPU": 1}), make.index_of())) == "There are no hosts."


def test_some_of_many_that_fit_are_counted(make):
    index = make.index_of(make.host(1, vcpu=2), make.host(2, vcpu=0))
    words = in_words(make.explain(Request(resources={"VCPU": 1}), index, 3))
    assert words == (
        "Only 2 of 3 fit. 1 host is enabled but has no VCPU at all; otherwise it would do. "
        "The 2 that fit use up what the remaining hosts have."
    )


def test_units_that_cannot_be_asked_for_are_explained(make):
    from kilonova_placement.model.providers import Inventory

    index = make.index_of(make.host(1, inventories={"DISK_GB": Inventory(total=100, max_unit=10, step_size=5)}))
    words = in_words(make.explain(Request(resources={"DISK_GB": 20}), index))
    assert "1 host is enabled but lacks a way to give 20 GB of disk in one piece (1 to 10, in steps of 5)" in words


def test_a_tree_whose_parts_are_each_too_small_is_explained(make):
    index = make.index_of(make.host(1), make.part(1, 1, PGPU=4), make.part(2, 1, PGPU=4))
    words = in_words(make.explain(Request(resources={"PGPU": 4}, required_traits=()), index, 3))
    assert words.startswith("Only 2 of 3 fit.")
