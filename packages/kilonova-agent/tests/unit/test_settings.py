"""Settings: from the file, flags, and the user that guests run as."""

import pytest
from kilonova_agent.errors import AgentError
from kilonova_agent.main import main
from kilonova_agent.settings import AgentSettings, guests_user
from kilonova_kit.settings import SettingsError, load_settings


def test_the_file_may_hold_the_drivers_own_settings(tmp_path):
    file = tmp_path / "agent.toml"
    file.write_text('driver = "fake"\nimage_cache_dir = "/cache"\n[driver_options]\nvcpus = "4"\n')
    settings = load_settings(AgentSettings, file=file, environ={}, flags={"data_dir": str(tmp_path)})
    assert (settings.driver, settings.driver_options) == ("fake", {"vcpus": "4"})
    assert str(settings.images) == "/cache"


def test_a_misspelt_setting_is_named(tmp_path):
    file = tmp_path / "agent.toml"
    file.write_text("drivr = 'fake'\n")
    with pytest.raises(SettingsError, match="did you mean driver"):
        load_settings(AgentSettings, file=file, environ={}, flags={"data_dir": str(tmp_path)})


def test_images_lie_in_the_data_directory_by_default(tmp_path):
    assert AgentSettings(data_dir=tmp_path).images == tmp_path / "images"


def test_guests_run_as_an_unprivileged_user_under_root(tmp_path, monkeypatch):
    monkeypatch.setattr("os.geteuid", lambda: 0)
    uid, _ = guests_user(AgentSettings(data_dir=tmp_path, run_as="nobody"))
    assert uid != 0
    with pytest.raises(AgentError, match="no user"):
        guests_user(AgentSettings(data_dir=tmp_path, run_as="no-such-user"))
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert guests_user(AgentSettings(data_dir=tmp_path)) is None


def test_a_driver_option_without_a_value_is_refused(tmp_path, capsys):
    assert main(["run", "--data", str(tmp_path), "--driver", "fake", "--driver-option", "vcpus"]) == 1
    assert "NAME=VALUE, not 'vcpus'" in capsys.readouterr().err
