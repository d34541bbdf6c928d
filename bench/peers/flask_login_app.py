"""Flask with Flask-Login and Flask-WTF; with PEER_USERS=sql also Flask-SQLAlchemy."""

import os
import time
from typing import Any

from common import FOLDERS, HOSTS, LINKS, SETTINGS, missing
from demo import NAME, SLOW_SECONDS
from flask import Flask, Response, redirect, render_template, request
from flask_login import LoginManager, UserMixin, current_user, login_required, login_user
from flask_wtf import CSRFProtect

app = Flask("site", **FOLDERS)
app.config.update(SETTINGS, TRUSTED_HOSTS=HOSTS)
csrf = CSRFProtect(app)
login_manager = LoginManager(app)

if os.environ.get("PEER_USERS") == "sql":
    from flask_sqlalchemy import SQLAlchemy
    from sqlalchemy import event

    app.config["SQLALCHEMY_DATABASE_URI"] = f"sqlite:///{os.environ['PEER_FOLDER']}/users.db"
    db = SQLAlchemy(app)

    class User(UserMixin, db.Model):  # type: ignore[name-defined, misc]  # made at run time
        """A user in the database."""

        id = db.Column(db.Integer, primary_key=True)
        name = db.Column(db.String, unique=True)

    def set_pragmas(connection: Any, _: object) -> None:
        """Set what the render sets."""
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")

    with app.app_context():
        event.listen(db.engine, "connect", set_pragmas)
        db.create_all()
        db.session.add(User(name=NAME))
        db.session.commit()

    def find(name: str) -> Any:
        """Look the user up by name."""
        return db.session.query(User).filter_by(name=name).first()

    @login_manager.user_loader
    def load_user(user_id: str) -> Any:
        """Look the user up."""
        return db.session.get(User, int(user_id))

else:

    class User(UserMixin):  # type: ignore[no-redef]  # one of the two
        """A user in a dict."""

        def __init__(self, name: str) -> None:
            self.id = self.name = name

    USERS = {NAME: User(NAME)}
    find = login_manager.user_loader(USERS.get)


@app.after_request
def set_headers(response: Response) -> Response:
    """Add the headers."""
    response.headers.extend(missing(response.headers))
    return response


@app.get("/healthz")
def healthz() -> str:
    """Say that the process serves."""
    return "ok"


@app.route("/", methods=["GET", "POST"], endpoint="login.login")
@csrf.exempt
def login() -> Any:
    """Log in."""
    if request.method == "POST":
        login_user(find(NAME))
        return redirect("/protected", 303)
    return ""


@app.get("/protected", endpoint="pages.protected")
@login_required
def protected() -> str:
    """Show who is logged in."""
    return render_template("protected.html")


@app.get("/line")
@login_required
def line() -> str:
    """Show who is logged in, in a line of text."""
    return f"Logged in as: {current_user.name}"


@app.get("/slow")
@login_required
def slow() -> str:
    """Wait for something."""
    time.sleep(SLOW_SECONDS)
    return f"Logged in as: {current_user.name}"


for endpoint, path in LINKS.items():
    app.add_url_rule(path, endpoint, healthz)
