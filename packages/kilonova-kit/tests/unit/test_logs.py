import asyncio
import io
import json
import logging
import re
from collections.abc import Iterator

import pytest
from kilonova_kit.logs import LogFormat, bind, configure_logging, current_ids, redact

log = logging.getLogger("kilonova_test.part")


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """Where the log goes; what was configured before comes back afterwards."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield io.StringIO()
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(capture=False)


def fail() -> None:
    raise LookupError("no such thing\nsecond line")


def test_a_line_of_text_has_time_level_logger_ids_and_message(stream: io.StringIO) -> None:
    configure_logging(stream=stream)
    with bind(request_id="req-1", server_id="s1"):
        log.info("building %s", "web")
    time, rest = stream.getvalue().split(" ", 1)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", time)
    assert rest == "INFO kilonova_test.part [request_id=req-1 server_id=s1] building web\n"


def test_without_ids_there_are_no_brackets(stream: io.StringIO) -> None:
    configure_logging(stream=stream)
    log.info("hello")
    assert stream.getvalue().endswith("INFO kilonova_test.part hello\n")


def test_every_line_of_a_traceback_carries_the_ids(stream: io.StringIO) -> None:
    configure_logging(stream=stream)
    with bind(request_id="req-1", project_id="p", server_id="s", action_id="a", host_id="h"):
        try:
            fail()
        except LookupError:
            log.exception("it failed")
    lines = stream.getvalue().splitlines()
    assert len(lines) > 5
    assert all("[request_id=req-1 project_id=p server_id=s action_id=a host_id=h]" in line for line in lines)
    assert lines[-2].endswith("| LookupError: no such thing")


def test_an_error_caught_outside_still_names_the_ids_it_was_raised_under(stream: io.StringIO) -> None:
    configure_logging(format="json", stream=stream)
    try:
        with bind(request_id="req-1"), bind(server_id="s1"):
            fail()
    except LookupError:
        log.exception("it failed")
    entry = json.loads(stream.getvalue())
    assert (entry["request_id"], entry["server_id"]) == ("req-1", "s1")


def test_json_is_one_object_with_the_traceback_inside(stream: io.StringIO) -> None:
    configure_logging(format="json", stream=stream)
    with bind(action_id="a1"):
        try:
            fail()
        except LookupError:
            log.exception("it %s", "failed")
    (line,) = stream.getvalue().splitlines()
    entry = json.loads(line)
    assert entry["message"] == "it failed"
    assert entry["level"] == "ERROR"
    assert entry["logger"] == "kilonova_test.part"
    assert entry["action_id"] == "a1"
    assert entry["traceback"].startswith("Traceback")


def test_an_id_given_for_one_line_is_shown(stream: io.StringIO) -> None:
    configure_logging(stream=stream)
    with bind(server_id="outer", request_id="r"):
        log.info("x", extra={"server_id": "inner"})
    assert "[request_id=r server_id=inner]" in stream.getvalue()


def test_a_line_break_in_a_message_cannot_forge_a_line(stream: io.StringIO) -> None:
    configure_logging(stream=stream)
    log.info("name %s", "x\n2026-01-01T00:00:00.000Z INFO root all is well\x1b[2J\r")
    lines = stream.getvalue().splitlines()
    assert len(lines) == 2
    assert "| 2026-01-01" in lines[1]
    assert "\x1b" not in stream.getvalue()


def test_ids_nest_and_end_with_their_block() -> None:
    assert dict(current_ids()) == {}
    with bind(request_id="r"):
        with bind(server_id="s", request_id=""):
            assert dict(current_ids()) == {"request_id": "r", "server_id": "s"}
        assert dict(current_ids()) == {"request_id": "r"}
    assert dict(current_ids()) == {}


async def test_ids_follow_a_task_and_a_thread_and_do_not_leak_back() -> None:
    async def keep() -> dict[str, str]:
        bind(server_id="s").keep()
        return dict(await asyncio.to_thread(current_ids))

    with bind(request_id="r"):
        assert await asyncio.create_task(keep()) == {"request_id": "r", "server_id": "s"}
        assert dict(current_ids()) == {"request_id": "r"}


@pytest.mark.parametrize("name", ["uvicorn.error", "uvicorn.access", "nats.aio.client", "falcon", "httpx"])
def test_libraries_speak_through_our_handler_and_only_of_trouble(stream: io.StringIO, name: str) -> None:
    library = logging.getLogger(name)
    configure_logging(stream=stream)
    library.info("chatter")
    library.warning("trouble")
    assert stream.getvalue().endswith(f"WARNING {name} trouble\n")
    assert stream.getvalue().count("\n") == 1


def test_handlers_that_a_library_brought_are_taken_away(stream: io.StringIO) -> None:
    own = io.StringIO()
    logging.getLogger("uvicorn").addHandler(logging.StreamHandler(own))
    configure_logging(stream=stream)
    logging.getLogger("uvicorn.error").error("trouble")
    assert own.getvalue() == ""
    assert stream.getvalue().count("trouble") == 1


def test_configuring_twice_writes_once(stream: io.StringIO) -> None:
    configure_logging(stream=io.StringIO())
    configure_logging(stream=stream, level="debug")
    log.debug("x")
    assert stream.getvalue().count("\n") == 1


def test_an_unknown_level_is_refused(stream: io.StringIO) -> None:
    with pytest.raises(ValueError, match="LOUD"):
        configure_logging(stream=stream, level="loud")


SEED = "SUAIBDPBAUTWCWBKIO6XHQNINK5FWJW4OHLXC3HQ2KFE4PEJUA44CNHTC4"
SECRET = "s3cr3t-V4lue"


@pytest.mark.parametrize(
    "text",
    [
        f'{{"auth": {{"password": "{SECRET}"}}}}',
        f"{{'adminPass': '{SECRET}', 'name': 'web'}}",
        f'\\"password\\": \\"{SECRET}\\"',
        f'"password": "ab\\"{SECRET}"',
        f"password={SECRET}",
        f"os_password = {SECRET}, user = x",
        f"PASSWORD: {SECRET}",
        f"token_id={SECRET}",
        f"X-Auth-Token: {SECRET}",
        f"('x-subject-token', 'b'), x-auth-token={SECRET}",
        f"b'x-auth-token': b'{SECRET}'",
        f"Authorization: Basic {SECRET}",
        f"authorization: Bearer {SECRET}",
        f"got Bearer {SECRET} from",
        f"client_secret={SECRET}&x=1",
        f"seed='{SECRET}'",
        f"jwt: {SECRET}",
        f"postgresql://nova:{SECRET}@db/nova",
        f"api_key={SECRET}",
        f"token gAAAAAB{SECRET.replace('-', '_')}",
        f"-----BEGIN EC PRIVATE KEY-----\n{SECRET}\n-----END EC PRIVATE KEY-----",
        f"eyJhbGciOi.eyJ{SECRET}.{SECRET}",
    ],
)
def test_secrets_are_taken_out(text: str) -> None:
    shown = redact(text)
    assert SECRET not in shown
    assert SECRET.replace("-", "_") not in shown
    assert "***" in shown


def test_seeds_are_taken_out() -> None:
    assert redact(f"of h1 {SEED}!") == "of h1 ***!"


@pytest.mark.parametrize(
    "text",
    [
        "building server web on host h1",
        "the password has been changed",
        "GET http://127.0.0.1:8774/v2.1/servers?limit=5 200",
        "token issued for user u1",
        "passed 5 of 5",
        '{"name": "web", "tokens": 5}',
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redact(text) == text


def test_the_rest_of_the_line_stays_readable() -> None:
    assert redact("{'user': 'u', 'password': 'x', 'name': 'n'}") == "{'user': 'u', 'password': '***', 'name': 'n'}"


@pytest.mark.parametrize("format_", ["text", "json"])
def test_tracebacks_and_arguments_are_redacted(stream: io.StringIO, format_: LogFormat) -> None:
    configure_logging(format=format_, stream=stream)
    try:
        raise ValueError(f"password={SECRET}")
    except ValueError:
        log.exception("body %s", {"adminPass": SECRET})
    assert SECRET not in stream.getvalue()
    assert stream.getvalue().count("***") >= 2
