//! Types whose content is kept as a list in its order: mixed content, repeated groups, an element at several places,
//! wildcards before the end.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::attributes::attribute_fields;
use super::names::{type_name, unique};
use super::places::has_wildcard;
use super::{Class, Form, Generator, TypeName, sorted};
use crate::contract::read::Error;
use crate::contract::schema::{ComplexIr, ElementIr, ParticleIr};

/// What an entry of the list may be.
struct Entry<'e> {
    at: usize,
    element: &'e ElementIr,
    name: String,
    kind: String,
    class: Class,
}

impl Generator<'_> {
    /// An element with a list of what it holds.
    pub(super) fn ordered_structure(
        &mut self,
        number: u32,
        complex: &ComplexIr,
        elements: &[ElementIr],
        model: &ParticleIr,
        mixed: bool,
    ) -> Result<(), Error> {
        let TypeName { name, part, .. } = self.types.get(&number).cloned().unwrap_or_default();
        let any = has_wildcard(model);
        let mut used: BTreeSet<String> = ["Text", "Foreign", "Self"].map(str::to_owned).into();
        let mut entries = Vec::new();
        for (at, element) in elements.iter().enumerate() {
            let (kind, class) = self.value_type(element)?;
            let name = unique(&mut used, &type_name(&element.name.local));
            entries.push(Entry { at, element, name, kind, class });
        }
        let mut used: BTreeSet<String> = ["content", "other_attributes"].map(str::to_owned).into();
        let attributes = sorted(&complex.attributes);
        let fields = attribute_fields(&attributes, &mut used);
        let others = self.keeps_other_attributes(complex);
        self.documented(&complex.documentation);
        line!(self, "    #[derive(Clone, PartialEq, Eq, Debug, Default)]");
        line!(self, "    pub struct {name} {{");
        self.attributes_declared(&attributes, &fields);
        self.other_attributes_field(others);
        line!(self, "        /// What it holds, in its order.");
        line!(self, "        pub content: Vec<{part}>,");
        line!(self, "    }}\n");
        self.entries_declared(&name, &part, &entries, mixed, any);
        line!(self, "    impl Bind for {name} {{");
        line!(self, "        fn bind(&mut self, binder: &mut Binder<'_>, node: NodeId, complex: &'static Complex) {{");
        self.attributes_read(&attributes, &fields);
        self.other_attributes_read(others);
        self.entries_read(&part, &entries, mixed, any);
        line!(self, "        }}\n    }}\n");
        line!(self, "    impl Write for {name} {{");
        line!(self, "        fn write(&self, writer: &mut Writer<'_>, complex: &'static Complex) {{");
        line!(self, "            let elements = complex.elements();");
        self.attributes_written(&attributes, &fields, "self");
        self.other_attributes_written(others);
        self.entries_written(&part, &entries, mixed, any);
        line!(self, "        }}\n    }}\n");
        Ok(())
    }

    fn entries_declared(&mut self, name: &str, part: &str, entries: &[Entry<'_>], mixed: bool, any: bool) {
        line!(self, "    /// What stands in [`{name}`].");
        line!(self, "    #[derive(Clone, PartialEq, Eq, Debug)]");
        line!(self, "    pub enum {part} {{");
        if mixed {
            line!(self, "        /// Text between elements.\n        Text(text::Text),");
        }
        for Entry { element, name, kind, .. } in entries {
            let documentation =
                if element.documentation.is_empty() { &element.name.local } else { &element.documentation };
            line!(self, "        /// {documentation}\n        {name}({kind}),");
        }
        if any {
            line!(self, "        /// An element that a wildcard took, kept and passed on.\n        Foreign(Foreign),");
        }
        line!(self, "    }}\n");
    }

    fn entries_read(&mut self, part: &str, entries: &[Entry<'_>], mixed: bool, any: bool) {
        if mixed {
            line!(self, "            let mut between = Between::new(binder, node);");
        }
        line!(self, "            let mut children = binder.children(node, complex);");
        line!(self, "            while let Some(child) = binder.next(&mut children) {{");
        if mixed {
            line!(self, "                let text = between.before(binder, Some(child.node));");
            line!(self, "                self.content.extend(text.map({part}::Text));");
        }
        line!(self, "                match child.index {{");
        for Entry { at, element, name, kind, class } in entries {
            let read = self.read_value(element, *class, Form::One, &format!("complex.elements()[{at}]"), "&mut value");
            line!(self, "                    {at} => {{");
            line!(self, "                        let mut value = <{kind}>::default();");
            line!(
                self,
                "                        {read};\n                        self.content.push({part}::{name}(value));"
            );
            line!(self, "                    }}");
        }
        if any {
            line!(self, "                    super::super::bind::FOREIGN => {{");
            line!(self, "                        let value = binder.keep(&child);");
            line!(self, "                        self.content.push({part}::Foreign(value));");
            line!(self, "                    }}");
        }
        line!(self, "                    _ => {{}}\n                }}\n            }}");
        if mixed {
            line!(self, "            self.content.extend(between.before(binder, None).map({part}::Text));");
        }
    }

    fn entries_written(&mut self, part: &str, entries: &[Entry<'_>], mixed: bool, any: bool) {
        line!(self, "            for entry in &self.content {{\n                match entry {{");
        if mixed {
            line!(self, "                    {part}::Text(text) => writer.text(text),");
        }
        for Entry { at, element, name, class, .. } in entries {
            let write = self.write_value(element, *class, &format!("elements[{at}]"), "value");
            line!(self, "                    {part}::{name}(value) => {{ {write} }}");
        }
        if any {
            line!(self, "                    {part}::Foreign(value) => writer.foreign(value),");
        }
        line!(self, "                }}\n            }}");
    }
}
