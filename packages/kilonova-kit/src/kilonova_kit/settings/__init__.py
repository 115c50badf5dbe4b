"""Settings: typed, frozen, from defaults < TOML file < environment < flags. The callers declare the tree:

    class Http(msgspec.Struct, frozen=True, kw_only=True):
        listen: Annotated[str, msgspec.Meta(description="Address and port.")] = "127.0.0.1:8774"
        workers: Annotated[int, msgspec.Meta(ge=1, description="Threads for slow work.")] = 4
        admin_password: Secret = Secret("")

    class Settings(msgspec.Struct, frozen=True, kw_only=True):
        http: Http

    settings = load_settings(Settings, file=path, environ=os.environ, flags={"http.listen": arguments.listen})

The same key is ``workers = 8`` below ``[http]`` in the file, ``KILONOVA_HTTP_WORKERS=8`` in the environment and
``http.workers`` among the flags. Values are ``str``, ``int``, ``float``, ``bool``, ``Path``, ``Secret``, ``Literal``,
tuples of these (by commas in text) and whatever else msgspec converts. A section needs no default of its own.
``describe(Settings)`` lists all.
"""

from __future__ import annotations

from kilonova_kit.settings.descriptions import SettingDoc, describe
from kilonova_kit.settings.errors import SettingsError
from kilonova_kit.settings.loading import load_settings
from kilonova_kit.settings.not_settings import NOT_SETTINGS
from kilonova_kit.settings.secret import Secret

__all__ = ["NOT_SETTINGS", "Secret", "SettingDoc", "SettingsError", "describe", "load_settings"]
