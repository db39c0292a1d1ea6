"""What is the machine's fault, in whatever words it arrives."""

import errno
import os

import pytest

from millrace.base.errors import CouldNotJudge, describe, machine_fault
from millrace.base.machine_faults import in_words


@pytest.mark.parametrize(
    ("error", "what"),
    [
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/x"), "the disk is full (No space left on device: /x)"),
        (OSError(errno.EMFILE, "translated"), "too many files are open (Too many open files)"),
        (MemoryError(), "there is not enough memory (MemoryError)"),
        (RuntimeError("worker 1: OSError: [Errno 28] No space left on device [while running]"), "the disk is full"),
        (ValueError("OOM when allocating tensor with shape[9]"), "there is not enough memory"),
        (PermissionError(13, "Permission denied", "/models"), "the machine's files or processes cannot be used"),
        (OSError("[Errno 98] Address already in use"), "another program has taken the port"),
        (FileNotFoundError(2, "No usable temporary directory found in ['/tmp']"), "the machine's files"),
    ],
)
def test_the_machines_faults_by_number_and_by_words(error, what):
    fault = machine_fault(error)
    assert isinstance(fault, CouldNotJudge)
    assert fault.what.startswith(what)
    assert (fault.exit_code, bool(fault.remedy)) == (1, True)
    told = describe(error)
    assert (told.what, told.remedy, told.exit_code) == (fault.what, fault.remedy, 1)


@pytest.mark.parametrize(
    "error",
    [
        ValueError("shapes differ"),
        FileNotFoundError(2, "No such file"),
        IsADirectoryError(21, "Is a directory"),
        RuntimeError("403 Permission denied on resource project p"),
    ],
)
def test_other_errors_are_not(error):
    assert machine_fault(error) is None


def test_a_cause_counts_however_deep():
    error = ValueError("cannot write")
    error.__cause__ = RuntimeError("a worker failed")
    error.__cause__.__context__ = OSError(errno.ENOSPC, "full")
    assert "disk is full" in machine_fault(error).what


def test_what_from_none_hides_is_no_fault_of_the_machine():
    error = ValueError("not a model")
    error.__context__, error.__suppress_context__ = OSError(errno.ENOSPC, "full"), True
    assert machine_fault(error) is None


@pytest.mark.parametrize(
    ("number", "what"),
    [
        (errno.EDQUOT, "the file system takes no more"),
        (errno.EFBIG, "the file system takes no more"),
        (errno.EADDRINUSE, "another program has taken the port"),
        (errno.ENFILE, "too many files are open"),
        (errno.ENOMEM, "there is not enough memory"),
        *(
            (number, "the machine's files or processes")
            for number in (errno.EIO, errno.ESTALE, errno.EROFS, errno.EAGAIN)
        ),
    ],
)
def test_each_number_of_the_system_is_known_in_whatever_language_its_words_are(number, what):
    assert machine_fault(OSError(number, "sagt das System")).what.startswith(what)


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("Disk quota exceeded", True),
        ("RuntimeError: can't start new thread", True),
        ("Stale file handle", True),
        ("open('/models/x'): Permission denied", True),
        ("Permission denied for account x@project", False),
        ("Permission denied to act as the service account", False),
    ],
)
def test_what_an_account_may_not_do_is_no_fault_of_the_machine(text, known):
    assert (in_words(text) is not None) == known


def test_a_log_line_is_read_as_an_error_is():
    assert in_words("terminate called after throwing an instance of 'std::bad_alloc'").what.endswith("memory")
    assert in_words("all is well") is None
