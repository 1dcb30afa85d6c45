"""Registering at a peer, with the answers real Eden sites gave."""
from __future__ import annotations

import json

import pytest
from loopback import Reply

from s3sync.errors import AuthenticationFailed, ConfigurationError, NotPermitted, PeerRefused
from s3sync.peers.register import Registration, register

OWN = "urn:uuid:d9a7ebd0-37ff-40d8-b3a7-2808c93bff27"
THEIRS = "urn:uuid:ac9b0792-426b-4038-9953-0580eb8e050d"


def answer(status: str, message: str, **more: object) -> Reply:
    body = {"status": status, "statuscode": "200" if status == "success" else "400", "message": message, **more}
    return Reply(body=json.dumps(body).encode(), headers={"Content-Type": "application/json"})


def test_success(serve, connect):
    peer = serve(answer("success", "Registration successful", sender=THEIRS))
    assert register(connect(peer.url), OWN, "office.example.org/eden") == Registration(
        True, "Registration successful", THEIRS)
    seen, = peer.seen
    assert (seen.method, seen.path) == ("POST", "/eden/sync/repository/register.json")
    assert json.loads(seen.body) == {"uuid": OWN, "name": "office.example.org/eden", "apitype": "eden"}


def test_failed(serve, connect):
    peer = serve(answer("failed", "No repository identifier specified", sender=THEIRS))
    assert register(connect(peer.url), "", "x") == Registration(False, "No repository identifier specified", THEIRS)


@pytest.mark.parametrize("more", [{}, {"sender": None}, {"sender": ""}])
def test_without_sender(serve, connect, more):
    assert register(connect(serve(answer("success", "", **more)).url), OWN, "x") == Registration(
        True, "Registration successful", "")


@pytest.mark.parametrize("sender", ["x", "urn:uuid:", "urn:uuid:x", 7, [THEIRS], THEIRS + "\n", THEIRS[:-1],
                                    "x" + THEIRS])
def test_sender_is_no_uuid(serve, connect, refused, sender):
    peer = serve(answer("success", "Registration successful", sender=sender))
    assert "no UUID" in refused(PeerRefused, register, connect(peer.url), OWN, "x").message


@pytest.mark.parametrize("sender", [OWN, OWN.upper().replace("URN:UUID:", "urn:uuid:"), OWN[len("urn:uuid:"):]])
def test_this_very_site(serve, connect, refused, sender):
    peer = serve(answer("success", "Registration update successful", sender=sender))
    assert "this very site" in refused(ConfigurationError, register, connect(peer.url), OWN, "x").message


@pytest.mark.parametrize("body", [b"", b"OK", b"[]", b'{"hello": "world"}', b"<html>", b'{"status": "maybe"}'])
def test_not_an_answer_to_this(serve, connect, refused, body):
    refused(PeerRefused, register, connect(serve(Reply(body=body)).url), OWN, "x")


def test_not_let_in(serve, connect, refused):
    refused(AuthenticationFailed, register, connect(serve(Reply(401, b"Authentication Required")).url), OWN, "x")
    refused(NotPermitted, register, connect(serve(Reply(403, b"Insufficient Privileges")).url), OWN, "x")


def test_repeated_when_the_answer_is_lost(serve, connect):
    good = answer("success", "Registration successful", sender=THEIRS)
    peer = serve(Reply(body=good.body, cut=10), good)
    assert register(connect(peer.url, retries=1), OWN, "x").ok and len(peer.seen) == 2
