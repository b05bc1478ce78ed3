// A partner built on WSS4J 1.6 in the whole profile of a gateway (signed addressing, encrypted document), over TLS with
// client certificates. Run by scripts/interop:
//   java Peer client URL FOLDER SERVER     sends every operation to the gateway in the folder SERVER, as Korea
//   java Peer serve PORT FOLDER SERVER     takes what that gateway delivers and answers as FOLDER/mode says: good, changed,
//                                          stranger, other-message, other-document, unconfirmed, fault
// FOLDER and SERVER are folders of `coconnect init`. `client` prints a line a case as the other clients do (clients.sh);
// `serve` prints a line a request: what was read of it.

import com.sun.net.httpserver.*;
import java.io.*;
import java.net.*;
import java.nio.charset.StandardCharsets;
import java.nio.file.*;
import java.security.*;
import java.security.cert.*;
import java.security.spec.PKCS8EncodedKeySpec;
import java.time.*;
import java.time.temporal.ChronoUnit;
import java.util.*;
import javax.net.ssl.*;
import javax.security.auth.callback.*;
import javax.xml.parsers.DocumentBuilderFactory;
import javax.xml.transform.*;
import javax.xml.transform.dom.DOMSource;
import javax.xml.transform.stream.StreamResult;
import org.apache.ws.security.*;
import org.apache.ws.security.components.crypto.Merlin;
import org.apache.ws.security.message.*;
import org.apache.ws.security.message.token.SignatureConfirmation;
import org.apache.xml.security.c14n.Canonicalizer;
import org.w3c.dom.*;

public class Peer {
    static final String SOAP = "http://schemas.xmlsoap.org/soap/envelope/";
    static final String WSA = "http://www.w3.org/2005/08/addressing";
    static final String SVC = "urn:coconnect:service:1";
    static final String MORE = "http://www.w3.org/2001/04/xmldsig-more#";
    static final char[] SECRET = "secret".toCharArray();
    static final Merlin CRYPTO = new Merlin();
    static Path folder, server;
    static X509Certificate theirs;

    public static void main(String[] arguments) throws Exception {
        WSSConfig.init();
        folder = Paths.get(arguments[2]);
        server = Paths.get(arguments[3]);
        KeyStore store = KeyStore.getInstance("JKS");
        store.load(null, null);
        store.setCertificateEntry("ca", certificate(server.resolve("keys/ca.crt")));
        theirs = certificate(server.resolve("keys/sign.crt"));
        store.setCertificateEntry("theirs", theirs);
        store.setCertificateEntry("receiver", certificate(server.resolve("keys/encrypt.crt")));
        enter(store, "sign", folder, "sign");
        enter(store, "encrypt", folder, "encrypt");
        // Of the same authority, and not ours: the TLS key signs what a stranger would.
        enter(store, "stranger", folder, "tls");
        CRYPTO.setKeyStore(store);
        if (arguments[0].equals("client")) client(arguments[1]);
        else serve(Integer.parseInt(arguments[1]));
    }

    // Keys and TLS.

    static X509Certificate certificate(Path file) throws Exception {
        try (InputStream in = Files.newInputStream(file)) {
            return (X509Certificate) CertificateFactory.getInstance("X.509").generateCertificate(in);
        }
    }

    static void enter(KeyStore store, String alias, Path of, String name) throws Exception {
        String pem = new String(Files.readAllBytes(of.resolve("keys/" + name + ".key")), StandardCharsets.US_ASCII);
        byte[] der = Base64.getMimeDecoder().decode(pem.replaceAll("-----[A-Z ]+-----", ""));
        PrivateKey key = KeyFactory.getInstance("RSA").generatePrivate(new PKCS8EncodedKeySpec(der));
        X509Certificate[] chain = {certificate(of.resolve("keys/" + name + ".crt")), certificate(server.resolve("keys/ca.crt"))};
        store.setKeyEntry(alias, key, SECRET, chain);
    }

    static SSLContext tls() throws Exception {
        KeyStore own = KeyStore.getInstance("JKS"), trusted = KeyStore.getInstance("JKS");
        own.load(null, null);
        trusted.load(null, null);
        enter(own, "tls", folder, "tls");
        trusted.setCertificateEntry("ca", certificate(server.resolve("keys/ca.crt")));
        KeyManagerFactory keys = KeyManagerFactory.getInstance("SunX509");
        keys.init(own, SECRET);
        TrustManagerFactory trust = TrustManagerFactory.getInstance("PKIX");
        trust.init(trusted);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(keys.getKeyManagers(), trust.getTrustManagers(), null);
        return context;
    }

