/* validate.h - files held against the tables and the mesh, without a controller: what `osm validate` says. */
#pragma once
#include "mesh/platform.h"
#include "source/source.h"

struct validation {
    struct source_problems problems; /* by place: file, line, code, text */
    size_t objects, errors, warnings;
};
/* Reads |paths| as file_read_once does and judges the objects as a mesh that has them alone; everything is in |a|.
 * What depends on objects that are not among the files is a warning that says so; a namespace without manifest counts
 * as one of the mesh, and pods as having their sidecars. */
struct validation validate_files(struct strs paths, const struct mesh_platform *platform, struct arena *a);
/* "demo/app.yaml:3:7" taken apart: the file; |line| and |col| are 0 where it says none. */
struct str validate_place(struct str where, int64_t *line, int64_t *col);
