"""The keeper: sees to it that what is to be served is served, whatever process ends.

It reads one file, which the controller writes, and makes it so: a server for each version, Envoy over them, and the
controller itself. What ends by itself is started again. It decides nothing, so it need not know why.
"""

import contextlib
import http.client
import logging
import os
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Set
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Optional, Protocol

from millrace.base.errors import BadInput, MillraceError
from millrace.serving import access_log, state
from millrace.serving.envoy_config import Listener, Traffic, Upstream
from millrace.serving.gateway import Gateway
from millrace.serving.state import Deployment, GatewayStatus, Mirrored, Places, UnreadableState

_ROUND_SECONDS = 0.1
# sun_path of unix(7), with the zero at its end.
_LONGEST_SOCKET = 107
_STATUS_SECONDS = 1.0
_TIDY_SECONDS = 60.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 30.0
# What a rehearsal and the labels can look back to.
_LOG_BYTES, _LOGS_KEPT = 128 * 2**20, 8


class Server(Protocol):
    """A version's server, or what stands for it."""

    @property
    def upstream(self) -> Optional[Upstream]:
        """Where it listens; None until it serves its version."""

    @property
    def ended(self) -> bool:
        """Whether the process is gone."""

    def stop(self) -> None:
        """Ends it."""


class Process(Protocol):
    """The controller's process."""

    def poll(self) -> Optional[int]:
        """Its exit code; None while it runs."""

    def terminate(self) -> None:
        """Asks it to end."""


@dataclass
class _Kept:
    """A server that is kept running."""

    folder: str
    server: Optional[Server] = None
    ended: int = 0
    pause: float = _FIRST_PAUSE
    start_at: float = 0.0
    started: float = 0.0
    unwanted_since: Optional[float] = None


