"""Flask-Mail: messages sent to a real mail server, and recorded in tests."""

from __future__ import annotations

import pytest
from flask import render_template_string, request
from flask_mail import Mail, Message, email_dispatched

import smtp


@pytest.fixture
def sink(app):
    sink, controller = smtp.start()
    app.config.update(
        MAIL_SERVER="127.0.0.1",
        MAIL_PORT=controller.port,
        MAIL_SUPPRESS_SEND=False,
        MAIL_DEFAULT_SENDER="shop@example.org",
    )
    yield sink
    controller.stop()


@pytest.fixture
def mail(app, sink):
    return Mail(app)


async def test_a_view_sends_a_message(app, browser, mail, sink, view):
    @app.route("/", methods=["POST"])
    @view
    def send():
        mail.send(Message("Hello", recipients=[request.form["to"]], body="How are you?"))
        return "sent"

    assert (await browser.post("/", form={"to": "ann@example.org"})).text == "sent"
    (message,) = sink.messages
    assert (message["Subject"], message["To"]) == ("Hello", "ann@example.org")
    assert message["From"] == "shop@example.org"
    assert message.get_content().strip() == "How are you?"


async def test_copies_are_delivered_and_blind_ones_not_named(app, browser, mail, sink, view):
    @app.route("/")
    @view
    def send():
        mail.send(
            Message("Hi", ["a@example.org"], "x", cc=["c@example.org"], bcc=["b@example.org"])
        )
        return "sent"

    await browser.get("/")
    assert sorted(sink.recipients[0]) == ["a@example.org", "b@example.org", "c@example.org"]
    assert sink.messages[0]["Bcc"] is None


async def test_a_message_is_made_of_a_template(app, browser, mail, sink, view):
    @app.route("/<name>")
    @view
    def send(name):
        message = Message("Hi", recipients=["a@example.org"])
        message.body = render_template_string("Hello {{ name }}", name=name)
        message.html = render_template_string("<b>Hello {{ name }}</b>", name=name)
        mail.send(message)
        return "sent"

    await browser.get("/Ann")
    (message,) = sink.messages
    assert message.get_body(["plain"]).get_content().strip() == "Hello Ann"
    assert message.get_body(["html"]).get_content().strip() == "<b>Hello Ann</b>"


async def test_a_file_is_attached(app, browser, mail, sink, view):
    @app.route("/")
    @view
    def send():
        message = Message("Hi", recipients=["a@example.org"], body="see")
        message.attach("cat.txt", "text/plain", b"meow")
        mail.send(message)
        return "sent"

    await browser.get("/")
    (attachment,) = sink.messages[0].iter_attachments()
    assert attachment.get_filename() == "cat.txt"
    assert attachment.get_content().strip() == "meow"


async def test_one_connection_sends_many_messages(app, browser, mail, sink, view):
    @app.route("/")
    @view
    def send():
        with mail.connect() as connection:
            for number in range(3):
                connection.send(Message(f"n{number}", ["a@example.org"], "x"))
        return "sent"

    await browser.get("/")
    assert [message["Subject"] for message in sink.messages] == ["n0", "n1", "n2"]


async def test_a_header_injection_is_refused(app, browser, mail, sink, view):
    from flask_mail import BadHeaderError

    @app.route("/")
    @view
    def send():
        try:
            mail.send(Message("Hi\r\nBcc: eve@example.org", ["a@example.org"], "x"))
        except BadHeaderError:
            return "refused"

    assert (await browser.get("/")).text == "refused"
    assert sink.messages == []


async def test_messages_are_recorded_in_tests(app, browser, view):
    mail = Mail(app)

    @app.route("/")
    @view
    def send():
        mail.send_message("testing", ["test@localhost"], "test", sender="send@localhost")
        return ""

    with mail.record_messages() as outbox:
        await browser.get("/")
    assert [message.subject for message in outbox] == ["testing"]


async def test_a_signal_tells_of_a_message(app, browser, mail, sink, view):
    heard = []

    @app.route("/")
    @view
    def send():
        mail.send_message("Hi", ["a@example.org"], "x")
        return "sent"

    def hear(sender, message, **extra):
        heard.append(message.subject)

    with email_dispatched.connected_to(hear):
        await browser.get("/")
    assert heard == ["Hi"]


@pytest.mark.quart
async def test_a_thread_sends_a_message(app, browser, mail, sink):
    from quart.utils import run_sync

    @app.route("/")
    async def send():
        await run_sync(mail.send)(Message("Hi", ["a@example.org"], "x"))
        return "sent"

    assert (await browser.get("/")).text == "sent"
    assert len(sink.messages) == 1
