"""Which configuration a project's commands take by themselves."""

import pytest

from millrace.base.errors import ConfigError
from millrace.project.default_configuration import default_file
from millrace.project.project import Project


@pytest.fixture
def conf(tmp_path):
    folder = tmp_path / "shop" / "conf"
    folder.mkdir(parents=True)
    (tmp_path / "shop" / "setup.py").write_text('LIBRARY = "millrace>=0.2,<0.3"\n')
    return folder


def chosen(conf):
    return default_file(Project(conf.parent), conf.parent)


def test_the_only_one_is_the_default_and_of_several_the_one_that_is_named(conf):
    (conf / "taxi.yaml").touch()
    assert chosen(conf) == "conf/taxi.yaml"
    assert default_file(None, conf) == "taxi.yaml", "as it is called from there"
    (conf / "other.yaml").touch()
    (conf / "default").write_text("other.yaml\n")
    assert chosen(conf) == "conf/other.yaml"


def test_none_and_several_are_refused_with_what_there_is(conf):
    with pytest.raises(ConfigError, match="no configuration in conf/") as refused:
        chosen(conf)
    assert refused.value.remedy.endswith("millrace init writes one")
    (conf / "taxi.yaml").touch()
    (conf / "other.yaml").touch()
    with pytest.raises(ConfigError, match="several configurations in conf/, and nothing says which") as refused:
        chosen(conf)
    assert refused.value.where == str(conf) and "other.yaml, taxi.yaml" in refused.value.remedy
