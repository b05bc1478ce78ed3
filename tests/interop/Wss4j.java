// WSS4J 1.6 against coconnect. Run by scripts/interop:
//   java Wss4j make KEYS OUT    makes messages: one line each, ID LABEL PROFILE INSIDE
//   java Wss4j open KEYS LIST   opens those that coconnect sealed, and the same with one octet changed
// One line a message: ID, "ok" or "error" or "unknown", and why.

import java.io.*;
import java.nio.charset.StandardCharsets;
import java.nio.file.*;
import java.security.KeyStore;
import java.security.cert.X509Certificate;
import java.util.*;
import javax.security.auth.callback.*;
import javax.xml.parsers.DocumentBuilderFactory;
import javax.xml.transform.*;
import javax.xml.transform.dom.DOMSource;
import javax.xml.transform.stream.StreamResult;
import org.apache.ws.security.*;
import org.apache.ws.security.components.crypto.Merlin;
import org.apache.ws.security.handler.RequestData;
import org.apache.ws.security.message.*;
import org.apache.ws.security.message.token.SignatureConfirmation;
import org.w3c.dom.*;

public class Wss4j {
    static final String SOAP11 = "http://schemas.xmlsoap.org/soap/envelope/";
    static final String SOAP12 = "http://www.w3.org/2003/05/soap-envelope";
    static final String WSA = "http://www.w3.org/2005/08/addressing";
    static final String WSU = WSConstants.WSU_NS;
    static final String MORE = "http://www.w3.org/2001/04/xmldsig-more#";
    static final Merlin CRYPTO = new Merlin();
    static Path out;
    static int number;

    public static void main(String[] arguments) throws Exception {
        WSSConfig.init();
        Path keys = Paths.get(arguments[1]);
        KeyStore store = KeyStore.getInstance("JKS");
        store.load(null, null);
        for (String name : new String[] {"rsa", "server", "ec256", "ec384", "ec521", "ed25519"}) {
            KeyStore one = KeyStore.getInstance("PKCS12");
            try (InputStream in = Files.newInputStream(keys.resolve(name + ".p12"))) {
                one.load(in, "secret".toCharArray());
            }
            store.setKeyEntry(name, one.getKey(name, "secret".toCharArray()), "secret".toCharArray(), one.getCertificateChain(name));
            store.setCertificateEntry("ca", one.getCertificateChain(name)[one.getCertificateChain(name).length - 1]);
        }
        CRYPTO.setKeyStore(store);
        if (arguments[0].equals("make")) {
            out = Paths.get(arguments[2]);
            make();
        } else {
            open(Paths.get(arguments[2]));
        }
    }

    static Document parse(String text) throws Exception {
        DocumentBuilderFactory factory = DocumentBuilderFactory.newInstance();
        factory.setNamespaceAware(true);
        return factory.newDocumentBuilder().parse(new ByteArrayInputStream(text.getBytes(StandardCharsets.UTF_8)));
    }

    static String envelope(String soap) {
        return "<env:Envelope xmlns:env=\"" + soap + "\" xmlns:wsa=\"" + WSA + "\"><env:Header>"
            + "<wsa:MessageID>urn:uuid:a28b345b-3be5-4f0d-8dfc-2e63613666f0</wsa:MessageID>"
            + "<wsa:Action>urn:coconnect:service:1:SendCO</wsa:Action><wsa:To>https://test.coconnect.example/send-co</wsa:To>"
            + "</env:Header><env:Body><svc:SendCO xmlns:svc=\"urn:coconnect:service:1\"><md:MetaData xmlns:md=\"urn:wco:md\">"
            + "<md:ID>K001 &amp; co \uad00</md:ID><md:Note/></md:MetaData></svc:SendCO></env:Body></env:Envelope>";
    }

