"""The microversions of the compute API that this cloud speaks, and the names that code uses for them.

To add one: raise MAXIMUM, give the version a name here, mark new fields with ``since`` and new operations with
``since=`` in the table, put a change of shape into ``changes/v2_NN.py``, and write the OpenAPI document anew (``just openapi``).
The numbers and their meanings are those of nova's rest_api_version_history.rst.
"""

from __future__ import annotations

from kilonova_kit.http.microversions import Microversions

MINIMUM = (2, 1)
#: As high as every operation we have answers as the real API does.
MAXIMUM = (2, 96)

MICROVERSIONS = Microversions(
    service_type="compute",
    minimum=MINIMUM,
    maximum=MAXIMUM,
    legacy_header="X-OpenStack-Nova-API-Version",
)
