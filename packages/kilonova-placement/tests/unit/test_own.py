"""An operator's own constraints and weighers, from a real small package."""

import sys

import pytest
from kilonova_kit.settings import SettingsError
from kilonova_placement.app.own import Own, criteria_of, installed
from kilonova_placement.app.settings import PlacementSettings
from kilonova_placement.deciding.choosing import Chooser, choose, explain
from kilonova_placement.model.explanations import Explanation, in_words
from kilonova_placement.model.requests import Request

_MODULE = '''
import numpy as np
from kilonova_placement.own import Check, Miss, Weigher, plural

state = {"broken": False}


def gold_only(wanted, index):
    """Only hosts that are labelled tier=gold."""
    if state["broken"]:
        raise RuntimeError("the lamp is out")

    def narrow(mask):
        mask &= index.attributes.labels.has("tier\\0gold", len(mask))

    def lacks(rows):
        return Miss(f"{plural(len(rows), 'is', 'are')} not of gold")

    return [Check("gold", narrow, ("is of gold", "are of gold"), lacks)]


def heat(wanted, index):
    if state["broken"]:
        return np.full(index.rows, np.nan)
    return -index.attributes.guests[: index.rows] / 10


COOL = Weigher("cool", heat, multiplier=10.0)
NOTHING = "nothing"
'''
_ENTRY_POINTS = """[kilonova.constraints]
gold = our_rules:gold_only
odd = our_rules:NOTHING
lost = our_rules:not_there

[kilonova.weighers]
cool = our_rules:COOL
"""


@pytest.fixture
def rules(tmp_path, monkeypatch):
    (tmp_path / "our_rules.py").write_text(_MODULE)
    folder = tmp_path / "our_rules-1.2.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: our-rules\nVersion: 1.2\n")
    (folder / "entry_points.txt").write_text(_ENTRY_POINTS)
    monkeypatch.syspath_prepend(str(tmp_path))
    import our_rules

    yield our_rules
    del sys.modules["our_rules"]


def _chooser(make, **settings):
    found = criteria_of(PlacementSettings(database="sqlite://", **settings))
    return Chooser(found, make.chooser().random)


def _names(found, index):
    return found if isinstance(found, Explanation) else [index.names[one.root] for one in found]


def _two_tiers(make):
    gold = {"labels": {"tier": ("gold",)}}
    return make.index_of(make.host(1, vcpu=64), make.host(2, said=gold, guests=4), make.host(3, said=gold, guests=1))


_ASKED = Request(resources={"VCPU": 1})


def test_what_is_named_decides_and_what_is_not_named_does_not(make, rules):
    index = _two_tiers(make)
    assert _names(choose(_ASKED, 1, index, _chooser(make)), index) == ["h1"]
    assert _names(choose(_ASKED, 1, index, _chooser(make, own=("gold", "cool"))), index) == ["h3"]
    assert set(_names(choose(_ASKED, 2, index, _chooser(make, own=("gold",))), index)) == {"h2", "h3"}
    reversed_ = _chooser(make, own=("gold", "cool"), multipliers={"cool": -10.0})
    assert _names(choose(_ASKED, 1, index, reversed_), index) == ["h2"]


def test_own_rules_are_explained_as_ours_are(make, rules):
    index, chooser = _two_tiers(make), _chooser(make, own=("cool", "gold"))
    refused = choose(Request(resources={"VCPU": 9}), 1, index, chooser)
    assert "1 host has enough VCPU but is not of gold." in in_words(refused)
    assert explain(_ASKED, 1, index, chooser).winner.weights["cool"] == -1.0


def test_a_rule_that_fails_is_named_and_nothing_is_let_through(make, rules, caplog):
    index, chooser = _two_tiers(make), _chooser(make, own=("gold",))
    rules.state["broken"] = True
    refused = choose(_ASKED, 1, index, chooser)
    assert in_words(refused).endswith("3 hosts could not be judged, for the constraint gold failed.")
    assert "the constraint gold failed" in caplog.text
    assert "the lamp is out" in caplog.text
    assert explain(_ASKED, 1, index, chooser).fits == 0
    rules.state["broken"] = False
    assert len(choose(_ASKED, 1, index, chooser)) == 1


def test_a_weigher_that_gives_no_numbers_fails(make, rules, caplog):
    index, chooser = _two_tiers(make), _chooser(make, own=("cool",))
    rules.state["broken"] = True
    assert "for the weigher cool failed" in in_words(choose(_ASKED, 1, index, chooser))
    assert "the weigher cool failed" in caplog.text


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"own": ("silver",)}, "silver: no installed package has an entry point of this name"),
        ({"own": ("odd",)}, "odd: our_rules:NOTHING is no constraint"),
        ({"own": ("lost",)}, "lost: our_rules:not_there cannot be loaded"),
        ({"own": ("cool", "cool")}, "another weigher is named cool already"),
        ({"multipliers": {"cool": 1.0}}, "no weigher is named cool"),
        ({"multipliers": {"vcpus": 1.0}}, "no weigher is named vcpus: did you mean vcpu?"),
    ],
)
def test_what_cannot_be_had_stops_the_start(rules, settings, words):
    with pytest.raises(SettingsError) as raised:
        criteria_of(PlacementSettings(database="sqlite://", **settings))
    assert words in str(raised.value)


def test_what_is_installed_is_listed(rules):
    ours = [one for one in installed() if one.package == "our-rules 1.2"]
    assert ours == [
        Own("constraint", "gold", "our-rules 1.2"),
        Own("constraint", "lost", "our-rules 1.2"),
        Own("constraint", "odd", "our-rules 1.2"),
        Own("weigher", "cool", "our-rules 1.2"),
    ]
