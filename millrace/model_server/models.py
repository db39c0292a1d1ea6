"""Every model that a server serves: added, changed and taken away while it runs."""

import logging
import queue
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Optional

import tensorflow as tf
from tensorflow_serving.apis import get_model_status_pb2

from millrace.base.errors import BadInput
from millrace.model_server import model_config
from millrace.model_server.model_config import ModelConfigs, VersionChoice
from millrace.model_server.request_log import RequestLog
from millrace.model_server.servable import Servable
from millrace.model_server.versions import Loading, ModelVersions, not_served


class Models:
    """The models by name, each with a thread that watches its versions.

    Args:
        loading: how versions are loaded.
        poll_seconds: how often each model's folder is looked at; 0 looks when the configuration changes.
    """

    def __init__(self, loading: Loading, poll_seconds: float) -> None:
        self._loading = loading
        self._poll_seconds = poll_seconds
        self._models: dict[str, ModelVersions] = {}
        self._logs: dict[str, RequestLog] = {}
        self._changing = threading.Lock()
        self._listeners: list[Callable[[], None]] = []
        self._telling = threading.Lock()

    def serve(self, configs: ModelConfigs) -> None:
        """Serves these models, and no others; returns before they are loaded.

        Args:
            configs: checked, by name.
        """
        with self._changing:
            models = {}
            for name, config in configs.items():
                models[name] = self._models.get(name) or ModelVersions(config, self._loading, self._tell)
                if name in self._models:
                    models[name].change(config)
            added, gone = models.keys() - self._models.keys(), self._models.keys() - models.keys()
            ended = [self._models[name] for name in gone]
            self._models = models
            self._log(configs)
            for one in ended:
                logging.info("%s is no longer served", one.name)
                one.end()
            for name in added:
                threading.Thread(target=models[name].watch, args=(self._poll_seconds,), daemon=True).start()
        self._tell()

    def wait(self, configs: ModelConfigs, seconds: Optional[float]) -> None:
        """Waits until all that was given to `serve` is loaded.

        Args:
            configs: the same.
            seconds: how long at most; None waits for ever.

        Raises:
            tf.errors.DeadlineExceededError: it takes longer.
            tf.errors.FailedPreconditionError: something is not there, or cannot be loaded; what was served still is.
        """
        ends = None if seconds is None else time.monotonic() + seconds
        failures = []
        for name, config in configs.items():
            if name in self._models:
                left = None if ends is None else max(ends - time.monotonic(), 0.0)
                failures += self._models[name].wait(config, left)
        if failures:
            raise tf.errors.FailedPreconditionError(None, None, "not all is served: " + "; ".join(failures))

    def close_logs(self) -> None:
        """Writes what waits to be written of the requests; the server ends."""
        for log in self._logs.values():
            log.close()

    def request_log(self, name: str) -> Optional[RequestLog]:
        """Where a model's requests are logged; None where they are not."""
        return self._logs.get(name)

    def on_change(self, listener: Callable[[], None]) -> None:
        """Calls a function after each change of what is served, and once at once."""
        self._listeners.append(listener)
        listener()

    def names(self) -> list[str]:
        """The models' names."""
        return list(self._models)

    def available(self, name: str) -> list[int]:
        """The versions of a model that answer requests."""
        return self._models[name].available() if name in self._models else []

    def are_available(self) -> bool:
        """Whether every model answers requests."""
        return bool(self._models) and all(model.available() for model in self._models.values())

    def servable(self, name: str, choice: VersionChoice) -> Servable:
        """The loaded model for a request.

        Args:
            name: the model's name.
            choice: a version's number, a label, or None for the newest.

        Raises:
            tf.errors.OpError: it is not served, as TensorFlow Serving would say it.
        """
        model = self._models.get(name)
        if model is None:
            raise not_served(name, choice)
        return model.servable(choice)

    def status(self, name: str, choice: VersionChoice) -> get_model_status_pb2.GetModelStatusResponse:
        """The states of all versions seen, the newest first, or of one.

        Args:
            name: the model's name, as the client asks for it.
            choice: the version's number, or a label; None for all.

        Raises:
            tf.errors.OpError: none is known.
        """
        model = self._models.get(name)
        states = model.status(choice) if model else []
        if not states:
            which = "any versions" if choice is None else f"version {choice}"
            raise tf.errors.NotFoundError(None, None, f"Could not find {which} of model {name}")
        return get_model_status_pb2.GetModelStatusResponse(model_version_status=states)

    def _log(self, configs: ModelConfigs) -> None:
        """Logs requests as the configurations say; a log of which nothing changed goes on."""
        logs = {}
        for name, config in configs.items():
            if config.logging_config.sampling_config.sampling_rate > 0:
                log = self._logs.get(name)
                same = log is not None and log.config == config.logging_config
                logs[name] = log if log and same else RequestLog(config.logging_config)
        ended = [log for name, log in self._logs.items() if logs.get(name) is not log]
        self._logs = logs
        for log in ended:
            # Its thread writes what waits, and then ends.
            log.close(seconds=0)

    def _tell(self) -> None:
        # One after the other: of two models that come at once, the last to be told of sees both.
        with self._telling:
            for listener in self._listeners:
                listener()


class ConfigFile:
    """The file that says what is served, read again whenever somebody asks, or it changed.

    Args:
        path: of a ModelServerConfig.
        models: what is to follow it.
        configs: what was read of it, and is served.
    """

    def __init__(self, path: Path, models: Models, configs: ModelConfigs) -> None:
        self._path = path
        self._models = models
        self._configs = configs
        # Unlike an event, it may be used by a signal that interrupts another.
        self._asked: queue.SimpleQueue[None] = queue.SimpleQueue()

    def ask(self) -> None:
        """Has it read again soon; safe in a signal's handler."""
        self._asked.put(None)

    def watch(self, poll_seconds: float) -> None:
        """Reads the file again for ever: when asked, and when it says something else.

        A file that is bad changes nothing, and the log says why.

        Args:
            poll_seconds: how often to look; 0 reads it only when asked.
        """
        complaint = ""
        while True:
            try:
                self._asked.get(timeout=poll_seconds or None)
                asked = True
            except queue.Empty:
                asked = False
            try:
                configs = model_config.read(self._path)
            except BadInput as error:
                # Once, and not at each look.
                if asked or str(error) != complaint:
                    logging.error("%s\nwhat was served before still is", error)
                complaint = str(error)
                continue
            complaint = ""
            if asked or configs != self._configs:
                logging.info("%s is served as it says now", self._path)
                self._configs = configs
                self._models.serve(configs)
