"""Flask-Mailman: Django's mail API, sent to a real mail server."""

from __future__ import annotations

import pytest
from flask import request
from flask_mailman import EmailMessage, EmailMultiAlternatives, Mail

import smtp


@pytest.fixture
def sink(app):
    sink, controller = smtp.start()
    app.testing = False
    app.config.update(
        MAIL_SERVER="127.0.0.1",
        MAIL_PORT=controller.port,
        MAIL_DEFAULT_SENDER="shop@example.org",
        MAIL_BACKEND="smtp",
    )
    Mail(app)
    yield sink
    controller.stop()


async def test_a_view_sends_a_message(app, browser, sink, view):
    @app.route("/", methods=["POST"])
    @view
    def send():
        EmailMessage("Hello", "How are you?", to=[request.form["to"]]).send()
        return "sent"

    assert (await browser.post("/", form={"to": "ann@example.org"})).text == "sent"
    (message,) = sink.messages
    assert (message["Subject"], message["From"]) == ("Hello", "shop@example.org")
    assert message.get_content().strip() == "How are you?"


async def test_send_mail_and_send_mass_mail(app, browser, sink, view):
    @app.route("/")
    @view
    def send():
        mail = app.extensions["mailman"]
        mail.send_mail("one", "text", None, ["a@example.org"])
        mail.send_mass_mail([(f"n{n}", "text", None, ["a@example.org"]) for n in range(2)])
        return "sent"

    await browser.get("/")
    assert [message["Subject"] for message in sink.messages] == ["one", "n0", "n1"]


async def test_a_message_has_alternatives(app, browser, sink, view):
    @app.route("/")
    @view
    def send():
        message = EmailMultiAlternatives("Hi", "plain", to=["a@example.org"])
        message.attach_alternative("<b>rich</b>", "text/html")
        message.send()
        return "sent"

    await browser.get("/")
    assert [part.get_content_type() for part in sink.messages[0].iter_parts()] == [
        "text/plain",
        "text/html",
    ]


async def test_a_file_is_attached(app, browser, sink, view):
    @app.route("/")
    @view
    def send():
        message = EmailMessage("Hi", "see", to=["a@example.org"])
        message.attach("cat.txt", "meow", "text/plain")
        message.send()
        return "sent"

    await browser.get("/")
    (attachment,) = sink.messages[0].iter_attachments()
    assert attachment.get_filename() == "cat.txt"


async def test_one_connection_sends_many_messages(app, browser, sink, view):
    @app.route("/")
    @view
    def send():
        mail = app.extensions["mailman"]
        with mail.get_connection() as connection:
            for number in range(3):
                EmailMessage(f"n{number}", "x", to=["a@x.org"], connection=connection).send()
        return "sent"

    await browser.get("/")
    assert [message["Subject"] for message in sink.messages] == ["n0", "n1", "n2"]


async def test_messages_are_kept_in_an_outbox_in_tests(app, browser, view):
    mail = Mail(app)

    @app.route("/")
    @view
    def send():
        EmailMessage("Hi", "x", to=["a@example.org"]).send()
        return "sent"

    await browser.get("/")
    assert [message.subject for message in app.extensions["mailman"].outbox] == ["Hi"]
    assert mail is not None
