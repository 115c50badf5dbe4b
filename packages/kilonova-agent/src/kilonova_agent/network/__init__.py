"""The host's network for guests: bridges, taps, DHCP, metadata, security groups and the way out.

    agent ── HostNetwork ──stdin/stdout── wirer (one helper process, restartable at any time)
                                             │ netlink, nft, dnsmasq
    hub namespace        kn-<tag>            bridges (one per network) and the guests' taps; security groups
    router namespaces    kn-<tag>-<network>  gateway address, dnsmasq, 169.254.169.254, NAT; veth to the hub's bridge
    outside              where the wirer was started: the machine itself as root, else a user namespace

Invariants:

- Everything is found by names derived from the agent's data directory and host id (``names.Names``); nothing else is
  ever touched, so two agents on one machine do not meet, and ``tear_down`` removes exactly its own.
- The records (``records.Records``) are what shall be; the kernel follows them. They are written before the kernel is
  changed and removed before the kernel is cleaned, so a helper killed half-way finishes the work when it starts again.
- Guests, dnsmasq and the wiring outlive agent and helper.
"""
