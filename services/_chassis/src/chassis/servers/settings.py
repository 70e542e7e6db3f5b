"""How a process of the distributed system is set: by environment variables, CHARGELINE_<NAME>."""

from __future__ import annotations

import os
import socket
from datetime import date
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from chassis.errors import PermanentError

_PREFIX = "CHARGELINE_"
TIMEOUTS_MAX = 3  # runs over time before a message is parked, as in `DeliverySettings`
_STRETCH = 0.6  # of the poll interval; the rest is for a handler that has just begun


class ServerSettings(BaseSettings):
    """Where the servers are, and the times and sizes that are kept with them.

    `namespace` precedes every topic, group and the database's name, so that several systems share
    servers. `sandbox` is the vendor sandboxes' address, `today` fixes the day: both for trials.
    """

    model_config = SettingsConfigDict(
        env_prefix=_PREFIX,
        frozen=True,
        extra="ignore",
        hide_input_in_errors=True,  # it may hold a password
    )

    kafka: str
    kafka_security: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    kafka_ca: str = ""  # files in PEM; without one, the system's authorities
    kafka_cert: str = ""  # the client's own, where brokers ask for one
    kafka_key: str = ""
    kafka_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    kafka_user: str = ""
    kafka_password: SecretStr = SecretStr("")
    mongodb: str = Field(repr=False)  # it may hold a password
    namespace: str = ""
    replica: str = Field(default_factory=lambda: f"{socket.gethostname()}-{os.getpid()}")
    sandbox: str = ""
    today: date | None = None

    partitions: int = Field(default=16, ge=1)
    replication: int = Field(default=1, ge=1)
    min_insync_replicas: int = Field(default=1, ge=1)
    retention_days: int = Field(default=14, ge=1)  # longer than the longest outage to be survived

    session_timeout_s: float = 30.0  # how long a dead consumer's partitions wait
    heartbeat_s: float = 3.0
    rebalance_timeout_s: float = 60.0
    max_poll_interval_s: float = 300.0
    request_timeout_s: float = 30.0
    drain_s: float = 25.0
    sweep_s: float = 5.0
    handler_timeout_s: float = 60.0
    lease_ttl_s: float = 120.0  # longer than the slowest vendor write with its settle time

    health_port: int = 8080  # 0: one that the system hands out
    health_host: str = "0.0.0.0"  # noqa: S104 - the probes come from outside the container
    api_port: int = 8600  # the gateway's REST API; 0: one that the system hands out
    api_host: str = "0.0.0.0"  # noqa: S104 - so do its callers
    api_origin: str = ""  # the address that people's browsers show; default: localhost and the port

    @classmethod
    def from_environment(cls) -> Self:
        """PermanentError `environment` names each variable that is missing or wrong, and no value.

        What is wrong may be a password, so it is told where and why, never what.
        """
        try:
            return cls()
        except ValidationError as error:
            told = error.errors(include_url=False, include_input=False, include_context=False)
            wrong = [": ".join([*map(_variable, e["loc"]), _why(e["msg"])]) for e in told]
            raise PermanentError("environment", "; ".join(wrong)) from None

    @field_validator("kafka")
    @classmethod
    def _names_brokers(cls, kafka: str) -> str:
        if not all(map(_is_address, kafka.split(","))):
            raise ValueError("it must be host:port, with a comma between several")
        return kafka

    @model_validator(mode="after")
    def _fit(self) -> Self:
        """What waits for something ends before that something does."""
        if self.drain_s >= self.rebalance_timeout_s:
            raise ValueError("drain_s must be less than rebalance_timeout_s")
        if self.kafka_security.startswith("SASL") and not (
            self.kafka_user and self.kafka_password.get_secret_value()
        ):
            raise ValueError("kafka_security with SASL needs kafka_user and kafka_password")
        if TIMEOUTS_MAX * self.handler_timeout_s > self.stretch_s:
            least = TIMEOUTS_MAX * self.handler_timeout_s / _STRETCH
            raise ValueError(f"max_poll_interval_s must be at least {least:g}")
        return self

    @property
    def stretch_s(self) -> float:
        """How long a message is tried before it is handed back, so that the consumer polls."""
        return _STRETCH * self.max_poll_interval_s

    def topic(self, name: str) -> str:
        """The topic's name on the servers."""
        return f"{self.namespace}{name}"

    @property
    def origin(self) -> str:
        """Where people open the gateway."""
        return self.api_origin or f"http://localhost:{self.api_port}"

    @property
    def database(self) -> str:
        """MongoDB's database."""
        return f"{self.namespace}chargeline"


def _variable(name: int | str) -> str:
    return f"{_PREFIX}{name}".upper()


def _is_address(text: str) -> bool:
    try:
        at = urlsplit(f"//{text.strip()}")
        return bool(at.hostname) and at.port != 0
    except ValueError:
        return False


def _why(message: str) -> str:
    return message.removeprefix("Value error, ")
