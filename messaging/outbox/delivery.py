"""One claimed batch on its way through one provider: clear, compose, mark, call, write down."""

from __future__ import annotations

import logging
import time
from collections import Counter, deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime

from django.db import transaction

from crm.events import log
from crm.lib import bulk, lifeline
from messaging.channels.base import (
    FileOut,
    NeverSent,
    Outcome,
    Parcel,
    PermanentFailure,
    Provider,
    RateLimited,
    Uncertain,
)
from messaging.channels.reasons import Reason
from messaging.models import Attempt, ChannelSettings, Message, ShortLink
from messaging.outbox import announce, claims, clearance, enclosing, flow, policy, results, threads
from messaging.outbox.claims import Claim
from messaging.outbox.clearance import SOON
from messaging.outbox.clock import Clock
from messaging.outbox.facts import Rules, Wishes, message_facts
from messaging.outbox.results import Call
from messaging.outbox.threads import ALONE, Thread
from messaging.rendering import links
from messaging.rendering.letters import CannotCompose, Letter, Letters
from messaging.selectors.prices import Prices

logger = logging.getLogger("waymark.outbox")
State = Message.State
Ready = tuple[Message, Letter]


class Delivery:
    """
    Carries one claim. Made for one `run`.

    Args:
        is_proven: the provider has just taken messages. Another gets a few first: if it is down, these few are all
            that comes back or, worse, stays unclear.
    """

    def __init__(
        self,
        channel: ChannelSettings,
        provider: Provider,
        claim: Claim,
        rules: Rules,
        *,
        clock: Clock,
        is_proven: bool = False,
    ) -> None:
        self._channel = channel
        self._provider = provider
        self._claim = claim
        self._rules = rules
        # Calls that were lost are made again: these messages may be out already.
        self._repeats = {message.pk for message in claim.messages if message.wire_at}
        self._prices = Prices.current()
        self._clock = clock
        self._now = clock.now()
        self._receipts_url = links.receipts_url(channel.hook_token)
        self._waiting: deque[Ready] = deque()
        self._threads: dict[int, Thread] = {}
        self._files: dict[int, tuple[FileOut, ...]] = {}
        self._flying: dict[str, tuple[Message, float]] = {}
        self._ended: list[Call] = []
        # Set when nothing more may start; what is left goes back in line for then.
        self._halted_until: datetime | None = None
        # A call in the air has failed: what that means for the next is decided before there is a next.
        self._in_doubt = False
        self._is_proven = is_proven
        self.counts: Counter[str] = Counter()

    def run(self) -> Counter[str]:
        """Send what may be sent; return how many messages are now in each state ("held": waiting for a reason)."""
        cleared, counts = clearance.clear(self._claim, self._rules, now=self._now)
        self.counts += counts
        self._waiting.extend(self._compose(cleared))
        while self._waiting and not self._halted_until:
            self._hand_over(len(self._waiting) if self._is_proven else flow.FEWEST_CALLS)
        self._return_the_rest()
        return self.counts

    @property
    def is_proven(self) -> bool:
        """The provider has taken messages, and nothing has stopped it since."""
        return self._is_proven and self._halted_until is None

    @property
    def _at_once(self) -> int:
        """How many are marked, and written down, together: while one half is in flight, the other is."""
        most = self._provider.traits.in_flight
        return max(most // 2, 1) if self._is_proven else most

    def _hand_over(self, most: int) -> None:
        """Have the provider call for up to `most` of those that wait, and write down what came of it."""
        waited = len(self._waiting)
        try:
            for parcel, outcome in self._provider.send(self._parcels(most)):
                self._ended.append(self._land(parcel.key, outcome))
                self._in_doubt = self._in_doubt or isinstance(outcome, flow.TROUBLES)
                # While others wait, this is done as the next are marked.
                if len(self._ended) >= self._at_once and not self._waiting:
                    self._settle()
        except Exception:
            logger.exception("provider %s broke off", self._channel.provider)
            self._halted_until = self._now + SOON
        # Whoever is still in the air got no outcome: nobody knows.
        self._ended += [self._land(key, Uncertain("the provider gave no outcome")) for key in list(self._flying)]
        self._settle()
        self._in_doubt = False
        if len(self._waiting) == waited:
            self._halted_until = self._now + SOON  # it does not take any

    # --- Before the wire --------------------------------------------------------------------------

    def _compose(self, messages: Collection[Message]) -> list[Ready]:
        """The letters of `messages`; those that cannot be written end here, each on its own."""
        letters = Letters(messages, self._rules.shop)
        self._threads = threads.threads_of(messages, self._channel, now=self._now)
        self._files = enclosing.enclosed_in(messages)
        ready, failed = [], []
        for message in messages:
            try:
                ready.append((message, letters.compose(message, self._claim.people[message.customer_id])))
            except CannotCompose as error:
                failed.append(Call(message, PermanentFailure(error.detail, reason=error.reason), 0))
        if failed:
            self.counts += self._write(failed)
        return ready

    def _parcels(self, most: int) -> Iterator[Parcel]:
        """Up to `most` parcels as the provider has room for them, marked as on the wire a few at a time."""
        left = most
        while self._waiting and left and not self._in_doubt and not self._halted_until:
            going = self._mark(left)
            self._ended.clear()
            left -= len(going)
            started = time.monotonic()
            self._flying.update((message.key, (message, started)) for message, _ in going)
            for message, letter in going:
                yield self._parcel(message, letter, self._threads.get(message.pk, ALONE))

    def _parcel(self, message: Message, letter: Letter, thread: Thread) -> Parcel:
        return Parcel(
            key=message.key,
            to=message.address,
            at=self._now,
            channel=message.channel,
            sender=self._channel.sender,
            subject=letter.subject,
            body=letter.body,
            html=letter.html,
            unsubscribe_url=letter.unsubscribe_url,
            reply_to=thread.reply_to,
            in_reply_to=thread.in_reply_to,
            references=thread.references,
            reply_token=thread.reply_token,
            receipts_url=self._receipts_url,
            files=self._files.get(message.pk, ()),
        )

    def _may_go_on(self) -> bool:
        """Asked before every few calls: kill switches, what other workers met, a worker told to stop, the lease."""
        if self._halted_until:
            return False
        enough = self._claim.left > self._provider.traits.timeout
        if enough and not lifeline.is_cut() and flow.may_go_on(self._channel, self._clock.now()):
            return True
        self._halted_until = self._now + SOON
        return False

    @transaction.atomic
    def _mark(self, most: int) -> list[Ready]:
        """
        Write down that up to `most` calls start now, with what they say; leave out what is no longer ours to send.

        The lease, an opt-out and the suppression list are looked at once more, in the transaction that marks the rows:
        after it commits nothing stands between the row and the wire. In it, what has ended is written down first: never
        more than `in_flight` are on the wire for all that the database knows.
        """
        self._judge()
        if not self._may_go_on():
            return []
        room = self._provider.traits.in_flight - len(self._flying)
        chunk = [self._waiting.popleft() for _ in range(min(self._at_once, room, most, len(self._waiting)))]
        wishes = _wishes([message for message, _ in chunk])
        going = [(message, letter) for message, letter in chunk if message.pk not in wishes]
        self._now = self._clock.now()
        for message, letter in going:
            _put_text(message, letter, self._now)
            message.cost_micros = self._prices.of(message.channel, message.address, letter.segments)
        marked = claims.mark([_marked_row(message, self._claim.token) for message, _ in going], fields=_MARKED)
        going = [(message, letter) for message, letter in going if message.pk in marked]
        tries = [
            bulk.new_row(
                Attempt,
                message_id=message.pk,
                token=self._claim.token,
                provider=self._channel.provider,
                started_at=self._now,
            )
            for message, _ in going
        ]
        bulk.insert_new(Attempt, tries, unique=("message_id", "token"))
        bulk.insert_new(ShortLink, _links(going, self._now), unique=("token",))
        if wishes:
            ours = claims.still_sending(wishes, self._claim.token)
            self._withhold([message for message, _ in chunk if message.pk in ours], wishes)
        return going

    def _withhold(self, messages: Collection[Message], reasons: Mapping[int, Reason]) -> None:
        for message in messages:
            # As the policy has it: what an earlier call may have brought there was not withheld.
            message.state = State.UNKNOWN_FINAL if message.pk in self._repeats else State.WITHHELD
            message.reason, message.ended_at, message.cleared_at = reasons[message.pk], self._now, None
        fields = ("state", "reason", "decision", "ended_at", "cleared_at")
        rows = [
            {"id": message.pk, "lease_token": self._claim.token, **{name: getattr(message, name) for name in fields}}
            for message in messages
        ]
        claims.write(rows, fields=fields)
        withheld = [message for message in messages if message.state == State.WITHHELD]
        log.record_many([announce.withheld(message, self._now) for message in withheld], now=self._now)
        self.counts += Counter(message.state for message in messages)

    # --- After it ---------------------------------------------------------------------------------

    def _land(self, key: str, outcome: Outcome) -> Call:
        message, started = self._flying.pop(key)
        milliseconds = int((time.monotonic() - started) * 1000)
        return Call(message, outcome, milliseconds, is_repeat=message.pk in self._repeats)

    @transaction.atomic
    def _settle(self) -> None:
        """Write down what has ended."""
        self._judge()
        self._ended.clear()

    def _judge(self) -> None:
        """Write down what has ended, in the caller's transaction, and decide by it whether there is to be more."""
        if not self._ended:
            return
        self._now = self._clock.now()
        self.counts += self._write(self._ended)
        outcomes = [call.outcome for call in self._ended]
        self._is_proven = self._is_proven or not all(isinstance(outcome, flow.TROUBLES) for outcome in outcomes)
        goes_on = flow.note(self._channel, flow.Calls.of(outcomes), self._now)
        waits = [outcome.retry_after or flow.PAUSE for outcome in outcomes if isinstance(outcome, RateLimited)]
        if waits:
            self._halted_until = self._now + max(waits)
        elif not goes_on or all(isinstance(outcome, NeverSent) for outcome in outcomes):
            self._halted_until = self._now + SOON

    def _write(self, ended: list[Call]) -> Counter[str]:
        return results.write_results(ended, self._claim.token, provider=self._channel.provider, now=self._now)

    def _return_the_rest(self) -> None:
        rest = [message for message, _ in self._waiting]
        claims.release(rest, self._claim.token, due_at=self._halted_until or self._now + SOON)


# Nothing that an index knows of: the row's new version stands beside the old one, and no index has to learn of it.
_MARKED = (
    "reason", "decision", "subject", "body", "html", "segments", "cost_micros", "version_id", "language",
    "wire_at",
)  # fmt: skip


def _wishes(messages: Sequence[Message]) -> dict[int, Reason]:
    """Whom nothing is to be sent after all, and why, by message: they have asked us to stop, or withdrawn consent."""
    known = Wishes.about(messages)
    found = {
        message.pk: policy.wishes(
            message_facts(message),
            known.consent(message.customer_id, message.channel, message.topic_id),
            known.suppressed(message.channel, message.address_hash),
        )
        for message in messages
    }
    return {pk: reason for pk, reason in found.items() if reason}


def _put_text(message: Message, letter: Letter, now: datetime) -> None:
    message.subject, message.body, message.html = letter.subject, letter.body, letter.html
    message.segments, message.version_id, message.language = letter.segments, letter.version_id, letter.language
    message.wire_at = message.wire_at or now


def _links(going: Sequence[Ready], now: datetime) -> list[ShortLink]:
    """What the short links in these letters lead to. A letter that is sent again has the same ones."""
    return [
        bulk.new_row(
            ShortLink, token=link.token, message_id=message.pk, url=link.url, is_way_out=link.is_way_out, created_at=now
        )
        for message, letter in going
        for link in letter.short
    ]


def _marked_row(message: Message, token: str) -> dict[str, object]:
    return {"id": message.pk, "lease_token": token, **{name: getattr(message, name) for name in _MARKED}}
