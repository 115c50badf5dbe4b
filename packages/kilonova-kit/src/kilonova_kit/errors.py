"""Errors that may reach a client: a short closed family, turned into HTTP in one place (``http/faults.py``).

    KilonovaError
    ├── BadRequest          400  what was asked is wrong; the message names the field and the fix
    ├── Unauthenticated     401  no token, or one that is not valid
    ├── Forbidden           403  the policy says no
    │   └── QuotaExceeded   403  (409 at the network API)
    ├── NotFound            404  no such thing, or not yours
    ├── MethodNotAllowed    405
    ├── NotAcceptable       406  a version that is not served
    ├── TooSlow             408  the body did not come
    ├── Conflict            409  the thing's state forbids it
    ├── Gone                410
    ├── PreconditionFailed  412
    ├── TooLarge            413
    ├── UnsupportedMedia    415
    ├── NotImplementedHere  501  the API has it, this cloud does not
    └── Unavailable         503  a part is away; try again

``kind`` is a stable word for machines: the type of a NeutronError, the code of a Placement error.
"""

from __future__ import annotations


class KilonovaError(Exception):
    """The root; never raised itself."""

    status = 500
    kind = "internal"

    def __init__(self, message: str, *, kind: str | None = None, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.message = message
        if kind is not None:
            self.kind = kind
        self.headers = headers or {}


class BadRequest(KilonovaError):
    """What was asked is wrong."""

    status = 400
    kind = "bad_request"


class Unauthenticated(KilonovaError):
    """No valid token."""

    status = 401
    kind = "unauthenticated"


class Forbidden(KilonovaError):
    """The policy says no."""

    status = 403
    kind = "forbidden"


class QuotaExceeded(Forbidden):
    """A limit of the project is reached."""

    kind = "over_quota"


class NotFound(KilonovaError):
    """No such thing, or one that the caller may not see."""

    status = 404
    kind = "not_found"


class MethodNotAllowed(KilonovaError):
    """The path exists, the method does not."""

    status = 405
    kind = "method_not_allowed"


class NotAcceptable(KilonovaError):
    """A version that is not served."""

    status = 406
    kind = "not_acceptable"


class TooSlow(KilonovaError):
    """The body did not come, or too slowly to wait for; the connection is closed with the answer."""

    status = 408
    kind = "too_slow"

    def __init__(self, message: str) -> None:
        super().__init__(message, headers={"Connection": "close"})


class Conflict(KilonovaError):
    """The thing's present state forbids it."""

    status = 409
    kind = "conflict"


class Gone(KilonovaError):
    """It existed once, and never will again."""

    status = 410
    kind = "gone"


class PreconditionFailed(KilonovaError):
    """A condition the client set does not hold."""

    status = 412
    kind = "precondition_failed"


class TooLarge(KilonovaError):
    """More bytes than allowed."""

    status = 413
    kind = "too_large"


class UnsupportedMedia(KilonovaError):
    """A content type this operation does not take."""

    status = 415
    kind = "unsupported_media"


class NotImplementedHere(KilonovaError):
    """The API has it, this cloud does not."""

    status = 501
    kind = "not_implemented"


class Unavailable(KilonovaError):
    """A part of the cloud is away; the same request may succeed later."""

    status = 503
    kind = "unavailable"
