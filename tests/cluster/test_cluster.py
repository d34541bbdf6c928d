"""Two nodes lose nothing while their parts fail and are renewed; prints the table of the docs."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
from baking import PYTHONS, Bake, BakedProject
from cluster.load import PASSWORD, RIGHT, USERS, Load, Outcome
from cluster.nodes import Balancer, Node, Postgres, Redis, namespaces, until
from interpreters import UV, find_python
from visitor import free_port

pytestmark = [pytest.mark.slow, pytest.mark.soak]

ECHO = '''

@bp.websocket("/echo")
async def echo() -> None:
    """Send back what comes."""
    await websocket.accept()
    while True:
        await websocket.send(await websocket.receive())
'''
MIGRATION = '''"""{what}."""

import sqlalchemy as sa
from alembic import op

revision, down_revision = "{revision}", "{former}"
branch_labels = depends_on = None


def upgrade() -> None:
    """Change the schema."""
{change}
'''
EXPAND = """    op.add_column("users", sa.Column("contact", sa.String(255)))
    op.execute("UPDATE users SET contact = email")"""
CONTRACT = """    op.drop_column("users", "email")"""


@dataclass
class Row:
    """What one event did."""

    event: str
    seconds: float
    failed: list[Outcome]
    asked: int
    lost: int

    def __str__(self) -> str:
        kinds = {kind: sum(outcome.kind == kind for outcome in self.failed) for kind in RIGHT}
        failed = ", ".join(f"{count} {kind}" for kind, count in kinds.items() if count) or "0"
        return f"| {self.event} | {self.asked} | {failed} | {self.lost} | {self.seconds:.1f} s |"


@dataclass
class Cluster:
    """All of it, and what has happened so far."""

    project: BakedProject
    versions: dict[str, Path]
    postgres: Postgres
    redis: Redis
    nodes: list[Node]
    balancer: Balancer
    load: Load
    rows: list[Row]

    def quart(self, version: str, *command: str, stdin: str = "") -> None:
        """Run a command of a version of the app."""
        folder, env = self.versions[version], self.nodes[0].env
        subprocess.run(
            [self.project.path / ".venv" / "bin" / "quart", *command],
            cwd=folder,
            env=env | {"PYTHONPATH": str(folder / "src")},
            input=stdin.encode(),
            check=True,
            capture_output=True,
        )

    def roll(self, version: str) -> float:
        """Bring both nodes to a version, one after the other; return the longest start."""
        longest = 0.0
        for node in self.nodes:
            node.end()
            longest = max(longest, node.start(self.project, self.versions[version]))
            until(lambda: self.balancer.ready == [True, True])
        return longest

    async def during(self, event: str, happen: Callable[[], float]) -> Row:
        """Count what goes wrong during an event and a little after."""
        start, lost = len(self.load.outcomes), self.load.lost
        seconds = await asyncio.to_thread(happen)
        await asyncio.sleep(4)
        outcomes = self.load.outcomes[start:]
        failed = [outcome for outcome in outcomes if outcome.failed]
        row = Row(event, seconds, failed, len(outcomes), self.load.lost - lost)
        self.rows.append(row)
        return row


def make_versions(project: BakedProject) -> dict[str, Path]:
    """Write what an owner would: a websocket, and a column renamed in two releases."""
    versions = {"1": project.path}
    package = f"src/{project.slug}"
    pages = project.path / package / "pages.py"
    text = pages.read_text().replace("render_template\n", "render_template, websocket\n", 1)
    pages.write_text(text + ECHO)
    former = "0001"
    for version, what, change in (("2", "Expand", EXPAND), ("3", "Contract", CONTRACT)):
        source = versions[str(int(version) - 1)]
        folder = project.path.parent / f"version{version}"
        shutil.copytree(source, folder, ignore=shutil.ignore_patterns(".venv"))
        migration = folder / package / "migrations" / "versions" / f"000{version}_change.py"
        revision = f"000{version}"
        migration.write_text(
            MIGRATION.format(what=what, revision=revision, former=former, change=change)
        )
        models = folder / package / "models.py"
        text = models.read_text().replace("    email: ", "    contact: ")
        models.write_text(text.replace("mapped_column(unique=True)", "mapped_column()"))
        versions[version], former = folder, revision
    return versions


@pytest.fixture
def cluster(bake: Bake, tmp_path: Path) -> Iterator[Cluster]:
    """A cluster with everybody's account, in its first version."""
    if os.geteuid() or not shutil.which("ip") or not shutil.which("nginx"):
        pytest.skip("nginx or iproute2 is not installed, or not run as root")
    baked = bake()
    project = BakedProject(baked.path, baked.answers)
    project.run(UV, "sync", "--quiet", "--no-dev", "--python", find_python(PYTHONS[-1]))
    names = [f"ac{os.getpid() % 10**6}{letter}" for letter in "ab"]
    with contextlib.ExitStack() as stack:
        # PostgreSQL's user may not see pytest's folder.
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="cluster-")))
        folder.chmod(0o755)
        stack.enter_context(namespaces(*names))
        postgres = Postgres(folder / "postgres", free_port())
        postgres.start()
        stack.callback(postgres.end)
        redis = Redis(folder, free_port())
        redis.start()
        stack.callback(redis.end)
        env = project.env | {
            "DATABASE_URL": postgres.url,
            "RATELIMIT_STORAGE_URI": redis.url,
            "ENVIRONMENT": "production",
            "SECRET_KEY": "k3y-of-32-bytes-or-more-for-this-test-alone",
            "TRUSTED_HOSTS": "localhost",
            "TRUSTED_PROXIES": "1",
            "LOGIN_LIMIT_PER_ACCOUNT": "100000 per day",
            "LOGIN_LIMIT_PER_ADDRESS": "100000 per day",
            "SHUTDOWN_DELAY": "3s",
        }
        nodes = [
            Node(name, f"10.213.77.{number}", env, folder / f"{name}.log")
            for number, name in enumerate(names, 2)
        ]
        balancer = Balancer(folder, free_port(), nodes)
        load = Load(f"http://localhost:{balancer.port}", balancer.port)
        versions = make_versions(project)
        cluster = Cluster(project, versions, postgres, redis, nodes, balancer, load, [])
        cluster.quart("1", "db", "upgrade")
        for number in range(USERS):
            cluster.quart("1", "users", "add", f"user{number}", "--password-stdin", stdin=PASSWORD)
        for node in nodes:
            stack.callback(node.kill)
            node.start(project, versions["1"])
        balancer.start()
        stack.callback(balancer.end)
        yield cluster


