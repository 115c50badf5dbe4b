"""Where a host gets an image: through the controller, with a ticket for just this image and host."""

from __future__ import annotations

from collections.abc import Callable

from kilonova_messages.wishes import ImageSource

from kilonova_compute.model.servers import ImageSnapshot

#: Of the image service to those of hosts.
FORMATS = {"raw": "raw", "qcow2": "qcow2", "ami": "raw", "aki": "raw", "ari": "raw", "iso": "raw"}


def image_source(image: ImageSnapshot, host_id: str, ticket: Callable[[str, str], str]) -> ImageSource:
    """The source of an image whose format is known. ``ticket`` makes one: (image id, host id) -> ticket."""
    return ImageSource(
        image_id=image.image_id,
        path=f"/compute/host-images/{image.image_id}",
        ticket=ticket(image.image_id, host_id),
        size_bytes=image.size_bytes,
        digest_algorithm=image.digest_algorithm,
        digest=image.digest,
        format=FORMATS[image.disk_format],
        virtual_size_bytes=image.virtual_size_bytes,
    )
