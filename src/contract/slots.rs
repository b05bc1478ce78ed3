//! Namespaces by slot: generated code names a [`Slot`], a [`Slots`] table of a partner and version fills it
//! (design 2.1). So the real WCO namespace can replace ours without a change of code.

use std::sync::Arc;

/// A place where a namespace URI stands.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum Slot {
    /// The service: wrappers, `Acknowledgement`, `FaultDetail`.
    Svc = 0,
    /// The WCO document header `MetaData`.
    Md = 1,
    /// The WCO body `LPCO`.
    Lpco = 2,
    /// The WCO `Response`.
    Res = 3,
    /// Extensions of ours.
    Ext = 4,
}

impl Slot {
    /// Every slot, in the order of its number.
    pub const ALL: [Self; 5] = [Self::Svc, Self::Md, Self::Lpco, Self::Res, Self::Ext];

    /// The prefix that the encoder and the served schemas use; the encoder writes `lpco` as the default namespace.
    #[must_use]
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Svc => "svc",
            Self::Md => "md",
            Self::Lpco => "lpco",
            Self::Res => "res",
            Self::Ext => "cc",
        }
    }

    /// The namespace URI in `wsdl/` and `xsd/` as committed.
    #[must_use]
    pub fn default_uri(self) -> &'static str {
        match self {
            Self::Svc => crate::xml::ns::SVC,
            Self::Md => "urn:wco:datamodel:WCO:DocumentMetaData:1",
            Self::Lpco => "urn:wco:datamodel:WCO:LPCO:1",
            Self::Res => "urn:wco:datamodel:WCO:Response:1",
            Self::Ext => "urn:coconnect:ext:1",
        }
    }

    /// The slot named `name` in a partner file: `svc`, `md`, `lpco`, `res`, `ext`.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "svc" => Some(Self::Svc),
            "md" => Some(Self::Md),
            "lpco" => Some(Self::Lpco),
            "res" => Some(Self::Res),
            "ext" => Some(Self::Ext),
            _ => None,
        }
    }
}

/// The namespace URI of every slot, for one partner, direction and WCO DM version.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Slots {
    uris: [Arc<str>; 5],
}

impl Default for Slots {
    fn default() -> Self {
        Self { uris: Slot::ALL.map(|slot| Arc::from(slot.default_uri())) }
    }
}

impl Slots {
    /// The same table with `uri` in `slot`.
    #[must_use]
    pub fn with(mut self, slot: Slot, uri: &str) -> Self {
        self.uris[slot as usize] = Arc::from(uri);
        self
    }

    /// The namespace URI in `slot`.
    #[must_use]
    pub fn uri(&self, slot: Slot) -> &str {
        &self.uris[slot as usize]
    }
}
