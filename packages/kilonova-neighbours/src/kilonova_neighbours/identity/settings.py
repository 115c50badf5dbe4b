"""What an operator may set for the identity service."""

from __future__ import annotations

from pathlib import Path

import msgspec


class IdentitySettings(msgspec.Struct, frozen=True, kw_only=True):
    """``database_url`` defaults to SQLite in ``data_dir``; times are seconds."""

    data_dir: Path
    database_url: str = ""
    #: What links and the catalog's ``$(public_url)s`` say; empty: the origin the client used.
    public_url: str = ""
    token_seconds: int = 3600
    #: Fernet keys kept: the staged one, the primary, and the secondaries that can still read older tokens.
    most_keys: int = 3
    #: Wrong passwords in a row that lock a user, and for how long; 0 never locks.
    lockout_failures: int = 5
    lockout_seconds: int = 300
    #: How long a checked password needs no second (slow) check.
    remember_password_seconds: int = 300
    purge_seconds: int = 3600
    allow_rescope_scoped_token: bool = True
    password_regex: str = ""
    #: How many earlier passwords a user may not choose again; 0: any.
    unique_last_password_count: int = 0
    #: How long a look-up may be remembered when another process might write to the same database.
    remember_seconds: float = 5.0

    @property
    def database(self) -> str:
        return self.database_url or f"sqlite:///{self.data_dir / 'identity.db'}"
