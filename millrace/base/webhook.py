"""Posting a message to a webhook, which may do anything and must cost nothing but a few seconds.

The address is a secret: no sentence that is returned has any of it, nor anything that the other side answered.
"""

import base64
import http.client
import os
import re
import ssl
import threading
import urllib.error
import urllib.request
from typing import Any, Optional
from urllib.parse import unquote, urlsplit, urlunsplit

SECONDS = 10.0


def post(url: str, message: str, seconds: float = SECONDS) -> str:
    """Posts JSON.

    Args:
        url: an http:// or https:// address, perhaps with a user and a password; it may hold a secret.
        message: JSON text.
        seconds: how long it may take in all, whatever the other side does.

    Returns:
        Empty when the other side answered with a code from 200 to 299; else a sentence that says why the message was
        not delivered, without anything of the address. Nothing is raised.
    """
    trouble = ["the webhook did not answer in time"]
    # In a thread: a look-up of a name takes no time-out, and a byte now and then never lets one pass.
    work = threading.Thread(target=lambda: trouble.append(_post(url, message, seconds)), name="webhook", daemon=True)
    work.start()
    work.join(seconds)
    return trouble[-1]


def post_to_variable(variable: str, message: str) -> str:
    """Posts JSON to the address that an environment variable holds.

    Args:
        variable: the variable's name.
        message: JSON text.

    Returns:
        As `post`; also that the variable is not set.
    """
    url = os.environ.get(variable, "")
    return post(url, message) if url else f"the environment variable {variable} is not set"


def _post(url: str, message: str, seconds: float) -> str:
    try:
        request = _request(url.strip(), message)
        if isinstance(request, str):
            return request
        with _opener().open(request, timeout=seconds) as response:
            return "" if 200 <= response.status < 300 else f"the webhook answered {response.status}"
    except urllib.error.HTTPError as error:
        error.close()
        return f"the webhook answered {error.code}"
    except http.client.HTTPException as error:
        return f"the webhook does not speak HTTP ({type(error).__name__})"
    except ssl.SSLError as error:
        return f"the webhook's TLS failed: {_plain(error.reason)}"
    except urllib.error.URLError as error:
        if isinstance(error.reason, ssl.SSLError):
            return f"the webhook's TLS failed: {_plain(error.reason.reason)}"
        return f"the webhook cannot be reached: {_plain(getattr(error.reason, 'strerror', None)) or 'no connection'}"
    except TimeoutError:
        return "the webhook did not answer in time"
    except OSError as error:
        return f"the webhook cannot be reached: {_plain(error.strerror) or 'the connection broke'}"
    except Exception as error:
        return f"the message could not be sent ({type(error).__name__})"


def _request(url: str, message: str) -> Any:
    """The request; or a sentence where there is none to be made of the address."""
    if re.search(r"[\s\x00-\x1f\x7f]", url) or not url.isascii():
        return "the webhook's address has a space or another character that no address has"
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return "the webhook's address is none: it should begin with https:// and a host"
    userinfo, _, host = parts.netloc.rpartition("@")
    headers = {"Content-Type": "application/json", "User-Agent": "millrace"}
    if userinfo:
        headers["Authorization"] = "Basic " + base64.b64encode(unquote(userinfo).encode()).decode()
    plain = urlunsplit((parts.scheme, host, parts.path, parts.query, ""))
    return urllib.request.Request(plain, data=message.encode(), headers=headers, method="POST")


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirect would turn the message into a GET, and take it to whoever the other side likes."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


def _opener() -> urllib.request.OpenerDirector:
    """urllib's, with proxies as the environment names them, for http and https alone: no files, no FTP, no data."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        _NoRedirects(),
        urllib.request.HTTPErrorProcessor(),
    ):
        opener.add_handler(handler)
    return opener


def _plain(reason: Optional[str]) -> str:
    """The system's words, which are a few; anything longer would be the other side's."""
    return (reason or "").replace("_", " ").lower()[:80]
