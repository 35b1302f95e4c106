"""uvicorn's HTTP protocol, lending its transport to the application that has to break it."""

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from bulk_referrals.sandbox.exchange import TRANSPORT


class BreakableProtocol(HttpToolsProtocol):
    """HTTP whose connections the application may close or reset."""

    def on_message_begin(self) -> None:
        """Put the transport into the scope, as an ASGI extension."""
        super().on_message_begin()
        self.scope["extensions"] = {TRANSPORT: self.transport}  # type: ignore[dict-item]
