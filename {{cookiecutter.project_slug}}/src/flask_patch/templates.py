"""Templates: Quart's Jinja environment is async; sync code can render in it all the same."""

from collections.abc import Iterator, MutableMapping
from typing import Any

from jinja2 import Environment, Template
from jinja2.environment import TemplateModule
from jinja2.runtime import Context, Macro
from quart.templating import Environment as QuartEnvironment

from .waiting import await_only, called_by_async, iterate


class SyncMacro(Macro):
    """A macro that sync code, an extension's tag for example, can call."""

    def _invoke(self, arguments: list[Any], autoescape: bool) -> Any:
        rendering = super()._invoke(arguments, autoescape)
        # The callers are Macro.__call__ and whoever called that.
        if isinstance(rendering, str) or called_by_async(3):
            return rendering
        return await_only(rendering)


class SyncTemplate(Template):
    """A template with the methods of a sync one."""

    @classmethod
    def _from_namespace(
        cls,
        environment: Environment,
        namespace: MutableMapping[str, Any],
        globals: MutableMapping[str, Any],
    ) -> Template:
        namespace["Macro"] = SyncMacro
        return super()._from_namespace(environment, namespace, globals)

    def render(self, *args: Any, **kwargs: Any) -> str:
        """Render the template, waiting for what it awaits."""
        return await_only(self.render_async(*args, **kwargs))

    def generate(self, *args: Any, **kwargs: Any) -> Iterator[str]:
        """Render the template piece by piece, waiting for what it awaits."""
        return iterate(self.generate_async(*args, **kwargs))

    def make_module(self, *args: Any, **kwargs: Any) -> TemplateModule:
        """Return the template as a module, with its macros."""
        return await_only(self.make_module_async(*args, **kwargs))

    def _get_default_module(self, ctx: Context | None = None) -> TemplateModule:
        return await_only(self._get_default_module_async(ctx))


def patch_templates() -> None:
    """Make every Quart app load its templates as these."""
    QuartEnvironment.template_class = SyncTemplate
