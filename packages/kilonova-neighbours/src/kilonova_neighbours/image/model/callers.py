"""Who asks, as far as the rules of images need to know."""

from __future__ import annotations

import msgspec


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """``may_publish``: the policy ``publicize_image``; ``may_share_widely``: ``communitize_image``."""

    user_id: str
    project_id: str | None
    is_admin: bool = False
    may_publish: bool = False
    may_share_widely: bool = True

    def owns(self, owner: str | None) -> bool:
        return owner is not None and owner == self.project_id
