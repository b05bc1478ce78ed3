//! Schemas made for this test, one for each shape that the reader takes and the model must keep, each with instances that
//! are valid and their twins that are not.

/// A schema in one or more files, the first is read; instances.
pub struct Shape {
    pub name: &'static str,
    pub files: &'static [(&'static str, &'static str)],
    pub valid: &'static [&'static str],
    pub invalid: &'static [&'static str],
}

/// The schema element around a body: prefix `t` and target namespace `urn:t`, local elements without namespace.
pub fn document(body: &str) -> String {
    if body.starts_with('<') && body.contains(":schema ") {
        return body.to_owned();
    }
    format!(
        "<xs:schema xmlns:xs=\"http://www.w3.org/2001/XMLSchema\" xmlns:t=\"urn:t\" targetNamespace=\"urn:t\">{body}</xs:schema>"
    )
}

/// Where libxml2 2.9 judges otherwise than Part 1 §3.3.4 (Element Locally Valid), clause 5.2.2: an element with a fixed value
/// has no element children (5.2.2.1), and of simple type its actual value must match, which is a value and not the way in
/// which it is written (5.2.2.2.2). And than §3.4.2, {content type} of simple content: a restriction of mixed content with a
/// simple type of its own restricts that type by the facets that stand beside it.
pub const LIBXML2_DIFFERS: &[&str] = &[
    r###"<t:fixed xmlns:t="urn:t" a="C"><code>A B</code><number>1.5</number><any>a b</any><nil>1</nil></t:fixed>"###,
    r###"<t:fixed xmlns:t="urn:t"><any>a b<c/></any></t:fixed>"###,
    r###"<t:text xmlns:t="urn:t">6</t:text>"###,
    r###"<t:list xmlns:t="urn:t"> 01  +2 </t:list>"###,
];

