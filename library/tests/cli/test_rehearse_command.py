"""`millrace rehearse`: what it says before anything of a job is run."""

from click.testing import CliRunner
from small_job import small_job

from millrace.base.errors import BadInput
from millrace.cli.rehearse import rehearse


def refusal(tmp_path, *arguments: str) -> BadInput:
    """What the command says of the small job, whose parameter `steps` has no default."""
    file = tmp_path / "small.json"
    small_job().save(file)
    finished = CliRunner().invoke(rehearse, [str(file), "--exact", "--set", f"root={tmp_path / 'root'}", *arguments])
    assert isinstance(finished.exception, BadInput), finished.output
    return finished.exception


def test_a_parameter_without_default_can_be_given(tmp_path):
    assert refusal(tmp_path).what == "these parameters have no value: steps"
    # What is refused now is the next thing.
    assert refusal(tmp_path, "--param", "steps=20", "--fail", "Nobody").what == "there is no task Nobody"