    // XML.

    static Document parse(byte[] octets) throws Exception {
        DocumentBuilderFactory factory = DocumentBuilderFactory.newInstance();
        factory.setNamespaceAware(true);
        factory.setFeature("http://apache.org/xml/features/disallow-doctype-decl", true);
        return factory.newDocumentBuilder().parse(new ByteArrayInputStream(octets));
    }

    static byte[] octets(Document document) throws Exception {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        Transformer transformer = TransformerFactory.newInstance().newTransformer();
        transformer.setOutputProperty(OutputKeys.OMIT_XML_DECLARATION, "yes");
        transformer.transform(new DOMSource(document), new StreamResult(out));
        return out.toByteArray();
    }

    // The first of this name, for what this program made itself, and for what is read after coverage was demanded.
    static Element first(Document document, String name) {
        return (Element) document.getElementsByTagNameNS("*", name).item(0);
    }

    static String text(Document document, String name) {
        Element element = first(document, name);
        return element == null ? "" : element.getTextContent().trim();
    }

    static Element child(Element parent, String namespace, String name) throws Exception {
        Element found = null;
        for (Node at = parent.getFirstChild(); at != null; at = at.getNextSibling()) {
            boolean same = at.getNodeType() == Node.ELEMENT_NODE && name.equals(at.getLocalName()) && namespace.equals(at.getNamespaceURI());
            demand(!same || found == null, "a second " + name);
            if (same) found = (Element) at;
        }
        demand(found != null, "no " + name);
        return found;
    }

    static String header(String name, String value) {
        return "<wsa:" + name + ">" + value + "</wsa:" + name + ">";
    }

    static Document envelope(String headers, String body) throws Exception {
        String text = "<env:Envelope xmlns:env=\"" + SOAP + "\" xmlns:wsa=\"" + WSA + "\"><env:Header>" + headers
            + "</env:Header><env:Body>" + body + "</env:Body></env:Envelope>";
        return parse(text.getBytes(StandardCharsets.UTF_8));
    }

    static String fresh() {
        return "urn:uuid:" + UUID.randomUUID();
    }

    // Signs Body, Timestamp and these headers; encrypts the business document where it is asked for. Gives SignatureValue.
    static byte[] seal(Document document, String signer, String[] headers, byte[] confirms, String encrypt) throws Exception {
        WSSecHeader security = new WSSecHeader();
        security.insertSecurityHeader(document);
        if (confirms != null) new WSSecSignatureConfirmation().build(document, confirms, security);
        WSSecTimestamp timestamp = new WSSecTimestamp();
        timestamp.setTimeToLive(300);
        timestamp.build(document, security);
        WSSecSignature signature = new WSSecSignature();
        signature.setUserInfo(signer, new String(SECRET));
        signature.setKeyIdentifierType(WSConstants.BST_DIRECT_REFERENCE);
        signature.setSignatureAlgorithm(MORE + "rsa-sha256");
        signature.setDigestAlgo(WSConstants.SHA256);
        List<WSEncryptionPart> parts = new ArrayList<>();
        parts.add(new WSEncryptionPart("Body", SOAP, "Element"));
        parts.add(new WSEncryptionPart("Timestamp", WSConstants.WSU_NS, "Element"));
        for (String name : headers) parts.add(new WSEncryptionPart(name, WSA, "Element"));
        if (confirms != null) parts.add(new WSEncryptionPart("SignatureConfirmation", WSConstants.WSSE11_NS, "Element"));
        signature.setParts(parts);
        signature.build(document, CRYPTO, security);
        if (encrypt != null) {
            WSSecEncrypt encryption = new WSSecEncrypt();
            encryption.setUserInfo("receiver");
            encryption.setKeyIdentifierType(WSConstants.ISSUER_SERIAL);
            encryption.setSymmetricEncAlgorithm(WSConstants.AES_256_GCM);
            encryption.setKeyEnc(WSConstants.KEYTRANSPORT_RSAOEP);
            encryption.setParts(Collections.singletonList(new WSEncryptionPart("MetaData", encrypt, "Element")));
            encryption.build(document, CRYPTO, security);
        }
        return signature.getSignatureValue();
    }

