// javax.xml.crypto of the JDK against coconnect. Run by scripts/interop:
//   java Jdk sign   KEYS WORK CASES   makes WORK/ID.jdk.xml for each case
//   java Jdk verify KEYS WORK CASES   judges WORK/ID.ours.xml and WORK/ID.ours.bad.xml
// One line a case: ID, "ok", "bad" (judged false) or "unknown" (the JDK lacks it) or "error", and why.

import java.io.*;
import java.nio.charset.StandardCharsets;
import java.nio.file.*;
import java.security.*;
import java.security.cert.X509Certificate;
import java.security.spec.*;
import java.util.*;
import javax.crypto.spec.SecretKeySpec;
import javax.xml.crypto.*;
import javax.xml.crypto.dom.*;
import javax.xml.crypto.dsig.*;
import javax.xml.crypto.dsig.dom.*;
import javax.xml.crypto.dsig.keyinfo.*;
import javax.xml.crypto.dsig.spec.*;
import javax.xml.parsers.DocumentBuilderFactory;
import javax.xml.transform.*;
import javax.xml.transform.dom.DOMSource;
import javax.xml.transform.stream.StreamResult;
import org.w3c.dom.*;

public class Jdk {
    static final String ORDER = "urn:order";
    static final XMLSignatureFactory FACTORY = XMLSignatureFactory.getInstance("DOM");
    static Path keys, work;
    static final Map<String, KeyPair> PAIRS = new HashMap<>();
    static final Map<String, X509Certificate> CERTIFICATES = new HashMap<>();
    static Key hmac;

    public static void main(String[] arguments) throws Exception {
        keys = Paths.get(arguments[1]);
        work = Paths.get(arguments[2]);
        hmac = new SecretKeySpec(Files.readAllBytes(keys.resolve("hmac.bin")), "HMAC");
        for (String name : new String[] {"rsa", "ec256", "ec384", "ec521", "dsa1024", "dsa2048", "ed25519"}) load(name);
        for (String line : Files.readAllLines(Paths.get(arguments[3]))) {
            String[] cells = line.split(" ");
            String said;
            try {
                said = arguments[0].equals("sign") ? sign(cells) : verify(cells);
            } catch (NoSuchAlgorithmException | InvalidAlgorithmParameterException error) {
                said = "unknown " + error;
            } catch (Throwable error) {
                said = lacks(error) ? "unknown " + error : "error " + chain(error);
            }
            System.out.println(cells[0] + " " + said.replace('\n', ' '));
        }
    }

    static boolean lacks(Throwable error) {
        for (Throwable at = error; at != null; at = at.getCause()) {
            String text = String.valueOf(at.getMessage());
            if (at instanceof NoSuchAlgorithmException || text.contains("unsupported SignatureMethod")
                || text.contains("unsupported DigestMethod") || text.contains("not supported for Signature")
                || text.contains("HMACOutputLength must not be less than")) return true;
        }
        return false;
    }

    static String chain(Throwable error) {
        StringBuilder text = new StringBuilder();
        for (Throwable at = error; at != null; at = at.getCause()) text.append(at).append("; ");
        return text.toString();
    }

    static void load(String name) throws Exception {
        KeyStore store = KeyStore.getInstance("PKCS12");
        try (InputStream in = Files.newInputStream(keys.resolve(name + ".p12"))) {
            store.load(in, "secret".toCharArray());
        }
        X509Certificate certificate = (X509Certificate) store.getCertificate(name);
        PrivateKey key = (PrivateKey) store.getKey(name, "secret".toCharArray());
        PAIRS.put(name, new KeyPair(certificate.getPublicKey(), key));
        CERTIFICATES.put(name, certificate);
    }

    static Document parse(Path file) throws Exception {
        DocumentBuilderFactory factory = DocumentBuilderFactory.newInstance();
        factory.setNamespaceAware(true);
        Document document = factory.newDocumentBuilder().parse(file.toFile());
        NodeList items = document.getElementsByTagNameNS(ORDER, "Item");
        for (int at = 0; at < items.getLength(); at++) {
            Element item = (Element) items.item(at);
            if (item.hasAttribute("Id")) item.setIdAttribute("Id", true);
        }
        return document;
    }

    // References outside of the document are answered from files; nothing is fetched.
    static URIDereferencer outside(Path files) {
        return (reference, context) -> {
            String uri = reference.getURI();
            if (uri == null || !uri.startsWith("http://order.example/")) {
                return FACTORY.getURIDereferencer().dereference(reference, context);
            }
            try {
                String name = uri.endsWith("xml") ? "file.xml" : "file.bin";
                return new OctetStreamData(new ByteArrayInputStream(Files.readAllBytes(files.resolve(name))));
            } catch (IOException error) {
                throw new URIReferenceException(error);
            }
        };
    }

