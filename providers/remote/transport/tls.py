"""A provider's TLS settings as what Python's sockets take."""

from __future__ import annotations

import ssl

from ....core.canon.errors import ConfigError
from . import Tls


def settled(tls: Tls) -> ssl.SSLContext | None:
    """The context at once where files are named, since a wrong one is an error at the start.

    Without files it is made when it is needed: reading the system's own takes a while.
    """
    if tls.key and not tls.certificate:
        raise ConfigError("tls: a key needs the certificate that it belongs to")
    return context(tls) if tls.ca or tls.certificate else None


def context(tls: Tls) -> ssl.SSLContext:
    made = ssl.create_default_context()
    try:
        if tls.ca is not None:
            made.load_verify_locations(tls.ca)
        if tls.certificate is not None:
            # Without a password OpenSSL would ask for one at the terminal.
            made.load_cert_chain(tls.certificate, tls.key, password="")
    except ssl.SSLError:
        raise ConfigError("tls: a file holds no PEM, or a key is not its certificate's") from None
    except OSError as error:
        raise ConfigError(f"tls: a file cannot be read: {error.strerror}") from None
    if not tls.verify:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    return made
