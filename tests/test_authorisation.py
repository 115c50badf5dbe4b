"""Who gets into which operation, as one table for the whole cloud, in ``authorisation.txt``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from cloud.authorisation import lines, make_cast, outcomes
from cloud.simulated import SimulatedCloud

TABLE = Path(__file__).with_name("authorisation.txt")

#: What answers without a token: versions, and what brings a proof of its own.
PUBLIC = {
    "versions.index", "versions.show", "versions.show_old", "hosts.join", "versions", "show_version", "extensions",
    "create_token", "change_password", "choose_version", "list_versions", "show_version_too", "root",
}  # fmt: skip


def test_everybody_gets_in_exactly_where_the_table_says(
    make_cloud: Callable[..., SimulatedCloud], tmp_path: Path
) -> None:
    cloud = make_cloud(hosts=1, cells=1)
    cast = make_cast(cloud)
    found = list(lines(outcomes(cloud, cast)))
    for client in cast.clients.values():
        client.close()
    seen = tmp_path / TABLE.name
    seen.write_text("".join(found))
    known = TABLE.read_text().splitlines(keepends=True)
    differing = sorted(set(found) ^ set(known))
    assert not differing, f"if this is as it should be, take {seen} for {TABLE}:\n" + "".join(differing)


def test_no_line_lets_in_a_stranger_or_nobody_to_what_somebody_owns() -> None:
    """The table is looked at too: what is below a thing of the owner must refuse strangers."""
    owned = ("{server_id}", "{image_id}", "{application_credential_id}", "{credential_id}", "{trust_id}", "{access}")
    for line in TABLE.read_text().splitlines()[1:]:
        name, _, outcome = line.rpartition(": ")
        nobody, _, stranger, _ = outcome.split()
        if any(word in name for word in owned) and "//host-images" not in name:
            assert stranger != "in", line
        assert nobody != "in" or name.split()[-1] in PUBLIC, line
