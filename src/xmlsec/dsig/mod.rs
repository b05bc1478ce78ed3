//! XML Signature 1.1.
