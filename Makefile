# Thin: CMake builds, tools/deps installs, tests/run tests. `make` alone builds ./build/osm.
PREFIX ?= /usr/local
FUZZ_SECONDS ?= 60
SOAK_SECONDS ?= 300
CONFIGURE = cmake -G Ninja -S . -Wno-dev

all: deps-build
	@$(CONFIGURE) -B build -DOSM_TESTS=OFF >/dev/null
	@cmake --build build

demo: deps-demo all
	@demo/story

deps-build deps-demo deps-test deps-bench deps-image:
	@tools/deps $(@:deps-%=%)

# Everything there is, under ASan and UBSan.
test: deps-test all asan-build
	@tests/run build-asan

asan-build:
	@$(CONFIGURE) -B build-asan -DOSM_SANITIZE=address -DCMAKE_BUILD_TYPE=Debug >/dev/null
	@cmake --build build-asan

# Unit and golden tests alone.
asan: deps-test asan-build
	@ctest --test-dir build-asan --output-on-failure -j2

# Writes what golden cases compare with anew; look at the difference before committing it.
golden: deps-test asan-build
	@cd build-asan && OSM_SOURCE=.. OSM_REFRESH=1 tests/unit_inject_test_golden && ./$$(find . -name golden_runner -type f) --refresh ../tests/golden

# The Kubernetes tests alone, on the cluster of KUBECONFIG or on our test API server.
test-kube: deps-test asan-build
	@tests/run build-asan kube

# The Helm chart, rendered by Helm's own library, against what `osm install` applies.
test-chart: deps-test all
	@cd tests/chart && PATH="$$PWD/../../.deps/go/bin:$$PATH" CGO_ENABLED=0 go run . ../../build/osm ../../charts/osm values

tsan: deps-test
	@$(CONFIGURE) -B build-tsan -DOSM_SANITIZE=thread -DCMAKE_BUILD_TYPE=Debug >/dev/null
	@cmake --build build-tsan
	@ctest --test-dir build-tsan --output-on-failure -j2

# Minutes of random changes, reconnects, slow readers, refusals and restarts, under ASan and under TSan.
soak: deps-test asan-build
	@$(CONFIGURE) -B build-tsan -DOSM_SANITIZE=thread -DCMAKE_BUILD_TYPE=Debug >/dev/null
	@cmake --build build-tsan --target unit_xds_test_soak
	@OSM_SOAK_SECONDS=$(SOAK_SECONDS) build-asan/tests/unit_xds_test_soak
	@OSM_SOAK_SECONDS=$(SOAK_SECONDS) build-tsan/tests/unit_xds_test_soak

fuzz: deps-test
	@CC=clang CXX=clang++ $(CONFIGURE) -B build-fuzz -DOSM_SANITIZE=address -DOSM_FUZZ=ON >/dev/null
	@tests/fuzz/run build-fuzz $(FUZZ_SECONDS)

bench: deps-bench all
	@bench/run

# An image with osm, Envoy and nft: IMAGE=name:tag
IMAGE ?= osm:latest
image: deps-image all
	@tools/image $(IMAGE)

# Thousands of proxies on one controller: minutes, and the machine for itself.
bench-scale: deps-test all
	@bench/run scale

install: all
	cmake --install build --prefix $(PREFIX)

format:
	clang-format -i $$(git ls-files '*.c' '*.h')

clean:
	rm -rf build build-asan build-tsan build-fuzz

.PHONY: all demo deps-build deps-demo deps-test deps-bench deps-image image test asan-build asan golden test-kube test-chart tsan fuzz bench soak bench-scale install format clean
