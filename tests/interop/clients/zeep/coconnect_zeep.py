"""What Python zeep lacks as a client of coconnect: signed addressing headers, a Timestamp, SHA-256, a verified answer.

    client = zeep.Client(url, transport=transport(...), wsse=Signed(key, certificate, their_certificate))

zeep writes the WS-Addressing headers by itself, since the WSDL names the actions. `Signed` adds a Timestamp and a
BinarySecurityToken, and signs Body, Timestamp, token and every addressing header with rsa-sha256 over exclusive C14N. Of
an answer it demands a signature by the receiver's certificate over Body, Timestamp and RelatesTo. zeep encrypts nothing,
so the partner file on the other side needs `encrypt = "none"`, which `dev` and `test` allow.
"""

import base64
import datetime
import uuid

import requests
import xmlsec
import zeep
from lxml import etree
from zeep.transports import Transport

WSA = "http://www.w3.org/2005/08/addressing"
WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
WSU = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
DS = "http://www.w3.org/2000/09/xmldsig#"
X509 = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-x509-token-profile-1.0#X509v3"
BASE64 = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#Base64Binary"
LIFETIME_S = 300
SKEW_S = 300


class NotVerified(Exception):
    """An answer whose signature does not hold, or does not cover what it must."""


def transport(ca, certificate, key, user, password):
    """Mutual TLS and Basic."""
    session = requests.Session()
    session.trust_env = False  # else REQUESTS_CA_BUNDLE takes the place of `ca`
    session.verify, session.cert, session.auth = ca, (certificate, key), (user, password)
    return Transport(session=session, timeout=30, operation_timeout=30)


class Signed:
    """zeep's `wsse`: `apply` signs a request, `verify` judges an answer."""

    def __init__(self, key, certificate, their_certificate):
        self.key = xmlsec.Key.from_file(key, xmlsec.KeyFormat.PEM)
        self.theirs = xmlsec.Key.from_file(their_certificate, xmlsec.KeyFormat.CERT_PEM)
        with open(certificate, encoding="ascii") as file:
            pem = file.read().split("-----BEGIN CERTIFICATE-----")[1].split("-----END CERTIFICATE-----")[0]
        self.token = "".join(pem.split())
        self.message_id = None

    def apply(self, envelope, headers):
        soap = etree.QName(envelope).namespace
        header = envelope.find(etree.QName(soap, "Header"))
        self.message_id = header.findtext(f"{{{WSA}}}MessageID")
        security = etree.SubElement(header, etree.QName(WSSE, "Security"), nsmap={"wsse": WSSE, "wsu": WSU})
        security.set(etree.QName(soap, "mustUnderstand"), "1")
        now = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0, tzinfo=None)
        timestamp = etree.SubElement(security, etree.QName(WSU, "Timestamp"))
        etree.SubElement(timestamp, etree.QName(WSU, "Created")).text = now.isoformat() + "Z"
        expires = now + datetime.timedelta(seconds=LIFETIME_S)
        etree.SubElement(timestamp, etree.QName(WSU, "Expires")).text = expires.isoformat() + "Z"
        token = etree.SubElement(security, etree.QName(WSSE, "BinarySecurityToken"), ValueType=X509, EncodingType=BASE64)
        token.text = self.token
        signature = xmlsec.template.create(envelope, xmlsec.Transform.EXCL_C14N, xmlsec.Transform.RSA_SHA256, ns="ds")
        security.append(signature)
        context = xmlsec.SignatureContext()
        context.key = self.key
        body = envelope.find(etree.QName(soap, "Body"))
        for node in [body, timestamp, token, *(n for n in header if etree.QName(n).namespace == WSA)]:
            name = "id-" + uuid.uuid4().hex
            node.set(etree.QName(WSU, "Id"), name)
            context.register_id(node, "Id", WSU)
            reference = xmlsec.template.add_reference(signature, xmlsec.Transform.SHA256, uri="#" + name)
            xmlsec.template.add_transform(reference, xmlsec.Transform.EXCL_C14N)
        context.sign(signature)
        # xmlsec does not know SecurityTokenReference, so it comes after signing; KeyInfo is not signed.
        info = xmlsec.template.ensure_key_info(signature)
        reference = etree.SubElement(info, etree.QName(WSSE, "SecurityTokenReference"))
        etree.SubElement(reference, etree.QName(WSSE, "Reference"), URI="#" + token.get(etree.QName(WSU, "Id")), ValueType=X509)
        return envelope, headers

    def verify(self, envelope):
        """Called by zeep for an answer, also for a fault. Raises NotVerified."""
        soap = etree.QName(envelope).namespace
        found = envelope.findall(f"{{{soap}}}Header/{{{WSSE}}}Security/{{{DS}}}Signature")
        if len(found) != 1:
            raise NotVerified(f"{len(found)} signatures in the answer, expected one")
        context = xmlsec.SignatureContext()
        signed = []
        for reference in found[0].findall(f"{{{DS}}}SignedInfo/{{{DS}}}Reference"):
            name = reference.get("URI", "")[1:]
            nodes = [n for n in envelope.iter(etree.Element) if n.get(f"{{{WSU}}}Id") == name]
            if len(nodes) != 1:
                raise NotVerified(f"{len(nodes)} elements with wsu:Id {name!r}, expected one")
            context.register_id(nodes[0], "Id", WSU)
            signed.append(nodes[0])
        context.key = self.theirs
        try:
            context.verify(found[0])
        except xmlsec.Error as error:
            raise NotVerified(f"the signature does not hold: {error}") from error
        self._covers(envelope, soap, signed)
        return envelope

    def _covers(self, envelope, soap, signed):
        timestamp = f"{{{soap}}}Header/{{{WSSE}}}Security/{{{WSU}}}Timestamp"
        for path in (f"{{{soap}}}Body", timestamp, f"{{{soap}}}Header/{{{WSA}}}RelatesTo"):
            nodes = envelope.findall(path)
            if len(nodes) != 1 or nodes[0] not in signed:
                raise NotVerified(f"{path}: {len(nodes)} there, expected one, signed")
        related = nodes[0].text  # RelatesTo is the last
        if related != self.message_id:
            raise NotVerified(f"the answer is to {related}, not to {self.message_id}")
        created = envelope.findtext(f"{timestamp}/{{{WSU}}}Created")
        age = datetime.datetime.now(datetime.timezone.utc) - datetime.datetime.fromisoformat(created.replace("Z", "+00:00"))
        if abs(age.total_seconds()) > LIFETIME_S + SKEW_S:
            raise NotVerified(f"the answer was made {created}")


class LastPosted(Transport):
    """Keeps the last exchange, and can change the octets that are posted or that came."""

    change = staticmethod(lambda octets: octets)
    sent = received = b""

    def post(self, address, message, headers):
        self.sent = self.change(message)
        answer = super().post(address, self.sent, headers)
        self.received = answer.content
        return answer
