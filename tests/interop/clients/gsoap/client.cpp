// All operations with gSOAP against a served gateway: client URL FOLDER SERVER-FOLDER.
//
// The stubs are made by wsdl2h and soapcpp2 from the WSDL of the running server; build.sh tells how. FOLDER has `keys` and
// `documents` of the client. Prints a line a case: case, verdict (accepted, verified, refused, FAILED), what was read.
// tests/interop/clients.sh judges the lines.
//
// The wsse plugin signs Body, Timestamp and, by soap_wsse_set_wsu_id, the addressing headers and the token. It encrypts with no
// true RSA-OAEP, so the partner file on the other side needs `encrypt = "none"`, which `dev` and `test` allow.

#include <fstream>
#include <iostream>
#include <sstream>
#include <string>

#include <openssl/pem.h>

#include "soapH.h"
#include "wsseapi.h"
#include "wsaapi.h"
#include "SendCOSoap11Binding.nsmap"

namespace {

const std::string SERVICE = "urn:coconnect:service:1";
const char *SIGNED_HEADERS = "wsa5:MessageID wsa5:Action wsa5:To wsa5:ReplyTo wsa5:From";
const int LIFETIME_S = 300;

struct Operation { const char *path, *name; };
const Operation OPERATIONS[] = {
  {"send-co", "SendCO"},
  {"send-do", "SendDO"},
  {"send-amendment-notification", "SendAmendmentNotification"},
  {"send-cancellation-status", "SendCancellationStatus"},
  {"send-feedback", "SendFeedback"},
};

// An exchange of octets that can be changed on the way: one octet after `find`, from `from` to `to`.
struct Change { std::string find, put; bool done = false; };
Change request_change, answer_change;
int (*send_octets)(struct soap *, const char *, size_t);
size_t (*receive_octets)(struct soap *, char *, size_t);

void apply(Change &change, std::string &octets) {
  if (change.find.empty() || change.done) return;
  const size_t at = octets.find(change.find);
  if (at == std::string::npos) return;
  if (change.put.empty()) {  // one octet of what follows
    char &octet = octets[at + change.find.size() + 20];
    octet = octet == 'A' ? 'B' : 'A';
  } else {
    octets.replace(at, change.find.size(), change.put);
  }
  change.done = true;
}

int sending(struct soap *soap, const char *octets, size_t length) {
  std::string copy(octets, length);
  apply(request_change, copy);
  return send_octets(soap, copy.data(), copy.size());
}

size_t receiving(struct soap *soap, char *octets, size_t length) {
  const size_t got = receive_octets(soap, octets, length);
  std::string copy(octets, got);
  apply(answer_change, copy);
  copy.copy(octets, got);
  return got;
}

std::string text_of(const std::string &path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  std::string whole = text.str();
  while (!whole.empty() && whole.back() == '\n') whole.pop_back();
  return whole;
}

void say(const std::string &name, const char *verdict, std::string text) {
  for (char &octet : text) if (octet == '\n' || octet == '\t') octet = ' ';
  std::cout << name << '\t' << verdict << '\t' << text << std::endl;
}

class Client {
 public:
  Client(const std::string &url, const std::string &folder, const std::string &server) : url_(url), folder_(folder) {
    keys_ = folder + "/keys/";
    name_ = folder.substr(folder.rfind('/') + 1);
    password_ = text_of(keys_ + "basic.password");
    ca_ = server + "/keys/ca.crt";
    FILE *file = fopen((keys_ + "sign.key").c_str(), "r");
    key_ = file ? PEM_read_PrivateKey(file, nullptr, nullptr, nullptr) : nullptr;
    if (file) fclose(file);
    file = fopen((server + "/keys/sign.crt").c_str(), "r");
    theirs_ = file ? PEM_read_X509(file, nullptr, nullptr, nullptr) : nullptr;
    if (file) fclose(file);
    // gSOAP wants key and certificate in one file.
    std::ofstream(folder + "/tls.pem") << text_of(keys_ + "tls.key") << '\n' << text_of(keys_ + "tls.crt") << '\n';
  }

  bool ready() const { return key_ && theirs_; }

  // Sends the document; returns what was read. `why` tells what was wrong with the answer's security.
  struct Outcome { bool accepted = false; std::string text, why; };

  Outcome send(const Operation &operation, const std::string &document) {
    struct soap *soap = soap_new1(SOAP_C_UTFSTRING);
    // Without CANONICAL SignedInfo names no canonicalization at all; without NOTYPE every element of a derived type bears
    // xsi:type, which the gateway refuses and exclusive C14N, as the plugin computes it, does not digest rightly.
    soap_set_omode(soap, SOAP_XML_CANONICAL | SOAP_XML_NOTYPE);
    soap_set_version(soap, 1);
    soap_register_plugin(soap, soap_wsse);
    soap->userid = name_.c_str();
    soap->passwd = password_.c_str();
    soap->connect_timeout = soap->send_timeout = soap->recv_timeout = 30;
    Outcome outcome;
    if (soap_ssl_client_context(soap, SOAP_SSL_DEFAULT, (folder_ + "/tls.pem").c_str(), nullptr, ca_.c_str(), nullptr, nullptr)) {
      outcome.why = "TLS: " + fault_text(soap);
    } else {
      send_octets = soap->fsend;
      receive_octets = soap->frecv;
      soap->fsend = sending;
      soap->frecv = receiving;
      exchange(soap, operation, document, outcome);
    }
    soap_destroy(soap);
    soap_end(soap);
    soap_free(soap);
    return outcome;
  }