class Keeper:
    """Keeps servers, Envoy and the controller running.

    Args:
        places: where the files are.
        envoy: its program.
        listener: what clients see, where the admin's socket is left to the keeper.
        drain_seconds: how long a server stays after its last request.
        start_server: starts the server of a version from the folder of its SavedModel.
        start_controller: starts the controller; None where something else sees to it.
        tidy: removes what is old, once a minute.
        clock: seconds, which only go on.
    """

    def __init__(
        self,
        places: Places,
        envoy: Path,
        listener: Listener,
        drain_seconds: float,
        start_server: Callable[[int, Path], Server],
        start_controller: Optional[Callable[[], Process]] = None,
        tidy: Callable[[], object] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._places = places
        self._envoy = envoy
        self._listener = listener
        self._drain_seconds = drain_seconds
        self._start_server = start_server
        self._start_controller = start_controller
        self._tidy = tidy
        self._tidied_at = -_TIDY_SECONDS
        self._clock = clock
        self._kept: dict[int, _Kept] = {}
        self._gateway: Optional[Gateway] = None
        self._admin: Optional[tempfile.TemporaryDirectory[str]] = None
        self._traffic: Optional[Traffic] = None
        self._controller: Optional[Process] = None
        self._controller_at = 0.0
        self._gateway_at = 0.0
        self._told: Optional[GatewayStatus] = None
        self._told_at = -_STATUS_SECONDS
        self._mirrored_before: dict[int, Mirrored] = {}
        self._mirrored: dict[int, Mirrored] = {}

    def run(self, stop: threading.Event) -> None:
        """Keeps all running until it is told to stop, and ends all then.

        Args:
            stop: ends it.
        """
        try:
            while not stop.is_set():
                try:
                    self.round()
                except (MillraceError, OSError) as error:
                    if self._gateway is None and not isinstance(error, UnreadableState):
                        raise
                    # A full disk stops no answer, and what is cut off the controller writes anew: all goes on as it is.
                    logging.error("%s", error)
                    stop.wait(_STATUS_SECONDS)
                stop.wait(_ROUND_SECONDS)
        finally:
            self.close()

    def round(self) -> None:
        """Looks once, and does what is to be done."""
        now = self._clock()
        if self._start_controller and now >= self._controller_at:
            if self._controller is None or self._controller.poll() is not None:
                if self._controller is not None:
                    log = self._places.controller_log
                    logging.warning("the controller ended by itself, and is started again: %s says why", log)
                self._controller = self._start_controller()
                self._controller_at = now + 1.0
        wanted = state.read_deployment(self._places)
        if wanted:
            self._keep_servers(wanted, now)
            self._keep_gateway(wanted, now)
            self._stop_unwanted(wanted, now)
        self._tell(now)
        if now - self._tidied_at >= _TIDY_SECONDS:
            self._tidied_at = now
            self._tidy()

    def close(self) -> None:
        """Ends the controller, Envoy and the servers."""
        if self._controller:
            self._controller.terminate()
        if self._gateway:
            self._gateway.stop()
            self._gateway = None
        for kept in self._kept.values():
            if kept.server:
                kept.server.stop()
        self._kept.clear()
        if self._admin:
            self._admin.cleanup()
        self._tell(self._clock() + _STATUS_SECONDS)

    @property
    def host(self) -> str:
        """Where clients reach the gateway."""
        return self._listener.host

    @property
    def port(self) -> int:
        """Where Envoy listens; 0 as long as it does not."""
        return self._gateway.port if self._gateway else 0

    def _keep_servers(self, wanted: Deployment, now: float) -> None:
        for version, folder in wanted.folders.items():
            kept = self._kept.setdefault(version, _Kept(folder))
            kept.unwanted_since = None
            if kept.server and kept.server.ended:
                kept.server.stop()
                kept.server = None
                kept.ended += 1
                # One that ran for a while is not one that always ends.
                pause = _FIRST_PAUSE if now - kept.started > 2 * _LONGEST_PAUSE else kept.pause
                kept.start_at = now + pause
                kept.pause = min(2 * pause, _LONGEST_PAUSE)
                logging.warning("the server of version %d ended by itself", version)
            if kept.server is None and now >= kept.start_at:
                kept.started = now
                try:
                    kept.server = self._start_server(version, Path(folder))
                except OSError as error:
                    kept.start_at = now + _LONGEST_PAUSE
                    logging.error("the server of version %d cannot be started: %s", version, error)

    def _keep_gateway(self, wanted: Deployment, now: float) -> None:
        upstreams = [one for one in map(self._upstream, list(self._kept)) if one]
        traffic = effective(wanted.traffic, {one.version for one in upstreams}, self._traffic)
        if traffic is None:
            return
        if self._gateway and self._gateway.exit_code() is not None:
            logging.warning("Envoy ended by itself with exit code %d", self._gateway.exit_code())
            self._gateway.stop()
            self._gateway = None
            self._mirrored_before = dict(self._mirrored)
        try:
            if self._gateway:
                self._gateway.apply(upstreams, traffic)
            elif now >= self._gateway_at:
                self._gateway_at = now + 1.0
                self._gateway = self._started(upstreams, traffic)
            self._traffic = traffic
        except (MillraceError, OSError, http.client.HTTPException) as error:
            if self._traffic is None:
                # It never ran: somebody is waiting for it, and should know why it does not.
                raise
            logging.error("%s", error)
        if self._gateway and access_log.put_aside(self._listener.folder, _LOG_BYTES, _LOGS_KEPT):
            self._gateway.reopen_log()

    def _started(self, upstreams: list[Upstream], traffic: Traffic) -> Gateway:
        # A folder that nobody else enters; the process that holds Envoy removes it if this one is killed.
        if self._admin is None:
            self._admin = tempfile.TemporaryDirectory(prefix="millrace-gateway-", ignore_cleanup_errors=True)
        admin = Path(self._admin.name) / "admin"
        if len(os.fsencode(admin)) > _LONGEST_SOCKET:
            raise BadInput(
                f"the path of Envoy's socket may have {_LONGEST_SOCKET} bytes, and this has {len(os.fsencode(admin))}",
                where=str(admin),
                remedy="set TMPDIR to a shorter folder, such as /tmp",
            )
        log = self._listener.folder / "envoy.log"
        gateway = Gateway(self._envoy, replace(self._listener, admin=admin), upstreams, traffic, log)
        # Clients come back to where they were.
        self._listener = replace(self._listener, port=gateway.port)
        return gateway

    def _stop_unwanted(self, wanted: Deployment, now: float) -> None:
        used = {*wanted.folders, *(self._traffic.weights if self._traffic else ())}
        for version, kept in list(self._kept.items()):
            if version in used:
                kept.unwanted_since = None
            elif kept.unwanted_since is None:
                kept.unwanted_since = now
            elif now - kept.unwanted_since >= self._drain_seconds:
                del self._kept[version]
                if kept.server:
                    kept.server.stop()

    def _upstream(self, version: int) -> Optional[Upstream]:
        server = self._kept[version].server
        return server.upstream if server else None

    def _tell(self, now: float) -> None:
        if now - self._told_at < _STATUS_SECONDS:
            return
        self._told_at = now
        self._count_mirrored()
        status = GatewayStatus(
            os.getpid(),
            self._listener.host,
            self.port,
            ready={version: bool(self._upstream(version)) for version in self._kept},
            ended={version: kept.ended for version, kept in self._kept.items()},
            mirrored=dict(self._mirrored),
        )
        if status != self._told:
            # A disk that is full stops no answer.
            with contextlib.suppress(OSError):
                state.write_gateway(self._places, status)
                self._told = status

    def _count_mirrored(self) -> None:
        """Envoy counts from its own start."""
        for version in self._traffic.mirrored if self._gateway and self._traffic else ():
            with contextlib.suppress(OSError, http.client.HTTPException):
                assert self._gateway
                rest, grpc = (
                    Counter(self._gateway.counters(f"cluster.{version}-{name}-mirror.")) for name in ("rest", "grpc")
                )
                both, too_many = rest + grpc, rest["upstream_rq_429"]
                # A mirror may only hold so many requests. What Envoy drops it counts as a 503, which says nothing of a
                # version; a request that took too long is a 504.
                now = Mirrored(
                    good=both["upstream_rq_2xx"],
                    bad=both["upstream_rq_5xx"] - both["upstream_rq_pending_overflow"] + too_many,
                    taken=rest["upstream_rq_2xx"],
                    refused=rest["upstream_rq_4xx"] - too_many,
                )
                before, told = (of.get(version, Mirrored()) for of in (self._mirrored_before, self._mirrored))
                # Envoy's counters are not read at one moment, and a difference of two of them may go back by one.
                self._mirrored[version] = Mirrored(*(max(t, b + n) for t, b, n in zip(told, before, now, strict=True)))


def effective(wanted: Traffic, ready: Set[int], current: Optional[Traffic]) -> Optional[Traffic]:
    """Who gets which version now, since a request is sent to no server that does not answer.

    Args:
        wanted: who is to get which.
        ready: the versions whose servers answer.
        current: who gets which; None before there was a gateway.

    Returns:
        What is wanted, where the parts of versions that are not ready go to the first that is, and never to one that is
        only mirrored; where none of them is, what is served already, as far as that is ready; None where nothing is.
    """
    for traffic in (wanted, current) if current else (wanted,):
        served = {version: part for version, part in traffic.weights.items() if part or version not in traffic.mirrored}
        there = {version: part for version, part in served.items() if version in ready}
        if there:
            missing = sum(served.values()) - sum(there.values())
            first = next((version for version, part in there.items() if part), next(iter(there)))
            mirrored = {version: percent for version, percent in traffic.mirrored.items() if version in ready}
            return Traffic({**there, first: there[first] + missing}, mirrored)
    return None
