"""The HTTP edge that every API stands on: one table of operations per service.

A request falls through these rooms, in this order:

    serving.py        the process's one port; picks the service by prefix
    edge.py           request id, version, identity, policy, then the operation's handler; errors to bodies
    operations.py     what a service is: its table of operations (method, path, versions, types, policy, handler)
    microversions.py  which version was asked for          versioned.py   ``since`` and ``until`` marks on types
    bodies.py         JSON and query strings to types      faults.py      errors to each service's own error body
    policy.py         who may                              paging.py      limit, marker, links
    client.py         asking another service: in process or by URL

Only ``api`` rooms (and ``external`` ones, for the client) import this package.
"""
