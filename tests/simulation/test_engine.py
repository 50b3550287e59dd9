"""The simulator itself: what it replays, whom it stops, and what it leaves of who it kills."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import OperationalError, connection

from kernel.transactions import transaction
from simulation.acts import Act
from simulation.acts.staff import AdjustStock
from simulation.baton import Baton, Killed, State, Task
from simulation.crew import hired
from simulation.database import Stage
from simulation.faults import Kind
from simulation.points import Coverage, label_of, tables_written
from simulation.run import Outcome, simulate
from simulation.schedule import InvalidSchedule, Schedule
from simulation.shrink import shrink
from simulation.world import World

NOTHING: list[str] = []
SOME = "0,1,2,3"  # acts: enough for processes to wait for each other


# -- the same again --------------------------------------------------------------------------------
@pytest.mark.parametrize("seed", [5, 6])
def test_the_same_seed_gives_the_same_bytes(stage: Stage, seed: int) -> None:
    schedule = Schedule.parse(f"{seed}/acts={SOME}")
    first, second = (simulate(schedule, stage) for _ in range(2))

    assert first.waits > 0  # also where processes wait for each other
    assert "\n".join(first.trace) == "\n".join(second.trace)
    assert first.digest == second.digest


def test_another_process_gives_the_same_bytes_however_many_schedules_it_ran_before() -> None:
    five, six = f"5/acts={SOME}", f"6/acts={SOME}"
    with hired(2) as crew:
        reports = crew.run_all(iter([five, six, five, five]), is_traced=True)
        [first, _, again, second] = reports

    assert first.trace == again.trace == second.trace
    assert first.digest == again.digest == second.digest
    assert first.steps > 500


def test_a_schedule_is_replayed_by_its_text(stage: Stage) -> None:
    some = Schedule.parse(f"5/acts={SOME}")
    seen = simulate(some, stage)
    target = next(point for point in seen.points if "reserve_stock#insert.bus_outbox" in point)
    aimed = simulate(dataclasses.replace(some, targets=(target,)), stage)

    again = simulate(Schedule.parse(str(aimed.schedule)), stage)
    told = dataclasses.replace(some, faults=tuple(map(str, aimed.faults)))
    by_its_faults = simulate(Schedule.parse(str(told)), stage)

    assert str(aimed.schedule) == f"5:{target}/acts={SOME}"
    assert target in aimed.visited
    assert aimed.digest == again.digest == by_its_faults.digest != seen.digest


def test_nights_follow_until_no_wish_is_open(stage: Stage) -> None:
    """A silent card's authorization is settled in one night, what follows of it in the next."""
    late = Schedule.parse("912656/acts=3,4,5,7,8/faults=gateway-down@2")
    assert simulate(late, stage).violations == NOTHING


@pytest.mark.parametrize(
    "schedule",
    [
        Schedule(7),
        Schedule(7, targets=("warehouse.reserve_stock#commit.1", "relay#send.2")),
        Schedule(7, acts=(), faults=()),
        Schedule(7, acts=(0, 3), faults=("kill@a.b#commit.1~2", "delayed@3"), is_calm=True),
    ],
)
def test_a_schedules_text_says_all_of_it(schedule: Schedule) -> None:
    assert Schedule.parse(str(schedule)) == schedule


@pytest.mark.parametrize("text", ["", "x", "1/what=2", "1/acts=x", "-1"])
def test_another_text_is_refused(text: str) -> None:
    with pytest.raises(InvalidSchedule):
        Schedule.parse(text)


def test_a_schedule_leaves_the_database_as_it_found_it(stage: Stage) -> None:
    before = _everything()
    simulate(Schedule.parse(f"5/acts={SOME}"), stage)

    assert _everything() == before


def _everything() -> dict[str, Any]:
    """Return each table's rows, and where each sequence stands."""
    found = {}
    with connection.cursor() as cursor:
        for table in sorted(connection.introspection.table_names(cursor)):
            cursor.execute(f'SELECT json_agg(t ORDER BY t::text)::text FROM "{table}" AS t')
            found[table] = cursor.fetchone()[0]
        cursor.execute("SELECT sequencename, last_value FROM pg_sequences ORDER BY 1")
        return found | dict(cursor.fetchall())


