#pragma once
#include <libxml/parser.h>
#include <libxml/tree.h>
#include <libxml/xmlwriter.h>
#include <libxml/xmlschemas.h>
#include <libxml/xpath.h>

/* xmlFree is a mutable global function pointer, which Swift 6 refuses. */
static inline void clibxml2_free(void *pointer) { xmlFree(pointer); }
