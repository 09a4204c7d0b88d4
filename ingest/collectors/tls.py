"""TLS to a system that is collected from: always with the certificate verified."""

from __future__ import annotations

import ssl
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, model_validator

from kernel.errors import SettingsError


class Tls(BaseModel):
    """Certificates of a connection; with nothing set, those that this machine trusts. There is no way to not verify."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    ca_file: Path | None = Field(default=None, description="PEM file of the authorities to trust, in place of all.")
    certificate_file: Path | None = Field(default=None, description="PEM file of our own certificate, for mutual TLS.")
    key_file: Path | None = Field(default=None, description="PEM file of its key, without a password.")

    @model_validator(mode="after")
    def _both(self) -> Tls:
        if (self.certificate_file is None) != (self.key_file is None):
            raise ValueError("certificate_file and key_file go together")
        return self

    def context(self) -> ssl.SSLContext:
        """A client's context.

        Raises
        ------
        SettingsError
            A file cannot be read, or is none of its kind.
        """
        try:
            context = ssl.create_default_context(cafile=self.ca_file)
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            if self.certificate_file is not None and self.key_file is not None:
                # Without the callback OpenSSL would ask for a password on the terminal.
                context.load_cert_chain(self.certificate_file, self.key_file, password=lambda: b"")
        except (OSError, ssl.SSLError) as error:
            raise SettingsError(f"the files of TLS cannot be used: {error.strerror or type(error).__name__}") from None
        return context