# -- the baton -------------------------------------------------------------------------------------
@pytest.fixture
def baton(stage: Stage) -> Iterator[Baton]:
    """Return a baton, and a table with the rows 1 and 2."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE tally (id int PRIMARY KEY, value int NOT NULL)")
        cursor.execute("INSERT INTO tally VALUES (1, 0), (2, 0)")
    baton = Baton(stage.watch)
    yield baton
    baton.close()
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE tally")


def changes(*rows: int) -> Callable[[], None]:
    """Return what adds one to each of the rows, in one transaction."""

    def run() -> None:
        with transaction(), connection.cursor() as cursor:
            for row in rows:
                cursor.execute("UPDATE tally SET value = value + 1 WHERE id = %s", [row])

    return run


def begun(baton: Baton, name: str, run: Callable[[], None]) -> Task:
    task = Task(name, run, name)
    baton.start(task)
    return task


def step_to(baton: Baton, task: Task, label: str) -> None:
    """Let a task go on until it stands at this point, which must come."""
    for _ in range(20):
        if task.point.endswith(f"#{label}"):
            return
        baton.step(task)
    raise AssertionError(f"{task.point} is not {label}")


def finish(baton: Baton, *tasks: Task) -> None:
    """Let tasks go on in turn to their ends."""
    for _ in range(50):
        for task in tasks:
            if task.state is State.PARKED:
                baton.step(task)
    assert [task.state for task in tasks] == [State.DONE] * len(tasks)


def values() -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT value FROM tally ORDER BY id")
        return [value for (value,) in cursor.fetchall()]


def test_a_task_stops_at_every_statement_and_around_the_commit(baton: Baton) -> None:
    task = begun(baton, "a", changes(1, 2))
    points = []
    while task.state is State.PARKED:
        points.append(task.point)
        baton.step(task)

    assert points == [
        "a#begin.1",
        "a#update.tally.1",
        "a#update.tally.2",
        "a#commit.1",
        "a#committed.1",
    ]
    assert (task.error, values()) == (None, [1, 1])


@pytest.mark.parametrize("point", ["begin.1", "update.tally.1", "update.tally.2", "commit.1"])
def test_who_dies_before_the_commit_has_done_nothing(baton: Baton, point: str) -> None:
    task = begun(baton, "a", changes(1, 2))
    step_to(baton, task, point)
    baton.kill(task)

    assert isinstance(task.error, Killed)
    assert (task.state, values()) == (State.DONE, [0, 0])
    other = begun(baton, "b", changes(2, 1))  # nor is anything locked
    finish(baton, other)
    assert values() == [1, 1]


def test_who_dies_after_the_commit_has_done_all(baton: Baton) -> None:
    task = begun(baton, "a", changes(1, 2))
    step_to(baton, task, "committed.1")
    baton.kill(task)

    assert isinstance(task.error, Killed)
    assert (task.state, values()) == (State.DONE, [1, 1])


def test_nothing_that_catches_errors_brings_the_dead_back(baton: Baton) -> None:
    def run() -> None:
        try:
            changes(1)()
        except BaseException:  # noqa: BLE001
            changes(2)()
        finally:
            changes(2)()

    task = begun(baton, "a", run)
    step_to(baton, task, "commit.1")
    baton.kill(task)

    assert isinstance(task.error, Killed)
    assert values() == [0, 0]


def test_who_waits_for_a_lock_gives_the_baton_back_and_joins_again(baton: Baton) -> None:
    holder, waiter = begun(baton, "a", changes(1, 2)), begun(baton, "b", changes(1))
    step_to(baton, holder, "update.tally.2")
    step_to(baton, waiter, "update.tally.1")
    baton.step(waiter)
    assert (waiter.state, waiter.point) == (State.BLOCKED, "b#update.tally.1")

    step_to(baton, holder, "commit.1")
    assert waiter.state is State.BLOCKED
    baton.step(holder)

    assert (waiter.state, waiter.point) == (State.PARKED, "b#commit.1")
    finish(baton, holder, waiter)
    assert values() == [2, 1]


def test_those_who_wait_for_the_same_go_on_one_by_one_in_their_order(baton: Baton) -> None:
    holder = begun(baton, "a", changes(1))
    step_to(baton, holder, "commit.1")
    waiters = [begun(baton, name, changes(1)) for name in "bcd"]
    for waiter in waiters:
        step_to(baton, waiter, "update.tally.1")
        baton.step(waiter)
    order = []
    for task in [holder, *waiters]:
        baton.step(task)  # its commit
        order.append([waiter.name for waiter in waiters if waiter.state is State.PARKED])

    assert order == [["b"], ["b", "c"], ["b", "c", "d"], ["b", "c", "d"]]
    finish(baton, holder, *waiters)
    assert values() == [4, 0]


def test_the_death_of_who_holds_a_lock_frees_who_waits(baton: Baton) -> None:
    holder, waiter = begun(baton, "a", changes(1)), begun(baton, "b", changes(1))
    step_to(baton, holder, "commit.1")
    step_to(baton, waiter, "update.tally.1")
    baton.step(waiter)
    baton.kill(holder)

    assert waiter.state is State.PARKED
    finish(baton, waiter)
    assert values() == [1, 0]


def test_a_deadlock_ends_one_of_the_two(baton: Baton) -> None:
    one, other = begun(baton, "a", changes(1, 2)), begun(baton, "b", changes(2, 1))
    for task in (one, other):
        step_to(baton, task, "update.tally.2")
    baton.step(one)
    assert baton.break_deadlock(lambda tasks: tasks[0]) is None  # it only waits
    baton.step(other)
    assert [task.state for task in (one, other)] == [State.BLOCKED] * 2

    victim = baton.break_deadlock(lambda tasks: tasks[-1])

    assert victim is other
    finish(baton, one, other)
    assert isinstance(other.error, OperationalError)
    assert str(other.error) == "deadlock detected"
    assert (one.error, values()) == (None, [1, 1])


# -- whole schedules -------------------------------------------------------------------------------
def restocks(count: int) -> Callable[..., list[Act]]:
    """Return what draws so many acts: each puts one more on the shelf, and two hear of it."""
    return lambda chance: [
        AdjustStock(key=f"act-{number}", who="warehouse", product=0, delta=1)
        for number in range(count)
    ]


def run_restocks(stage: Stage, *faults: str, count: int = 1, **how: Any) -> Outcome:
    """Let so many restocks happen with exactly these faults."""
    schedule = Schedule(1, faults=faults, is_calm=True)
    return simulate(schedule, stage, draw=restocks(count), **how)


def takers(outcome: Outcome, handler: str) -> list[str]:
    """Return which processes came to a handler's commit."""
    found = [re.search(rf"(\S+ \S+) +{handler}#commit\.1$", line) for line in outcome.trace]
    return [match[1] for match in found if match]


