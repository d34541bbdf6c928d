"""What deploys a render is valid, and says what its README says."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from baking import Bake, BakedProject
from test_render import DEPLOYMENTS

BIN = Path(sys.executable).parent
OIDC = ("ISSUER", "CLIENT_ID", "CLIENT_SECRET")
KINDS = {
    "ConfigMap",
    "CronJob",
    "Deployment",
    "HorizontalPodAutoscaler",
    "Ingress",
    "Job",
    "PodDisruptionBudget",
    "Service",
}
BACKENDS_WITH_A_DATABASE = ("sql", "ldap", "oidc", "security")
OF_BACKEND = {
    "sql": set[str](),
    "ldap": set[str](),
    "oidc": {"OIDC_PROVIDERS", *(f"OIDC_COMPANY_{name}" for name in OIDC)},
    "security": {"SECURITY_PASSWORD_SALT", "SECURITY_TOTP_SECRET", "MAIL_SERVER"},
}
"""What the README sets besides, for each backend."""
SECRETS = {
    "compose": {"SECRET_KEY", "POSTGRES_PASSWORD"},
    "kubernetes": {"SECRET_KEY", "DATABASE_URL", "RATELIMIT_STORAGE_URI"},
}


@pytest.fixture
def compose(bake_session: Bake) -> BakedProject:
    return bake_session(deployment="compose")


@pytest.fixture
def kubernetes(bake_session: Bake) -> BakedProject:
    return bake_session(deployment="kubernetes")


def deploy_commands(project: BakedProject) -> list[str]:
    """Return the commands of the chapter of the README that deploys, in order."""
    chapter = project.read("README.md").partition("\n## Deploy\n")[2].partition("\n## ")[0]
    return [
        line
        for block in re.findall(r"^```sh\n(.*?)^```", chapter, re.M | re.S)
        for line in block.replace("\\\n", "").splitlines()
    ]


def manifests(project: BakedProject) -> list[dict[str, Any]]:
    """Return what `kubectl apply -k` would apply; kubectl, or kustomize, says it."""
    for program in (["kubectl", "kustomize"], ["kustomize", "build"]):
        if shutil.which(program[0]):
            printed = project.run(*program, "kubernetes/production").stdout
            return list(yaml.safe_load_all(printed))
    pytest.skip("kubectl is not installed, nor kustomize")


def by_kind(project: BakedProject) -> dict[str, dict[str, Any]]:
    """Return the manifests by their kinds, of which there is one each."""
    found = {manifest["kind"]: manifest for manifest in manifests(project)}
    # Flask-Security keeps nothing that would have to be deleted.
    missing = {"CronJob"} if project.answers["user_backend"] == "security" else set()
    assert set(found) == KINDS - missing
    return found


def settings_of(project: BakedProject) -> set[str]:
    """Return the settings that the app reads."""
    config = project.read(f"src/{project.slug}/config.py")
    return set(re.findall(r'env\.\w+\("([A-Z_]+)"', config))


def test_manifests_are_what_the_api_takes(kubernetes: BakedProject, tmp_path: Path) -> None:
    for manifest in manifests(kubernetes):
        (tmp_path / f"{manifest['kind']}.yaml").write_text(yaml.safe_dump(manifest))
    files = map(str, tmp_path.glob("*.yaml"))
    command = [str(BIN / "kubernetes-validate"), "--strict", *files]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_manifests_refer_to_what_is_there(kubernetes: BakedProject) -> None:
    found = by_kind(kubernetes)
    pods = found["Deployment"]["spec"]["template"]
    [app] = pods["spec"]["containers"]
    jobs = [found["Job"]["spec"], found["CronJob"]["spec"]["jobTemplate"]["spec"]]
    labels = pods["metadata"]["labels"]
    assert found["Service"]["spec"]["selector"] == labels
    assert found["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"] == labels
    for job in (each["template"] for each in jobs):
        [once] = job["spec"]["containers"]
        assert job["metadata"]["labels"].items().isdisjoint(labels.items())
        assert (once["image"], once["envFrom"]) == (app["image"], app["envFrom"])
    target = found["HorizontalPodAutoscaler"]["spec"]["scaleTargetRef"]
    assert (target["kind"], target["name"]) == (
        "Deployment",
        found["Deployment"]["metadata"]["name"],
    )
    assert app["envFrom"][0]["configMapRef"]["name"] == found["ConfigMap"]["metadata"]["name"]
    host = found["Ingress"]["spec"]["rules"][0]["host"]
    assert found["Ingress"]["spec"]["tls"][0]["hosts"] == [host]
    assert found["ConfigMap"]["data"]["TRUSTED_HOSTS"] == host
    [backend] = found["Ingress"]["spec"]["rules"][0]["http"]["paths"]
    assert backend["backend"]["service"]["name"] == found["Service"]["metadata"]["name"]
    paths = {app[f"{probe}Probe"]["httpGet"]["path"] for probe in ("startup", "liveness")}
    assert paths == {"/healthz"}
    assert app["readinessProbe"]["httpGet"]["path"] == "/readyz"
    pages = kubernetes.read(f"src/{kubernetes.slug}/pages.py")
    assert all(f'"{path}"' in pages for path in (*paths, "/readyz"))
    assert {manifest["metadata"]["namespace"] for manifest in found.values()} == {"my-quart-app"}


@pytest.mark.parametrize("backend", BACKENDS_WITH_A_DATABASE)
def test_secrets_are_those_that_the_readme_makes(backend: str, bake_session: Bake) -> None:
    project = bake_session(deployment="kubernetes", user_backend=backend)
    found = by_kind(project)
    [app] = found["Deployment"]["spec"]["template"]["spec"]["containers"]
    named = {one["secretRef"]["name"] for one in app["envFrom"] if "secretRef" in one}
    named |= {one["secretName"] for one in found["Ingress"]["spec"]["tls"]}
    text = "\n".join(deploy_commands(project))
    assert set(re.findall(r"create secret (?:generic|tls) (\S+)", text)) == named
    given = set(re.findall(r"--from-literal=(\w+)=", text))
    assert given == SECRETS["kubernetes"] | OF_BACKEND[backend]
    assert SECRETS["kubernetes"] <= settings_of(project)


@pytest.mark.parametrize("deployment", DEPLOYMENTS)
@pytest.mark.parametrize("backend", BACKENDS_WITH_A_DATABASE)
def test_commands_that_the_readme_deploys_by_are_there(
    backend: str, deployment: str, bake_session: Bake
) -> None:
    project = bake_session(deployment=deployment, user_backend=backend)
    chapter = project.read("README.md").partition("\n## Deploy\n")[2].partition("\n## ")[0]
    own = "\n".join(text for name, text in project.files().items() if "/cli/" in name)
    for command in re.findall(r"quart users (\w+)", chapter):
        assert f"def {command}(" in own


def test_file_of_the_directory_is_its_owners_alone(bake_session: Bake, tmp_path: Path) -> None:
    project = bake_session(deployment="compose", user_backend="ldap")
    [made] = [line for line in deploy_commands(project) if "> directory.env" in line]
    (tmp_path / ".env").write_text(project.read(".env.example") + "LDAP_BIND_PASSWORD=s3cret\n")
    subprocess.run(["sh", "-c", made], cwd=tmp_path, check=True)
    file = tmp_path / "directory.env"
    assert file.stat().st_mode & 0o777 == 0o600
    assert "LDAP_BIND_PASSWORD=s3cret\n" in file.read_text()
    assert "SECRET_KEY" not in file.read_text()
    assert f"/{file.name}" in project.read(".gitignore").splitlines()


def test_pod_that_ends_has_time_for_it(kubernetes: BakedProject) -> None:
    found = by_kind(kubernetes)
    delay = int(found["ConfigMap"]["data"]["SHUTDOWN_DELAY"].rstrip("s"))
    pods = found["Deployment"]["spec"]["template"]["spec"]
    probe = pods["containers"][0]["readinessProbe"]
    grace = re.search(r'"--graceful-timeout", "(\d+)"', kubernetes.read("Dockerfile"))
    assert grace
    assert delay > probe["periodSeconds"]
    assert pods["terminationGracePeriodSeconds"] > delay + int(grace[1])


@pytest.mark.parametrize("slug", ["a", "a_b", "a__b", "x" * 90, f"{'x' * 39}_y"])
def test_names_of_manifests_are_names(slug: str, bake: Bake) -> None:
    for deployment in DEPLOYMENTS:
        project = bake(project_slug=slug, deployment=deployment)
        names = re.findall(
            r"^name: (.+)$|^  name: (.+)$", "\n".join(project.files().values()), re.M
        )
        given = {name for pair in names for name in pair if name}
        assert given
        for name in given - {"http", "CI"}:
            assert re.fullmatch(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?", name), name


def compose_config(project: BakedProject) -> dict[str, Any]:
    config: dict[str, Any] = yaml.safe_load(project.read("compose.yaml"))
    return config


def test_compose_file_is_what_docker_takes(compose: BakedProject, tmp_path: Path) -> None:
    if not shutil.which("docker-compose"):
        pytest.skip("docker-compose is not installed")
    # Debian's older ones know no name for the whole.
    file = tmp_path / "compose.yaml"
    file.write_text(re.sub(r"^name: .+\n", "", compose.read("compose.yaml"), flags=re.M))
    env = dict.fromkeys(SECRETS["compose"], "s3cret") | {"DOMAIN": "example.org"}
    command = ("docker-compose", "--file", str(file), "config")
    services = yaml.safe_load(compose.run(*command, env=env).stdout)["services"]
    assert services["app"]["environment"]["TRUSTED_HOSTS"] == "example.org"
    refused = compose.run(*command, env={"DOMAIN": "example.org"}, check=False)
    assert refused.returncode != 0
    assert "is not in production.env" in refused.stderr


@pytest.mark.slow
def test_dclint_finds_nothing(compose: BakedProject) -> None:
    if not shutil.which("npx"):
        pytest.skip("npx is not installed")
    # The proxy is meant to be reached from everywhere.
    rule = "no-unbound-port-interfaces"
    command = ("npx", "--yes", "dclint@3", ".", "--max-warnings", "0", "--disable-rule", rule)
    compose.run(*command)


def test_settings_of_the_composed_app_are_read(compose: BakedProject) -> None:
    services = compose_config(compose)["services"]
    assert set(services["app"]["environment"]) <= settings_of(compose)
    assert services["app"]["environment"] == services["migrate"]["environment"]


@pytest.mark.parametrize("backend", BACKENDS_WITH_A_DATABASE)
def test_compose_file_holds_no_secret_and_the_readme_makes_them(
    backend: str, bake_session: Bake, tmp_path: Path
) -> None:
    compose = bake_session(deployment="compose", user_backend=backend)
    [made] = [line for line in deploy_commands(compose) if "production.env" in line][:1]
    done = subprocess.run(["sh", "-c", made], cwd=tmp_path, check=True, capture_output=True)
    assert done.stdout == b""
    file = tmp_path / "production.env"
    assert file.stat().st_mode & 0o777 == 0o600
    values = dict(line.split("=", 1) for line in file.read_text().splitlines())
    asked = set(re.findall(r"\$\{(\w+):\?", compose.read("compose.yaml")))
    needed = SECRETS["compose"] | OF_BACKEND[backend] - {"OIDC_PROVIDERS"} | {"DOMAIN"}
    assert set(values) == needed
    assert asked == needed - {"OIDC_COMPANY_CLIENT_SECRET"}  # a public client has none
    assert all(len(values[name]) >= 48 for name in SECRETS["compose"])
    ignored = compose.read(".gitignore").splitlines()
    assert f"/{file.name}" in ignored


def test_each_service_that_stays_says_how_it_is(compose: BakedProject) -> None:
    for name, service in compose_config(compose)["services"].items():
        if name == "migrate":
            assert service["restart"] == "no"
        elif name != "app":  # Its image says it.
            assert service["healthcheck"]["test"]
            assert service["restart"] == "unless-stopped"


def test_caddy_asks_as_many_replicas_as_there_are(compose: BakedProject) -> None:
    config, caddyfile = compose_config(compose), compose.read("Caddyfile")
    replicas = config["services"]["app"]["deploy"]["replicas"]
    wanted = [f"{config['name']}-app-{number + 1}:8000" for number in range(replicas)]
    assert re.findall(r"\S+:8000", caddyfile) == wanted
