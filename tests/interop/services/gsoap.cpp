// A gSOAP service that our gateway delivers to: service PORT FOLDER SERVER-FOLDER. It answers as FOLDER/mode says: good,
// changed, stranger, other-message, other-document, fault. FOLDER has `keys` of the service, SERVER-FOLDER those of the gateway.
//
// Skeletons by wsdl2h and soapcpp2 from our WSDL (build.sh of the client, with `service`). The partner file at the gateway needs
// `encrypt = "none"` and `signed_parts = "body-timestamp"`, which `dev` and `test` allow: the wsse plugin signs Body and
// Timestamp of an answer. Prints a line a request.

#include <fstream>
#include <iostream>
#include <sstream>
#include <string>

#include <openssl/pem.h>
#include <openssl/sha.h>

#include "soapH.h"
#include "wsseapi.h"
#include "wsaapi.h"
#include "SendCOSoap11Binding.nsmap"

namespace {

std::string folder, mode, request_octets;
EVP_PKEY *key, *stranger_key;
X509 *theirs;
size_t (*receive_octets)(struct soap *, char *, size_t);
int (*send_octets)(struct soap *, const char *, size_t);

std::string text_of(const std::string &path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  std::string whole = text.str();
  while (!whole.empty() && whole.back() == '\n') whole.pop_back();
  return whole;
}

EVP_PKEY *key_of(const std::string &path) {
  FILE *file = fopen(path.c_str(), "r");
  EVP_PKEY *found = file ? PEM_read_PrivateKey(file, nullptr, nullptr, nullptr) : nullptr;
  if (file) fclose(file);
  return found;
}

size_t receiving(struct soap *soap, char *octets, size_t length) {
  const size_t got = receive_octets(soap, octets, length);
  request_octets.append(octets, got);
  return got;
}

int sending(struct soap *soap, const char *octets, size_t length) {
  std::string copy(octets, length);
  const size_t at = copy.find(">accepted<");
  if (mode == "changed" && at != std::string::npos) copy.replace(at, 10, ">acceptee<");
  return send_octets(soap, copy.data(), copy.size());
}

// SHA-256 of the business document. A gateway writes what it sends in canonical form with every declaration on the document
// itself, so its octets are those of the exclusive canonical form; a service of other senders canonicalizes first.
std::string digest() {
  const size_t from = request_octets.find("<md:MetaData"), to = request_octets.rfind("</md:MetaData>");
  if (from == std::string::npos || to == std::string::npos) return "";
  unsigned char hash[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char *>(request_octets.data()) + from, to + 14 - from, hash);
  if (mode == "other-document") hash[0] ^= 1;
  return std::string(reinterpret_cast<char *>(hash), sizeof hash);
}

bool signed_by_them(struct soap *soap) {
  X509 *token = soap_wsse_get_KeyInfo_SecurityTokenReferenceX509(soap);
  const bool same = token && X509_cmp(token, theirs) == 0;
  if (token) X509_free(token);
  return same;
}

void secure(struct soap *soap) {
  const std::string name = mode == "stranger" ? "tls" : "sign";
  soap_wsse_delete_Security(soap);
  soap_wsse_add_Security(soap);
  soap_wsse_add_Timestamp(soap, "Time", 300);
  soap_wsse_add_BinarySecurityTokenPEM(soap, "X509Token", (folder + "/keys/" + name + ".crt").c_str());
  soap_wsse_add_KeyInfo_SecurityTokenReferenceX509(soap, "#X509Token");
  soap_wsse_sign_body(soap, SOAP_SMD_SIGN_RSA_SHA256, mode == "stranger" ? stranger_key : key, 0);
}

int refuse(struct soap *soap, const char *why) {
  std::cout << "refused\t" << why << std::endl;
  return soap_sender_fault(soap, why, nullptr);
}

template <typename T> T *code(struct soap *soap, T *made, const std::string &text) {
  made->soap_default(soap);
  made->__item = text;
  return made;
}

// What every operation does with its document; the rest of the answer is made by the skeleton.
int take(struct soap *soap, const char *operation, md__MetaDataType *document, svc__AcknowledgementType **answer) {
  mode = text_of(folder + "/mode");
  if (!soap->userid || !soap->passwd) return refuse(soap, "no Basic credentials");
  if (soap_wsse_verify_Timestamp(soap) || soap_wsse_verify_body(soap)) return refuse(soap, "Timestamp or Body is not signed");
  if (!signed_by_them(soap)) return refuse(soap, "signed with another certificate");
  if (!document) return refuse(soap, "no document");
  if (soap_wsa_check(soap)) return soap->error;
  const std::string id = soap->header->wsa5__MessageID;
  const std::string action = std::string("urn:coconnect:service:1:") + operation + (mode == "fault" ? "" : "Response");
  std::cout << "taken\t" << operation << '\t' << mode << std::endl;
  if (soap_wsa_reply(soap, nullptr, mode == "fault" ? "urn:coconnect:service:1:Fault" : action.c_str())) return soap->error;
  // Both come from the request's ReplyTo, which is nobody's address.
  soap->header->wsa5__To = nullptr;
  if (mode == "other-message") soap->header->wsa5__RelatesTo->__item = soap_strdup(soap, soap_wsa_rand_uuid(soap));
  secure(soap);
  if (mode == "fault") {
    soap_sender_fault(soap, "the quota of this exporter is used up", nullptr);
    auto *detail = soap_new_svc__FaultDetailType(soap);
    detail->code = "quota-used-up";
    detail->verdict = svc__VerdictType__correct;
    detail->referenceId = "GSOAP-1";
    soap->fault->detail = soap_new_SOAP_ENV__Detail(soap);
    soap->fault->detail->svc__FaultDetail = detail;
    return soap->error;
  }
  auto *acknowledgement = *answer = soap_new_svc__AcknowledgementType(soap);
  auto *response = acknowledgement->res__Response = soap_new_res__ResponseType(soap);
  response->FunctionCode = code(soap, soap_new_udt__MessageFunctionType(soap), "11");
  response->FunctionalReferenceID = code(soap, soap_new_udt__ID70Type(soap), id);
  auto *status = soap_new_res__StatusType(soap);
  status->NameCode = code(soap, soap_new_udt__Code17Type(soap), "accepted");
  response->Status.push_back(status);
  response->IssueDateTime = soap_new_res__DateTimeType(soap);
  response->IssueDateTime->__union_DateTimeType = SOAP_UNION__res__union_DateTimeType_DateTime;
  response->IssueDateTime->union_DateTimeType.DateTime = time(nullptr);
  const std::string hash = digest();
  acknowledgement->DocumentDigest.__ptr = reinterpret_cast<unsigned char *>(soap_malloc(soap, hash.size()));
  acknowledgement->DocumentDigest.__size = static_cast<int>(hash.size());
  hash.copy(reinterpret_cast<char *>(acknowledgement->DocumentDigest.__ptr), hash.size());
  return SOAP_OK;
}

}  // namespace

