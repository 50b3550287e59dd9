from __future__ import annotations

from django.conf import settings

from ecommerce.celery import app
from kernel import limits


def test_a_statement_ends_before_its_pack_and_a_lock_before_its_statement() -> None:
    assert limits.LOCK_SECONDS < limits.STATEMENT_SECONDS < limits.PACK_SECONDS


def test_the_last_event_of_a_pack_has_time_for_a_slow_statement_and_a_call_outside() -> None:
    call = limits.CONNECT_SECONDS + limits.READ_SECONDS
    left = limits.TASK_SECONDS - limits.PACK_SECONDS

    assert call < 10
    assert limits.STATEMENT_SECONDS + call < left


def test_a_step_has_time_at_its_end_for_a_slow_statement_and_a_call_outside() -> None:
    call = limits.CONNECT_SECONDS + limits.READ_SECONDS

    assert limits.STEP_SECONDS + limits.STATEMENT_SECONDS + call < limits.TASK_SECONDS


def test_a_message_stays_hidden_while_its_process_works_on_all_that_it_holds() -> None:
    assert limits.TASK_SECONDS * limits.PREFETCH < limits.VISIBILITY_SECONDS


def test_the_relay_sends_a_batch_before_postgresql_ends_its_transaction() -> None:
    longest = limits.SENDING_SECONDS + limits.SQS_CALL_SECONDS

    assert longest < limits.IDLE_IN_TRANSACTION_SECONDS


def test_the_watchdog_waits_until_the_whole_back_off_is_over() -> None:
    whole = sum(limits.BACKOFF.values()) + limits.MAX_RECEIVES * limits.TASK_SECONDS

    assert sorted(limits.BACKOFF) == list(range(1, limits.MAX_RECEIVES + 1))
    assert whole < limits.UNHEARD_MINUTES * 60


def test_the_log_outlives_every_copy_of_an_event() -> None:
    assert 2 * limits.RETENTION_SECONDS < limits.LOG_DAYS * 24 * 3600


def test_the_processes_are_told_these_limits_and_no_others() -> None:
    told = settings.DATABASES["default"]["OPTIONS"]["options"]

    assert f"statement_timeout={limits.STATEMENT_SECONDS}s" in told
    assert f"lock_timeout={limits.LOCK_SECONDS}s" in told
    assert f"idle_in_transaction_session_timeout={limits.IDLE_IN_TRANSACTION_SECONDS}s" in told
    assert app.conf.task_time_limit == limits.TASK_SECONDS
    assert app.conf.worker_prefetch_multiplier == limits.PREFETCH


def test_a_rebuild_outwaits_every_writer_and_makes_none_of_them_give_up() -> None:
    longest = limits.STATEMENT_SECONDS + limits.IDLE_IN_TRANSACTION_SECONDS

    assert longest < limits.WRITERS_SECONDS
    assert limits.REPLICA_LOCK_SECONDS < limits.LOCK_SECONDS
