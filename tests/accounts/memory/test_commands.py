"""The `quart users` commands, which cannot reach the memory of a server."""

from types import ModuleType
from typing import Any

import pytest


@pytest.mark.parametrize(
    "command",
    [
        "list",
        "add bob",
        "add bob --random-password",
        "passwd demo",
        "show demo",
        "rename demo bob",
        "disable demo",
        "clean",
        "token add demo x",
        "token list demo",
    ],
)
def test_command_says_that_users_are_in_memory(
    config: dict[str, Any], package: ModuleType, command: str
) -> None:
    runner = package.create_app(config).test_cli_runner()
    result = runner.invoke(args=["users", *command.split()])
    assert result.exit_code == 1
    assert result.output.startswith("Error: The users are in the memory of the server")
    assert len(result.output.splitlines()) == 1


def test_commands_manage_users_of_a_backend_that_keeps_them(
    config: dict[str, Any], package: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = package.create_app(config)
    monkeypatch.setattr(type(app.extensions["accounts"].store), "persistent", True)

    def run(command: str, stdin: str = "") -> str:
        result = app.test_cli_runner().invoke(args=["users", *command.split()], input=stdin)
        assert result.exit_code == ("Error" in result.output)
        return str(result.output)

    password = "correct horse battery\n"
    assert run("add alice --password-stdin", password) == "Added alice.\n"
    assert run("add alice", password * 2).endswith("Error: There is a user 'alice' already.\n")
    assert "Password: " in run("passwd alice --random-password")
    assert run("disable alice") == "Disabled alice.\n"
    assert run("list") == "alice (disabled)\ndemo\n"
    assert run("enable alice") == "Enabled alice.\n"
    token = run("token add alice backup").strip()
    assert len(token) == 43
    assert run("show alice").splitlines()[1:] == ["id: 2", "active: yes", "token: backup"]
    number = run("token list alice").partition("\tbackup\t20")[0]
    assert run(f"token revoke alice {number}") == f"Revoked token {number} of alice.\n"
    failed = run(f"token revoke alice {number}")
    assert failed == f"Error: The user 'alice' has no token {number}.\n"
    assert run("rename alice bob") == "Renamed alice to bob.\n"
    assert run("delete bob --yes") == "Deleted bob.\n"
    assert run("list") == "demo\n"
    assert run("clean") == "Deleted 0 expired rows.\n"
