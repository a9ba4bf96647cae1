"""One TLS context for everything a worker talks to, made before the fork and shared by all workers.

Parsing a bundle of certificates costs 20 ms and most of a megabyte; stock `requests` does it once
for each pool. The context is the same object for the EventSub socket and for HTTPS.
"""

import functools
import ssl
from pathlib import Path

import certifi


@functools.cache
def context(extra: Path | None) -> ssl.SSLContext:
    """Verify against the system's certificates and the file ``extra``.

    Where a system has none (a slim container), the bundle of ``certifi`` stands in.
    Raises ``OSError`` (``ssl.SSLError`` included) if ``extra`` cannot be read.
    """
    made = ssl.create_default_context()
    paths = ssl.get_default_verify_paths()
    folder = Path(paths.capath) if paths.capath else None
    if not made.cert_store_stats()["x509_ca"] and not (folder and any(folder.iterdir())):
        made.load_verify_locations(certifi.where())
    if extra is not None:
        made.load_verify_locations(extra)
    return made
