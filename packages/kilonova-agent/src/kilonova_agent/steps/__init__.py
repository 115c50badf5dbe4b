"""The steps a host runs, one file each, called as the step: ``async def stop_guest(host, work, step) -> Guest``.

Every step may be run twice, be cut short at any await, and find what an earlier run of itself left behind.
"""
