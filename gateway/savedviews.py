"""Views of the queue that a person named: filters and order, one of them shown first; each person has their own."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import JSON, Column
from sqlmodel import Field, Session, SQLModel, col, select, update

from gateway.errors import ConflictError, InvalidRequestError, NotFoundError

MAX_VIEWS = 20  # of one person: more would not be found again on the page
MAX_VIEW_NAME = 60  # characters


class SavedView(SQLModel, table=True):
    """Filters and order of the queue under a name."""

    account_id: str = Field(primary_key=True, foreign_key="account.id", max_length=64)
    name: str = Field(primary_key=True, max_length=MAX_VIEW_NAME)
    fields: dict[str, str] = Field(sa_column=Column(JSON, nullable=False))  # as in the address of the page
    first: bool = False  # shown where no view is asked for


def views_of(session: Session, account_id: str) -> list[SavedView]:
    """Return a person's views by name."""
    mine = select(SavedView).where(SavedView.account_id == account_id)
    return list(session.exec(mine.order_by(col(SavedView.name))))


def first_view(session: Session, account_id: str) -> SavedView | None:
    """Return the view that a person sees first, None without one."""
    mine = select(SavedView).where(SavedView.account_id == account_id, col(SavedView.first).is_(True))
    return session.exec(mine).first()


def save_view(session: Session, account_id: str, name: str, fields: Mapping[str, str], *, first: bool) -> SavedView:
    """Store a view, or replace the one of that name; raises `InvalidRequestError`, `ConflictError` for one too many."""
    label = " ".join(name.split())
    if not label or len(label) > MAX_VIEW_NAME or not label.isprintable():
        raise InvalidRequestError(f"a view needs a printable name of 1 to {MAX_VIEW_NAME} characters")
    row = session.get(SavedView, (account_id, label))
    if row is None:
        if len(views_of(session, account_id)) >= MAX_VIEWS:
            raise ConflictError(f"you have {MAX_VIEWS} views; remove one first")
        row = SavedView(account_id=account_id, name=label, fields={})
    row.fields = dict(fields)
    if first:
        _none_first(session, account_id)
    row.first = first
    session.add(row)
    return row


def show_first(session: Session, account_id: str, name: str) -> None:
    """Make a view the one that its person sees first; an empty name makes it none. Raises `NotFoundError`."""
    _none_first(session, account_id)
    if name:
        row = _find(session, account_id, name)
        row.first = True
        session.add(row)


def remove_view(session: Session, account_id: str, name: str) -> None:
    """Remove a view; raises `NotFoundError`."""
    session.delete(_find(session, account_id, name))


def _find(session: Session, account_id: str, name: str) -> SavedView:
    row = session.get(SavedView, (account_id, name))
    if row is None:
        raise NotFoundError("you have no view of that name")
    return row


def _none_first(session: Session, account_id: str) -> None:
    session.execute(update(SavedView).where(col(SavedView.account_id) == account_id).values(first=False))
    session.expire_all()