    // What a message is made with.
    static class Case {
        String soap = SOAP12, signer = "rsa", signature, digest = WSConstants.SHA256, cipher, transport = WSConstants.KEYTRANSPORT_RSAOEP;
        int signed = WSConstants.BST_DIRECT_REFERENCE, encrypted = WSConstants.ISSUER_SERIAL;
        boolean headers = true, token, single = true, encryptFirst, content, body, signatureToo, confirms;
        String profile = "serve";
    }

    interface Change { void to(Case one); }

    static void add(String label, Change change) throws Exception {
        Case one = new Case();
        change.to(one);
        String id = String.format("m%03d", number++);
        Document document = build(one);
        StringWriter text = new StringWriter();
        Transformer transformer = TransformerFactory.newInstance().newTransformer();
        transformer.setOutputProperty(OutputKeys.OMIT_XML_DECLARATION, "yes");
        transformer.transform(new DOMSource(document), new StreamResult(text));
        Files.write(out.resolve(id + ".xml"), text.toString().getBytes(StandardCharsets.UTF_8));
        System.out.println(id + " " + label + " " + one.profile + " " + (one.cipher == null ? "clear" : "encrypted"));
    }

    static Document build(Case one) throws Exception {
        Document document = parse(envelope(one.soap));
        WSSecHeader header = new WSSecHeader();
        header.insertSecurityHeader(document);
        if (one.confirms) {
            WSSecSignatureConfirmation confirmation = new WSSecSignatureConfirmation();
            confirmation.build(document, new byte[] {0, 1, 2, 3, 4}, header);
        }
        timestamp(document, header);
        if (one.encryptFirst) encrypt(one, document, header);
        sign(one, document, header);
        if (!one.encryptFirst && one.cipher != null) encrypt(one, document, header);
        return document;
    }

    static void timestamp(Document document, WSSecHeader header) {
        WSSecTimestamp timestamp = new WSSecTimestamp();
        timestamp.setTimeToLive(300);
        timestamp.build(document, header);
    }

    static void sign(Case one, Document document, WSSecHeader header) throws Exception {
        WSSecSignature signature = new WSSecSignature();
        signature.setUserInfo(one.signer, "secret");
        signature.setKeyIdentifierType(one.signed);
        signature.setUseSingleCertificate(one.single);
        if (one.signature != null) signature.setSignatureAlgorithm(one.signature);
        else signature.setSignatureAlgorithm(MORE + (one.signer.startsWith("ec") ? "ecdsa-sha256" : "rsa-sha256"));
        signature.setDigestAlgo(one.digest);
        List<WSEncryptionPart> parts = new ArrayList<>();
        parts.add(new WSEncryptionPart("Body", one.soap, "Element"));
        parts.add(new WSEncryptionPart("Timestamp", WSU, "Element"));
        if (one.headers) for (String name : new String[] {"MessageID", "Action", "To"}) parts.add(new WSEncryptionPart(name, WSA, "Element"));
        if (one.confirms) parts.add(new WSEncryptionPart("SignatureConfirmation", WSConstants.WSSE11_NS, "Element"));
        if (one.token) parts.add(new WSEncryptionPart("STRTransform", "", "Element"));
        signature.setParts(parts);
        signature.build(document, CRYPTO, header);
    }

    static void encrypt(Case one, Document document, WSSecHeader header) throws Exception {
        WSSecEncrypt encryption = new WSSecEncrypt();
        encryption.setUserInfo("server");
        encryption.setKeyIdentifierType(one.encrypted);
        encryption.setSymmetricEncAlgorithm(one.cipher);
        encryption.setKeyEnc(one.transport);
        List<WSEncryptionPart> parts = new ArrayList<>();
        String kind = one.content ? "Content" : "Element";
        if (one.body) parts.add(new WSEncryptionPart("Body", one.soap, "Content"));
        else parts.add(new WSEncryptionPart("MetaData", "urn:wco:md", kind));
        if (one.signatureToo) parts.add(new WSEncryptionPart("Signature", WSConstants.SIG_NS, "Element"));
        encryption.setParts(parts);
        encryption.build(document, CRYPTO, header);
    }

