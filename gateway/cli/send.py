"""fixgw send: place, replace, cancel and watch orders over FIX from the command line."""

import asyncio
import contextlib
import os
import re
import ssl
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup, TyperOption

from gateway.cli.conversation import Conversation
from gateway.cli.send_outcome import EXIT_CODES, Request, await_outcome, new_order_request
from gateway.client import CannotConnect, ClientError, FixClient, LogonRefused, OrderNotRemembered
from gateway.wire.versions import VERSIONS

_INTERRUPTED = 130  # as shells report SIGINT

_HELP = """Send orders over FIX and read the answers, as a desk would.

\b
fixgw send buy 0.5 BTCUSDT --limit 60000 --tif GTC
fixgw send sell 0.1 BTCUSDT --market
fixgw send sell 0.1 BTCUSDT --stop 59000 --limit 58900
fixgw send replace CLORDID --limit 60100
fixgw send cancel CLORDID
fixgw send watch
fixgw send --json status CLORDID

Connection options may also stand at the end of the line.
Exit status: 0 done, 1 rejected, 2 wrong usage or no session, 3 no answer.
"""


class _OptionsAnywhere(TyperGroup):
    """Lets the group's options (--port, --json, …) stand behind the subcommand, where people type them."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # typer's own context class is private
        takes_value = {
            name: not option.is_flag
            for option in self.params
            if isinstance(option, TyperOption) and option.name != "help"
            for name in option.opts
        }
        moved: list[str] = []
        others: list[str] = []
        pending = iter(args)
        for argument in pending:
            name = argument.split("=", 1)[0]
            if name not in takes_value:
                others.append(argument)
                continue
            moved.append(argument)
            if takes_value[name] and "=" not in argument:
                moved += [value for value in [next(pending, None)] if value is not None]
        return super().parse_args(ctx, moved + others)


send = typer.Typer(
    cls=_OptionsAnywhere,
    no_args_is_help=True,
    help=_HELP,
)


@dataclass(frozen=True, slots=True)
class Desk:
    """The connection options of one call."""

    host: str
    port: int
    sender: str
    target: str
    version: str
    state: Path
    username: str | None
    password: str | None
    tls: ssl.SSLContext | None
    reset: bool
    timeout: float
    conversation: Conversation

    def client(self) -> FixClient:
        return FixClient(
            self.host,
            self.port,
            begin_string=self.version,
            sender_comp_id=self.sender,
            target_comp_id=self.target,
            store=self.state,
            username=self.username,
            password=self.password,
            tls=self.tls,
            reset_seq_num=self.reset,
            on_message=self.conversation.show,
        )


@send.callback()
def options(
    ctx: typer.Context,
    *,
    host: Annotated[str, typer.Option(envvar="FIXGW_HOST", help="Gateway address.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(envvar="FIXGW_PORT", help="Gateway port.")] = 9880,
    sender: Annotated[str, typer.Option(envvar="FIXGW_SENDER", help="Our SenderCompID(49).")] = "DESK",
    target: Annotated[str, typer.Option(envvar="FIXGW_TARGET", help="The gateway's CompID(56).")] = "FIXGW",
    version: Annotated[str, typer.Option(envvar="FIXGW_VERSION", help=", ".join(VERSIONS) + ".")] = "FIX.4.4",
    username: Annotated[str | None, typer.Option(envvar="FIXGW_USERNAME", help="Username(553).")] = None,
    password: Annotated[
        str | None, typer.Option(envvar="FIXGW_PASSWORD", help="Password(554); better in the variable.")
    ] = None,
    tls_ca: Annotated[
        Path | None, typer.Option(envvar="FIXGW_TLS_CA", help="Speak TLS; the authority of the gateway's certificate.")
    ] = None,
    tls_certificate: Annotated[
        Path | None, typer.Option(envvar="FIXGW_TLS_CERTIFICATE", help="Our client certificate (PEM).")
    ] = None,
    tls_key: Annotated[Path | None, typer.Option(envvar="FIXGW_TLS_KEY", help="Its private key (PEM).")] = None,
    state: Annotated[
        Path | None,
        typer.Option(
            envvar="FIXGW_STATE",
            help="File with sequence numbers and recent orders; by default one a session in ~/.local/state/fixgw.",
        ),
    ] = None,
    reset: Annotated[bool, typer.Option("--reset", help="Start over at number 1 on both sides (141=Y).")] = False,
    timeout: Annotated[float, typer.Option(help="Seconds to wait for each answer.")] = 10,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="Session messages and all fields too.")] = False,
) -> None:
    if version not in VERSIONS:
        raise typer.BadParameter(f"{version!r} is none of {', '.join(VERSIONS)}", param_hint="--version")
    ctx.obj = Desk(
        host=host,
        port=port,
        sender=sender,
        target=target,
        version=version,
        state=state or _default_state(f"{version}-{sender}-{target}-{host}-{port}"),
        username=username,
        password=password,
        tls=_tls(tls_ca, tls_certificate, tls_key),
        reset=reset,
        timeout=timeout,
        conversation=Conversation(as_json=as_json, verbose=verbose),
    )


def _tls(ca: Path | None, certificate: Path | None, key: Path | None) -> ssl.SSLContext | None:
    if ca is None:
        if certificate is not None or key is not None:
            raise typer.BadParameter("is missing; with it TLS is spoken", param_hint="--tls-ca")
        return None
    for option, file in (("--tls-ca", ca), ("--tls-certificate", certificate), ("--tls-key", key)):
        if file is not None and not file.is_file():
            raise typer.BadParameter(f"{file}: no such file", param_hint=option)
    try:
        context = ssl.create_default_context(cafile=ca)
        if certificate is not None:
            context.load_cert_chain(certificate, key)
    except OSError as error:
        files = ", ".join(str(file) for file in (ca, certificate, key) if file is not None)
        why = error.strerror or error
        raise typer.BadParameter(
            f"{files}: one of them cannot be used: {why}", param_hint="--tls-ca, --tls-certificate, --tls-key"
        ) from error
    return context


def _default_state(session: str) -> Path:
    home = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(home) / "fixgw" / f"{re.sub(r'[^A-Za-z0-9._-]', '_', session)}.json"


def _order_command(side: str) -> Callable[..., None]:
    def order(
        ctx: typer.Context,
        order_qty: Annotated[str, typer.Argument(metavar="QTY", help="OrderQty(38), in base units, such as 0.5.")],
        symbol: Annotated[str, typer.Argument(metavar="SYMBOL", help="Symbol(55), such as BTCUSDT.")],
        *,
        market: Annotated[bool, typer.Option("--market", help="Market order.")] = False,
        limit: Annotated[str | None, typer.Option(metavar="PX", help="Limit price.")] = None,
        stop: Annotated[str | None, typer.Option(metavar="PX", help="Stop price; with --limit, stop-limit.")] = None,
        stop_limit: Annotated[
            tuple[str, str] | None, typer.Option(metavar="STOP LIMIT", help="Stop and limit price.")
        ] = None,
        tif: Annotated[str | None, typer.Option(help="DAY, GTC, IOC, FOK or GTD.")] = None,
        expire: Annotated[str | None, typer.Option(help="GTD: ExpireTime(126), 20260131-17:00:00 (UTC).")] = None,
        post_only: Annotated[bool, typer.Option("--post-only", help="ExecInst(18)=6.")] = False,
        account: Annotated[str | None, typer.Option(help="Account(1).")] = None,
        cl_ord_id: Annotated[str | None, typer.Option("--id", help="ClOrdID(11); default: a new one.")] = None,
        watch: Annotated[bool, typer.Option("--watch", help="Stay until the order is done.")] = False,
    ) -> None:
        if stop_limit is not None:
            if stop is not None or limit is not None:
                raise typer.BadParameter("--stop-limit already holds both prices")
            stop, limit = stop_limit
        if market == (limit is not None or stop is not None):
            raise typer.BadParameter("say either --market or a price (--limit, --stop, --stop-limit)")

        async def act(client: FixClient, desk: Desk) -> int:
            sent = client.new_order(
                symbol,
                side,
                order_qty,
                price=limit,
                stop_px=stop,
                time_in_force=tif,
                expire_time=expire,
                exec_inst="6" if post_only else None,
                account=account,
                cl_ord_id=cl_ord_id,
            )
            return await _finish(client, desk, new_order_request(client, sent), watch=watch)

        _converse(ctx, act, interrupted=0 if watch else _INTERRUPTED)

    return order


for _side, _example in (("buy", "0.5 BTCUSDT --limit 60000 --tif GTC"), ("sell", "0.1 BTCUSDT --market")):
    _about = f"{_side.capitalize()} QTY of SYMBOL.\n\nExample: fixgw send {_side} {_example}"
    send.command(_side, help=_about)(_order_command(_side))

_ClOrdId = Annotated[str, typer.Argument(metavar="CLORDID", help="The order's ClOrdID(11).")]
_Symbol = Annotated[str | None, typer.Option(help="Needed for orders that this machine did not send.")]
_Side = Annotated[str | None, typer.Option(help="buy or sell; needed like --symbol.")]


@send.command()
def cancel(ctx: typer.Context, cl_ord_id: _ClOrdId, symbol: _Symbol = None, side: _Side = None) -> None:
    """Cancel an order.

    Example: fixgw send cancel 0131093000-a1b2-1
    """

    async def act(client: FixClient, desk: Desk) -> int:
        sent = client.cancel(cl_ord_id, symbol=symbol, side=side)
        return await _finish(client, desk, Request("F", sent, client.next_out - 1))

    _converse(ctx, act)


@send.command()
def replace(
    ctx: typer.Context,
    cl_ord_id: _ClOrdId,
    *,
    qty: Annotated[str | None, typer.Option(help="New total quantity, OrderQty(38).")] = None,
    limit: Annotated[str | None, typer.Option(metavar="PX", help="New limit price.")] = None,
    stop: Annotated[str | None, typer.Option(metavar="PX", help="New stop price.")] = None,
    symbol: _Symbol = None,
    side: _Side = None,
) -> None:
    """Change an order's quantity or price.

    Example: fixgw send replace 0131093000-a1b2-1 --limit 60100
    """
    if qty is None and limit is None and stop is None:
        raise typer.BadParameter("say what changes: --qty, --limit or --stop")

    async def act(client: FixClient, desk: Desk) -> int:
        sent = client.replace(cl_ord_id, order_qty=qty, price=limit, stop_px=stop, symbol=symbol, side=side)
        return await _finish(client, desk, Request("G", sent, client.next_out - 1))

    _converse(ctx, act)


@send.command()
def status(ctx: typer.Context, cl_ord_id: _ClOrdId, symbol: _Symbol = None, side: _Side = None) -> None:
    """Ask how an order stands.

    Example: fixgw send status 0131093000-a1b2-1
    """

    async def act(client: FixClient, desk: Desk) -> int:
        req_id = "" if desk.version == "FIX.4.2" else client.new_cl_ord_id()
        client.status(cl_ord_id, symbol=symbol, side=side, extra=[(790, req_id)] if req_id else [])
        return await _finish(client, desk, Request("H", cl_ord_id, client.next_out - 1, ord_status_req_id=req_id))

    _converse(ctx, act)


@send.command()
def watch(ctx: typer.Context) -> None:
    """Stay logged on and show every report until Ctrl-C.

    Example: fixgw send watch
    """

    async def act(client: FixClient, desk: Desk) -> int:
        desk.conversation.note("watching, Ctrl-C ends")
        await client.wait_closed(timeout=None)
        raise ClientError(client.closed_reason)

    _converse(ctx, act, interrupted=0)


async def _finish(client: FixClient, desk: Desk, request: Request, *, watch: bool = False) -> int:
    outcome, report = await await_outcome(client, request, desk.timeout, until_terminal=watch)
    desk.conversation.result(outcome, request.cl_ord_id, report)
    if not client.connected:
        desk.conversation.note(client.closed_reason)
    if outcome == "unanswered":
        desk.conversation.note(f"it may have arrived; ask with: fixgw send status {request.cl_ord_id}")
    return EXIT_CODES[outcome]


def _converse(
    ctx: typer.Context,
    act: Callable[[FixClient, Desk], Coroutine[Any, Any, int]],
    interrupted: int = _INTERRUPTED,
) -> None:
    """Log on, act, log out, and exit with the outcome's code, `interrupted` after Ctrl-C."""
    desk: Desk = ctx.obj

    async def run() -> int:
        client = desk.client()
        await client.connect(desk.timeout)
        desk.conversation.note(f"logged on to {desk.target} at {desk.host}:{desk.port} as {desk.sender}")
        try:
            return await act(client, desk)
        finally:
            with contextlib.suppress(ClientError):  # what was done stays done
                await client.logout()

    try:
        code = asyncio.run(run())
    except ClientError as error:
        typer.echo(f"{error}{_hint(error)}", err=True)
        code = 2
    except KeyboardInterrupt:
        code = interrupted
    raise typer.Exit(code)


def _hint(error: ClientError) -> str:
    """What to do about it, on a line of its own, where that can be told."""
    if isinstance(error.__cause__, ssl.SSLError):
        return "\nIs the gateway's certificate of the authority in --tls-ca, and does it speak TLS there at all?"
    if isinstance(error, CannotConnect):
        return "\nIs the gateway running (fixgw run), and is that its address? --host and --port say another"
    if isinstance(error, OrderNotRemembered):
        return "\nSuch as: --symbol BTCUSDT --side buy, and for a replace --qty 0.5; fixgw orders shows them"
    if isinstance(error, LogonRefused) and "too low" in str(error):
        return "\nIf the gateway started afresh, or this machine lost its numbers: --reset"
    if isinstance(error, LogonRefused) and "closed the connection" in str(error):
        return (
            "\nA gateway hangs up while it starts, and on whom it does not know: has it a session with this --sender, "
            "--target and --version? Does it want TLS (--tls-ca), or another certificate? Its log and "
            "fixgw wire say why"
        )
    return ""
