# Generated code of our own schema subset: proto/**/*.proto → osm_proto.
file(GLOB_RECURSE OSM_PROTOS CONFIGURE_DEPENDS RELATIVE ${CMAKE_SOURCE_DIR}/proto ${CMAKE_SOURCE_DIR}/proto/*.proto)
if(NOT OSM_PROTOS)
  add_library(osm_proto INTERFACE)
  return()
endif()
find_program(PROTOC_C protoc-c REQUIRED)
set(gen ${CMAKE_BINARY_DIR}/proto)
file(MAKE_DIRECTORY ${gen})
set(OSM_PROTO_C)
foreach(p ${OSM_PROTOS})
  string(REGEX REPLACE "\\.proto$" ".pb-c" stem ${p})
  add_custom_command(
    OUTPUT ${gen}/${stem}.c ${gen}/${stem}.h
    COMMAND ${PROTOC_C} --c_out=${gen} -I${CMAKE_SOURCE_DIR}/proto ${p}
    DEPENDS ${CMAKE_SOURCE_DIR}/proto/${p}
    WORKING_DIRECTORY ${CMAKE_SOURCE_DIR}/proto)
  list(APPEND OSM_PROTO_C ${gen}/${stem}.c ${gen}/${stem}.h)
endforeach()
add_library(osm_proto STATIC ${OSM_PROTO_C})
target_include_directories(osm_proto SYSTEM PUBLIC ${gen})
target_compile_options(osm_proto PRIVATE -w)
target_link_libraries(osm_proto PUBLIC PkgConfig::PROTO)
