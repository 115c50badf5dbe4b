"""A stock Debian as an ordinary user meets it, for one command: made by root in mounts that nobody else sees.

/dev/net/tun is everybody's there, as udev makes it; a folder of root that is closed is hidden, but for those places in
it that the command needs; and the user has no group, no privilege and no way to one. The machine is not changed.
"""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

#: A user that Debian has, and ssh knows; nobody's guests are this user's here.
USER_ID = 65534
_TUN = "mount -t tmpfs -o mode=0755 tmpfs /dev/net && mknod -m 0666 /dev/net/tun c 10 200"
_BECOME = ("setpriv", f"--reuid={USER_ID}", f"--regid={USER_ID}", "--clear-groups", "--no-new-privs")


def as_ordinary_user(needed: Iterable[Path], home: Path, kept: Mapping[str, str]) -> tuple[str, ...]:
    """The words before a command; ``needed`` it shall be able to read, ``home`` is made and is the user's own."""
    home.mkdir()
    subprocess.run(["chown", f"{USER_ID}:{USER_ID}", str(home)], check=True)
    opened = _opened({path.resolve() for path in (*needed, home)})
    variables = [f"{name}={value}" for name, value in {**kept, "HOME": str(home), "TMPDIR": str(home)}.items()]
    script = " && ".join(
        ["umask 022", _TUN, *opened, shlex.join(["exec", *_BECOME, "env", "-i", *variables]) + ' "$@"']
    )
    return ("unshare", "--mount", "--", "bash", "-c", script, "bash")


def possible() -> bool:
    """Whether this machine lets root make such a world, and users namespaces in it."""
    script = f"{_TUN} && {shlex.join(_BECOME)} unshare --user --net true"
    return (
        subprocess.run(["unshare", "--mount", "--", "sh", "-c", script], capture_output=True, check=False).returncode
        == 0
    )


def _opened(needed: set[Path]) -> Iterable[str]:
    """Mounts that put an open folder in the place of each closed one, with what is needed of it."""
    closed: dict[Path, list[Path]] = {}
    for path in sorted(needed):
        for folder in reversed(path.parents):
            if not folder.stat().st_mode & 0o001:
                closed.setdefault(folder, []).append(path)
                break
    for folder, paths in closed.items():
        # Each is held by a descriptor while its folder is covered.
        held = {path: number for number, path in enumerate(paths, start=20)}
        yield from (f"exec {number}<{shlex.quote(str(path))}" for path, number in held.items())
        yield f"mount -t tmpfs -o mode=0755 tmpfs {shlex.quote(str(folder))}"
        for path, number in held.items():
            yield f"mkdir -p {shlex.quote(str(path))}"
            yield f"mount --no-canonicalize --bind /proc/self/fd/{number} {shlex.quote(str(path))}"
            yield f"exec {number}<&-"
