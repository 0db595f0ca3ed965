"""A process with one directory: `python ldaptor_server.py LDIF CERTIFICATE KEY` prints its two ports."""

import os
import sys
from io import BytesIO
from pathlib import Path
from typing import Any

from ldaptor.inmemory import fromLDIFFile
from ldaptor.interfaces import IConnectedLDAPEntry
from ldaptor.protocols import pureldap
from ldaptor.protocols.ldap.ldapserver import LDAPServer
from twisted.internet import endpoints, reactor, ssl
from twisted.internet.protocol import ServerFactory
from twisted.python.components import registerAdapter

START_TLS = b"1.3.6.1.4.1.1466.20037"


class Factory(ServerFactory):
    def __init__(self, root: Any, options: Any) -> None:
        self.root = root
        self.options = options


class Server(LDAPServer):
    """With StartTLS, and as careless as many are: a name without a password is let in as nobody."""

    debug = False

    def handle_LDAPBindRequest(self, request: Any, controls: Any, reply: Any) -> Any:
        if not request.auth:
            return pureldap.LDAPBindResponse(resultCode=0)
        return super().handle_LDAPBindRequest(request, controls, reply)

    def handle_LDAPExtendedRequest(self, request: Any, controls: Any, reply: Any) -> Any:
        if request.requestName != START_TLS:
            return super().handle_LDAPExtendedRequest(request, controls, reply)
        reply(pureldap.LDAPExtendedResponse(resultCode=0, responseName=START_TLS))
        self.transport.startTLS(self.factory.options)
        return None


def serve(root: Any) -> None:
    certificate, key = (Path(name).read_bytes() for name in sys.argv[2:4])
    options = ssl.PrivateCertificate.loadPEM(key + certificate).options()
    factory = Factory(root, options)
    factory.protocol = Server
    plain = endpoints.TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1").listen(factory)
    secure = endpoints.SSL4ServerEndpoint(reactor, 0, options, interface="127.0.0.1").listen(factory)
    plain.addCallback(
        lambda one: secure.addCallback(
            lambda other: os.write(1, f"{one.getHost().port} {other.getHost().port}\n".encode())
        )
    )


registerAdapter(lambda factory: factory.root, Factory, IConnectedLDAPEntry)
fromLDIFFile(BytesIO(Path(sys.argv[1]).read_bytes())).addCallback(serve)
reactor.run()
