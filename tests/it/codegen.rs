//! The committed code is what the contract's documents give, and its tables say what the WSDL says.

use coconnect::contract::generated::OPERATIONS;
use coconnect::contract::{self, Endpoints, Operation, Slot, Slots, WsdlPolicy, generate, schema, source};

fn fresh() -> String {
    let (ir, service) = source::read(source::WSDL, "wsdl/coconnect.wsdl", &source::Embedded).unwrap();
    generate::generate(&ir, &service).unwrap()
}

#[test]
fn generated_code_is_fresh() {
    let committed = include_str!("../../src/contract/generated.rs");
    assert!(committed == fresh(), "stale: run `coconnect contract generate`");
}

#[test]
fn the_operation_table_is_the_wsdl() {
    // Names are written twice, in code and in the WSDL; they must not drift apart.
    let served: Vec<&str> = Operation::SERVED.iter().map(|operation| operation.name()).collect();
    let declared: Vec<&str> = OPERATIONS.iter().map(|row| row.name).collect();
    assert_eq!(served, declared);
    for (operation, row) in Operation::SERVED.iter().zip(OPERATIONS) {
        let code = [operation.response(), operation.path(), operation.action(), operation.response_action()];
        assert_eq!(code, [row.response, row.path, row.action, row.response_action]);
        assert_eq!(contract::FAULT_ACTION, row.fault_action);
        assert_eq!(Operation::from_path(row.path), Some(*operation));
        assert_eq!(Operation::from_action(row.action), Some(*operation));
        assert_eq!(Operation::from_name(row.name), Some(*operation));
    }
    assert_eq!(Operation::from_path("/send-nothing"), None);
}

#[test]
fn what_is_served_reads_back_with_its_namespaces_and_addresses() {
    let slots = Slots::default().with(Slot::Lpco, "urn:example:lpco:9").with(Slot::Md, "urn:example:md?a=1&b=2");
    let endpoints =
        Endpoints { base: "https://test.coconnect.customs.example".to_owned(), schema_prefix: String::new() };
    struct Served(Endpoints, Slots);
    impl schema::Resolver for Served {
        fn resolve(&self, _: &str, reference: &str) -> Result<(String, String), contract::read::Error> {
            Ok((reference.to_owned(), contract::xsd(reference, &self.0, &self.1).expect("a schema that is imported")))
        }
    }
    let each = Operation::SERVED.iter().map(|operation| Some(*operation));
    for operation in std::iter::once(None).chain(each) {
        let wsdl = contract::wsdl(&endpoints, operation, WsdlPolicy::None, &slots);
        let served = Served(endpoints.clone(), slots.clone());
        let (ir, service) = source::read(&wsdl, "served", &served).unwrap();
        let named: Vec<&str> = service.operations.iter().map(|operation| operation.name.as_str()).collect();
        let expected: Vec<&str> = match operation {
            Some(operation) => vec![operation.name()],
            None => Operation::SERVED.iter().map(|operation| operation.name()).collect(),
        };
        assert_eq!(named, expected);
        for operation in &service.operations {
            let address = format!("location=\"https://test.coconnect.customs.example{}\"", operation.path);
            assert_eq!(wsdl.matches(&address).count(), 2, "SOAP 1.1 and 1.2 at {}", operation.path);
        }
        for uri in ["urn:example:lpco:9", "urn:example:md?a=1&b=2"] {
            assert!(ir.roots.iter().any(|root| root.name.ns == uri), "{uri}");
        }
        assert!(!ir.namespaces[5..].iter().any(|uri| uri == Slot::Lpco.default_uri()));
    }
    assert!(contract::xsd("../Cargo.toml", &endpoints, &slots).is_none());
}

#[test]
fn readmes_name_the_digest_of_every_contract_file() {
    let digest = |text: &str| {
        let octets = openssl::sha::sha256(text.as_bytes());
        octets.iter().map(|octet| format!("{octet:02x}")).collect::<String>()
    };
    let xsd = include_str!("../../xsd/README.md");
    for (name, text) in source::XSD {
        assert!(xsd.contains(&format!("| `{name}` |")) && xsd.contains(&digest(text)), "{name}: {}", digest(text));
    }
    let wsdl = include_str!("../../wsdl/README.md");
    assert!(wsdl.contains(&digest(source::WSDL)), "coconnect.wsdl: {}", digest(source::WSDL));
}

