"""A provider's TLS settings as what Python's sockets take."""

from __future__ import annotations

import ssl

from . import Tls


def context(tls: Tls) -> ssl.SSLContext:
    made = ssl.create_default_context()
    if tls.ca is not None:
        made.load_verify_locations(tls.ca)
    if tls.certificate is not None:
        made.load_cert_chain(tls.certificate, tls.key)
    if not tls.verify:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    return made
