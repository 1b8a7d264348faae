"""`pathline rules` as a person or a CI system calls it: what it prints and how it ends."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as xml

import pytest

from streams.cli import main
from streams.settings import Settings

LIBRARY = Settings().rules / "demo"
RULE = "contract.legal-reply-2h"


class Shell:
    """A folder with one rule of the library, and `pathline rules` in it."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch, capsys: Any) -> None:
        self.file = folder / f"{RULE}.yml"
        self.file.write_text((LIBRARY / self.file.name).read_text("utf-8"), "utf-8")
        self._patch, self._capsys = patch, capsys
        patch.chdir(folder)
        patch.setenv("PATHLINE_RULES", ".")

    def change(self, old: str, new: str) -> None:
        text = self.file.read_text("utf-8")
        assert old in text
        self.file.write_text(text.replace(old, new), "utf-8")

    def line(self, start: str) -> str:
        """Number of the first line that begins so."""
        lines = self.file.read_text("utf-8").splitlines()
        return str(next(i for i, line in enumerate(lines, 1) if line.strip().startswith(start)))

    def run(self, *words: str) -> tuple[int, str]:
        """(exit code, what was printed)."""
        self._patch.setattr("sys.argv", ["pathline", "rules", *words])
        with pytest.raises(SystemExit) as caught:
            main()
        printed = self._capsys.readouterr()
        return int(caught.value.code or 0), printed.out + printed.err


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> Shell:
    return Shell(tmp_path, monkeypatch, capsys)


def test_passing_rules_end_with_0(shell: Shell) -> None:
    assert shell.run("test") == (0, "1 rule, 5 tests, 0 failed\n")
    assert shell.run("lint") == (0, "1 rule, 0 findings, 0 notices\n")


def test_a_failing_test_ends_with_1_and_tells_file_and_line(shell: Shell) -> None:
    shell.change("{at: 2h, state: firing, due", "{at: 3h, state: firing, due")
    code, printed = shell.run("test", RULE)
    assert code == 1
    place = f"{RULE}.yml:{shell.line('- name: no answer for two hours')}"
    assert f"{place}: no answer for two hours, on a Sunday\n" in printed
    assert "1 rule, 5 tests, 1 failed\n" in printed


def test_junit_is_written_pass_or_fail(shell: Shell) -> None:
    shell.change("{at: 2h, state: firing, due", "{at: 3h, state: firing, due")
    shell.run("test", "--junit", "out.xml")
    root = xml.parse("out.xml").getroot()  # noqa: S314 - our own output
    assert root.attrib == {"tests": "5", "failures": "1", "errors": "0"}


def test_a_finding_ends_with_1(shell: Shell) -> None:
    shell.change("owner: sales\n", "")
    code, printed = shell.run("lint")
    assert code == 1
    assert f"{RULE}.yml:1: PL002 finding: " in printed
    code, printed = shell.run("lint", "--json")
    assert json.loads(printed)["number"] == "PL002"


def test_a_notice_alone_ends_with_0(shell: Shell) -> None:
    shell.change("{within: 2h}", "{within: 2bh, calendar: cn-legal}")
    code, printed = shell.run("lint")
    assert (code, "PL007 notice" in printed) == (0, True)


@pytest.mark.parametrize("command", ["list", "test", "lint", f"describe {RULE}"])
def test_a_wrong_rule_ends_with_2_and_every_fault(shell: Shell, command: str) -> None:
    shell.change("within: 2h", "within: 2")
    shell.change("severity: warning", "severity: loud")
    code, printed = shell.run(*command.split())
    assert code == 2
    told = [line.split(":")[1] for line in printed.splitlines()]
    assert told == [shell.line("severity:"), shell.line("goal:")]


def test_a_folder_that_is_not_there_ends_with_3(shell: Shell) -> None:
    code, printed = shell.run("list", "--rules", "elsewhere")
    assert (code, printed) == (3, "PATHLINE_RULES: elsewhere is not a folder\n")


def test_a_rule_that_is_not_there_is_a_wrong_call(shell: Shell) -> None:
    code, printed = shell.run("describe", "contract.legal-reply-2d")
    assert code == 3
    assert f"did you mean '{RULE}'?" in printed


def test_list_and_describe_print_json_for_programs(shell: Shell) -> None:
    code, printed = shell.run("list", "--json")
    row = json.loads(printed)
    assert (code, row["rule"], row["status"], len(row["digest"])) == (0, RULE, "active", 64)
    code, printed = shell.run("describe", RULE, "--json")
    assert json.loads(printed)["goal"] == {"within": "2h"}


def test_describe_speaks_two_languages(shell: Shell) -> None:
    assert "The answer is due within 2 hours" in shell.run("describe", RULE)[1]
    assert "须在 2 小时内应答" in shell.run("describe", RULE, "--lang", "zh")[1]
    assert shell.run("describe", RULE, "--lang", "de") == (3, "--lang de: there is en and zh\n")


def test_a_draft_is_not_run_and_that_is_told(shell: Shell) -> None:
    shell.change("status: active", "status: draft")
    code, printed = shell.run("test")
    assert code == 0
    assert f"not run, draft or deprecated: {RULE}" in printed


def test_an_overlay_is_seen_by_all_but_the_tests_which_ask_for_it(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("../acme.yml").write_text(f"rules: {{{RULE}: {{goal: {{within: 3h}}}}}}\n", "utf-8")
    monkeypatch.setenv("PATHLINE_OVERLAY", "../acme.yml")
    _, described = shell.run("describe", RULE, "--json")
    assert json.loads(described)["goal"] == {"within": "3h"}
    assert shell.run("test")[0] == 0
    code, printed = shell.run("test", "--overlay", "../acme.yml")
    assert (code, "no answer for two hours" in printed) == (1, True)
