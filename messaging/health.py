"""What `manage.py doctor` should know about sending."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from crm.lib import health, witness
from crm.lib.health import Finding
from crm.lib.vault import CannotUnseal
from messaging.channels import registry
from messaging.models import (
    ChannelSettings,
    Ledger,
    Message,
    MessagingSettings,
    ProviderCall,
    ProviderState,
    Receipt,
    RefusedCalls,
)
from messaging.outbox import flow, restores

OVERDUE = timedelta(minutes=15)
STUCK = timedelta(minutes=1)
LATELY = timedelta(days=1)


@health.check("messages on their way")
def messages_on_their_way(now: datetime) -> Iterator[Finding]:
    """Nothing is overdue on an open channel, nothing is in the hands of a dead worker, nothing is left unclear."""
    channels = [channel.channel for channel in flow.open_channels() if not _is_broken(channel)]
    overdue = Message.objects.overdue(now - OVERDUE).filter(channel__in=channels).count()
    if overdue:
        yield health.error(f"{overdue} messages are overdue by more than 15 minutes", "Is `manage.py worker` running?")
    stuck = Message.objects.filter(state=Message.State.SENDING, lease_until__lt=now - STUCK).count()
    if stuck:
        yield health.error(f"{stuck} messages hang in a lease that ended", "Is `manage.py worker` running?")
    unclear = Message.objects.filter(state=Message.State.UNKNOWN_FINAL).count()
    if unclear:
        yield health.warning(
            f"of {unclear} messages nobody knows whether they arrived", "Decide on them in the message log."
        )
    if not overdue and not stuck:
        yield health.ok("no message is overdue or stuck")


@health.check("restored backup")
def restored_backup(now: datetime) -> Iterator[Finding]:
    """The ledger is the one it was, and something outside the database would tell if it were not."""
    found = restores.current()
    if found:
        state = "is being reconciled" if found.asked_at else "waits for a person"
        yield health.error(
            f"The database was restored from a backup ({found.get_cause_display()}, noticed "
            f"{found.noticed_at:%F %T} UTC): nothing is sent, and it {state}.",
            "Run: manage.py reconcile --since WHEN-THE-BACKUP-WAS-MADE, or see Messages, Delivery.",
        )
        return
    ledger = Ledger.objects.first()
    if ledger and ledger.beat and not witness.recall().get(ledger.book.hex):
        yield health.warning(
            "Nothing outside the database keeps how far the ledger has come, so an older copy is not always noticed.",
            "Let WITNESS_FILE be a file that the worker may write, or set REDIS_URL.",
        )
    else:
        yield health.ok("the ledger is the one it was")


@health.check("channels")
def channels(now: datetime) -> Iterator[Finding]:
    """Every channel can send: no kill switch, no open circuit, a provider that exists and credentials that open."""
    if not MessagingSettings.current().sending_on:
        yield health.warning("all sending is switched off", "Switch it on in Settings, Channels.")
    for channel in ChannelSettings.objects.select_related("flow"):
        yield _finding(channel)


@health.check("calls of providers")
def calls_of_providers(now: datetime) -> Iterator[Finding]:
    """All that providers told was worked off, nobody knocks in vain, and receipts are for messages of ours."""
    if stuck := ProviderCall.objects.open().filter(received_at__lt=now - STUCK).order_by("-pk").first():
        count = ProviderCall.objects.open().count()
        yield health.error(
            f"{count} calls of providers could not be worked off ({stuck.fault or 'not tried yet'})",
            "They are tried again by themselves; the admin, Calls of providers, has them with their faults.",
        )
    refusals = list(RefusedCalls.objects.filter(last_at__gt=now - LATELY))
    for refused in refusals:
        where = refused.get_channel_display() or "an address that no channel has"
        yield health.warning(
            f"{refused.count} calls to {where} were refused as {refused.code}, the last at "
            f"{refused.last_at:%Y-%m-%d %H:%M} UTC from {refused.last_from or 'an unknown address'}",
            "If it is the provider, compare the address and the secret it was given with Settings, Channels.",
        )
    if orphaned := Receipt.objects.orphaned(now).count():
        yield health.warning(
            f"{orphaned} receipts are for messages that we do not know",
            "Does another program send through the same account?",
        )
    if not stuck and not refusals and not orphaned:
        yield health.ok("every call was taken and worked off")


def _finding(channel: ChannelSettings) -> Finding:
    name = channel.get_channel_display()
    if not channel.is_on:
        return health.warning(f"{name} is switched off", "Switch it on in Settings, Channels.")
    if channel.provider not in registry.names():
        return health.error(
            f"{name} uses an unknown provider: {channel.provider}", "Choose another in Settings, Channels."
        )
    try:
        faults = registry.faults(channel.provider, channel.config)
    except CannotUnseal as error:
        return health.error(f"{name}: {error}", "Restore CREDENTIALS_KEY, or enter the credentials again.")
    if faults:
        return health.error(f"{name}: {faults[0]}", "Messages wait. Enter its settings anew in Settings, Channels.")
    if _is_broken(channel):
        return health.error(
            f"{name}: {channel.provider} fails ({channel.flow.last_error})",
            "Check the account; sending goes on by itself, or when you close the circuit in Settings, Channels.",
        )
    return health.ok(f"{name} goes out through {channel.provider}")


def _is_broken(channel: ChannelSettings) -> bool:
    state = getattr(channel, "flow", None)
    return state is not None and state.breaker != ProviderState.Breaker.CLOSED
