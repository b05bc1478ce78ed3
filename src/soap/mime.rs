//! Media types of SOAP over HTTP: `Content-Type` (RFC 9110 §8.3), its `action` parameter (RFC 3902), `SOAPAction`
//! (SOAP 1.1 §6.1.1).

use super::Version;

/// Why a media type or action is not taken.
#[derive(Debug, thiserror::Error, Clone, PartialEq, Eq)]
pub enum Error {
    /// `Content-Type: application/json`.
    #[error("expected text/xml or application/soap+xml")]
    MediaType,
    /// `text/xml; charset="` and the like.
    #[error("the parameters of the media type cannot be read")]
    Parameters,
    /// A character encoding that the parser does not read.
    #[error("expected charset utf-8 or utf-16")]
    Charset,
}

/// A SOAP media type.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ContentType {
    /// Version that it announces.
    pub version: Version,
    /// `charset`, in lower case.
    pub charset: Option<String>,
    /// `action`, SOAP 1.2 only.
    pub action: Option<String>,
}

impl ContentType {
    /// Reads the value of `Content-Type`.
    ///
    /// # Errors
    /// [`Error`] when it is no SOAP media type or cannot be read.
    pub fn parse(value: &str) -> Result<Self, Error> {
        let (essence, parameters) = value.split_once(';').unwrap_or((value, ""));
        let version = match essence.trim().to_ascii_lowercase().as_str() {
            "text/xml" => Version::Soap11,
            "application/soap+xml" => Version::Soap12,
            _ => return Err(Error::MediaType),
        };
        let mut content_type = Self { version, charset: None, action: None };
        for (name, value) in Parameters(parameters).collect::<Result<Vec<_>, _>>()? {
            let slot = match name.as_str() {
                "charset" => &mut content_type.charset,
                "action" if version == Version::Soap12 => &mut content_type.action,
                _ => continue,
            };
            if slot.replace(value).is_some() {
                return Err(Error::Parameters);
            }
        }
        content_type.charset = content_type.charset.map(|charset| charset.to_ascii_lowercase());
        match content_type.charset.as_deref() {
            None | Some("utf-8" | "utf8" | "utf-16" | "utf-16le" | "utf-16be" | "us-ascii") => Ok(content_type),
            Some(_) => Err(Error::Charset),
        }
    }

    /// The value of `Content-Type` for a message of ours.
    #[must_use]
    pub fn written(version: Version, action: &str) -> String {
        match version {
            Version::Soap11 => "text/xml; charset=utf-8".to_owned(),
            Version::Soap12 => format!("application/soap+xml; charset=utf-8; action=\"{action}\""),
        }
    }
}

/// The action in a `SOAPAction` header, without its quotes; none when it is empty.
#[must_use]
pub fn soap_action(value: &str) -> Option<&str> {
    let value = value.trim();
    let inner = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(value);
    (!inner.is_empty()).then_some(inner)
}

/// `; name=value` and `; name="value"`, names in lower case.
struct Parameters<'a>(&'a str);

impl Iterator for Parameters<'_> {
    type Item = Result<(String, String), Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0 = self.0.trim_start_matches([' ', '\t', ';']);
        if self.0.is_empty() {
            return None;
        }
        let parsed = parameter(self.0);
        match parsed {
            Some((name, value, rest)) => {
                self.0 = rest;
                Some(Ok((name, value)))
            }
            None => {
                self.0 = "";
                Some(Err(Error::Parameters))
            }
        }
    }
}

fn parameter(text: &str) -> Option<(String, String, &str)> {
    let (name, rest) = text.split_once('=')?;
    let name = name.trim().to_ascii_lowercase();
    if name.is_empty() || name.contains([';', '"', ' ']) {
        return None;
    }
    if let Some(quoted) = rest.strip_prefix('"') {
        let mut value = String::new();
        let mut characters = quoted.char_indices();
        while let Some((at, character)) = characters.next() {
            match character {
                '"' => return end(&quoted[at + 1..]).map(|rest| (name, value, rest)),
                '\\' => value.push(characters.next()?.1),
                other => value.push(other),
            }
        }
        return None;
    }
    let (value, rest) = rest.split_once(';').unwrap_or((rest, ""));
    let value = value.trim();
    (!value.is_empty() && !value.contains('"')).then(|| (name, value.to_owned(), rest))
}

/// After a quoted value comes the next parameter or nothing.
fn end(rest: &str) -> Option<&str> {
    let rest = rest.trim_start();
    if rest.is_empty() { Some(rest) } else { rest.strip_prefix(';') }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_stacks_send() {
        let twelve = ContentType::parse(r#"application/soap+xml; charset=UTF-8;action="urn:x:SendCO""#).unwrap();
        assert_eq!((twelve.version, twelve.action.as_deref()), (Version::Soap12, Some("urn:x:SendCO")));
        let eleven = ContentType::parse("Text/XML;charset=\"utf-8\"").unwrap();
        assert_eq!((eleven.version, eleven.charset.as_deref()), (Version::Soap11, Some("utf-8")));
        assert_eq!(soap_action("\"urn:x:SendCO\""), Some("urn:x:SendCO"));
        assert_eq!(soap_action("\"\""), None);
    }

    #[test]
    fn refuses_what_is_no_soap_media_type() {
        for value in ["", "application/json", "text/xml; charset", "text/xml; charset=\"x", "text/xml; charset=koi8-r"]
        {
            assert!(ContentType::parse(value).is_err(), "{value}");
        }
        assert!(ContentType::parse("application/soap+xml; action=a; action=b").is_err());
    }

    #[test]
    fn what_we_write_reads_back() {
        let value = ContentType::written(Version::Soap12, "urn:x:SendCO");
        assert_eq!(ContentType::parse(&value).unwrap().action.as_deref(), Some("urn:x:SendCO"));
    }
}