  std::string document(const Operation &operation) const { return text_of(folder_ + "/documents/" + operation.path + ".xml"); }

 private:
  // The typed business document, read from XML by the same stubs.
  md__MetaDataType *read(struct soap *reader, const std::string &document) {
    auto *typed = soap_new_md__MetaDataType(reader);
    std::istringstream in(document);
    reader->is = &in;
    const int error = soap_read_md__MetaDataType(reader, typed);
    reader->is = nullptr;
    return error ? nullptr : typed;
  }

  void exchange(struct soap *soap, const Operation &operation, const std::string &document, Outcome &outcome) {
    struct soap *reader = soap_new1(SOAP_C_UTFSTRING);
    md__MetaDataType *typed = read(reader, document);
    if (!typed) {
      outcome.why = "the stubs do not read the document: " + fault_text(reader);
    } else {
      const std::string to = url_ + "/" + operation.path, action = SERVICE + ":" + operation.name;
      secure(soap, to, action);
      svc__AcknowledgementType *answer = nullptr;
      const int error = call(soap, operation, to, action, typed, &answer);
      if (error) outcome.text = fault_text(soap);
      // The plugin stops at a wrong digest or signature while it reads: then there is an error and no fault of the gateway.
      if (error && !has_detail(soap)) outcome.why = "not verified: " + outcome.text;
      else if (soap_wsse_verify_Timestamp(soap) || soap_wsse_verify_body(soap)) outcome.why = "not verified: " + fault_text(soap);
      else if (soap_wsse_verify_element(soap, "http://www.w3.org/2005/08/addressing", "RelatesTo") != 1) outcome.why = "RelatesTo is not signed";
      else if (!related(soap)) outcome.why = "the answer is to another message";
      else if (!signed_by_them(soap)) outcome.why = "signed with another certificate";
      if (!error) read_answer(answer, outcome);
    }
    soap_destroy(reader);
    soap_end(reader);
    soap_free(reader);
  }

  void secure(struct soap *soap, const std::string &to, const std::string &action) {
    message_id_ = soap_wsa_rand_uuid(soap);
    soap_wsa_request(soap, message_id_.c_str(), to.c_str(), action.c_str());
    soap_wsse_add_Security(soap);
    soap_wsse_add_Timestamp(soap, "Time", LIFETIME_S);
    soap_wsse_add_BinarySecurityTokenPEM(soap, "X509Token", (keys_ + "sign.crt").c_str());
    soap_wsse_add_KeyInfo_SecurityTokenReferenceX509(soap, "#X509Token");
    soap_wsse_set_wsu_id(soap, SIGNED_HEADERS);
    soap_wsse_sign_body(soap, SOAP_SMD_SIGN_RSA_SHA256, key_, 0);
    soap_wsse_verify_auto(soap, SOAP_SMD_NONE, nullptr, 0);
  }

  template <typename Request, typename Answer>
  int with(struct soap *soap, int (*stub)(struct soap *, const char *, const char *, Request *, Answer &), const std::string &to,
           const std::string &action, md__MetaDataType *document, svc__AcknowledgementType **acknowledgement) {
    Request request;
    request.soap_default(soap);
    request.md__MetaData = document;
    Answer answer;
    answer.soap_default(soap);
    const int error = stub(soap, to.c_str(), action.c_str(), &request, answer);
    *acknowledgement = answer.Acknowledgement;
    return error;
  }

  int call(struct soap *soap, const Operation &operation, const std::string &to, const std::string &action,
           md__MetaDataType *document, svc__AcknowledgementType **answer) {
    const std::string name = operation.name;
    if (name == "SendCO") return with(soap, soap_call___svc__SendCO, to, action, document, answer);
    if (name == "SendDO") return with(soap, soap_call___svc__SendDO, to, action, document, answer);
    if (name == "SendFeedback") return with(soap, soap_call___svc__SendFeedback, to, action, document, answer);
    if (name == "SendCancellationStatus") return with(soap, soap_call___svc__SendCancellationStatus, to, action, document, answer);
    return with(soap, soap_call___svc__SendAmendmentNotification, to, action, document, answer);
  }

