"""The page of versions: what it says of none, of several, and of what is odd about them; and whom home calls served."""

import shutil
from pathlib import Path

from past_runs import NOW, report
from registered_versions import pushed, registry_of

from millrace.console.page import PageRequest
from millrace.console.pages.home import view as home
from millrace.console.pages.registry import view
from millrace.registry.version import VersionFacts


def test_to_look_registers_nothing(config, console):
    answer = console(config).ask("/registry")
    assert answer.status == 200 and "millrace models" in answer.text
    assert not Path(config.root).exists()


def test_versions_aliases_and_decisions_are_there_and_what_is_odd_first(config, console):
    root = Path(config.root)
    with registry_of(root) as registry:
        for number in (11, 12, 13):
            registry.take_in([pushed(root, number)])
        registry.take_in([pushed(root, 14, trial=True)])
        registry.move("candidate", registry.version("11"), "<b>look</b> at it")
        registry.roll_back(registry.version("12"), "slow", expected=13)
        registry.reject(registry.version("13"), "it was slow")
    shown = view(PageRequest(config, NOW))
    assert shown.champion and shown.champion.number == 12
    assert ({name: one.number for name, one in shown.aliases.items()}, shown.metrics) == ({"candidate": 11}, ("AUC",))
    assert [one.number for one in shown.versions] == [14, 13, 12, 11] and shown.events[0].because == "it was slow"
    running = console(config)
    text = running.ask("/registry").text
    assert "Version 12 is champion." in text and "&lt;b&gt;look&lt;/b&gt; at it" in text
    assert "rolled back: champion, was 13" in text and "millrace models rollback" in text
    rows = running.ask("/registry?format=csv").text.splitlines()
    assert rows[0] == "version,state,aliases,registered,run,AUC" and rows[1].startswith("14,trial,,")
    assert running.ask("/registry?format=json").json["champion"]["number"] == 12
    shutil.rmtree(root / "serving" / "taxi" / "12")
    assert "is not in its folder any more" in running.ask("/registry").text


def test_home_says_which_versions_wait_for_a_person(config, past, console):
    root = Path(config.root)
    with registry_of(root) as registry:
        registry.take_in([pushed(root, 11)])
        registry.approval = "manual"
        registry.take_in([pushed(root, number) for number in (9, 12, 13)])
        registry.take_in([pushed(root, 14, trial=True)])
    assert [one.number for one in home(PageRequest(config, NOW)).undecided] == [13, 12], "later than what is served"
    text = console(config).ask("/").text
    assert "2 versions wait for approval: 13, 12" in text and "millrace models approve 13 --because WHY" in text
    with registry_of(root) as registry:
        registry.reject(registry.version("13"), "slow")
    shutil.rmtree(root / "serving" / "taxi" / "12")
    assert home(PageRequest(config, NOW)).undecided == ()


def test_home_calls_served_what_the_registry_does(config, past):
    past.add(gate=report(0.94), started=NOW - 600)
    newest = home(PageRequest(config, NOW)).served
    folders = sorted((Path(config.root) / "serving" / "taxi").iterdir(), key=lambda one: int(one.name))
    for folder in folders:
        (folder / "saved_model.pb").touch()
    with registry_of(Path(config.root)) as registry:
        registry.take_in([(int(one.name), "", VersionFacts(str(one))) for one in folders])
        assert home(PageRequest(config, NOW)).served == newest
        registry.roll_back(registry.version(folders[0].name), "slow", int(folders[-1].name))
    served = home(PageRequest(config, NOW)).served
    assert served != newest and served.run.pushed_to == str(folders[0])
