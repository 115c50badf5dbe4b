"""Errors to each service's own error body: the one place where an error becomes HTTP."""

from __future__ import annotations

import html
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from kilonova_kit.errors import KilonovaError, QuotaExceeded, Unauthenticated
from kilonova_kit.http.versioned import Version

#: (error, request id) -> (status, body)
FaultStyle = Callable[[KilonovaError, str], tuple[int, Any]]
#: The same with the version that was asked for, None when it could not be read.
VersionedFaultStyle = Callable[[KilonovaError, str, Version | None], tuple[int, Any]]

_COMPUTE_NAMES = {
    400: "badRequest",
    401: "unauthorized",
    403: "forbidden",
    404: "itemNotFound",
    405: "badMethod",
    406: "notAcceptable",
    409: "conflictingRequest",
    410: "gone",
    413: "overLimit",
    415: "badMediaType",
    429: "overLimit",
    501: "notImplemented",
    503: "serviceUnavailable",
}

#: WebOb's explanations, which stand before the message in the details of a Placement error.
_MALFORMED = "The server could not comply with the request since it is either malformed or otherwise incorrect."
_ABOUT_STATUS = {
    400: _MALFORMED,
    403: "Access was denied to this resource.",
    404: "The resource could not be found.",
    405: _MALFORMED,
    406: _MALFORMED,
    409: "There was a conflict when trying to complete your request.",
    415: _MALFORMED,
    500: "The server has either erred or is incapable of performing the requested operation.",
}


def title_of(status: int) -> str:
    return HTTPStatus(status).phrase


def compute_faults(error: KilonovaError, request_id: str) -> tuple[int, Any]:
    """``{"itemNotFound": {"code": 404, "message": ...}}`` (nova, api/openstack/wsgi.py, Fault)."""
    if isinstance(error, Unauthenticated):
        return identity_faults(error, request_id)
    if error.status == 406:
        return 406, {"computeFault": {"code": 406, "message": error.message}}
    name = _COMPUTE_NAMES.get(error.status, "computeFault")
    return error.status, {name: {"code": error.status, "message": error.message}}


def identity_faults(error: KilonovaError, request_id: str) -> tuple[int, Any]:
    """``{"error": {"code", "message", "title"}}`` (keystone)."""
    return error.status, {"error": {"code": error.status, "message": error.message, "title": title_of(error.status)}}


def image_faults(error: KilonovaError, request_id: str) -> tuple[int, Any]:
    """WebOb's JSON form, which glance answers with: ``{"message", "code": "404 Not Found", "title"}``."""
    title = title_of(error.status)
    message = f"{html.escape(error.message, quote=False)}<br /><br />\n\n\n"
    return error.status, {"message": message, "code": f"{error.status} {title}", "title": title}


def network_faults(error: KilonovaError, request_id: str) -> tuple[int, Any]:
    """``{"NeutronError": {"type", "message", "detail"}}`` (neutron); over quota is a 409 there."""
    status = 409 if isinstance(error, QuotaExceeded) else error.status
    if isinstance(error, Unauthenticated):
        return identity_faults(error, request_id)
    kind = "OverQuota" if isinstance(error, QuotaExceeded) else error.kind
    if kind == kind.lower():  # not one of neutron's own class names
        kind = {400: "HTTPBadRequest", 403: "PolicyNotAuthorized", 404: "HTTPNotFound"}.get(
            status, type(error).__name__
        )
    return status, {"NeutronError": {"type": kind, "message": error.message, "detail": ""}}


def placement_faults(error: KilonovaError, request_id: str) -> tuple[int, Any]:
    """The errors guideline's list, as placement answers.

    ``detail`` is WebOb's text form, a sentence about the status and then the message: clients show what stands in the
    last line, so the message is one line.
    """
    said = _ABOUT_STATUS.get(error.status, title_of(error.status))
    message = " ".join(error.message.splitlines())
    return error.status, {
        "errors": [
            {
                "status": error.status,
                "title": title_of(error.status),
                "detail": f"{said}\n\n {message}  ",
                "request_id": request_id,
                "code": error.kind if error.kind.startswith("placement.") else "placement.undefined_code",
            }
        ]
    }
