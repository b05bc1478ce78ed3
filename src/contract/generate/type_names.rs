//! What the types of the model are called, and in which module they stand.

use std::collections::{BTreeMap, BTreeSet};

use super::names::{TAKEN_TYPES, module_name, type_name, unique};
use super::{Generator, Scope, TypeName, are_boxed, module};
use crate::contract::read::Error;
use crate::contract::schema::ContentIr;

impl Generator<'_> {
    /// Names every type that is wanted, one name for one type of a module.
    pub(super) fn name_types(&mut self) -> Result<(), Error> {
        let mut modules: BTreeMap<&str, String> = BTreeMap::new();
        let mut used_modules = BTreeSet::new();
        let mut used: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
        for number in &self.wanted {
            let complex = &self.ir.complexes[*number as usize];
            let uri = complex.name.ns.as_str();
            let module = match (self.scope, modules.get(uri), module(uri)) {
                (_, Some(known), _) => known.clone(),
                (Scope::Contract, None, Some(module)) => module.to_owned(),
                (Scope::Contract, None, None) => {
                    return self.refuse(&complex.name.to_string(), "a type outside the namespaces of the contract");
                }
                (Scope::Any, None, _) => unique(&mut used_modules, &module_name(uri)),
            };
            modules.insert(uri, module.clone());
            let used = used.entry(uri).or_insert_with(|| TAKEN_TYPES.iter().map(|name| (*name).to_owned()).collect());
            let name = unique(used, &type_name(&complex.name.local));
            let part = match &complex.content {
                ContentIr::Simple(_) if are_boxed(complex) => unique(used, &format!("{name}Attributes")),
                ContentIr::Elements { elements, model, mixed } if self.places(elements, model, *mixed).is_none() => {
                    unique(used, &format!("{name}Content"))
                }
                _ => String::new(),
            };
            self.types.insert(*number, TypeName { module, name, part });
        }
        Ok(())
    }
}
