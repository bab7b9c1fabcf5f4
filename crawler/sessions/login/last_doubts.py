"""What is done about sessions when nothing else is left to do, or when the run stops. On the scheduler's thread."""

from __future__ import annotations

from crawler.sessions.login.last_proofs import LastProofs
from crawler.sessions.login.lives import KnownLives
from crawler.sessions.login.ports import SESSION, SessionGates
from crawler.sessions.login.session_door import SessionDoor
from crawler.sessions.login.session_evidence import SessionEvidence
from crawler.sessions.login.states import LoginState
from crawler.sessions.login.trials import Trials
from crawler.sessions.login.unusable import UnusableSessions
from crawler.sessions.pool import SessionPool


class LastDoubts:
    """Sees to pages that are not certain, and to suspects, of all sessions.

    Args:
        proofs: The last proof of each session of a run that stops.
    """

    def __init__(
        self,
        pool: SessionPool,
        gates: SessionGates,
        evidence: SessionEvidence,
        door: SessionDoor,
        unusable: UnusableSessions,
        proofs: LastProofs,
    ) -> None:
        self._pool, self._gates, self._evidence = pool, gates, evidence
        self._door, self._unusable, self._proofs = door, unusable, proofs

    @property
    def is_certain(self) -> bool:
        """Whether every page that a session has brought has been shown to be right."""
        return not any(pages.uncertain for pages in self._evidence.all_unproven.values())

    def lives(self) -> dict[str, KnownLives]:
        """By key of a session: how long such sessions lived, for later runs."""
        unproven = self._evidence.all_unproven
        return {self._pool.manager(name).session.key: pages.evidence.known for name, pages in unproven.items()}

    def ask_about_kept(self) -> None:
        """This process has nothing to do: probe sessions whose pages are kept, so that others need not wait."""
        for name, pages in list(self._evidence.all_unproven.items()):
            if pages.kept and self._pool.manager(name).record.state is LoginState.READY:
                self._door.probe_soon(name, "a page was refused, which may mean that we are logged out")

    def probe(self) -> None:
        """The crawl is about to end: probe sessions whose last pages did not prove themselves."""
        for name, pages in list(self._evidence.all_unproven.items()):
            if pages.uncertain and not self._gates.get((SESSION, name)).is_barred:
                self._door.probe_soon(name, "the crawl is about to end")

    def next_trial(self) -> bool:
        """Try the next suspect, or prove its session for that. Whether there is one."""
        trials = self._evidence.trials
        name = trials.next_session()
        if name is None:
            return False
        manager = self._pool.manager(name)
        if self._gates.get((SESSION, name)).is_barred:
            self._unusable.park(trials.take_waiting(name), name)
        elif manager.record.state is LoginState.READY and Trials.may_begin(self._evidence.unproven(name).evidence):
            self._door.requests.send_first([trials.begin()], alone=True)
        else:
            self._door.probe_soon(name, "a page is about to be tried that may end the session")
        return True

    def prove(self) -> bool:
        """The run stops: prove once what is uncertain. Whether that is under way."""
        return self._proofs.go_on(self._evidence.all_unproven)

    @property
    def is_proving(self) -> bool:
        """Whether a last proof is under way."""
        return self._proofs.under_way > 0
