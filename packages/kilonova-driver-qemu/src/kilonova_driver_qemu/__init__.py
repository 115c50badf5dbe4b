"""A driver that runs guests with QEMU over QMP, without libvirt."""
