"""TLS and SASL towards Kafka: what the settings say is what the clients are told, and no more."""

from __future__ import annotations

import ssl
from typing import Any

import pytest
from pydantic import ValidationError

from chassis.errors import PermanentError
from chassis.servers.access import reached_by, security
from chassis.servers.bus import KafkaBus
from chassis.servers.settings import ServerSettings

PASSWORD = "canary-of-the-bus"


def settings(**changes: Any) -> ServerSettings:
    given = {"kafka": "a:9093,b:9093", "mongodb": f"mongodb://u:{PASSWORD}@nowhere"}
    return ServerSettings.model_validate(given | changes)


def with_sasl(**changes: Any) -> ServerSettings:
    given = {"kafka_user": "chargeline", "kafka_password": PASSWORD}
    return settings(**(given | changes))


def test_without_any_setting_kafka_is_reached_in_the_clear() -> None:
    assert security(settings()) is None
    assert reached_by(settings()) == {"bootstrap_servers": ["a:9093", "b:9093"]}


def test_tls_checks_the_brokers_name_and_certificate() -> None:
    told = reached_by(settings(kafka_security="SSL"))
    context = told["ssl_context"]
    assert told["security_protocol"] == "SSL"
    assert context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
@pytest.mark.parametrize("protocol", ["SASL_PLAINTEXT", "SASL_SSL"])
def test_sasl_signs_in_by_name_and_password(mechanism: str, protocol: str) -> None:
    told = reached_by(with_sasl(kafka_security=protocol, kafka_mechanism=mechanism))
    assert told["security_protocol"] == protocol
    assert told["sasl_mechanism"] == mechanism
    assert (told["sasl_plain_username"], told["sasl_plain_password"]) == ("chargeline", PASSWORD)
    assert (told["ssl_context"] is not None) is (protocol == "SASL_SSL")


def test_the_bus_signs_in_as_the_settings_say() -> None:
    told = KafkaBus(with_sasl(kafka_security="SASL_SSL"))._broker._connection_kwargs
    assert told["sasl_mechanism"] == "SCRAM-SHA-512"
    assert told["sasl_plain_password"] == PASSWORD
    assert told["ssl_context"] is not None


@pytest.mark.parametrize("missing", ["kafka_user", "kafka_password"])
def test_sasl_without_a_name_or_a_password_is_refused(missing: str) -> None:
    with pytest.raises(ValidationError, match=missing):
        with_sasl(kafka_security="SASL_SSL", **{missing: ""})


@pytest.mark.parametrize("name", ["kafka_ca", "kafka_cert"])
def test_a_file_that_is_no_certificate_is_refused(name: str) -> None:
    with pytest.raises(PermanentError) as refused:
        security(settings(kafka_security="SSL", **{name: __file__}))
    assert refused.value.code == "environment"


def test_no_password_is_in_what_is_shown_of_the_settings() -> None:
    found = with_sasl(kafka_security="SASL_SSL")
    assert PASSWORD not in repr(found)
    assert PASSWORD not in str(found)
    assert PASSWORD not in repr(found.kafka_password)


def test_no_password_is_in_what_is_said_of_settings_that_are_refused() -> None:
    with pytest.raises(ValidationError) as refused:
        settings(kafka=f"nowhere:{PASSWORD}")
    assert PASSWORD not in str(refused.value)
