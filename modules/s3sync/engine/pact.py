"""Noticing that a site's database was put back to an earlier state, and making good what that would lose.

Two sites number their contacts. Whoever begins a run proposes a random token, which it has stored before; both keep it as that of
their last contact. A site that does not know the other's token has lost the newest part of its memory, however much it has
done since. Then

- it gives its sequence another epoch, so that positions in it that others keep mean nothing any more, and counts its edits
  under another name, because numbers may have been given before (`Index.renew`);
- it is sent everything again, even what came from it: its own records that it has lost come back (`Index.echo`).

What is edited there between the restoration and the next contact is an edit beside what others have: a conflict, not a loss.
"""
from __future__ import annotations

import json
import re
import secrets
from typing import NamedTuple

from ..index.index import ECHO
from . import cursors, log
from .repository import Repository, by_uuid, tasks
from .scope import scope_digest
from .site import Site

#: verdicts: who was put back, seen from the site that answers
ME, YOU, BOTH = "me", "you", "both"
SWAPPED = {ME: YOU, YOU: ME}

CROSSING = "+"

COLUMNS = ("number", "token", "pending", "previous", "told", "healed")

#: "number.token.pending" from who begins a run, "number.token" in the answer
GREETING = re.compile(r"\A([0-9]{1,9})\.([0-9a-f]{0,16})\.([0-9a-f]{1,16})\Z")
CONTACT = re.compile(r"\A([0-9]{1,9})\.([0-9a-f]{1,16})\Z")


class Pact(NamedTuple):
    """What is known of the contacts with a peer.

    Attributes
    ----------
    number, token : of the last one; 0 and "" if there was none
    pending : token that was proposed, as long as no answer says that the peer has it
    previous : token of a contact that the peer began while this site waited for an answer: the peer may count either as the
        last. CROSSING until the answer has come.
    told : JSON, the sequence number of each table at that time
    healed : that this site was put back since was noticed through another peer
    """

    number: int = 0
    token: str = ""
    pending: str = ""
    previous: str = ""
    told: str = "{}"
    healed: bool = False


def load(site: Site, peer_uuid: str) -> Pact:
    """The contacts with a peer; an empty one if there were none."""
    names = ", ".join(f'"{name}"' for name in COLUMNS)
    rows = site.db.rows(f'SELECT {names} FROM "sync_pact" WHERE "peer_uuid" = ?', [peer_uuid])
    if not rows:
        return Pact()
    number, token, pending, previous, told, healed = rows[0]
    return Pact(int(number or 0), token or "", pending or "", previous or "", told or "{}", healed in ("T", True, 1))


def judge(mine: Pact, number: int, token: str, pending: str) -> str:
    """Who was put back to an earlier state, from what both know of their last contact (pure); "" for nobody."""
    if {mine.token, mine.previous, mine.pending} & {token, pending} - {""} or mine.token == token == "":
        return ""
    if number == mine.number:
        return BOTH
    return ME if number > mine.number else YOU


def remembered(site: Site, repository: Repository) -> str:
    """What to tell a peer with which a run begins. Commits: what is proposed must not be forgotten."""
    mine = load(site, repository.uuid)
    if not mine.pending:
        mine = mine._replace(pending=secrets.token_hex(4))
        _save(site, repository.uuid, mine)
        site.db.commit()
    return f"{mine.number}.{mine.token}.{mine.pending}"


def greeting(site: Site, caller: str, text: str) -> tuple[str, str]:
    """A peer begins a run and tells what it knows; the present contact, and the verdict. Commits.

    ("", "") for who is not registered here, or says what is not understood.
    """
    repository, match = by_uuid(site.db.dal, caller), GREETING.match(text)
    if repository is None or match is None:
        return "", ""
    number, token, pending = int(match.group(1)), match.group(2), match.group(3)
    mine = load(site, repository.uuid)
    verdict = judge(mine, number, token, pending)
    heal(site, repository, mine, verdict)
    new = Pact(max(mine.number, number) + 1, pending, mine.pending, CROSSING if mine.pending else "", _told(site))
    _save(site, repository.uuid, new)
    site.db.commit()
    return f"{new.number}.{new.token}", verdict


def heard(site: Site, repository: Repository, contact: str, verdict: str) -> None:
    """The peer has told the present contact and its verdict, at the beginning of a run. Commits."""
    match = CONTACT.match(contact)
    mine = load(site, repository.uuid)
    if match is None or match.group(2) != mine.pending:
        return
    heal(site, repository, mine, SWAPPED.get(verdict, verdict))
    previous = mine.token if mine.previous == CROSSING else ""
    _save(site, repository.uuid, Pact(int(match.group(1)), mine.pending, "", previous, _told(site)))
    site.db.commit()


def _told(site: Site) -> str:
    return json.dumps({row[0]: row[1] for row in site.db.rows('SELECT "tablename", "seq" FROM "sync_clock"')})


def _save(site: Site, peer_uuid: str, pact: Pact) -> None:
    site.db.upsert("sync_pact", ("peer_uuid",), COLUMNS, [(peer_uuid, *pact[:-1], "T" if pact.healed else "F")])


def heal(site: Site, repository: Repository, pact: Pact, verdict: str) -> None:
    """Make good what a restoration would lose, in the caller's transaction."""
    if verdict in (ME, BOTH):
        edited = 0
        if not pact.healed:
            told = json.loads(pact.told)
            for (name,) in site.db.rows('SELECT "tablename" FROM "sync_clock" ORDER BY "tablename"'):
                edited += site.index.renew(name, int(told.get(name) or 0))
            site.db.execute('UPDATE "sync_pact" SET "healed" = ?', ["T"])
        _everything(site, repository, "pull")
        log.write(site, repository.id, None, "none", "none", "check", "warning",
                  f"This site's database was put back to an earlier state since the last contact with {repository.name}: all its "
                  f"records are exchanged again, its own that were lost come back; {edited} edits noted since count as new ones")
    if verdict in (YOU, BOTH):
        _everything(site, repository, "push")
        log.write(site, repository.id, None, "none", "none", "check", "warning",
                  f"The database of {repository.name} was put back to an earlier state since the last contact: it is sent all "
                  "records again, also those that came from it", remote=True)


def _everything(site: Site, repository: Repository, direction: str) -> None:
    """Begin again, without leaving out what came from who receives it."""
    for task in tasks(site.db, repository.id):
        names = site.scope(task.resource, task.components) if site.host.carries(task.resource) else []
        cursors.save(site, repository.uuid, task.id, direction, scope_digest(task), dict.fromkeys(names, ECHO))
