/* The canonicalisation of libxml2 behind a pipe, for c14n_libxml2.rs: one process for all documents of a run.
 *
 * In:  "D LENGTH\n" and a document;
 *      "C METHOD COMMENTS PREFIXES_LENGTH XPATH_LENGTH\n", the PrefixList (names between blanks, "#default" as it stands)
 *      and an XPath expression that gives the node-set; without one the whole document.
 * Out: for each "C" (and for a document that is refused) "STATUS LENGTH\n" and the octets; STATUS 0 is a form, 1 none.
 * Prefixes of expressions: a, b and so on, as NAMESPACES says. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libxml/c14n.h>
#include <libxml/parser.h>
#include <libxml/xpath.h>
#include <libxml/xpathInternals.h>

static const char *NAMESPACES[][2] = {{"n1", "urn:1"}, {"n2", "urn:2"}, {"n3", "urn:10"}, {"n4", "URN:1"}};

static void quiet(void *context, const char *format, ...) {
    (void)context;
    (void)format;
}

static void answer(int status, const xmlChar *octets, int length) {
    printf("%d %d\n", status, length);
    fwrite(octets, 1, (size_t)length, stdout);
    fflush(stdout);
}

static void refuse(const char *why) { answer(1, (const xmlChar *)why, (int)strlen(why)); }

static char *take(size_t length) {
    char *octets = malloc(length + 1);
    if (octets == NULL || fread(octets, 1, length, stdin) != length) exit(3);
    octets[length] = 0;
    return octets;
}

/* NULL-ended names of a PrefixList; the text is cut into them. */
static xmlChar **names_of(char *text) {
    static xmlChar *names[64];
    int count = 0;
    for (char *name = strtok(text, " "); name != NULL && count < 63; name = strtok(NULL, " "))
        names[count++] = (xmlChar *)name;
    names[count] = NULL;
    return count == 0 ? NULL : names;
}

static void canonicalize(xmlDocPtr document, int method, int comments, char *prefixes, const char *expression) {
    xmlXPathContextPtr context = NULL;
    xmlXPathObjectPtr selected = NULL;
    xmlNodeSetPtr nodes = NULL;
    if (expression[0] != 0) {
        context = xmlXPathNewContext(document);
        for (size_t at = 0; at < sizeof NAMESPACES / sizeof NAMESPACES[0]; at++)
            xmlXPathRegisterNs(context, (const xmlChar *)NAMESPACES[at][0], (const xmlChar *)NAMESPACES[at][1]);
        selected = xmlXPathEvalExpression((const xmlChar *)expression, context);
        if (selected == NULL || selected->type != XPATH_NODESET) {
            refuse("xpath");
            if (selected != NULL) xmlXPathFreeObject(selected);
            xmlXPathFreeContext(context);
            return;
        }
        nodes = selected->nodesetval;
        /* No node-set means "the whole document" to libxml2; an empty one is meant here. */
        if (nodes == NULL) nodes = selected->nodesetval = xmlXPathNodeSetCreate(NULL);
    }
    xmlChar *form = NULL;
    int length = xmlC14NDocDumpMemory(document, nodes, method, names_of(prefixes), comments, &form);
    if (length < 0) refuse("c14n"); else answer(0, form == NULL ? (const xmlChar *)"" : form, length);
    if (form != NULL) xmlFree(form);
    if (selected != NULL) xmlXPathFreeObject(selected);
    if (context != NULL) xmlXPathFreeContext(context);
}

int main(void) {
    xmlDocPtr document = NULL;
    char kind;
    xmlInitParser();
    xmlSetGenericErrorFunc(NULL, quiet);
    while (scanf(" %c", &kind) == 1) {
        size_t length, prefixes_length, xpath_length;
        int method, comments;
        if (kind == 'D') {
            if (scanf("%zu", &length) != 1 || getchar() != '\n') return 3;
            char *octets = take(length);
            if (document != NULL) xmlFreeDoc(document);
            document = xmlReadMemory(octets, (int)length, "random.xml", NULL,
                                     XML_PARSE_NOENT | XML_PARSE_DTDATTR | XML_PARSE_NOCDATA | XML_PARSE_NONET |
                                         XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
            free(octets);
        } else if (kind == 'C') {
            if (scanf("%d %d %zu %zu", &method, &comments, &prefixes_length, &xpath_length) != 4 || getchar() != '\n')
                return 3;
            char *prefixes = take(prefixes_length);
            char *expression = take(xpath_length);
            if (document == NULL) refuse("document"); else canonicalize(document, method, comments, prefixes, expression);
            free(prefixes);
            free(expression);
        } else {
            return 3;
        }
    }
    if (document != NULL) xmlFreeDoc(document);
    xmlCleanupParser();
    return 0;
}
