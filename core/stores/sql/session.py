"""One connection, and what happens to a transaction that fails on it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from ...canon.errors import StackError

Work: TypeAlias = Callable[[Connection], Any]

logger = logging.getLogger(__name__)

TRIES = 3  # of a transaction that another one was in the way of, or whose connection was lost


class CommitFailed(Exception):
    """Nobody knows whether it was done, so it is not tried again."""


class Session:
    """For one thread. The connection is made when it is needed, and again when it was lost."""

    def __init__(self, engine: Engine, passing: Callable[[DBAPIError], bool]) -> None:
        self._engine = engine
        self._passing = passing
        self._connection: Connection | None = None

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()

    def outcomes(self, works: Sequence[Work]) -> Sequence[Any]:
        """What each returns, all in one transaction; a `StackError` for one that fails."""
        try:
            return self._committed(works)
        except Exception as error:
            if len(works) > 1 and not isinstance(error, CommitFailed):
                return [self.outcomes([work])[0] for work in works]  # one fails alone
            return [_told(error)] * len(works)

    def _committed(self, works: Sequence[Work]) -> Sequence[Any]:
        for left in reversed(range(TRIES)):
            try:
                return self._once(works)
            except DBAPIError as error:
                if not (left and (error.connection_invalidated or self._passing(error))):
                    raise
        raise AssertionError("the last try returns or raises")

    def _once(self, works: Sequence[Work]) -> Sequence[Any]:
        if self._connection is None:
            self._connection = self._engine.connect()
        with self._connection.begin() as transaction:
            results = [work(self._connection) for work in works]
            try:
                transaction.commit()
            except SQLAlchemyError as error:
                raise CommitFailed(str(getattr(error, "orig", error))) from error
            return results


def _told(error: Exception) -> StackError:
    if isinstance(error, StackError):
        return error
    logger.error("the store failed", exc_info=error)
    said = " ".join(str(getattr(error, "orig", None) or error).split())
    return StackError(f"the store failed: {said[:200]}")
