"""The image service: image API v2 as Glance answers it, usable alone.

    api/     the URL table and bodies       app/     what may be asked, uploads, imports, what is swept up
    store/   all SQL, and the files         model/   plain types and pure rules
    service.py  the parts put together: ``SERVICE`` and ``ImageApp``

The truth about an image is its row. A file counts only when a row names it, so a crash at any moment leaves at worst
a file that nobody names, and ``app/stray_files.py`` removes it.
"""
