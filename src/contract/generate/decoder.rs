//! A decoder and an encoder of any schemas that the reader takes, as one module of Rust.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::names::{type_name, unique};
use super::{Class, Form, Generator, Scope};
use crate::contract::read::Error;
use crate::contract::schema::{ElementIr, Ir};
use crate::contract::table::Type;

/// Namespaces that the encoder can declare.
const NAMESPACES_MAX: usize = 64;

/// Text of a module for a crate that uses this one: `NAMESPACES`, `TABLES`, the typed model (a module a namespace in
/// `model`), `Root` (one of the elements that may stand at the top), `decode` and `encode`.
///
/// # Errors
/// [`Error::Unsupported`], for what the model cannot keep.
pub fn decoder(ir: &Ir) -> Result<String, Error> {
    let mut generator = Generator::new(ir, Scope::Any);
    if ir.namespaces.len() > NAMESPACES_MAX {
        return generator.refuse("", "more than 64 namespaces in the model");
    }
    generator.decoder_head();
    generator.tables();
    for root in &ir.roots {
        if let Type::Complex(number) = root.kind {
            generator.want(number);
        }
    }
    line!(generator, "/// The typed model.\npub mod model {{");
    generator.model()?;
    line!(generator, "}}\n");
    generator.roots()?;
    Ok(generator.out)
}

impl Generator<'_> {
    fn decoder_head(&mut self) {
        line!(self, "// @generated from schemas by the generator of `coconnect`. Do not edit.");
        line!(self, "//! Schemas as Rust: tables of types, typed model, decoder and encoder.\n");
        line!(self, "#![allow(warnings, clippy::all, text_direction_codepoint_in_comment, reason = \"generated\")]\n");
        line!(self, "use coconnect::contract::bind::{{self, Binder, Foreign, Nillable}};");
        line!(self, "use coconnect::contract::datatype::{{Facet, Primitive, Simple, Variety, WhiteSpace}};");
        line!(self, "use coconnect::contract::pattern::Pattern;");
        line!(
            self,
            "use coconnect::contract::table::{{self, Attribute, Complex, Content, Element, Flat, Particle, Place, Process, Tables, Term, Type, Wildcard}};"
        );
        line!(self, "use coconnect::contract::{{Violations, text, write}};");
        line!(self, "use coconnect::xml::{{Document, NodeId}};\n");
        line!(self, "/// Namespaces by the numbers of the tables.");
        line!(self, "pub static NAMESPACES: &[&str] = &{:?};\n", self.ir.namespaces);
    }

    /// What may stand at the top, and the ways in and out.
    fn roots(&mut self) -> Result<(), Error> {
        let mut used = BTreeSet::from(["Self".to_owned()]);
        let mut roots: Vec<(&ElementIr, String, String, Class)> = Vec::new();
        for root in &self.ir.roots {
            let (kind, class) = self.value_type(root)?;
            let kind = kind.replace("super::", "model::");
            roots.push((root, unique(&mut used, &type_name(&root.name.local)), kind, class));
        }
        line!(self, "/// An element that may stand at the top.");
        line!(self, "#[derive(Clone, PartialEq, Eq, Debug)]\npub enum Root {{");
        for (root, name, kind, _) in &roots {
            line!(self, "    /// `{}`\n    {name}({kind}),", root.name.local);
        }
        line!(self, "}}\n");
        line!(self, "/// Reads the element `node`, whichever root it is.\n///\n/// # Errors");
        line!(self, "/// Everything that is wrong with it, in document order.");
        line!(self, "pub fn decode(document: &Document, node: NodeId) -> Result<Root, Violations> {{");
        line!(self, "    let mut binder = Binder::new(document, node, &TABLES, NAMESPACES);");
        line!(self, "    let root = match binder.root() {{");
        line!(self, "        Some(child) => match child.index {{");
        for (at, (root, name, kind, class)) in roots.iter().enumerate() {
            let read = self.read_value(root, *class, Form::One, &format!("ROOTS[{at}]"), "&mut value");
            line!(self, "            {at} => {{\n                let mut value = <{kind}>::default();");
            line!(self, "                {read};\n                Some(Root::{name}(value))\n            }}");
        }
        line!(self, "            _ => None,\n        }},\n        None => None,\n    }};");
        line!(self, "    binder.finish()?;\n    root.ok_or_else(Violations::default)\n}}\n");
        line!(self, "/// Appends `root` to `out`, namespaces declared where they are first used.");
        line!(self, "pub fn encode(root: &Root, out: &mut Vec<u8>) {{");
        line!(self, "    let mut writer = write::Writer::of(NAMESPACES, &TABLES, out);");
        line!(self, "    match root {{");
        for (at, (root, name, _, class)) in roots.iter().enumerate() {
            let write = self.write_value(root, *class, &format!("ROOTS[{at}]"), "value");
            line!(self, "        Root::{name}(value) => {{ {write} }}");
        }
        if roots.is_empty() {
            line!(self, "        _ => {{}}");
        }
        line!(self, "    }}\n}}");
        Ok(())
    }
}
