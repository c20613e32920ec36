# SPDX-License-Identifier: Apache-2.0
"""What an operator sets: `broker.toml` in the data folder, and `TOCSIN_BROKER_*` over it.

Command line over environment over file over default. Keys that are not known are errors, so a
misspelt limit never passes for a set one. docs/broker-configuration.md lists them.
"""

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

FILE_NAME = "broker.toml"
LOOPBACK = ("127.0.0.1", "::1", "localhost")

_NAME = "[A-Za-z0-9.:-]{1,253}"
Name = Annotated[str, StringConstraints(pattern=f"^{_NAME}$")]


class ConfigError(Exception):
    """The configuration cannot be used; the text says which key and why."""


class BrokerConfig(BaseSettings):
    """The settings of one broker.

    Attributes:
        listen: HOST:PORT to serve on; port 0 takes a free one.
        names: DNS names and addresses in the broker's certificate, besides broker.tocsin,
            localhost and 127.0.0.1.
        passphrase_file: holds the passphrase of the key file; relative to the data folder.
        log_level: debug, info, warning or error.
        metrics_listen: HOST:PORT on loopback for Prometheus; empty for none.
        drain_seconds: how long open streams may take to end when the broker stops.
        heartbeat_seconds: a subscriber's stream is never silent for longer.
        upload_bytes_per_agency: unreferenced attachments that one agency may have waiting.
        frame_age_days: how long an agency's outbox may hold a sealed frame.
        max_sessions_per_agency: live subscriptions of one agency.
    """

    model_config = SettingsConfigDict(env_prefix="TOCSIN_BROKER_", extra="forbid", frozen=True)

    listen: str = "127.0.0.1:7443"
    names: tuple[Name, ...] = ()
    passphrase_file: Path = Path("keys/passphrase")
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    metrics_listen: str = ""
    drain_seconds: float = Field(default=10.0, ge=0, le=300)
    heartbeat_seconds: float = Field(default=15.0, ge=0.1, le=15)
    upload_bytes_per_agency: int = Field(default=4 << 30, ge=0, le=1 << 50)
    frame_age_days: int = Field(default=30, ge=1, le=365)
    max_sessions_per_agency: int = Field(default=64, ge=1, le=100_000)

    @field_validator("listen")
    @classmethod
    def _listen(cls, value: str) -> str:
        host_port(value)
        return value

    @field_validator("metrics_listen")
    @classmethod
    def _metrics_listen(cls, value: str) -> str:
        if value and host_port(value)[0] not in LOOPBACK:
            raise ValueError("metrics are served on loopback only")
        return value

    @property
    def address(self) -> tuple[str, int]:
        """Host and port to serve on."""
        return host_port(self.listen)


def is_name(text: str) -> bool:
    """Whether a text may stand among `names`."""
    return re.fullmatch(_NAME, text) is not None


def host_port(value: str) -> tuple[str, int]:
    """Return host and port of HOST:PORT; an IPv6 address stands in brackets.

    Raises:
        ValueError: it is not that.
    """
    host, colon, port = value.rpartition(":")
    bare = host.removeprefix("[").removesuffix("]")
    bracketed = host.startswith("[") and host.endswith("]")
    if not colon or not bare or (":" in bare and not bracketed):
        raise ValueError("expected HOST:PORT")
    if not port.isascii() or not port.isdigit() or int(port) > 65535:  # noqa: PLR2004
        raise ValueError("the port is not a number from 0 to 65535")
    return bare, int(port)


def load_config(folder: Path, *, listen: str | None = None) -> BrokerConfig:
    """Return the settings in force for a data folder.

    Args:
        folder: holds `broker.toml`; without the file the defaults hold.
        listen: from the command line; wins.

    Raises:
        ConfigError: an unknown key, a value outside its range, or not TOML.
    """
    path = folder / FILE_NAME

    class _Loaded(BrokerConfig):
        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the library's signature
            file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            file = TomlConfigSettingsSource(settings_cls, path)
            return init_settings, env_settings, file

    try:
        given = {} if listen is None else {"listen": listen}
        return _Loaded(**given)  # type: ignore[arg-type]
    except ValidationError as error:
        raise ConfigError(_first_complaint(error)) from None
    except (ValueError, OSError) as error:
        raise ConfigError(f"{FILE_NAME} cannot be read: {error}") from None
    except RecursionError:
        raise ConfigError(f"{FILE_NAME} cannot be read: it is nested too deeply") from None


def _first_complaint(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    key = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        return f"unknown setting {key}"
    said = first["msg"].removeprefix("Value error, ")
    return f"setting {key}: {said[0].lower()}{said[1:]}"
