"""The page of `--help`: every option in a group, three examples a command that parse, and the version."""

import shlex

import click
import pytest
from click.testing import CliRunner

from flow_steps.cli import help_page
from flow_steps.cli.click_classes import is_switch
from pricecast import __version__
from tests.support.mlproject import commands

COMMANDS = commands()


def page(name):
    done = CliRunner().invoke(COMMANDS[name], ["--help"], prog_name="main.py")
    assert done.exit_code == 0, done.output
    return done.output


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_stands_in_a_group_and_each_group_once(name):
    grouped = [option for options in help_page.GROUPS.values() for option in options]
    assert len(set(grouped)) == len(grouped)
    assert [param.name for param in COMMANDS[name].params if param.name not in grouped] == []
    text = page(name)
    titles = [title for title in (*help_page.GROUPS, "Other options") if f"\n{title}:\n" in text]
    assert titles[-1] == "Other options"
    assert text.index("\nExamples:\n") < text.index(f"\n{titles[0]}:\n")


@pytest.mark.parametrize("name", COMMANDS)
def test_the_three_examples_of_a_command_parse(name):
    command = COMMANDS[name]
    assert len(command.examples) == 3
    for example in command.examples:
        assert f"    python main.py {example}\n" in page(name)
        words = shlex.split(example)
        if words[0] in COMMANDS:
            COMMANDS[words[0]].make_context(words[0], words[1:])
        else:
            command.make_context(name, words)


def test_the_version_is_that_of_the_package():
    done = CliRunner().invoke(COMMANDS["main"], ["--version"])
    assert done.output == f"pricecast {__version__}\n"
    assert "version" not in [param.name for param in COMMANDS["main"].params]


def params(name, *words):
    return COMMANDS[name].make_context(name, list(words)).params


@pytest.mark.parametrize("name", COMMANDS)
def test_a_switch_alone_means_true_at_the_end_and_before_an_option(name):
    switches = [param for param in COMMANDS[name].params if is_switch(param)]
    required = [word for param in COMMANDS[name].params if param.required for word in (param.opts[0], "models:/m")]
    if "--model" in required:
        required[required.index("--model") + 1] = "har"
    for switch in switches:
        option = switch.opts[0]
        if switch.name == "quick":
            continue
        for words in ([*required, option], [option, *required], [*required, option, "true"]):
            assert params(name, *words)[switch.name] is True, words
        assert params(name, *required, option, "false")[switch.name] is False
        with pytest.raises(click.BadParameter, match="perhaps"):
            params(name, *required, option, "perhaps")
