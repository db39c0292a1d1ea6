"""The versions of one model: found in a folder, loaded in the background, the newest served.

States and messages are those of TensorFlow Serving (get_model_status.proto, servable_state.h).
"""

import logging
import re
import threading
import time
from typing import Optional

import tensorflow as tf
from tensorflow_serving.apis import get_model_status_pb2

from millrace.model_server.servable import Servable

State = get_model_status_pb2.ModelVersionStatus.State


class ModelVersions:
    """What is served, and the state of every version seen.

    Args:
        name: the model's name.
        base_path: a folder with one numbered folder per version.
        warm_up: whether a model's own warm-up requests are replayed before it is available.
        load_retries: how often a load that failed is tried again.
        retry_seconds: the pause before that.
    """

    def __init__(self, name: str, base_path: str, *, warm_up: bool, load_retries: int, retry_seconds: float) -> None:
        self.name = name
        self._base_path = base_path
        self._warm_up = warm_up
        self._load_retries = load_retries
        self._retry_seconds = retry_seconds
        self._lock = threading.Lock()
        self._states: dict[int, get_model_status_pb2.ModelVersionStatus] = {}
        self._served: Optional[Servable] = None

    def watch(self, poll_seconds: float, stop: threading.Event) -> None:
        """Serves the newest version that loads, whatever appears, goes or returns, until `stop` is set.

        A version that failed is tried again only after its folder was gone.

        Args:
            poll_seconds: how often to look; 0 looks once.
            stop: ends the watch.
        """
        while True:
            numbers = set(self._find())
            newest = max(numbers - self._failed(numbers), default=None)
            if newest is not None and (self._served is None or newest != self._served.version):
                self._serve(newest, stop)
            if not poll_seconds or stop.wait(poll_seconds):
                return

    def servable(self, name: str, version: Optional[int]) -> Servable:
        """The loaded model for a request.

        Args:
            name: the model's name.
            version: a version's number; None for the newest.

        Raises:
            tf.errors.NotFoundError: it is not served.
        """
        with self._lock:
            served = self._served
        if served is None or name != self.name or version not in (None, served.version):
            asked = f"Latest({name})" if version is None else f"Specific({name}, {version})"
            raise tf.errors.NotFoundError(None, None, f"Servable not found for request: {asked}")
        return served

    def status(self, name: str, version: Optional[int]) -> get_model_status_pb2.GetModelStatusResponse:
        """The states of all versions seen, the newest first, or of one.

        Args:
            name: the model's name, as the client asks for it.
            version: the version's number; None for all.

        Raises:
            tf.errors.NotFoundError: none is known.
        """
        with self._lock:
            known = [self._states[number] for number in sorted(self._states, reverse=True)]
        states = [state for state in known if name == self.name and version in (None, state.version)]
        if not states:
            which = "any versions" if version is None else f"version {version}"
            raise tf.errors.NotFoundError(None, None, f"Could not find {which} of model {name}")
        return get_model_status_pb2.GetModelStatusResponse(model_version_status=states)

    def _find(self) -> dict[int, str]:
        try:
            children = tf.io.gfile.listdir(self._base_path)
        except tf.errors.OpError as error:
            logging.warning("cannot list %s: %s", self._base_path, error.message)
            return {}
        names = [child.rstrip("/") for child in children]
        # A version is an int64; other folders are none.
        return {int(name): name for name in names if re.fullmatch(r"[0-9]+", name) and int(name) < 2**63}

    def _failed(self, there: set[int]) -> set[int]:
        """The versions that could not be loaded; what is no longer there, and not served, is forgotten."""
        with self._lock:
            served = self._served.version if self._served else None
            for gone in set(self._states) - there - {served}:
                del self._states[gone]
            return {version for version, state in self._states.items() if state.status.error_code}

    def _serve(self, version: int, stop: threading.Event) -> None:
        self._mark(version, State.LOADING)
        for retry in range(self._load_retries + 1):
            try:
                servable = self._load(version)
                break
            except Exception as error:  # a model may fail in any way; the server must live to say so
                logging.exception("loading %s version %d failed", self.name, version)
                failure = error
            superseded = max(self._find(), default=version) > version
            if superseded or retry == self._load_retries or stop.wait(self._retry_seconds):
                self._mark(version, State.END, failure)
                return
        with self._lock:
            replaced, self._served = self._served, servable
        self._mark(version, State.AVAILABLE)
        if replaced is not None:
            # Requests in flight still hold the old session, which closes itself with the last of them.
            self._mark(replaced.version, State.END)

    def _load(self, version: int) -> Servable:
        started = time.monotonic()
        servable = Servable(self.name, version, f"{self._base_path}/{self._find()[version]}")
        if self._warm_up:
            servable.warm_up()
        logging.info("%s version %d is available after %.2f s", self.name, version, time.monotonic() - started)
        return servable

    def _mark(self, version: int, state: int, failure: Optional[Exception] = None) -> None:
        status = get_model_status_pb2.ModelVersionStatus(version=version, state=state)
        if failure is not None:
            status.status.error_code = getattr(failure, "error_code", tf.errors.UNKNOWN)
            status.status.error_message = original_message(failure)
        with self._lock:
            self._states[version] = status


def original_message(error: BaseException) -> str:
    """What the graph itself said, without the Python source locations that a session adds.

    Args:
        error: as caught; a session raises its own error in the context of the original.

    Returns:
        The message that a C++ server would give.
    """
    inner = error.__context__
    if isinstance(inner, tf.errors.OpError) and isinstance(error, tf.errors.OpError):
        return inner.message
    return getattr(error, "message", "") or str(error) or type(error).__name__