def test_without_faults_each_hears_once(stage: Stage) -> None:
    outcome = run_restocks(stage)

    assert (outcome.faults, outcome.violations) == ([], NOTHING)
    assert len(takers(outcome, "orders.remember_stock")) == 1


def test_a_message_comes_again_when_its_consumer_has_died(stage: Stage) -> None:
    marks: list[int] = []
    handler = "orders.remember_stock"
    outcome = run_restocks(
        stage,
        f"kill@{handler}#commit.1~1",
        f"kill@{handler}#committed.1~1",
        judge=lambda world: marks.append(_marks(handler)) or NOTHING,  # type: ignore[func-returns-value]
    )

    queue, first = takers(outcome, handler)[0].split()
    message = first.split(".")[0]
    begun = [line for line in outcome.trace if f"{queue} {message}." in line and "begins" in line]
    assert [fault.kind for fault in outcome.faults] == [Kind.KILL, Kind.KILL]
    assert len(begun) == 3
    assert marks == [1]


def _marks(handler: str) -> int:
    """Return how often the handler took an event since the shop opened."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM bus_inbox AS mark WHERE handler = %s AND NOT EXISTS (SELECT FROM"
            " simulation_opened.bus_inbox AS old WHERE old.event_id = mark.event_id)",
            [handler],
        )
        return int(cursor.fetchone()[0])


def test_a_relay_that_dies_before_its_commit_sends_again(stage: Stage) -> None:
    queues: list[list[str]] = []

    def judge(world: World) -> list[str]:
        queues.append(sorted(world.broker.sent))
        return NOTHING

    run_restocks(stage, judge=judge)
    outcome = run_restocks(stage, "kill@relay#commit.1~1", judge=judge)

    once, twice = queues
    assert once
    assert twice == sorted([*once, *once])
    death = next(place for place, line in enumerate(outcome.trace) if "DIES" in line)
    who = [line.split()[3] for line in outcome.trace[death:] if line.endswith("begins")]
    assert who.index("relay") < who.index("job")  # by itself, before the scheduler wakes it
    assert outcome.violations == NOTHING


def test_a_web_process_that_dies_after_its_commit_is_asked_again_with_the_same_key(
    stage: Stage,
) -> None:
    replays: list[bool] = []

    def judge(world: World) -> list[str]:
        answers = world.acknowledged.answers["act-0"]
        replays.append(len(answers) == 1 and answers[0].is_granted)
        return NOTHING

    outcome = run_restocks(stage, "kill@web.adjust-stock#committed.1~1", judge=judge)

    assert [fault.kind for fault in outcome.faults] == [Kind.KILL]
    assert len([line for line in outcome.trace if "act-0/" in line and "begins" in line]) == 2
    assert len(takers(outcome, "orders.remember_stock")) == 1  # one effect
    assert replays == [True]


def test_a_pack_that_a_queue_refuses_is_sent_later(stage: Stage) -> None:
    outcome = run_restocks(stage, "unsent@1")

    assert [fault.kind for fault in outcome.faults] == [Kind.UNSENT]
    assert len(takers(outcome, "orders.remember_stock")) == 1
    assert outcome.violations == NOTHING


def test_what_fails_too_often_is_a_dead_letter_until_it_is_redriven(stage: Stage) -> None:
    point = "orders.remember_stock#insert.bus_inbox.1"
    outcome = run_restocks(stage, *(f"kill@{point}~{visit}" for visit in range(1, 7)))

    assert len(outcome.faults) == 6
    assert any("redrives" in line for line in outcome.trace)
    assert outcome.violations == NOTHING


def test_shrinking_leaves_only_what_is_to_blame(stage: Stage) -> None:
    """A planted violation: one certain act, and a certain fault among others."""

    def judge(world: World) -> list[str]:
        granted = {answer.asked.key for answer in world.acknowledged.granted("adjust stock")}
        doubled = len(set(Counter(world.broker.sent).values())) > 1
        return ["planted"] if "act-2" in granted and doubled else NOTHING

    def run(schedule: Schedule) -> Outcome:
        return simulate(schedule, stage, draw=restocks(4), judge=judge)

    faults = ("delayed@1", "doubled@2", "kill@relay#send.1~1")
    before = Schedule(1, faults=faults)
    assert run(before).violations == ["planted"]

    after = shrink(
        before, acts=4, faults=faults, fails=lambda schedule: bool(run(schedule).violations)
    )

    assert run(after).violations == ["planted"]
    assert after.is_calm
    assert (after.acts, after.faults) == ((2,), ("doubled@2",))


def test_shrinking_stops_when_its_tries_are_spent() -> None:
    tried: list[Schedule] = []

    def fails(schedule: Schedule) -> bool:
        tried.append(schedule)
        return len(schedule.acts or ()) == 64 and not schedule.is_calm

    shortest = shrink(Schedule(1), acts=64, faults=[], fails=fails, tries=5)

    assert len(tried) == 5
    assert shortest == tried[0]


# -- points ----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("sql", "label"),
    [
        ('SELECT "a"."id" FROM "orders_order" AS "a" WHERE x', "select.orders_order"),
        ('SELECT 1 FROM "orders_order" FOR UPDATE SKIP LOCKED', "select.orders_order.locked"),
        ("  INSERT INTO bus_inbox (event_id) SELECT unnest(%s)", "insert.bus_inbox"),
        ('UPDATE "bus_outbox" SET "x" = 1', "update.bus_outbox"),
        ('DELETE FROM "users_token" WHERE x', "delete.users_token"),
        ("WITH made AS (INSERT INTO a (id) SELECT 1) SELECT * FROM made", "with.a"),
        ("SELECT pg_try_advisory_lock(1)", "select.pg_try_advisory_lock"),
        ('SAVEPOINT "s1_x1"', "savepoint"),
    ],
)
def test_a_statement_is_named_by_what_it_does_to_which_table(sql: str, label: str) -> None:
    assert label_of(sql) == label


@pytest.mark.parametrize(
    ("sql", "tables"),
    [
        ('SELECT 1 FROM "orders_order" FOR UPDATE OF "orders_order"', set()),
        ("INSERT INTO a (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET id = 2", {"a"}),
        ("WITH made AS (INSERT INTO a (id) SELECT 1) UPDATE ONLY b SET x = 1", {"a", "b"}),
        ('DELETE FROM "c" USING d', {"c"}),
        ("MERGE INTO e USING f ON true", {"e"}),
    ],
)
def test_a_statement_says_which_tables_it_writes_to(sql: str, tables: set[str]) -> None:
    assert tables_written(sql) == tables


def test_coverage_aims_at_what_was_seen_and_not_yet_visited() -> None:
    coverage = Coverage()
    coverage.note("7", ["a#x.1", "a#y.1", "b#x.1"], ["a#y.1"])

    assert coverage.total == (1, 3)
    assert coverage.by_edge() == {"a": (1, 2), "b": (0, 1)}
    assert coverage.next_targets(5) == ("7", ["a#x.1", "b#x.1"])
    coverage.note("7:a#x.1,b#x.1", [], ["a#x.1"])
    assert coverage.next_targets(5) == ("7", ["b#x.1"])  # missed once: aimed at alone
    assert coverage.next_targets(5) == ("", [])
