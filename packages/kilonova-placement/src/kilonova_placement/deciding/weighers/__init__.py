"""Who is best: one small file per weigher. A weigher adds to a score over all rows; the highest score wins.

``amounts_free`` (RAM, VCPU, disk) spreads with a positive multiplier and packs with a negative one, as Nova's
ram_weight_multiplier and its kin do; the scale is the largest host, so a weight lies between 0 and 1. The signs are
those of Nova's multipliers everywhere (docs/placement-choices.md).

The law of constraints holds for weighers too: a host's weight is of its own row and tree, and is kept until
``index.changed`` or ``index.scale`` says otherwise.
"""

from __future__ import annotations

from kilonova_placement.deciding.weighers.amounts_free import (
    disk_after,
    disk_free,
    ram_after,
    ram_free,
    vcpu_after,
    vcpu_free,
)
from kilonova_placement.deciding.weighers.arriving import arriving, arriving_after
from kilonova_placement.deciding.weighers.failures import failures
from kilonova_placement.deciding.weighers.group import (
    soft_affinity,
    soft_affinity_after,
    soft_anti_affinity,
    soft_anti_affinity_after,
)
from kilonova_placement.deciding.weighers.guests import guests, guests_after
from kilonova_placement.deciding.weighers.hypervisor_version import hypervisor_version
from kilonova_placement.deciding.weighers.images import images, images_after
from kilonova_placement.deciding.weighers.near_cell import near_cell
from kilonova_placement.deciding.weighers.preferred_traits import preferred_traits
from kilonova_placement.deciding.weighers.scarce import scarce
from kilonova_placement.deciding.weighers.weigher import Multipliers, Score, Weigher

WEIGHERS: tuple[Weigher, ...] = (
    Weigher("ram", ram_free, ram_after),
    Weigher("vcpu", vcpu_free, vcpu_after),
    Weigher("disk", disk_free, disk_after),
    Weigher("preferred_traits", preferred_traits),
    Weigher("soft_affinity", soft_affinity, soft_affinity_after),
    Weigher("soft_anti_affinity", soft_anti_affinity, soft_anti_affinity_after),
    Weigher("arriving", arriving, arriving_after, multiplier=-1.0),
    Weigher("guests", guests, guests_after, multiplier=0.0),
    Weigher("failures", failures),
    Weigher("images", images, images_after),
    Weigher("near_cell", near_cell, multiplier=100.0),
    Weigher("hypervisor_version", hypervisor_version),
    Weigher("scarce", scarce),
)

__all__ = ["WEIGHERS", "Multipliers", "Score", "Weigher"]
