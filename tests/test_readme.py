"""What the README says, done."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from aesearch.cli import ALIASES, COMMANDS, cli

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.S)


@pytest.mark.parametrize("code", blocks("python"))
def test_python_of_the_readme_runs(code, make_folder, tmp_path, monkeypatch):
    folder = make_folder(per_class=8)
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.delenv("AESEARCH_HOME", raising=False)
    folder.rename("images")
    some = next(Path("images").rglob("*.png"))
    some.rename("photo.png")
    Path("papers").mkdir()
    for number in range(40):
        thing = ("wing", "plate", "cone")[number % 3]
        text = f"Paper {number}. Laminar flow over a {thing}, and heat transfer in it."
        Path(f"papers/{number}.txt").write_text(text, encoding="utf-8")
    exec(compile(code, "README.md", "exec"), {})
    assert list(Path("indexes").glob("*/index.json"))


def test_there_is_python_in_the_readme():
    assert len(blocks("python")) >= 1


@pytest.mark.parametrize("command", sorted(set(COMMANDS) - ALIASES))
def test_every_command_is_in_the_readme_and_has_help(command):
    assert f"aesearch {command}" in README
    result = CliRunner().invoke(cli, [command, "--help"])
    assert result.exit_code == 0
    assert len(result.output) > 200


def test_options_named_in_the_readme_exist():
    rows = re.findall(r"^\| `aesearch (\w+)[^|]*` \|(.*)\|$", README, re.M)
    assert len(rows) == len(set(COMMANDS) - ALIASES)
    for command, text in rows:
        known = CliRunner().invoke(cli, [command, "--help"]).output
        for option in re.findall(r"`(-{1,2}[\w-]+)", text):
            assert option in known, f"{command} has no {option}"


def test_links_of_the_readme_lead_somewhere():
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        if not target.startswith("http"):
            assert (ROOT / target).exists(), target
