//! The visitors of codes: which element or attribute of a type is bound to which code list.

use std::fmt::Write as _;

use super::names::snake;
use super::{Class, Field, Form, Generator, sorted};
use crate::contract::codelist::ListId;
use crate::contract::schema::{ContentIr, ElementIr};
use crate::contract::table::Type;

impl Generator<'_> {
    /// The visitor of the codes of an element with elements.
    pub(super) fn codes(&mut self, name: &str, fields: &[Field<'_>]) {
        line!(self, "    impl Codes for {name} {{");
        line!(self, "        #[inline]");
        line!(self, "        fn codes<V: Visit>(&self, visit: &mut V) {{");
        let mut any = false;
        for Field { element, name: field, class, form, .. } in fields {
            let many = matches!(form, Form::Many);
            let occurrence = if many { "at + 1" } else { "0" };
            let Some(visit) = self.visit(element, *class, occurrence) else { continue };
            any = true;
            match form {
                Form::One => line!(self, "            {{ let value = &self.{field}; {visit} }}"),
                Form::Optional => line!(self, "            if let Some(value) = &self.{field} {{ {visit} }}"),
                Form::OptionalBoxed => {
                    line!(self, "            if let Some(value) = self.{field}.as_deref() {{ {visit} }}")
                }
                Form::Many => {
                    line!(self, "            for (at, value) in self.{field}.iter().enumerate() {{ {visit} }}");
                }
            }
        }
        if !any {
            line!(self, "            let _ = visit;");
        }
        line!(self, "        }}\n    }}\n");
    }

    /// What hands over the codes of `value`, which is an element; none when it has none.
    pub(super) fn visit(&self, element: &ElementIr, class: Class, occurrence: &str) -> Option<String> {
        let name = &element.name.local;
        if matches!(class, Class::Structure) {
            let Type::Complex(number) = element.kind else { return None };
            if !self.has_codes(number, 0) {
                return None;
            }
            return Some(format!("visit.enter({name:?}, {occurrence}); value.codes(visit); visit.leave();"));
        }
        let list = ListId::of_remark(name, &element.code_remarks)?;
        let (attribute, value) = match (element.kind, class) {
            (Type::Complex(number), Class::Value) => self.coded_value(number),
            _ => (String::new(), "Some(value)".to_owned()),
        };
        let id = &element.wco_id;
        let coded = format!(
            "Coded {{ element: {name:?}, attribute: {attribute:?}, wco_id: {id:?}, list: ListId({}) }}",
            list.0
        );
        Some(format!("if let Some(text) = {value} {{ visit.code(&{coded}, {occurrence}, text.as_str()); }}"))
    }

    /// The attribute of a value that is the code, and how it is reached; amounts and measures are coded in their unit.
    pub(super) fn coded_value(&self, number: u32) -> (String, String) {
        let shape = self.ir.complexes[number as usize].shape;
        let attributes = sorted(&self.ir.complexes[shape as usize].attributes);
        let unit = attributes.iter().find(|a| matches!(a.name.local.as_str(), "unitCode" | "currencyID"));
        match unit {
            Some(unit) if unit.required => {
                (unit.name.local.clone(), format!("Some(&value.{})", snake(&unit.name.local)))
            }
            Some(unit) => (unit.name.local.clone(), format!("value.{}.as_ref()", snake(&unit.name.local))),
            None => (String::new(), "Some(&value.value)".to_owned()),
        }
    }

    /// Whether anything in the type is bound to a code list.
    pub(super) fn has_codes(&self, number: u32, depth: usize) -> bool {
        let shape = self.ir.complexes[number as usize].shape;
        let ContentIr::Elements { elements, .. } = &self.ir.complexes[shape as usize].content else { return false };
        // A type within itself is seen at once or not at all; the depth only ends the walk.
        depth < 16
            && elements.iter().any(|element| match element.kind {
                _ if ListId::of_remark(&element.name.local, &element.code_remarks).is_some() => true,
                Type::Complex(inner) => self.has_codes(inner, depth + 1),
                _ => false,
            })
    }
}
