"""What `quart users clean` deletes of many who never return, part by part."""

import time
from typing import Any

import pytest
from accounts.sql.store import CLEANED_AT_ONCE
from browser import NAME, Browser
from quart import Quart
from sqlalchemy import event, func, insert, select

COUNT = CLEANED_AT_ONCE * 2 + 1
YEAR = 365 * 24 * 3600


@pytest.mark.everywhere
async def test_rows_of_users_who_never_return_go_part_by_part_and_others_stay(
    app: Quart, member: Browser, users: Any, store: Any
) -> None:
    part, past = store.part, int(time.time()) - YEAR
    tables = (part._sessions, part._remembered, part._browsers)
    user_id = (await users.find(NAME)).id
    old = [{"token": f"{n:064}", "user_id": user_id, "series": f"{n:064}"} for n in range(COUNT)]
    seen = {"created_at": past, "last_seen_at": past, "address": "", "user_agent": ""}
    browsers = [{"token": one["token"], "key": "x", "expires_at": past} for one in old]
    fill = [
        (part._sessions, [{**one, **seen} for one in old]),
        (part._remembered, [{**one, "expires_at": past} for one in old]),
        (part._browsers, browsers),
    ]
    deleted: list[int] = []

    @event.listens_for(part.database.engine, "after_cursor_execute")
    def count(_: Any, cursor: Any, statement: str, *__: Any) -> None:
        if statement.startswith("DELETE"):
            deleted.append(cursor.rowcount)

    class Rows:
        """What the tables hold."""

        def add(self) -> None:
            with part.database.transaction() as connection:
                for table, rows in fill:
                    connection.execute(insert(table), rows)

        def left(self) -> list[int]:
            with part.database.transaction() as connection:
                queries = (select(func.count()).select_from(table) for table in tables)
                return [connection.scalar(query) or 0 for query in queries]

    rows = type(store)(app, Rows())
    live = await rows.left()
    await rows.add()
    assert await store.clean() == COUNT * 3
    assert await rows.left() == live
    assert max(deleted) == CLEANED_AT_ONCE
    assert await member.is_logged_in()