    static void make() throws Exception {
        Change sealed = one -> one.cipher = WSConstants.AES_256_GCM;
        add("sealed/serve-profile", sealed);
        add("sealed/soap-1.1", one -> { sealed.to(one); one.soap = SOAP11; });
        add("sealed/p256", one -> { sealed.to(one); one.signer = "ec256"; });
        add("sealed/token-signed", one -> { sealed.to(one); one.token = true; });
        add("sealed/body-content", one -> { sealed.to(one); one.body = true; });
        add("sealed/document-content", one -> { sealed.to(one); one.content = true; });
        add("sealed/encrypt-sign", one -> { sealed.to(one); one.encryptFirst = true; one.profile = "lenient"; });
        add("sealed/signature-encrypted", one -> { sealed.to(one); one.signatureToo = true; one.profile = "lenient"; });
        add("sealed/clear", one -> one.profile = "lenient");
        add("sealed/body-timestamp", one -> { one.headers = false; one.profile = "lenient"; });
        int[] forms = {WSConstants.BST_DIRECT_REFERENCE, WSConstants.ISSUER_SERIAL, WSConstants.X509_KEY_IDENTIFIER,
            WSConstants.SKI_KEY_IDENTIFIER, WSConstants.THUMBPRINT_IDENTIFIER};
        String[] names = {"direct", "issuer-serial", "x509-key-identifier", "ski", "thumbprint"};
        for (int at = 0; at < forms.length; at++) {
            int form = forms[at];
            // An embedded certificate as key identifier is not on the list of design 2.2.
            String profile = form == WSConstants.X509_KEY_IDENTIFIER ? "lenient" : "serve";
            add("signer/" + names[at], one -> { sealed.to(one); one.signed = form; one.profile = profile; });
            add("signer/" + names[at] + "+str-transform", one -> { sealed.to(one); one.signed = form; one.token = true; one.profile = profile; });
            add("recipient/" + names[at], one -> { sealed.to(one); one.encrypted = form; one.profile = "lenient"; });
        }
        add("signer/pki-path", one -> { one.single = false; one.profile = "lenient"; });
        add("signature-confirmation", one -> { one.confirms = true; one.profile = "lenient"; });
        add("signature-confirmation/encrypted", one -> { sealed.to(one); one.confirms = true; one.profile = "lenient"; });
        String[][] signatures = {{"rsa-sha1", WSConstants.RSA_SHA1}, {"rsa-sha384", MORE + "rsa-sha384"}, {"rsa-sha512", MORE + "rsa-sha512"}};
        for (String[] signature : signatures) {
            add(signature[0], one -> { one.signature = signature[1]; one.profile = "lenient"; });
        }
        String[][] curves = {{"ec256", "sha256"}, {"ec384", "sha384"}, {"ec521", "sha512"}};
        for (String[] curve : curves) {
            add("ecdsa-" + curve[1] + "/" + curve[0].replace("ec", "p"),
                one -> { one.signer = curve[0]; one.signature = MORE + "ecdsa-" + curve[1]; one.profile = "lenient"; });
        }
        String[][] digests = {{"sha1", WSConstants.SHA1}, {"sha384", MORE + "sha384"}, {"sha512", "http://www.w3.org/2001/04/xmlenc#sha512"}};
        for (String[] digest : digests) {
            add("digest-" + digest[0], one -> { one.digest = digest[1]; one.profile = "lenient"; });
        }
        String[][] ciphers = {{"aes128-cbc", WSConstants.AES_128}, {"aes192-cbc", WSConstants.AES_192}, {"aes256-cbc", WSConstants.AES_256},
            {"tripledes-cbc", WSConstants.TRIPLE_DES}, {"aes128-gcm", WSConstants.AES_128_GCM}, {"aes192-gcm", WSConstants.AES_192_GCM},
            {"aes256-gcm", WSConstants.AES_256_GCM}};
        for (String[] cipher : ciphers) {
            String profile = cipher[0].endsWith("gcm") ? "serve" : "lenient";
            add(cipher[0], one -> { one.cipher = cipher[1]; one.profile = profile; });
        }
        add("rsa-1_5", one -> { sealed.to(one); one.transport = WSConstants.KEYTRANSPORT_RSA15; one.profile = "lenient"; });
    }

