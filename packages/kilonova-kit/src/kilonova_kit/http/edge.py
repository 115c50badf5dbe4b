"""A service's table made a Falcon application.

The middleware is one list, in this order, and here is why:

    1. request id     first, so that every later line and answer carries it
    2. version        before identity: a client learns about versions without a token, and 406 needs the headers
    3. operation      which line of the table serves this method, path and version: 404, 405, 410
    4. identity       401 before anything about the resource is said
    5. policy         403 before the body is read: a stranger cannot make us parse
    6. query, body    400
    7. handler        decodes nothing, raises the family of ``errors.py``
    8. answer         marks and changes walk the answer down to the asked version
"""

from __future__ import annotations

import logging
import re
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qsl

import falcon
import falcon.asgi
import msgspec

from kilonova_kit.errors import (
    BadRequest,
    Gone,
    KilonovaError,
    MethodNotAllowed,
    NotFound,
    Unauthenticated,
)
from kilonova_kit.http import bodies, microversions, versioned
from kilonova_kit.http.access_rules import allowed
from kilonova_kit.http.client import INTERNAL
from kilonova_kit.http.identity import ANONYMOUS, Authenticator, Identity
from kilonova_kit.http.operations import Answer, Call, NoQuery, Operation, Service
from kilonova_kit.http.policy import PolicyBook
from kilonova_kit.ids import new_request_id
from kilonova_kit.logs import bind
from kilonova_kit.metrics import counter, histogram

if TYPE_CHECKING:
    from prometheus_client import Counter as PrometheusCounter
    from prometheus_client import Histogram as PrometheusHistogram

log = logging.getLogger(__name__)

_REQUEST_ID = re.compile(r"req-[0-9a-fA-F-]{36}")
_NO_QUERY = NoQuery()
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
_requests = counter("kilonova_http_requests", "Requests answered", ("service", "operation", "status"))
_seconds = histogram("kilonova_http_request_seconds", "Time to answer", ("service", "operation"))


class _Counted(NamedTuple):
    """The metrics of one operation and status."""

    answers: PrometheusCounter
    seconds: PrometheusHistogram


class _Way(NamedTuple):
    """How an answer of one operation and type becomes what a version knows; found out once."""

    hides: bool
    changes: tuple[Callable[[Any, versioned.Version], None], ...]


