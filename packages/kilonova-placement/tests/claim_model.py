"""What there should be after any events: a few dictionaries that the ledger is compared with."""

from collections import Counter
from dataclasses import dataclass, field

from kilonova_placement.model.requests import DeviceWish, GroupWish, Place, Request

#: Four hosts with VCPUs; the last two have parts with devices. A part's number says whose it is.
HOSTS = (0, 1, 2, 3)
PARTS = {20: 2, 21: 2, 30: 3}
GROUPS = {"apart": ("anti-affinity", 0), "pairs": ("anti-affinity", 2), "near": ("affinity", 0)} | {
    "rather-near": ("soft-affinity", 0),
    "rather-apart": ("soft-anti-affinity", 0),
}


@dataclass(frozen=True)
class Asked:
    """What a request asks for."""

    vcpu: int
    gpus: int
    group: str | None

    def request(self, **place):
        wish = self.group and GroupWish(group_id=self.group, policy=GROUPS[self.group][0], max_per_host=self.most)
        devices = (DeviceWish(resource_class="PGPU", count=self.gpus),) if self.gpus else ()
        return Request(resources={"VCPU": self.vcpu}, devices=devices, group=wish or None, place=Place(**place))

    @property
    def most(self):
        return GROUPS[self.group][1]

    @property
    def policy(self):
        return GROUPS[self.group][0] if self.group else ""


@dataclass
class Live:
    """A live claim as the model has it. ``amounts``: by number of provider and class."""

    owner: str
    host: int
    asked: Asked
    amounts: dict
    bound: bool
    expires_at: float | None
    leaves: str = ""


@dataclass
class Model:
    """Everything there should be. ``made``: every claim that ever was, and the one it leaves."""

    totals: dict = field(default_factory=dict)
    closed: set = field(default_factory=set)
    live: dict = field(default_factory=dict)
    made: dict = field(default_factory=dict)

    def left(self, number, name):
        used = sum(claim.amounts.get((number, name), 0) for claim in self.live.values())
        return self.totals.get(number, 0) - used

    def holds(self, host, asked):
        """How many alike a host has room for, groups aside."""
        if host not in self.totals or host in self.closed:
            return 0
        found = self.left(host, "VCPU") // asked.vcpu
        if asked.gpus:
            parts = [part for part, of in PARTS.items() if of == host and part in self.totals]
            found = min(found, sum(max(0, self.left(part, "PGPU")) for part in parts) // asked.gpus)
        return max(0, found)

    def others(self, group, asking):
        """The hosts of each other member of a group."""
        found = {}
        for claim in self.live.values():
            if claim.asked.group == group and claim.owner != asking:
                found.setdefault(claim.owner, set()).add(claim.host)
        return found

    def room(self, asked, asking="", not_host=None):
        """How many alike there is room for, and on which hosts each may stand."""
        holds = {host: self.holds(host, asked) for host in HOSTS if host != not_host}
        others = self.others(asked.group, asking) if asked.group else {}
        if asked.policy == "anti-affinity":
            for host in holds:
                here = sum(host in hosts for hosts in others.values())
                holds[host] = min(holds[host], max(0, max(1, asked.most) - here))
        if asked.policy == "affinity":
            if not others:
                return max(holds.values()), {host for host in holds if holds[host]}
            settled = {host for hosts in others.values() for host in hosts if len(hosts) == 1}
            holds = {host: number for host, number in holds.items() if host in settled}
        return sum(holds.values()), {host for host in holds if holds[host]}

    def held(self):
        return {key for key, claim in self.live.items() if not claim.bound}

    def movable(self):
        left = {claim.leaves for claim in self.live.values()}
        bound = {key for key, claim in self.live.items() if claim.bound and claim.leaves not in self.live}
        return bound - left

    def open_moves(self):
        return {key: claim.leaves for key, claim in self.live.items() if claim.leaves in self.live}

    def confirmed(self, claim_id):
        self.live[claim_id].bound, self.live[claim_id].expires_at = True, None
        self.live.pop(self.live[claim_id].leaves, None)

    def expired(self, now):
        due = [key for key, claim in self.live.items() if not claim.bound and claim.expires_at <= now]
        for claim_id in due:
            del self.live[claim_id]


def check_groups(claims):
    """Every hard policy holds, whatever the model thinks."""
    for group, (policy, most) in GROUPS.items():
        places = {(claim.host, claim.owner.name) for claim in claims if claim.group_id == group}
        here = Counter(host for host, _ in places)
        if policy == "anti-affinity" and here:
            assert max(here.values()) <= max(1, most), f"{group} is crowded"
        if policy == "affinity" and len({owner for _, owner in places}) > 1:
            assert len(here) == 1, f"{group} is torn apart"
