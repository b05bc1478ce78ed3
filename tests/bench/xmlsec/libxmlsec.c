/* What libxmlsec does with one message, for the measurement beside it (main.rs). One process behind a pipe.
 *
 *   libxmlsec verify|sign ids|no-ids KEY DOCUMENT
 *
 * With ids, attributes named Id are made known as such in every document: a pass that one without references to ids does
 * not need. KEY is PEM, loaded once; DOCUMENT is read once. Then, on standard input, a line each:
 *   R N   N times from the octets of the document to the verdict, or to the octets of the signed document;
 *         answers with the CPU nanoseconds that this took
 *   O     signs once; answers with the number of octets, then the octets
 * The first line of output is "ready VERSION", or what went wrong.
 *
 * Used as its authors show it: libxml2 reads the octets, wsu:Id and the like are made known, a context is created around
 * the key, which is shared and not copied. Errors are not printed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <libxml/parser.h>
#include <libxml/tree.h>
#include <xmlsec/crypto.h>
#include <xmlsec/errors.h>
#include <xmlsec/parser.h>
#include <xmlsec/xmldsig.h>
#include <xmlsec/xmlsec.h>
#include <xmlsec/xmltree.h>

static char *message;
static int message_size;
static xmlSecKeyPtr key;
static int signs;
static int has_ids;

static int fail(const char *what) {
    printf("%s\n", what);
    fflush(stdout);
    return 1;
}

static char *read_file(const char *name, int *size) {
    FILE *file = fopen(name, "rb");
    if (file == NULL) return NULL;
    fseek(file, 0, SEEK_END);
    long length = ftell(file);
    rewind(file);
    char *octets = malloc((size_t)length + 1);
    if (octets == NULL || fread(octets, 1, (size_t)length, file) != (size_t)length) {
        fclose(file);
        return NULL;
    }
    fclose(file);
    octets[length] = 0;
    *size = (int)length;
    return octets;
}

/* 1 when it went well. Where `out` is given, it gets the signed document. */
static int once(xmlChar **out, int *out_size) {
    int good = 0;
    xmlDocPtr doc = xmlReadMemory(message, message_size, NULL, NULL, XML_PARSE_NONET);
    if (doc == NULL) return 0;
    xmlNodePtr root = xmlDocGetRootElement(doc);
    if (has_ids) {
        static const xmlChar *ids[] = {BAD_CAST "Id", NULL};
        xmlSecAddIDs(doc, root, ids);
    }
    xmlNodePtr node = xmlSecFindNode(root, xmlSecNodeSignature, xmlSecDSigNs);
    xmlSecDSigCtxPtr context = xmlSecDSigCtxCreate(NULL);
    if (node != NULL && context != NULL) {
        context->signKey = key;
        if (!signs) {
            good = xmlSecDSigCtxVerify(context, node) == 0 && context->status == xmlSecDSigStatusSucceeded;
        } else if (xmlSecDSigCtxSign(context, node) == 0) {
            xmlDocDumpMemory(doc, out, out_size);
            good = *out != NULL;
        }
        context->signKey = NULL;
    }
    if (context != NULL) xmlSecDSigCtxDestroy(context);
    xmlFreeDoc(doc);
    return good;
}

static long long cpu_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (long long)now.tv_sec * 1000000000LL + now.tv_nsec;
}

static int run(long count) {
    long long start = cpu_ns();
    for (long done = 0; done < count; done++) {
        xmlChar *out = NULL;
        int out_size = 0;
        int good = once(&out, &out_size);
        if (out != NULL) xmlFree(out);
        if (!good) return fail("libxmlsec does not take the document");
    }
    printf("%lld\n", cpu_ns() - start);
    fflush(stdout);
    return 0;
}

int main(int argc, char **argv) {
    if (argc != 5) return fail("expected verify|sign ids|no-ids KEY DOCUMENT");
    signs = strcmp(argv[1], "sign") == 0;
    has_ids = strcmp(argv[2], "ids") == 0;
    xmlInitParser();
    if (xmlSecInit() < 0 || xmlSecCheckVersion() != 1) return fail("xmlSecInit");
    if (xmlSecCryptoAppInit(NULL) < 0 || xmlSecCryptoInit() < 0) return fail("xmlSecCryptoInit");
    xmlSecErrorsSetCallback(NULL);
    key = xmlSecCryptoAppKeyLoad(argv[3], xmlSecKeyDataFormatPem, NULL, NULL, NULL);
    if (key == NULL) return fail("the key cannot be loaded");
    message = read_file(argv[4], &message_size);
    if (message == NULL) return fail("the document cannot be read");
    printf("ready %s\n", XMLSEC_VERSION);
    fflush(stdout);
    char line[64];
    while (fgets(line, sizeof line, stdin) != NULL) {
        if (line[0] == 'R') {
            if (run(atol(line + 1)) != 0) return 1;
        } else if (line[0] == 'O') {
            xmlChar *out = NULL;
            int size = 0;
            if (!once(&out, &size) || out == NULL) return fail("libxmlsec does not sign the document");
            printf("%d\n", size);
            fwrite(out, 1, (size_t)size, stdout);
            fflush(stdout);
            xmlFree(out);
        } else {
            return fail("unknown request");
        }
    }
    return 0;
}
