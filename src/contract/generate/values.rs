//! The value of an element: its Rust type, what reads it, what writes it.

use super::{Class, Form, Generator, Scope, TypeName};
use crate::contract::datatype::Primitive;
use crate::contract::read::Error;
use crate::contract::schema::{ContentIr, ElementIr, VarietyIr};
use crate::contract::table::Type;

impl Generator<'_> {
    /// The Rust type of an element's value.
    pub(super) fn value_type(&self, element: &ElementIr) -> Result<(String, Class), Error> {
        let (kind, class) = match element.kind {
            Type::Simple(number) if self.is_number(number) => ("text::Decimal".to_owned(), Class::Decimal),
            Type::Simple(_) => ("text::Text".to_owned(), Class::Text),
            Type::Complex(number) => {
                let shape = self.ir.complexes[number as usize].shape;
                let complex = &self.ir.complexes[shape as usize];
                let TypeName { module, name, .. } = self.types.get(&shape).cloned().unwrap_or_default();
                let class =
                    if matches!(complex.content, ContentIr::Simple(_)) { Class::Value } else { Class::Structure };
                if element.fixed.is_some() {
                    return self
                        .refuse(&element.name.local, "a fixed value of an element with attributes in the model");
                }
                (format!("super::{module}::{name}"), class)
            }
            Type::Anything => ("Foreign".to_owned(), Class::Anything),
        };
        if self.scope == Scope::Contract {
            if element.nillable {
                return self.refuse(&element.name.local, "xsi:nil in the model of the contract");
            }
            if element.fixed.is_some() || matches!(class, Class::Anything) {
                return self.refuse(&element.name.local, "a fixed value or any type in the model of the contract");
            }
        }
        Ok((if is_nillable(element) { format!("Nillable<{kind}>") } else { kind }, class))
    }

    /// What reads the value of `child`, whose declaration is `declared`, into `place`, a reference.
    pub(super) fn read_value(
        &self,
        element: &ElementIr,
        class: Class,
        form: Form,
        declared: &str,
        place: &str,
    ) -> String {
        let boxed = matches!(form, Form::OptionalBoxed);
        let read = |place: &str, boxed: bool| match class {
            Class::Text if element.fixed.is_some() => format!("binder.fixed(&child, &{declared}, {place})"),
            Class::Decimal if element.fixed.is_some() => {
                format!("binder.fixed(&child, &{declared}, {place}.unchecked())")
            }
            Class::Text => format!("binder.text(&child, {place})"),
            Class::Decimal => format!("binder.decimal(&child, {place})"),
            Class::Value | Class::Structure if boxed => format!("binder.boxed(&child, {place})"),
            Class::Value | Class::Structure => format!("binder.complex(&child, {place})"),
            Class::Anything => format!("binder.anything(&child, &{declared}, {place})"),
        };
        if is_nillable(element) {
            let place = if boxed { format!("&mut **{place}") } else { place.to_owned() };
            format!("binder.nillable(&child, &{declared}, {place}, |binder, child, to| {})", read("to", false))
        } else {
            read(
                &match (class, element.fixed.is_some()) {
                    // A method is called on the place itself.
                    (Class::Decimal, true) => place.trim_start_matches("&mut ").to_owned(),
                    _ => place.to_owned(),
                },
                boxed,
            )
        }
    }

    /// What writes `value`, a reference, whose declaration is `declared`.
    pub(super) fn write_value(&self, element: &ElementIr, class: Class, declared: &str, value: &str) -> String {
        let write = |value: &str| match class {
            Class::Text | Class::Decimal => {
                // A path needs no reference to be called.
                format!("writer.leaf(&{declared}, {}.as_str());", value.trim_start_matches('&'))
            }
            Class::Value | Class::Structure => format!("writer.complex(&{declared}, {value});"),
            Class::Anything => format!("writer.foreign({value});"),
        };
        if is_nillable(element) {
            let nil = format!("Nillable::Nil(attributes) => writer.nil(&{declared}, attributes),");
            format!("match {value} {{ {nil} Nillable::Value(value) => {{ {} }} }}", write("value"))
        } else {
            write(value)
        }
    }

    pub(super) fn is_number(&self, simple: u32) -> bool {
        matches!(self.ir.simples[simple as usize].variety, VarietyIr::Atomic(Primitive::Decimal | Primitive::Integer))
    }
}

/// Whether the value may be missing by `xsi:nil`; an element of any type keeps that itself.
pub(super) fn is_nillable(element: &ElementIr) -> bool {
    element.nillable && element.kind != Type::Anything
}
