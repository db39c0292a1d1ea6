"""Whether the image holds the code that the job was compiled with."""

import json

from millrace.base.errors import BadInput
from millrace.jobspec.expected_code import python_version
from millrace.project.code_digest import code_digest


def require_expected_code(text: str) -> None:
    """Compares the code in this image with what the job expects (`millrace.jobspec.expected_code`).

    Where Python is another version than that of the compiler the two cannot be compared, and nothing is said.

    Args:
        text: JSON of the expected digest, the functions, the packages that may be theirs, and Python's version.

    Raises:
        BadInput: the image holds other code.
    """
    expected = json.loads(text)
    if expected["python"] != python_version():
        return
    if code_digest(*expected["functions"], packages=expected["packages"]) != expected["code_digest"]:
        raise BadInput(
            f"the image holds other code than the job was compiled with, of {', '.join(expected['functions'])}",
            where="the image of this task",
            remedy="build the image again, push it and name its digest; or compile where the image was built",
        )
