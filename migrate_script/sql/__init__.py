"""What an SQL statement is, read by a lexer. Pure functions; nothing of the package is imported."""

from __future__ import annotations

from .classify import classify, keyword_and_kind, split
from .lexer import Token, tokens
from .statement import DDL, DML, EMPTY, QUERY, SAVEPOINT, SESSION, TRANSACTION, Statement

__all__ = [
    "DDL", "DML", "EMPTY", "QUERY", "SAVEPOINT", "SESSION", "TRANSACTION",
    "Statement", "Token", "classify", "keyword_and_kind", "split", "tokens",
]  # fmt: skip
