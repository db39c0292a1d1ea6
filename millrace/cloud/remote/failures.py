"""What a service or the way to it answered instead of doing what was asked: in words, with a remedy and an exit code.

Exit code 2 where the one who asks can fix it (HTTP 400, 401, 403, 404, 409), 1 where the service has to (429, 5xx, no
answer, no way to it).
"""

from collections.abc import Mapping
from typing import Optional

from millrace.base.errors import MillraceError

# gRPC's names of the HTTP statuses, as Google's services send them; https://cloud.google.com/apis/design/errors
_NAMES = {
    400: "refused the request",
    401: "does not accept the credentials",
    403: "says that these credentials may not do this",
    404: "says that there is no such thing",
    409: "says that it exists already",
    429: "has had too many requests, or a quota is used up",
    500: "failed within",
    502: "failed within",
    503: "cannot be used at the moment",
    504: "did not finish in time",
}
_OF_THE_CALLER = frozenset({400, 401, 403, 404, 409, 412})
RETRIED = frozenset({429, 500, 502, 503, 504})


class ServiceFailure(MillraceError):
    """A service did not do what was asked.

    Args:
        what: one sentence.
        where: which service.
        remedy: what to do next.
        status: the HTTP status; None when there was no answer.
        maybe_done: whether the service may have done it nevertheless.
    """

    def __init__(
        self, what: str, *, where: str, remedy: str, status: Optional[int] = None, maybe_done: bool = False
    ) -> None:
        super().__init__(what, where=where, remedy=remedy)
        self.status = status
        self.maybe_done = maybe_done
        self.exit_code = 2 if status in _OF_THE_CALLER else 1

    @property
    def passes(self) -> bool:
        """Whether the same request may succeed in a moment."""
        return self.status in RETRIED or self.maybe_done


def refused(status: int, message: str, asked: str, where: str, remedies: Mapping[int, str]) -> ServiceFailure:
    """The failure that an HTTP status stands for.

    Args:
        status: the status.
        message: the service's own words.
        asked: what was asked for, as in "to start the job".
        where: which service.
        remedies: what to do, by status.
    """
    phrase = _NAMES.get(status, f"answered with status {status}")
    words = " ".join(message.split())[:1000]
    return ServiceFailure(
        f"asked {asked}, the service {phrase}" + (f": {words}" if words else ""),
        where=where,
        remedy=remedies.get(status, _general_remedy(status)),
        status=status,
        maybe_done=status in (500, 502, 503, 504),
    )


def silent(asked: str, where: str, seconds: float) -> ServiceFailure:
    """The failure of a service that takes the request and does not answer.

    Args:
        asked: what the service was asked for, as in "to start the job".
        where: the service, in words.
        seconds: how long was waited.
    """
    return ServiceFailure(
        f"asked {asked}, the service did not answer within {seconds:g} s",
        where=where,
        remedy="try again in some minutes; where the network is slow, raise request_seconds in the configuration",
        maybe_done=True,
    )


def unreachable(asked: str, where: str, reason: str) -> ServiceFailure:
    """The failure of a service to which there is no way: no address, no route, no TLS.

    Args:
        asked: what the service was to be asked for, as in "to start the job".
        where: the service, in words.
        reason: why there is no way to it.
    """
    return ServiceFailure(
        f"could not be reached {asked}: {reason}",
        where=where,
        remedy="see whether the address is right and the network lets you there (HTTPS_PROXY where there is a proxy)",
    )


def reason(error: BaseException) -> str:
    """The words of the innermost cause of an exception, on one line."""
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__ or error
    return " ".join(str(error).split())[:300] or type(error).__name__


def _general_remedy(status: int) -> str:
    if status == 429:
        return "try again in some minutes; ask for more quota where this is usual"
    if status >= 500:
        return "try again in some minutes: nothing on this side is known to be wrong"
    return "fix what the service names; `millrace check` finds most of it before anything is sent"
