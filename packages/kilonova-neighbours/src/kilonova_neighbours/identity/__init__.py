"""The identity service: Keystone's v3 API on one small database.

    api/    the table of operations, who may, bodies in and answers out
    app/    the rules: plain functions of a ``Work`` (a transaction, the time, the settings), and the tokens
    store/  all SQL
    model/  plain types

Invariants: a token is only a name for a question; what it is worth (user enabled, roles, scope) is looked up when it is
used, and remembered no longer than until the next write. A token that was once refused for a revocation stays refused.
"""
