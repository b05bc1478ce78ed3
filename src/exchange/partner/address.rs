//! Networks that a partner calls from, as they stand in its file: `192.0.2.0/24`, `2001:db8::/32`, a single address.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::net::{Cidr, CidrError};

/// A network of a partner file.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct Network(Cidr);

impl Network {
    /// Reads `ADDRESS` or `ADDRESS/PREFIX`; bits below the prefix must be zero.
    ///
    /// # Errors
    /// [`CidrError`] with what came.
    pub fn parse(text: &str) -> Result<Self, CidrError> {
        Cidr::parse(text).map(Self)
    }

    /// Whether `address` lies in it; an IPv4 address mapped into IPv6 counts as IPv4.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(address)
    }

    /// Whether it is `0.0.0.0/0` or `::/0`.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        let ends_v4 = [IpAddr::V4(Ipv4Addr::UNSPECIFIED), IpAddr::V4(Ipv4Addr::BROADCAST)];
        let ends_v6 = [IpAddr::V6(Ipv6Addr::UNSPECIFIED), IpAddr::V6(Ipv6Addr::from_bits(u128::MAX))];
        [ends_v4, ends_v6].iter().any(|ends| ends.iter().all(|end| self.contains(*end)))
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Network {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Network {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(from)?).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_of_a_family_is_everything() {
        for (network, everything) in
            [("0.0.0.0/0", true), ("::/0", true), ("0.0.0.0/1", false), ("::/1", false), ("::1", false)]
        {
            assert_eq!(Network::parse(network).unwrap().is_everything(), everything, "{network}");
        }
    }
}
