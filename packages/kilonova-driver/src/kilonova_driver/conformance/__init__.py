"""The conformance kit: what the contract says, as checks that any driver runs.

Start reading at ``run.py`` (how it is run), then ``checks/`` (the rules, one small function each). Some checks end the
driver with signal 9: these run it in a process of its own (``child.py``, ``remote.py``), the others in this one.
"""