class Edge:
    """One service on the wire: ``asgi`` is its application, to be served below ``service.prefix``."""

    def __init__(
        self,
        service: Service,
        app: Any,
        authenticator: Authenticator,
        policies: PolicyBook,
        public_url: str = "",
    ) -> None:
        self.service, self._app, self._authenticator, self._policies = service, app, authenticator, policies
        self._public_url = public_url.rstrip("/")
        self._changes = sorted(service.changes, key=lambda change: change.version)
        self._headers_of: dict[versioned.Version, dict[str, str]] = {}
        self._ways: dict[tuple[str, type, versioned.Version], _Way] = {}
        self._counted: dict[tuple[str, int], _Counted] = {}
        self._plain_first = {operation.name for operation in service.operations if self._needs_plain(operation)}
        self.asgi = self._make_asgi()

    def _make_asgi(self) -> falcon.asgi.App[Any, Any]:
        application = falcon.asgi.App()
        application.req_options.strip_url_path_trailing_slash = not self.service.strict_slashes
        options: Any = application.resp_options
        if not self.service.types_empty_answers:
            options.default_media_type = None  # Falcon's own types know no such thing as none
        application.add_error_handler(Exception, self._failed)
        by_path: dict[str, list[Operation]] = defaultdict(list)
        for operation in self.service.operations:
            by_path[self._full_path(operation)].append(operation)
        for path, operations in by_path.items():
            application.add_route(path, self._resource(operations))
        application.add_sink(self._no_route)
        return application

    def _full_path(self, operation: Operation) -> str:
        if operation.path.startswith("//"):
            return operation.path[1:]
        return (self.service.base_path + operation.path).rstrip("/") or "/"

    def _resource(self, operations: Sequence[Operation]) -> object:
        """A Falcon resource: an object with an ``on_get`` and so on for every method of this path."""
        by_method: dict[str, list[Operation]] = defaultdict(list)
        for operation in operations:
            by_method[operation.method].append(operation)
        if "GET" in by_method:
            by_method.setdefault("HEAD", by_method["GET"])
        allow = ", ".join(sorted(by_method.keys() - {"HEAD"}))
        responders = {f"on_{method.lower()}": self._responder(by_method.get(method, []), allow) for method in _METHODS}
        refuses = self.service.refuses_options
        responders["on_options"] = self._responder([], allow) if refuses else self._options(sorted(by_method))
        return type("Resource", (), responders)()

    def _options(self, methods: Sequence[str]) -> Callable[..., Awaitable[None]]:
        async def respond(_: object, request: Any, response: Any, **path: str) -> None:
            response.set_header("Allow", ", ".join(methods))

        return respond

    def _responder(self, operations: Sequence[Operation], allow: str) -> Callable[..., Awaitable[None]]:
        async def respond(_: object, request: falcon.asgi.Request, response: falcon.asgi.Response, **path: str) -> None:
            if not operations:
                response.set_header("Allow", allow)
            await self._respond(operations, request, response, path)

        return respond

    async def _no_route(self, req: Any, resp: Any, **_: Any) -> None:  # Falcon's own names for a sink's arguments
        await self._respond(None, req, resp, {})

    async def _respond(
        self,
        operations: Sequence[Operation] | None,
        request: falcon.asgi.Request,
        response: falcon.asgi.Response,
        path: dict[str, str],
    ) -> None:
        started = time.perf_counter()
        request_id = self._request_id(request)
        request.context.operation, request.context.version = "none", None
        with bind(request_id=request_id):
            try:
                await self._serve(operations, request, response, path, request_id)
            except KilonovaError as error:
                self._fault(error, request, response, request_id)
            except Exception:
                log.exception("unexpected error in %s %s", request.method, request.path)
                self._fault(_unexpected(), request, response, request_id)
            self._finish(request, response, request_id, time.perf_counter() - started)

    def _request_id(self, request: falcon.asgi.Request) -> str:
        """The client's request id when it is one (so that services' logs join up), else a new one."""
        given = request.get_header("X-OpenStack-Request-ID") or ""
        return given if _REQUEST_ID.fullmatch(given) else new_request_id()

    def _finish(self, request: Any, response: Any, request_id: str, seconds: float) -> None:
        response.set_header("X-OpenStack-Request-ID", request_id)
        if self.service.name == "compute":
            response.set_header("X-Compute-Request-ID", request_id)
        status = response.status_code
        counted = self._count(request.context.operation, status)
        counted.answers.inc()
        counted.seconds.observe(seconds)
        # What one service asks another in this process is of interest only to those who look for it.
        level = logging.DEBUG if request.scope.get(INTERNAL) and status < 500 else logging.INFO
        if log.isEnabledFor(level):
            words = "%s %s %s %s %.1f ms"
            log.log(level, words, self.service.name, request.method, request.path, status, seconds * 1000)

    def _count(self, operation: str, status: int) -> _Counted:
        """The metrics of these answers, looked up once."""
        found = self._counted.get((operation, status))
        if found is None:
            name = self.service.name
            found = _Counted(_requests.labels(name, operation, str(status)), _seconds.labels(name, operation))
            self._counted[operation, status] = found
        return found

    async def _serve(
        self,
        operations: Sequence[Operation] | None,
        request: falcon.asgi.Request,
        response: falcon.asgi.Response,
        path: dict[str, str],
        request_id: str,
    ) -> None:
        request.context.version = version = self._version(request, response)
        operation = self._operation(operations, request, version)
        request.context.operation = operation.name
        identity = await self._identity(operation, request)
        bind(project_id=identity.project_id or "").keep()
        self._policies.enforce(operation.policy, identity)
        call = await self._call(operation, request, path, identity, version, request_id)
        answer = await operation.handler(call)
        self._send(operation, answer, version, response)

    def _version(self, request: falcon.asgi.Request, response: falcon.asgi.Response) -> versioned.Version:
        spoken = self.service.microversions
        if spoken is None:
            return (0, 0)
        version = spoken.minimum
        try:
            version = microversions.asked_version(spoken, request.get_header)
        finally:  # a refused version is refused in the words of the first one
            response.set_headers(self._version_headers(version))
        return version

    def _version_headers(self, version: versioned.Version) -> dict[str, str]:
        """Made once for each version."""
        found = self._headers_of.get(version)
        if found is None:
            assert self.service.microversions is not None
            found = self._headers_of[version] = microversions.version_headers(self.service.microversions, version)
        return found

    def _operation(
        self, operations: Sequence[Operation] | None, request: falcon.asgi.Request, version: versioned.Version
    ) -> Operation:
        if operations is None:
            raise NotFound("The resource could not be found.")
        if not operations:
            if request.scope["path"] != "/" and request.scope["path"].endswith("/"):
                # strictly another path: it is taken for this one where it serves
                raise NotFound("The resource could not be found.")
            raise MethodNotAllowed(f"The method {request.method} is not allowed for this resource.")
        for operation in operations:
            if operation.serves(version):
                return operation
        if any(version >= operation.until and operation.gone_status == 410 for operation in operations):
            raise Gone("This API is no longer available at this version.")
        raise NotFound("The resource could not be found.")

    async def _identity(self, operation: Operation, request: falcon.asgi.Request) -> Identity:
        token = request.get_header("X-Auth-Token")
        identity = await self._authenticator.identify(token) if token else None
        if identity is None:
            if operation.public:
                return ANONYMOUS
            raise Unauthenticated(
                "The request you have made requires authentication.",
                headers={"WWW-Authenticate": f'Keystone uri="{self._origin(request)}/identity"'},
            )
        service_token = request.get_header("X-Service-Token")
        speaker = await self._authenticator.identify(service_token) if service_token else None
        if speaker is not None and "service" in speaker.roles:  # whoever else speaks lends nothing, and lifts no rule
            return msgspec.structs.replace(identity, service_roles=speaker.roles)
        self._keep_access_rules(identity, request)
        return identity

    def _keep_access_rules(self, identity: Identity, request: falcon.asgi.Request) -> None:
        """Raise Unauthenticated for a call that the token's application credential does not allow."""
        if identity.access_rules is None:
            return
        paths = (request.path, self.service.prefix + request.path)
        if not allowed(identity.access_rules, self.service.name, request.method, paths):
            raise Unauthenticated("The request you have made requires authentication.")

    def _origin(self, request: falcon.asgi.Request) -> str:
        return self._public_url or f"{request.scheme}://{request.netloc}"

    async def _call(
        self,
        operation: Operation,
        request: falcon.asgi.Request,
        path: Mapping[str, str],
        identity: Identity,
        version: versioned.Version,
        request_id: str,
    ) -> Call[Any, Any, Any]:
        base = self.service.base_path
        below = request.path[len(base) :] if request.path.startswith(base) else request.path
        request.context.path_below_base = below
        read = not operation.reads_itself
        return Call(
            app=self._app,
            body=await self._body(operation, request, version) if read else None,
            query=self._query(operation, request, version) if read else None,
            path=path,
            identity=identity,
            version=version,
            base_url=self._origin(request) + self.service.prefix + base,
            request_id=request_id,
            request=request,
            policies=self._policies,
        )

    def _query(self, operation: Operation, request: falcon.asgi.Request, version: versioned.Version) -> Any:
        if not request.query_string and operation.query is NoQuery:
            return _NO_QUERY
        pairs = parse_qsl(request.query_string, keep_blank_values=True)
        return bodies.to_query(pairs, operation.query, version, operation.strict_query)

    def _needs_plain(self, operation: Operation) -> bool:
        """Whether its body is looked at as plain data before it is made a type: for marks and changes of shape."""
        changed = any(change.newer_request and operation.name in change.operations for change in self._changes)
        return changed or bool(versioned.marks(operation.takes))

    async def _body(self, operation: Operation, request: falcon.asgi.Request, version: versioned.Version) -> Any:
        if operation.takes is None or operation.takes is bytes:
            return None
        plain_first = operation.name in self._plain_first
        kind = None if plain_first else operation.takes
        plain = await bodies.read_json(request, operation.body_limit, operation.content_types, kind)
        if plain is None:
            if operation.body_optional:
                return None
            raise BadRequest("The request needs a JSON body.")
        if not plain_first:
            return plain
        versioned.refuse_hidden(plain, operation.takes, version)
        for change in self._changes:
            if change.newer_request and version < change.version and operation.name in change.operations:
                change.newer_request(plain, version)
        return bodies.convert(plain, operation.takes)

    def _send(
        self,
        operation: Operation,
        answer: Any,
        version: versioned.Version,
        response: falcon.asgi.Response,
    ) -> None:
        whole = answer if isinstance(answer, Answer) else Answer(answer)
        response.status = str(int(whole.status or operation.status))
        if whole.headers:
            response.set_headers(dict(whole.headers))
        if whole.stream is not None:
            response.content_type, response.stream = whole.content_type, whole.stream
        elif whole.raw is not None:
            response.content_type, response.data = whole.content_type, whole.raw
        elif whole.body is not None:
            response.content_type = whole.content_type
            response.data = msgspec.json.encode(self._older(operation, whole.body, version))

    def _older(self, operation: Operation, body: Any, version: versioned.Version) -> Any:
        """The newest shape, walked down to what a client of the asked version knows."""
        kind = type(body)
        way = self._ways.get((operation.name, kind, version))
        if way is None:
            way = self._ways[operation.name, kind, version] = self._way_down(operation, kind, version)
        if not way.hides and not way.changes:
            return body
        plain = msgspec.to_builtins(body)
        if way.hides:
            versioned.hide(plain, kind, version)
        for change in way.changes:
            change(plain, version)
        return plain

    def _way_down(self, operation: Operation, kind: type, version: versioned.Version) -> _Way:
        changes = tuple(
            change.older_answer
            for change in reversed(self._changes)
            if change.older_answer and version < change.version and operation.name in change.operations
        )
        return _Way(issubclass(kind, msgspec.Struct) and versioned.anything_hidden(kind, version), changes)

    def _fault(self, error: KilonovaError, request: Any, response: falcon.asgi.Response, request_id: str) -> None:
        if self.service.versioned_faults:
            version = getattr(request.context, "version", None)
            status, body = self.service.versioned_faults(error, request_id, version)
        else:
            status, body = self.service.faults(error, request_id)
        response.status = str(status)
        response.content_type = "application/json"
        response.data = msgspec.json.encode(body)
        response.set_headers(error.headers)

    async def _failed(self, request: Any, response: Any, error: Exception, params: Any) -> None:
        """What Falcon itself refuses (a malformed URL, say), in the service's own words."""
        request_id = self._request_id(request)
        if isinstance(error, falcon.HTTPError):
            status = int(str(error.status).split()[0])
            plain = KilonovaError(error.description or error.title or "")
            plain.status = status
            self._fault(plain, request, response, request_id)
            return
        log.error("unexpected error in %s %s", request.method, request.path, exc_info=error)
        self._fault(_unexpected(), request, response, request_id)


def _unexpected() -> KilonovaError:
    return KilonovaError(
        "Unexpected API Error. Please report this, with the request id, to the people who run this cloud."
    )
