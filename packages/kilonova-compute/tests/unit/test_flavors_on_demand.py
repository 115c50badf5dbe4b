"""Flavors on demand: what a text means, what is wrong with one, who may have which."""

import pytest
from kilonova_compute.model.flavors_on_demand import (
    OnDemand,
    WrongText,
    flavor_on_demand,
    is_on_demand,
    refusal,
)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("vcpus=3,ram=2500,disk=7", "vcpus=3,ram=2500,disk=7"),
        (" disk = 7 , ram=2500, VCPUS=3 ", "vcpus=3,ram=2500,disk=7"),
        ("ram=64,vcpus=1", "vcpus=1,ram=64,disk=0"),
        ("ram=0064,vcpus=1,swap=0", "vcpus=1,ram=64,disk=0"),
        ("swap=512,ephemeral=2,vcpus=1,ram=64,disk=1", "vcpus=1,ram=64,disk=1,ephemeral=2,swap=512"),
        (
            "trait:CUSTOM_B=Required,resources:CUSTOM_GPU=2,trait:CUSTOM_A=forbidden,vcpus=1,ram=64",
            "vcpus=1,ram=64,disk=0,resources:CUSTOM_GPU=2,trait:CUSTOM_A=forbidden,trait:CUSTOM_B=required",
        ),
        (
            "device:v100=1,pages=LARGE,numa=2,pcpus=2,vcpus=4,ram=64,device:CUSTOM_GPU=2",
            "vcpus=4,ram=64,disk=0,pcpus=2,numa=2,pages=large,device:CUSTOM_GPU=2,device:v100=1",
        ),
        ("vcpus=1,ram=64,trait:HW_CPU_X86_VMX=required", "vcpus=1,ram=64,disk=0,trait:HW_CPU_X86_VMX=required"),
    ],
)
def test_the_same_wish_has_the_same_id_whoever_writes_it(text: str, canonical: str) -> None:
    flavor = flavor_on_demand(text)
    assert (flavor.flavor_id, flavor.name) == (canonical, canonical)
    assert flavor_on_demand(canonical) == flavor


def test_a_text_means_amounts_and_extra_specs() -> None:
    flavor = flavor_on_demand(
        "vcpus=3,ram=2500,disk=7,ephemeral=4,swap=5,resources:CUSTOM_GPU=2,trait:CUSTOM_A=required"
    )
    assert (flavor.vcpus, flavor.ram, flavor.disk, flavor.ephemeral, flavor.swap) == (3, 2500, 7, 4, 5)
    assert flavor.extra_specs == {"resources:CUSTOM_GPU": "2", "trait:CUSTOM_A": "required"}