    static Element first(Node parent, String namespace, String local) {
        NodeList found = parent instanceof Document
            ? ((Document) parent).getElementsByTagNameNS(namespace, local)
            : ((Element) parent).getElementsByTagNameNS(namespace, local);
        return (Element) found.item(0);
    }

    // The same template that the others fill says what is wanted: this reads it, and builds the signature anew.
    static String sign(String[] cells) throws Exception {
        String id = cells[0], key = cells[3], form = cells[7], info = cells[8];
        Document document = parse(work.resolve(id + ".tmpl.xml"));
        Element template = first(document, XMLSignature.XMLNS, "Signature");
        Element signedInfo = first(template, XMLSignature.XMLNS, "SignedInfo");
        Element canonicalization = first(signedInfo, XMLSignature.XMLNS, "CanonicalizationMethod");
        Element method = first(signedInfo, XMLSignature.XMLNS, "SignatureMethod");
        Element reference = first(signedInfo, XMLSignature.XMLNS, "Reference");
        List<Transform> transforms = new ArrayList<>();
        NodeList all = reference.getElementsByTagNameNS(XMLSignature.XMLNS, "Transform");
        for (int at = 0; at < all.getLength(); at++) transforms.add(transform((Element) all.item(at)));
        String digest = first(reference, XMLSignature.XMLNS, "DigestMethod").getAttribute("Algorithm");
        Reference signed = FACTORY.newReference(reference.getAttribute("URI"), FACTORY.newDigestMethod(digest, null), transforms, null, null);
        SignatureMethodParameterSpec parameters = null;
        if (form.startsWith("truncated-")) parameters = new HMACParameterSpec(Integer.parseInt(form.substring(10)));
        if (cells[4].equals("rsa-pss")) {
            parameters = new RSAPSSParameterSpec(new PSSParameterSpec("SHA-384", "MGF1", MGF1ParameterSpec.SHA384, 20, 1));
        }
        SignedInfo what = FACTORY.newSignedInfo(
            FACTORY.newCanonicalizationMethod(canonicalization.getAttribute("Algorithm"), (C14NMethodParameterSpec) prefixes(canonicalization)),
            FACTORY.newSignatureMethod(method.getAttribute("Algorithm"), parameters),
            Collections.singletonList(signed));
        List<XMLObject> objects = null;
        Element object = first(template, XMLSignature.XMLNS, "Object");
        if (object != null) {
            List<XMLStructure> content = new ArrayList<>();
            for (Node at = object.getFirstChild(); at != null; at = at.getNextSibling()) content.add(new DOMStructure(at.cloneNode(true)));
            objects = Collections.singletonList(FACTORY.newXMLObject(content, "object", null, null));
        }
        Node parent = template.getParentNode();
        Node next = template.getNextSibling();
        parent.removeChild(template);
        if (parent == document) document = DocumentBuilderFactory.newInstance().newDocumentBuilder().newDocument();
        Node place = parent instanceof Document ? document : parent;
        Key with = key.equals("hmac") ? hmac : PAIRS.get(key).getPrivate();
        DOMSignContext context = next == null ? new DOMSignContext(with, place) : new DOMSignContext(with, place, next);
        context.setDefaultNamespacePrefix("ds");
        context.setURIDereferencer(outside(work.resolve("good")));
        context.setProperty("org.jcp.xml.dsig.secureValidation", Boolean.FALSE);
        FACTORY.newXMLSignature(what, keyInfo(info, key), objects, null, null).sign(context);
        try (OutputStream out = Files.newOutputStream(work.resolve(id + ".jdk.xml"))) {
            Transformer transformer = TransformerFactory.newInstance().newTransformer();
            transformer.transform(new DOMSource(document), new StreamResult(out));
        }
        return "ok";
    }

    static TransformParameterSpec prefixes(Element around) {
        Element list = first(around, "http://www.w3.org/2001/10/xml-exc-c14n#", "InclusiveNamespaces");
        if (list == null) return null;
        return new ExcC14NParameterSpec(Arrays.asList(list.getAttribute("PrefixList").split(" ")));
    }

