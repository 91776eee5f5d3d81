"""What all tables share, and column types that mean the same on SQLite and PostgreSQL."""

from decimal import Decimal
from typing import Any

from sqlalchemy import BigInteger, Dialect, Integer, MetaData, Numeric, Text
from sqlalchemy.types import TypeDecorator, TypeEngine

metadata = MetaData()  # of all tables

# Only an INTEGER primary key is the row's own key on SQLite; it holds 64 bits there.
Key = BigInteger().with_variant(Integer(), "sqlite")


class ExactDecimal(TypeDecorator[Decimal]):
    """A Decimal with every digit: TEXT on SQLite (whose NUMERIC is a float), unbounded NUMERIC elsewhere."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """TEXT or NUMERIC."""
        return dialect.type_descriptor(Text() if dialect.name == "sqlite" else Numeric())

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> Any:
        """Plain digits, never an exponent."""
        if value is None or dialect.name != "sqlite":
            return value
        return format(value, "f")

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:  # noqa: ARG002 -- SQLAlchemy's signature
        """Whatever the driver gives, exactly."""
        return value if value is None or isinstance(value, Decimal) else Decimal(value)
