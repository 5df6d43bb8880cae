"""Redis as Celery's broker, through a failover."""

from kombu.transport import redis
from redis.exceptions import ResponseError


class Transport(redis.Transport):
    """Takes an error that Redis answers with for a lost connection, and connects again.

    While Redis fails over, loads its data or is out of memory, it answers READONLY, LOADING,
    OOM, MISCONF or UNBLOCKED. To Celery those were errors of the program: the worker ended, or
    lived on without ever taking work again.
    """

    connection_errors = (*redis.Transport.connection_errors, ResponseError)
