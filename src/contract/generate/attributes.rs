//! The attributes of a type: fields, how they are read, how they are written.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::names::{snake, unique};
use super::{Generator, Scope};
use crate::contract::schema::{AttributeIr, ComplexIr};

/// Names of the fields of `attributes`. One that an element of the type has as well says what it is.
pub(super) fn attribute_fields(attributes: &[&AttributeIr], used: &mut BTreeSet<String>) -> Vec<String> {
    let name = |attribute: &&AttributeIr| {
        let name = snake(&attribute.name.local);
        let name = if used.contains(&name) { format!("{name}_attribute") } else { name };
        unique(used, &name)
    };
    attributes.iter().map(name).collect()
}

impl Generator<'_> {
    pub(super) fn attributes_declared(&mut self, attributes: &[&AttributeIr], fields: &[String]) {
        for (attribute, field) in attributes.iter().zip(fields) {
            line!(self, "        /// `@{}`", attribute.name.local);
            let kind = if attribute.required { "text::Text" } else { "Option<text::Text>" };
            line!(self, "        pub {field}: {kind},");
        }
    }

    pub(super) fn attributes_read(&mut self, attributes: &[&AttributeIr], fields: &[String]) {
        if attributes.is_empty() {
            line!(self, "            binder.check_attributes(node, complex);");
            return;
        }
        line!(self, "            if binder.has_attributes(node, complex) {{");
        line!(self, "            binder.attributes(node, complex, &mut |at, value| match at {{");
        for (at, (attribute, field)) in attributes.iter().zip(fields).enumerate() {
            let value = if attribute.required { "value" } else { "Some(value)" };
            line!(self, "                {at} => self.{field} = {value},");
        }
        line!(self, "                _ => {{}}\n            }});\n            }}");
    }

    pub(super) fn attributes_written(&mut self, attributes: &[&AttributeIr], fields: &[String], place: &str) {
        for (at, (attribute, field)) in attributes.iter().zip(fields).enumerate() {
            if attribute.required {
                line!(self, "            writer.attribute(&complex.attributes[{at}], &{place}.{field});");
            } else {
                line!(self, "            if let Some(value) = &{place}.{field} {{");
                line!(self, "                writer.attribute(&complex.attributes[{at}], value);\n            }}");
            }
        }
    }

    /// Whether attributes that a wildcard takes are kept. The contract takes them, and passes none on.
    pub(super) fn keeps_other_attributes(&self, complex: &ComplexIr) -> bool {
        self.scope == Scope::Any && complex.any_attribute.is_some()
    }

    pub(super) fn other_attributes_field(&mut self, others: bool) {
        if others {
            line!(self, "        /// Attributes that are not declared by name.");
            line!(self, "        pub other_attributes: Vec<ForeignAttribute>,");
        }
    }

    pub(super) fn other_attributes_read(&mut self, others: bool) {
        if others {
            line!(self, "            self.other_attributes = binder.other_attributes(node, complex);");
        }
    }

    pub(super) fn other_attributes_written(&mut self, others: bool) {
        if others {
            line!(self, "            writer.foreign_attributes(&self.other_attributes);");
        }
    }
}
