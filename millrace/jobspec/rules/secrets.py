"""Rule on secrets: whatever is a parameter is recorded, shown and kept for ever, so that no secret may be one.

Only what is a secret by its form, or by the name of its parameter, is told: a finding that is often wrong is not read.
"""

import json
import re
from collections.abc import Iterator
from typing import Any, Optional

from millrace.config.config import Config
from millrace.jobspec.findings import JobFinding
from millrace.jobspec.job import CompiledJob

# Forms that the issuers themselves document, so that scanners can find them.
_FORMS = {
    "a private key": r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----",
    "a Google API key": r"\bAIza[0-9A-Za-z_-]{35}\b",
    "a Google OAuth token": r"\bya29\.[0-9A-Za-z_-]{20,}",
    "a Google OAuth client's secret": r"\bGOCSPX-[0-9A-Za-z_-]{20,}",
    "an AWS access key": r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b",
    "a GitHub token": r"\b(?:gh[pousr]_[0-9A-Za-z]{36}|github_pat_[0-9A-Za-z_]{50,})",
    "a GitLab token": r"\bglpat-[0-9A-Za-z_-]{20,}",
    "a Slack token": r"\bxox[abeoprs]-[0-9A-Za-z-]{10,}",
    "a Slack webhook": r"https://hooks\.slack\.com/(?:services|workflows)/[0-9A-Za-z/]{20,}",
    "a Hugging Face token": r"\bhf_[0-9A-Za-z]{30,}",
    "an OpenAI or Anthropic key": r"\bsk-(?:ant-|proj-)?[0-9A-Za-z_-]{32,}",
    "a Stripe key": r"\b[rs]k_live_[0-9A-Za-z]{20,}",
    "a PyPI token": r"\bpypi-[0-9A-Za-z_-]{50,}",
    "a JSON web token": r"\beyJ[0-9A-Za-z_-]{10,}\.eyJ[0-9A-Za-z_-]{10,}\.[0-9A-Za-z_-]{10,}",
    "an address with a password": r"\b[a-z][a-z0-9+.-]*://[^\s/:@]+:[^\s/@]{3,}@[^\s/]+",
}
_FORM = {what: re.compile(form) for what, form in _FORMS.items()}
_NAMES = re.compile(
    r"(?:^|[_-])(?:password|passwd|passphrase|secret|secret[_-]?key|api[_-]?key|access[_-]?key|private[_-]?key|auth[_-]?token"
    r"|access[_-]?token|bearer[_-]?token|webhook[_-]?url)$",
    re.IGNORECASE,
)
_OPTION = re.compile(r"--[\w-]+")
# What names a secret that is kept elsewhere, or stands where one will be.
_REFERENCE = re.compile(
    r"projects/[^/]+/secrets/[^/]+(/versions/[^/]+)?|\{\{.*\}\}|\$\{?\w+\}?|<.*>|[A-Z][A-Z0-9_]*", re.DOTALL
)


def parameters(job: CompiledJob, config: Optional[Config]) -> Iterator[JobFinding]:
    """No value of a parameter, of the job or of a task, and no argument or environment of a container is a secret.

    Args:
        job: is checked.
        config: the one that it was compiled from; None when it is not known.
    """
    known: set[str] = set()
    for where, name, value in _values(job):
        what = looks_like(name, value)
        if what and value not in known:
            known.add(value)
            yield JobFinding(
                "secret",
                "before submit",
                f"the value of {name} looks like {what}: it would be stored and shown with every run of the job",
                where,
                "hand the secret's name on, and read it in the task: vertex.secrets, kubeflow.secrets give variables",
            )


def _values(job: CompiledJob) -> Iterator[tuple[str, str, str]]:
    """Where a text is, what it is called, and the text."""
    for name, value in job.effective_values.items():
        for key, text in _texts(name, value):
            yield f"parameter {name}", key, text
    for step in job.walk():
        for name, spec in step.task.get("inputs", {}).get("parameters", {}).items():
            if "componentInputParameter" not in spec:
                for key, text in _texts(name, job.value(step, name)):
                    yield f"{step.name}, {name}", key, text
        for name, spec in step.component.get("inputDefinitions", {}).get("parameters", {}).items():
            for key, text in _texts(name, spec.get("defaultValue")):
                yield f"{step.name}, {name}", key, text
        container = job.executor(step.task).get("container", {})
        for variable in container.get("env", ()):
            yield f"{step.name}, environment", str(variable.get("name", "")), str(variable.get("value", ""))
        before = ""
        for word in (*container.get("command", ()), *container.get("args", ())):
            flag, _, text = word.partition("=")
            # An option and its value are one word or two.
            named = flag if text else before
            yield f"{step.name}, arguments", named if _OPTION.fullmatch(named) else "an argument", word
            before = word


def _texts(name: str, value: Any) -> Iterator[tuple[str, str]]:
    """The texts in a value, each with its nearest name: JSON and what is nested is looked into."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _texts(str(key), inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(name, inner)
    elif isinstance(value, str):
        try:
            inner = json.loads(value) if value[:1] in ("{", "[") else None
        except ValueError:
            inner = None
        yield from _texts(name, inner) if inner else [(name, value)]


def looks_like(name: str, text: str) -> str:
    """What secret a text looks like by its form, or by the name of what holds it.

    Args:
        name: of the parameter, the key or the variable.
        text: what it holds.

    Returns:
        In words, as "a GitHub token"; empty for none.
    """
    for what, form in _FORM.items():
        if form.search(text):
            return what
    value = text[len(name) + 1 :] if name.startswith("--") and text.startswith(f"{name}=") else text
    named = _NAMES.search(name)
    is_one_word = 6 <= len(value) <= 200 and not re.search(r"\s", value)
    return f"a {named[0].strip('_-')}" if named and is_one_word and not _REFERENCE.fullmatch(value) else ""
