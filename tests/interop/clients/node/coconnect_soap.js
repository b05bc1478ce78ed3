// What node `soap` needs as a client of coconnect: addressing headers, `wsu:Id`, and a verified answer.
//
//   const client = await connect({ url, ca, cert, key, user, password });
//   secure(client, signKey, signCertificate, { action, to });      // anew for each call
//   const [answer, raw] = await client.CoConnectService.SendCOSoap11.SendCO...
//   verify(raw, theirCertificate);
//
// WSSecurityCert signs Body and Timestamp; `additionalReferences` adds the addressing headers and the token. Its
// default writes `Id` without a namespace, which no WS-Security receiver accepts: `idMode: 'wssecurity'` writes `wsu:Id`.
// It encrypts nothing, so the partner file on the other side needs `encrypt = "none"`, which `dev` and `test` allow.
'use strict';
const { randomUUID } = require('crypto');
const https = require('https');
const axios = require('axios');
const soap = require('soap');
const { DOMParser } = require('@xmldom/xmldom');
const { SignedXml } = require('xml-crypto');
const xpath = require('xpath');

const WSA = 'http://www.w3.org/2005/08/addressing';
const WSSE = 'http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd';
const WSU = 'http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd';
const DS = 'http://www.w3.org/2000/09/xmldsig#';
const EXCLUSIVE = 'http://www.w3.org/2001/10/xml-exc-c14n#';

/** A client of the WSDL at `url`, over mutual TLS with Basic. */
async function connect({ url, ca, cert, key, user, password }) {
  const httpsAgent = new https.Agent({ ca, cert, key, keepAlive: true });
  const request = axios.create({ httpsAgent, proxy: false, timeout: 30000 });
  const client = await soap.createClientAsync(url, { request });
  client.addHttpHeader('Authorization', 'Basic ' + Buffer.from(`${user}:${password}`).toString('base64'));
  return client;
}

/** Addressing headers and a signature for the next call; gives the MessageID. */
function secure(client, key, certificate, { action, to }) {
  const id = 'urn:uuid:' + randomUUID();
  client.clearSoapHeaders();
  for (const [name, text] of [['MessageID', id], ['Action', action], ['To', to]]) {
    client.addSoapHeader(`<wsa:${name} xmlns:wsa="${WSA}">${text}</wsa:${name}>`);
  }
  client.setSecurity(new soap.WSSecurityCert(key, certificate, '', {
    hasTimeStamp: true,
    signatureAlgorithm: 'http://www.w3.org/2001/04/xmldsig-more#rsa-sha256',
    digestAlgorithm: 'http://www.w3.org/2001/04/xmlenc#sha256',
    signatureTransformations: [EXCLUSIVE],
    additionalReferences: ['wsa:MessageID', 'wsa:Action', 'wsa:To', 'wsse:BinarySecurityToken'],
    signerOptions: { idMode: 'wssecurity', prefix: 'ds', existingPrefixes: { wsse: WSSE, wsu: WSU } },
  }));
  return id;
}

/** Throws unless `xml` is signed with `certificate` over Body, Timestamp and RelatesTo, and answers `id` if given. */
function verify(xml, certificate, id) {
  const document = new DOMParser().parseFromString(xml, 'text/xml');
  const envelope = document.documentElement;
  const ns = { s: envelope.namespaceURI, wsse: WSSE, wsu: WSU, wsa: WSA, ds: DS };
  const one = (path) => {
    const found = xpath.useNamespaces(ns)(path, document);
    if (found.length !== 1) throw new Error(`${path}: ${found.length} there, expected one`);
    return found[0];
  };
  const signature = one('/s:Envelope/s:Header/wsse:Security/ds:Signature');
  const signed = new SignedXml({ idMode: 'wssecurity', publicCert: certificate, getCertFromKeyInfo: () => null });
  signed.loadSignature(signature);
  if (!signed.checkSignature(xml)) throw new Error('the signature does not hold');
  const covered = signed.references.map((reference) => reference.uri);
  const parts = ['s:Body', 's:Header/wsse:Security/wsu:Timestamp', 's:Header/wsa:RelatesTo'];
  for (const part of parts) {
    const name = one('/s:Envelope/' + part).getAttributeNS(WSU, 'Id');
    if (!covered.includes('#' + name)) throw new Error(`${part} is not signed`);
    one(`//*[@wsu:Id="${name}"]`);
  }
  const related = one('/s:Envelope/s:Header/wsa:RelatesTo').textContent;
  if (id && related.toLowerCase() !== id.toLowerCase()) throw new Error(`the answer is to ${related}, not to ${id}`);
}

module.exports = { connect, secure, verify };
