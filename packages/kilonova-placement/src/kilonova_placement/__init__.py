"""Placement: what there is, what is asked for, and who holds what. It knows nothing of servers, only of owners.

model/      plain types: providers, requests, claims, explanations
deciding/   pure: request and index in, placement or explanation out
store/      all SQL; the ledger of claims is the truth
app/        the rules: one writer that decides and commits in groups, and what keeps index and ledger true
api/        the native API (``/native/v1``) and the OpenStack Placement API, views on the same data
client.py   what another package may import
"""
