/* discovery.h - DeltaDiscoveryRequest from untrusted bytes, DeltaDiscoveryResponse to shared ones.
 *
 * The reader takes a message in pieces and keeps only what the server needs: 60 kB of node.extensions pass by
 * without being stored. Unknown fields are skipped; wrong wire types of known ones, groups and bad lengths are
 * errors. Limits: names 1 kB, ids 256 B, 200,000 names; Envoy's error text is cut at 4 kB. */
#pragma once
#include "base/buf.h"
#include "base/list.h"
#include "xds/xds.h"

struct discovery_version {
    struct str name, version;
};
struct discovery_request {
    struct arena *arena;
    struct str node_id, type_url, nonce;
    uint32_t envoy[3]; /* node.user_agent_build_version: major, minor, patch; zeros: not said */
    LIST(struct str) subscribe;
    LIST(struct str) unsubscribe;
    LIST(struct discovery_version) initial;
    bool has_error;
    uint64_t error_code;
    struct str error_text;
};

struct discovery_reader;
/* Reads one message into a request of its own. */
struct discovery_reader *discovery_reader_new(void);
/* Frees what was not taken out by discovery_reader_end. NULL is fine. */
void discovery_reader_free(struct discovery_reader *r);
MUST bool discovery_reader_feed(struct discovery_reader *r, struct str piece, struct err *err);
/* After the last piece: the request, which the caller frees (discovery_request_free); NULL with err if the message
 * ends too early. Frees the reader in both cases. */
MUST struct discovery_request *discovery_reader_end(struct discovery_reader *r, struct err *err);
void discovery_request_free(struct discovery_request *q);

/* Everything of a response but its resources: type_url, nonce, removed_resources. */
void discovery_write_head(struct buf *out, enum xds_type type, struct str nonce, struct strs removed);
/* Tag and length of a length-delimited field; protobuf's variable-length integers. */
void discovery_write_varint(struct buf *out, uint64_t v);
void discovery_write_field(struct buf *out, unsigned field, struct str value);
