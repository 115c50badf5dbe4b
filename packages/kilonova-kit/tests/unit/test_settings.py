from pathlib import Path
from typing import Annotated, Literal

import msgspec
import pytest
from kilonova_kit.settings import Secret, SettingDoc, SettingsError, describe, load_settings


class Http(msgspec.Struct, frozen=True, kw_only=True):
    listen: Annotated[str, msgspec.Meta(description="Address and port.")] = "127.0.0.1:8774"
    workers: Annotated[int, msgspec.Meta(ge=1, le=64, description="Threads for slow work.")] = 4
    tls: bool = False
    certificate: Path | None = None
    password: Secret = Secret("")


class Inner(msgspec.Struct, frozen=True, kw_only=True):
    limit_seconds: float = 1.5


class Cells(msgspec.Struct, frozen=True, kw_only=True):
    names: tuple[str, ...] = ("cell1",)
    ports: tuple[int, ...] = ()
    driver: Literal["qemu", "fake"] = "qemu"
    inner: Inner

    def __post_init__(self) -> None:
        if self.ports and len(self.ports) != len(self.names):
            raise ValueError("as many ports as names are needed")


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    data: Path = Path("/var/lib/kilonova")
    http: Http
    cells: Cells


class Needed(msgspec.Struct, frozen=True, kw_only=True):
    http: Http
    database: str


def load(
    file: Path | None = None, environ: dict[str, str] | None = None, flags: dict[str, object] | None = None
) -> Settings:
    return load_settings(Settings, file=file, environ=environ or {}, flags=flags or {})


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "kilonova.toml"
    path.touch(mode=0o600)
    return path


def test_defaults_need_nothing() -> None:
    settings = load()
    assert settings.http.listen == "127.0.0.1:8774"
    assert settings.cells.inner.limit_seconds == 1.5
    assert settings.data == Path("/var/lib/kilonova")


def test_file_then_environment_then_flags_win_key_by_key(file: Path) -> None:
    file.write_text('[http]\nlisten = "file"\nworkers = 5\ntls = true\n')
    settings = load(file, {"KILONOVA_HTTP_LISTEN": "env", "KILONOVA_HTTP_WORKERS": "6"}, {"http.listen": "flag"})
    assert settings.http == Http(listen="flag", workers=6, tls=True)


def test_a_flag_that_was_not_given_changes_nothing() -> None:
    assert load(flags={"http.workers": None}).http.workers == 4


def test_text_becomes_what_the_setting_is() -> None:
    settings = load(
        environ={
            "KILONOVA_DATA": "/data",
            "KILONOVA_HTTP_TLS": "true",
            "KILONOVA_HTTP_CERTIFICATE": "/cert.pem",
            "KILONOVA_CELLS_NAMES": "a, b",
            "KILONOVA_CELLS_PORTS": "1,2",
            "KILONOVA_CELLS_INNER_LIMIT_SECONDS": "3",
        }
    )
    assert settings.data == Path("/data")
    assert settings.http.tls is True
    assert settings.http.certificate == Path("/cert.pem")
    assert settings.cells == Cells(names=("a", "b"), ports=(1, 2), inner=Inner(limit_seconds=3.0))


def test_other_variables_are_not_ours() -> None:
    assert load(environ={"PATH": "/bin", "OS_CLOUD": "x"}) == load()


