"""The NATS subjects, and who may use them.

    kn.<cell>.host.<host>.work      controller -> agent   StepRequest; a hint, repeated until the step is reported
    kn.<cell>.host.<host>.ask       controller -> agent   an Ask, answered at once (request and reply)
    kn.<cell>.host.<host>.report    agent -> controller   a Report, answered with a Receipt (request and reply)
    kn.changes.<service>            within the control plane: "look again", never data

A host's credentials allow it to publish only on its own ``report`` and to read only its own ``work``, ``ask`` and
inbox. Host and cell names in subjects are ids, so they never hold a dot or a wildcard.
"""

from __future__ import annotations

import re

_SAFE = re.compile(r"[A-Za-z0-9_-]{1,64}")


def _word(word: str) -> str:
    """``word`` itself, when it cannot reach beyond its place in a subject; else ValueError."""
    if not _SAFE.fullmatch(word):
        raise ValueError(f"not fit for a subject: {word!r}")
    return word


def _host(cell: str, host_id: str) -> str:
    return f"kn.{_word(cell)}.host.{_word(host_id)}"


def work(cell: str, host_id: str) -> str:
    return _host(cell, host_id) + ".work"


def ask(cell: str, host_id: str) -> str:
    return _host(cell, host_id) + ".ask"


def report(cell: str, host_id: str) -> str:
    return _host(cell, host_id) + ".report"


def all_reports(cell: str) -> str:
    """What a controller of that cell listens to; the word before the last names the host."""
    return f"kn.{_word(cell)}.host.*.report"


def reporting_host(subject: str) -> str:
    """The host id in a report's subject, which NATS has checked against the sender's credentials."""
    return subject.split(".")[3]


def changes(service: str) -> str:
    return f"kn.changes.{_word(service)}"


def inbox_prefix(name: str) -> str:
    """Each client answers on an inbox of its own, so that no host can read another's answers."""
    return f"_INBOX.{_word(name)}"


def host_permissions(cell: str, host_id: str) -> tuple[list[str], list[str]]:
    """What an agent may (publish, subscribe); replies to asks are allowed by the server one by one."""
    return [report(cell, host_id)], [work(cell, host_id), ask(cell, host_id), inbox_prefix(host_id) + ".>"]
