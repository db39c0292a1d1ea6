"""The versions of one model: found in a folder, loaded in the background, served by number, by label, or the newest.

States and messages are those of TensorFlow Serving (get_model_status.proto, servable_state.h, server_core.cc).
"""

import logging
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Optional

import tensorflow as tf
from tensorflow_serving.apis import get_model_status_pb2

from millrace.model_server.batching import Batching
from millrace.model_server.model_config import ModelConfig, VersionChoice, choose
from millrace.model_server.servable import Servable

State = get_model_status_pb2.ModelVersionStatus.State


@dataclass(frozen=True)
class Loading:
    """How versions are loaded.

    Args:
        warm_up: whether a model's own warm-up requests are replayed before it is available.
        retries: how often a load that failed is tried again.
        retry_seconds: the pause before that.
        batching: puts requests together; None runs each by itself.
    """

    warm_up: bool = True
    retries: int = 0
    retry_seconds: float = 0.0
    batching: Optional[Batching] = None


class ModelVersions:
    """What is served of one model, and the state of every version seen.

    A version is unloaded only when others that are wanted are loaded, and no label points at it any more: moving a
    label, or going back to an older version, loses no request.

    Args:
        config: the model's name, folder, version policy and labels, checked.
        loading: how its versions are loaded.
        changed: is called after each change of a version's state.
    """

    def __init__(self, config: ModelConfig, loading: Loading, changed: Callable[[], None] = lambda: None) -> None:
        self.name = config.name
        self._config = config
        self._loading = loading
        self._changed = changed
        self._lock = threading.Lock()
        self._states: dict[int, get_model_status_pb2.ModelVersionStatus] = {}
        self._loaded: dict[int, Servable] = {}
        self._labels: dict[str, int] = {}
        self._awake = threading.Event()
        self._ended = False
        self._looked = threading.Condition(self._lock)
        self._looked_at: Optional[ModelConfig] = None

    def watch(self, poll_seconds: float) -> None:
        """Serves what is wanted, whatever appears, goes or returns, until `end`.

        Args:
            poll_seconds: how often to look; 0 looks only when the configuration changes.
        """
        while not self._ended:
            self._awake.clear()
            try:
                self.look()
            except Exception:  # such as a file system that fails: the next look may find it well
                logging.exception("looking for versions of %s failed", self.name)
            self._awake.wait(poll_seconds or None)

    def end(self) -> None:
        """Ends the watch."""
        with self._looked:
            self._ended = True
            self._looked.notify_all()
        self._awake.set()

    def change(self, config: ModelConfig) -> None:
        """Serves by another configuration of the same model from the next look on, which comes at once.

        A version that failed is tried again: somebody wants it.

        Args:
            config: checked.
        """
        with self._lock:
            self._config = config
            for version in [version for version, state in self._states.items() if state.status.error_code]:
                del self._states[version]
        self._awake.set()

    def wait(self, config: ModelConfig, seconds: Optional[float]) -> list[str]:
        """Waits until what a configuration wants is loaded, has failed, or is not there.

        Args:
            config: as given to `change`.
            seconds: how long at most; None waits for ever.

        Returns:
            What is not served, with the reason.

        Raises:
            tf.errors.DeadlineExceededError: it takes longer.
        """
        with self._looked:
            settled = self._looked.wait_for(
                lambda: self._ended or self._looked_at is config or self._config is not config, seconds
            )
            if not settled:
                raise tf.errors.DeadlineExceededError(None, None, f"{self.name} is still being loaded")
            failed = {one.version: one.status.error_message for one in self._states.values() if one.status.error_code}
            named = {*config.model_version_policy.specific.versions, *config.version_labels.values()}
            missing = dict.fromkeys(named - set(self._loaded), f"not found in {config.base_path}")
            messages = [
                f"{self.name} version {version}: {why}" for version, why in sorted({**missing, **failed}.items())
            ]
            return messages or ([] if self._loaded else [f"{self.name}: there is no version in {config.base_path}"])

    def look(self) -> None:
        """Looks once: loads what is wanted and not there, moves labels, and unloads what is not wanted any more.

        A version that failed is tried again only after its folder was gone.
        """
        while not self._ended:
            config = self._config
            folders = self._find(config.base_path)
            wanted = self._wanted(config, set(folders))
            missing = [number for number in wanted if self._path_loaded(number) != folders[number]]
            if not missing:
                break
            self._load(max(missing), folders[max(missing)], config)
            self._point_labels(config)
        else:
            return
        self._point_labels(config)
        self._unload(wanted)
        with self._looked:
            self._looked_at = config
            self._looked.notify_all()

    def servable(self, choice: VersionChoice) -> Servable:
        """The loaded model for a request.

        Args:
            choice: a version's number, a label, or None for the newest.

        Raises:
            tf.errors.NotFoundError: it is not served.
            tf.errors.InvalidArgumentError: there is no such label.
            tf.errors.UnavailableError: the label's version is not loaded yet.
        """
        with self._lock:
            if isinstance(choice, str):
                version: Optional[int] = self._labelled(choice)
            else:
                version = max(self._loaded, default=None) if choice is None else choice
            if version in self._loaded:
                return self._loaded[version]
        raise not_served(self.name, choice)

    def status(self, choice: VersionChoice) -> list[get_model_status_pb2.ModelVersionStatus]:
        """The states of all versions seen, the newest first, or of one.

        Args:
            choice: the version's number, or a label; None for all.

        Raises:
            tf.errors.OpError: as of `servable`, for a label.
        """
        with self._lock:
            version = self._labelled(choice) if isinstance(choice, str) else choice
            known = [self._states[number] for number in sorted(self._states, reverse=True)]
        return [state for state in known if version in (None, state.version)]

    def available(self) -> list[int]:
        """The versions that answer requests."""
        return sorted(self._loaded)

    def _labelled(self, label: str) -> int:
        if label in self._labels:
            return self._labels[label]
        if label in self._config.version_labels:
            version = self._config.version_labels[label]
            raise tf.errors.UnavailableError(None, None, f"Version {version} of label {label} is not available yet")
        raise tf.errors.InvalidArgumentError(None, None, f"Unrecognized servable version label: {label}")

    def _find(self, base_path: str) -> dict[int, str]:
        """The versions in a folder, with the path of each."""
        try:
            children = tf.io.gfile.listdir(base_path)
        except tf.errors.OpError as error:
            logging.warning("cannot list %s: %s", base_path, error.message)
            return {}
        names = [child.rstrip("/") for child in children]
        # A version is an int64; other folders are none.
        return {
            int(name): f"{base_path}/{name}" for name in names if re.fullmatch(r"[0-9]+", name) and int(name) < 2**63
        }

    def _wanted(self, config: ModelConfig, there: set[int]) -> set[int]:
        """The versions to serve, of those that are there and did not fail.

        What is gone, and not served, is forgotten.
        """
        with self._lock:
            for gone in set(self._states) - there - set(self._loaded):
                del self._states[gone]
            sound = there - {version for version, state in self._states.items() if state.status.error_code}
        # TensorFlow Serving refuses a label of a version that its policy does not serve; here it is reason enough.
        return choose(config.model_version_policy, sound) | (sound & set(config.version_labels.values()))

    def _path_loaded(self, version: int) -> Optional[str]:
        servable = self._loaded.get(version)
        return servable.path if servable else None

    def _load(self, version: int, path: str, config: ModelConfig) -> None:
        self._mark(version, State.LOADING)
        for retry in range(self._loading.retries + 1):
            started = time.monotonic()
            try:
                servable = Servable(self.name, version, path, self._loading.batching)
                if self._loading.warm_up:
                    servable.warm_up()
                break
            except Exception as error:  # a model may fail in any way; the server must live to say so
                logging.exception("loading %s version %d failed", self.name, version)
                failure = error
            is_last = retry == self._loading.retries or self._is_pointless(version, config)
            if self._config is not config:
                # Somebody changed it, perhaps for this version's sake: by the new one it is tried anew.
                with self._lock:
                    self._states.pop(version, None)
                return
            if is_last:
                self._mark(version, State.END, failure)
                return
        logging.info("%s version %d is available after %.2f s", self.name, version, time.monotonic() - started)
        with self._lock:
            self._loaded = {**self._loaded, version: servable}
        self._mark(version, State.AVAILABLE)

    def _is_pointless(self, version: int, config: ModelConfig) -> bool:
        """Waits before another try, and says whether there is anything to wait for."""
        if version not in self._wanted(config, set(self._find(config.base_path))):
            return True
        self._awake.wait(self._loading.retry_seconds)
        return self._ended or self._config is not config

    def _point_labels(self, config: ModelConfig) -> None:
        """Moves each label to its version once that is loaded; until then it stays where it was."""
        with self._lock:
            pointed = {}
            for label, version in config.version_labels.items():
                if version in self._loaded:
                    pointed[label] = version
                elif label in self._labels:
                    pointed[label] = self._labels[label]
            moved = {label: version for label, version in pointed.items() if self._labels.get(label) != version}
            self._labels = pointed
        for label, version in sorted(moved.items()):
            logging.info("%s label %s points at version %d", self.name, label, version)

    def _unload(self, wanted: set[int]) -> None:
        with self._lock:
            if not wanted & set(self._loaded):
                return
            kept = {number for number in self._loaded if number in wanted or number in self._labels.values()}
            gone = sorted(set(self._loaded) - kept)
            # Requests in flight still hold an old session, which closes itself with the last of them.
            self._loaded = {number: servable for number, servable in self._loaded.items() if number in kept}
        for version in gone:
            self._mark(version, State.END)

    def _mark(self, version: int, state: int, failure: Optional[Exception] = None) -> None:
        status = get_model_status_pb2.ModelVersionStatus(version=version, state=state)
        if failure is not None:
            status.status.error_code = getattr(failure, "error_code", tf.errors.UNKNOWN)
            status.status.error_message = original_message(failure)
        with self._lock:
            self._states[version] = status
        self._changed()


def not_served(name: str, choice: VersionChoice) -> tf.errors.NotFoundError:
    """The error of a request for what is not served."""
    asked = f"Latest({name})" if choice is None else f"Specific({name}, {choice})"
    return tf.errors.NotFoundError(None, None, f"Servable not found for request: {asked}")


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