#define OPERATION(name) \
  int __svc__##name(struct soap *soap, _svc__##name *request, _svc__##name##Response &response) { \
    return take(soap, #name, request->md__MetaData, &response.Acknowledgement); \
  } \
  int __svc__##name##_(struct soap *soap, _svc__##name *request, _svc__##name##Response &response) { \
    return __svc__##name(soap, request, response); \
  }

OPERATION(SendCO)
OPERATION(SendDO)
OPERATION(SendAmendmentNotification)
OPERATION(SendCancellationStatus)
OPERATION(SendFeedback)

// The skeletons ask for it: a fault that is sent to a service. Nobody sends one to ours.
int SOAP_ENV__Fault(struct soap *soap, char *, char *, char *, struct SOAP_ENV__Detail *, struct SOAP_ENV__Code *,
                    struct SOAP_ENV__Reason *, char *, char *, struct SOAP_ENV__Detail *) {
  return refuse(soap, "a fault is no request");
}

int main(int count, char **arguments) {
  if (count != 4) {
    std::cerr << "usage: service PORT FOLDER SERVER-FOLDER" << std::endl;
    return 2;
  }
  soap_ssl_init();
  folder = arguments[2];
  const std::string keys = folder + "/keys/", server = arguments[3];
  key = key_of(keys + "sign.key");
  stranger_key = key_of(keys + "tls.key");
  FILE *file = fopen((server + "/keys/sign.crt").c_str(), "r");
  theirs = file ? PEM_read_X509(file, nullptr, nullptr, nullptr) : nullptr;
  if (!key || !stranger_key || !theirs) {
    std::cerr << "the keys cannot be read" << std::endl;
    return 1;
  }
  // gSOAP keeps these pointers.
  const std::string tls = folder + "/tls.pem", ca = server + "/keys/ca.crt";
  std::ofstream(tls) << text_of(keys + "tls.key") << '\n' << text_of(keys + "tls.crt") << '\n';
  struct soap *soap = soap_new1(SOAP_C_UTFSTRING);
  soap_set_omode(soap, SOAP_XML_CANONICAL | SOAP_XML_NOTYPE);
  soap_register_plugin(soap, soap_wsa);
  soap_register_plugin(soap, soap_wsse);
  soap->bind_flags = SO_REUSEADDR;
  soap->send_timeout = soap->recv_timeout = 30;
  soap->accept_timeout = 300;
  if (soap_ssl_server_context(soap, SOAP_SSL_REQUIRE_CLIENT_AUTHENTICATION, tls.c_str(), nullptr,
        ca.c_str(), nullptr, nullptr, nullptr, "coconnect") ||
      !soap_valid_socket(soap_bind(soap, "127.0.0.1", atoi(arguments[1]), 16))) {
    soap_print_fault(soap, stderr);
    return 1;
  }
  std::cout << "serving" << std::endl;
  while (soap_valid_socket(soap_accept(soap))) {
    mode = text_of(folder + "/mode");
    request_octets.clear();
    if (soap_ssl_accept(soap)) {
      soap_print_fault(soap, stderr);
    } else {
      receive_octets = soap->frecv;
      send_octets = soap->fsend;
      soap->frecv = receiving;
      soap->fsend = sending;
      soap_wsse_verify_auto(soap, SOAP_SMD_NONE, nullptr, 0);
      if (soap_serve(soap)) soap_print_fault(soap, stderr);
      soap->frecv = receive_octets;
      soap->fsend = send_octets;
    }
    soap_destroy(soap);
    soap_end(soap);
  }
  return 0;
}
