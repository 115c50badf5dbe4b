"""Deciding: pure. A request and the index go in, a placement or an explanation comes out; nothing is stored or sent.

    index.py       what every provider has left, in columns      bits.py      sets of traits, zones and aggregates
    wanted.py      a request, translated to the index's numbers  spreading.py which providers of a tree give what
    constraints/   who cannot        weighers/   who is best     choosing.py  both together
    explaining.py  the same constraints, one by one, in words
    candidates/    allocation candidates of the Placement API, on the same index

To add a constraint or a weigher: write its small file, and name it in the list in its package's ``__init__``.
"""
