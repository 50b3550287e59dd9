"""
How long anything may take, in one place: each limit lies within the next one.

statement < handler's pack < task < time until SQS shows a message again. Whoever changes one
is told by tests/kernel/test_limits.py what it no longer fits.
"""

from __future__ import annotations

# -- PostgreSQL, in every process -----------------------------------------------------------------
# Longer than any statement of ours on a healthy database; shorter than a pack may take.
STATEMENT_SECONDS = 15
# Who waits this long for a row lock gives up, rolls back, and is tried again.
LOCK_SECONDS = 5
# A transaction whose process hangs gives its locks back. The relay holds rows while it sends.
IDLE_IN_TRANSACTION_SECONDS = 30

# -- a call to the outside world ------------------------------------------------------------------
# Together less than ten seconds: a handler that calls may call twice within its task.
CONNECT_SECONDS = 2
READ_SECONDS = 6
# SQS answers in milliseconds; the relay holds its rows locked while it sends a batch.
SQS_CALL_SECONDS = 5
SENDING_SECONDS = 15

# -- a task ---------------------------------------------------------------------------------------
# After this a pack takes no new event and is given back: what is left comes again.
PACK_SECONDS = 20
# A task that is still at it is killed with its process. The last event may begin at PACK_SECONDS
# and then has all of this that is left: time for several statements that each end in time.
TASK_SECONDS = 50
# What takes longer is done in steps, each of which ends with a word to begin the next: it may begin
# one more thing at the end, and still ends in time.
STEP_SECONDS = 15
# How many messages each process holds: the one it works on, and the next.
PREFETCH = 2

# -- a message ------------------------------------------------------------------------------------
# Longer than the tasks of all messages that a process holds: while a worker is at it nobody else
# gets the message.
VISIBILITY_SECONDS = 120
# Seconds until a failed message is seen again, by how often it was received (the last: soon to the
# dead-letter queue).
BACKOFF = {1: 5, 2: 30, 3: 120, 4: 600, 5: 1800, 6: 1}
# After so many receives it is a dead letter.
MAX_RECEIVES = 6
# Fourteen days: the most that SQS knows.
RETENTION_SECONDS = 14 * 24 * 3600

# -- the log --------------------------------------------------------------------------------------
# An event that a handler has neither taken nor given up by then is sent again: the whole
# back-off is over (under 45 minutes), so that no copy of it can still be on its way.
UNHEARD_MINUTES = 60
# An event stays at least this long: 14 days in a queue, 14 in its dead-letter queue, and a margin.
LOG_DAYS = 35
# A rebuild waits so long for those who are writing to the log: each of them has ended by then, be
# it by the limits of statements and of idle transactions above.
WRITERS_SECONDS = 60
# So long it waits for the replica's lock, while the replica's writers queue behind it: less than
# LOCK_SECONDS, so that none of them gives up. It gives way and asks again, so many times.
REPLICA_LOCK_SECONDS = 2
REPLICA_LOCK_TRIES = 10

# -- the web --------------------------------------------------------------------------------------
# A request that takes longer is ended with its process; no statement lasts that long.
REQUEST_SECONDS = 30
# A process that is told to stop ends what it has begun, within the load balancer's patience.
REQUEST_GRACE_SECONDS = 20

# So long a browser need not ask again what a page of another origin may send.
PREFLIGHT_SECONDS = 24 * 3600

# -- streams --------------------------------------------------------------------------------------
# As long as a redirected client needs to come; whoever finds the address in a log comes too late.
STREAM_TICKET_SECONDS = 60
# Then the client comes again through the API, which looks anew whether it may.
STREAM_SECONDS = 15 * 60
# How late the customer may hear of something: each look costs a query for all streams together.
STREAM_LOOK_SECONDS = 0.25
# Silence is broken well before any proxy on the way takes it for death (usually at 60 s).
STREAM_BEAT_SECONDS = 15
# A client that takes nothing for so long is dropped: by the kernel, or at the latest by us.
STREAM_UNREAD_SECONDS = 30
STREAM_SEND_SECONDS = 45
# A client comes again after this at the earliest, and after twice as long at the latest.
STREAM_RETRY_SECONDS = 2
# Streams end at once when the process is told to stop; clients that don't read are cut off here.
STREAM_STOP_SECONDS = 5