    static void open(Path list) throws Exception {
        for (String line : Files.readAllLines(list)) {
            String[] cells = line.split(" ");
            Path file = list.resolveSibling(cells[0] + ".xml");
            String said;
            try {
                String why = opened(file, cells);
                said = why == null ? "ok" : "error " + why;
                if (why == null) {
                    try {
                        opened(list.resolveSibling(cells[0] + ".bad.xml"), cells);
                        said = "error accepted with changed content";
                    } catch (WSSecurityException refused) {
                        // As it should be.
                    }
                }
            } catch (Throwable error) {
                StringBuilder text = new StringBuilder();
                for (Throwable at = error; at != null; at = at.getCause()) text.append(at).append("; ");
                said = "error " + text;
            }
            System.out.println(cells[0] + " " + said.replace('\n', ' '));
        }
    }

    // Null when everything is there that must be, and signed.
    static String opened(Path file, String[] cells) throws Exception {
        Document document = parse(new String(Files.readAllBytes(file), StandardCharsets.UTF_8));
        CallbackHandler passwords = callbacks -> {
            for (Callback callback : callbacks) ((WSPasswordCallback) callback).setPassword("secret");
        };
        WSSecurityEngine engine = new WSSecurityEngine();
        List<WSSecurityEngineResult> results = engine.processSecurityHeader(document, null, passwords, CRYPTO, CRYPTO);
        if (results == null) return "no Security header";
        Set<String> signed = new TreeSet<>();
        int actions = 0;
        for (WSSecurityEngineResult result : results) {
            actions |= (Integer) result.get(WSSecurityEngineResult.TAG_ACTION);
            @SuppressWarnings("unchecked")
            List<WSDataRef> references = (List<WSDataRef>) result.get(WSSecurityEngineResult.TAG_DATA_REF_URIS);
            boolean isSignature = (Integer) result.get(WSSecurityEngineResult.TAG_ACTION) == WSConstants.SIGN;
            if (references != null && isSignature) for (WSDataRef one : references) signed.add(one.getName().getLocalPart());
            if (isSignature) {
                X509Certificate certificate = (X509Certificate) result.get(WSSecurityEngineResult.TAG_X509_CERTIFICATE);
                if (!certificate.getSubjectX500Principal().getName().contains("CN=" + cells[2])) return "another signer: " + certificate.getSubjectX500Principal();
            }
        }
        if ((actions & WSConstants.SIGN) == 0 || (actions & WSConstants.TS) == 0) return "no signature or no timestamp: " + actions;
        if (cells[3].equals("encrypted") && (actions & WSConstants.ENCR) == 0) return "nothing was encrypted";
        if (!signed.contains("Body") || !signed.contains("Timestamp")) return "signed is only " + signed;
        if (cells[4].equals("confirms")) {
            if ((actions & WSConstants.SC) == 0 || !signed.contains("SignatureConfirmation")) return "no signed SignatureConfirmation: " + signed;
            for (WSSecurityEngineResult result : results) {
                SignatureConfirmation confirmation = (SignatureConfirmation) result.get(WSSecurityEngineResult.TAG_SIGNATURE_CONFIRMATION);
                if (confirmation != null && !Arrays.equals(confirmation.getSignatureValue(), new byte[] {0, 1, 2, 3, 4})) return "another value is confirmed";
            }
        }
        NodeList found = document.getElementsByTagNameNS("urn:wco:md", "ID");
        if (found.getLength() != 1 || !found.item(0).getTextContent().equals("K001 & co \uad00")) return "the document is not there in clear";
        return null;
    }
}