    static Transform transform(Element element) throws Exception {
        String algorithm = element.getAttribute("Algorithm");
        TransformParameterSpec parameters = prefixes(element);
        Map<String, String> bound = Collections.singletonMap("o", ORDER);
        if (algorithm.equals(Transform.XPATH)) {
            parameters = new XPathFilterParameterSpec(first(element, XMLSignature.XMLNS, "XPath").getTextContent(), bound);
        } else if (algorithm.equals(Transform.XPATH2)) {
            List<XPathType> filters = new ArrayList<>();
            NodeList all = element.getElementsByTagNameNS(Transform.XPATH2, "XPath");
            for (int at = 0; at < all.getLength(); at++) {
                Element one = (Element) all.item(at);
                XPathType.Filter filter = one.getAttribute("Filter").equals("subtract") ? XPathType.Filter.SUBTRACT : XPathType.Filter.INTERSECT;
                filters.add(new XPathType(one.getTextContent(), filter, bound));
            }
            parameters = new XPathFilter2ParameterSpec(filters);
        }
        return FACTORY.newTransform(algorithm, parameters);
    }

    static KeyInfo keyInfo(String form, String key) throws Exception {
        KeyInfoFactory factory = FACTORY.getKeyInfoFactory();
        X509Certificate certificate = CERTIFICATES.get(key);
        XMLStructure content;
        switch (form) {
            case "key-value": content = factory.newKeyValue(PAIRS.get(key).getPublic()); break;
            case "x509": case "x509-certificate": content = factory.newX509Data(Collections.singletonList(certificate)); break;
            case "issuer-serial":
                content = factory.newX509Data(Collections.singletonList(
                    factory.newX509IssuerSerial(certificate.getIssuerX500Principal().getName(), certificate.getSerialNumber())));
                break;
            case "ski": content = factory.newX509Data(Collections.singletonList(ski(certificate))); break;
            case "subject-name":
                content = factory.newX509Data(Collections.singletonList(certificate.getSubjectX500Principal().getName()));
                break;
            default: content = factory.newKeyName(key);
        }
        return factory.newKeyInfo(Collections.singletonList(content));
    }

    static byte[] ski(X509Certificate certificate) {
        byte[] value = certificate.getExtensionValue("2.5.29.14");
        return Arrays.copyOfRange(value, 4, value.length);
    }

    static String verify(String[] cells) throws Exception {
        String id = cells[0];
        Path file = work.resolve(id + ".ours.xml");
        if (!Files.exists(file) || Files.size(file) == 0) return "error not made by coconnect";
        if (!valid(file, cells, "good")) return "bad refused";
        Path changed = work.resolve(id + ".ours.bad.xml");
        try {
            if (valid(changed, cells, "bad")) return "error accepted with changed content";
        } catch (XMLSignatureException refused) {
            // A refusal that is an exception is one too.
        }
        return "ok";
    }

    static boolean valid(Path file, String[] cells, String files) throws Exception {
        Document document = parse(file);
        Element signature = first(document, XMLSignature.XMLNS, "Signature");
        DOMValidateContext context = new DOMValidateContext(selector(cells[8]), signature);
        context.setURIDereferencer(outside(work.resolve(files)));
        context.setProperty("org.jcp.xml.dsig.secureValidation", Boolean.FALSE);
        return FACTORY.unmarshalXMLSignature(context).validate(context);
    }

    // The key as the message names it, among those that are known; a bare KeyValue brings it.
    static KeySelector selector(String form) {
        return new KeySelector() {
            @Override
            public KeySelectorResult select(KeyInfo info, Purpose purpose, AlgorithmMethod method, XMLCryptoContext context)
                throws KeySelectorException {
                for (Object item : info.getContent()) {
                    try {
                        Key key = find(item);
                        if (key != null) return () -> key;
                    } catch (Exception error) {
                        throw new KeySelectorException(error);
                    }
                }
                throw new KeySelectorException("no key is named by " + info.getContent());
            }
        };
    }

    static Key find(Object item) throws Exception {
        if (item instanceof KeyName) {
            String name = ((KeyName) item).getName();
            return name.equals("hmac") ? hmac : PAIRS.get(name).getPublic();
        }
        if (item instanceof KeyValue) return ((KeyValue) item).getPublicKey();
        if (!(item instanceof X509Data)) return null;
        for (Object part : ((X509Data) item).getContent()) {
            for (X509Certificate known : CERTIFICATES.values()) {
                boolean named = part instanceof X509Certificate && part.equals(known)
                    || part instanceof String && new javax.security.auth.x500.X500Principal((String) part).equals(known.getSubjectX500Principal())
                    || part instanceof byte[] && Arrays.equals((byte[]) part, ski(known))
                    || part instanceof X509IssuerSerial && ((X509IssuerSerial) part).getSerialNumber().equals(known.getSerialNumber())
                        && new javax.security.auth.x500.X500Principal(((X509IssuerSerial) part).getIssuerName()).equals(known.getIssuerX500Principal());
                if (named) return known.getPublicKey();
            }
        }
        return null;
    }
}
