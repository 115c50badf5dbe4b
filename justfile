# Every developer command. A bare `just` lists them.

set positional-arguments

_list:
    @just --list --unsorted

# a cloud with real guests, through the real client
demo *args:
    bin/demo "$@"

# all tests, as CI runs them
test *args:
    bin/test "$@"

# the house rules and the unit tests, under a minute
check:
    uv run tools/check.sh
    uv run pytest -q -n 2 packages/*/tests/unit

# mend what the linters can mend
fix:
    uv run ruff check --fix .
    uv run ruff format .

# a cloud of simulated hosts, in the foreground
cloud *args:
    bin/kilonova up --driver fake --hosts 3 --cells 2 --data .kilonova "$@"

# kill everything again and again under load, then look for what is left
chaos *args:
    uv run python tests/chaos/chaos.py "$@"

# Tempest against a cloud of its own: just tempest 'tempest.api.compute.flavors'
tempest *args:
    tools/tempest/run.sh "$@"

# a host with NUMA nodes, huge pages and PCI devices, in an emulated machine: just numa tree
numa *args:
    uv run python tools/numa/prove.py "$@"

# write the OpenAPI documents anew
openapi:
    uv run python tools/openapi.py

# sizes of functions and files
sizes:
    uv run python tools/sizes.py

# numbers: POST to ACTIVE, lists, memory, start
bench *args:
    uv run python benchmarks/all.py "$@"