#[test]
fn what_the_generator_does_not_know_it_refuses_aloud() {
    // A construct that is skipped in silence would let messages through that the schema forbids.
    struct One(String);
    impl schema::Resolver for One {
        fn resolve(&self, _: &str, reference: &str) -> Result<(String, String), contract::read::Error> {
            Ok((reference.to_owned(), self.0.clone()))
        }
    }
    let read = |body: &str| {
        let text = format!(
            "<xs:schema xmlns:xs='http://www.w3.org/2001/XMLSchema' xmlns:t='urn:t' targetNamespace='urn:t'>{body}</xs:schema>"
        );
        schema::read("t.xsd", &One(text), &[])
    };
    assert!(read("<xs:element name='a' type='xs:string'/>").is_ok());
    for body in [
        "<xs:redefine schemaLocation='x.xsd'/>",
        "<xs:notation name='n' public='p'/>",
        "<xs:element name='a' type='xs:ID'/>",
        "<xs:element name='a' type='xs:QName'/>",
        "<xs:element name='a' type='xs:string' default='x'/>",
        "<xs:element name='a' type='xs:string' abstract='true'/>",
        "<xs:element name='a'/><xs:element name='b' substitutionGroup='t:a'/>",
        "<xs:element name='a'><xs:complexType/><xs:key name='k'><xs:selector xpath='x'/><xs:field xpath='y'/></xs:key></xs:element>",
        "<xs:complexType name='c' abstract='true'/>",
        "<xs:element name='a' type='t:nowhere'/>",
        "<xs:element name='a' type='u:undeclared'/>",
        "<xs:simpleType name='s'><xs:restriction base='xs:string'><xs:pattern value='[a-'/></xs:restriction></xs:simpleType>",
        "<xs:simpleType name='s'><xs:restriction base='t:s'><xs:length value='1'/></xs:restriction></xs:simpleType>",
        "<xs:complexType name='c'><xs:sequence><xs:element name='a' minOccurs='0'/><xs:element name='a'/></xs:sequence></xs:complexType>",
        "<xs:complexType name='c'><xs:sequence minOccurs='2' maxOccurs='2'><xs:element name='a' maxOccurs='2'/></xs:sequence></xs:complexType>",
        "<xs:complexType name='c'><xs:choice><xs:any/><xs:element name='a'/></xs:choice></xs:complexType>",
        "<xs:group name='g'><xs:sequence><xs:group ref='t:g'/></xs:sequence></xs:group><xs:complexType name='c'><xs:group ref='t:g'/></xs:complexType>",
        "<x xmlns='urn:x'/>",
        // Of four `a` the decoder would take three, and one is left over: two and two would do.
        "<xs:complexType name='c'><xs:sequence maxOccurs='unbounded'><xs:element name='a' minOccurs='2' maxOccurs='3'/></xs:sequence></xs:complexType>",
        "<xs:complexType name='c'><xs:sequence minOccurs='0' maxOccurs='3'><xs:sequence maxOccurs='2'><xs:element name='a' minOccurs='0'/></xs:sequence></xs:sequence></xs:complexType>",
        "<xs:complexType name='c' final='extension'/><xs:complexType name='d'><xs:complexContent><xs:extension base='t:c'/></xs:complexContent></xs:complexType>",
        "<xs:complexType name='c' final='#all'/><xs:complexType name='d'><xs:complexContent><xs:restriction base='t:c'/></xs:complexContent></xs:complexType>",
        "<xs:simpleType name='s' final='restriction'><xs:restriction base='xs:int'/></xs:simpleType><xs:simpleType name='u'><xs:restriction base='t:s'/></xs:simpleType>",
        "<xs:simpleType name='s' final='list union'><xs:restriction base='xs:int'/></xs:simpleType><xs:simpleType name='u'><xs:list itemType='t:s'/></xs:simpleType>",
        "<xs:simpleType name='s' final='list union'><xs:restriction base='xs:int'/></xs:simpleType><xs:simpleType name='u'><xs:union memberTypes='t:s'/></xs:simpleType>",
        "<xs:complexType name='c'><xs:complexContent><xs:extension base='t:c'/></xs:complexContent></xs:complexType>",
        "<xs:complexType name='c'><xs:complexContent><xs:extension base='t:d'/></xs:complexContent></xs:complexType><xs:complexType name='d'><xs:complexContent><xs:extension base='t:c'/></xs:complexContent></xs:complexType>",
        "<xs:complexType name='c'><xs:complexContent><xs:extension base='xs:anyType'><xs:sequence><xs:element name='a'/></xs:sequence></xs:extension></xs:complexContent></xs:complexType>",
        "<xs:complexType name='c'><xs:anyAttribute namespace='urn:a'/></xs:complexType><xs:complexType name='d'><xs:complexContent><xs:restriction base='t:c'><xs:anyAttribute namespace='urn:b'/></xs:restriction></xs:complexContent></xs:complexType>",
        "<xs:complexType name='c'><xs:anyAttribute namespace='urn:a'/></xs:complexType><xs:complexType name='d'><xs:complexContent><xs:restriction base='t:c'><xs:attribute name='b'/></xs:restriction></xs:complexContent></xs:complexType>",
        "<xs:complexType name='c'><xs:simpleContent><xs:extension base='xs:int'/></xs:simpleContent></xs:complexType><xs:complexType name='d'><xs:simpleContent><xs:restriction base='t:c'><xs:simpleType><xs:restriction base='xs:string'/></xs:simpleType></xs:restriction></xs:simpleContent></xs:complexType>",
        "<xs:element name='a' type='xs:int' fixed='one'/>",
        "<xs:element name='a' fixed='x'><xs:simpleType><xs:union memberTypes='xs:int xs:boolean'/></xs:simpleType></xs:element>",
        "<xs:element name='a' fixed='1 x'><xs:simpleType><xs:list itemType='xs:int'/></xs:simpleType></xs:element>",
    ] {
        assert!(read(body).is_err(), "taken in silence: {body}");
    }
    let many: String = (0..300).map(|number| format!("urn:{number} ")).collect();
    assert!(
        read(&format!(
            "<xs:complexType name='c'><xs:sequence><xs:any namespace='{many}'/></xs:sequence></xs:complexType>"
        ))
        .is_err()
    );
    let defaults = "<xs:schema xmlns:xs='http://www.w3.org/2001/XMLSchema' finalDefault='extension'><xs:complexType name='c'/><xs:complexType name='d'><xs:complexContent><xs:extension base='c'/></xs:complexContent></xs:complexType></xs:schema>";
    assert!(schema::read("t.xsd", &One(defaults.to_owned()), &[]).is_err());
    assert!(schema::read("t.xsd", &One(defaults.replace("name='c'", "name='c' final=''")), &[]).is_ok());
}

