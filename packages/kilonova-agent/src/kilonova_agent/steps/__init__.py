"""The steps a host runs, one file each: ``async def run(host, work, step) -> Guest | None`` (None: the guest is gone).

Every step may be run twice, be cut short at any await, and find what an earlier run of itself left behind.
"""