/// Every shape.
pub const SHAPES: &[Shape] = &[
    Shape {
        name: "names-that-rust-keeps-or-that-are-one-in-rust",
        files: &[(
            "a.xsd",
            r###"<xs:complexType name="Vec"><xs:sequence>
                <xs:element name="type" type="xs:string"/><xs:element name="Type" type="xs:string"/>
                <xs:element name="fn" type="t:Self"/><xs:element name="a-b" type="xs:int"/>
                <xs:element name="a.b" type="xs:int"/><xs:element name="a_b" type="xs:int" minOccurs="0"/>
                <xs:element name="été" type="t:Option" minOccurs="0"/><xs:element name="foreign" type="t:Foo" minOccurs="0"/>
                <xs:any namespace="##other" processContents="lax" minOccurs="0"/></xs:sequence>
                <xs:attribute name="type" type="xs:string"/><xs:attribute name="kind" type="xs:string" use="required"/>
                <xs:attribute name="foreign" type="xs:string"/></xs:complexType>
            <xs:complexType name="Self"><xs:simpleContent><xs:extension base="xs:string">
                <xs:attribute name="value" type="xs:string"/></xs:extension></xs:simpleContent></xs:complexType>
            <xs:complexType name="Option"><xs:simpleContent><xs:extension base="xs:decimal">
                <xs:attribute name="value" type="xs:string"/><xs:attribute name="attributes" type="xs:string"/>
                </xs:extension></xs:simpleContent></xs:complexType>
            <xs:complexType name="Foo"><xs:sequence><xs:element name="self" type="t:FooType"/></xs:sequence></xs:complexType>
            <xs:complexType name="FooType"><xs:sequence/><xs:attribute name="foo-bar"/><xs:attribute name="fooBar"/></xs:complexType>
            <xs:element name="Root" type="t:Vec"/><xs:element name="root" type="t:FooType"/>"###,
        )],
        valid: &[
            r###"<r:Root xmlns:r="urn:t" kind="k" type="t" foreign="f"><type>1</type><Type>2</Type><fn value="v">3</fn><a-b>4</a-b><a.b>5</a.b><a_b>6</a_b><été value="w" attributes="x">7.0</été><foreign><self foo-bar="1" fooBar="2"/></foreign><x xmlns="urn:x">y</x></r:Root>"###,
            r###"<r:Root xmlns:r="urn:t" kind="k"><type/><Type/><fn/><a-b>4</a-b><a.b>5</a.b></r:Root>"###,
            r###"<r:root xmlns:r="urn:t" fooBar="2"/>"###,
        ],
        invalid: &[
            r###"<r:Root xmlns:r="urn:t"><type/><Type/><fn/><a-b>4</a-b><a.b>5</a.b></r:Root>"###,
            r###"<r:Root xmlns:r="urn:t" kind="k"><Type/><type/><fn/><a-b>4</a-b><a.b>5</a.b></r:Root>"###,
            r###"<r:root xmlns:r="urn:t" FooBar="2"/>"###,
        ],
    },
    Shape {
        name: "one-name-in-several-namespaces",
        files: &[
            (
                "b.xsd",
                r###"<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:o="http://o.example/t" xmlns:t="urn:t" targetNamespace="urn:t" elementFormDefault="qualified"><xs:import namespace="http://o.example/t" schemaLocation="o.xsd"/>
                <xs:complexType name="Part"><xs:sequence><xs:element name="Part" type="o:Part"/><xs:element ref="o:Part"/></xs:sequence>
                <xs:attribute ref="o:id" use="required"/><xs:attribute name="id" type="xs:int"/></xs:complexType>
                <xs:element name="Part" type="t:Part"/></xs:schema>"###,
            ),
            (
                "o.xsd",
                r###"<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:o="http://o.example/t" targetNamespace="http://o.example/t">
                <xs:include schemaLocation="chameleon.xsd"/><xs:complexType name="Part"><xs:sequence>
                <xs:element name="Part" type="o:size"/></xs:sequence></xs:complexType><xs:element name="Part" type="o:Part"/>
                <xs:attribute name="id" type="xs:NMTOKEN"/></xs:schema>"###,
            ),
            (
                "chameleon.xsd",
                r###"<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"><xs:simpleType name="size"><xs:restriction base="xs:int"><xs:maxInclusive value="9"/></xs:restriction></xs:simpleType></xs:schema>"###,
            ),
        ],
        valid: &[
            r###"<t:Part xmlns:t="urn:t" xmlns:o="http://o.example/t" o:id="x" id="1"><t:Part><Part>9</Part></t:Part><o:Part><Part>-8</Part></o:Part></t:Part>"###,
        ],
        invalid: &[
            r###"<t:Part xmlns:t="urn:t" xmlns:o="http://o.example/t" id="1"><t:Part><Part>9</Part></t:Part><o:Part><Part>-8</Part></o:Part></t:Part>"###,
            r###"<t:Part xmlns:t="urn:t" xmlns:o="http://o.example/t" o:id="x"><t:Part><Part>10</Part></t:Part><o:Part><Part>8</Part></o:Part></t:Part>"###,
            r###"<t:Part xmlns:t="urn:t" xmlns:o="http://o.example/t" o:id="x"><o:Part><Part>8</Part></o:Part><t:Part><Part>1</Part></t:Part></t:Part>"###,
            r###"<o:Part xmlns:o="http://o.example/t"><o:Part>8</o:Part></o:Part>"###,
        ],
    },
    Shape {
        name: "types-and-elements-that-hold-themselves",
        files: &[(
            "a.xsd",
            r###"<xs:element name="tree" type="t:tree"/><xs:complexType name="tree"><xs:choice>
                <xs:element name="leaf" type="xs:int"/><xs:sequence><xs:element name="left" type="t:tree"/><xs:element name="right" type="t:tree"/></xs:sequence>
                </xs:choice></xs:complexType>
            <xs:element name="endless"><xs:complexType><xs:sequence><xs:element name="more" type="t:endless"/></xs:sequence></xs:complexType></xs:element>
            <xs:complexType name="endless"><xs:sequence><xs:element name="again" type="t:endless" nillable="true"/></xs:sequence></xs:complexType>
            <xs:element name="list"><xs:complexType><xs:sequence><xs:element ref="t:list" minOccurs="0" maxOccurs="2"/></xs:sequence><xs:attribute name="n" type="xs:int"/></xs:complexType></xs:element>
            <xs:complexType name="base"><xs:sequence><xs:element name="own" type="t:derived" minOccurs="0"/>
                <xs:element name="other" minOccurs="0"><xs:complexType><xs:complexContent><xs:extension base="t:base"><xs:attribute name="a"/></xs:extension></xs:complexContent></xs:complexType></xs:element></xs:sequence></xs:complexType>
            <xs:complexType name="derived"><xs:complexContent><xs:extension base="t:base"><xs:sequence><xs:element name="plus" type="xs:string"/></xs:sequence></xs:extension></xs:complexContent></xs:complexType>
            <xs:complexType name="twice"><xs:complexContent><xs:extension base="t:derived"><xs:attribute name="t" use="required"/></xs:extension></xs:complexContent></xs:complexType>
            <xs:element name="base" type="t:base"/><xs:element name="twice" type="t:twice"/>"###,
        )],
        valid: &[
            r###"<t:tree xmlns:t="urn:t"><left><leaf>1</leaf></left><right><left><leaf>2</leaf></left><right><leaf>3</leaf></right></right></t:tree>"###,
            r###"<t:endless xmlns:t="urn:t"><more><again xmlns:i="http://www.w3.org/2001/XMLSchema-instance" i:nil="true"/></more></t:endless>"###,
            r###"<t:endless xmlns:t="urn:t" xmlns:i="http://www.w3.org/2001/XMLSchema-instance"><more><again i:nil="false"><again i:nil="1"/></again></more></t:endless>"###,
            r###"<t:list xmlns:t="urn:t" n="1"><t:list n="2"><t:list/></t:list><t:list n="3"/></t:list>"###,
            r###"<t:base xmlns:t="urn:t"><own><own><plus>1</plus></own><plus>2</plus></own><other a="x"><own><plus/></own></other></t:base>"###,
            r###"<t:twice xmlns:t="urn:t" t=""><own><plus/></own><plus/></t:twice>"###,
        ],
        invalid: &[
            r###"<t:tree xmlns:t="urn:t"><left><leaf>1</leaf></left></t:tree>"###,
            r###"<t:tree xmlns:t="urn:t"><leaf>1</leaf><left><leaf>1</leaf></left></t:tree>"###,
            r###"<t:endless xmlns:t="urn:t"><more xmlns:i="http://www.w3.org/2001/XMLSchema-instance" i:nil="true"/></t:endless>"###,
            r###"<t:endless xmlns:t="urn:t" xmlns:i="http://www.w3.org/2001/XMLSchema-instance"><more><again i:nil="true"><again i:nil="true"/></again></more></t:endless>"###,
            r###"<t:list xmlns:t="urn:t"><t:list n="x"/></t:list>"###,
            r###"<t:list xmlns:t="urn:t"><t:list/><t:list/><t:list/></t:list>"###,
            r###"<t:base xmlns:t="urn:t"><own/></t:base>"###,
            r###"<t:base xmlns:t="urn:t"><own><plus/><own><plus/></own></own></t:base>"###,
            r###"<t:base xmlns:t="urn:t"><other b="x"/></t:base>"###,
            r###"<t:twice xmlns:t="urn:t"><plus/></t:twice>"###,
        ],
    },
    Shape {
        name: "roots-of-every-kind-of-type",
        files: &[(
            "a.xsd",
            r###"<xs:element name="text" type="xs:token"/><xs:element name="number" type="xs:decimal" nillable="true"/>
            <xs:element name="list"><xs:simpleType><xs:list itemType="xs:int"/></xs:simpleType></xs:element>
            <xs:element name="union"><xs:simpleType><xs:union memberTypes="xs:int xs:boolean"/></xs:simpleType></xs:element>
            <xs:element name="any"/><xs:element name="nil" nillable="true"><xs:complexType><xs:sequence><xs:element name="a"/></xs:sequence><xs:attribute name="n" type="xs:int" use="required"/></xs:complexType></xs:element>
            <xs:element name="empty"><xs:complexType/></xs:element>
            <xs:element name="anything"><xs:complexType><xs:complexContent><xs:extension base="xs:anyType"/></xs:complexContent></xs:complexType></xs:element>"###,
        )],
        valid: &[
            r###"<t:text xmlns:t="urn:t">  a  b </t:text>"###,
            r###"<t:number xmlns:t="urn:t">1.50</t:number>"###,
            r###"<t:number xmlns:t="urn:t" xmlns:i="http://www.w3.org/2001/XMLSchema-instance" i:nil="true"/>"###,
            r###"<t:list xmlns:t="urn:t">1 2  3</t:list>"###,
            r###"<t:union xmlns:t="urn:t">true</t:union>"###,
            r###"<t:any xmlns:t="urn:t" x="1">a<b xmlns="urn:b"><c xmlns=""/></b>d<t:text>e</t:text></t:any>"###,
            r###"<t:nil xmlns:t="urn:t" n="1"><a>x<b/></a></t:nil>"###,
            r###"<t:nil xmlns:t="urn:t" xmlns:i="http://www.w3.org/2001/XMLSchema-instance" i:nil="true" n="2"/>"###,
            r###"<t:empty xmlns:t="urn:t"/>"###,
            r###"<t:anything xmlns:t="urn:t" x="1">a<b/>c<t:empty/></t:anything>"###,
        ],
        invalid: &[
            r###"<t:text xmlns:t="urn:t" a="1">a</t:text>"###,
            r###"<text>a</text>"###,
            r###"<t:number xmlns:t="urn:t">1,5</t:number>"###,
            r###"<t:number xmlns:t="urn:t" xmlns:i="http://www.w3.org/2001/XMLSchema-instance" i:nil="true">1</t:number>"###,
            r###"<t:list xmlns:t="urn:t">1 x</t:list>"###,
            r###"<t:union xmlns:t="urn:t">perhaps</t:union>"###,
            r###"<t:any xmlns:t="urn:t"><t:number>x</t:number></t:any>"###,
            r###"<t:nil xmlns:t="urn:t" xmlns:i="http://www.w3.org/2001/XMLSchema-instance" i:nil="true"/>"###,
            r###"<t:nil xmlns:t="urn:t" n="x"><a/></t:nil>"###,
            r###"<t:empty xmlns:t="urn:t">a</t:empty>"###,
            r###"<t:anything xmlns:t="urn:t"><t:empty>x</t:empty></t:anything>"###,
        ],
    },
    Shape {
        name: "content-whose-order-says-something",
        files: &[(
            "a.xsd",
            r###"<xs:element name="mixed"><xs:complexType mixed="true"><xs:choice minOccurs="0" maxOccurs="unbounded"><xs:element name="b" type="xs:string"/><xs:element name="Text" type="xs:int"/><xs:any namespace="##other" processContents="skip"/></xs:choice><xs:attribute name="content"/></xs:complexType></xs:element>
            <xs:element name="pairs"><xs:complexType><xs:sequence maxOccurs="unbounded"><xs:element name="k" type="xs:string"/><xs:element name="v" type="xs:int"/></xs:sequence></xs:complexType></xs:element>
            <xs:element name="rounds"><xs:complexType><xs:sequence maxOccurs="3"><xs:element name="a" minOccurs="0" type="xs:int"/><xs:element name="b" minOccurs="0" type="xs:int"/></xs:sequence></xs:complexType></xs:element>
            <xs:element name="places"><xs:complexType><xs:sequence><xs:element name="a" type="xs:int"/><xs:element name="b" type="xs:int"/><xs:element name="a" type="xs:int"/></xs:sequence></xs:complexType></xs:element>
            <xs:element name="before"><xs:complexType><xs:sequence><xs:any namespace="##other" processContents="lax" maxOccurs="2"/><xs:element name="a" type="xs:int"/></xs:sequence></xs:complexType></xs:element>
            <xs:element name="one"><xs:complexType><xs:sequence maxOccurs="unbounded"><xs:choice><xs:element name="a" type="xs:int"/><xs:element name="b" type="xs:int"/></xs:choice></xs:sequence></xs:complexType></xs:element>
            <xs:element name="all"><xs:complexType><xs:all><xs:element name="a" type="xs:int"/><xs:element name="b" type="xs:int" minOccurs="0"/></xs:all></xs:complexType></xs:element>"###,
        )],
        valid: &[
            r###"<t:mixed xmlns:t="urn:t" content="c">one <b>two</b> three<Text>4</Text><x xmlns="urn:x">5</x> six &amp;<b/><!-- no -->seven</t:mixed>"###,
            r###"<t:mixed xmlns:t="urn:t"/>"###,
            r###"<t:pairs xmlns:t="urn:t"><k>a</k><v>1</v><k>b</k><v>2</v></t:pairs>"###,
            r###"<t:rounds xmlns:t="urn:t"><b>1</b><b>2</b><a>3</a></t:rounds>"###,
            r###"<t:rounds xmlns:t="urn:t"><a>1</a><b>2</b><a>3</a><b>4</b><a>5</a><b>6</b></t:rounds>"###,
            r###"<t:places xmlns:t="urn:t"><a>1</a><b>2</b><a>3</a></t:places>"###,
            r###"<t:before xmlns:t="urn:t"><x xmlns="urn:x"/><y xmlns="urn:x">1</y><a>3</a></t:before>"###,
            r###"<t:one xmlns:t="urn:t"><b>1</b><a>2</a><b>3</b></t:one>"###,
            r###"<t:all xmlns:t="urn:t"><b>1</b><a>2</a></t:all>"###,
        ],
        invalid: &[
            r###"<t:mixed xmlns:t="urn:t">one <c/></t:mixed>"###,
            r###"<t:mixed xmlns:t="urn:t">one <Text>four</Text></t:mixed>"###,
            r###"<t:pairs xmlns:t="urn:t"><k>a</k><v>1</v><v>2</v></t:pairs>"###,
            r###"<t:pairs xmlns:t="urn:t"><k>a</k><v>1</v>text</t:pairs>"###,
            r###"<t:rounds xmlns:t="urn:t"><b>1</b><b>2</b><a>3</a><a>4</a></t:rounds>"###,
            r###"<t:places xmlns:t="urn:t"><a>1</a><b>2</b></t:places>"###,
            r###"<t:before xmlns:t="urn:t"><a>3</a></t:before>"###,
            r###"<t:one xmlns:t="urn:t"/>"###,
            r###"<t:all xmlns:t="urn:t"><b>1</b><a>2</a><b>1</b></t:all>"###,
        ],
    },
    Shape {
        name: "attributes-that-wildcards-take",
        files: &[(
            "a.xsd",
            r###"<xs:attributeGroup name="g"><xs:anyAttribute namespace="urn:a urn:b ##local" processContents="lax"/></xs:attributeGroup>
            <xs:attributeGroup name="h"><xs:anyAttribute namespace="urn:b urn:c ##targetNamespace" processContents="lax"/></xs:attributeGroup>
            <xs:complexType name="both"><xs:attributeGroup ref="t:g"/><xs:attributeGroup ref="t:h"/></xs:complexType>
            <xs:complexType name="plus"><xs:complexContent><xs:extension base="t:both"><xs:anyAttribute namespace="urn:d" processContents="skip"/></xs:extension></xs:complexContent></xs:complexType>
            <xs:complexType name="less"><xs:complexContent><xs:restriction base="t:plus"><xs:anyAttribute namespace="urn:d" processContents="skip"/></xs:restriction></xs:complexContent></xs:complexType>
            <xs:attribute name="known" type="xs:int"/>
            <xs:element name="both" type="t:both"/><xs:element name="plus" type="t:plus"/><xs:element name="less" type="t:less"/>
            <xs:element name="value"><xs:complexType><xs:simpleContent><xs:extension base="xs:int"><xs:attribute name="a"/><xs:attribute name="b"/><xs:anyAttribute namespace="##any" processContents="lax"/></xs:extension></xs:simpleContent></xs:complexType></xs:element>"###,
        )],
        valid: &[
            r###"<t:both xmlns:t="urn:t" xmlns:b="urn:b" b:x="1" b:y="&lt;&#10;"/>"###,
            r###"<t:plus xmlns:t="urn:t" xmlns:b="urn:b" xmlns:d="urn:d" b:x="1" d:x="2"/>"###,
            r###"<t:less xmlns:t="urn:t" xmlns:d="urn:d" d:x="2"/>"###,
            r###"<t:value xmlns:t="urn:t" xmlns:z="urn:z" a="1" c="2" z:a="3" xml:lang="en" t:known="4">5</t:value>"###,
        ],
        invalid: &[
            r###"<t:both xmlns:t="urn:t" xmlns:a="urn:a" a:x="1"/>"###,
            r###"<t:both xmlns:t="urn:t" x="1"/>"###,
            r###"<t:plus xmlns:t="urn:t" xmlns:c="urn:c" c:x="1"/>"###,
            r###"<t:less xmlns:t="urn:t" xmlns:b="urn:b" b:x="1"/>"###,
            r###"<t:value xmlns:t="urn:t" t:known="x">5</t:value>"###,
        ],
    },
    Shape {
        name: "fixed-values",
        files: &[(
            "a.xsd",
            r###"<xs:simpleType name="code"><xs:restriction base="xs:token"><xs:enumeration value="A B"/><xs:enumeration value="C"/></xs:restriction></xs:simpleType>
            <xs:element name="fixed"><xs:complexType><xs:sequence>
                <xs:element name="code" type="t:code" fixed=" A  B " minOccurs="0"/><xs:element name="number" type="xs:decimal" fixed="1.50" minOccurs="0"/>
                <xs:element name="any" fixed="a b" minOccurs="0"/><xs:element name="nil" type="xs:int" nillable="true" minOccurs="0"/></xs:sequence>
                <xs:attribute name="a" type="t:code" fixed="C"/></xs:complexType></xs:element>
            <xs:element name="list" fixed="1 02"><xs:simpleType><xs:list itemType="xs:int"/></xs:simpleType></xs:element>
            <xs:element name="truth"><xs:complexType><xs:attribute name="is" type="xs:boolean" fixed="true"/><xs:attribute name="either" fixed="1.0"><xs:simpleType><xs:union memberTypes="xs:decimal xs:date"/></xs:simpleType></xs:attribute></xs:complexType></xs:element>"###,
        )],
        valid: &[
            r###"<t:fixed xmlns:t="urn:t" a="C"><code>A B</code><number>1.5</number><any>a b</any><nil>1</nil></t:fixed>"###,
            r###"<t:fixed xmlns:t="urn:t" a=" C "><code/><number/><any/></t:fixed>"###,
            r###"<t:list xmlns:t="urn:t">1 02</t:list>"###,
            r###"<t:list xmlns:t="urn:t"> 01  +2 </t:list>"###,
            r###"<t:truth xmlns:t="urn:t" is="1" either="1"/>"###,
        ],
        invalid: &[
            r###"<t:fixed xmlns:t="urn:t"><code>C</code></t:fixed>"###,
            r###"<t:fixed xmlns:t="urn:t"><number>1.6</number></t:fixed>"###,
            r###"<t:fixed xmlns:t="urn:t"><any>a</any></t:fixed>"###,
            r###"<t:fixed xmlns:t="urn:t"><any>a b<c/></any></t:fixed>"###,
            r###"<t:fixed xmlns:t="urn:t"><nil/></t:fixed>"###,
            r###"<t:fixed xmlns:t="urn:t" a="A B"/>"###,
            r###"<t:list xmlns:t="urn:t">1 3</t:list>"###,
            r###"<t:truth xmlns:t="urn:t" is="0"/>"###,
            r###"<t:truth xmlns:t="urn:t" either="1.1"/>"###,
        ],
    },
    Shape {
        name: "derivations",
        files: &[(
            "a.xsd",
            r###"<xs:simpleType name="open" final="list"><xs:restriction base="xs:string"/></xs:simpleType>
            <xs:simpleType name="short"><xs:restriction base="t:open"><xs:maxLength value="3"/></xs:restriction></xs:simpleType>
            <xs:complexType name="base" final="restriction"><xs:simpleContent><xs:extension base="t:short"><xs:attribute name="a"/></xs:extension></xs:simpleContent></xs:complexType>
            <xs:complexType name="more"><xs:simpleContent><xs:extension base="t:base"><xs:attribute name="b"/></xs:extension></xs:simpleContent></xs:complexType>
            <xs:complexType name="narrow"><xs:simpleContent><xs:restriction base="t:more"><xs:simpleType><xs:restriction base="t:short"><xs:minLength value="2"/></xs:restriction></xs:simpleType><xs:pattern value="[a-z]*"/><xs:attribute name="a" use="prohibited"/></xs:restriction></xs:simpleContent></xs:complexType>
            <xs:complexType name="text"><xs:simpleContent><xs:restriction base="xs:anyType"><xs:simpleType><xs:restriction base="xs:int"/></xs:simpleType><xs:maxInclusive value="5"/><xs:attribute name="a" type="xs:int"/></xs:restriction></xs:simpleContent></xs:complexType>
            <xs:element name="text" type="t:text"/><xs:element name="more" type="t:more"/><xs:element name="narrow" type="t:narrow"/>"###,
        )],
        valid: &[
            r###"<t:more xmlns:t="urn:t" a="1" b="2">ABC</t:more>"###,
            r###"<t:narrow xmlns:t="urn:t" b="2">ab</t:narrow>"###,
            r###"<t:text xmlns:t="urn:t" a="1">5</t:text>"###,
        ],
        invalid: &[
            r###"<t:more xmlns:t="urn:t">ABCD</t:more>"###,
            r###"<t:narrow xmlns:t="urn:t">a</t:narrow>"###,
            r###"<t:text xmlns:t="urn:t">6</t:text>"###,
            r###"<t:text xmlns:t="urn:t" b="1">5</t:text>"###,
            r###"<t:narrow xmlns:t="urn:t">AB</t:narrow>"###,
            r###"<t:narrow xmlns:t="urn:t">abcd</t:narrow>"###,
            r###"<t:narrow xmlns:t="urn:t" a="1">ab</t:narrow>"###,
        ],
    },
];