@pytest.mark.parametrize(
    ("text", "environ", "flags", "message"),
    [
        ("[http]\nwrokers = 5", {}, {}, r"unknown setting http\.wrokers in .*toml; did you mean http\.workers\?"),
        ("[htp]\nworkers = 5", {}, {}, r"unknown setting htp in .*toml; did you mean http\?"),
        ("zzz = 1", {}, {}, "unknown setting zzz in .*toml; known are: "),
        ("http = 5", {}, {}, r"http in .*toml is a section: write \[http\]"),
        ("[http]\nworkers = '5'", {}, {}, r"http\.workers from .*toml is wrong: Expected `int`.*not '5'"),
        ("[http]\nworkers = 0", {}, {}, r"http\.workers from .*toml is wrong: Expected `int` >= 1"),
        ("[http", {}, {}, "toml is not TOML: "),
        ("", {"KILONOVA_HTTP_WORKER": "5"}, {}, "unknown setting KILONOVA_HTTP_WORKER .*mean KILONOVA_HTTP_WORKERS"),
        ("", {"KILONOVA_HTTP_WORKERS": "five"}, {}, r"http\.workers from the environment variable .*WORKERS is wrong"),
        ("", {"KILONOVA_CELLS_DRIVER": "xen"}, {}, "cells.driver .*it takes 'qemu' or 'fake', not 'xen'"),
        ("", {"KILONOVA_CELLS_PORTS": "1,2,3"}, {}, r"the section \[cells\] cannot be: as many ports as names"),
        ("", {}, {"http.listne": "x"}, r"unknown setting http\.listne among the flags; did you mean http\.listen\?"),
        ("", {}, {"http.workers": "99"}, "http.workers from the flag --http-workers is wrong: Expected `int` <= 64"),
    ],
)
def test_errors_name_the_key_the_source_and_the_fix(
    file: Path, text: str, environ: dict[str, str], flags: dict[str, object], message: str
) -> None:
    file.write_text(text)
    with pytest.raises(SettingsError, match=message):
        load(file, environ, flags)


def test_a_missing_setting_says_how_to_give_it(file: Path) -> None:
    with pytest.raises(SettingsError, match=r"database is not set: .*KILONOVA_DATABASE, or use --database"):
        load_settings(Needed, file=file, environ={}, flags={})


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"none\.toml cannot be read: No such file"):
        load(tmp_path / "none.toml")


def test_variables_may_be_kept_for_others() -> None:
    settings = load_settings(Settings, environ={"KILONOVA_TESTS": "1"}, flags={}, ignore=("KILONOVA_TESTS",))
    assert settings == load()


def test_a_secret_is_read_but_not_shown(file: Path) -> None:
    file.write_text('[http]\npassword = "hush"\n')
    settings = load(file)
    assert settings.http.password.reveal() == "hush"
    assert "hush" not in repr(settings)
    assert "hush" not in f"{settings.http.password}"
    assert settings.http.password == Secret("hush")
    assert settings.http.password != Secret("other")


def test_a_wrong_secret_is_not_shown(file: Path) -> None:
    file.write_text("[http]\npassword = 12345\n")
    with pytest.raises(SettingsError, match=r"http\.password from") as caught:
        load(file)
    assert "12345" not in str(caught.value)


def test_a_secret_in_a_file_that_everybody_may_read_is_refused(file: Path) -> None:
    file.write_text('[http]\npassword = "hush"\n')
    file.chmod(0o644)
    with pytest.raises(SettingsError, match="chmod o="):
        load(file)


def test_two_settings_cannot_share_a_variable() -> None:
    class Host(msgspec.Struct, frozen=True, kw_only=True):
        name: str = ""

    both = msgspec.defstruct("Both", [("host", Host), ("host_name", str, "")], frozen=True, kw_only=True)
    with pytest.raises(SettingsError, match="KILONOVA_HOST_NAME"):
        load_settings(both, environ={}, flags={})


def test_every_setting_is_described() -> None:
    described = {doc.name: doc for doc in describe(Settings)}
    assert described["http.workers"] == SettingDoc(
        name="http.workers",
        type="int",
        default="4",
        description="Threads for slow work.",
        environment="KILONOVA_HTTP_WORKERS",
        flag="--http-workers",
    )
    assert described["cells.names"].type == "tuple of str"
    assert described["cells.names"].default == "cell1"
    assert described["http.certificate"].type == "Path or nothing"
    assert described["http.password"].default == "***"
    assert described["cells.inner.limit_seconds"].flag == "--cells-inner-limit-seconds"
    assert {doc.name: doc.default for doc in describe(Needed)}["database"] == "(required)"
