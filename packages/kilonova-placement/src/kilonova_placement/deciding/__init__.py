"""Deciding: pure. A request and the index go in, a placement or an explanation comes out; nothing is stored or sent.

    index.py       what every provider has left, in columns      bits.py      sets of traits, zones and aggregates
    wanted.py      a request, translated to the index's numbers  spreading.py which providers of a tree give what
    attributes.py  what is said about hosts, guests that came    groups.py    who of a group stands where
    constraints/   who cannot        weighers/   who is best     criteria.py  which of them, and how much each counts
    scoring.py     both together, over rows                      pictures.py  scores that are kept and repaired
    choosing.py    the best, so many times                       trees/       cells, bundles and devices of one host
    explaining.py  the same constraints, one by one, in words    own.py       around rules that are not ours
    candidates/    allocation candidates of the Placement API, on the same index

To add a constraint or a weigher: write its small file, and name it in the list in its package's ``__init__``.
"""
