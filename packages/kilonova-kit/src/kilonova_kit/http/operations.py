"""What a service is to the edge: one table of operations, and a few words about itself."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import falcon.asgi
import msgspec

from kilonova_kit.http.faults import FaultStyle, VersionedFaultStyle
from kilonova_kit.http.identity import Identity
from kilonova_kit.http.microversions import Microversions
from kilonova_kit.http.policy import Policy, PolicyBook
from kilonova_kit.http.versioned import NEVER, Version

AppT = TypeVar("AppT")
BodyT = TypeVar("BodyT")
QueryT = TypeVar("QueryT")


class NoQuery(msgspec.Struct, frozen=True):
    """No query parameter is known; others are ignored or refused as the operation says."""


class Call(msgspec.Struct, Generic[AppT, BodyT, QueryT], frozen=True, eq=False, kw_only=True):
    """One request, decoded. ``body`` is None for an operation that takes none; ``path`` holds the URL's variables.

    ``base_url`` is the service's own URL as the client sees it, version prefix included, without a slash at the end.
    """

    app: AppT
    body: BodyT
    query: QueryT
    path: Mapping[str, str]
    identity: Identity
    version: Version
    base_url: str
    request_id: str
    request: falcon.asgi.Request
    #: For what an operation's own policy cannot say: what else this caller may see or ask for.
    policies: PolicyBook

    def may(self, policy: Policy) -> bool:
        return self.policies.allows(policy, self.identity)

    def enforce(self, policy: Policy) -> None:
        """Raise Forbidden unless the caller may."""
        self.policies.enforce(policy, self.identity)

    @property
    def own_url(self) -> str:
        """The public URL of the request itself, without its query: what paging links are made from."""
        return self.base_url + str(self.request.context.path_below_base)


@dataclass(slots=True)
class Answer:
    """An answer with more to it than a body. ``stream`` sends bytes as they come."""

    body: Any = None
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    stream: AsyncIterator[bytes] | None = None
    content_type: str = "application/json"
    #: Bytes that are sent as they are.
    raw: bytes | None = None


Handler = Callable[[Any], Awaitable[Any]]


@dataclass(slots=True, frozen=True, kw_only=True)
class Operation:
    """A line of the URL table.

    ``takes`` is the type of the whole JSON body (None: no body is read; ``bytes``: the handler reads the stream).
    ``returns`` is the type of the answer, for OpenAPI. ``query`` is a Struct of parameters; other parameters are
    ignored before ``strict_query`` and a 400 from that version on.
    """

    name: str
    method: str
    path: str
    handler: Handler
    policy: Policy
    takes: Any = None
    returns: Any = None
    query: type[msgspec.Struct] = NoQuery
    status: int = 200
    since: Version = (0, 0)
    until: Version = NEVER
    #: What is answered from ``until`` on: 404, or 410 where the real API says so.
    gone_status: int = 404
    strict_query: Version = NEVER
    #: Needs no token.
    public: bool = False
    body_limit: int = 1024 * 1024
    body_optional: bool = False
    content_types: tuple[str, ...] = ("application/json",)
    #: The handler reads query and body itself (``call.query`` and ``call.body`` are None); ``takes`` and ``query`` only
    #: say to OpenAPI what they look like. For an API whose words about a wrong request are part of its contract.
    reads_itself: bool = False
    summary: str = ""

    def serves(self, version: Version) -> bool:
        return self.since <= version < self.until


@dataclass(slots=True, frozen=True, kw_only=True)
class Change:
    """A change of shape that a mark cannot say: one module in ``api/changes/``.

    ``older_answer`` turns an answer of ``version`` into what older clients know, in place; ``newer_request`` turns an
    older request body into the newest shape, in place. The second argument is the version asked for.
    """

    version: Version
    operations: frozenset[str]
    summary: str
    older_answer: Callable[[Any, Version], None] | None = None
    newer_request: Callable[[Any, Version], None] | None = None


@dataclass(slots=True, frozen=True, kw_only=True)
class Service:
    """An API: its table, its versions, its error bodies. ``prefix`` is where the process's port serves it.

    ``base_path`` is the version prefix that every operation's path stands below (``/v2.1``); operations whose path
    starts with ``//`` stand beside it (``//`` itself is the service's root).
    ``rewrite`` may change the path below the prefix before it is routed (compute's old project id in the URL).
    """

    name: str
    prefix: str
    operations: tuple[Operation, ...]
    faults: FaultStyle
    base_path: str = ""
    microversions: Microversions | None = None
    changes: tuple[Change, ...] = ()
    rewrite: Callable[[str], str] | None = None
    #: A path with a slash at its end is another path (a 404, as ``/v2/images/`` at glance), instead of the same one.
    strict_slashes: bool = False
    #: OPTIONS is a method like another, refused with 405 where the table has none (as at placement).
    refuses_options: bool = False
    #: Whether an answer without a body has a ``Content-Type`` all the same.
    types_empty_answers: bool = True
    #: For errors whose body depends on the version asked for (None: it could not be read); used instead of ``faults``.
    versioned_faults: VersionedFaultStyle | None = None
