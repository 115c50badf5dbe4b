"""How a host's tree of providers gives what a request asks: which node, which devices, which provider for a bundle.

One host is looked at, the best that passes every constraint. Nothing is enumerated: cells are matched to nodes and
bundles to providers by augmenting paths, devices are counted out kind by kind. So a look costs what the tree has
providers, times what is asked, and never the ways to combine them.
"""
