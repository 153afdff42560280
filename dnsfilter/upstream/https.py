"""DNS over HTTPS towards an upstream (RFC 8484): POST over HTTP/2, padded (RFC 8467).

HTTP/2 is h2's, a protocol machine without sockets: so connections, reconnecting and health are those of DNS over TLS.
An upstream without HTTP/2 is refused (RFC 8484 section 5.2 makes it the minimum). A POST is answered afresh, not by an
HTTP cache, so that there is no Age to take off a TTL.
"""

import ssl
from collections.abc import Iterable
from typing import cast
from urllib.parse import urlsplit

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import ConnectionTerminated, DataReceived, Event, ResponseReceived, StreamEnded, StreamReset
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes, Settings

from dnsfilter.upstream.bootstrap import FindAddresses
from dnsfilter.upstream.secure import Identity, connect
from dnsfilter.upstream.stream import Connection, StreamUpstream
from dnsfilter.upstream.transport import Asked
from dnsfilter.values import Endpoint
from dnsfilter.wire.framing import MAX_MESSAGE
from dnsfilter.wire.padding import QUERY_BLOCK, pad

PROTOCOL = "h2"

_MEDIA_TYPE = "application/dns-message"
_NO_ID = b"\0\0"  # RFC 8484 section 4.1
_BODY_ROOM = 2 * QUERY_BLOCK + 256
"""What the flow control of HTTP/2 must have left for a question: more than the longest name takes."""

_CANCEL = 8


async def connect_https(
    upstream: StreamUpstream, url: str, endpoint: Endpoint, identity: Identity, find_addresses: FindAddresses
) -> Connection:
    """Return a connection that stands, to the first address of the URL's host that has one."""
    failure: OSError = ConnectionError("its name has no address")
    for address in await find_addresses(endpoint.host):
        connection = HttpsConnection(upstream, url)
        try:
            await connect(Endpoint(address, endpoint.port), identity, PROTOCOL, connection)
        except OSError as error:
            failure = error
            continue
        if connection.speaks_http2:
            return connection
        connection.transport.abort()
        failure = ConnectionError("does not speak HTTP/2")
    raise failure


class HttpsConnection(Connection):
    """One HTTP/2 connection; each question has a stream of its own."""

    def __init__(self, upstream: StreamUpstream, url: str) -> None:
        super().__init__(upstream)
        self.speaks_http2 = False
        parts = urlsplit(url)
        self._headers = [
            (":method", "POST"),
            (":scheme", "https"),
            (":authority", parts.netloc),
            (":path", f"{parts.path}?{parts.query}" if parts.query else parts.path),
            ("accept", _MEDIA_TYPE),
            ("content-type", _MEDIA_TYPE),
        ]
        self._http = H2Connection(H2Configuration(client_side=True, header_encoding=None))
        self._http.local_settings = Settings(client=True, initial_values={SettingCodes.ENABLE_PUSH: 0})
        self._bodies: dict[int, bytearray] = {}

    def connection_made(self, transport: object) -> None:
        """Begin to speak HTTP/2 if that was agreed on."""
        super().connection_made(transport)  # type: ignore[arg-type] # a transport, as the base says
        tls = cast("ssl.SSLObject", self.transport.get_extra_info("ssl_object"))
        self.speaks_http2 = tls.selected_alpn_protocol() == PROTOCOL
        if self.speaks_http2:
            self._http.initiate_connection()
            self.transport.write(self._http.data_to_send())

    @property
    def room(self) -> int:  # type: ignore[override] # reckoned where the base has none
        """How many more questions may be asked now."""
        streams = self._http.remote_settings.max_concurrent_streams - self._http.open_outbound_streams
        return int(min(streams, self._http.outbound_flow_control_window // _BODY_ROOM))

    def write(self, batch: Iterable[Asked]) -> None:
        """Send questions in one go."""
        try:
            for asked in batch:
                stream = self._http.get_next_available_stream_id()
                self.asked[stream] = asked
                body = pad(_NO_ID + asked.packet, QUERY_BLOCK)
                self._http.send_headers(stream, [*self._headers, ("content-length", str(len(body)))])
                self._http.send_data(stream, body, end_stream=True)
        except ProtocolError:
            self.transport.abort()
        self.transport.write(self._http.data_to_send())

    def forget(self, key: object) -> None:
        """Wait no longer for one answer, and tell the other side."""
        stream = cast("int", key)
        super().forget(stream)
        self._bodies.pop(stream, None)
        self._reset(stream)
        self.transport.write(self._http.data_to_send())

    def data_received(self, data: bytes) -> None:
        """Hand on the answers that are complete."""
        try:
            for event in self._http.receive_data(data):
                self._take_event(event)
        except ProtocolError:
            self.transport.abort()
        self.transport.write(self._http.data_to_send())
        self.upstream.on_batch_end()

    def _take_event(self, event: Event) -> None:
        if isinstance(event, ResponseReceived):
            self._begin(event.stream_id, dict(event.headers))
        elif isinstance(event, DataReceived):
            self._http.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            self._continue(event.stream_id, event.data)
        elif isinstance(event, StreamEnded):
            self._end(event.stream_id)
        elif isinstance(event, StreamReset):
            self._refuse(event.stream_id, "HTTP/2 stream reset")
        elif isinstance(event, ConnectionTerminated):
            self.transport.abort()

    def _begin(self, stream: int, headers: dict[bytes, bytes]) -> None:
        status, media_type = headers.get(b":status", b""), headers.get(b"content-type", b"")
        if status != b"200":
            self._refuse(stream, f"HTTP status {status.decode('ascii', 'replace')}")
        elif media_type.partition(b";")[0].strip().lower() != _MEDIA_TYPE.encode():
            self._refuse(stream, "the answer is no DNS message")
        else:
            self._bodies[stream] = bytearray()

    def _continue(self, stream: int, data: bytes) -> None:
        body = self._bodies.get(stream)
        if body is None:
            return
        body += data
        if len(body) > MAX_MESSAGE:
            self._refuse(stream, "the answer is longer than any DNS message")
            self._reset(stream)

    def _end(self, stream: int) -> None:
        body = self._bodies.pop(stream, None)
        if body is not None and not self.take(stream, bytes(body)):
            self._refuse(stream, "the answer is not to the question")

    def _refuse(self, stream: int, reason: str) -> None:
        self._bodies.pop(stream, None)
        asked = self.asked.pop(stream, None)
        if asked:
            self.upstream.on_refusal(asked, reason)

    def _reset(self, stream: int) -> None:
        try:
            self._http.reset_stream(stream, error_code=_CANCEL)
        except ProtocolError:  # it has ended by itself
            return
