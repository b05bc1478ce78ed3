//! WS-SecurityPolicy 1.2 for stacks that can use it (`?wsdl&policy=cxf`, design 2.1): what design 2.2 sends by default, said
//! in assertions. The algorithm suite is the one that Apache CXF names for AES-GCM; no standard suite has it. What no
//! assertion can say stays with the client's configuration: rsa-sha256, the key of Basic, the client certificate.

use super::slots::{Slot, Slots};

const WSP: &str = "http://www.w3.org/ns/ws-policy";
const SP: &str = "http://docs.oasis-open.org/ws-sx/ws-securitypolicy/200702";
const INCLUDE: &str = "http://docs.oasis-open.org/ws-sx/ws-securitypolicy/200702/IncludeToken";
const WSU: &str = crate::xml::ns::WSU;
const WSA: &str = "http://www.w3.org/2005/08/addressing";
const CXF: &str = "http://cxf.apache.org/custom/security-policy";

/// The WSDL `text`, whose bindings refer to policies that it brings along.
pub(super) fn attach(text: &str, slots: &Slots) -> String {
    let mut out = String::with_capacity(text.len() + 8 * 1024);
    for line in text.split_inclusive('\n') {
        let trimmed = line.trim_start();
        if trimmed.starts_with("</wsdl:definitions>") {
            out.push_str(&policies(slots));
        }
        out.push_str(line);
        let reference = match trimmed.split([' ', '>']).next() {
            Some("<wsdl:binding") => "    <wsp:PolicyReference xmlns:wsp=\"{wsp}\" URI=\"#CoConnectBinding\"/>\n",
            // Only those of a binding stand without attributes.
            Some("<wsdl:input") if trimmed.starts_with("<wsdl:input>") => {
                "        <wsp:PolicyReference xmlns:wsp=\"{wsp}\" URI=\"#CoConnectRequest\"/>\n"
            }
            Some("<wsdl:output") if trimmed.starts_with("<wsdl:output>") => {
                "        <wsp:PolicyReference xmlns:wsp=\"{wsp}\" URI=\"#CoConnectAnswer\"/>\n"
            }
            _ => continue,
        };
        out.push_str(&reference.replace("{wsp}", WSP));
    }
    out
}

fn policies(slots: &Slots) -> String {
    let header = |name: &str| format!("<sp:Header Name=\"{name}\" Namespace=\"{WSA}\"/>");
    let signed = |names: &[&str]| {
        let headers: String = names.iter().map(|name| header(name)).collect();
        format!("<sp:SignedParts><sp:Body/>{headers}</sp:SignedParts>")
    };
    let token = |include: &str| {
        format!(
            "<wsp:Policy><sp:X509Token sp:IncludeToken=\"{INCLUDE}/{include}\"><wsp:Policy><sp:WssX509V3Token10/>\
             </wsp:Policy></sp:X509Token></wsp:Policy>"
        )
    };
    let binding = format!(
        "<wsam:Addressing xmlns:wsam=\"http://www.w3.org/2007/05/addressing/metadata\"><wsp:Policy/></wsam:Addressing>\n\
         <sp:AsymmetricBinding><wsp:Policy>\n\
         <sp:InitiatorToken>{}</sp:InitiatorToken>\n\
         <sp:RecipientToken>{}</sp:RecipientToken>\n\
         <sp:AlgorithmSuite><wsp:Policy><cxf:Basic256GCM xmlns:cxf=\"{CXF}\"/></wsp:Policy></sp:AlgorithmSuite>\n\
         <sp:Layout><wsp:Policy><sp:Lax/></wsp:Policy></sp:Layout>\n\
         <sp:IncludeTimestamp/><sp:OnlySignEntireHeadersAndBody/>\n\
         </wsp:Policy></sp:AsymmetricBinding>\n\
         <sp:Wss11><wsp:Policy><sp:MustSupportRefIssuerSerial/><sp:MustSupportRefThumbprint/>\
         <sp:RequireSignatureConfirmation/></wsp:Policy></sp:Wss11>",
        token("AlwaysToRecipient"),
        token("AlwaysToInitiator"),
    );
    let request = format!(
        "{}\n<sp:EncryptedElements><sp:XPath xmlns:md=\"{}\">//md:MetaData</sp:XPath></sp:EncryptedElements>",
        signed(&["MessageID", "Action", "To", "From", "ReplyTo", "FaultTo"]),
        super::source::escaped(slots.uri(Slot::Md)),
    );
    let answer = signed(&["MessageID", "Action", "To", "RelatesTo"]);
    [("CoConnectBinding", binding), ("CoConnectRequest", request), ("CoConnectAnswer", answer)]
        .iter()
        .map(|(id, assertions)| {
            format!(
                "  <wsp:Policy xmlns:wsp=\"{WSP}\" xmlns:sp=\"{SP}\" xmlns:wsu=\"{WSU}\" wsu:Id=\"{id}\">\
                 <wsp:ExactlyOne><wsp:All>\n{assertions}\n</wsp:All></wsp:ExactlyOne></wsp:Policy>\n"
            )
        })
        .collect()
}
