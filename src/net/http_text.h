/* http_text.h - reads an HTTP/1.1 answer that came over a connection which libcurl does not hold: through a
 * port-forward, a pod's socket, or before an upgrade. Pure; for untrusted bytes. RFC 9112 section 6. */
#pragma once
#include "base/arena.h"
#include "base/err.h"

enum http_text_state {
    HTTP_TEXT_MORE,  /* it is not whole yet */
    HTTP_TEXT_WHOLE, /* it is */
    HTTP_TEXT_BAD,   /* it never will be: err says why */
};

struct http_text {
    int status;
    struct str reason; /* "Not Found" */
    struct str head;   /* the lines of the head */
    struct str body;   /* chunks joined */
    size_t used;       /* bytes of the answer; what follows an upgrade (101) is not the answer's */
};

/* |bytes|: all that came so far; |at_end|: nothing will follow. A body without length ends with the connection. |out|
 * points into |bytes| and |a| and is set when whole. A head of 16 kB at most. O(chunks). */
enum http_text_state http_text_read(struct str bytes, bool at_end, struct arena *a, struct http_text *out,
                                    struct err *err);
/* The first header of that name (any case), without blanks around it; STR_NULL: none. */
struct str http_text_header(const struct http_text *t, const char *name);
