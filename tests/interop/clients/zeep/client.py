"""All operations with zeep against a served gateway: client.py URL FOLDER SERVER-FOLDER.

FOLDER has `keys` and `documents` of the client. Prints a line a case: case, verdict (accepted, verified, refused, FAILED),
what was read. tests/interop/clients.sh judges the lines.
"""

import base64
import sys
from pathlib import Path

import zeep
from lxml import etree

sys.path.insert(0, str(Path(__file__).parent))
from coconnect_zeep import LastPosted, NotVerified, Signed, transport  # noqa: E402

SVC = "urn:coconnect:service:1"
OPERATIONS = {
    "send-co": "SendCO",
    "send-do": "SendDO",
    "send-amendment-notification": "SendAmendmentNotification",
    "send-cancellation-status": "SendCancellationStatus",
    "send-feedback": "SendFeedback",
}
# By SOAP 1.2; the others by SOAP 1.1.
SOAP12 = {"send-do", "send-feedback"}


def say(case, verdict, text):
    print(case, verdict, " ".join(str(text).split()), sep="\t", flush=True)


class Client:
    def __init__(self, url, folder, server):
        keys = folder / "keys"
        made = transport(
            str(server / "keys/ca.crt"), str(keys / "tls.crt"), str(keys / "tls.key"),
            folder.name, (keys / "basic.password").read_text().strip(),
        )
        self.transport = LastPosted(session=made.session, timeout=30, operation_timeout=30)
        self.signed = Signed(str(keys / "sign.key"), str(keys / "sign.crt"), str(server / "keys/sign.crt"))
        self.zeep = zeep.Client(url + "/coconnect.wsdl", transport=self.transport, wsse=self.signed)
        self.documents = folder / "documents"

    def document(self, operation, change=lambda octets: octets):
        """The business document as zeep's own typed object."""
        octets = change((self.documents / (operation + ".xml")).read_bytes())
        element = self.zeep.get_element("{urn:wco:datamodel:WCO:DocumentMetaData:1}MetaData")
        return element.parse(etree.fromstring(octets), self.zeep.wsdl.types)

    def send(self, operation, document):
        name = OPERATIONS[operation]
        port = self.zeep.bind("CoConnectService", name + ("Soap12" if operation in SOAP12 else "Soap11"))
        return getattr(port, name)(MetaData=document)

    def fault(self, case, call):
        """A call that must end in a signed, readable fault."""
        try:
            say(case, "FAILED", f"accepted: {call()}")
        except zeep.exceptions.Fault as fault:
            # zeep has called `verify` before it raised this.
            say(case, "refused", self.reading(fault))
        except NotVerified as error:
            say(case, "FAILED", f"the fault: {error}")

    def reading(self, fault):
        detail = fault.detail
        node = detail if detail.tag.endswith("FaultDetail") else detail.find(f"{{{SVC}}}FaultDetail")
        typed = self.zeep.get_element(f"{{{SVC}}}FaultDetail").parse(node, self.zeep.wsdl.types)
        return f"{typed.code}: {fault.message} ({typed.verdict}, {typed.referenceId})" + "".join(
            f"; {e.code} at {e.xpath}" for e in (typed.error or [])[:1])


def once(find, put):
    def change(octets):
        changed = octets.replace(find, put, 1)
        assert changed != octets, find
        return changed
    return change


def spoil_signature(octets):
    at = octets.index(b"SignatureValue>") + 40
    return octets[:at] + (b"B" if octets[at:at + 1] == b"A" else b"A") + octets[at + 1:]


def main():
    client = Client(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
    # What is wrong is refused first, so that nothing is held when the right one comes.
    changed = once(b">4.0.0<", b">4.0.1<")
    client.fault("wrong-code", lambda: client.send("send-co", client.document("send-co", once(b"\"KGM\"", b"\"QGM\""))))
    client.transport.change = spoil_signature
    client.fault("wrong-signature", lambda: client.send("send-co", client.document("send-co")))
    for operation in OPERATIONS:
        try:
            client.transport.change = changed
            client.fault(f"{operation}/changed", lambda: client.send(operation, client.document(operation)))
            client.transport.change = lambda octets: octets
            answer = client.send(operation, client.document(operation))
            status = answer.Response.Status[0].NameCode
            status = getattr(status, "_value_1", status)
            say(operation, "accepted" if status == "accepted" else "FAILED", f"{status}, digest {base64.b64encode(answer.DocumentDigest).decode()}")
            # zeep has called `verify` for this answer; the same with one octet changed must not pass.
            received = client.transport.received
            client.signed.verify(etree.fromstring(received))
            try:
                client.signed.verify(etree.fromstring(once(b">accepted<", b">acceptee<")(received)))
                say(f"{operation}/answer", "FAILED", "a changed answer verifies too")
            except NotVerified as error:
                say(f"{operation}/answer", "verified", f"changed: {error}")
        except Exception as error:  # one operation must not hide the others
            say(operation, "FAILED", f"{type(error).__name__}: {error}")


main()
