"""
The simulated third party that takes the money: a process, a database and a port of its own.

It imports nothing of the shop. `python -m payment_3p migrate`, then `gunicorn payment_3p.wsgi`.
"""
