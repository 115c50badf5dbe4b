"""RBAC policies: their attributes. Only networks can be shared so."""

from __future__ import annotations

from kilonova_neighbours.network.api.attributes import REQUIRED, STANDARD, Attribute, AttributeTable
from kilonova_neighbours.network.api.converters import one_of, text, uuid
from kilonova_neighbours.network.api.resources import Resource
from kilonova_neighbours.network.app import rbac_policies

_HIDDEN = ("description", "revision_number", "created_at", "updated_at")

RBAC_POLICIES = Resource(
    table=AttributeTable(
        "rbac_policy",
        "rbac_policies",
        (
            *(attribute for attribute in STANDARD if attribute.name not in _HIDDEN),
            Attribute("object_type", one_of("network"), post=True, default=REQUIRED),
            Attribute("object_id", uuid, post=True, default=REQUIRED),
            Attribute("action", one_of("access_as_shared", "access_as_external"), post=True, default=REQUIRED),
            Attribute("target_tenant", text(), post=True, put=True, default=REQUIRED),
        ),
    ),
    create=rbac_policies.create,
    show=rbac_policies.show,
    list_page=rbac_policies.list_page,
    update=rbac_policies.update,
    delete=rbac_policies.delete,
    tagged=False,
    wires=False,
)
