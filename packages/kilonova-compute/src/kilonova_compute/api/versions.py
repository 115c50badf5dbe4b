"""The microversions of the compute API that this cloud speaks, and the names that code uses for them.

To add one: raise MAXIMUM, give the version a name here, mark new fields with ``since`` and new operations with
``since=`` in the table, put a change of shape into ``changes/v2_NN.py``, and write the OpenAPI document anew
(``just openapi``).
The numbers and their meanings are those of nova's rest_api_version_history.rst.
"""

from __future__ import annotations

from kilonova_kit.http.microversions import Microversions

MINIMUM = (2, 1)
#: As high as every operation we have answers as the real API does.
MAXIMUM = (2, 104)

MICROVERSIONS = Microversions(
    service_type="compute",
    minimum=MINIMUM,
    maximum=MAXIMUM,
    legacy_header="X-OpenStack-Nova-API-Version",
)

IP6_FOR_ALL = (2, 5)
DESCRIPTION = (2, 19)
ACTIONS_OF_DELETED = (2, 21)
TAGS = (2, 26)
NETWORKS_REQUIRED = (2, 37)
STATUS_CHECKED = (2, 38)
NETWORK_TAGS_AGAIN = (2, 42)
FLAVOR_EMBEDDED = (2, 47)
TYPED_DIAGNOSTICS = (2, 48)
EVENTS_FOR_ALL = (2, 51)
ACTIONS_PAGED = (2, 58)
CHANGES_BEFORE = (2, 66)
PARTIAL_RESULTS = (2, 69)
SERVER_GROUPS_SHOWN = (2, 71)
LOCKED_REASON = (2, 73)
STRICT = (2, 75)
MORE_FILTERS = (2, 83)
EVENT_DETAILS = (2, 84)
HOSTNAME = (2, 90)
FQDN = (2, 94)
SHARES = (2, 97)
STRICT_EVERYWHERE = (2, 102)
