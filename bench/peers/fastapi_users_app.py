"""FastAPI Users with a cookie, login tokens and users in SQLite."""

import asyncio
import os
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

from common import HOSTS, NAME, PASSWORD, URLS, LoginForm, Visitor, hasher
from common import is_own_token as is_own
from demo import SLOW_SECONDS
from fastapi import Depends, FastAPI, Request
from fastapi.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from fastapi.security import OAuth2PasswordRequestForm
from fastapi_users import BaseUserManager, FastAPIUsers, UUIDIDMixin
from fastapi_users.authentication import AuthenticationBackend, CookieTransport
from fastapi_users.authentication.strategy.db import AccessTokenDatabase, DatabaseStrategy
from fastapi_users.db import SQLAlchemyBaseUserTableUUID, SQLAlchemyUserDatabase
from fastapi_users.password import PasswordHelper
from fastapi_users_db_sqlalchemy.access_token import (
    SQLAlchemyAccessTokenDatabase,
    SQLAlchemyBaseAccessTokenTableUUID,
)
from jinja_pages import render
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase
from starlette.middleware.sessions import SessionMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette_sessions import HeadersMiddleware

EMAIL = f"{NAME}@example.com"
engine = create_async_engine(f"sqlite+aiosqlite:///{os.environ['PEER_FOLDER']}/users.db")
sessions = async_sessionmaker(engine, expire_on_commit=False)
helper = PasswordHelper(
    PasswordHash((Argon2Hasher(hasher.time_cost, hasher.memory_cost, hasher.parallelism),))
)


@event.listens_for(engine.sync_engine, "connect")
def set_pragmas(connection: Any, _: object) -> None:
    """Set what the render sets."""
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.close()


class Base(DeclarativeBase):
    """The tables."""


class User(SQLAlchemyBaseUserTableUUID, Base):
    """A user."""


class Token(SQLAlchemyBaseAccessTokenTableUUID, Base):
    """A login."""


class Users(UUIDIDMixin, BaseUserManager[User, uuid.UUID]):
    """Users who log in by an e-mail address."""


async def database() -> AsyncIterator[AsyncSession]:
    """Open a database session for a request."""
    async with sessions() as session:
        yield session


Session = Annotated[AsyncSession, Depends(database)]


async def manager(session: Session) -> AsyncIterator[Users]:
    """Make the user manager of a request."""
    yield Users(SQLAlchemyUserDatabase(session, User), helper)


async def strategy(session: Session) -> DatabaseStrategy[User, uuid.UUID, Token]:
    """Make the strategy of a request."""
    tokens: AccessTokenDatabase[Token] = SQLAlchemyAccessTokenDatabase(session, Token)
    return DatabaseStrategy(tokens, lifetime_seconds=3600)


backend = AuthenticationBackend("cookie", CookieTransport(cookie_secure=False), strategy)
current_user = FastAPIUsers[User, uuid.UUID](manager, [backend]).current_user(active=True)
Current = Annotated[User, Depends(current_user)]


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    """Create the tables and the user."""
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    async with sessions() as session:
        table = SQLAlchemyUserDatabase(session, User)
        if await table.get_by_email(EMAIL) is None:
            await table.create({"email": EMAIL, "hashed_password": helper.hash(PASSWORD)})
    yield
    await engine.dispose()


app = FastAPI(lifespan=lifespan, openapi_url=None)
app.add_middleware(SessionMiddleware, secret_key="k" * 43)
app.add_middleware(TrustedHostMiddleware, allowed_hosts=HOSTS)
app.add_middleware(HeadersMiddleware)


@app.get("/healthz", response_class=PlainTextResponse)
async def healthz() -> str:
    """Say that the process serves."""
    return "ok"


@app.get(URLS["auth.login"], response_class=HTMLResponse)
async def show_login(request: Request) -> str:
    """Show the form."""
    return render("login.html", request.session, Visitor(), form=LoginForm())


@app.post(URLS["auth.login"])
async def login(
    request: Request,
    users: Annotated[Users, Depends(manager)],
    strategy: Annotated[Any, Depends(strategy)],
) -> Response:
    """Log in."""
    data = await request.form()
    if not is_own(request.session, str(data.get("csrf_token", ""))):
        return PlainTextResponse("Bad request", 400)
    credentials = OAuth2PasswordRequestForm(
        username=f"{data['username']}@example.com", password=str(data["password"])
    )
    user = await users.authenticate(credentials)
    if user is None:
        return PlainTextResponse("Bad login", 401)
    answer = await backend.login(strategy, user)
    to_page = RedirectResponse(URLS["pages.protected"], 303)
    to_page.headers["Set-Cookie"] = answer.headers["Set-Cookie"]
    return to_page


@app.get(URLS["pages.protected"], response_class=HTMLResponse)
async def protected(request: Request, user: Current) -> str:
    """Show who is logged in."""
    return render("protected.html", request.session, Visitor(user.email.partition("@")[0]))


@app.get("/line", response_class=PlainTextResponse)
async def line(user: Current) -> str:
    """Show who is logged in, in a line of text."""
    return f"Logged in as: {user.email.partition('@')[0]}"


@app.get("/slow", response_class=PlainTextResponse)
async def slow(user: Current) -> str:
    """Wait for something."""
    await asyncio.sleep(SLOW_SECONDS)
    return f"Logged in as: {user.email.partition('@')[0]}"
