"""The caller of an operation, as ``app`` needs it; and the two policies that depend on what is in the body."""

from __future__ import annotations

from typing import Any, Protocol

from kilonova_kit.http.operations import Call
from kilonova_kit.http.policy import Policy, PolicyBook, admin, member

from kilonova_neighbours.image.app.images import Images
from kilonova_neighbours.image.app.imports import Imports
from kilonova_neighbours.image.app.members import Members
from kilonova_neighbours.image.app.metadefs import Metadefs
from kilonova_neighbours.image.app.tasks import Tasks
from kilonova_neighbours.image.app.uploads import Uploads
from kilonova_neighbours.image.model.callers import Caller
from kilonova_neighbours.image.settings import ImageSettings


class Rooms(Protocol):
    """What handlers find at ``call.app``: ``service.ImageApp``."""

    settings: ImageSettings
    policies: PolicyBook
    images: Images
    members: Members
    metadefs: Metadefs
    uploads: Uploads
    imports: Imports
    tasks: Tasks


#: A request to the image service.
Asked = Call[Rooms, Any, Any]

_PUBLICIZE = Policy("publicize_image", admin)
_COMMUNITIZE = Policy("communitize_image", member)


def caller_of(call: Asked) -> Caller:
    who, allows = call.identity, call.app.policies.allows
    return Caller(
        user_id=who.user_id,
        project_id=who.project_id,
        is_admin=who.is_admin,
        may_publish=allows(_PUBLICIZE, who),
        may_share_widely=allows(_COMMUNITIZE, who),
    )
