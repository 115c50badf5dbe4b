"""A small network service behind the public Networking API v2.0 (``/network/v2.0``).

A request falls through these rooms:

    api/      the URL table, one declarative attribute table per resource, lists and paging; decodes and encodes
    app/      what may be asked, and what it changes; one transaction per request
    store/    all SQL: the tables, addresses, generic records
    model/    plain rules: addresses, security group rules, refusals

A resource's record is plain data in every room, a ``dict`` with the public attribute names as keys: the attribute table
of ``api`` is what says its types. Errors carry Neutron's own type names and words (neutron_lib/exceptions).
"""
