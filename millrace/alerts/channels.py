"""The channels by which people are told: a webhook, a mail server, and whatever Apprise reaches.

A channel never raises, and no sentence that it returns has anything of a secret: not the address of a webhook or of
Apprise, and not what the other side answered.
"""

import logging
import os
import smtplib
import ssl
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from typing import Optional, Protocol

from millrace.alerts.section import Email, Notify
from millrace.base import webhook
from millrace.base.secrets import cut


class Notice(Protocol):
    """Something to tell. Every text is without secrets."""

    @property
    def title(self) -> str:
        """A few words: the subject of a mail."""

    @property
    def body(self) -> str:
        """All that a person is to know, in lines."""

    def to_json(self) -> str:
        """All that a program is to know; `text` is the sentence that a chat shows."""


class Channel(Protocol):
    """A way to tell."""

    name: str

    def lacks(self) -> str:
        """What the channel needs and does not have, so that no try would help; empty when nothing."""

    def send(self, notice: Notice, seconds: float) -> str:
        """Tries once.

        Args:
            notice: what to tell.
            seconds: how long it may take.

        Returns:
            Empty when it was delivered, else a sentence that says why not.
        """


@dataclass(frozen=True)
class WebhookChannel:
    """Posts JSON.

    Args:
        variable: the environment variable that holds the address.
    """

    variable: str
    name = "webhook"

    def lacks(self) -> str:
        """Whether the variable is set."""
        return _unset(self.variable)

    def send(self, notice: Notice, seconds: float) -> str:
        """Posts the notice."""
        return webhook.post(os.environ[self.variable], notice.to_json(), seconds)


@dataclass(frozen=True)
class EmailChannel:
    """Sends a mail by SMTP (RFC 5321).

    Args:
        settings: the server, and who gets the mail.
    """

    settings: Email
    name = "email"

    def lacks(self) -> str:
        """Whether the password is set, where one is needed."""
        return _unset(self.settings.password_env) if self.settings.password_env else ""

    def send(self, notice: Notice, seconds: float) -> str:
        """Sends the notice to everybody who is named; it is delivered when the server has taken it for all of them."""
        settings = self.settings
        try:
            with _connection(settings, seconds) as server:
                if settings.security == "starttls":
                    server.starttls(context=ssl.create_default_context())
                if settings.user:
                    server.login(settings.user, os.environ[settings.password_env])
                refused = server.send_message(_mail(settings, notice))
            return f"the mail server refuses {', '.join(sorted(refused))}" if refused else ""
        except smtplib.SMTPAuthenticationError:
            return "the mail server refuses the user or the password"
        except smtplib.SMTPNotSupportedError:
            return (
                "the mail server offers no STARTTLS, or no login; set notify.email.security to what it speaks: "
                "starttls, tls (from the first byte) or none"
            )
        except smtplib.SMTPRecipientsRefused as error:
            return f"the mail server refuses {', '.join(sorted(error.recipients))}"
        except smtplib.SMTPResponseException as error:
            return f"the mail server answered {error.smtp_code}"
        except smtplib.SMTPServerDisconnected:
            return "the mail server broke off, or did not answer in time"
        except smtplib.SMTPException as error:
            return f"the mail could not be sent ({type(error).__name__})"
        except ssl.SSLError as error:
            return f"the mail server's TLS failed: {(error.reason or 'no handshake').replace('_', ' ').lower()[:80]}"
        except TimeoutError:
            return "the mail server did not answer in time"
        except OSError as error:
            return f"the mail server cannot be reached: {(error.strerror or 'no connection').lower()[:80]}"
        except Exception as error:
            return f"the mail could not be sent ({type(error).__name__})"


def _connection(settings: Email, seconds: float) -> smtplib.SMTP:
    if settings.security == "tls":
        context = ssl.create_default_context()
        return smtplib.SMTP_SSL(settings.host, settings.port, timeout=seconds, context=context)
    return smtplib.SMTP(settings.host, settings.port, timeout=seconds)


def _mail(settings: Email, notice: Notice) -> EmailMessage:
    mail = EmailMessage()
    mail["Subject"] = " ".join(notice.title.split())[:200]
    mail["From"] = settings.sender
    mail["To"] = ", ".join(settings.to)
    mail["Date"] = formatdate(localtime=True)
    mail["Message-ID"] = make_msgid("millrace", domain=settings.sender.rpartition("@")[2])
    # RFC 3834: so that nobody's note of absence answers it.
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(notice.body)
    return mail


@dataclass(frozen=True)
class AppriseChannel:
    """Hands the notice to Apprise, which knows some hundred services by the scheme of their URL.

    https://github.com/caronc/apprise/wiki

    Args:
        variable: the environment variable that holds the URLs, with spaces between them.
    """

    variable: str
    name = "apprise"

    def lacks(self) -> str:
        """Whether the variable is set and Apprise is installed."""
        try:
            import apprise  # noqa: F401
        except ImportError:
            return "Apprise is not installed: pip install 'millrace[alerts]'"
        return _unset(self.variable)

    def send(self, notice: Notice, seconds: float) -> str:
        """Sends the notice; Apprise has time-outs of its own, and who waits for it does not wait longer."""
        import apprise

        try:
            services = apprise.Apprise()
            if not services.add(os.environ[self.variable].split()):
                return f"Apprise knows none of a service by a URL in {self.variable}"
            delivered = services.notify(body=notice.body, title=notice.title)
            return "" if delivered else "Apprise did not reach every service"
        except Exception as error:
            logging.getLogger(__name__).warning("%s", cut(str(error)))
            return f"Apprise failed ({type(error).__name__})"


def _unset(variable: str) -> str:
    return "" if os.environ.get(variable) else f"the environment variable {variable} is not set"


def channels_of(notify: Optional[Notify]) -> list[Channel]:
    """The configured channels; none where nobody is to be told.

    Args:
        notify: the configuration's section.
    """
    channels: list[Channel] = []
    if notify and notify.webhook_env:
        channels.append(WebhookChannel(notify.webhook_env))
    if notify and notify.email:
        channels.append(EmailChannel(notify.email))
    if notify and notify.apprise_env:
        channels.append(AppriseChannel(notify.apprise_env))
    return channels