    // What was verified of a message.
    static class Opened {
        final Set<Element> signed = Collections.newSetFromMap(new IdentityHashMap<>());
        final Set<Element> encrypted = Collections.newSetFromMap(new IdentityHashMap<>());
        Element envelope, header, body, security;
        int actions;
        byte[] signature, confirmed;

        // The addressing header of this name: there once, at its place, and itself under the signature. A name alone proves
        // nothing: an element of that name may be signed elsewhere.
        String header(String name) throws Exception {
            Element found = child(header, WSA, name);
            demand(signed.contains(found), name + " is not signed");
            return found.getTextContent().trim();
        }

        // Body at its place, and the Timestamp of the one Security header.
        void demandBodyAndTimestamp() throws Exception {
            demand(signed.contains(body), "Body is not signed");
            demand(signed.contains(child(security, WSConstants.WSU_NS, "Timestamp")), "Timestamp is not signed");
        }
    }

    static Opened open(Document document) throws Exception {
        CallbackHandler passwords = callbacks -> {
            for (Callback callback : callbacks) ((WSPasswordCallback) callback).setPassword(new String(SECRET));
        };
        List<WSSecurityEngineResult> results = new WSSecurityEngine().processSecurityHeader(document, null, passwords, CRYPTO, CRYPTO);
        if (results == null) throw new Exception("no Security header");
        Opened opened = new Opened();
        opened.envelope = document.getDocumentElement();
        opened.header = child(opened.envelope, SOAP, "Header");
        opened.body = child(opened.envelope, SOAP, "Body");
        opened.security = child(opened.header, WSConstants.WSSE_NS, "Security");
        for (WSSecurityEngineResult result : results) {
            int action = (Integer) result.get(WSSecurityEngineResult.TAG_ACTION);
            opened.actions |= action;
            if (action == WSConstants.SIGN) {
                X509Certificate signer = (X509Certificate) result.get(WSSecurityEngineResult.TAG_X509_CERTIFICATE);
                // A certificate of the same authority is not enough: it must be that of the gateway.
                if (!theirs.equals(signer)) throw new Exception("another signer: " + signer.getSubjectX500Principal());
                opened.signature = (byte[]) result.get(WSSecurityEngineResult.TAG_SIGNATURE_VALUE);
            }
            @SuppressWarnings("unchecked")
            List<WSDataRef> references = (List<WSDataRef>) result.get(WSSecurityEngineResult.TAG_DATA_REF_URIS);
            if (references != null && action == WSConstants.SIGN) for (WSDataRef one : references) opened.signed.add(one.getProtectedElement());
            if (references != null && action == WSConstants.ENCR) for (WSDataRef one : references) opened.encrypted.add(one.getProtectedElement());
            SignatureConfirmation confirmation = (SignatureConfirmation) result.get(WSSecurityEngineResult.TAG_SIGNATURE_CONFIRMATION);
            if (confirmation != null) opened.confirmed = confirmation.getSignatureValue();
        }
        return opened;
    }

    static void demand(boolean holds, String what) throws Exception {
        if (!holds) throw new Exception(what);
    }

    static String why(Throwable error) {
        StringBuilder said = new StringBuilder();
        for (Throwable at = error; at != null; at = at.getCause()) said.append(said.length() == 0 ? "" : ": ").append(at.getMessage());
        return said.toString().replace('\n', ' ').replace('\t', ' ');
    }

    // The client.

    static final String[][] OPERATIONS = {{"send-co", "SendCO"}, {"send-amendment-notification", "SendAmendmentNotification"},
        {"send-cancellation-status", "SendCancellationStatus"}, {"send-feedback", "SendFeedback"}, {"send-do", "SendDO"}};
    static SSLSocketFactory sockets;
    static String authorization;

    static void client(String base) throws Exception {
        sockets = tls().getSocketFactory();
        String user = folder.getFileName().toString();
        String password = new String(Files.readAllBytes(folder.resolve("keys/basic.password")), StandardCharsets.UTF_8).trim();
        authorization = "Basic " + Base64.getEncoder().encodeToString((user + ":" + password).getBytes(StandardCharsets.UTF_8));
        tried(base, OPERATIONS[0], "wrong-code");
        tried(base, OPERATIONS[0], "wrong-signature");
        for (String[] operation : OPERATIONS) {
            tried(base, operation, operation[0] + "/changed");
            tried(base, operation, operation[0]);
        }
    }

