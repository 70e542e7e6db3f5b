"""How a client proves itself to Kafka, and Kafka to it: TLS and SASL, from the settings.

MongoDB's is all in its address (`mongodb://user:password@host/?tls=true&tlsCAFile=…`).
"""

from __future__ import annotations

import ssl
from typing import Any

from faststream.kafka.security import parse_security
from faststream.security import BaseSecurity, SASLPlaintext, SASLScram256, SASLScram512

from chassis.errors import PermanentError
from chassis.servers.settings import ServerSettings

_SASL = {"PLAIN": SASLPlaintext, "SCRAM-SHA-256": SASLScram256, "SCRAM-SHA-512": SASLScram512}


def security(s: ServerSettings) -> BaseSecurity | None:
    """For FastStream's broker; None: neither TLS nor SASL is asked for.

    Raises PermanentError `environment` for a file that is no certificate or can not be read.
    """
    tls = s.kafka_security in ("SSL", "SASL_SSL")
    context = _context(s) if tls else None
    if s.kafka_security.startswith("SASL"):
        kind = _SASL[s.kafka_mechanism]
        password = s.kafka_password.get_secret_value()
        return kind(s.kafka_user, password, ssl_context=context, use_ssl=tls)
    return BaseSecurity(ssl_context=context, use_ssl=True) if tls else None


def reached_by(s: ServerSettings) -> dict[str, Any]:
    """For a client of aiokafka's own: where the brokers are, and how one is let in."""
    found: dict[str, Any] = {"bootstrap_servers": s.kafka.split(",")}
    return found | parse_security(security(s))


def _context(s: ServerSettings) -> ssl.SSLContext:
    """The broker's name and certificate are always checked."""
    try:
        context = ssl.create_default_context(cafile=s.kafka_ca or None)
        if s.kafka_cert:
            context.load_cert_chain(s.kafka_cert, s.kafka_key or None)
    except (OSError, ssl.SSLError) as error:
        text = f"CHARGELINE_KAFKA_CA, _CERT or _KEY can not be used: {error}"
        raise PermanentError("environment", text) from None
    return context
