#pragma once
#include <libxml/parser.h>
#include <libxml/tree.h>
#include <libxml/xmlwriter.h>
#include <libxml/xmlschemas.h>
#include <libxml/xmlschemastypes.h>
#include <libxml/xpath.h>
#include <libxml/xpathInternals.h>

/* Makes the tables that the library otherwise makes on first use, which no two threads may do at once. The
   loader is the process's, and nothing in this process wants libxml2 to use the network. */
static inline void clibxml2_begin(void) {
  xmlInitParser();
  xmlSchemaInitTypes();
  xmlSetExternalEntityLoader(xmlNoNetExternalEntityLoader);
}

/* xmlFree is a mutable global function pointer, which Swift 6 refuses. */
static inline void clibxml2_free(void *pointer) { xmlFree(pointer); }

/* Called with a line number and a message for each error; the message dies on return. */
typedef void (*clibxml2_report)(void *context, int line, const char *message);

struct clibxml2_sink {
  void *context;
  clibxml2_report report;
};

#if LIBXML_VERSION >= 21200
typedef const xmlError *clibxml2_error;
#else
typedef xmlErrorPtr clibxml2_error;
#endif

static inline void clibxml2_on_error(void *user, clibxml2_error error) {
  struct clibxml2_sink *sink = (struct clibxml2_sink *)user;
  sink->report(sink->context, error->line, error->message ? error->message : "unknown error");
}

/* Reads a schema file; NULL when it is not one. What it includes is read from disk alone. */
static inline xmlSchemaPtr clibxml2_schema_load(
    const char *path, void *context, clibxml2_report report) {
  struct clibxml2_sink sink = {context, report};
  xmlSchemaParserCtxtPtr parser = xmlSchemaNewParserCtxt(path);
  if (!parser) return NULL;
  xmlSchemaSetParserStructuredErrors(parser, clibxml2_on_error, &sink);
  xmlSchemaPtr schema = xmlSchemaParse(parser);
  xmlSchemaFreeParserCtxt(parser);
  return schema;
}

/* Returns 0 when the document is valid, a positive number when it is not, negative on failure. */
static inline int clibxml2_schema_validate(
    xmlSchemaPtr schema, xmlDocPtr document, void *context, clibxml2_report report) {
  struct clibxml2_sink sink = {context, report};
  xmlSchemaValidCtxtPtr validator = xmlSchemaNewValidCtxt(schema);
  if (!validator) return -1;
  xmlSchemaSetValidStructuredErrors(validator, clibxml2_on_error, &sink);
  int result = xmlSchemaValidateDoc(validator, document);
  xmlSchemaFreeValidCtxt(validator);
  return result;
}

/* Parses a document without network, entity expansion or output to standard error; reports why not. */
static inline xmlDocPtr clibxml2_parse(
    const char *bytes, int count, void *context, clibxml2_report report) {
  xmlParserCtxtPtr parser = xmlNewParserCtxt();
  if (!parser) return NULL;
  xmlDocPtr document = xmlCtxtReadMemory(
      parser, bytes, count, NULL, NULL, XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
  if (!document) {
    const xmlError *error = xmlCtxtGetLastError(parser);
    report(context, error ? error->line : 0,
           error && error->message ? error->message : "unknown error");
  }
  xmlFreeParserCtxt(parser);
  return document;
}
