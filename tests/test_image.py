"""The image is built as the README says, and its container serves; buildah stands for Docker."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from baking import Bake, BakedProject
from debian import make_system
from interpreters import UV
from visitor import assert_login_works, first_user, free_port, serve

pytestmark = [pytest.mark.slow, pytest.mark.soak]

BASE = "python:3.13-slim"
SUITE = "trixie"  # Debian 13, with the Python that the Dockerfile names.
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
# What the real base has and Debian's Python has not, and how uv trusts what the machine trusts.
SETTINGS = {"PIP_BREAK_SYSTEM_PACKAGES": "1", "SSL_CERT_FILE": CERTIFICATES}


class Images:
    """A store of images, and what is done with them."""

    def __init__(self, folder: Path) -> None:
        self._store = (
            f"--root={folder}/images",
            f"--runroot={folder}/run",
            "--storage-driver=overlay",
        )

    def command(self, verb: str, *arguments: str | Path) -> list[str]:
        """Return a command of buildah's."""
        isolated = ["--isolation=chroot"] if verb in ("build", "run") else []
        return ["buildah", *self._store, verb, *isolated, *map(str, arguments)]

    def call(self, verb: str, *arguments: str | Path, fails: bool = False) -> str:
        """Run a command of buildah's and return what it printed."""
        done = subprocess.run(
            self.command(verb, *arguments), capture_output=True, text=True, check=False
        )
        assert bool(done.returncode) is fails, done.stdout + done.stderr
        return done.stdout + done.stderr if verb == "build" else done.stdout

    def make_base(self, system: Path) -> None:
        """Make an image of a system under the name that the Dockerfile knows."""
        container = self.call("from", "scratch").strip()
        self.call("add", "--quiet", container, system, "/")
        for name, value in SETTINGS.items():
            self.call("config", "--env", f"{name}={value}", container)
        self.call("commit", "--quiet", "--rm", container, BASE)

    def build(self, project: BakedProject, *, fails: bool = False) -> str:
        """Build the project's image; return what was printed."""
        options = ("--network=host", "--pull-never", "--layers", "--format=docker")
        return self.call("build", *options, "--tag", project.slug, project.path, fails=fails)

    def config(self, image: str) -> dict[str, Any]:
        """Return what an image says of how it is to be run."""
        found: dict[str, Any] = json.loads(self.call("inspect", "--type=image", image))
        config: dict[str, Any] = found["Docker"]["config"]
        return config


class Container:
    """A container of a project's image, on the network of this machine."""

    def __init__(self, images: Images, project: BakedProject) -> None:
        self._images = images
        self._name = images.call("from", "--pull-never", project.slug).strip()

    def run(self, *command: str, **env: str) -> list[str]:
        """Return the command that runs another in the container, with these settings."""
        settings = [f"--env={name}={value}" for name, value in env.items()]
        return self._images.command("run", *settings, self._name, "--", *command)


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Images]:
    """A store of its own, with the base."""
    if not shutil.which("buildah"):
        pytest.skip("buildah is not installed")
    folder = tmp_path_factory.mktemp("images")
    system = folder / "system"
    make_system(system, SUITE, "passwd", "python3-pip", "python3-venv")
    images = Images(folder)
    images.make_base(system)
    shutil.rmtree(system)
    yield images
    images.call("rm", "--all")
    subprocess.run(["umount", "-R", folder / "images" / "overlay"], check=False)
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def project(bake_session: Bake, tmp_path_factory: pytest.TempPathFactory) -> BakedProject:
    """A render with its lock, as the README's first command leaves it."""
    baked = bake_session()
    folder = tmp_path_factory.mktemp("image") / baked.slug
    project = BakedProject(Path(shutil.copytree(baked.path, folder)), baked.answers)
    project.run(UV, "lock", "--quiet")
    return project


@pytest.fixture(scope="module")
def container(images: Images, project: BakedProject) -> Container:
    """A container of the image."""
    images.build(project)
    return Container(images, project)


def test_container_serves_and_finds_itself_healthy(
    images: Images, container: Container, project: BakedProject
) -> None:
    config, port = images.config(project.slug), free_port()
    assert config["User"] == "10001"
    command = [word.replace("8000", str(port)) for word in config["Cmd"]]
    health = [word.replace("8000", str(port)) for word in config["Healthcheck"]["Test"][1:]]
    production = {
        "ENVIRONMENT": "production",
        "SECRET_KEY": "k3y-of-32-bytes-or-more-for-this-test-alone",
        "TRUSTED_HOSTS": ".example.org,localhost",
    }
    run, env = container.run, project.env
    project.run(*run("quart", "db", "upgrade", **production))
    with serve(project.path, *run(*command, **production), port=port, env=env) as url:
        project.run(*run(*health, **production))
        assert httpx.get(f"{url}/", headers={"Host": "other.example"}).status_code == 400
        assert project.run(*run("id", "-u")).stdout == "10001\n"
    assert project.run(*run(*health, **production), check=False).returncode != 0
    log = (project.path / f"server-{port}.log").read_text()
    assert '"method": "GET", "path": "/healthz", "status": 200' in log


def test_people_log_in_at_the_container(
    images: Images, container: Container, project: BakedProject
) -> None:
    config, port = images.config(project.slug), free_port()
    development = {
        "ENVIRONMENT": "development",
        "SECRET_KEY": "k3y-of-32-bytes-or-more-for-this-test-alone",
        "TRUSTED_HOSTS": "localhost",
    }
    quart = container.run("quart", **development)
    name, password = first_user(project, *quart)
    command = [word.replace("8000", str(port)) for word in config["Cmd"]]
    command = container.run(*command, **development)
    with serve(project.path, *command, port=port, env=project.env) as url:
        assert_login_works(url, name, password)


@pytest.mark.usefixtures("container")
def test_dependencies_are_not_installed_again_for_other_code(
    images: Images, project: BakedProject
) -> None:
    page = project.path / "src" / project.slug / "pages.py"
    page.write_text(page.read_text() + "\n# Changed.\n")
    printed = images.build(project)
    steps = printed.split("STEP ")
    [dependencies] = [step for step in steps if "--no-install-project" in step]
    [code] = [step for step in steps if "--no-editable" in step]
    assert "Using cache" in dependencies
    assert "Using cache" not in code
    assert "hypercorn==" not in code


@pytest.mark.usefixtures("container")
def test_build_without_a_lock_says_how_to_make_one(images: Images, bake: Bake) -> None:
    printed = images.build(bake(), fails=True)
    assert "There is no uv.lock. Run: uv lock, and commit it.\n" in printed