    static void tried(String base, String[] operation, String name) {
        try {
            attempt(base, operation, name);
        } catch (Throwable error) {
            System.out.println(name + "\tFAILED\t" + why(error));
        }
    }

    static void attempt(String base, String[] operation, String name) throws Exception {
        String path = operation[0], action = SVC + ":" + operation[1], id = fresh();
        String business = new String(Files.readAllBytes(folder.resolve("documents/" + path + ".xml")), StandardCharsets.UTF_8);
        if (name.equals("wrong-code")) business = business.replace("\"KGM\"", "\"QGM\"");
        String body = "<svc:" + operation[1] + " xmlns:svc=\"" + SVC + "\">" + business + "</svc:" + operation[1] + ">";
        Document request = envelope(header("MessageID", id) + header("Action", action) + header("To", base + "/" + path), body);
        byte[] signature = seal(request, "sign", new String[] {"MessageID", "Action", "To"}, null, first(request, "MetaData").getNamespaceURI());
        if (name.equals("wrong-signature")) change(first(request, "SignatureValue"), 20);
        if (name.endsWith("/changed")) {
            NodeList values = request.getElementsByTagNameNS("*", "CipherValue");
            change((Element) values.item(values.getLength() - 1), 40);
        }
        HttpsURLConnection connection = (HttpsURLConnection) new URL(base + "/" + path).openConnection();
        connection.setSSLSocketFactory(sockets);
        connection.setConnectTimeout(10_000);
        connection.setReadTimeout(30_000);
        connection.setDoOutput(true);
        connection.setRequestProperty("Content-Type", "text/xml; charset=utf-8");
        connection.setRequestProperty("SOAPAction", "\"" + action + "\"");
        connection.setRequestProperty("Authorization", authorization);
        connection.getOutputStream().write(octets(request));
        int status = connection.getResponseCode();
        byte[] octets;
        try (InputStream in = status < 400 ? connection.getInputStream() : connection.getErrorStream()) {
            octets = in.readAllBytes();
        }
        Document answer = parse(octets);
        Opened opened = open(answer);
        opened.demandBodyAndTimestamp();
        demand(opened.header("RelatesTo").equals(id), "the answer is to another message");
        String answered = opened.header("Action");
        if (first(answer, "FaultDetail") != null) {
            demand(status >= 400, "a fault with status " + status);
            System.out.println(name + "\trefused\t" + text(answer, "code") + ": " + text(answer, "faultstring") + " (" + text(answer, "verdict")
                + ", " + text(answer, "referenceId") + ")");
            return;
        }
        Element confirmation = child(opened.security, WSConstants.WSSE11_NS, "SignatureConfirmation");
        demand(opened.signed.contains(confirmation) && Arrays.equals(opened.confirmed, signature), "our signature is not confirmed");
        String state = text(answer, "NameCode");
        demand(status == 200 && answered.equals(action + "Response"), "HTTP " + status + " " + answered);
        System.out.println(name + "\t" + (state.equals("accepted") ? "accepted" : "FAILED") + "\t" + state + ", digest " + text(answer, "DocumentDigest"));
        String changed = new String(octets, StandardCharsets.UTF_8).replace(">accepted<", ">acceptee<");
        try {
            open(parse(changed.getBytes(StandardCharsets.UTF_8)));
            System.out.println(name + "/answer\tFAILED\ta changed answer verifies too");
        } catch (WSSecurityException refused) {
            System.out.println(name + "/answer\tverified\tchanged: " + why(refused));
        }
    }

    static void change(Element element, int at) {
        String value = element.getTextContent();
        char other = value.charAt(at) == 'A' ? 'B' : 'A';
        element.setTextContent(value.substring(0, at) + other + value.substring(at + 1));
    }

    // The service.

