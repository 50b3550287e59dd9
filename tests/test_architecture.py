"""House rules that no linter knows, and proof that the machines catch."""

from __future__ import annotations

import ast
import importlib
import inspect
import os
import shutil
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings
from django.contrib import admin
from django.core.management import CommandError, call_command
from django.db import connection
from pytest_django import Settings

from ecommerce.environment import Environment
from kernel.bus import docs, permanence
from kernel.bus.event import Event
from kernel.bus.permanence import Names
from kernel.bus.subscriptions import all_handlers
from kernel.states import all_tables
from tests.conftest import TableWallBreached

ROOT = Path(__file__).parent.parent
PACKAGES = ("apps", "kernel", "ecommerce", "payment_3p", "dev", "chaos", "simulation")
SOURCES = [
    path
    for package in PACKAGES
    for path in sorted((ROOT / package).rglob("*.py"))
    if "migrations" not in path.parts
]


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def functions(path: Path) -> list[ast.FunctionDef]:
    tree = ast.parse(path.read_text())
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]


def length(function: ast.FunctionDef) -> int:
    return (function.end_lineno or function.lineno) - function.lineno + 1


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_a_file_and_its_functions_fit_on_a_screen(path: Path) -> None:
    assert [f.name for f in functions(path) if length(f) > 40] == []
    assert len(path.read_text().splitlines()) <= 300


def test_nine_functions_of_ten_are_short() -> None:
    lengths = [length(function) for path in SOURCES for function in functions(path)]

    assert sum(lines <= 15 for lines in lengths) >= 0.9 * len(lengths)


@pytest.mark.parametrize("module", settings.MODULES)
def test_a_use_case_takes_keywords_only_and_demands_a_transaction(module: str) -> None:
    usecases = importlib.import_module(f"apps.{module}.usecases")
    asked = [
        function
        for name, function in inspect.getmembers(usecases, inspect.isfunction)
        if function.__module__.startswith(usecases.__name__) and not name.startswith("_")
    ]
    parameters = {f.__name__: inspect.signature(f).parameters.values() for f in asked}

    assert asked
    assert [
        name for name, all_of in parameters.items() if any(p.kind != p.KEYWORD_ONLY for p in all_of)
    ] == []
    assert [f.__name__ for f in asked if not hasattr(f, "__wrapped__")] == []


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_imports_stand_at_the_top(path: Path) -> None:
    hidden = [
        f"{f.name}:{node.lineno}"
        for f in functions(path)
        for node in ast.walk(f)
        if isinstance(node, ast.Import | ast.ImportFrom)
    ]

    assert hidden == []


@pytest.mark.parametrize("path", sorted((ROOT / "apps").rglob("*.py")), ids=name_of)
def test_only_models_write_a_state(path: Path) -> None:
    writes = [
        node.lineno
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(target, ast.Attribute) and target.attr == "state"
    ]

    assert writes == [] or path.name == "models.py" or path.parent.name == "models"


def crossing_foreign_keys() -> list[str]:
    """Ask the database itself which foreign keys lead from one module's table to another's."""
    modules = tuple(settings.MODULES)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT conrelid::regclass::text, confrelid::regclass::text"
            " FROM pg_constraint WHERE contype = 'f'"
        )
        pairs = [(source.split("_")[0], target.split("_")[0]) for source, target in cursor]
    return [
        f"{source} -> {target}"
        for source, target in pairs
        if target in modules and source in (*modules, "bus", "rest") and source != target
    ]


