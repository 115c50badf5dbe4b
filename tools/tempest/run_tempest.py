"""Run Tempest against a cloud of its own, or against one that clouds.yaml names; print what it came to.

    just tempest tempest.api.compute.flavors
    just tempest tempest.api.compute.servers --driver qemu --ssh
    just tempest --list tests.txt --cloud ~/cloud/clouds.yaml --out results

What is left in the folder of ``--out`` (``.tools/tempest-results`` if not given): results.json, tempest.log (every
request and answer), run.log, tempest.conf, and the logs of the cloud.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import configuration
import results
from discovery import CloudEntry, discover, read_entry

ROOT = Path(__file__).resolve().parents[2]
KILONOVA = ROOT / ".venv" / "bin" / "kilonova"


def _arguments() -> argparse.Namespace:
    assert __doc__ is not None
    parser = argparse.ArgumentParser(
        prog="just tempest", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("regex", nargs="*", help="which tests; several: any of them")
    parser.add_argument("--list", type=Path, metavar="FILE", help="which tests: a file with a regex per line")
    parser.add_argument("--exclude", metavar="REGEX", help="which not")
    parser.add_argument("--exclude-list", type=Path, metavar="FILE", help="which not: a file with a regex per line")
    parser.add_argument("--driver", default="fake", help="of the hosts of the cloud of its own (default: fake)")
    parser.add_argument("--hosts", type=int, help="how many (default: 2 simulated ones, 1 real one)")
    parser.add_argument("--cells", type=int, default=2, help="how many beside cell0 (default: 2)")
    parser.add_argument("--cloud", type=Path, metavar="CLOUDS.YAML", help="an existing cloud instead")
    parser.add_argument("--cloud-name", default="", help="its entry (default: the first of a user admin)")
    parser.add_argument("--ssh", action="store_true", help="log in to guests")
    parser.add_argument("--set", action="append", default=[], metavar="SECTION.KEY=VALUE", help="in tempest.conf")
    parser.add_argument("--concurrency", type=int, default=2)
    parser.add_argument("--out", type=Path, default=ROOT / ".tools" / "tempest-results")
    parser.add_argument("--keep", action="store_true", help="leave the cloud running")
    parser.add_argument("--image", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--tempest", type=Path, required=True, help=argparse.SUPPRESS)
    return parser.parse_args()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def own_cloud(given: argparse.Namespace) -> Iterator[CloudEntry]:
    """A cloud in a temporary folder, gone afterwards; its logs are kept."""
    folder = Path(tempfile.mkdtemp(prefix="kilonova-tempest-"))
    hosts = given.hosts or (2 if given.driver == "fake" else 1)
    command = [str(KILONOVA), "up", "--detach", "--data", str(folder), "--driver", given.driver, "--hosts", str(hosts)]
    command += ["--cells", str(given.cells), "--listen", f"127.0.0.1:{_free_port()}"]
    command += ["--image", str(given.image)] if given.image else []
    try:
        subprocess.run(command, check=True, stdout=sys.stderr)
        yield read_entry(folder / "clouds.yaml", "kilonova-admin")
    finally:
        if given.keep:
            print(f"the cloud is left: {KILONOVA} down --data {folder}")
        else:
            subprocess.run([str(KILONOVA), "down", "--data", str(folder)], check=False, stdout=subprocess.DEVNULL)
            shutil.copytree(folder / "logs", given.out / "logs", dirs_exist_ok=True)
            shutil.rmtree(folder, ignore_errors=True)


def _prepare(given: argparse.Namespace, entry: CloudEntry) -> None:
    """Write tempest.conf and the configuration of its test runner."""
    out: Path = given.out
    found = discover(entry)
    known = configuration.sections(found, out, guests_answer=given.ssh)
    for words in given.set:
        configuration.override(known, words)
    configuration.write(known, out / "tempest.conf")
    packages = next((given.tempest / "lib").glob("python3.*")) / "site-packages"
    (out / ".stestr.conf").write_text(
        f"[DEFAULT]\ntest_path={packages}/tempest/test_discover\ntop_dir={packages}\ngroup_regex=([^\\.]*\\.)*\n"
    )
    print(f"compute up to {known['compute']['max_microversion']}, {found.hosts} hosts", file=sys.stderr)


def _selection(given: argparse.Namespace) -> list[str]:
    chosen = ["--include-list", str(given.list.absolute())] if given.list else ["--regex", "|".join(given.regex)]
    chosen += ["--exclude-regex", given.exclude] if given.exclude else []
    return chosen + (["--exclude-list", str(given.exclude_list.absolute())] if given.exclude_list else [])


def _run(given: argparse.Namespace) -> list[results.Outcome]:
    """Run the tests. Raises SystemExit when not even a result is there."""
    out: Path = given.out
    programs = given.tempest / "bin"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OS_")}
    environment |= {
        "HOME": str(out),
        "PATH": f"{programs}:{environment['PATH']}",
        "TEMPEST_CONFIG_DIR": str(out),
        "TEMPEST_CONFIG": "tempest.conf",
        "OS_TEST_TIMEOUT": "900",
    }
    command = [programs / "tempest", "run", "--config-file", out / "tempest.conf", *_selection(given)]
    with (out / "run.log").open("w") as log:
        command += ["--concurrency", str(given.concurrency)]
        subprocess.run(command, cwd=out, env=environment, stdout=log, stderr=subprocess.STDOUT, check=False)
    if not (out / ".stestr").exists():
        raise SystemExit((out / "run.log").read_text()[-2000:])
    last = subprocess.run([programs / "stestr", "last", "--subunit"], cwd=out, env=environment, capture_output=True)
    junit = subprocess.run([programs / "subunit2junitxml"], input=last.stdout, env=environment, capture_output=True)
    return results.read_junit(junit.stdout.decode())


def main() -> int:
    given = _arguments()
    if not given.regex and not given.list:
        raise SystemExit("which tests? give a regex, or --list FILE")
    given.out = given.out.absolute()
    (given.out / "lock").mkdir(parents=True, exist_ok=True)
    for stale in (".stestr", "logs"):
        shutil.rmtree(given.out / stale, ignore_errors=True)
    (given.out / "tempest.log").unlink(missing_ok=True)
    existing = read_entry(given.cloud, given.cloud_name) if given.cloud else None
    with contextlib.nullcontext(existing) if existing else own_cloud(given) as entry:
        _prepare(given, entry)
        outcomes = _run(given)
    results.keep(outcomes, given.out / "results.json")
    fine = results.show(outcomes)
    print(f"the whole story is in {given.out}")
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