#[test]
fn what_the_model_cannot_keep_it_refuses_aloud() {
    struct One(String);
    impl schema::Resolver for One {
        fn resolve(&self, _: &str, reference: &str) -> Result<(String, String), contract::read::Error> {
            Ok((reference.to_owned(), self.0.clone()))
        }
    }
    let decoder = |body: &str| {
        let text = format!("<xs:schema xmlns:xs='http://www.w3.org/2001/XMLSchema'>{body}</xs:schema>");
        generate::decoder(&schema::read("t.xsd", &One(text), &[]).unwrap())
    };
    let value = "<xs:complexType><xs:simpleContent><xs:extension base='xs:int'><xs:attribute name='b'/></xs:extension></xs:simpleContent></xs:complexType>";
    assert!(decoder(&format!("<xs:element name='a'>{value}</xs:element>")).is_ok());
    assert!(decoder(&format!("<xs:element name='a' fixed='1'>{value}</xs:element>")).is_err());
    let many: String = (0..70).map(|number| format!("urn:{number} ")).collect();
    let any = format!(
        "<xs:element name='a'><xs:complexType><xs:sequence><xs:any namespace='{many}'/></xs:sequence></xs:complexType></xs:element>"
    );
    assert!(decoder(&any).is_err());
}

#[test]
fn a_schema_may_be_in_another_encoding_that_it_declares() {
    let folder = tempfile::tempdir().unwrap();
    let read = |octets: &[u8]| {
        let path = folder.path().join("a.xsd");
        std::fs::write(&path, octets).unwrap();
        schema::read(&path.to_string_lossy(), &schema::Folder, &[])
    };
    let text = |encoding: &str| {
        format!(
            "<?xml version='1.0' encoding='{encoding}'?><xs:schema xmlns:xs='http://www.w3.org/2001/XMLSchema'><xs:element name='a' type='xs:string' fixed='\u{e9}'/></xs:schema>"
        )
    };
    let latin = |text: String| text.chars().map(|c| c as u8).collect::<Vec<u8>>();
    assert_eq!(read(&latin(text("ISO-8859-1"))).unwrap().roots[0].fixed.as_deref(), Some("\u{e9}"));
    assert_eq!(read(text("UTF-8").as_bytes()).unwrap().roots[0].fixed.as_deref(), Some("\u{e9}"));
    for encoding in ["UTF-8", "nonsense", "EUC-KR"] {
        assert!(read(&latin(text(encoding))).is_err(), "{encoding}");
    }
}