@pytest.mark.django_db
class TestTables:
    def test_no_foreign_key_leaves_its_module(self) -> None:
        assert crossing_foreign_keys() == []

    def test_a_foreign_key_that_leaves_its_module_is_caught(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("CREATE TABLE orders_bad (user_id uuid REFERENCES users_user (id))")

        assert crossing_foreign_keys() == ["orders -> users"]

    def test_a_modules_tables_begin_with_its_name(self) -> None:
        strangers = [
            model._meta.db_table
            for model in apps.get_models(include_auto_created=True)
            if model._meta.app_label in settings.MODULES
            if not model._meta.db_table.startswith(f"{model._meta.app_label}_")
        ]

        assert strangers == []

    def test_every_model_change_has_its_migration(self) -> None:
        call_command("makemigrations", check=True, dry_run=True, verbosity=0)

    def test_a_query_across_the_wall_is_caught(self) -> None:
        code = compile(
            "def look(cursor):\n    cursor.execute('SELECT * FROM users_user')",
            str(ROOT / "apps" / "orders" / "queries.py"),
            "exec",
        )
        scope: dict[str, object] = {}
        exec(code, scope)
        with connection.cursor() as cursor, pytest.raises(TableWallBreached, match="orders asked"):
            scope["look"](cursor)  # type: ignore[operator]


class TestEvents:
    def test_are_heard_or_say_why_not(self) -> None:
        assert docs.unexplained() == []

    def test_come_on_queues_that_exist(self) -> None:
        assert {handler.queue for handler in all_handlers() if handler.app != "bell"} <= set(
            settings.QUEUES
        )

    def test_keep_the_promises_of_their_committed_schemas(self) -> None:
        call_command("docs", check=True)

    @pytest.mark.parametrize(
        ("change", "broken"),
        [
            (lambda s: s["properties"].update(colour={"type": "string", "default": ""}), []),
            (lambda s: s["properties"].pop("order_id"), ["event.properties.order_id is gone"]),
            (
                lambda s: s["properties"]["order_id"].update(type="integer"),
                ["event.properties.order_id.type was 'string' and is 'integer'"],
            ),
            (lambda s: s["required"].append("colour"), ["event now requires colour"]),
        ],
        ids=["default added", "field gone", "type changed", "newly required"],
    )
    def test_that_break_a_promise_are_caught(self, change: object, broken: list[str]) -> None:
        old = {
            "properties": {"order_id": {"type": "string"}, "description": {"type": "string"}},
            "required": ["order_id"],
        }
        new = {
            "properties": {name: dict(field) for name, field in old["properties"].items()},  # type: ignore[attr-defined]
            "required": list(old["required"]),
        }
        change(new)  # type: ignore[operator]

        assert docs.broken_promises(old, new) == broken


class TestHandlerNames:
    """A handler's name is permanent, and committed."""

    @pytest.fixture(autouse=True)
    def committed(self, tmp_path: Path, settings: Settings) -> Path:
        """Let the command work on a copy of the committed documents."""
        shutil.copytree(ROOT / "docs", tmp_path / "docs")
        settings.BASE_DIR = tmp_path
        return tmp_path / "docs" / permanence.FILE

    def hold(self, path: Path, line: str) -> None:
        path.write_text(f"{path.read_text()}{line}\n")

    def test_are_those_of_the_modules(self, committed: Path) -> None:
        names = Names.parse(committed.read_text())

        assert "warehouse.reserve_stock" in names.used
        assert {name.split(".")[0] for name in names.used} <= set(settings.MODULES)

    @pytest.mark.parametrize("check", [True, False], ids=["check", "write"])
    def test_that_disappear_are_caught(self, check: bool, committed: Path) -> None:
        self.hold(committed, "orders.gone")
        before = committed.read_text()

        with pytest.raises(CommandError) as error:
            call_command("docs", check=check)

        assert "Gone from the code: orders.gone." in str(error.value)
        assert "takes effect a second time" in str(error.value)
        assert "manage.py docs --retire orders.gone" in str(error.value)
        assert committed.read_text() == before

    def test_are_retired_on_purpose(self, committed: Path) -> None:
        self.hold(committed, "orders.gone")

        call_command("docs", retire=["orders.gone"], stdout=StringIO())

        assert "\norders.gone (retired)\n" in committed.read_text()
        call_command("docs", check=True)

    def test_that_are_retired_are_not_used_again(self, committed: Path) -> None:
        self.hold(committed, "warehouse.reserve_stock (retired)")

        with pytest.raises(CommandError, match=r"in use again: warehouse\.reserve_stock"):
            call_command("docs", check=True)

    def test_that_nobody_has_are_not_retired(self) -> None:
        with pytest.raises(CommandError, match=r"no handler called orders\.never"):
            call_command("docs", retire=["orders.never"])

    def test_that_are_new_are_not_current_until_they_are_written(self, committed: Path) -> None:
        current = committed.read_text()
        committed.write_text(current.replace("warehouse.reserve_stock\n", ""))

        with pytest.raises(CommandError, match=f"Not current: {permanence.FILE}"):
            call_command("docs", check=True)
        call_command("docs", stdout=StringIO())

        assert committed.read_text() == current


def test_state_tables_name_the_states_that_their_models_have() -> None:
    choices = {
        frozenset(state.values)
        for model in apps.get_models()
        if (state := getattr(model, "State", None))
    }

    assert [table.title for table in all_tables() if frozenset(table.rows) not in choices] == []


def test_every_table_has_its_page_in_the_admin() -> None:
    ours = {*settings.MODULES, "bus", "rest"}
    absent = [
        model.__name__
        for model in apps.get_models()
        if model._meta.app_label in ours and not admin.site.is_registered(model)
    ]

    assert absent == []


def test_the_schema_is_complete_and_valid() -> None:
    call_command("spectacular", validate=True, fail_on_warn=True, file=os.devnull)


def test_every_setting_says_what_it_means() -> None:
    silent = [name for name, field in Environment.model_fields.items() if not field.description]

    assert silent == []


BREACHES = {
    "another app's models": (
        "apps/orders/usecases/placing.py",
        "from apps.users import models as _users",
    ),
    "events outside of handlers": (
        "apps/orders/usecases/placing.py",
        "from apps.payment import events as _payment",
    ),
    "the project from the kernel": ("kernel/money.py", "from ecommerce import urls as _urls"),
    "an app from the kernel": ("kernel/money.py", "from apps.orders import events as _events"),
    "Django in events": ("apps/orders/events.py", "from django.db import models as _models"),
    "REST in a use case": (
        "apps/orders/usecases/placing.py",
        "from rest_framework import views as _views",
    ),
    "Celery in an app": ("apps/orders/usecases/placing.py", "from celery import Celery as _Celery"),
    "HTTP outside a gateway": ("apps/payment/usecases/staff.py", "import httpx as _httpx"),
    "a view from a use case": (
        "apps/orders/usecases/placing.py",
        "from apps.orders import api as _api",
    ),
    "the third party": (
        "apps/payment/usecases/staff.py",
        "from payment_3p import settings as _settings",
    ),
    "the shop from the third party": ("payment_3p/api.py", "from kernel import money as _money"),
}


@pytest.fixture(scope="module")
def copy_of_the_sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("sources")
    for package in PACKAGES:
        shutil.copytree(
            ROOT / package, target / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    shutil.copy(ROOT / "pyproject.toml", target)
    return target


def lint_imports(directory: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache"],
        cwd=directory,
        env={**os.environ, "PYTHONPATH": str(directory)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("breach", BREACHES, ids=lambda name: name.replace(" ", "_"))
def test_the_import_contracts_catch(breach: str, copy_of_the_sources: Path) -> None:
    file, line = BREACHES[breach]
    path = copy_of_the_sources / file
    original = path.read_text()
    path.write_text(f"{original}\n{line}\n")
    try:
        done = lint_imports(copy_of_the_sources)
    finally:
        path.write_text(original)

    assert done.returncode == 1, done.stdout + done.stderr
    assert "BROKEN" in done.stdout


def test_a_new_kind_of_file_is_caught(copy_of_the_sources: Path) -> None:
    path = copy_of_the_sources / "apps" / "orders" / "helpers.py"
    path.write_text("")
    done = lint_imports(copy_of_the_sources)
    path.unlink()

    assert done.returncode != 0
    assert "apps.orders.helpers" in done.stdout + done.stderr


def test_events_are_frozen() -> None:
    assert Event.model_config["frozen"] is True