  void read_answer(svc__AcknowledgementType *answer, Outcome &outcome) {
    if (!answer || !answer->res__Response || answer->res__Response->Status.empty()) {
      outcome.text = "an acknowledgement without status";
      return;
    }
    outcome.text = answer->res__Response->Status[0]->NameCode->__item;
    outcome.accepted = outcome.text == "accepted" || outcome.text == "already-received";
    outcome.text += ", journal of " + (answer->JournalEntry ? std::string(answer->JournalEntry->Partner) : "nobody");
  }

  bool has_detail(struct soap *soap) { return soap->fault && soap->fault->detail && soap->fault->detail->svc__FaultDetail; }

  bool related(struct soap *soap) {
    return soap->header && soap->header->wsa5__RelatesTo && soap->header->wsa5__RelatesTo->__item &&
      message_id_ == soap->header->wsa5__RelatesTo->__item;
  }

  std::string fault_text(struct soap *soap) {
    if (!soap->fault) soap_set_fault(soap);
    if (has_detail(soap)) {
      const svc__FaultDetailType &detail = *soap->fault->detail->svc__FaultDetail;
      std::string text = detail.code + ": " + (soap->fault->faultstring ? soap->fault->faultstring : "") + " (" +
        soap_svc__VerdictType2s(soap, detail.verdict) + ", " + detail.referenceId + ")";
      if (!detail.error.empty()) {
        text += "; " + detail.error[0]->code + " at " + (detail.error[0]->xpath ? *detail.error[0]->xpath : "?");
      }
      return text;
    }
    const char *reason = soap->fault ? *soap_faultstring(soap) : nullptr;
    const char *more = soap->fault ? *soap_faultdetail(soap) : nullptr;
    return std::string(reason ? reason : "no reason") + (more ? std::string(" ") + more : "");
  }

  // verify_auto takes the certificate of the message; here it must be the one that we hold.
  bool signed_by_them(struct soap *soap) {
    X509 *token = soap_wsse_get_KeyInfo_SecurityTokenReferenceX509(soap);
    const bool same = token && X509_cmp(token, theirs_) == 0;
    if (token) X509_free(token);
    return same;
  }

  std::string url_, folder_, keys_, name_, password_, ca_, message_id_;
  EVP_PKEY *key_ = nullptr;
  X509 *theirs_ = nullptr;
};

// A call that must end in a signed, readable fault.
void refused(Client &client, const std::string &name, const Operation &operation, const std::string &document, const Change &change) {
  request_change = change;
  const Client::Outcome outcome = client.send(operation, document);
  const bool changed = change.find.empty() || request_change.done;
  request_change = Change();
  if (!changed) say(name, "FAILED", "nothing was changed");
  else if (outcome.accepted) say(name, "FAILED", "accepted: " + outcome.text);
  else if (!outcome.why.empty()) say(name, "FAILED", "the fault: " + outcome.why + ": " + outcome.text);
  else say(name, "refused", outcome.text);
}

void all_of(Client &client, const Operation &operation) {
  const std::string document = client.document(operation), name = operation.path;
  refused(client, name + "/changed", operation, document, Change{">4.0.0<", ">4.0.1<"});
  Client::Outcome outcome = client.send(operation, document);
  const bool good = outcome.accepted && outcome.why.empty() && outcome.text.rfind("accepted", 0) == 0;
  say(name, good ? "accepted" : "FAILED", outcome.text + (outcome.why.empty() ? "" : ": " + outcome.why));
  // The same again twice, the second time with its answer changed on the way.
  outcome = client.send(operation, document);
  const bool again = outcome.accepted && outcome.why.empty() && outcome.text.rfind("already-received", 0) == 0;
  if (!again) say(name + "/answer", "FAILED", "sent again: " + outcome.text + " " + outcome.why);
  answer_change = Change{">already-received<", ">already-receivee<"};
  outcome = client.send(operation, document);
  if (!answer_change.done) say(name + "/answer", "FAILED", "nothing was changed: " + outcome.text);
  else if (outcome.why.empty()) say(name + "/answer", "FAILED", "a changed answer verifies too");
  else if (again) say(name + "/answer", good ? "verified" : "FAILED", "changed: " + outcome.why);
  answer_change = Change();
}

}  // namespace

int main(int count, char **arguments) {
  if (count != 4) {
    std::cerr << "usage: client URL FOLDER SERVER-FOLDER" << std::endl;
    return 2;
  }
  soap_ssl_init();
  Client client(arguments[1], arguments[2], arguments[3]);
  if (!client.ready()) {
    say("client", "FAILED", "the keys cannot be read");
    return 1;
  }
  std::string wrong = client.document(OPERATIONS[0]);
  const size_t at = wrong.find("\"KGM\"");
  if (at != std::string::npos) wrong.replace(at, 5, "\"QGM\"");
  refused(client, "wrong-code", OPERATIONS[0], wrong, Change());
  refused(client, "wrong-signature", OPERATIONS[0], client.document(OPERATIONS[0]), Change{"SignatureValue>", ""});
  for (const Operation &operation : OPERATIONS) all_of(client, operation);
  return 0;
}