    static void serve(int port) throws Exception {
        SSLContext context = tls();
        HttpsServer listener = HttpsServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), port), 16);
        listener.setHttpsConfigurator(new HttpsConfigurator(context) {
            @Override public void configure(HttpsParameters parameters) {
                SSLParameters wanted = context.getDefaultSSLParameters();
                wanted.setNeedClientAuth(true);
                parameters.setSSLParameters(wanted);
            }
        });
        listener.createContext("/", Peer::handle);
        listener.start();
        System.out.println("serving");
        // Ended by its parent; never longer than the tests.
        Thread.sleep(Duration.ofMinutes(10).toMillis());
        listener.stop(0);
    }

    static void handle(HttpExchange exchange) throws IOException {
        byte[] answer;
        int status = 200;
        try {
            String mode = new String(Files.readAllBytes(folder.resolve("mode")), StandardCharsets.UTF_8).trim();
            if (mode.equals("fault")) status = 500;
            answer = answer(exchange, mode);
        } catch (Throwable error) {
            System.out.println("refused\t" + why(error));
            status = 500;
            answer = "<e/>".getBytes(StandardCharsets.UTF_8);
        }
        exchange.getResponseHeaders().set("Content-Type", "text/xml; charset=utf-8");
        exchange.sendResponseHeaders(status, answer.length);
        exchange.getResponseBody().write(answer);
        exchange.close();
    }

    static byte[] answer(HttpExchange exchange, String mode) throws Exception {
        String path = exchange.getRequestURI().getPath();
        demand(exchange.getRequestHeaders().getFirst("Authorization") != null, "no Basic credentials");
        Document request = parse(exchange.getRequestBody().readAllBytes());
        Opened opened = open(request);
        demand((opened.actions & WSConstants.TS) != 0, "no timestamp was judged");
        opened.demandBodyAndTimestamp();
        String id = opened.header("MessageID"), action = opened.header("Action"), to = opened.header("To");
        demand(to.endsWith(path), "To is " + to);
        demand(action.equals(SVC + ":SendCO"), "Action is " + action);
        Element business = child(child(opened.body, SVC, "SendCO"), "urn:wco:datamodel:WCO:DocumentMetaData:1", "MetaData");
        demand(opened.encrypted.contains(business), "the document came in clear");
        byte[] canonical = Canonicalizer.getInstance(Canonicalizer.ALGO_ID_C14N_EXCL_OMIT_COMMENTS).canonicalizeSubtree(business);
        byte[] digest = MessageDigest.getInstance("SHA-256").digest(canonical);
        System.out.println("taken\t" + path + "\t" + mode + "\t" + text(request, "LPCO").length() + " characters");

        String related = mode.equals("other-message") ? fresh() : id;
        if (mode.equals("other-document")) digest[0] ^= 1;
        String body = mode.equals("fault")
            ? "<env:Fault><faultcode>env:Client</faultcode><faultstring xml:lang=\"en\">the quota of this exporter is used up</faultstring><detail>"
                + "<svc:FaultDetail xmlns:svc=\"" + SVC + "\"><svc:code>quota-used-up</svc:code><svc:verdict>correct</svc:verdict>"
                + "<svc:referenceId>WSS4J-1</svc:referenceId></svc:FaultDetail></detail></env:Fault>"
            : "<svc:SendCOResponse xmlns:svc=\"" + SVC + "\"><svc:Acknowledgement><res:Response xmlns:res=\"urn:wco:datamodel:WCO:Response:1\">"
                + "<res:FunctionCode>11</res:FunctionCode><res:FunctionalReferenceID>" + id + "</res:FunctionalReferenceID><res:IssueDateTime>"
                + "<res:DateTime>" + Instant.now().truncatedTo(ChronoUnit.MILLIS) + "</res:DateTime></res:IssueDateTime><res:Status>"
                + "<res:NameCode>accepted</res:NameCode></res:Status></res:Response><svc:DocumentDigest>" + Base64.getEncoder().encodeToString(digest)
                + "</svc:DocumentDigest></svc:Acknowledgement></svc:SendCOResponse>";
        String answered = mode.equals("fault") ? SVC + ":Fault" : action + "Response";
        Document document = envelope(header("MessageID", fresh()) + header("Action", answered) + header("RelatesTo", related), body);
        byte[] confirms = mode.equals("unconfirmed") ? new byte[] {0, 1, 2, 3} : opened.signature;
        seal(document, mode.equals("stranger") ? "stranger" : "sign", new String[] {"MessageID", "Action", "RelatesTo"}, confirms, null);
        if (mode.equals("changed")) first(document, "NameCode").setTextContent("acceptee");
        return octets(document);
    }
}
