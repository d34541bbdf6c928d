"""What people may answer, and what each answer does."""

from __future__ import annotations

import ast
import json
import shutil
import sys
import tomllib
from pathlib import Path
from typing import Any, cast

import pytest
from baking import ANSWERS, OPTIONS, ROOT, TEXTS, Bake, BakedProject, combination_id
from cookiecutter.exceptions import (
    CookiecutterException,
    FailedHookException,
)
from cookiecutter.main import cookiecutter
from cookiecutter.utils import create_env_with_context
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hooks import pre_gen_project

PROMPTS = ANSWERS["__prompts__"]

REFUSED_SLUGS = [
    "My_App", "my-app", "my app", "1app", "_app", "app_", "äpp", "\u0430pp", "app;rm", "a.b",
    ".app", "class", "import", "none\n", "json", "test", "tests", "sys", "antigravity",
    "quart", "flask", "flask_login", "sqlalchemy", "python_dotenv", "argon2_cffi", "accounts",
    "flask_patch", "browser", "settings", "zxcvbn",
]  # fmt: skip
HOSTILE = [
    'say "hi"', "it's", "back\\slash", "\\", '"""', "'''", "}}", "{{", "{%", "#}", "${HOME}",
    "$(id)", 'x"\nkey = 1', "<script>alert(1)</script>", "]]>", "# comment", "🐍🚀👩‍👩‍👧",
    "مرحبا بالعالم", "x" * 200, "import os; os.abort()", 'x", y = "', "a\tb", "a\0b", "\u2028",
    "\ud800", "{{ 7 * 7 }}", "%s %(x)s",
]  # fmt: skip


def refuse(cookies: Any, output: Path, **answers: str) -> Exception:
    """Bake, see that it is refused and that nothing is left on disk, and return the refusal."""
    result = cookies.bake(extra_context=answers)
    assert result.exception is not None
    assert list(output.glob("cookies/*/*")) == []
    return cast(Exception, result.exception)


@pytest.mark.parametrize("slug", REFUSED_SLUGS)
def test_unusable_slug_is_refused_and_leaves_nothing(
    slug: str, cookies: Any, tmp_path: Path
) -> None:
    refusal = refuse(cookies, tmp_path, project_slug=slug)
    assert isinstance(refusal, FailedHookException)
    assert f"project_slug is {slug!r}; accepted is " in str(refusal)


@pytest.mark.parametrize("slug", ["../up", "a/b", "/absolute", "..\\up", "a\\b"])
def test_slug_that_is_a_path_is_refused_before_anything_is_written(
    slug: str, cookies: Any, tmp_path: Path
) -> None:
    refusal = refuse(cookies, tmp_path, project_slug=slug)
    assert f"project_slug is {slug!r}; accepted is " in str(refusal)


@pytest.mark.parametrize("slug", ["", ".", ".."])
def test_slug_that_names_no_folder_is_refused(slug: str, cookies: Any, tmp_path: Path) -> None:
    assert isinstance(refuse(cookies, tmp_path, project_slug=slug), CookiecutterException)


@pytest.mark.parametrize("name", [name for name in TEXTS if name != "project_slug"])
@pytest.mark.parametrize("value", ["", " ", "two\nlines", "bell\a", "line\u2028separator"])
def test_empty_answer_or_control_character_is_refused(
    name: str, value: str, cookies: Any, tmp_path: Path
) -> None:
    refusal = refuse(cookies, tmp_path, **{"project_slug": "app", name: value})
    assert f"{name} is {value!r}; accepted is a line of text" in str(refusal)


@pytest.mark.parametrize("email", ["nobody", "a@b c", "a b@c", "<a@b.c>", "a@b.c, d@e.f", "a@"])
def test_author_email_that_is_no_address_is_refused(
    email: str, cookies: Any, tmp_path: Path
) -> None:
    refusal = refuse(cookies, tmp_path, author_email=email)
    assert f"author_email is {email!r}; accepted is an address" in str(refusal)


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("My App", "my_app"),
        ("Größe & Maß", "grosse_mass"),
        ("a-b_c  d", "a_b_c_d"),
        ("Привет", "privet"),
        ("日本語", "ri_ben_yu"),
        ("🚀", "quart_app"),
        ("2048 Game", "app_2048_game"),
        ("class", "app_class"),
        ("Test", "app_test"),
        ("A long name " * 30, "a_long_name_a_long_name_a_long_name_a_a"),
    ],
)
def test_slug_is_derived_from_any_name(name: str, slug: str, bake: Bake) -> None:
    assert bake(project_name=name).slug == slug