def be_quiet() -> float:
    time.sleep(3)
    return 0.0


def expand_and_roll(cluster: Cluster) -> float:
    cluster.quart("2", "db", "upgrade")
    return cluster.roll("2")


def contract_and_roll(cluster: Cluster) -> float:
    cluster.quart("3", "db", "upgrade")
    return cluster.roll("3")


def kill_and_restart(cluster: Cluster) -> float:
    node = cluster.nodes[0]
    node.kill()
    time.sleep(2)
    return node.start(cluster.project, cluster.versions["1"])


def restart_redis(cluster: Cluster) -> float:
    cluster.redis.end()
    cluster.redis.start()
    attempts = cluster.load.outcomes
    seen = len(attempts)
    return until(lambda: any(one.kind == "login" and not one.failed for one in attempts[seen:]))


def restart_postgres(cluster: Cluster) -> float:
    cluster.postgres.restart()
    return until(lambda: [node.status() for node in cluster.nodes] == [200, 200])


async def exercise(cluster: Cluster) -> None:
    """Let everything happen under load, and see that nothing is lost that need not be."""
    load = cluster.load
    await load.start()
    try:
        quiet = await cluster.during("nothing", be_quiet)
        assert not quiet.failed
        killed_at = time.monotonic()
        killed = await cluster.during(
            "`kill -9` of a node, and its start", partial(kill_and_restart, cluster)
        )
        assert all(outcome.at < killed_at + 1 for outcome in killed.failed)
        assert len(killed.failed) <= len(load.tasks)
        for event, happen in (
            ("rolled to a version that expands the schema", expand_and_roll),
            ("rolled to one that contracts it", contract_and_roll),
        ):
            rolled = await cluster.during(event, partial(happen, cluster))
            assert not rolled.failed
        redis = await cluster.during("Redis restarted", partial(restart_redis, cluster))
        assert {outcome.kind for outcome in redis.failed} <= {"login", "wrong"}
        await cluster.during("PostgreSQL restarted", partial(restart_postgres, cluster))
        after = await cluster.during("nothing", be_quiet)
        assert not after.failed
    finally:
        await load.end()
        print_table(cluster)
    assert sum(row.lost for row in cluster.rows) == 0


def print_table(cluster: Cluster) -> None:
    wrong = [outcome for outcome in cluster.load.outcomes if outcome.kind == "wrong"]
    refused = sum(not outcome.failed for outcome in wrong)
    print("\n| event | requests | failed | sessions lost | until it serves again |")
    print("|---|---:|---|---:|---:|")
    print(*cluster.rows, sep="\n")
    print(f"\n{refused} wrong passwords were refused; Redis counts {cluster.redis.counted()}.")


def test_nothing_is_lost_while_parts_fail_and_are_renewed(
    cluster: Cluster, capsys: pytest.CaptureFixture[str]
) -> None:
    with capsys.disabled():
        asyncio.run(exercise(cluster))
    wrong = [outcome for outcome in cluster.load.outcomes if outcome.kind == "wrong"]
    refused = sum(not outcome.failed for outcome in wrong)
    # One that was cut off may have been counted or not.
    cut_off = sum(outcome.status in (0, 502, 504) for outcome in wrong)
    assert refused <= cluster.redis.counted() <= refused + cut_off
    for node in cluster.nodes:
        fault = node.log.read_text().partition("Traceback")[2]
        assert not fault, fault[:3000]
