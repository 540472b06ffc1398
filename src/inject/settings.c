#include "mesh/settings.h"
#include "inject/inject.h"

struct inject_settings inject_settings_of(const struct mesh_settings *m, struct str image)
{
    return (struct inject_settings){
        .image = m->image.n ? m->image : image,
        .init_image = m->init_image,
        .log_level = m->log_level,
        .local_proxy_mode = m->local_proxy_mode,
        .privileged_init = m->privileged_init,
        .resources = m->resources,
        .outbound_ports = m->outbound_ports,
        .inbound_ports = m->inbound_ports,
        .outbound_ranges = m->outbound_ranges,
        .outbound_include_ranges = m->outbound_include_ranges,
        .interfaces = m->interfaces,
    };
}
