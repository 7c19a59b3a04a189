#pragma once
/* Fetches the code of an ingest thread's, or a serving thread's, way of a part into the processor's caches;
 * does nothing where the linker did not lay it in one piece. */
void clinux_fetch_ingest_code(void);
void clinux_fetch_serve_code(void);
