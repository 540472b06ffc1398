/* serve.h - the xDS server with the controller's limits and times. */
#pragma once
#include "controller/certificates.h"
#include "controller/controller.h"
#include "xds/xds.h"

/* Serves at the options' address; certificates, too. NULL with err. */
MUST struct xds_server *serve_proxies(struct event_base *base, const struct controller_options *opt,
                                      struct certificates *certificates, struct err *err);
