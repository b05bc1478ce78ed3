// All operations with node `soap` against a served gateway: node client.js URL FOLDER SERVER-FOLDER.
//
// FOLDER has `keys` and `documents` of the client. Prints a line a case: case, verdict (accepted, verified, refused,
// FAILED), what was read. tests/interop/clients.sh judges the lines.
'use strict';
const fs = require('fs');
const path = require('path');
const { connect, secure, verify } = require('./coconnect_soap');

const SVC = 'urn:coconnect:service:1';
const OPERATIONS = {
  'send-co': 'SendCO',
  'send-do': 'SendDO',
  'send-amendment-notification': 'SendAmendmentNotification',
  'send-cancellation-status': 'SendCancellationStatus',
  'send-feedback': 'SendFeedback',
};

const say = (name, verdict, text) => console.log([name, verdict, String(text).replace(/\s+/g, ' ').trim()].join('\t'));

// What `soap` gives for an element with attributes is { attributes, $value }.
const value = (node) => (node && typeof node === 'object' && '$value' in node ? node.$value : node);

function once(find, put) {
  return (text) => {
    const changed = text.replace(find, put);
    if (changed === text) throw new Error(`${find} is not there`);
    return changed;
  };
}

// One octet of SignatureValue, not the last, whose bits may be padding.
const spoil = (text) => text.replace(/(SignatureValue>.{20})(.)/, (_, before, octet) => before + (octet === 'A' ? 'B' : 'A'));

async function main() {
  const [url, folder, server] = process.argv.slice(2);
  const read = (name) => fs.readFileSync(path.join(folder, name), 'utf8');
  const theirs = fs.readFileSync(path.join(server, 'keys/sign.crt'), 'utf8');
  const client = await connect({
    url: url + '/coconnect.wsdl',
    ca: fs.readFileSync(path.join(server, 'keys/ca.crt')),
    cert: read('keys/tls.crt'),
    key: read('keys/tls.key'),
    user: path.basename(folder),
    password: read('keys/basic.password').trim(),
  });

  // The business document as the typed object that `soap` itself makes of it.
  const document = (operation, change = (text) => text) => {
    const text = change(read(`documents/${operation}.xml`)).replace(/^<\?xml.*?\?>/, '');
    const name = OPERATIONS[operation];
    const body = `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><v:${name} xmlns:v="${SVC}">${text}</v:${name}></s:Body></s:Envelope>`;
    return client.wsdl.xmlToObject(body).Body[name];
  };

  const send = async (operation, argument, change = (text) => text) => {
    const name = OPERATIONS[operation];
    const id = secure(client, read('keys/sign.key'), read('keys/sign.crt'), { action: `${SVC}:${name}`, to: `${url}/${operation}` });
    return new Promise((resolve, reject) => {
      client.CoConnectService[name + 'Soap11'][name](argument, (error, answer, raw) => {
        if (!error) resolve({ answer, raw, id });
        else reject(Object.assign(error, { raw: error.body ?? raw ?? error.response?.data, id }));
      }, { postProcess: change });
    });
  };

  // A call that must end in a signed, readable fault.
  const fault = async (name, call) => {
    try {
      const { raw } = await call();
      say(name, 'FAILED', `accepted: ${raw}`);
    } catch (error) {
      try {
        const found = error.root.Envelope.Body.Fault;
        const detail = found.detail.FaultDetail;
        verify(error.raw, theirs, error.id);
        const first = [].concat(detail.error ?? [])[0];
        const more = first ? `; ${first.code} at ${first.xpath}` : '';
        say(name, 'refused', `${detail.code}: ${value(found.faultstring)} (${detail.verdict}, ${detail.referenceId})${more}`);
      } catch (wrong) {
        say(name, 'FAILED', `the fault: ${wrong.message}: ${error.message}`);
      }
    }
  };

  await fault('wrong-code', () => send('send-co', document('send-co', once('"KGM"', '"QGM"'))));
  await fault('wrong-signature', () => send('send-co', document('send-co'), spoil));
  for (const operation of Object.keys(OPERATIONS)) {
    try {
      await fault(`${operation}/changed`, () => send(operation, document(operation), once('>4.0.0<', '>4.0.1<')));
      const { answer, raw, id } = await send(operation, document(operation));
      const { Response, DocumentDigest } = answer.Acknowledgement;
      const status = value([].concat(Response.Status)[0].NameCode);
      say(operation, status === 'accepted' ? 'accepted' : 'FAILED', `${status}, digest ${value(DocumentDigest)}`);
      verify(raw, theirs, id);
      try {
        verify(once('>accepted<', '>acceptee<')(raw), theirs, id);
        say(`${operation}/answer`, 'FAILED', 'a changed answer verifies too');
      } catch (error) {
        say(`${operation}/answer`, 'verified', `changed: ${error.message}`);
      }
    } catch (error) {
      say(operation, 'FAILED', `${error.message} ${error.raw ?? ''}`);
    }
  }
  process.exit(0);
}

main().catch((error) => { say('client', 'FAILED', error.stack); process.exit(1); });