@settings(max_examples=500, deadline=None)
@given(
    name=st.text() | st.sampled_from(sorted(sys.stdlib_module_names)) | st.from_regex(r"\w{1,99}")
)
def test_slug_that_is_derived_is_accepted_whatever_the_name(name: str) -> None:
    environment = create_env_with_context({"cookiecutter": ANSWERS})
    slug = environment.from_string(ANSWERS["project_slug"]).render(
        cookiecutter={"project_name": name}
    )
    good = dict.fromkeys(ANSWERS, "good@example.com")
    assert pre_gen_project.problem({**good, "project_slug": slug}) is None
    assert len(slug) <= 44


def test_prompts_carry_the_rules_of_the_hook() -> None:
    good = dict.fromkeys(ANSWERS, "good@example.com") | {"project_slug": "good"}
    assert pre_gen_project.problem(good) is None
    bad = {name: ["two\nlines"] for name in TEXTS}
    bad |= {"project_slug": ["A B", "class"], "author_email": ["nobody"]}
    for name, answers in bad.items():
        for answer in answers:
            found = pre_gen_project.problem(good | {name: answer})
            assert found
            assert found[1].removesuffix(" without control characters") in PROMPTS[name]


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    answers=st.fixed_dictionaries(
        {}, optional={name: st.sampled_from(HOSTILE) | st.text(max_size=200) for name in TEXTS}
    )
)
def test_hostile_answers_render_to_valid_files_or_are_refused(
    answers: dict[str, str], cookies: Any, tmp_path: Path
) -> None:
    result = cookies.bake(extra_context=answers)
    if result.exception:
        assert list(tmp_path.glob("cookies/*/*")) == []
        return
    project, given = BakedProject(result.project_path, result.context), result.context
    metadata = tomllib.loads(project.read("pyproject.toml"))["project"]
    assert metadata["name"] == given["project_slug"] == project.slug
    assert metadata["description"] == given["description"]
    assert metadata["authors"] == [{"name": given["author_name"], "email": given["author_email"]}]
    assert given["author_name"] in project.read("LICENSE")
    assert project.slug in tomllib.loads(project.read("Pipfile"))["packages"]
    for name, text in project.files().items():
        if name.endswith(".py"):
            ast.parse(text)
        if name.endswith("site.toml"):
            assert list(tomllib.loads(text).values()) == [
                given["project_name"],
                given["description"],
            ]
    shutil.rmtree(project.path)


def test_every_question_has_a_prompt_and_every_choice_a_line() -> None:
    prompts = ANSWERS["__prompts__"]
    assert list(prompts) == [key for key in ANSWERS if not key.startswith("_")]
    for option, choices in OPTIONS.items():
        assert list(prompts[option]) == ["__prompt__", *choices]


CHANGED = [{name: f"changed@{name}.example" if "email" in name else "changed"} for name in TEXTS]
CHANGED += [{option: choice} for option, choices in OPTIONS.items() for choice in choices[1:]]


@pytest.mark.parametrize("answer", CHANGED, ids=combination_id)
def test_every_answer_changes_the_render(answer: dict[str, str], bake_session: Bake) -> None:
    assert bake_session(**answer).files() != bake_session().files()


def test_answers_hold_no_secret(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(json.dumps({"replay_dir": f"{tmp_path}/replay"}))
    project = Path(
        cookiecutter(str(ROOT), no_input=True, output_dir=str(tmp_path), config_file=str(config))
    )
    replay = (tmp_path / "replay" / f"{ROOT.name}.json").read_text()
    secrets = [line.partition("=")[2] for line in (project / ".env").read_text().splitlines()]
    assert not any(secret in replay for secret in secrets if len(secret) > 16)
