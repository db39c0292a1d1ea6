"""The configuration's sections `notify:` and `alerts:`: by which channels people are told, and when of an alert."""

from typing import Annotated, Literal, Optional

from pydantic import Field, model_validator

from millrace.base.section import OptionalVariableName, Section

MailAddress = Annotated[str, Field(pattern=r"^[^@\s<>,;:]+@[^@\s<>,;:]+$")]

_THIS_MACHINE = ("localhost", "127.0.0.1", "::1")


class Email(Section):
    """A mail server, and who gets the mail. The password is read from an environment variable."""

    host: str = Field(min_length=1, description="the mail server's name or address")
    port: int = Field(default=587, ge=1, le=65_535, description="587 with starttls, 465 with tls, 25 with none")
    security: Literal["starttls", "tls", "none"] = Field(default="starttls", description="how the mail is kept private")
    user: str = Field(default="", description="who logs in; left out: nobody does")
    password_env: OptionalVariableName = Field(
        default="", description="the name of the environment variable that holds the password"
    )
    sender: MailAddress = Field(description="the address that the mail comes from")
    to: tuple[MailAddress, ...] = Field(min_length=1, description="who gets it")

    @model_validator(mode="after")
    def _a_password_is_not_sent_in_the_clear(self) -> "Email":
        if bool(self.user) != bool(self.password_env):
            raise ValueError("user and password_env go together: say both, or none of them")
        if self.user and self.security == "none" and self.host not in _THIS_MACHINE:
            raise ValueError("security: none would send the password in the clear; say starttls or tls")
        return self


class Notify(Section):
    """The channels by which people are told how runs end, and of alerts. At least one is named."""

    webhook_env: OptionalVariableName = Field(
        default="", description="the name of the environment variable that holds the webhook's URL"
    )
    apprise_env: OptionalVariableName = Field(
        default="",
        description="the name of the environment variable that holds Apprise's URLs, with spaces between them; "
        "pip install 'millrace[alerts]'",
    )
    email: Optional[Email] = None
    console: str = Field(
        default="",
        pattern=r"^(https?://\S+)?$",
        description="where people reach millrace console: a message then links to the run's page there",
    )

    @model_validator(mode="after")
    def _somebody_is_told(self) -> "Notify":
        if not (self.webhook_env or self.apprise_env or self.email):
            raise ValueError("nobody would be told: name webhook_env, apprise_env or email, or leave notify out")
        return self


class AlertPolicy(Section):
    """When an alert is told."""

    looks: int = Field(
        default=1, ge=1, description="how many looks one after the other must see it; until then it is pending"
    )
    remind_hours: Optional[float] = Field(
        default=24, gt=0, description="told again after so long while it goes on; null: once"
    )