@pytest.mark.parametrize(
    ("text", "specs"),
    [
        ("pcpus=2", {"hw:cpu_policy": "dedicated"}),
        ("pcpus=1", {"hw:cpu_policy": "mixed", "hw:cpu_dedicated_mask": "0"}),
        ("numa=2,pages=2MB", {"hw:numa_nodes": "2", "hw:mem_page_size": "2MB"}),
        ("device:CUSTOM_GPU=2", {"device:CUSTOM_GPU": "2"}),
        ("machine=CUSTOM_LARGE", {"kilonova:machine": "CUSTOM_LARGE"}),
    ],
)
def test_words_about_cores_nodes_pages_and_devices_are_extra_specs(text: str, specs: dict[str, str]) -> None:
    assert flavor_on_demand(f"vcpus=2,ram=64,{text}").extra_specs == specs


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("vcpus=3", "'ram' is missing: say ram=N"),
        ("ram=64,disk=1", "'vcpus' is missing"),
        ("vcpus=3,ram=2GB", "'ram=2GB': say a whole number from 1 to 2147483647, without a unit"),
        ("vcpus=0,ram=64", "'vcpus=0': say a whole number from 1"),
        ("vcpus=-1,ram=64", "'vcpus=-1'"),
        ("vcpus=1,ram=64,disk=9999999999", "'disk=9999999999'"),
        ("vcpus=1,ram=64,ram=65", "'ram' is said twice"),
        ("vcpus=1,ram=64,", "'' is not of the form key=value"),
        ("vcpus=1,ram", "'ram' is not of the form key=value"),
        ("vcpus=1,ram=64,colour=red", "'colour' is not known: say vcpus=, ram="),
        ("vcpus=1,ram=64,hw:cpu_policy=dedicated", "'hw:cpu_policy' is not known"),
        ("vcpus=1,ram=64,resources:VCPU=0", "only resources:CUSTOM_... may be asked for"),
        ("vcpus=1,ram=64,resources:CUSTOM_A=0", "'resources:CUSTOM_A=0': say a whole number from 1"),
        ("vcpus=1,ram=64,trait:CUSTOM_A=perhaps", "a trait is 'required' or 'forbidden'"),
        ("vcpus=1,ram=64,trait:custom_a=required", "'trait:custom_a' is not known"),
        ("vcpus=1,ram=64,pcpus=2", "of 1 vCPUs at most 1 have a core of their own"),
        ("vcpus=1,ram=64,pages=huge", "'pages=huge': pages are large, any, small, or of a size"),
        ("vcpus=1,ram=64,machine=large", "a whole machine is of a class CUSTOM_..."),
        ("vcpus=1,ram=64,numa=0", "'numa=0': say a whole number from 1"),
        ("vcpus=1,ram=64,device:a/b=1", "'device:a/b' is not known"),
        ("vcpus=1,ram=64,trait:" + "A" * 250 + "=required", "at most 255 characters"),
    ],
)
def test_a_wrong_text_names_the_word_and_the_fix(text: str, words: str) -> None:
    assert is_on_demand(text)
    with pytest.raises(WrongText) as caught:
        flavor_on_demand(text)
    assert words in str(caught.value)


@pytest.mark.parametrize("text", ["", "1", "m1.tiny", "a=b", "vcpus", "colour=red,size=3", "vcpus 3=1"])
def test_other_texts_are_ids_of_stored_flavors(text: str) -> None:
    assert not is_on_demand(text)


@pytest.mark.parametrize(
    ("bounds", "words"),
    [
        ({}, ""),
        ({"*": OnDemand(max_vcpus=2, max_ram=64, max_disk=8)}, ""),
        ({"*": OnDemand(allowed=False)}, "not allowed here"),
        ({"*": OnDemand(max_vcpus=1)}, "may have vcpus=1 at most here, and 2 was asked for"),
        ({"*": OnDemand(max_ram=63)}, "may have ram=63 at most here, and 64"),
        ({"*": OnDemand(max_disk=7)}, "may have disk=7 at most here, and 8"),
        ({"*": OnDemand(devices=False)}, "may not ask for devices and resource classes"),
        ({"*": OnDemand(layouts=False)}, "may not ask for NUMA nodes and pages"),
        ({"*": OnDemand(traits=False)}, "may not ask for traits"),
        ({"*": OnDemand(max_pcpus=0)}, "may have pcpus=0 at most here, and 1 was asked for"),
        ({"*": OnDemand(max_pcpus=1)}, ""),
        ({"red": OnDemand(allowed=False)}, "not allowed here"),
        ({"blue": OnDemand(allowed=False)}, ""),
        ({"*": OnDemand(allowed=False), "red": OnDemand(max_vcpus=2)}, ""),
    ],
)
def test_the_operator_bounds_what_a_project_may_ask_for(bounds: dict[str, OnDemand], words: str) -> None:
    flavor = flavor_on_demand(
        "vcpus=2,ram=64,disk=4,ephemeral=3,swap=1,pcpus=1,numa=1,resources:CUSTOM_A=1,trait:CUSTOM_B=required"
    )
    found = refusal(flavor, bounds, "red")
    assert words in found if words else found == ""
